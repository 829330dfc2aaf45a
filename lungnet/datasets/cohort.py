"""A cohort: who was scanned, what is known of them, and a way to read what the network is shown."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Inputs = dict[str, NDArray[np.generic]]
"""What the network is shown of one sample, by the names of its inputs."""

Reader = Callable[[int, tuple[int, ...]], Inputs]
"""(row of the table, offset of the crop in voxels) to the sample's inputs."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """Samples with labels, grouped by patient.

    Attributes:
        table: a row per sample, numbered from 0: `patient_id`, `series_uid`, `label` (0 or 1),
            `diameter_mm` (largest candidate's or the nodule's; NaN where unknown).
        read: what the network is shown of a row; the second argument shifts the crop for
            augmentation.
        is_synthetic: whether any of it was made by a program rather than scanned.
        preparation_hash: of the store behind it; None where HU came prepared by others.
    """

    table: pd.DataFrame
    read: Reader
    is_synthetic: bool
    preparation_hash: str | None

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.table)
