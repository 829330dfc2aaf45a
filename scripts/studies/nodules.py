"""What the nodule model learns that a ruler does not know: figures of finished runs, as Markdown.

    python -m scripts.studies.nodules --alone RUN... --with-diameter RUN... --out PAGE ...

Each RUN is a folder of `lungnet train configs/nodule.yaml` with another seed; those of `--alone`
were trained with `--set input.scalars=[]`, those of `--less` with the seed of the first
`--with-diameter`, one network a fold, and without what their name says; `--second` is the folder
of `lungnet evaluate` on nodules of other patients. Nothing is chosen here: all figures are out of
fold, or of patients that were never seen.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import spearmanr

from lungnet.config.model import ATTRIBUTES
from lungnet.evaluation.intervals import Interval, roc_auc, roc_auc_gain
from lungnet.evaluation.metrics import Metrics, evaluate_table
from lungnet.evaluation.predictions import read_predictions
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.files import write_text

SAME_NODULE_MM = 5.0
"""Outlines of several readers whose centres lie nearer than this, or than half the larger one's
diameter, are of one nodule."""

SCORING = ScoringConfig(replicates=2000, seed=7)


def main() -> None:
    """Read the runs and write the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attributes", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--alone", type=Path, nargs="+", required=True)
    parser.add_argument("--with-diameter", type=Path, nargs="+", required=True)
    parser.add_argument("--less", type=Path, nargs="*", default=[])
    parser.add_argument("--second", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    lines = [HEAD]
    for title, runs in (("Images alone", args.alone), ("With the diameter", args.with_diameter)):
        lines += ["", f"## {title}", "", *_skill(runs)]
    tables = [_predictions(run) for run in args.with_diameter]
    lines += ["", "## By number of readers", "", *_by_readers(_joined(tables))]
    lines += ["", "## The readers' other ratings", "", *_attributes(tables, args)]
    lines += ["", "## Outlines", "", *_outlines(tables)]
    if args.less:
        lines += ["", "## What each part is good for", "", *_ablation(tables[0], args.less)]
    if args.second:
        lines += ["", "## Nodules of other patients", "", *_second(args.second)]
    write_text(args.out, "\n".join(lines) + "\n")


HEAD = """# What the nodule model learns that a ruler does not know

994 nodules of LUNA16 (443 malignant in the readers' mean opinion, 540 patients), five folds by
patient, every figure out of fold, intervals of 95 % over patients. Each seed draws other folds. The
recipe of `configs/nodule.yaml` was found by others on these very nodules, so expect a little less
elsewhere; here it was taken as it is and nothing was compared or chosen."""


def _predictions(run: Path) -> pd.DataFrame:
    return read_predictions(run / "predictions.csv")


def _skill(runs: list[Path]) -> Iterator[str]:
    yield "| what | seed | AUC | accuracy | log loss | ECE | gain over diameter and brightness |"
    yield "|---|---|---|---|---|---|---|"
    tables = [_predictions(run) for run in runs]
    for run, table in zip(runs, tables, strict=True):
        for member in sorted(c for c in table.columns if c.startswith("logit_")):
            yield _row(
                "one network",
                f"{run.name}, {member}",
                evaluate_table(
                    table.assign(probability=expit(pd.to_numeric(table[member]))), SCORING
                ),
                is_calibrated=False,
            )
        yield _row("the run's ensemble", run.name, evaluate_table(table, SCORING))
    if len(tables) > 1:
        yield _row("all networks", "all", evaluate_table(_joined(tables), SCORING))
    metrics = evaluate_table(tables[0], SCORING)
    diameter, both = metrics.largest_diameter, metrics.diameter_and_brightness
    assert diameter is not None
    assert both is not None
    for what, baseline in (("diameter and brightness", both), ("diameter", diameter)):
        cells = _text(baseline.roc_auc), _text(baseline.accuracy), f"{baseline.log_loss:.3f}"
        yield f"| {what} | {runs[0].name} | {' | '.join(cells)} | | |"


def _row(what: str, seed: str, metrics: Metrics, *, is_calibrated: bool = True) -> str:
    both = metrics.diameter_and_brightness
    cells = (
        what,
        seed,
        _text(metrics.figures["roc_auc"]),
        _text(metrics.figures["accuracy"]),
        _text(metrics.figures["log_loss"]) if is_calibrated else "",
        _text(metrics.figures["ece"]) if is_calibrated else "",
        _text(both.roc_auc_gain, sign="+") if both else "",
    )
    return f"| {' | '.join(cells)} |"


def _text(figure: Interval | None, sign: str = "") -> str:
    if figure is None:
        return "none"
    return f"{figure.value:{sign}.3f} [{figure.low:{sign}.3f}, {figure.high:{sign}.3f}]"


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The mean logit of several runs for each sample, in the first run's folds."""
    first = tables[0].set_index("series_uid")
    columns = ["logit", *(f"predicted_{name}" for name in ATTRIBUTES), "outline_dice"]
    numbers = [
        table.set_index("series_uid").loc[first.index, columns].apply(pd.to_numeric)
        for table in tables
    ]
    mean = sum(numbers[1:], numbers[0]) / len(numbers)
    first[columns] = mean
    # Calibrated as the runs are on average: the scale of their own logits.
    scale = [
        np.polyfit(pd.to_numeric(t["logit"]), np.log(t["probability"] / (1 - t["probability"])), 1)
        for t in tables
    ]
    slope, offset = np.mean(scale, axis=0)
    first["probability"] = expit(slope * mean["logit"] + offset)
    return first.reset_index()


def _by_readers(table: pd.DataFrame) -> Iterator[str]:
    metrics = evaluate_table(table, SCORING)
    yield "| readers | nodules | malignant | AUC | log loss |"
    yield "|---|---|---|---|---|"
    for group in metrics.to_json()["subgroups"]:
        auc = group["roc_auc"]
        shown = f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]" if auc else "none"
        yield (
            f"| {group['value']} | {group['n']} | {group['positives']} | {shown} | "
            f"{_value(group['log_loss']):.3f} |"
        )


