"""Worker processes, and what native code of this process writes."""
