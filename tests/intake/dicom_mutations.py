"""A seeded mutator of files and trees.

What an archive, a network or an attacker may do to a series.
"""

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dicom_making import LOSSLESS, Making, chest, datasets, write, write_series
from dicom_structures import ON_FILES, ON_VOLUME, OnFiles, OnVolume, Rng, volume_file
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from lungnet.seeds import stream

TRUTH = chest(slices=7, size=40)


@dataclass(frozen=True)
class Case:
    """What was made.

    Attributes:
        name: of the mutation.
        path: to read.
        must_notice: whether a volume that differs from the truth needs a warning.
    """

    name: str
    path: Path
    must_notice: bool = False


def templates(folder: Path) -> dict[str, list[bytes]]:
    """The files of one sound series for each transfer syntax, made once."""
    made = {}
    for syntax in LOSSLESS:
        written = write_series(folder / syntax, TRUTH, Making(syntax=syntax))
        made[str(syntax)] = [path.read_bytes() for path in sorted(written.iterdir())]
    return made


def mutate(seed: int, number: int, folder: Path, sound: dict[str, list[bytes]]) -> Case:
    """Write case `number` of a seed below an empty folder."""
    rng = stream(seed, "fuzz", number)
    folder.mkdir(parents=True, exist_ok=True)
    name = str(rng.choice(list(MUTATIONS)))
    syntax = str(rng.choice(list(sound)))
    files = list(sound[syntax])
    path, must_notice = MUTATIONS[name](rng, folder, files)
    return Case(f"{name} ({syntax})", path, must_notice)


def _put(folder: Path, files: list[bytes]) -> Path:
    for k, data in enumerate(files):
        (folder / f"{k:03d}").write_bytes(data)
    return folder


def _flip(rng: Rng, data: bytes, low: int, high: int, count: int) -> bytes:
    with_fields = bytearray(data)
    for at in rng.integers(low, max(low + 1, min(high, len(data))), count):
        with_fields[at] = int(rng.integers(0, 256))
    return bytes(with_fields)


