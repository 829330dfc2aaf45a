"""RUN/unsealed: what `lungnet seal` needs of a training whose machine cannot make a bundle."""

import importlib
import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lungnet.config.experiment import Experiment
from lungnet.errors import BundleError
from lungnet.files import (
    canonical_hash,
    file_hash,
    read_bounded,
    remove,
    replacing,
    write_bytes,
    write_json,
)
from lungnet.models.bundle import LARGEST_BYTES, LARGEST_DESCRIPTION_BYTES, WEIGHTS, network_folders
from lungnet.run_folder import RunFolder
from lungnet.training.bundling.material import BundleMaterial, ExportProof
from lungnet.training.bundling.weights import read_network, write_weights

log = logging.getLogger("lungnet")

DESCRIPTION, PROOF = "unsealed.json", "proof.npz"
LOGITS, INPUT = "logits", "input."
"""Names in the file of the proof; those of inputs follow the second."""


def lacking_to_seal() -> str | None:
    """Why this process cannot make a bundle; None where it can."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        return f"training.backend is {backend}"
    try:
        importlib.import_module("openvino")
    except ImportError as error:
        return f"OpenVINO cannot be imported ({error})"
    return None


def make_or_prepare_bundle(
    run: RunFolder, networks: Sequence[keras.Model], material: BundleMaterial
) -> None:
    """The bundle of a run; where it cannot be made here, what makes it elsewhere, and a line on it.

    Raises:
        ExportError: an exported network differs from Keras.
        MachineError: something cannot be written.
    """
    lacking = lacking_to_seal()
    if lacking is None:
        from lungnet.training.bundling.export import make_bundle

        make_bundle(run.bundle, networks, material)
        remove(run.unsealed)
    elif not run.bundle.is_dir():  # a run that is sealed and gone on with has nothing new
        write_unsealed(run.unsealed, networks, material)
        log.warning(
            "%s: no bundle is made, as %s; `lungnet seal %s` makes it where TensorFlow and "
            "OpenVINO are",
            run.path,
            lacking,
            run.path,
        )


def write_unsealed(path: Path, networks: Sequence[keras.Model], material: BundleMaterial) -> None:
    """Write weights, description and proof, whole or not at all.

    Raises:
        MachineError: they cannot be written.
    """
    with replacing(path) as folder:
        write_weights(folder, networks)
        arrays = {f"{INPUT}{name}": values for name, values in material.proof.inputs.items()}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays, **{LOGITS: material.proof.logits})
        write_bytes(folder / PROOF, buffer.getvalue())
        note = {
            "files": {name: file_hash(folder / name) for name in _names(len(networks))},
            "networks": len(networks),
            "config_hash": material.experiment.config_hash(),
            "preparation_hash": material.preparation_hash,
            "summary": material.summary,
        }
        write_json(folder / DESCRIPTION, {**note, "note_sha256": canonical_hash(note)})


def read_unsealed(path: Path, experiment: Experiment) -> tuple[list[keras.Model], BundleMaterial]:
    """The networks, built and given their weights, and what else goes into the bundle.

    Args:
        path: the folder.
        experiment: of the run.

    Raises:
        BundleError: something is missing, altered, or of another configuration.
    """
    note = _checked_note(path)
    if note["config_hash"] != experiment.config_hash():
        raise BundleError(
            f"{path}: belongs to another configuration than the run's ({note['config_hash']}, "
            f"the run's is {experiment.config_hash()}); copy the run again"
        )
    with np.load(path / PROOF, allow_pickle=False) as arrays:
        inputs = {
            name.removeprefix(INPUT): arrays[name]
            for name in arrays.files
            if name.startswith(INPUT)
        }
        proof = ExportProof(inputs, arrays[LOGITS])
    networks = [
        read_network(path / subfolder, experiment)
        for subfolder in network_folders(note["networks"])
    ]
    return networks, BundleMaterial(experiment, note["preparation_hash"], note["summary"], proof)


def _checked_note(path: Path) -> dict[str, Any]:
    """What the description says, once every byte beside it is what was written."""
    try:
        note = dict(json.loads(read_bounded(path / DESCRIPTION, LARGEST_DESCRIPTION_BYTES)))
        is_whole = note.pop("note_sha256") == canonical_hash(note)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(
            f"{path / DESCRIPTION}: is damaged or missing ({type(error).__name__}); copy the run "
            "again"
        ) from None
    altered = None if is_whole else DESCRIPTION
    for name, expected in note["files"].items() if is_whole else ():
        file = path / name
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES or file_hash(file) != expected:
            altered = altered or name
    if altered:
        raise BundleError(
            f"{path}: {altered} was altered, cut or lost: its checksum does not hold; copy the run "
            "again"
        )
    return note


def _names(count: int) -> list[str]:
    weights = [Path(subfolder, WEIGHTS).as_posix() for subfolder in network_folders(count)]
    return [*weights, PROOF]
