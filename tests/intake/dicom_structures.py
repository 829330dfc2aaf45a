"""Mutations that know the structure they damage.

Directories of archives, marker segments, run lengths, lines of headers.

Random bytes rarely pass the first check of a format; these change one field and keep the rest
sound.
"""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813

Rng = np.random.Generator

WORDS = (
    0,
    1,
    2,
    3,
    7,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0xFFFFFFFE,
    0xFFFFFFFF,
)
"""Values at which counting goes wrong."""


def put_field(rng: Rng, data: bytearray, at: int, width: int, order: str = "little") -> None:
    """Set a field to an extreme value, or one beside its own."""
    old = int.from_bytes(data[at : at + width], order)  # type: ignore[arg-type]
    new = int(rng.choice(WORDS)) if rng.random() < 0.6 else old + int(rng.integers(-70, 71))
    data[at : at + width] = (new % (1 << 8 * width)).to_bytes(width, order)  # type: ignore[arg-type]


def places(data: bytes, signature: bytes) -> list[int]:
    """Every offset of a signature."""
    found, at = [], data.find(signature)
    while at >= 0:
        found.append(at)
        at = data.find(signature, at + 1)
    return found


ZIP_FIELDS = {
    b"PK\3\4": [(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)],
    b"PK\1\2": [
        (8, 2),
        (10, 2),
        (16, 4),
        (20, 4),
        (24, 4),
        (28, 2),
        (30, 2),
        (32, 2),
        (34, 2),
        (38, 4),
        (42, 4),
    ],
    b"PK\5\6": [(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)],
}


