"""Volume files other than DICOM: NIfTI, MetaImage and NRRD, by the same rules and checks."""

from lungnet.intake.formats.metaimage import read_metaimage
from lungnet.intake.formats.nifti import read_nifti
from lungnet.intake.formats.nrrd import read_nrrd
from lungnet.intake.formats.raw_volume import VolumeFormat

VOLUME_FORMATS = {
    "nifti": VolumeFormat((".nii", ".nii.gz"), read_nifti),
    "metaimage": VolumeFormat((".mha", ".mhd"), read_metaimage),
    "nrrd": VolumeFormat((".nrrd", ".nhdr"), read_nrrd),
}
"""Name -> how such files are told and read."""

VOLUME_SUFFIXES = tuple(
    suffix for volume_format in VOLUME_FORMATS.values() for suffix in volume_format.suffixes
)
"""What the name of a volume file ends in."""
