"""What a network's outputs are held to, and the numbers that stand beside the image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lungnet.config.model import ATTRIBUTES, RATINGS_OUTPUT, InputConfig
from lungnet.datasets.cohort import RATING_SHARES, Inputs
from lungnet.errors import ChoiceError

LOGIT, OUTLINE = "logit", "outline"

TRUTH = frozenset({"label", "rating", "readers", "fold", *RATING_SHARES, *ATTRIBUTES})
"""Columns of a cohort that come from the readers who gave the label, or from the split."""


@dataclass(frozen=True, eq=False)
class Targets:
    """For each sample of a cohort, what is known of it as numbers. NaN: not known.

    Attributes:
        numbers: by the name of the output, float32, shape (samples, values); `logit` is always
            there, the probability of the positive label that the training aims at.
        has_outline: whether the network draws outlines.
        scalars: the numbers beside the image, float32, shape (samples, columns), or None.
    """

    numbers: dict[str, NDArray[np.float32]]
    has_outline: bool
    scalars: NDArray[np.float32] | None

    def of(self, row: int, outline: NDArray[np.generic] | None, size: tuple[int, ...]) -> Inputs:
        """A sample's targets; an outline that the cohort does not know is NaN throughout."""
        targets: Inputs = {name: values[row] for name, values in self.numbers.items()}
        if self.has_outline:
            targets[OUTLINE] = np.full(size, np.nan, np.float32) if outline is None else outline
        return targets

    def shapes(self, input_config: InputConfig) -> dict[str, tuple[int, ...]]:
        """Name and shape of each target of one sample."""
        shapes = {name: values.shape[1:] for name, values in self.numbers.items()}
        return shapes | ({OUTLINE: input_config.size} if self.has_outline else {})


def cohort_targets(
    table: pd.DataFrame, input_config: InputConfig, heads: Sequence[str], soft_share: float
) -> Targets:
    """The targets of a cohort's table.

    Args:
        table: as `Cohort.table`.
        input_config: names the scalars.
        heads: further outputs of the network.
        soft_share: of the readers' mean rating in malignancy's target.

    Raises:
        ChoiceError: a scalar that is no column of numbers, or has no logarithm; ratings are to be
            learned and nobody rated.
    """
    label = table["label"].to_numpy(np.float64)
    rating = table.get("rating", pd.Series(np.nan, table.index)).to_numpy(np.float64)
    soft = np.where(np.isnan(rating), label, rating)
    numbers = {LOGIT: ((1 - soft_share) * label + soft_share * soft)[:, None]}
    if "attributes" in heads:
        numbers["attributes"] = table.reindex(columns=list(ATTRIBUTES)).to_numpy(np.float64)
    if "diameter" in heads:
        diameter = table["diameter_mm"].to_numpy(np.float64)
        numbers["diameter"] = np.log(np.where(diameter > 0, diameter, np.nan))[:, None]
    if RATINGS_OUTPUT in heads:
        numbers[RATINGS_OUTPUT] = _rating_shares(table)
    return Targets(
        {name: values.astype(np.float32) for name, values in numbers.items()},
        OUTLINE in heads,
        scalar_columns(table, input_config),
    )


def _rating_shares(table: pd.DataFrame) -> NDArray[np.float64]:
    """Of the readers of each sample, shape (samples, ratings); NaN where nobody rated."""
    shares = table.reindex(columns=list(RATING_SHARES)).to_numpy(np.float64)
    if np.isnan(shares).all():
        raise ChoiceError(
            "model.output",
            "learns the readers' ratings of malignancy, and the cohort has none; expected logit, "
            "or nodules with malignancy_ratings",
        )
    return shares


def scalar_columns(table: pd.DataFrame, input_config: InputConfig) -> NDArray[np.float32] | None:
    """The numbers beside the image, float32 (rows, columns), NaN where missing; None without any.

    Raises:
        ChoiceError: a column that is not there, tells the answer, or holds no numbers, or numbers
            without a logarithm where one is taken.
    """
    columns = []
    for scalar in input_config.scalars:
        if scalar.column in TRUTH:
            raise ChoiceError(
                "input.scalars", f"{scalar.column} tells the answer; expected what is known before"
            )
        if scalar.column not in table:
            titles = ", ".join(sorted(table.select_dtypes("number").columns))
            raise ChoiceError(
                "input.scalars", f"{scalar.column} is no column of the cohort; found {titles}"
            )
        values = pd.to_numeric(table[scalar.column], errors="coerce").to_numpy(np.float64)
        is_blank = table[scalar.column].isna() | (
            table[scalar.column].astype(str).str.strip() == ""
        )
        odd = ~np.isfinite(values) & ~is_blank.to_numpy()
        if scalar.log:
            odd |= values <= 0
        if odd.any():
            row = int(np.flatnonzero(odd)[0])
            expected = "a number above 0" if scalar.log else "a number"
            raise ChoiceError(
                "input.scalars",
                f"{scalar.column} is {table[scalar.column].iloc[row]!r} for sample {row}; expected "
                f"{expected}, or nothing where it is missing",
            )
        columns.append(values)
    return np.stack(columns, 1).astype(np.float32) if columns else None
