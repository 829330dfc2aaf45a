"""Metrics and a history come in.

The page's figures go out, each an SVG with a caption in plain words.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lungnet.evaluation.curves import ReliabilityBin
from lungnet.evaluation.intervals import Interval
from lungnet.evaluation.metrics import Metrics
from lungnet.reporting.charts import Axis, Chart, axis_for, percent, plain

DISTRIBUTION_BINS = 20
MOST_LINES = 12
"""Networks drawn in one figure of the training curves."""


@dataclass(frozen=True)
class Figure:
    """A drawing, its heading, what it means, and (style, words) of each thing drawn."""

    name: str
    heading: str
    svg: str
    caption: str
    legend: tuple[tuple[str, str], ...] = ()


def spoken(figure: Interval) -> str:
    """0.861 (0.838 to 0.881)."""
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def figures(metrics: Metrics) -> list[Figure]:
    """The figures of any predictions table."""
    return [roc(metrics), reliability(metrics), precision_recall(metrics), distributions(metrics)]


def roc(metrics: Metrics) -> Figure:
    """ROC curve with its band, the chosen threshold, and the curves of the baselines."""
    auc = metrics.figure("roc_auc")
    description = f"Area under the curve {spoken(auc)}."
    chart = Chart(
        "roc",
        "ROC curve",
        description,
        Axis("false alarms among the negative"),
        Axis("found among the positive"),
    )
    chart.line([0, 1], [0, 1], "chance")
    roc_band = metrics.roc
    if roc_band.low is not None and roc_band.high is not None:
        chart.band(roc_band.x, roc_band.low, roc_band.high, "model")
    legend = [
        ("line model", f"model, area {spoken(auc)}"),
        ("band model", "95 % band over patients"),
    ]
    for baseline, style, name in (
        (metrics.largest_diameter, "diameter", "largest diameter alone"),
        (metrics.diameter_and_brightness, "brightness", "diameter and brightness"),
    ):
        if baseline is not None:
            chart.line(baseline.curve.x, baseline.curve.y, style)
            legend.append((f"line {style}", f"{name}, area {spoken(baseline.roc_auc)}"))
    chart.line(metrics.roc_points.x, metrics.roc_points.y, "model")
    sensitivity, specificity = metrics.figure("sensitivity"), metrics.figure("specificity")
    hint = (
        f"at the threshold: sensitivity {percent(sensitivity.value)}, specificity "
        f"{percent(specificity.value)}"
    )
    chart.points([1 - specificity.value], [sensitivity.value], "model", [hint])
    legend += [("dot model", hint), ("line chance", "a coin, area 0.5")]
    caption = (
        "Every threshold at once: how many of the positive are found for how many false alarms. "
        "The further to the upper left, the better."
    )
    return Figure("roc", "ROC curve", chart.svg(), caption, tuple(legend))


def reliability(metrics: Metrics) -> Figure:
    """Reliability diagram with intervals, and below it how often each probability was given."""
    bins = metrics.reliability
    description = (
        f"Expected calibration error {spoken(metrics.figure('ece'))} over {len(bins)} bins of "
        "about equal size."
    )
    chart = Chart(
        "reliability",
        "Reliability diagram",
        description,
        Axis("probability given"),
        Axis("share that was positive"),
    )
    counts, edges = np.histogram(
        metrics.rows["probability"], bins=DISTRIBUTION_BINS, range=(0.0, 1.0)
    )
    chart.bars(edges, 0.0, 0.16 * counts / counts.max(), "quiet")
    chart.line([0, 1], [0, 1], "chance")
    given, came = [b.predicted for b in bins], [b.observed.value for b in bins]
    chart.whiskers(given, [b.observed.low for b in bins], [b.observed.high for b in bins], "model")
    chart.line(given, came, "model thin")
    chart.points(given, came, "model", list(map(_bin_hint, bins)))
    caption = (
        "Whether a probability means what it says: of those given 30 %, three in ten should turn "
        "out positive, a point on the diagonal. "
        "Points below it: too alarmed; above: too calm."
    )
    legend = (
        ("dot model", f"{len(bins)} equal-mass bins, 95 % intervals"),
        ("line chance", "honest"),
        ("bar quiet", "how often given"),
    )
    return Figure("reliability", "Calibration", chart.svg(), caption, legend)


def _bin_hint(b: ReliabilityBin) -> str:
    came = f"{b.positives} positive ({percent(b.observed.value)})"
    return f"{b.n} rows: given {percent(b.predicted)}, {came}"


def precision_recall(metrics: Metrics) -> Figure:
    """Precision-recall steps with the prevalence line."""
    area, prevalence = metrics.figure("pr_auc"), metrics.figure("prevalence").value
    description = (
        f"Average precision {spoken(area)}; the prevalence, which chance reaches, is "
        f"{prevalence:.3f}."
    )
    chart = Chart(
        "pr",
        "Precision-recall curve",
        description,
        Axis("found among the positive (recall)"),
        Axis("right among the called (precision)"),
    )
    chart.line([0, 1], [prevalence, prevalence], "chance")
    curve = metrics.precision_recall
    # Average precision is the area below these steps: each precision holds back to the recall
    # before it.
    chart.line(
        np.append(0.0, curve.x)[::-1], np.append(curve.y[0], curve.y)[::-1], "model", steps=True
    )
    caption = (
        "Of those called positive, how many are: this depends on how common the disease is in the "
        "cohort, so compare with the dashed line, "
        "the prevalence."
    )
    legend = (
        ("line model", f"model, area {spoken(area)}"),
        ("line chance", f"prevalence {percent(prevalence)}"),
    )
    return Figure("pr", "Precision and recall", chart.svg(), caption, legend)


def distributions(metrics: Metrics) -> Figure:
    """Probabilities of the positive above the axis, of the negative below it.

    Shares of their class.
    """
    edges = np.linspace(0, 1, DISTRIBUTION_BINS + 1)
    shares = {}
    for label in (0, 1):
        values = metrics.rows.loc[metrics.rows["label"] == label, "probability"]
        shares[label] = np.histogram(values, bins=edges)[0] / len(values)
    most = max(float(share.max()) for share in shares.values())
    axis = axis_for("share of the class", [-most, most], lambda value: percent(abs(value)))
    medians = metrics.rows.groupby("label")["probability"].median()
    description = (
        f"Median probability {medians[1]:.3f} of the positive and {medians[0]:.3f} of the negative."
    )
    chart = Chart(
        "distributions", "Probabilities by class", description, Axis("probability given"), axis
    )
    chart.bars(edges, 0.0, shares[1], "diameter")
    chart.bars(edges, 0.0, -shares[0], "model")
    chart.line([0, 1], [0, 0], "zero")
    if metrics.threshold.value <= 1:
        chart.line([metrics.threshold.value] * 2, [axis.low, axis.high], "chance")
    caption = "The better the two heaps are apart, the better the ranking."
    legend = (
        ("bar diameter", f"{metrics.positives:,} positive, upward"),
        ("bar model", f"{metrics.n - metrics.positives:,} negative, downward"),
        ("line chance", f"threshold {metrics.threshold.value:.3f}"),
    )
    return Figure("distributions", "Probabilities by class", chart.svg(), caption, legend)


def training_curves(history: pd.DataFrame) -> list[Figure]:
    """A figure for each metric of a training history that has a `val_` twin, the loss first.

    A line per network.
    """
    numeric = history.select_dtypes("number")
    names = [name for name in numeric if f"val_{name}" in numeric]
    names.sort(key=lambda name: name != "loss")
    return [_training_curve(history, str(name), number) for number, name in enumerate(names[:4])]


def _training_curve(history: pd.DataFrame, name: str, number: int) -> Figure:
    twins = [name, f"val_{name}"]
    epochs = (
        history["epoch"]
        if "epoch" in history
        else pd.Series(np.arange(1, len(history) + 1), history.index)
    )
    finite = history[twins].to_numpy(np.float64)
    x = axis_for("epoch", epochs)
    chart = Chart(
        f"training-{number}",
        f"Training curve of {name}",
        _course(history, twins[1]),
        x,
        axis_for(name, finite),
    )
    for rows in _networks(history):
        for column, style in zip(twins, ("model", "diameter"), strict=True):
            values = rows[column].to_numpy(np.float64)
            is_finite = np.isfinite(values)
            if is_finite.any():
                chart.line(
                    epochs[rows.index].to_numpy(np.float64)[is_finite],
                    values[is_finite],
                    f"{style} thin",
                )
    caption = (
        "Training keeps falling while validation rises: the network learns its patients by heart."
        if name == "loss"
        else ""
    )
    return Figure(
        f"training-{number}",
        f"Training: {name}",
        chart.svg(),
        caption,
        (("line model", "training"), ("line diameter", "validation")),
    )


def _networks(history: pd.DataFrame) -> Iterator[pd.DataFrame]:
    by = next((name for name in ("network", "fold") if name in history), None)
    if by is None:
        yield history
        return
    for number, (_, rows) in enumerate(history.groupby(by, sort=False)):
        if number < MOST_LINES:
            yield rows


def _course(history: pd.DataFrame, name: str) -> str:
    recorded = history[name].dropna()
    if recorded.empty:
        return f"No {name} was recorded."
    return (
        f"{name} between {plain(recorded.min())} and {plain(recorded.max())} over {len(recorded)} "
        "epochs; "
        f"the last is {plain(recorded.iloc[-1])}."
    )