def header_bytes(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    for k in range(len(files)) if rng.random() < 0.3 else [int(rng.integers(len(files)))]:
        files[k] = _flip(rng, files[k], 128, 1400, int(rng.integers(1, 8)))
    return _put(folder, files), False


def any_bytes(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    k = int(rng.integers(len(files)))
    files[k] = _flip(rng, files[k], 0, len(files[k]), int(rng.integers(1, 64)))
    return _put(folder, files), False


def pixel_bytes(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    k = int(rng.integers(len(files)))
    files[k] = _flip(
        rng, files[k], max(0, len(files[k]) - 600), len(files[k]), int(rng.integers(1, 32))
    )
    return _put(folder, files), False


def truncation(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    k = int(rng.integers(len(files)))
    files[k] = files[k][: int(rng.integers(0, len(files[k])))]
    return _put(folder, files), True


def tags(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    extremes: dict[str, list[object]] = {
        "Rows": [0, 1, 65535],
        "Columns": [0, 1, 65535],
        "NumberOfFrames": ["0", "2", "2147483647", "-1"],
        "BitsAllocated": [0, 1, 8, 12, 32, 64],
        "BitsStored": [0, 1, 12, 17, 65535],
        "HighBit": [0, 11, 16, 65535],
        "SamplesPerPixel": [0, 3, 65535],
        "PixelRepresentation": [0, 2],
        "ImagePositionPatient": [[0, 0, 1e30], [1e-300, 0, 0], [0, 0]],
        "ImageOrientationPatient": [[0] * 6, [1, 0, 0, 1, 0, 0], [1e20] * 6],
        "PixelSpacing": [[0, 0], [-1, 1], [1e-30, 1e30], [1e9, 1e9]],
        "RescaleSlope": ["0", "1e300", "-1"],
        "RescaleIntercept": ["1e300", "99999999"],
        "PixelPaddingValue": [0, 65535],
        "InstanceNumber": ["-5", "99999999999"],
    }
    which = rng.choice(list(extremes))
    value = extremes[which][int(rng.integers(len(extremes[which])))]
    for k in range(len(files)) if rng.random() < 0.7 else [int(rng.integers(len(files)))]:
        dataset = dcmread(io.BytesIO(files[k]))
        if rng.random() < 0.2 and which in dataset:
            delattr(dataset, which)
        else:
            setattr(dataset, str(which), value)
        out = io.BytesIO()
        try:
            dataset.save_as(out)
            files[k] = out.getvalue()
        except Exception:
            files[k] = files[k][:1000]
    return _put(folder, files), False


def swapped(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    made = datasets(TRUTH)
    i, j = rng.choice(len(made), 2, replace=False)
    what = "PixelData" if rng.random() < 0.5 else "ImagePositionPatient"
    first, second = getattr(made[i], what), getattr(made[j], what)
    setattr(made[i], what, second)
    setattr(made[j], what, first)
    return write(folder, made), True


def dropped(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    del files[int(rng.integers(1, len(files) - 1))]
    return _put(folder, files), True


def doubled(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    made = datasets(TRUTH)
    i, j = rng.choice(len(made), 2, replace=False)
    made[i].PixelData = made[j].PixelData
    return write(folder, made), True


def copied(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    return _put(folder, [*files, files[int(rng.integers(len(files)))]]), True


def zips(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    data = _zip(files, str(rng.choice(["", "../", "/abs/", "a/../../b/", "con\\"])))
    for _ in range(int(rng.integers(0, 5))):
        data = _zip([data], "", ".zip")
    if rng.random() < 0.5:
        data = _flip(rng, data, 0, len(data), int(rng.integers(1, 40)))
    if rng.random() < 0.3:
        data = data[: int(rng.integers(0, len(data)))]
    (folder / "a.zip").write_bytes(data)
    return folder, False


def _zip(files: list[bytes], prefix: str, ending: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for k, data in enumerate(files):
            archive.writestr(f"{prefix}{k}{ending}", data)
    return out.getvalue()


def tars(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if rng.random() < 0.5 else "w") as archive:
        for k, data in enumerate(files):
            info = tarfile.TarInfo(f"../{k}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = (
            (tarfile.LNKTYPE if rng.random() < 0.5 else tarfile.SYMTYPE),
            "/etc/passwd",
        )
        archive.addfile(link)
    data = out.getvalue()
    if rng.random() < 0.6:
        data = _flip(rng, data, 0, len(data), int(rng.integers(1, 60)))
    (folder / "a.tar").write_bytes(data)
    return folder, False


def bombs(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    kind = int(rng.integers(3))
    if kind == 0:
        (folder / "a.zip").write_bytes(_zip([_swollen("zip")] * 3, "", ".zip"))
    elif kind == 1:
        (folder / "a.tgz").write_bytes(_swollen("gzip"))
    else:
        meta = (
            files[0][: files[0].find(b"1.2.840.10008.1.2")]
            + DeflatedExplicitVRLittleEndian.encode()
            + b"\0"
        )
        (folder / "a.dcm").write_bytes(meta + _swollen("deflate"))
    return folder, False


@cache
def _swollen(kind: str) -> bytes:
    """A few kilobytes that unpack to 80 MB of zeros."""
    zeros = b"\0" * (80 << 20)
    if kind == "zip":
        return _zip([zeros], "")
    if kind == "gzip":
        return gzip.compress(zeros, 1)
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    return deflate.compress(zeros) + deflate.flush()


def links(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    real = folder / "real"
    real.mkdir()
    _put(real, files)
    (real / "up").symlink_to(folder)
    (real / "zero").symlink_to("/dev/zero")
    (real / "dangling").symlink_to(folder / "nothing")
    os.mkfifo(real / "pipe")
    return folder, True


def fragments(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    """Lengths of elements and fragments that promise gigabytes."""
    k = int(rng.integers(len(files)))
    at = files[k].find(b"\xe0\x7f\x10\x00")
    if at > 0:
        data = bytearray(files[k])
        where = at + int(rng.choice([8, 16, 24, 28]))
        data[where : where + 4] = struct.pack(
            "<L", int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]))
        )
        files[k] = bytes(data)
    return _put(folder, files), False


def formats(rng: Rng, folder: Path, files: list[bytes]) -> tuple[Path, bool]:
    ending = str(rng.choice(["nii", "nii.gz", "mha", "nrrd"]))
    path = volume_file(
        folder, ending, TRUTH, packed=not ending.startswith("nii") and bool(rng.random() < 0.5)
    )
    data = path.read_bytes()
    data = (
        _flip(rng, data, 0, 400, int(rng.integers(1, 12)))
        if rng.random() < 0.7
        else data[: int(rng.integers(0, len(data)))]
    )
    path.write_bytes(data)
    return folder, False


def _on_truth(mutation: OnVolume) -> OnFiles:
    return lambda rng, folder, _: mutation(rng, folder, TRUTH)


MUTATIONS: dict[str, OnFiles] = {
    f.__name__: f
    for f in (
        header_bytes,
        any_bytes,
        pixel_bytes,
        truncation,
        tags,
        swapped,
        dropped,
        doubled,
        copied,
        zips,
        tars,
        bombs,
        links,
        fragments,
        formats,
        *ON_FILES,
    )
} | {f.__name__: _on_truth(f) for f in ON_VOLUME}
