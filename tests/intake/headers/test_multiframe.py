"""Enhanced CT: the frames of one file are the slices of one series, wherever their place is
told."""

import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from dicom_making import AXIAL, LOSSLESS, chest, datasets, write
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from lungnet.errors import SeriesRefused
from lungnet.intake import find_series, read_series
from lungnet.intake.headers.elements import data_set_offset

HU = chest(slices=6, size=32)


def group(**tags: object) -> Sequence:
    item = Dataset()
    for tag, value in tags.items():
        setattr(item, tag, value)
    return Sequence([item])


def enhanced(
    order: list[int], *, shared: bool = True, syntax: str = ExplicitVRLittleEndian
) -> Dataset:
    """The chest as one file, frames in this order.

    Spacing, orientation and rescale told once or with every frame.
    """
    one = datasets(HU[:1])[0]
    one.file_meta.TransferSyntaxUID = syntax
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    one.NumberOfFrames = len(order)
    one.PixelData = (HU[order].astype(np.int32) + 1024).astype("<i2").tobytes()
    for tag in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
        "SliceThickness",
    ):
        delattr(one, tag)
    frames, common = [], Dataset()
    for k in order:
        frame = Dataset()
        frame.PlanePositionSequence = group(ImagePositionPatient=[-50.0, -40.0, 2.5 * k])
        frames.append(frame)
    for holder in [common] if shared else frames:
        holder.PlaneOrientationSequence = group(ImageOrientationPatient=list(AXIAL))
        holder.PixelMeasuresSequence = group(PixelSpacing=[0.7, 0.8], SliceThickness=2.5)
        holder.PixelValueTransformationSequence = group(
            RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU"
        )
        holder.CTImageFrameTypeSequence = group(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
    one.SharedFunctionalGroupsSequence = Sequence([common])
    one.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return one


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_frames_are_slices_in_the_order_of_their_places(
    tmp_path: Path, syntax: str, *, shared: bool
) -> None:
    (found,) = find_series(
        [write(tmp_path, [enhanced([3, 0, 5, 1, 4, 2], shared=shared, syntax=syntax)])]
    )
    volume = read_series(found)
    np.testing.assert_array_equal(volume.hu, HU)
    assert volume.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert not volume.warnings


def test_a_group_of_a_frame_stands_over_the_shared_one(tmp_path: Path) -> None:
    one = enhanced(list(range(6)))
    for k, frame in enumerate(one.PerFrameFunctionalGroupsSequence):
        frame.PixelValueTransformationSequence = group(
            RescaleSlope=1, RescaleIntercept=-1024 + k, RescaleType="HU"
        )
    (found,) = find_series([write(tmp_path, [one])])
    np.testing.assert_array_equal(
        read_series(found).hu, HU + np.arange(6, dtype=np.int16)[:, None, None]
    )


def test_a_deflated_file_is_inflated_no_further_than_a_header_goes(tmp_path: Path) -> None:
    path = (
        write(tmp_path, [enhanced(list(range(6)), syntax=DeflatedExplicitVRLittleEndian)])
        / "000.dcm"
    )
    whole = path.read_bytes()
    start = data_set_offset(whole)
    data_set = zlib.decompress(whole[start:], -15)
    bomb = zlib.compressobj(1, zlib.DEFLATED, -15)
    path.write_bytes(
        whole[:start] + bomb.compress(data_set) + bomb.compress(bytes(200 << 20)) + bomb.flush()
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (found,) = find_series([path])
    np.testing.assert_array_equal(read_series(found).hu, HU)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 << 10


def test_a_frame_that_is_missing_is_noticed(tmp_path: Path) -> None:
    (found,) = find_series([write(tmp_path, [enhanced([0, 1, 2, 4, 5])])])
    assert found.refusal is not None
    assert found.refusal[0] == "missing-slice"


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless])
def test_fewer_frames_than_fragments_are_refused(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path, [enhanced(list(range(6)), syntax=syntax)]) / "000.dcm"
    one = dcmread(path)
    one.NumberOfFrames = 5
    del one.PerFrameFunctionalGroupsSequence[0]
    one.save_as(path)
    (found,) = find_series([path])
    with pytest.raises(SeriesRefused, match="undecodable"):
        read_series(found)


