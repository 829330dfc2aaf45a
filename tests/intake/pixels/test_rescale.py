"""Bits, signs, padding and codestreams.

Every way a value may be stored gives the same HU, or a reason, never another value.
"""

from collections.abc import Callable
from pathlib import Path

import gdcm
import numpy as np
import pytest
from dicom_making import Making, chest, datasets, write
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from lungnet.errors import SeriesRefused
from lungnet.intake import find_series, read_series
from lungnet.volume import Volume

HU = np.clip(chest(), -1024, 1000)


def stored(
    words: Callable[[np.ndarray], np.ndarray], *, is_signed: bool, intercept: int, **tags: object
) -> list[Dataset]:
    """The chest with its 12-bit values written as other words."""
    made = datasets(HU, Making(intercept=intercept, is_signed=is_signed))
    for one, plane in zip(made, HU.astype(np.int32) - intercept, strict=True):
        one.PixelData = words(plane).astype("<u2").tobytes()
        one.BitsStored, one.HighBit = 12, 11
        for tag, value in tags.items():
            setattr(one, tag, value)
    return made


def read(folder: Path, made: list[Dataset]) -> Volume:
    return read_series(find_series([write(folder, made)])[0])


@pytest.mark.parametrize(
    "made",
    [
        stored(lambda v: v, is_signed=False, intercept=-1024),
        stored(lambda v: v | 0xA000, is_signed=False, intercept=-1024),
        stored(lambda v: v << 4, is_signed=False, intercept=-1024, HighBit=15),
        stored(lambda v: (v << 2) | 0xC001, is_signed=False, intercept=-1024, HighBit=13),
        stored(lambda v: v & 0x0FFF, is_signed=True, intercept=0),
        stored(lambda v: v & 0xFFFF, is_signed=True, intercept=0),
        stored(lambda v: (v & 0x0FFF) | 0x5000, is_signed=True, intercept=0),
    ],
    ids=[
        "plain",
        "overlays",
        "high bit 15",
        "high bit 13",
        "not sign-extended",
        "sign-extended",
        "signed under overlays",
    ],
)
def test_only_the_stored_bits_count(tmp_path: Path, made: list[Dataset]) -> None:
    np.testing.assert_array_equal(read(tmp_path, made).hu, HU)


def test_big_endian_words_of_two_and_four_bytes(tmp_path: Path) -> None:
    for width in (2, 4):
        made = datasets(HU)
        (tmp_path / str(width)).mkdir()
        for k, (one, plane) in enumerate(zip(made, HU, strict=True)):
            one.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
            one.BitsAllocated = one.BitsStored = 8 * width
            one.HighBit = 8 * width - 1
            one.PixelData = (plane.astype(np.int32) + 1024).astype(f">i{width}").tobytes()
            one["PixelData"].VR = "OW"
            one.save_as(tmp_path / str(width) / f"{k}.dcm", implicit_vr=False, little_endian=False)
        np.testing.assert_array_equal(read_series(find_series([tmp_path / str(width)])[0]).hu, HU)


@pytest.mark.parametrize(
    ("padding", "limit"), [(63536, None), (-2000, None), (-2000, -1900), (-1900, -2000)]
)
def test_padding_is_air_also_out_of_range_for_the_sign(
    tmp_path: Path, padding: int, limit: int | None
) -> None:
    made = datasets(
        HU, Making(intercept=500)
    )  # a padding of -2000 is -1500 HU; the limit -1400, all below air
    for one in made:
        pixels = np.frombuffer(one.PixelData, "<i2").reshape(24, 28).copy()
        pixels[:, -2:] = -2000
        if limit is not None:
            pixels[-1] = -1950
            one.add_new(0x00280121, "US", limit & 0xFFFF)
        one.PixelData = pixels.tobytes()
        one.add_new(0x00280120, "US", padding & 0xFFFF)
    volume = read(tmp_path, made)
    assert (volume.hu[:, :, -2:] == -1024).all()
    np.testing.assert_array_equal(volume.hu[:, :-1, :-2], HU[:, :-1, :-2])


@pytest.mark.parametrize("edge", [np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]])
def test_a_padding_range_within_tissue_is_believed_at_every_edge(
    tmp_path: Path, edge: tuple[slice, int]
) -> None:
    hu = HU.copy()
    hu[edge] = 900
    hu[:, 12, 14] = 905
    made = datasets(hu)
    for one in made:
        one.add_new(0x00280120, "SS", 900 + 1024)
        one.add_new(0x00280121, "SS", 910 + 1024)
    volume = read(tmp_path, made)
    hu[edge] = -1024
    np.testing.assert_array_equal(volume.hu, hu)
    assert {w.code for w in volume.warnings} == {"padding"}


def test_an_intercept_that_takes_values_below_air_ends_at_air(tmp_path: Path) -> None:
    made = datasets(HU)
    for one in made:
        one.RescaleIntercept = -1500
    np.testing.assert_array_equal(read(tmp_path, made).hu, np.maximum(HU.astype(int) - 476, -1024))


