"""From the positions of slices to the regular grid that they form, sheared or interpolated back."""
