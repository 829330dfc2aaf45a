"""From raw header values to a `SliceHeader`, and what a single header already forbids."""

from collections.abc import Hashable
from typing import Any, TypeVar

from lungnet.config.intake import IntakeConfig
from lungnet.errors import MalformedValueError, Refusal
from lungnet.intake import reasons
from lungnet.intake.containers.location import Location
from lungnet.intake.headers.element_values import ElementValues
from lungnet.intake.headers.elements import UNDEFINED, Elements
from lungnet.intake.headers.header_checks import header_refusal
from lungnet.intake.headers.image_type import image_type_doubt, image_type_refusal
from lungnet.intake.headers.slice_header import Encoding, Identity, SliceHeader, with_fields
from lungnet.intake.headers.tags import Tag

Hashed = TypeVar("Hashed", bound=Hashable)


class HeaderParser:
    """Makes `SliceHeader`s; equal values of different slices are stored once.

    An archive has tens of millions of slices.
    """

    def __init__(self, config: IntakeConfig) -> None:
        self.config = config
        self._known: dict[Any, Any] = {}

    def once(self, value: Hashed) -> Hashed:
        """An equal value met before, or this one."""
        stored: Hashed = self._known.setdefault(value, value)
        return stored

    def slice_of(self, elements: Elements, location: Location, file_bytes: int) -> SliceHeader:
        """Describe one file.

        Args:
            elements: its raw header.
            location: where it lies.
            file_bytes: its length.
        """
        values = ElementValues.of(elements)
        identity = self.identity(values, elements)
        encoding = self.encoding(values, elements)
        common = SliceHeader(
            location,
            identity,
            encoding,
            frame_of_reference_uid=self.once(values.text(Tag.FrameOfReferenceUID)),
            pixel_offset=elements.pixel_offset,
            pixel_length=elements.pixel_length,
        )
        try:
            placed = self._placed(common, values)
        except MalformedValueError as bad:
            stated = image_type_refusal(common) or image_type_doubt(common)
            refusal = stated or Refusal(reasons.CORRUPT, str(bad))
            return with_fields(common, refusal=refusal)
        return self.judged(self.noted(placed, elements), file_bytes)

    def noted(self, header: SliceHeader, elements: Elements) -> SliceHeader:
        """The slice, with what its header alone makes odd."""
        notes = ["transfer-syntax"] if elements.is_guessed else []
        if not elements.values.get(Tag.SOPClassUID, b"").strip(b"\0 "):
            notes.append("sop-class")
        # One byte more is the padding to an even length (PS3.5 section 8.1.1).
        if (
            UNDEFINED
            != header.pixel_length
            > header.encoding.frame_bytes * header.encoding.frames + 1
        ):
            notes.append("trailing-data")
        return with_fields(header, notes=tuple(notes)) if notes else header

    def identity(self, values: ElementValues, elements: Elements) -> Identity:
        """Who and what, stored once."""
        text = values.text
        made = Identity(
            values.named(Tag.PatientID, Tag.SpecificCharacterSet),
            text(Tag.StudyInstanceUID),
            text(Tag.SeriesInstanceUID),
            text(Tag.Modality).upper(),
            text(Tag.SOPClassUID) or elements.media_sop_class,
            tuple([value.upper() for value in values.texts(Tag.ImageType)]),
            text(Tag.Manufacturer),
            text(Tag.ConvolutionKernel),
            text(Tag.BodyPartExamined).upper(),
            values.date(Tag.StudyDate),
        )
        return self.once(made)

    def encoding(self, values: ElementValues, elements: Elements) -> Encoding:
        """How the pixels are stored, stored once."""
        allocated = values.word(Tag.BitsAllocated) or 0
        stored = values.word(Tag.BitsStored) or 0
        high_bit = values.word(Tag.HighBit)
        representation = values.word(Tag.PixelRepresentation)
        is_signed = None if representation is None else representation == 1
        is_swapped = elements.order == ">" and allocated == 8 and elements.pixel_vr == b"OW"
        made = Encoding(
            elements.transfer_syntax,
            elements.order,
            values.word(Tag.Rows) or 0,
            values.word(Tag.Columns) or 0,
            values.word(Tag.SamplesPerPixel) or 1,
            values.text(Tag.PhotometricInterpretation).upper(),
            allocated,
            stored,
            stored - 1 if high_bit is None else high_bit,
            is_signed,
            is_swapped,
            1
            if values.integer(Tag.NumberOfFrames) is None
            else values.integer(Tag.NumberOfFrames) or 0,
            _in_sign(values.word(Tag.PixelPaddingValue), is_signed, stored or allocated),
            _in_sign(values.word(Tag.PixelPaddingRangeLimit), is_signed, stored or allocated),
        )
        return self.once(made)

    def judged(self, header: SliceHeader, file_bytes: int) -> SliceHeader:
        """The slice, with what its header alone forbids or makes doubtful."""
        refusal = header_refusal(header, file_bytes, self.config)
        doubt = None if refusal else image_type_doubt(header)
        if refusal is None and doubt is None:
            return header
        return with_fields(header, refusal=refusal, doubt=doubt)

    def _placed(self, header: SliceHeader, values: ElementValues) -> SliceHeader:
        position = values.numbers(Tag.ImagePositionPatient, "Image Position (0020,0032)", 3)
        orientation = values.numbers(
            Tag.ImageOrientationPatient, "Image Orientation (0020,0037)", 6
        )
        spacing = values.numbers(Tag.PixelSpacing, "Pixel Spacing (0028,0030)", 2)
        return with_fields(
            header,
            position=(position[0], position[1], position[2]) if position else None,
            orientation=self.once(orientation),
            pixel_spacing=self.once((spacing[0], spacing[1])) if spacing else None,
            slope=self.once(values.number(Tag.RescaleSlope, "Rescale Slope (0028,1053)")),
            intercept=self.once(
                values.number(Tag.RescaleIntercept, "Rescale Intercept (0028,1052)")
            ),
            rescale_type=self.once(values.text(Tag.RescaleType).upper()),
            instance_number=values.integer(Tag.InstanceNumber),
            temporal_position=values.integer(Tag.TemporalPositionIdentifier),
            images_in_acquisition=values.integer(Tag.ImagesInAcquisition),
            acquisition_number=values.integer(Tag.AcquisitionNumber),
            tilt_degrees=self.once(_lenient(values, Tag.GantryDetectorTilt)),
            thickness_mm=self.once(_lenient(values, Tag.SliceThickness)),
            spacing_mm=self.once(_lenient(values, Tag.SpacingBetweenSlices)),
            is_lossy=values.text(Tag.LossyImageCompression) == "01",
        )


def _lenient(values: ElementValues, tag: int) -> float | None:
    """A number that only informs."""
    try:
        return values.number(tag, "")
    except MalformedValueError:
        return None


def _in_sign(word: int | None, is_signed: bool | None, stored: int) -> int | None:
    """A padding value in the sign of the pixels.

    Pixel Padding Value is often written unsigned in a signed image (63536 for -2000), or in more
    bits than are stored: take the bits.
    """
    if word is None or not stored:
        return word
    bits = min(stored, 16)
    word &= (1 << bits) - 1
    return word - (1 << bits) if is_signed and word >> (bits - 1) else word