def test_each_frame_has_its_own_scale(tmp_path: Path) -> None:
    one = enhanced(list(range(6)), shared=False)
    for k, frame in enumerate(one.PerFrameFunctionalGroupsSequence):
        frame.PixelValueTransformationSequence[0].RescaleIntercept = -1024 + 10 * k
    (found,) = find_series([write(tmp_path, [one])])
    np.testing.assert_array_equal(
        read_series(found).hu, HU + 10 * np.arange(6, dtype=np.int16)[:, None, None]
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("missing-tag", "functional groups"),
        ("missing-tag", "Image Position"),
        ("derived", "MAXIMUM"),
    ],
)
def test_groups_that_do_not_tell_are_refused(tmp_path: Path, reason: str, words: str) -> None:
    one = enhanced(list(range(6)), shared=False)
    frames = one.PerFrameFunctionalGroupsSequence
    if words == "functional groups":
        one.NumberOfFrames = 5
    elif words == "MAXIMUM":
        for frame in frames:
            frame.CTImageFrameTypeSequence[0].FrameType = [
                "DERIVED",
                "PRIMARY",
                "VOLUME",
                "MAXIMUM",
            ]
    else:
        del frames[2].PlanePositionSequence
    (found,) = find_series([write(tmp_path, [one])])
    assert found.refusal is not None
    assert found.refusal[0] == reason
    assert words in found.refusal[1]


@pytest.mark.parametrize("change", [None, "exchanged", "short", "ragged"])
def test_an_extended_offset_table_is_held_against_the_fragments(
    tmp_path: Path, change: str | None
) -> None:
    one = enhanced(list(range(6)))
    one.compress(JPEGLSLossless, encapsulate_ext=True, generate_instance_uid=False)
    assert len(one.ExtendedOffsetTable) == 48
    table = np.frombuffer(one.ExtendedOffsetTable, "<u8").copy()
    if change == "exchanged":
        table[[2, 3]] = table[[3, 2]]
    one.ExtendedOffsetTable = {
        "short": table[:5].tobytes(),
        "ragged": table.tobytes() + b"\0\0\0",
    }.get(change or "", table.tobytes())
    (found,) = find_series([write(tmp_path, [one])])
    if change is None:
        np.testing.assert_array_equal(read_series(found).hu, HU)
    else:
        with pytest.raises(
            SeriesRefused, match=r"undecodable: Extended Offset Table \(7FE0,0001\)"
        ):
            read_series(found)


def test_a_million_functional_groups_are_not_parsed(tmp_path: Path) -> None:
    path = write(tmp_path, [enhanced(list(range(6)))]) / "000.dcm"
    data = path.read_bytes()
    groups, pixels = data.index(b"\x00\x52\x30\x92SQ"), data.index(b"\xe0\x7f\x10\x00")
    items = b"\xfe\xff\x00\xe0" + bytes(4)
    swollen = data[: groups + 8] + struct.pack("<L", len(items) * 1_000_000) + items * 1_000_000
    path.write_bytes(swollen + data[pixels:])
    (found,) = find_series([path])
    assert found.refusal == ("corrupt", "the header holds more than 200,000 items of sequences")


def test_a_lost_part_of_a_concatenation_is_told(tmp_path: Path) -> None:
    parts = []
    for number, frames in ((1, [0, 1, 2]), (2, [3, 4, 5])):
        one = enhanced(frames)
        one.ConcatenationUID, one.InConcatenationNumber, one.InConcatenationTotalNumber = (
            "1.2.3",
            number,
            2,
        )
        one.ConcatenationFrameOffsetNumber = frames[0]
        parts.append(one)
    (found,) = find_series([write(tmp_path / "whole", parts)])
    volume = read_series(found)
    np.testing.assert_array_equal(volume.hu, HU)
    assert not volume.warnings
    (found,) = find_series([write(tmp_path / "half", parts[:1])])
    assert {w.code for w in read_series(found).warnings} == {"slice-count"}
