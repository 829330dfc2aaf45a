"""From a trained network to a bundle.

Weights, the network exported for prediction, and what both must be told with.
"""

import io
import json
import logging
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino

from lungnet.config.experiment import Experiment
from lungnet.config.load import dump_experiment
from lungnet.datasets.batches import TaskBatches
from lungnet.datasets.cohort import Inputs
from lungnet.datasets.crop_recipe import recipe_settings
from lungnet.errors import ExportError, MachineError
from lungnet.models.bundle import (
    CALIBRATION,
    CARD,
    CONFIG,
    NETWORK,
    PREPARATION,
    TRAINING,
    WEIGHTS,
    network_folders,
    write_bundle,
)
from lungnet.models.exported_network import LOGIT, compile_network
from lungnet.processes.native_errors import full_temporary_folder_told
from lungnet.training.bundling.card import model_card
from lungnet.training.judging import shown_network

log = logging.getLogger("lungnet")

LARGEST_DIFFERENCE = 1e-4
"""Between the logits of Keras and of the exported network, as a share of the largest logit where
that is above 1; beyond it the export is refused."""


def make_bundle(
    path: Path,
    networks: Sequence[keras.Model],
    batches: TaskBatches,
    experiment: Experiment,
    summary: dict[str, Any],
) -> None:
    """Write a bundle and prove its exported networks against Keras on real inputs.

    Args:
        path: folder of the bundle.
        networks: trained; their logits are averaged.
        batches: give the inputs of the proof.
        experiment: resolved configuration.
        summary: `calibration` (numbers) and `training` (what a reader should know).

    Raises:
        ExportError: an exported network differs by more than `LARGEST_DIFFERENCE`.
    """
    exports, difference = export_networks(networks, batches, experiment)
    preparation = {
        "hash": batches.cohort.preparation_hash,
        "settings": recipe_settings(experiment.preparation, experiment.input),
    }
    files = {
        CONFIG: dump_experiment(experiment),
        PREPARATION: _json(preparation),
        CALIBRATION: _json(summary["calibration"]),
        TRAINING: _json({**summary["training"], "export_difference": difference}),
    }
    files[CARD] = model_card(experiment, summary["training"], summary["calibration"])
    write_bundle(path, files, lambda folder: _write_networks(folder, networks, exports))
    log.info(
        "bundle: the exported network differs from Keras by at most %.1g of the logit", difference
    )


def export_networks(
    networks: Sequence[keras.Model], batches: TaskBatches, experiment: Experiment
) -> tuple[list[Any], float]:
    """The networks as OpenVINO models, and by how much they differ from Keras on real inputs.

    Raises:
        ExportError: one differs by more than `LARGEST_DIFFERENCE`.
    """
    probe = batches.inputs(range(min(4, len(batches.cohort))))
    answering = [shown_network(experiment, network) for network in networks]
    exports = [exported(network) for network in answering]
    return exports, max(
        _difference(network, export, probe)
        for network, export in zip(answering, exports, strict=True)
    )


def _write_networks(folder: Path, networks: Sequence[keras.Model], exports: list[Any]) -> None:
    """The weights and the export of each network."""
    subfolders = network_folders(len(networks))
    try:
        for network, export, subfolder in zip(networks, exports, subfolders, strict=True):
            (folder / subfolder / NETWORK).parent.mkdir(parents=True)
            network.save_weights(folder / subfolder / WEIGHTS)
            openvino.save_model(export, folder / subfolder / NETWORK, compress_to_fp16=False)
    except RuntimeError as error:  # neither HDF5 nor OpenVINO tells a full disk as an OSError
        raise MachineError(
            "the bundle's network cannot be written, most likely because the disk is full; free "
            "some and run the same command again"
        ) from error


def _difference(network: keras.Model, export: Any, probe: Inputs) -> float:
    """Of the logits, as a share of the largest where that is above 1.

    Raises:
        ExportError: it is above `LARGEST_DIFFERENCE`.
    """
    expected = network.predict(probe, verbose=0)[LOGIT]
    scale = max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(compile_network(export)(probe)[LOGIT] - expected).max()) / scale
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported network differs from Keras by {difference:.2g} of the logit; at most "
            f"{LARGEST_DIFFERENCE:g} is accepted"
        )
    return difference


def exported(network: keras.Model) -> Any:
    """The network as an OpenVINO model.

    The converter's remarks are of no use to people and are dropped.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        full_temporary_folder_told(),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        path = Path(folder) / "network.xml"
        network.export(str(path), format="openvino", verbose=False)
        return openvino.Core().read_model(path, path.with_suffix(".bin")).clone()


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
