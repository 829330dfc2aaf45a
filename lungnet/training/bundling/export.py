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
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.config.load import dump_experiment
from lungnet.datasets.cohort import Inputs
from lungnet.datasets.crop_recipe import recipe_settings
from lungnet.errors import ExportError
from lungnet.models.bundle import (
    CALIBRATION,
    CARD,
    CONFIG,
    NETWORK,
    PREPARATION,
    TRAINING,
    network_folders,
    write_bundle,
)
from lungnet.models.exported_network import LOGIT, compile_network
from lungnet.processes.native_errors import full_temporary_folder_told
from lungnet.training.bundling.card import model_card
from lungnet.training.bundling.material import BundleMaterial, ExportProof
from lungnet.training.bundling.weights import full_disk_told, write_weights
from lungnet.training.judging import shown_network

log = logging.getLogger("lungnet")

LARGEST_DIFFERENCE = 1e-4
"""Between the logits of Keras and of the exported network, as a share of the largest logit where
that is above 1; beyond it the export is refused."""


def make_bundle(path: Path, networks: Sequence[keras.Model], material: BundleMaterial) -> None:
    """Write a bundle and prove its exported networks by what was said of real inputs.

    Args:
        path: folder of the bundle.
        networks: trained; their logits are averaged.
        material: what else goes into it.

    Raises:
        ExportError: an exported network differs by more than `LARGEST_DIFFERENCE`.
    """
    experiment, summary = material.experiment, material.summary
    exports, difference = export_networks(networks, experiment, material.proof)
    preparation = {
        "hash": material.preparation_hash,
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
    networks: Sequence[keras.Model], experiment: Experiment, proof: ExportProof
) -> tuple[list[Any], float]:
    """The networks as OpenVINO models, and by how much they differ from what was said.

    Raises:
        ExportError: one differs by more than `LARGEST_DIFFERENCE`.
    """
    exports = [exported(shown_network(experiment, network)) for network in networks]
    return exports, max(
        _difference(export, proof.inputs, logits)
        for export, logits in zip(exports, proof.logits, strict=True)
    )


def _write_networks(folder: Path, networks: Sequence[keras.Model], exports: list[Any]) -> None:
    """The weights and the export of each network."""
    write_weights(folder, networks)
    with full_disk_told():
        for export, subfolder in zip(exports, network_folders(len(networks)), strict=True):
            path = folder / subfolder / NETWORK
            path.parent.mkdir()
            openvino.save_model(export, path, compress_to_fp16=False)


def _difference(export: Any, inputs: Inputs, logits: NDArray[np.floating[Any]]) -> float:
    """Of the logits, as a share of the largest where that is above 1.

    Raises:
        ExportError: it is above `LARGEST_DIFFERENCE`.
    """
    scale = max(1.0, float(np.abs(logits).max()))
    difference = float(np.abs(compile_network(export)(inputs)[LOGIT] - logits).max()) / scale
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
