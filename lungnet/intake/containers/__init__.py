"""Where bytes come from: files below folders and members of archives, all bounded."""