def zip_of(files: list[bytes], method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for k, data in enumerate(files):
            archive.writestr(f"{k}.dcm", data)
    return out.getvalue()


def zip_fields(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    data = bytearray(
        zip_of(files, zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED)
    )
    for _ in range(int(rng.integers(1, 4))):
        signature = list(ZIP_FIELDS)[int(rng.integers(3))]
        at = int(rng.choice(places(data, signature)))
        offset, width = ZIP_FIELDS[signature][int(rng.integers(len(ZIP_FIELDS[signature])))]
        put_field(rng, data, at + offset, width)
    (folder / "a.zip").write_bytes(data)
    return folder, True


def zip_pieces(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    """Two archives in one file, junk around one, a name that turns into a folder's, entries that
    are lost or twice there."""
    data, what = zip_of(files, zipfile.ZIP_STORED), int(rng.integers(5))
    entries = places(data, b"PK\1\2")
    if what == 0:
        data = zip_of(files[:3], zipfile.ZIP_STORED) + zip_of(files[3:], zipfile.ZIP_STORED)
    elif what == 1:
        data = data + bytes(int(rng.integers(1, 300)))
    elif what == 2:
        k = int(rng.integers(len(files)))
        data = data.replace(f"{k}.dcm".encode(), f"{k}.dc/".encode())
    elif what == 3:
        k = int(rng.integers(len(entries) - 1))
        data = data[: entries[k]] + data[entries[k + 1] :]
    else:
        data = data[: entries[0]] + data[entries[0] : entries[1]] + data[entries[0] :]
    (folder / "a.zip").write_bytes(data)
    return folder, True


def tar_fields(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    """Fields of a tar's headers, with the checksum made right again.

    Cut, joined and packed in several pieces.
    """
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out,
        mode="w",
        format=tarfile.PAX_FORMAT if rng.random() < 0.5 else tarfile.GNU_FORMAT,
    ) as archive:
        for k, data in enumerate(files):
            info = tarfile.TarInfo(f"{k}.dcm" if rng.random() < 0.8 else "long/" * 40 + f"{k}.dcm")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    data = bytearray(out.getvalue())
    starts = [at - 257 for at in places(data, b"ustar")]
    what = int(rng.integers(4))
    if what == 0:
        at = int(rng.choice(starts))
        field, value = [
            (156, b"5"),
            (156, b"L"),
            (156, b"x"),
            (156, b"S"),
            (156, b"2"),
            (124, b"00000000000\0"),
            (124, b"77777777777\0"),
        ][int(rng.integers(7))]
        data[at + field : at + field + len(value)] = value
        data[at + 148 : at + 156] = b" " * 8
        data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    elif what == 1:
        del data[int(rng.integers(len(data))) :]
    elif what == 2:
        data[int(rng.choice(starts)) + int(rng.integers(512))] ^= 1 << int(rng.integers(8))
    packed = bytes(data)
    if rng.random() < 0.5:
        half = len(data) // 2
        packed = gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0)
        packed = packed[: len(packed) - int(rng.integers(1, 200))] if what == 3 else packed
    (folder / "a.tar").write_bytes(packed)
    # A size or a kind that is sound in itself takes a file out of the archive, as its owner might.
    return folder, what != 0


def segments(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    """Fields of the marker segments of JPEG-LS and JPEG 2000, or of the header of run lengths."""
    k = int(rng.integers(len(files)))
    data = bytearray(files[k])
    pixels = data.find(b"\xe0\x7f\x10\x00")
    markers = [
        at
        for at in places(data, b"\xff")
        if at > pixels and data[at + 1 : at + 2] not in (b"\0", b"\xff", b"")
    ]
    if b"1.2.840.10008.1.2.5\0" in data[:400]:
        put_field(rng, data, pixels + 28 + 4 * int(rng.integers(4)), 4)
    elif markers:
        put_field(
            rng,
            data,
            int(rng.choice(markers[:12])) + int(rng.integers(2, 40)),
            int(rng.integers(1, 5)),
            "big",
        )
    files[k] = bytes(data)
    for j, one in enumerate(files):
        (folder / f"{j}.dcm").write_bytes(one)
    return folder, False


def volume_file(folder: Path, ending: str, truth: np.ndarray, *, packed: bool) -> Path:
    """Write a sound file of another format."""
    path = folder / f"a.{ending}"
    if ending.startswith("nii"):
        nibabel.Nifti1Image(truth.transpose(2, 1, 0), np.diag([-0.8, -0.7, 2.5, 1])).to_filename(
            path
        )
    else:
        sitk.WriteImage(sitk.GetImageFromArray(truth), str(path), useCompression=packed)
    return path


def volume_headers(rng: Rng, folder: Path, truth: np.ndarray) -> tuple[Path, bool]:
    """Lines of MetaImage and NRRD that are lost, doubled, exchanged or say another number.

    Fields of NIfTI; data that are cut.
    """
    ending = str(rng.choice(["mha", "nrrd", "nii", "nii.gz"]))
    path = volume_file(
        folder, ending, truth, packed=not ending.startswith("nii") and bool(rng.random() < 0.7)
    )
    data = path.read_bytes()
    what = rng.random()
    if what < 0.3:
        path.write_bytes(data[: -int(rng.integers(1, len(data) - 400))])
        return folder, True
    if ending == "nii.gz":
        path.write_bytes(
            data[:-8] + struct.pack("<LL", int(rng.integers(1 << 32)), int(rng.integers(1 << 32)))
        )
        return folder, True
    if ending == "nii":
        with_fields = bytearray(data)
        put_field(rng, with_fields, int(rng.integers(0, 87)) * 4, int(rng.choice([2, 4])))
        path.write_bytes(with_fields)
        return folder, False
    end = data.index(b"LOCAL\n") + 6 if ending == "mha" else data.index(b"\n\n") + 1
    lines = data[:end].splitlines(keepends=True)
    k = int(rng.integers(1, len(lines) - 1))
    if what < 0.5:
        del lines[k]
    elif what < 0.6:
        lines.insert(int(rng.integers(1, len(lines))), lines[k])
    else:
        head = lines[k].rpartition(b" ")[0]
        lines[k] = (
            head
            + b" "
            + str(
                rng.choice(["-1", "0", "2", "nan", "1e9", "99999999999", "True", "x" * 99])
            ).encode()
            + b"\n"
        )
    path.write_bytes(b"".join(lines) + data[end:])
    return folder, False


def packed_volume(rng: Rng, folder: Path, truth: np.ndarray) -> tuple[Path, bool]:
    """A MetaImage whose packed values have another length, checksum or size than they should,
    the header going with it or not."""
    raw = truth.astype("<i2").tobytes()
    stream = zlib.compress(raw[: int(rng.integers(len(raw)))] if rng.random() < 0.5 else raw)
    stream = (
        stream[: -int(rng.integers(1, len(stream)))]
        if rng.random() < 0.5
        else stream + bytes(int(rng.integers(3)))
    )
    size = len(stream) if rng.random() < 0.5 else int(rng.choice(WORDS))
    header = (
        f"NDims = 3\nDimSize = {truth.shape[2]} {truth.shape[1]} {truth.shape[0]}\nElementType = "
        "MET_SHORT\nElementSpacing = 1 1 1\n"
    )
    header += (
        "Offset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nCompressedData = "
        f"True\nCompressedDataSize = {size}\n"
    )
    (folder / "a.mha").write_bytes(header.encode() + b"ElementDataFile = LOCAL\n" + stream)
    return folder, True


OnFiles = Callable[[Rng, Path, list[bytes]], tuple[Path, bool]]
OnVolume = Callable[[Rng, Path, np.ndarray], tuple[Path, bool]]

ON_FILES: tuple[OnFiles, ...] = (zip_fields, zip_pieces, tar_fields, segments)
ON_VOLUME: tuple[OnVolume, ...] = (volume_headers, packed_volume)
