"""Epochs as a progress bar on a terminal, as a line every ten seconds elsewhere."""

import logging
import sys
import time
from types import TracebackType

from tqdm import tqdm

from lungnet.config.experiment import Experiment
from lungnet.progress import LINE_EVERY_S

log = logging.getLogger("lungnet")


class EpochBar:
    """Shows where a training stands; early stopping may end it before the bar is full."""

    def __init__(self, experiment: Experiment) -> None:
        data, ensemble = experiment.data, experiment.training.ensemble
        judges = data.folds * data.repeats + 1 if data.folds else 1
        networks = judges * max(1, ensemble.folds) * ensemble.seeds
        is_shown = log.getEffectiveLevel() <= logging.INFO
        self.bar = tqdm(
            # How many folds a split of one's own has, its file knows.
            total=None
            if data.has_own_split() or data.leave_one_group_out
            else networks * experiment.training.epochs,
            desc="train",
            unit="epoch",
            disable=not (is_shown and sys.stderr.isatty()),
        )
        self.last = time.monotonic()

    def __enter__(self) -> "EpochBar":
        return self

    def __exit__(
        self,
        error_class: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def epoch_done(self, network: str, row: dict[str, float]) -> None:
        """Show an epoch's losses."""
        text = f"loss {row['loss']:.3f}"
        if "val_loss" in row:
            text += f", validation loss {row['val_loss']:.3f}, AUC {row['val_auc']:.3f}"
        self.bar.set_postfix_str(f"{network}: {text}", refresh=False)
        self.bar.update()
        now = time.monotonic()
        if self.bar.disable and now - self.last >= LINE_EVERY_S:
            self.last = now
            log.info("train %s: epoch %d, %s", network, int(row["epoch"]) + 1, text)
