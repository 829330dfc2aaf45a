"""A bundle and another cohort of its kind in; a table of predictions, ready to be scored, out."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.datasets.targets import scalar_columns
from lungnet.datasets.view import straight
from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.nodule_network import judge_nodules
from lungnet.models.exported_network import LOGIT
from lungnet.progress import track
from lungnet.run_folder import TEST, RunFolder

log = logging.getLogger("lungnet")

BATCH = 32
"""Samples that are judged at a time."""


@dataclass(frozen=True, eq=False)
class CohortPredictions:
    """What a network says of a cohort that it was not trained on.

    Attributes:
        table: a row per sample, columns as `lungnet.evaluation.predictions` reads them.
        cohort: who was judged.
        data: where they lie.
        remarks: what a reader of the figures should know, a sentence each.
    """

    table: pd.DataFrame
    cohort: Cohort
    data: DataConfig
    remarks: tuple[str, ...]


def predict_cohort(network: BundleNetwork, path: Path, labels: Path | None) -> CohortPredictions:
    """Judge every sample of a cohort.

    Args:
        network: of a bundle.
        path: a store, or a nodule file, as the network's own `data.kind` says.
        labels: CSV of a store's labels; None: those in the store.

    Raises:
        LungnetError: the cohort cannot be read, or is none of the network's kind.
    """
    experiment = network.bundle.experiment
    data = DataConfig(
        kind=experiment.data.kind, path=str(path), labels=None if labels is None else str(labels)
    )
    cohort = load_cohort(data, experiment.input, experiment.preparation)
    remarks = [_patients_in_common(network, cohort), *_differences(network, cohort)]
    for remark in remarks:
        log.warning("%s: %s", path, remark)
    numbers = _scalars(cohort, experiment.input)
    parts = list(track(_judged(network, cohort, numbers), "predict", -(-len(cohort) // BATCH)))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    names = ["patient_id", "series_uid", "label", "diameter_mm"]
    if (cohort.table.get("readers", pd.Series(0, cohort.table.index)) > 0).any():
        names.append("readers")
    table = cohort.table[names].assign(split="", fold=-1, **columns)
    first = ["patient_id", "series_uid", "split", "fold", "label", "probability", "logit"]
    return CohortPredictions(
        table[[*first, *(name for name in table if name not in first)]],
        cohort,
        data,
        tuple(remarks),
    )


def _judged(
    network: BundleNetwork, cohort: Cohort, numbers: NDArray[np.float32] | None
) -> Iterator[dict[str, NDArray[np.float64]]]:
    """Columns of the table, batch by batch."""
    input_config = network.input_config
    view = straight(len(input_config.size))
    for start in range(0, len(cohort), BATCH):
        rows = range(start, min(start + BATCH, len(cohort)))
        samples = [cohort.read(row, view) for row in rows]
        scalars = np.zeros((len(rows), 0), np.float32) if numbers is None else numbers[rows]
        inputs: dict[str, NDArray[Any]] = {
            name: np.stack([sample[name] for sample in samples])
            for name in ("image", "present", "positions")
            if name in samples[0]
        }
        if input_config.kind == "nodule":
            answers = judge_nodules(network, inputs["image"], scalars)
            ratings = {f"predicted_{name}": values for name, values in answers.ratings.items()}
            yield {"logit": answers.logits, "probability": answers.probabilities, **ratings}
        else:
            if numbers is not None:
                inputs["scalars"] = scalars
            outputs = network.outputs(inputs)
            logits = np.asarray(outputs[LOGIT], np.float64)[:, 0]
            yield {"logit": logits, "probability": network.probabilities(outputs)}


def _scalars(cohort: Cohort, input_config: InputConfig) -> NDArray[np.float32] | None:
    """The numbers beside the images; a column that this cohort lacks is missing throughout."""
    names = [scalar.column for scalar in input_config.scalars]
    lacking = [name for name in names if name not in cohort.table]
    if lacking:
        log.warning("the cohort has no %s: taken as missing", ", ".join(lacking))
    return scalar_columns(cohort.table.assign(**dict.fromkeys(lacking, np.nan)), input_config)


def _differences(network: BundleNetwork, cohort: Cohort) -> Iterator[str]:
    """What differs between what the network was trained on and what it is shown."""
    trained_on, judged = network.bundle.preparation_hash, cohort.preparation_hash
    if trained_on != judged:
        cut = {True: "crops that others had cut", False: f"crops of recipe {trained_on or judged}"}
        yield f"trained on {cut[trained_on is None]}, shown {cut[judged is None]}"
    if network.is_synthetic and not cohort.is_synthetic:
        yield "the model was trained on synthetic patients only"


def _patients_in_common(network: BundleNetwork, cohort: Cohort) -> str:
    """Whether patients of the cohort are among those that the model has learned from."""
    patients = set(cohort.table["patient_id"])
    trained_on = _trained_on(network.bundle.path)
    if trained_on is None:
        return (
            "whether the model was trained on some of these patients cannot be checked: a bundle "
            "holds no patient ids"
        )
    common = len(patients & trained_on)
    if common:
        return (
            f"{common} of {len(patients)} patients are among those that the model has learned "
            "from: the figures flatter it"
        )
    return f"none of the {len(patients)} patients is among those that the model has learned from"


def _trained_on(bundle: Path) -> set[str] | None:
    """The patients of the run that a bundle lies in; None where it lies in none."""
    run = RunFolder(bundle.resolve().parent)
    if run.bundle != bundle.resolve() or not run.splits.is_file():
        return None
    try:
        splits = pd.read_csv(run.splits, dtype={"patient_id": str, "split": str})
        # With folds the bundle's network was trained on everybody.
        has_learned = (splits["split"] != TEST) | (splits["fold"] >= 0)
    except (ValueError, KeyError, TypeError):
        return None
    return set(splits.loc[has_learned, "patient_id"])
