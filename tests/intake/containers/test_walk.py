"""Where files come from: each is met once, and what cannot be met is told."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from dicom_making import Making, chest, datasets, write, write_series
from pydicom.uid import JPEGLSLossless, RLELossless

from lungnet.config.intake import IntakeConfig
from lungnet.errors import InputError, SeriesRefused
from lungnet.intake import find_series, read_series


def warning_of(paths: list[Path]) -> dict[str, str]:
    (found,) = find_series(paths)
    volume = read_series(found)
    np.testing.assert_array_equal(volume.hu, chest()[: len(volume.hu)])
    return {w.code: w.detail for w in volume.warnings}


def test_a_file_that_is_named_beside_its_folder_is_read_once(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "a", chest())
    files = sorted(folder.iterdir())
    assert not warning_of([files[0], folder, files[1], folder / ".." / "a"])
    assert not warning_of([*files, files[3]])


def test_a_series_may_lie_at_relative_and_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = datasets(chest())
    write(tmp_path / "a", made[:5])
    write(tmp_path / "b", made[5:], ["5", "6", "7"])
    monkeypatch.chdir(tmp_path)
    assert not warning_of([Path("a"), tmp_path / "b"])


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "open", chest())
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def guarded(path: Path) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    refused, usable = find_series([tmp_path])
    assert (refused.path, refused.refusal) == (
        closed,
        ("corrupt", "cannot be read (Permission denied)"),
    )
    assert usable.refusal is None


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "a", chest())
    (found,) = find_series([folder])
    (folder / "002.dcm").unlink()
    with pytest.raises(SeriesRefused, match="undecodable: the file cannot be read any more"):
        read_series(found)


@pytest.mark.parametrize(
    "left",
    [
        b"",
        bytes(60),
        bytes(128) + b"D",
        bytes(128) + b"DIC",
        bytes(5000),
        bytes(128) + b"DICX" + bytes(9000),
        None,
    ],
)
def test_what_is_left_of_a_lost_slice_is_noticed(tmp_path: Path, left: bytes | None) -> None:
    folder = write_series(tmp_path / "a", chest())
    last = folder / "007.dcm"
    last.unlink()
    if left is None:
        last.symlink_to(tmp_path / "nowhere")
    else:
        last.write_bytes(left)
    assert "unreadable-beside" in warning_of([folder])


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_fragments_that_were_cut_are_refused(tmp_path: Path, syntax: str) -> None:
    folder = write_series(tmp_path / "a", chest(), Making(syntax=syntax))
    path = folder / "004.dcm"
    path.write_bytes(path.read_bytes()[:-9])  # eight bytes are the end of the sequence
    (found,) = find_series([folder])
    with pytest.raises(SeriesRefused, match="undecodable: pixel data is truncated"):
        read_series(found)


def test_a_codestream_of_several_components_is_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "a", chest(), Making(syntax=JPEGLSLossless))
    path = folder / "004.dcm"
    data = bytearray(path.read_bytes())
    data[data.index(b"\xff\xf7") + 9] = 3
    path.write_bytes(data)
    (found,) = find_series([folder])
    with pytest.raises(SeriesRefused, match="3 components"):
        read_series(found)


def test_a_compressed_picture_that_promises_too_much_is_refused_by_its_header(
    tmp_path: Path,
) -> None:
    folder = write_series(tmp_path, np.full((4, 256, 256), -1000), Making(syntax=RLELossless))
    (found,) = find_series([folder], IntakeConfig(largest_ratio=10, always_allowed_bytes=0))
    assert found.refusal is not None
    assert found.refusal[0] == "too-large"
    (found,) = find_series([folder], IntakeConfig(largest_ratio=10))
    assert found.refusal is None


def test_folders_may_be_deeper_than_calls_may_nest(tmp_path: Path) -> None:
    folders = [tmp_path / "d"]
    for _ in range(sys.getrecursionlimit() + 100):
        folders.append(folders[-1] / "d")
    for folder in folders:
        folder.mkdir()
    try:
        write_series(folders[-1] / "a", chest())
        assert not warning_of([tmp_path])
    finally:
        shutil.rmtree(folders[-1] / "a")
        for folder in reversed(folders):
            folder.rmdir()


@pytest.mark.parametrize("name", ["a" * 5000, "no\x1b[31mforged\nline"])
def test_a_path_that_cannot_be_is_told_in_one_plain_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file or folder") as caught:
        find_series([tmp_path / name])
    assert str(caught.value).isprintable()
