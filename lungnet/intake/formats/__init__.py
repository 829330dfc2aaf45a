"""Volume files other than DICOM: NIfTI, MetaImage and NRRD."""