REFUSED = {
    "implausible-hu": {"RescaleType": "MGML"},
    "corrupt frames": {"NumberOfFrames": "2"},
    "corrupt bits": {"BitsStored": 14, "HighBit": 11},
    "corrupt allocated": {"BitsAllocated": 12},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_an_encoding_that_cannot_be_is_refused(tmp_path: Path, reason: str) -> None:
    made = datasets(HU)
    for one in made:
        for tag, value in REFUSED[reason].items():
            setattr(one, tag, value)
    (found,) = find_series([write(tmp_path, made)])
    assert found.refusal is not None
    assert found.refusal[0] == reason.split(maxsplit=1)[0]


def test_lossy_and_coarse_values_are_told(tmp_path: Path) -> None:
    made = datasets(HU // 8 * 8, Making(slope=8))
    for one in made:
        one.LossyImageCompression = "01"
    volume = read(tmp_path, made)
    np.testing.assert_array_equal(volume.hu, HU // 8 * 8)
    assert {w.code for w in volume.warnings} == {"coarse-values", "lossy"}


def compressed(
    syntax: str, change: Callable[[Dataset], None] | None = None, **options: object
) -> list[Dataset]:
    made = datasets(chest(slices=4, size=64), Making(is_signed=True, intercept=0))
    for one in made:
        one.compress(syntax, generate_instance_uid=False, **options)
        if change is not None:
            change(one)
    return made


def test_an_irreversible_codestream_is_told(tmp_path: Path) -> None:
    volume = read(tmp_path / "lossy", compressed(JPEG2000, j2k_cr=[2]))
    assert {w.code for w in volume.warnings} == {"lossy"}
    assert not read(tmp_path / "lossless", compressed(JPEG2000Lossless)).warnings


def test_the_sign_of_a_codestream_is_believed(tmp_path: Path) -> None:
    volume = read(
        tmp_path, compressed(JPEG2000Lossless, lambda one: setattr(one, "PixelRepresentation", 0))
    )
    np.testing.assert_array_equal(volume.hu, chest(slices=4, size=64))
    assert {w.code for w in volume.warnings} == {"sign"}


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_codestream_of_another_size_or_without_end_is_refused(
    tmp_path: Path, syntax: str
) -> None:
    with pytest.raises(
        SeriesRefused,
        match=r"undecodable: the codestream holds 64 x 68 pixels, the header says 64 x 64",
    ):
        read(tmp_path / "size", compressed(syntax, lambda one: setattr(one, "Columns", 64)))
    with pytest.raises(SeriesRefused, match="undecodable: the codestream has no end"):
        read(
            tmp_path / "end",
            compressed(
                syntax,
                lambda one: setattr(one, "PixelData", one.PixelData.replace(b"\xff\xd9", b"\0\0")),
            ),
        )


@pytest.mark.parametrize("intercept", [-32768, -32769, -33791, -33792])
def test_an_intercept_beyond_16_bits_raises_nothing_else(tmp_path: Path, intercept: int) -> None:
    made = datasets(HU)
    for one in made:
        one.RescaleIntercept = intercept
    with pytest.raises(SeriesRefused, match="implausible-hu"):
        read(tmp_path, made)


@pytest.mark.parametrize(
    ("is_signed", "padding", "raw"), [(True, 0x0E00, -512), (False, 0xFFFF, 4095)]
)
def test_padding_in_more_bits_than_are_stored_is_padding(
    tmp_path: Path, padding: int, raw: int, *, is_signed: bool
) -> None:
    hu = HU.copy()
    hu[:, 0] = raw - (0 if is_signed else 1024)
    made = stored(lambda v: v, is_signed=is_signed, intercept=0 if is_signed else -1024)
    for one, plane in zip(made, hu.astype(np.int32) + (0 if is_signed else 1024), strict=True):
        one.PixelData = plane.astype("<i2").tobytes()
        one.add_new(0x00280120, "US", padding)
    assert (read(tmp_path, made).hu[:, 0] == -1024).all()


def test_a_slope_of_several_values_is_none(tmp_path: Path) -> None:
    made = datasets(HU)
    for one in made:
        one.RescaleSlope = ["1", "2"]
    with pytest.raises(SeriesRefused, match=r"corrupt: .*Rescale Slope \(0028,1053\) has 2 values"):
        read(tmp_path, made)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEGLosslessSV1, RLELossless])
def test_negative_values_come_back_from_every_codec(tmp_path: Path, syntax: str, bits: int) -> None:
    made = stored(
        lambda v: v & ((1 << bits) - 1),
        is_signed=True,
        intercept=0,
        BitsStored=bits,
        HighBit=bits - 1,
    )
    folder = write(tmp_path / "plain", made)
    if syntax == JPEGLosslessSV1:
        recoded(folder, gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    else:
        for one in made:
            one.compress(syntax, generate_instance_uid=False)
        folder = write(tmp_path / "packed", made)
    volume = read_series(find_series([folder])[0])
    assert HU.min() < -900
    np.testing.assert_array_equal(volume.hu, HU)
    assert {w.code for w in volume.warnings} <= {"rescale-type"}  # gdcm writes one


def recoded(folder: Path, syntax: int) -> None:
    """Rewrite the files of a folder in another transfer syntax, by gdcm."""
    for path in folder.iterdir():
        reader, change, writer = (
            gdcm.ImageReader(),
            gdcm.ImageChangeTransferSyntax(),
            gdcm.ImageWriter(),
        )
        reader.SetFileName(str(path))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
