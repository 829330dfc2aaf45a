"""Two generations of all that a training needs to go on, checked and bound to its run."""

import hashlib
import io
import json
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungnet.errors import CheckpointError
from lungnet.files import canonical_hash, remove, write_bytes, write_json

log = logging.getLogger("lungnet")

GENERATIONS = 2


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a training after a whole epoch, or within one.

    Attributes:
        epoch: epochs done.
        arrays: weights, optimizer state, seed states and best weights, by name; within an epoch
            also its metrics so far.
        notes: plain values: history, best loss, epochs without gain.
        step: steps done of the next epoch.
    """

    epoch: int
    arrays: dict[str, NDArray[Any]]
    notes: dict[str, Any]
    step: int = 0

    @property
    def name(self) -> str:
        """Of its files."""
        return f"epoch-{self.epoch:05d}" + (f"-step-{self.step:06d}" if self.step else "")


def save_checkpoint(folder: Path, checkpoint: Checkpoint, run_hash: str) -> None:
    """Write the newest generation, then remove the oldest."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **checkpoint.arrays)
    data = buffer.getvalue()
    name = checkpoint.name
    write_bytes(folder / f"{name}.npz", data)
    # The description comes last: a generation without one does not exist.
    note = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "run": run_hash,
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "notes": checkpoint.notes,
    }
    write_json(folder / f"{name}.json", {**note, "note_sha256": canonical_hash(note)})
    for old in _generations(folder)[:-GENERATIONS]:
        remove(old)
        remove(old.with_suffix(".npz"))


def load_checkpoint(folder: Path, run_hash: str) -> Checkpoint | None:
    """The newest generation that passes its checks; None where there is none at all.

    Raises:
        CheckpointError: generations are there, but every one is damaged, or belongs to another
            configuration or other data.
    """
    problems = []
    for path in reversed(_generations(folder)):
        try:
            return _load(path, run_hash)
        except CheckpointError as error:
            problems.append(str(error))
            log.warning("%s; trying the generation before", error)
    if problems:
        raise CheckpointError(
            f"{folder}: no checkpoint passes its checks ({problems[0]}); delete this folder and "
            "--resume begins this network again, or train into another --run"
        )
    return None


def _generations(folder: Path) -> list[Path]:
    """Descriptions, oldest first: `epoch-00003` lies before `epoch-00003-step-000020`."""
    return sorted(folder.glob("epoch-*.json"), key=lambda path: path.stem)


def _load(path: Path, run_hash: str) -> Checkpoint:
    try:
        note = json.loads(path.read_text())
        data = path.with_suffix(".npz").read_bytes()
        is_whole = note.pop("note_sha256") == canonical_hash(note)
        expected, bound_to, notes = note["sha256"], note["run"], dict(note["notes"])
        epoch, step = int(note["epoch"]), int(note["step"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path.name} is damaged or half missing ({type(error).__name__})"
        ) from None
    if not is_whole:
        raise CheckpointError(f"{path.name} is damaged: its checksum does not hold")
    if bound_to != run_hash:
        raise CheckpointError(f"{path.name} belongs to another configuration or other data")
    if hashlib.sha256(data).hexdigest() != expected:
        raise CheckpointError(f"{path.name} is damaged: its checksum does not hold")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return Checkpoint(epoch, {name: arrays[name] for name in arrays.files}, notes, step)
    except (ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path.name} is damaged ({error})") from None
