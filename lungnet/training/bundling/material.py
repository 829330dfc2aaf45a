"""What a bundle is made of beside the weights, and what proves its export; all of it is data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.datasets.batches import TaskBatches
from lungnet.datasets.cohort import Inputs
from lungnet.datasets.targets import LOGIT
from lungnet.training.judging import shown_network

PROBED = 4
"""Samples on whose inputs an exported network is held against Keras."""


@dataclass(frozen=True, eq=False)
class ExportProof:
    """What the trained networks said of real inputs.

    Attributes:
        inputs: by name, the first axis the samples.
        logits: as each network answers, shape (networks, samples, 1).
    """

    inputs: Inputs
    logits: NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class BundleMaterial:
    """A bundle's plain files, and the proof of its export.

    Attributes:
        experiment: resolved configuration.
        preparation_hash: of the preparation of the scans, or of the recipe of the crops.
        summary: `calibration` (numbers) and `training` (what a reader should know).
        proof: what the networks said.
    """

    experiment: Experiment
    preparation_hash: str | None
    summary: dict[str, Any]
    proof: ExportProof


def export_proof(
    networks: Sequence[keras.Model], batches: TaskBatches, experiment: Experiment
) -> ExportProof:
    """Ask the networks about the first samples of a cohort."""
    inputs = batches.inputs(range(min(PROBED, len(batches.cohort))))
    answers = [
        shown_network(experiment, network).predict(inputs, verbose=0)[LOGIT] for network in networks
    ]
    return ExportProof(inputs, np.stack(answers))


def bundle_material(
    networks: Sequence[keras.Model],
    batches: TaskBatches,
    experiment: Experiment,
    summary: dict[str, Any],
) -> BundleMaterial:
    """All that a bundle of these networks needs beside their weights.

    Args:
        networks: trained.
        batches: give the inputs of the proof.
        experiment: resolved configuration.
        summary: as of `BundleMaterial`.
    """
    proof = export_proof(networks, batches, experiment)
    return BundleMaterial(experiment, batches.cohort.preparation_hash, summary, proof)
