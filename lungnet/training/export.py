"""From a trained network to a bundle.

Weights, the network exported for prediction, and what both must be told with.
"""

import io
import json
import logging
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino

from lungnet.config.experiment import Experiment
from lungnet.config.load import dump_experiment
from lungnet.config.model import InputConfig
from lungnet.datasets.cohort import Cohort, Inputs
from lungnet.errors import ExportError, MachineError
from lungnet.models.bundle import (
    CALIBRATION,
    CONFIG,
    NETWORK,
    PREPARATION,
    TRAINING,
    WEIGHTS,
    write_bundle,
)
from lungnet.models.exported_network import LOGIT, compile_network

log = logging.getLogger("lungnet")

LARGEST_DIFFERENCE = 1e-4
"""Between the logits of Keras and of the exported network; above it the export is refused."""


def make_bundle(
    path: Path,
    network: keras.Model,
    experiment: Experiment,
    cohort: Cohort,
    summary: dict[str, Any],
) -> None:
    """Write a bundle and prove its exported network against Keras on real inputs.

    Args:
        path: folder of the bundle.
        network: trained.
        experiment: resolved configuration.
        cohort: gives the inputs of the proof.
        summary: `calibration` (numbers) and `training` (what a reader should know).

    Raises:
        ExportError: the exported network differs by more than `LARGEST_DIFFERENCE`.
    """
    probe = _probe(cohort, experiment.input)
    expected = network.predict(probe, verbose=0)["logit"]
    export = _exported(network)
    difference = float(np.abs(compile_network(export)(probe)[LOGIT] - expected).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported network differs from Keras by {difference:.2g} in the logit; at most "
            f"{LARGEST_DIFFERENCE:g} is accepted"
        )
    preparation = {"hash": cohort.preparation_hash, "settings": experiment.preparation.rules()}
    files = {
        CONFIG: dump_experiment(experiment),
        PREPARATION: _json(preparation),
        CALIBRATION: _json(summary["calibration"]),
        TRAINING: _json({**summary["training"], "export_difference": difference}),
    }

    def fill(folder: Path) -> None:
        """Write the weights and the exported network."""
        try:
            network.save_weights(folder / WEIGHTS)
            openvino.save_model(export, folder / NETWORK, compress_to_fp16=False)
        except RuntimeError as error:  # neither HDF5 nor OpenVINO tells a full disk as an OSError
            raise MachineError(
                f"{path}: the network cannot be written, most likely because the disk is full; "
                "free some and run the same command again"
            ) from error

    write_bundle(path, files, fill)
    log.info(
        "bundle: the exported network differs from Keras by at most %.1g in the logit", difference
    )


def _exported(network: keras.Model) -> Any:
    """The network as an OpenVINO model.

    The converter's remarks are of no use to people and are dropped.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        path = Path(folder) / "network.xml"
        network.export(str(path), format="openvino", verbose=False)
        return openvino.Core().read_model(path, path.with_suffix(".bin")).clone()


def _probe(cohort: Cohort, input_config: InputConfig) -> Inputs:
    rows = range(min(4, len(cohort)))
    samples = [cohort.read(row, (0,) * len(input_config.size)) for row in rows]
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
