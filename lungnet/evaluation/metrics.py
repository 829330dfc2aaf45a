"""A predictions table comes in.

Every figure with its 95 % interval over patients, the baselines and a verdict go out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lungnet import seeds
from lungnet.evaluation import bootstrap
from lungnet.evaluation.baselines import (
    DiameterAndBrightness,
    LargestDiameter,
    Prior,
    brier_scores,
    diameter_and_brightness,
    largest_diameter,
    log_losses,
    prior,
)
from lungnet.evaluation.curves import (
    Curve,
    OperatingPoint,
    ReliabilityBin,
    average_precision,
    expected_calibration_error,
    highest_tpr,
    operating_points,
    precision_recall_curve,
    ranking,
    reliability,
    roc_curve,
    specificity_at,
)
from lungnet.evaluation.intervals import Floats, Interval, Ints, proportion, roc_auc
from lungnet.evaluation.predictions import check_predictions, scored_rows
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.evaluation.subgroups import Subgroup, subgroups
from lungnet.evaluation.thresholds import Threshold, choose_threshold
from lungnet.run_folder import TRAIN

METHODS = {
    "level": "95 %, over patients",
    "roc_auc": "DeLong on the logit scale; several rows of a patient as Obuchowski",
    "proportions": "Wilson, with the design effect of patients with several rows",
    "others": "bias-corrected bootstrap of patients, not stratified",
    "ece": "equal-mass bins, at most 10",
}


@dataclass(frozen=True, eq=False)
class Metrics:
    """What a table of predictions is worth.

    Attributes:
        split: which rows were scored.
        rows: the scored rows, with a further bool column `called` (at or above the threshold).
        patients: number of patients among them.
        figures: name -> figure with interval, or None where it is undefined (no row was called
            positive: no `ppv`).
        threshold: where a probability becomes a yes.
        prior: the constant prevalence.
        largest_diameter: the diameter alone, or None where no diameters are known.
        diameter_and_brightness: a simple model of both, or None where the table does not bring it.
        roc: ROC curve on a grid with its bootstrap band; `roc_points` the exact one.
        subgroups: figures by number of readers, where the table has it.
        notes: what a reader should know about the table (a patient in two splits, say).
    """

    split: str
    rows: pd.DataFrame
    patients: int
    figures: Mapping[str, Interval | None]
    threshold: Threshold
    prior: Prior
    largest_diameter: LargestDiameter | None
    diameter_and_brightness: DiameterAndBrightness | None
    roc: Curve
    roc_points: Curve
    precision_recall: Curve
    reliability: tuple[ReliabilityBin, ...]
    operating_points: tuple[OperatingPoint, ...]
    synthetic: bool
    config: ScoringConfig
    subgroups: tuple[Subgroup, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of scored rows."""
        return len(self.rows)

    @property
    def positives(self) -> int:
        """Number of scored rows with label 1."""
        return int(self.rows["label"].sum())

    @property
    def verdict(self) -> str:
        """`skill`: the AUC's lower bound is above 0.5 and the log loss below the prior's.

        Or `no skill`.
        """
        skill = (
            self.figure("roc_auc").low > 0.5 and self.figure("log_loss").value < self.prior.log_loss
        )
        return "skill" if skill else "no skill"

    @property
    def beyond_baseline(self) -> bool | None:
        """Whether the model ranks better than diameter and brightness; None where unknown."""
        baseline = self.diameter_and_brightness
        return None if baseline is None else baseline.is_beaten

    def figure(self, name: str) -> Interval:
        """One figure that is never undefined (`roc_auc`, `log_loss`, `accuracy`, ...)."""
        figure = self.figures[name]
        if figure is None:
            raise KeyError(name)
        return figure

    def to_json(self) -> dict[str, Any]:
        """The document `metrics.json`; keys as in the contract, undefined figures null."""
        return {
            "n": self.n,
            "positives": self.positives,
            "patients": self.patients,
            "split": self.split,
            "verdict": self.verdict,
            **{name: _json(figure) for name, figure in self.figures.items()},
            "threshold": self.threshold.to_json(),
            "baselines": {
                "prior": self.prior.to_json(),
                "largest_diameter": _json(self.largest_diameter),
                "diameter_and_brightness": _json(self.diameter_and_brightness),
            },
            "beyond_baseline": self.beyond_baseline,
            "subgroups": [subgroup.to_json() for subgroup in self.subgroups],
            "label_noise": self.config.label_noise or None,
            "reliability": [
                {**vars(reliability_bin), "observed": reliability_bin.observed.to_json()}
                for reliability_bin in self.reliability
            ],
            "intervals": {
                **METHODS,
                "replicates": self.config.replicates,
                "seed": self.config.seed,
            },
            "notes": list(self.notes),
            "synthetic": self.synthetic,
        }


