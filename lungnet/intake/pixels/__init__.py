"""From encoded frames to stored values, and from stored values to Hounsfield units."""
