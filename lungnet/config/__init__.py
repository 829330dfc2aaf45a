"""Every setting as a typed, documented model, read from YAML with file and line in each error."""
