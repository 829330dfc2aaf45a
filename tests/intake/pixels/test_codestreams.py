"""Compressed frames that are longer, shorter or other than they should be.

Told or refused, never filled up in silence.
"""

import struct
import warnings
from pathlib import Path

import cv2
import jpeg_ls
import numpy as np
import pytest
from dicom_making import Making, chest, datasets, write
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_encoder
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from lungnet.errors import SeriesRefused
from lungnet.intake import find_series, read_series
from lungnet.intake.pixels.codestreams import Codestream, read_codestream
from lungnet.volume import Volume

HU = chest(slices=4, size=64)


def read(folder: Path, made: list[Dataset]) -> Volume:
    (found,) = find_series([write(folder, made)])
    return read_series(found)


def reframed(made: list[Dataset], change: object) -> list[Dataset]:
    """Data sets with the codestream of each changed."""
    for one in made:
        (frame,) = generate_frames(one.PixelData, number_of_frames=1)
        one.PixelData = encapsulate([change(frame)])  # type: ignore[operator]
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    return made


def compressed(syntax: str) -> list[Dataset]:
    made = datasets(HU)
    for one in made:
        one.compress(syntax, generate_instance_uid=False)
    return made


def run_lengths(frame: bytes) -> list[bytes]:
    """The two segments of a frame."""
    first, second = struct.unpack_from("<LL", frame, 4)
    return [frame[first:second], frame[second:]]


def joined(segments: list[bytes]) -> bytes:
    starts = np.cumsum([64, *map(len, segments[:-1])])
    return struct.pack("<16L", len(segments), *starts, *[0] * (15 - len(segments))) + b"".join(
        segments
    )


@pytest.mark.parametrize("which", [0, 1])
def test_run_lengths_that_go_on_after_the_picture_are_told(tmp_path: Path, which: int) -> None:
    def longer(frame: bytes) -> bytes:
        segments = run_lengths(frame)
        segments[which] += b"\xff\7" * 10
        return joined(segments)

    volume = read(tmp_path, reframed(compressed(RLELossless), longer))
    np.testing.assert_array_equal(volume.hu, HU)
    assert {w.code for w in volume.warnings} == {"trailing-data"}
    assert not read(
        tmp_path / "sound",
        reframed(compressed(RLELossless), lambda frame: joined(run_lengths(frame))),
    ).warnings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda segments: [segments[0], segments[1] + b"\xff\7" * 5000], "too long"),
        (lambda segments: [segments[0], segments[1][:-200]], "refuses the frame"),
        (lambda segments: segments[:1], "refuses the frame"),
    ],
)
def test_run_lengths_that_cannot_be_the_picture_are_refused(
    tmp_path: Path, change: object, words: str
) -> None:
    made = reframed(compressed(RLELossless), lambda frame: joined(change(run_lengths(frame))))  # type: ignore[operator]
    with pytest.raises(SeriesRefused, match=f"undecodable: .*{words}"):
        read(tmp_path, made)


def jpegs(*flags: int) -> list[Dataset]:
    """The chest in 256 grey levels as baseline or progressive JPEG."""
    made = datasets(HU, Making(syntax=JPEGBaseline8Bit, slope=8, is_signed=False))
    for one, plane in zip(made, HU, strict=True):
        encoded = cv2.imencode(
            ".jpg",
            np.clip((plane + 1024.0) / 8, 0, 255).astype(np.uint8),
            [cv2.IMWRITE_JPEG_QUALITY, 95, *flags],
        )[1]
        one.BitsAllocated, one.BitsStored, one.HighBit = 8, 8, 7
        one.PixelData = encapsulate([encoded.tobytes()])
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    return made


