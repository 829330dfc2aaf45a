"""Whether slices are a series, in order, and whether their values can be those of a chest."""
