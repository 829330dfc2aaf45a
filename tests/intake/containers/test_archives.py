"""Damaged, swollen and rewritten archives.

Nothing is lost in silence, nothing takes memory before it is counted.
"""

import io
import struct
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_making import Making, chest, write_series, zipped

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import Series, find_series, read_series

DIRECTORY, END, END_64 = b"PK\1\2", b"PK\5\6", b"PK\6\6"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The chest in a zip, and nothing beside it."""
    path = tmp_path / "zip" / "a.zip"
    path.parent.mkdir()
    return zipped(write_series(tmp_path / "series", chest()), path)


def at(data: bytes, signature: bytes, which: int = 0) -> int:
    place = -1
    for _ in range(which + 1):
        place = data.index(signature, place + 1)
    return place


def refusals(path: Path, limits: IntakeConfig | None = None) -> list[str]:
    return [
        f"{found.refusal[0]}: {found.refusal[1]}"
        for found in find_series([path], limits)
        if found.refusal
    ]


def chest_of(path: Path) -> Series:
    (found,) = find_series([path])
    np.testing.assert_array_equal(read_series(found).hu, chest())
    return found


def test_a_directory_entry_that_swallows_the_next_ones_is_told(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    sixth, eighth, end = at(data, DIRECTORY, 5), at(data, DIRECTORY, 7), at(data, END)
    struct.pack_into("<H", data, sixth + 32, end - eighth + eighth - at(data, DIRECTORY, 6))
    archive.write_bytes(data)
    with zipfile.ZipFile(archive) as opened:
        assert len(opened.infolist()) == 6  # nothing of it is told by the library
    assert refusals(archive) == ["corrupt: the archive is broken (BadZipFile)"]


def test_a_directory_that_is_shortened_with_its_count_is_told(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    end, last = at(data, END), at(data, DIRECTORY, 7)
    struct.pack_into("<HHL", data, end + 8, 7, 7, last - at(data, DIRECTORY))
    archive.write_bytes(data)
    assert refusals(archive) == ["corrupt: the archive is broken (BadZipFile)"]


def test_an_archive_behind_another_does_not_hide_it(archive: Path) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data + data)
    assert refusals(archive) == ["corrupt: the archive is broken (BadZipFile)"]


def test_a_file_whose_name_ends_like_a_folder_is_read(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes().replace(b"006.dcm", b"006.dc/"))
    chest_of(archive)


def test_comments_and_zip64_are_read(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.comment = b"from the ward " * 1000
    chest_of(archive)
    data = archive.read_bytes()
    end = at(data, END)
    _, _, count, _, length, offset = struct.unpack_from("<HHHHLL", data, end + 4)
    record = struct.pack("<4sQHHLLQQQQ", END_64, 44, 45, 45, 0, 0, count, count, length, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    for promised, is_sound in ((count, True), (count + 1, False)):
        wide = bytearray(data[:end] + record + locator + data[end:])
        struct.pack_into("<QQ", wide, end + 24, promised, promised)
        struct.pack_into("<HHLL", wide, end + 76 + 8, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
        archive.write_bytes(wide)
        if is_sound:
            chest_of(archive)
        else:
            assert refusals(archive) == ["corrupt: the archive is broken (BadZipFile)"]


def directory_of(count: int) -> bytes:
    """A zip that is nothing but a directory of empty files."""
    entry = (
        struct.pack("<4s6H3L5H2L", DIRECTORY, 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
        + b"a"
    )
    end = struct.pack(
        "<4s4H2LH", END, 0, 0, count & 0xFFFF, count & 0xFFFF, len(entry) * count, 30, 0
    )
    return b"PK\3\4" + bytes(26) + entry * count + end


def test_a_zip_within_a_zip_is_counted_before_its_names_take_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as outer:
        outer.writestr("inner.zip", directory_of(1_000_000))
    start = time.process_time()
    assert refusals(tmp_path) == ["too-large: the archive unpacks to more than 200 times its size"]
    assert time.process_time() - start < 5
    assert refusals(tmp_path, IntakeConfig(most_members=1000)) == [
        "too-large: more than 1,000 files in one archive"
    ]


@pytest.mark.parametrize("where", ["zip", "file"])
def test_what_was_rewritten_after_it_was_found_is_refused(
    tmp_path: Path, archive: Path, where: str
) -> None:
    folder = archive.parent if where == "zip" else tmp_path / "series"
    (found,) = find_series([folder])
    if where == "zip":
        with zipfile.ZipFile(archive, "w") as again:
            for file in sorted((tmp_path / "series").iterdir(), reverse=True):
                again.write(file, file.name)
    else:
        other = (
            write_series(tmp_path / "other", chest(seed=1), Making(series_uid="1.2.3")) / "003.dcm"
        )
        (folder / "003.dcm").write_bytes(other.read_bytes())
    with pytest.raises(SeriesRefused, match="undecodable: the file was changed after it was found"):
        read_series(found)


def test_a_file_that_is_touched_by_name_alone_is_read(tmp_path: Path) -> None:
    (found,) = find_series([write_series(tmp_path / "a", chest())])
    for path in (tmp_path / "a").iterdir():
        path.chmod(0o600)
        (tmp_path / path.name).hardlink_to(path)
    np.testing.assert_array_equal(read_series(found).hu, chest())


def told_and_chest(path: Path) -> str:
    """The refusal beside the series, which knows of it."""
    told, found = find_series([path])
    assert told.refusal is not None
    assert "unreadable-beside" in {w.code for w in found.warnings}
    return told.refusal[1]


def test_a_file_that_was_taken_out_of_the_directory_is_told(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    last, end = at(data, DIRECTORY, 7), at(data, END)
    del data[last:end]
    struct.pack_into("<HHL", data, last + 8, 7, 7, last - at(data, DIRECTORY))
    archive.write_bytes(data)
    assert told_and_chest(archive.parent) == "the archive is broken (BadZipFile)"


def test_an_empty_file_in_an_archive_may_have_been_a_slice(tmp_path: Path) -> None:
    series = write_series(tmp_path / "series", chest())
    (series / "007.dcm").write_bytes(b"")
    (tmp_path / "x").mkdir()
    (found,) = find_series([zipped(series, tmp_path / "x" / "a.zip")])
    assert "unreadable-beside" in {w.code for w in found.warnings}


def test_an_entry_that_claims_to_be_empty_is_told(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    last = at(data, DIRECTORY, 7)
    struct.pack_into("<L", data, last + 16, 0)
    struct.pack_into("<L", data, last + 24, 0)
    archive.write_bytes(data)
    assert told_and_chest(archive.parent) == "the archive is broken (BadZipFile)"


@pytest.mark.parametrize("kind", [b"8", b"5", b"V", b"M"])
def test_a_tar_member_of_an_unknown_kind_is_told(tmp_path: Path, kind: bytes) -> None:
    series = write_series(tmp_path / "series", chest())
    (tmp_path / "x").mkdir()
    path = tmp_path / "x" / "a.tar"
    with tarfile.open(path, "w") as opened:
        opened.add(series, "x")
    with tarfile.open(path) as opened:
        start = opened.getmembers()[-1].offset
    data = bytearray(path.read_bytes())
    data[start + 156 : start + 157] = kind
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    path.write_bytes(data)
    assert told_and_chest(tmp_path / "x") == "the archive is broken (ReadError)"


def test_what_a_tar_says_of_all_members_is_not_copied_to_each(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz", format=tarfile.PAX_FORMAT) as opened:
        for k in range(30):
            info = tarfile.TarInfo(f"global{k}")
            info.type, words = (
                tarfile.XGLTYPE,
                b"".join(b"23 key%05d=0123456789\n" % (400 * k + j) for j in range(400)),
            )
            info.size = len(words)
            opened.addfile(info, io.BytesIO(words))
            opened.addfile(tarfile.TarInfo(f"{k}.md"))
        for k in range(3000):
            opened.addfile(tarfile.TarInfo(f"{k}.txt"))
    start = time.process_time()
    assert find_series([tmp_path]) == []
    assert time.process_time() - start < 5
