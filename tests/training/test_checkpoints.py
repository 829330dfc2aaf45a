"""Two generations, each whole and checked.

The newest that holds is taken, and a foreign one never.
"""

import json

import numpy as np
import pytest

from lungnet.errors import CheckpointError, MachineError
from lungnet.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint


def state(epoch):
    arrays = {
        "network.0": np.full((2, 3), epoch, np.float32),
        "optimizer.0": np.array(epoch, np.int64),
    }
    return Checkpoint(
        epoch,
        arrays,
        {"history": [{"loss": 1 / (i + 3)} for i in range(epoch)], "best_epoch": epoch - 1},
    )


@pytest.fixture
def folder(tmp_path):
    for epoch in (1, 2, 3):
        save_checkpoint(tmp_path, state(epoch), "abc")
    return tmp_path


def damage(path, place=None):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if place is None else place] ^= 4
    path.write_bytes(data)


def test_two_generations_are_kept_and_the_newest_is_read(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["epoch-00002.json", "epoch-00002.npz", "epoch-00003.json", "epoch-00003.npz"]
    kept = load_checkpoint(folder, "abc")
    assert kept.epoch == 3
    assert kept.notes == state(3).notes
    assert kept.arrays.keys() == state(3).arrays.keys()
    for name, value in state(3).arrays.items():
        np.testing.assert_array_equal(kept.arrays[name], value)
        assert kept.arrays[name].dtype == value.dtype


def test_the_same_state_has_the_same_bytes(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    save_checkpoint(other, state(3), "abc")
    assert all(path.read_bytes() == (folder / path.name).read_bytes() for path in other.iterdir())


def test_no_checkpoint_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "nothing", "abc") is None


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_damaged_newest_falls_back_with_a_warning(folder, suffix, caplog):
    damage(folder / f"epoch-00003.{suffix}")
    assert load_checkpoint(folder, "abc").epoch == 2
    assert "epoch-00003.json is damaged" in caplog.text


def test_every_altered_byte_of_the_description_is_seen(folder):
    path = folder / "epoch-00003.json"
    whole = path.read_bytes()
    for place in range(len(whole) - 1):
        damage(path, place)
        kept = load_checkpoint(folder, "abc")
        # White space may change; what is said may not.
        assert kept.epoch == 2 or kept.notes == state(3).notes
        path.write_bytes(whole)


@pytest.mark.parametrize("how", ["missing", "cut", "empty", "text", "list"])
def test_a_half_missing_generation_falls_back(folder, how):
    if how == "missing":
        (folder / "epoch-00003.npz").unlink()
    else:
        text = {
            "cut": (folder / "epoch-00003.json").read_text()[:-9],
            "empty": "",
            "text": "{",
            "list": "[]",
        }[how]
        (folder / "epoch-00003.json").write_text(text)
    assert load_checkpoint(folder, "abc").epoch == 2


def test_an_array_file_without_description_does_not_count(folder):
    (folder / "epoch-00004.npz").write_bytes(b"half")
    assert load_checkpoint(folder, "abc").epoch == 3


def test_all_damaged_is_an_error_that_says_what_to_do(folder):
    damage(folder / "epoch-00003.npz")
    damage(folder / "epoch-00002.npz")
    with pytest.raises(
        CheckpointError, match=r"no checkpoint passes its checks .* train into another --run"
    ):
        load_checkpoint(folder, "abc")


def test_another_configuration_is_refused(folder):
    with pytest.raises(CheckpointError, match="another configuration or other data"):
        load_checkpoint(folder, "xyz")


def test_a_pickle_is_never_loaded_even_under_a_right_checksum(folder):
    class Bomb:
        def __reduce__(self):
            return (print, ("executed",))

    import hashlib
    import io

    from lungnet.files import canonical_hash, write_json

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, a=np.array([Bomb()], object))
    for epoch in (2, 3):
        path = folder / f"epoch-0000{epoch}.json"
        (folder / f"epoch-0000{epoch}.npz").write_bytes(buffer.getvalue())
        note = {
            **json.loads(path.read_text()),
            "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        }
        del note["note_sha256"]
        write_json(path, {**note, "note_sha256": canonical_hash(note)})
    with pytest.raises(CheckpointError, match="is damaged"):
        load_checkpoint(folder, "abc")


def test_a_full_disk_keeps_the_generation_before(folder, monkeypatch):
    import errno
    from pathlib import Path

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(MachineError, match="no space left"):
            save_checkpoint(folder, state(4), "abc")
    assert load_checkpoint(folder, "abc").epoch == 3
    assert not list(folder.glob(".unfinished*"))
