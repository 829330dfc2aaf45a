"""Crops around nodules in; what readers would say of each, and its outline, out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.scalars import DIAMETER
from lungnet.models.exported_network import LOGIT, Arrays
from lungnet.models.nodule_outputs import Outline, outline_in_middle, readers_ratings

ATTRIBUTES_OUTPUT, OUTLINE_OUTPUT = "attributes", "outline"

DIAMETER_OF_OUTLINE = 0.78
"""LUNA16's `diameter_mm` as a share of the diameter of the disc with the area of the largest
contour: over the 994 nodules of its slices the geometric mean is 0.778, and one standard deviation
is a factor of 1.13. Networks are trained on the former, outlines give the latter."""


@dataclass(frozen=True, eq=False)
class NoduleAnswers:
    """What a network says of n crops.

    Attributes:
        logits: before calibration, shape (n,).
        probabilities: calibrated, shape (n,).
        ratings: readers' ratings by attribute, shape (n,) each; empty where none were learned.
        outlines: None where there is none.
        diameters_mm: that stood beside the images, given or from the outline; NaN where missing,
            shape (n,).
    """

    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    ratings: dict[str, NDArray[np.float64]]
    outlines: tuple[Outline | None, ...]
    diameters_mm: NDArray[np.float64]


def judge_nodules(
    network: BundleNetwork, images: NDArray[np.int16], scalars: NDArray[np.float32]
) -> NoduleAnswers:
    """Judge crops; a diameter that the network takes and nobody gives comes from its own outline.

    Then it is asked twice: without the diameter for the outline, and with the outline's.

    Args:
        network: of nodules.
        images: HU, shape (n, *size).
        scalars: numbers beside the images, NaN where missing, shape (n, columns).
    """
    columns = [scalar.column for scalar in network.input_config.scalars]
    inputs: Arrays = {"image": images}
    if columns:
        inputs["scalars"] = scalars.copy()
    outputs = network.outputs(inputs)
    outlines = _outlines(network, outputs, len(images))
    diameters_mm = np.full(len(images), np.nan)
    if DIAMETER in columns:
        given = inputs["scalars"][:, columns.index(DIAMETER)]
        drawn = np.array(
            [np.nan if o is None else DIAMETER_OF_OUTLINE * o.diameter_mm for o in outlines]
        )
        is_drawn = np.isnan(given) & ~np.isnan(drawn)
        if is_drawn.any():
            given[is_drawn] = drawn[is_drawn]
            outputs = network.outputs(inputs)
        diameters_mm = given.astype(np.float64)
    ratings: dict[str, NDArray[np.float64]] = {}
    if ATTRIBUTES_OUTPUT in network.learned_heads:
        ratings = readers_ratings(outputs[ATTRIBUTES_OUTPUT])
    logits = np.asarray(outputs[LOGIT], np.float64)[:, 0]
    return NoduleAnswers(logits, network.probabilities(outputs), ratings, outlines, diameters_mm)


def _outlines(
    network: BundleNetwork, outputs: dict[str, NDArray[Any]], n: int
) -> tuple[Outline | None, ...]:
    """The outlines of 2D crops, where the network has learned to draw them."""
    is_flat = len(network.input_config.size) == 2
    if OUTLINE_OUTPUT not in network.learned_heads or not is_flat:
        return (None,) * n
    return tuple(outline_in_middle(log_odds) for log_odds in outputs[OUTLINE_OUTPUT])
