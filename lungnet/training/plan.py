"""An experiment made ready to train: its network, cohort and splits, each validated once."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.datasets.splits import draw_splits
from lungnet.errors import ChoiceError, ConfigError
from lungnet.files import canonical_hash
from lungnet.run_folder import TEST, TRAIN
from lungnet.seeds import derive
from lungnet.training.fit import new_network

MAIN = "main"
"""Name of the only network of a run without folds."""

FINAL = "final"
"""Name of the network in the bundle of a cross-validated run: trained on everybody but its
validation patients."""


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """What is trained on whom.

    Attributes:
        first_network: untrained, seeded for the first task.
        cohort: all samples.
        splits: for each network that judges held-out samples, the split of each row.
        has_folds: whether the splits are folds, and one more network goes into the bundle.
    """

    first_network: keras.Model
    cohort: Cohort
    splits: list[pd.Series]
    has_folds: bool

    def tasks(self) -> Iterator[tuple[str, pd.Series]]:
        """Name and split of each network, the last of which goes into the bundle."""
        if not self.has_folds:
            yield MAIN, self.splits[0]
            return
        for fold, split in enumerate(self.splits):
            yield f"fold-{fold}", split
        # Nobody is held out: the first fold's validation patients stop the training.
        yield FINAL, self.splits[0].replace(TEST, TRAIN)

    def data_hashes(self) -> dict[str, str]:
        """What a run is bound to beside its configuration, by what people call it."""
        table = self.cohort.table
        return {
            "samples": canonical_hash(table[["patient_id", "series_uid"]].to_numpy().tolist()),
            "labels": canonical_hash(table["label"].tolist()),
            "values": self.cohort.content_hash,
            "splits": canonical_hash(self.split_table()[["split", "fold"]].to_numpy().tolist()),
        }

    def split_table(self) -> pd.DataFrame:
        """A row per sample and fold: who plays which part."""
        table = self.cohort.table[["patient_id", "series_uid", "label"]]
        if not self.has_folds:
            return table.assign(split=self.splits[0], fold=-1)
        folds = [table.assign(split=split, fold=fold) for fold, split in enumerate(self.splits)]
        return pd.concat(folds, ignore_index=True)


def task_seed(experiment: Experiment, name: str) -> int:
    """The seed of everything random in the training of one network."""
    return derive(experiment.seed, "training", name)


def make_plan(experiment: Experiment) -> TrainingPlan:
    """Build the first network, read the cohort, draw the splits; nothing is written.

    Raises:
        ConfigError: a name or option that does not exist; names file and line.
        InputError: the cohort cannot be read or split.
    """
    first = "fold-0" if experiment.data.folds else MAIN
    try:
        network = new_network(experiment.model, experiment.input, task_seed(experiment, first))
        cohort = load_cohort(experiment.data, experiment.input, experiment.preparation)
    except ChoiceError as error:
        raise ConfigError(f"{experiment.where(error.key)}: {error}") from None
    splits = draw_splits(cohort.table, experiment.data, experiment.seed)
    return TrainingPlan(network, cohort, splits, bool(experiment.data.folds))
