"""A cohort: who was scanned, what is known of them, and a way to read what the network is shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lungnet.config.data import DataConfig
from lungnet.config.model import RATINGS, InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.view import View

Inputs = dict[str, NDArray[np.generic]]
"""What the network is shown of one sample, by the names of its inputs."""

Reader = Callable[[int, View], Inputs]
"""(row of the table, how it is looked at) to the sample's image and what else is cut with it."""


RATING_SHARES = tuple(f"rating_share_{rating}" for rating in RATINGS)
"""Columns of a cohort's table: the share of a sample's readers who gave each rating."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """Samples with labels, grouped by patient.

    Attributes:
        table: a row per sample, numbered from 0: `patient_id`, `series_uid`, `label` (0 or 1),
            `diameter_mm` (largest candidate's or the nodule's; NaN where unknown), `pixel_hash`
            (equal where the HU are), the columns that `DataConfig.cohort_columns` names, and where
            the cohort knows more, further columns: `rating` (the readers' mean malignancy as 0..1),
            `readers`, each of RATING_SHARES, `fold`, `source_series_uid` (of the scan that a
            nodule lies in), each of ATTRIBUTES (as 0..1).
        read: what the network is shown of a row in a view; where the cohort knows it also
            `outline`, float32 of the image's shape, 1 in the nodule, 0 beside it.
        is_synthetic: whether any of it was made by a program rather than scanned.
        preparation_hash: of the store behind it, or of the recipe by which crops are cut from
            native pixels; None where HU came prepared by others.
        content_hash: of the values behind `read`, for all rows; other values have another one.
        knows_outlines: whether `read` gives outlines.
        label_noise: how far single readers stray from the labels, in a sentence; empty where the
            labels are not theirs.
    """

    table: pd.DataFrame
    read: Reader
    is_synthetic: bool
    preparation_hash: str | None
    content_hash: str
    knows_outlines: bool = False
    label_noise: str = ""

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.table)


@dataclass(frozen=True, eq=False)
class SliceToShow:
    """One slice of a sample for people.

    Attributes:
        hu: `int16`, shape (y, x).
        ring: (row, column, radius) of a circle around what matters, in pixels; None for none.
        is_close_up: whether it is small and should be enlarged.
    """

    hu: NDArray[np.int16]
    ring: tuple[float, float, int] | None = None
    is_close_up: bool = False


@dataclass(frozen=True)
class Keeping:
    """What of a cohort is kept decoded between the epochs.

    Attributes:
        budget_bytes: all of it in memory where it needs at most so much, else in a file.
        folder: where that file lies; it has no name and is gone with the process.
        margin: voxels on either side of a crop that views may show.
    """

    budget_bytes: int
    folder: Path
    margin: int = 0

    def boxed(self, size: Sequence[int]) -> tuple[int, int, int]:
        """The size of a crop and its margin, (z, y, x)."""
        z, y, x = (n + 2 * self.margin for n in size)
        return z, y, x


Loader = Callable[[DataConfig, InputConfig, PreparationConfig, Keeping | None], Cohort]
"""Reads a cohort; nothing is kept decoded where `Keeping` is None."""


@dataclass(frozen=True)
class CohortKind:
    """An adapter: how cohorts of one kind are checked, read and shown.

    Attributes:
        input_kinds: values of `input.kind` that it can feed.
        check: refuses settings that do nothing for this kind.
        load: reads the cohort.
        slices_to_show: of some samples by `series_uid`; samples that are not there are left out.
        limits: what a reader of a report should know of such data, a sentence each.
        slices_caption: what the slices show, in a few words.
    """

    input_kinds: frozenset[str]
    check: Callable[[DataConfig, PreparationConfig], None]
    load: Loader
    slices_to_show: Callable[[DataConfig, InputConfig, Iterable[str]], dict[str, list[SliceToShow]]]
    limits: tuple[str, ...]
    slices_caption: str
