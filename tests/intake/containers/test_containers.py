"""Archives: the same series through any door is the same volume, and no door lets a bomb in."""

import gzip
import io
import shutil
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_making import Making, chest, datasets, write, write_series, zipped

from lungnet.config.intake import IntakeConfig
from lungnet.intake import find_series, read_series
from lungnet.volume import Volume


def read_one(path: Path) -> Volume:
    (found,) = find_series([path])
    return read_series(found)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return write_series(tmp_path / "series", chest())


def test_a_zip_gives_the_same_volume_whatever_its_members_are_called(
    tmp_path: Path, series: Path
) -> None:
    volume = read_one(zipped(series, tmp_path / "a.zip", "../../etc/"))
    np.testing.assert_array_equal(volume.hu, chest())
    assert not (tmp_path.parent / "etc").exists()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_gives_the_same_volume(tmp_path: Path, series: Path, mode: str) -> None:
    path = tmp_path / f"a.tar{'.' if ':' in mode else ''}{mode[2:]}"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(series, "x")
        link = tarfile.TarInfo("passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    np.testing.assert_array_equal(read_one(path).hu, chest())


def test_nested_archives_are_read_to_a_depth(tmp_path: Path, series: Path) -> None:
    path = zipped(series, tmp_path / "0.zip")
    for depth in (1, 2):
        outer = tmp_path / f"{depth}.zip"
        with zipfile.ZipFile(outer, "w") as archive:
            archive.write(path, "inner.zip")
        path = outer
    np.testing.assert_array_equal(read_one(path).hu, chest())
    (found,) = find_series([path], IntakeConfig(deepest_nesting=2))
    assert found.refusal is not None
    assert found.refusal[0] == "too-large"


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_deflate_bomb_is_refused_quickly(tmp_path: Path, kind: str) -> None:
    path, zeros = tmp_path / f"bomb.{kind}", 100 << 20
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("a", b"\0" * zeros)
    else:
        block = gzip.compress(b"\0" * (1 << 20), 9)
        info = tarfile.TarInfo("a")
        info.size = zeros
        path.write_bytes(gzip.compress(info.tobuf()) + block * (zeros >> 20))
    start = time.perf_counter()
    (found,) = find_series([path])
    assert found.refusal is not None
    assert found.refusal[0] == "too-large"
    assert time.perf_counter() - start < 5


def test_a_broken_archive_is_refused(tmp_path: Path, series: Path) -> None:
    path = zipped(series, tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[:-200])
    (found,) = find_series([path])
    assert found.refusal is not None
    assert found.refusal[0] == "corrupt"


def test_members_are_bounded_in_size_and_number(tmp_path: Path, series: Path) -> None:
    path = zipped(series, tmp_path / "a.zip")
    air = zipped(write_series(tmp_path / "air", np.full((8, 64, 64), -1000)), tmp_path / "air.zip")
    for archive, limits in (
        (path, IntakeConfig(most_members=7)),
        (air, IntakeConfig(largest_ratio=2, always_allowed_bytes=0)),
    ):
        assert "too-large" in {
            found.refusal[0] for found in find_series([archive], limits) if found.refusal
        }
    assert find_series([path], IntakeConfig(most_members=8))[0].refusal is None
    with zipfile.ZipFile(path, "a") as added:
        added.writestr("large", b"\1" * (2 << 20))
    large, found = find_series([path], IntakeConfig(largest_member_bytes=1 << 20))
    assert large.refusal is not None
    assert large.refusal[0] == "too-large"
    np.testing.assert_array_equal(read_series(found).hu, chest())


def test_a_broken_member_does_not_hide_the_others(tmp_path: Path, series: Path) -> None:
    path = zipped(series, tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("broken", bytes(range(256)) * 200)
    data = bytearray(path.read_bytes())
    at = data.index(b"broken") + 6
    data[at : at + 40] = b"\xff" * 40
    path.write_bytes(data)
    broken, found = find_series([path])
    assert broken.refusal is not None
    assert broken.refusal[0] == "corrupt"
    np.testing.assert_array_equal(read_series(found).hu, chest())


def test_a_packed_tar_is_known_by_its_content(tmp_path: Path, series: Path) -> None:
    with tarfile.open(tmp_path / "export", "w:gz") as archive:
        archive.add(series, "x")
    np.testing.assert_array_equal(read_one(tmp_path / "export").hu, chest())


@pytest.mark.parametrize("damage", ["checksum", "cut", "no end"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_tar_does_not_lose_its_tail_in_silence(
    tmp_path: Path, series: Path, damage: str, *, packed: bool
) -> None:
    with tarfile.open(tmp_path / "whole.tar", "w") as archive:
        archive.add(series, "x")
    with tarfile.open(tmp_path / "whole.tar") as archive:
        starts = [info.offset for info in archive.getmembers()]
    data = bytearray((tmp_path / "whole.tar").read_bytes())
    (tmp_path / "whole.tar").unlink()
    if damage == "checksum":
        data[starts[6] + 150] ^= 1
    else:
        data = data[: starts[6]] if damage == "no end" else data[: starts[6] + 100]
    (tmp_path / "a.tar").write_bytes(gzip.compress(data) if packed else data)
    shutil.rmtree(series)
    *told, found = find_series([tmp_path])
    assert [one.refusal[0] for one in told if one.refusal] == ["corrupt"]
    assert "unreadable-beside" in {w.code for w in found.warnings}


def test_a_zip_at_the_end_of_a_tar_does_not_hide_the_rest(tmp_path: Path, series: Path) -> None:
    empty = tmp_path / "last.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("note.txt", "nothing")
    with tarfile.open(tmp_path / "a.tar", "w") as outer:
        outer.add(series, "x")
        outer.add(empty, "last.zip")
    np.testing.assert_array_equal(read_one(tmp_path / "a.tar").hu, chest())


def test_an_encrypted_archive_says_so(tmp_path: Path, series: Path) -> None:
    path = zipped(series, tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(signature, at + 4)
    path.write_bytes(data)
    (found,) = find_series([path])
    assert found.refusal == (
        "undecodable",
        "the archive is encrypted; unpack it with its password first",
    )


def test_links_that_go_round_end(tmp_path: Path, series: Path) -> None:
    (series / "round").symlink_to(series.parent)
    (series / "zero.dcm").symlink_to("/dev/zero")
    np.testing.assert_array_equal(read_one(series).hu, chest())


def test_a_tar_header_as_long_as_a_bomb_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz", compresslevel=1) as archive:
        name = tarfile.TarInfo("././@LongLink")
        name.type, name.size = tarfile.GNUTYPE_LONGNAME, 50 << 20
        archive.addfile(name, io.BytesIO(bytes(50 << 20)))
    (found,) = find_series([tmp_path])
    assert found.refusal == ("too-large", "a header in the archive takes more than 16,384 bytes")


def test_a_million_empty_members_are_a_bomb(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz", compresslevel=1) as archive:
        for k in range(200):
            archive.addfile(tarfile.TarInfo(str(k)))
    assert not find_series([tmp_path])
    (found,) = find_series([tmp_path], IntakeConfig(always_allowed_bytes=0))
    assert found.refusal is not None
    assert found.refusal[0] == "too-large"


def test_two_series_and_two_patients_in_one_folder_stay_apart(tmp_path: Path) -> None:
    write(tmp_path / "a", datasets(chest()), [f"a{k}" for k in range(8)])
    write(
        tmp_path / "a",
        datasets(chest(seed=1), Making(patient_id="P2")),
        [f"b{k}" for k in range(8)],
    )
    write(
        tmp_path / "a",
        datasets(chest(slices=5), Making(series_uid="1.2.3")),
        [f"c{k}" for k in range(5)],
    )
    found = find_series([tmp_path])
    assert [(f.patient_id, len(f.slices)) for f in found] == [("P1", 5), ("P1", 8), ("P2", 8)]
