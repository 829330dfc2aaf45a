"""Which samples are shown when: a function of (seed, epoch) only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.seeds import stream


@dataclass(frozen=True)
class Schedule:
    """Which samples are shown when.

    Attributes:
        rows: of the cohort's table.
        batch_size: samples in a step, at most as many as there are rows.
        seed: the stream of this network's training.
        labels: of the rows, where both are to be shown equally often; None: each row once.
    """

    rows: Sequence[int]
    batch_size: int
    seed: int
    labels: Sequence[int] | None = None

    @property
    def steps(self) -> int:
        """Whole batches in an epoch; the samples left over differ from epoch to epoch."""
        return self._shown // self.size

    @property
    def size(self) -> int:
        """Samples in a step."""
        return min(self.batch_size, self._shown)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The epoch's (row, time it is shown), shape (steps * size, 2).

        A row that balanced sampling repeats is numbered on, so that it is augmented anew.
        """
        rng = stream(self.seed, "order", epoch)
        rows = np.asarray(self.rows, np.int64)
        if self.labels is None:
            epoch_rows = rng.permutation(rows)
            times = np.zeros(len(epoch_rows), np.int64)
        else:
            epoch_rows, times = self._balanced(rows, rng)
        return np.stack([epoch_rows, times], 1)[: self.steps * self.size]

    def draw_row(self, rng: np.random.Generator) -> int:
        """Any of the rows; with `labels`, either label is as likely."""
        rows = np.asarray(self.rows)
        if self.labels is not None:
            rows = rows[np.asarray(self.labels) == rng.integers(2)]
        return int(rng.choice(rows))

    @property
    def _shown(self) -> int:
        if self.labels is None:
            return len(self.rows)
        positives = int(np.sum(self.labels))
        return 2 * max(positives, len(self.rows) - positives)

    def _balanced(
        self, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels, most = np.asarray(self.labels), self._shown // 2
        epoch_rows, times = [], []
        for label in (0, 1):
            of_label = rng.permutation(rows[labels == label])
            repeats = -(-most // len(of_label))
            epoch_rows.append(np.tile(of_label, repeats)[:most])
            times.append(np.repeat(np.arange(repeats), len(of_label))[:most])
        mixed = rng.permutation(2 * most)
        return np.concatenate(epoch_rows)[mixed], np.concatenate(times)[mixed]
