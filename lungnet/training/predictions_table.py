"""A row for each sample that was judged: what `predictions.csv` of a run holds."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from lungnet.config.model import RATINGS, RATINGS_OUTPUT
from lungnet.datasets.brightness import centre_brightness, diameter_and_brightness
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.targets import LOGIT, OUTLINE
from lungnet.datasets.view import straight
from lungnet.models.nodule_outputs import readers_ratings
from lungnet.run_folder import TRAIN
from lungnet.training.judging import Judgement

COLUMNS = (
    "patient_id",
    "series_uid",
    "split",
    "fold",
    "label",
    "probability",
    "logit",
    "diameter_mm",
)
"""Of every run; those of nodules have more."""


def predictions_table(
    cohort: Cohort, judgement: Judgement, fold: int | None, brightness: NDArray[np.float64] | None
) -> pd.DataFrame:
    """A row for each sample that the judge was asked about.

    Args:
        cohort: all samples.
        judgement: of some of them.
        fold: of the judge, or None without folds.
        brightness: of all samples, as `cohort_brightness`; None where there is none.
    """
    rows, outputs = judgement.rows, judgement.outputs
    split = judgement.judge.split
    logits = outputs[LOGIT][:, 0]
    asked = cohort.table.iloc[rows]
    table = asked.assign(
        split=split.iloc[rows],
        fold=-1 if fold is None else fold,
        probability=judgement.calibration.apply(logits),
        logit=logits,
    )
    columns = list(COLUMNS)
    members = judgement.member_logits
    if members.shape[1] > 1:
        for number in range(members.shape[1]):
            table[f"logit_{number:02d}"] = members[:, number]
            columns.append(f"logit_{number:02d}")
    if len(judgement.passes):
        probabilities = judgement.calibration.apply(judgement.passes)
        table["passes_mean"], table["passes_spread"] = probabilities.mean(0), probabilities.std(0)
        columns += ["passes_mean", "passes_spread"]
    if brightness is not None:
        table["diameter_and_brightness"] = diameter_and_brightness(
            cohort.table["diameter_mm"].to_numpy(np.float64),
            brightness,
            cohort.table["label"].to_numpy(),
            (split == TRAIN).to_numpy(),
        )[rows]
        columns.append("diameter_and_brightness")
    if (asked.get("readers", pd.Series(0, asked.index)) > 0).any():
        columns.append("readers")
    for name, values in _of_heads(cohort, judgement).items():
        table[name] = values
        columns.append(name)
    return table[columns]


def unseen_table(cohort: Cohort, judgement: Judgement) -> pd.DataFrame:
    """A row for each sample that fitted a judge's calibration: choices may be made on these."""
    columns = cohort.table[["patient_id", "series_uid", "label"]].iloc[judgement.unseen]
    return columns.assign(judge=judgement.judge.name, logit=judgement.unseen_logits)


def cohort_brightness(cohort: Cohort, dimensions: int) -> NDArray[np.float64]:
    """Nine brightness numbers of each sample's centre, HU, shape (samples, 9)."""
    view = straight(dimensions)
    return centre_brightness(
        cohort.read(row, view)["image"].astype(np.int16, copy=False) for row in range(len(cohort))
    )


def _of_heads(cohort: Cohort, judgement: Judgement) -> dict[str, NDArray[np.float64]]:
    """What the further heads say: ratings in the readers' units, the outline's Dice and size."""
    outputs = judgement.outputs
    columns: dict[str, NDArray[np.float64]] = {}
    if "attributes" in outputs:
        ratings = readers_ratings(outputs["attributes"])
        columns |= {f"predicted_{name}": values for name, values in ratings.items()}
    if "diameter" in outputs:
        columns["predicted_diameter_mm"] = np.exp(outputs["diameter"][:, 0])
    if RATINGS_OUTPUT in outputs:
        # Averages of log-probabilities, over symmetries or networks, do not add up to 1.
        shares = softmax(outputs[RATINGS_OUTPUT], axis=1)
        columns |= {f"predicted_rating_{n}": shares[:, i] for i, n in enumerate(RATINGS)}
    if OUTLINE in outputs:
        drawn = outputs[OUTLINE] > 0
        columns["outline_dice"] = _dice(cohort, judgement.rows, drawn)
    return columns


def _dice(cohort: Cohort, rows: NDArray[np.int64], drawn: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Overlap of each outline with the cohort's own; NaN where that is not known."""
    values = np.full(len(rows), np.nan)
    for number, row in enumerate(rows.tolist()):
        outline = cohort.read(row, straight(drawn.ndim - 1)).get("outline")
        if outline is not None:
            inside = outline.astype(bool)
            total = int(inside.sum()) + int(drawn[number].sum())
            values[number] = 2 * int((inside & drawn[number]).sum()) / total if total else 1.0
    return values