def test_a_jpeg_that_lost_its_middle_but_not_its_end_is_refused(tmp_path: Path) -> None:
    assert np.abs(read(tmp_path / "sound", jpegs()).hu.astype(int) - HU).max() < 80

    def cut(frame: bytes) -> bytes:
        start = frame.index(b"\xff\xda") + 20
        return frame[: start + (len(frame) - start) // 3] + b"\xff\xd9"

    with pytest.raises(
        SeriesRefused, match="undecodable: the JPEG decoder finds the frame's data corrupt"
    ):
        read(tmp_path / "cut", reframed(jpegs(), cut))


def test_a_jpeg_that_draws_a_picture_a_hundred_times_is_refused(tmp_path: Path) -> None:
    def repeated(frame: bytes) -> bytes:
        start = frame.rindex(b"\xff\xda")
        return frame[:-2] + frame[start:-2] * 100 + b"\xff\xd9"

    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    assert read(tmp_path / "sound", jpegs(*progressive)).hu.shape == HU.shape
    with pytest.raises(
        SeriesRefused, match="undecodable: the codestream draws the picture in more than 64 scans"
    ):
        read(tmp_path / "scans", reframed(jpegs(*progressive), repeated))


def boxed(codestream: bytes) -> bytes:
    """A codestream within JP2 boxes, after one that holds bytes that look like another (ISO
    15444-1 annex I)."""
    decoy = b"\xff\x4f\xff\x51" + bytes(60) + b"\xff\x52" + bytes(12)
    header = struct.pack(">L4s", 22, b"ihdr") + struct.pack(
        ">LLHBBBB", *HU.shape[1:], 1, 0x8F, 7, 0, 0
    )
    header += struct.pack(">L4s", 15, b"colr") + struct.pack(">BBBL", 1, 0, 0, 17)
    boxes = [
        (b"jP  ", b"\r\n\x87\n"),
        (b"ftyp", b"jp2 \0\0\0\0jp2 "),
        (b"jp2h", header),
        (b"free", decoy),
        (b"jp2c", codestream),
    ]
    return b"".join(struct.pack(">L4s", 8 + len(data), name) + data for name, data in boxes)


def test_a_codestream_in_jp2_boxes_is_found_by_its_box(tmp_path: Path) -> None:
    (plain,) = generate_frames(compressed(JPEG2000Lossless)[0].PixelData, number_of_frames=1)
    assert (
        read_codestream(boxed(plain))
        == read_codestream(plain)
        == Codestream(64, 68, 1, 16, True, False, "")
    )
    assert read_codestream(boxed(plain)[:60]) is None
    volume = read(tmp_path, reframed(compressed(JPEG2000Lossless), boxed))
    np.testing.assert_array_equal(volume.hu, HU)
    assert not volume.warnings


def test_what_pydicom_warns_of_is_not_printed(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = reframed(compressed(RLELossless), lambda frame: frame + b"\xff\7" * 3)
        assert {w.code for w in read(tmp_path, made).warnings} == {"trailing-data"}


def test_a_frame_in_ten_thousands_of_fragments_is_refused(tmp_path: Path) -> None:
    made = compressed(RLELossless)
    (frame,) = generate_frames(made[1].PixelData, number_of_frames=1)
    made[1].PixelData = encapsulate([frame], has_bot=False).replace(
        b"\xfe\xff\x00\xe0", bytes.fromhex("feff00e000000000") * 10_002 + b"\xfe\xff\x00\xe0", 1
    )
    with pytest.raises(
        SeriesRefused, match="undecodable: pixel data is in more than 10,000 fragments"
    ):
        read(tmp_path, made)


def encoded(stored: np.ndarray, syntax: str, bits: int, **header: int) -> list[Dataset]:
    """Unsigned values in a codestream of so many bits, under a header that says something of
    them."""
    made = datasets(HU, Making(syntax=syntax, is_signed=False))
    options = {
        "rows": 64,
        "columns": 68,
        "samples_per_pixel": 1,
        "bits_allocated": 16,
        "bits_stored": bits,
        "number_of_frames": 1,
    }
    for one, plane in zip(made, stored, strict=True):
        frame = get_encoder(syntax).encode(
            plane.astype("<u2").tobytes(),
            pixel_representation=0,
            photometric_interpretation="MONOCHROME2",
            **options,
        )
        one.PixelData = encapsulate([frame])
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
        for tag, value in header.items():
            setattr(one, tag, value)
    return made


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_samples_of_a_codestream_lie_at_the_lower_end_whatever_high_bit_says(
    tmp_path: Path, syntax: str
) -> None:
    volume = read(tmp_path, encoded(HU.astype(int) + 1024, syntax, 12, BitsStored=12, HighBit=15))
    np.testing.assert_array_equal(volume.hu, HU)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_samples_with_more_bits_than_are_stored_are_refused(tmp_path: Path, syntax: str) -> None:
    made = encoded(HU.astype(int) * 3 + 5000, syntax, 16, BitsStored=12, HighBit=11)
    with pytest.raises(
        SeriesRefused,
        match=r"undecodable: the codestream's values take 16 bits, Bits Stored \(0028,0101\) is 12",
    ):
        read(tmp_path / "more", made)
    volume = read(
        tmp_path / "wide", encoded(HU.astype(int) + 1024, syntax, 16, BitsStored=12, HighBit=11)
    )
    np.testing.assert_array_equal(volume.hu, HU)


def test_loss_under_a_lossless_label_is_told(tmp_path: Path) -> None:
    def near(plane: np.ndarray, error: int) -> list[Dataset]:
        made = compressed(JPEGLSLossless)
        for one, values in zip(made, plane, strict=True):
            one.PixelData = encapsulate(
                [
                    bytes(
                        jpeg_ls.encode_array(
                            (values.astype(int) + 1024).astype("u2"), lossy_error=error
                        )
                    )
                ]
            )
            one["PixelData"].is_undefined_length = True
            one.PixelRepresentation = 0
        return made

    assert {w.code for w in read(tmp_path / "near", near(HU, 10)).warnings} == {"lossy", "bits"}
    exact = read(tmp_path / "exact", near(HU, 0))
    np.testing.assert_array_equal(exact.hu, HU)
    assert {w.code for w in exact.warnings} == {"bits"}
    labelled = jpegs()
    for one in labelled:
        one.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    assert "lossy" in {w.code for w in read(tmp_path / "dct", labelled).warnings}


def test_zeros_behind_a_codestream_are_padding(tmp_path: Path) -> None:
    volume = read(
        tmp_path, reframed(compressed(JPEG2000Lossless), lambda frame: frame + bytes(200))
    )
    np.testing.assert_array_equal(volume.hu, HU)


def lossless_jpeg(bits: int = 16) -> bytes:
    """A codestream of the lossless process that begins as it should; its data are noise."""
    frame = b"\xff\xc3\x00\x0b" + struct.pack(">BHHB", bits, *HU.shape[1:], 1) + b"\x01\x11\x00"
    tables = b"\xff\xc4\x00\x14\x00\x01" + bytes(15) + b"\x00"
    return (
        b"\xff\xd8"
        + frame
        + tables
        + b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00"
        + bytes(range(250))
        + b"\xff\xd9"
    )


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (lossless_jpeg(17), "claims 17 bits"),
        (lossless_jpeg(32), "claims 32 bits"),
        # FF01 has no length (ITU T.81, table B.1): behind it stands a comment, then 17 bits, then a
        # comment that hides 16.
        (
            b"\xff\xd8\xff\x01\xff\xfe\x00\x04ab"
            + lossless_jpeg(17)[2:15]
            + b"\xff\xfe\x00\x0f"
            + lossless_jpeg()[2:],
            "two frames|claims 17",
        ),
        (lossless_jpeg()[:15] + lossless_jpeg(17)[2:], "two frames"),
    ],
)
def test_a_jpeg_that_would_end_the_process_is_refused(
    tmp_path: Path, frame: bytes, words: str
) -> None:
    made = datasets(HU, Making(syntax=JPEGLosslessSV1, is_signed=False))
    for one in made:
        one.PixelData = encapsulate([frame])
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    with pytest.raises(SeriesRefused, match=f"undecodable: .*({words})"):
        read(tmp_path, made)