def _value(figure: float | dict[str, float]) -> float:
    return figure["value"] if isinstance(figure, dict) else figure


def _attributes(tables: list[pd.DataFrame], args: argparse.Namespace) -> Iterator[str]:
    """Rank correlation with the readers' mean, beside that of one reader with the others' mean."""
    truth = pd.read_csv(args.attributes).set_index("row")
    own = _one_reader(pd.read_csv(args.annotations))
    yield "| rating | network with the readers' mean | one reader with the others' mean | above |"
    yield "|---|---|---|---|"
    table = _joined(tables).set_index("series_uid")
    rows = [f"nodule-{row}" for row in truth.index]
    above = 0
    for name in ATTRIBUTES:
        predicted = table.loc[rows, f"predicted_{name}"].to_numpy(np.float64)
        network = _rank_correlation(predicted, truth[name].to_numpy(np.float64))
        is_above = network > own[name]
        above += is_above
        yield f"| {name} | {network:.3f} | {own[name]:.3f} | {'yes' if is_above else 'no'} |"
    yield ""
    yield f"{above} of {len(ATTRIBUTES)} lie above one reader's."


def _one_reader(annotations: pd.DataFrame) -> dict[str, float]:
    """For each rating, the rank correlation of a reading with the mean of the nodule's others."""
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in ATTRIBUTES}
    for _, scan in annotations.groupby("series_uid"):
        for nodule in _nodules(scan):
            for name in ATTRIBUTES:
                ratings = nodule[name].to_numpy(np.float64)
                for i, rating in enumerate(ratings):
                    pairs[name].append((rating, np.delete(ratings, i).mean()))
    return {name: _rank_correlation(*np.array(found).T) for name, found in pairs.items()}


def _rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's, over what both know."""
    return float(spearmanr(first, second, nan_policy="omit").statistic)


def _nodules(scan: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Readings of a scan that are of one place, two or more."""
    pixel_mm = 0.7  # places are in pixels; the typical spacing suffices to tell nodules apart
    centres = scan[["x_pixel", "y_pixel", "z_mm"]].to_numpy() * (pixel_mm, pixel_mm, 1)
    reach = np.maximum(SAME_NODULE_MM, scan["equivalent_diameter_mm"].to_numpy() / 2)
    left = list(range(len(scan)))
    while left:
        seed = left[0]
        distance = np.linalg.norm(centres[left] - centres[seed], axis=1)
        together = [
            i for i, d in zip(left, distance, strict=True) if d < max(reach[seed], reach[i])
        ]
        left = [i for i in left if i not in together]
        if 2 <= len(together) <= 4:
            yield scan.iloc[together]


def _ablation(whole: pd.DataFrame, runs: list[Path]) -> Iterator[str]:
    """Runs without one part each, against one network with all of them on the same folds."""
    yield (
        "One network a fold, with the diameter, on the folds of the first seed; the difference is "
        "paired by patient."
    )
    yield ""
    yield "| without | AUC | difference from the whole recipe |"
    yield "|---|---|---|"
    whole = whole.set_index("series_uid")
    patients = pd.factorize(whole["patient_id"])[0]
    labels, reference = whole["label"].to_numpy(), pd.to_numeric(whole["logit_00"]).to_numpy()
    yield f"| nothing | {_text(roc_auc(labels, reference, patients))} | |"
    for run in runs:
        logits = _predictions(run).set_index("series_uid").loc[whole.index, "logit"]
        scores = pd.to_numeric(logits).to_numpy()
        gain = roc_auc_gain(labels, scores, reference, patients)
        what = run.name.removeprefix("less-").replace("_", " ")
        yield f"| {what} | {_text(roc_auc(labels, scores, patients))} | {_text(gain, sign='+')} |"


def _second(folder: Path) -> Iterator[str]:
    metrics = json.loads((folder / "metrics.json").read_text())
    yield (
        f"{metrics['n']} nodules of patients that this model never saw, {metrics['positives']} of "
        "them malignant in the opinion of one reader; images alone, trained on the nodules of all "
        "other patients."
    )
    yield ""
    yield "| figure | value |"
    yield "|---|---|"
    for name in ("roc_auc", "accuracy", "log_loss", "ece"):
        yield f"| {name} | {_text(Interval(*_three(metrics[name])))} |"
    diameter = metrics["baselines"]["largest_diameter"]["roc_auc"]
    yield f"| roc_auc of the diameter | {_text(Interval(*_three(diameter)))} |"


def _three(figure: dict[str, float]) -> tuple[float, float, float]:
    return figure["value"], figure["low"], figure["high"]


def _outlines(tables: list[pd.DataFrame]) -> Iterator[str]:
    dice = np.concatenate([pd.to_numeric(table["outline_dice"]).to_numpy() for table in tables])
    yield (
        "Dice against the reader's outline of the slice, out of fold: mean "
        f"{np.nanmean(dice):.3f}, median {np.nanmedian(dice):.3f}, tenth percentile "
        f"{np.nanpercentile(dice, 10):.3f}."
    )


if __name__ == "__main__":
    main()
