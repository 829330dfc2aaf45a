"""Every setting as a typed, documented model, and the reading of YAML that names file and line when it is wrong."""