def jpeg_2000(tiles: int = 1, layers: int = 1) -> bytes:
    """The first slice as JPEG 2000."""
    (frame,) = generate_frames(compressed(JPEG2000Lossless)[0].PixelData, number_of_frames=1)
    at = frame.index(b"\xff\x52")
    return (
        frame[:28]
        + struct.pack(">L", -(-64 // tiles))
        + frame[32 : at + 6]
        + struct.pack(">H", layers)
        + frame[at + 8 :]
    )


def test_a_jpeg_2000_without_all_its_tiles_is_refused(tmp_path: Path) -> None:
    assert read_codestream(jpeg_2000()).problem == ""  # type: ignore[union-attr]
    with pytest.raises(SeriesRefused, match="undecodable: the codestream holds 1 of 2 tiles"):
        read(tmp_path, reframed(compressed(JPEG2000Lossless), lambda _: jpeg_2000(tiles=2)))


def test_a_jpeg_2000_that_asks_for_too_much_or_fits_no_wavelet_is_refused() -> None:
    plain = jpeg_2000(layers=65535)
    style, quantization = plain.index(b"\xff\x52"), plain.index(b"\xff\x5c")
    small = bytearray(plain[: style + 14] + b"\x11" * (plain[style + 9] + 1) + plain[style + 14 :])
    small[style + 2 : style + 4] = (12 + plain[style + 9] + 1).to_bytes(2, "big")
    small[style + 4] |= 1
    found = read_codestream(bytes(small))
    assert found is not None
    assert "packets" in found.problem
    styled = bytearray(jpeg_2000())
    styled[quantization + 4] ^= 2
    assert "quantization" in read_codestream(bytes(styled)).problem  # type: ignore[union-attr]
    lost = bytearray(jpeg_2000())
    lost[style + 9] -= 1
    assert "quantization" in read_codestream(bytes(lost)).problem  # type: ignore[union-attr]
