"""From the first bytes of a DICOM file to the header of each slice in it."""
