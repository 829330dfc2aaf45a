"""The tags that intake reads, by the keywords of the standard's dictionary (DICOM PS3.6)."""

from typing import Final


class Tag:
    """Group and element as one number; of a person only the id is read."""

    SpecificCharacterSet: Final = 0x00080005
    ImageType: Final = 0x00080008
    SOPClassUID: Final = 0x00080016
    StudyDate: Final = 0x00080020
    Modality: Final = 0x00080060
    Manufacturer: Final = 0x00080070
    PatientID: Final = 0x00100020
    BodyPartExamined: Final = 0x00180015
    SliceThickness: Final = 0x00180050
    SpacingBetweenSlices: Final = 0x00180088
    GantryDetectorTilt: Final = 0x00181120
    ConvolutionKernel: Final = 0x00181210
    StudyInstanceUID: Final = 0x0020000D
    SeriesInstanceUID: Final = 0x0020000E
    AcquisitionNumber: Final = 0x00200012
    InstanceNumber: Final = 0x00200013
    ImagePositionPatient: Final = 0x00200032
    ImageOrientationPatient: Final = 0x00200037
    FrameOfReferenceUID: Final = 0x00200052
    TemporalPositionIdentifier: Final = 0x00200100
    ImagesInAcquisition: Final = 0x00201002
    InConcatenationNumber: Final = 0x00209162
    InConcatenationTotalNumber: Final = 0x00209163
    SamplesPerPixel: Final = 0x00280002
    PhotometricInterpretation: Final = 0x00280004
    NumberOfFrames: Final = 0x00280008
    Rows: Final = 0x00280010
    Columns: Final = 0x00280011
    PixelSpacing: Final = 0x00280030
    BitsAllocated: Final = 0x00280100
    BitsStored: Final = 0x00280101
    HighBit: Final = 0x00280102
    PixelRepresentation: Final = 0x00280103
    PixelPaddingValue: Final = 0x00280120
    PixelPaddingRangeLimit: Final = 0x00280121
    RescaleIntercept: Final = 0x00281052
    RescaleSlope: Final = 0x00281053
    RescaleType: Final = 0x00281054
    LossyImageCompression: Final = 0x00282110


READ_TAGS: Final = frozenset(
    number for keyword, number in vars(Tag).items() if not keyword.startswith("_")
)
"""All of them."""