def evaluate_table(table: pd.DataFrame, config: ScoringConfig | None = None) -> Metrics:
    """Score predictions; a pure function of its arguments.

    Args:
        table: columns as `read_predictions` describes them; checked here again.
        config: how; the defaults where None.

    Raises:
        PredictionsError: a table that cannot be scored, naming row and column.
    """
    config = config or ScoringConfig()
    table = check_predictions(table)
    rows, split = scored_rows(table, config.split)
    patients = pd.factorize(rows["patient_id"])[0].astype(np.int64)
    threshold = _threshold(table, rows, config.threshold)
    rows = rows.assign(called=threshold.decide(rows))
    labels, probabilities = rows["label"].to_numpy(), rows["probability"].to_numpy()
    constant = prior(labels, _train_prevalence(table, config))
    bins = reliability(labels, probabilities, patients)
    sample = bootstrap.sample_of(labels, probabilities, patients, log_losses(labels, probabilities))
    draws = bootstrap.resample(sample, config.replicates, seeds.stream(config.seed, "bootstrap"))
    figures = _ranking_figures(labels, probabilities, patients, draws)
    figures |= _probability_figures(labels, probabilities, constant, draws)
    figures["ece"] = bootstrap.interval(expected_calibration_error(bins), draws.ece)
    figures |= _decision_figures(labels == 1, rows["called"].to_numpy(bool), patients)
    diameter = largest_diameter(table, rows, patients, seeds.stream(config.seed, "groups"))
    grid, counts = bootstrap.FPR_GRID, ranking(probabilities).counts(labels.astype(np.float64))
    return Metrics(
        split=split,
        rows=rows,
        patients=int(patients.max()) + 1,
        figures=figures,
        threshold=threshold,
        prior=constant,
        largest_diameter=diameter,
        diameter_and_brightness=diameter_and_brightness(table, rows, patients),
        roc=Curve(grid, highest_tpr(*counts, grid), *bootstrap.band(draws.tpr)),
        roc_points=roc_curve(labels, probabilities),
        precision_recall=precision_recall_curve(labels, probabilities),
        reliability=bins,
        operating_points=operating_points(labels, probabilities),
        synthetic=bool(config.synthetic or rows["synthetic"].any()),
        config=config,
        subgroups=subgroups(rows),
        notes=_notes(table, rows),
    )


def _json(
    figure: Interval | LargestDiameter | DiameterAndBrightness | None,
) -> dict[str, Any] | None:
    return None if figure is None else figure.to_json()


def _threshold(table: pd.DataFrame, rows: pd.DataFrame, given: float | None) -> Threshold:
    return choose_threshold(table, rows) if given is None else Threshold(given, "given")


def _ranking_figures(
    labels: Ints, probabilities: Floats, patients: Ints, draws: bootstrap.Replicates
) -> dict[str, Interval | None]:
    hits, rows = ranking(probabilities).counts(labels.astype(np.float64))
    sensitivity = float(highest_tpr(hits, rows, np.array([1 - bootstrap.RATE]))[0])
    specificity = specificity_at(bootstrap.RATE, hits, rows)
    return {
        "roc_auc": roc_auc(labels, probabilities, patients),
        "pr_auc": bootstrap.interval(average_precision(hits, rows), draws.pr_auc),
        "sensitivity_at_specificity_90": bootstrap.interval(sensitivity, draws.sensitivity),
        "specificity_at_sensitivity_90": bootstrap.interval(specificity, draws.specificity),
    }


def _probability_figures(
    labels: Ints, probabilities: Floats, constant: Prior, draws: bootstrap.Replicates
) -> dict[str, Interval | None]:
    loss, brier = (
        float(log_losses(labels, probabilities).mean()),
        float(brier_scores(labels, probabilities).mean()),
    )
    # The prior's loss of a replicate depends on its share of positives only.
    classes, q = np.array([0, 1]), np.full(2, constant.probability)
    shares = np.column_stack([1 - draws.prevalence, draws.prevalence])
    of_prior_loss, of_prior_brier = (
        shares @ log_losses(classes, q),
        shares @ brier_scores(classes, q),
    )
    figures: dict[str, Interval | None] = {
        "log_loss": bootstrap.interval(loss, draws.log_loss),
        "brier": bootstrap.interval(brier, draws.brier),
        "log_loss_gain": bootstrap.interval(
            constant.log_loss - loss, of_prior_loss - draws.log_loss
        ),
        "brier_skill": None,
    }
    if constant.brier > 0 and (of_prior_brier > 0).all():
        figures["brier_skill"] = bootstrap.interval(
            1 - brier / constant.brier, 1 - draws.brier / of_prior_brier
        )
    return figures


def _decision_figures(
    truth: NDArray[np.bool_], called: NDArray[np.bool_], patients: Ints
) -> dict[str, Interval | None]:
    return {
        "accuracy": proportion(called == truth, patients),
        "sensitivity": proportion(called[truth], patients[truth]),
        "specificity": proportion(~called[~truth], patients[~truth]),
        "ppv": proportion(truth[called], patients[called]),
        "npv": proportion(~truth[~called], patients[~called]),
        "prevalence": proportion(truth, patients),
    }


def _train_prevalence(table: pd.DataFrame, config: ScoringConfig) -> float | None:
    if config.train_prevalence is not None:
        return config.train_prevalence
    train = table[table["split"] == TRAIN]
    return float(train["label"].mean()) if len(train) else None


def _notes(table: pd.DataFrame, rows: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    learned = set(table.loc[(table["split"] == TRAIN) & (table["fold"] < 0), "patient_id"])
    leaked = sorted(learned & set(rows["patient_id"]))
    if leaked:
        notes.append(
            f"{len(leaked)} scored patients are also in split train: the figures flatter the model"
        )
    if (rows["fold"] >= 0).any():
        n_folds = rows.groupby(["patient_id", "repeat"])["fold"].nunique()
        if (n_folds > 1).any():
            spread = n_folds[n_folds > 1].index.unique("patient_id")
            notes.append(
                f"{len(spread)} patients have rows in several folds: a model may have seen them"
            )
    if rows["label"].sum() < 10 or len(rows) - rows["label"].sum() < 10:
        notes.append("fewer than 10 rows of a class: intervals of so few are rough")
    return tuple(notes)
