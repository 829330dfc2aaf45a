"""Files appear whole or not at all, and their checksums depend on what they hold only."""

import errno
import os
import threading

import pytest

from lungnet.errors import MachineError
from lungnet.files import (
    UNFINISHED,
    canonical_hash,
    file_hash,
    folder_hash,
    harmless,
    remove,
    remove_unfinished,
    replacing,
    write_json,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "ähnlich")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "ähnlich".encode()
    assert names(tmp_path / "new") == ["a.txt"]


@pytest.mark.parametrize("failure", [ValueError("bug"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_nobody_sees_the_new_file_before_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"


def test_a_folder_replaces_a_folder(tmp_path):
    for text in ("old", "new"):
        with replacing(tmp_path / "folder") as temporary:
            (temporary / "deep").mkdir(parents=True)
            (temporary / "deep" / text).write_text(text)
    assert names(tmp_path / "folder" / "deep") == ["new"]
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk"),
        (errno.EDQUOT, "no space left on the disk"),
        (errno.EACCES, "denied"),
    ],
)
def test_what_the_machine_refuses_is_told_with_the_path(tmp_path, number, words):
    def fail():
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(MachineError, match=words) as caught:
        fail()
    assert str(tmp_path / "a.txt") in str(caught.value)
    assert names(tmp_path) == []


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "in the way").write_text("")
    with pytest.raises(MachineError, match="in the way"):
        write_text(tmp_path / "in the way" / "a.txt", "")


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / f"{UNFINISHED}12-a.txt").write_text("half")
    (tmp_path / f"{UNFINISHED}12-bundle").mkdir()
    (tmp_path / f"{UNFINISHED}12-bundle" / "inner").write_text("half")
    (tmp_path / "kept.txt").write_text("whole")
    remove_unfinished(tmp_path)
    assert names(tmp_path) == ["kept.txt"]


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    remove(tmp_path / "nothing")
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["a"]


def test_json_of_equal_values_has_equal_bytes_and_nan_is_refused(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, "ü"]})
    write_json(tmp_path / "b.json", {"a": [1.5, "ü"], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (
        canonical_hash({"a": 1, "b": 2})
        == canonical_hash({"b": 2, "a": 1})
        != canonical_hash({"a": 1, "b": 2.0})
    )
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "c.json", {"a": float("nan")})
    assert names(tmp_path) == ["a.json", "b.json"]


def test_a_folder_hash_depends_on_names_and_bytes(tmp_path):
    for folder, name, text in (("a", "x", "1"), ("b", "x", "1"), ("c", "y", "1"), ("d", "x", "2")):
        write_text(tmp_path / folder / "deep" / name, text)
    hashes = [folder_hash(tmp_path / folder) for folder in "abcd"]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    assert (
        file_hash(tmp_path / "a" / "deep" / "x")
        == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    )


def test_readers_meet_whole_files_while_a_writer_replaces_them(tmp_path):
    path = tmp_path / "a.txt"
    texts = ["1" * 50_000, "2" * 50_000]
    write_text(path, texts[0])
    stop, torn = threading.Event(), []

    def read():
        while not stop.is_set():
            text = path.read_text()
            if text not in texts:
                torn.append(len(text))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(30):
        write_text(path, texts[i % 2])
    stop.set()
    reader.join()
    assert torn == []


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "=cmd|' /C calc'!A0"])
def test_cells_that_a_spreadsheet_would_run_are_defused_once(cell):
    assert harmless(harmless(cell)) == f"'{cell}"
