"""An experiment made ready to train: its network, cohort and splits, each validated once."""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import Cohort, Keeping
from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.datasets.splits import draw_splits, inner_folds
from lungnet.datasets.targets import OUTLINE, Targets, cohort_targets
from lungnet.datasets.volume_view import reach_voxels
from lungnet.errors import ChoiceError, ConfigError, InputError
from lungnet.files import canonical_hash
from lungnet.models.bundle import open_bundle
from lungnet.models.random_passes import is_random
from lungnet.processes.keras_backend import use_backend
from lungnet.run_folder import TEST, TRAIN, VALIDATION
from lungnet.seeds import derive
from lungnet.training.fit import new_network

log = logging.getLogger("lungnet")

MAIN = "main"
"""Name of the only judge of a run without folds."""

FINAL = "final"
"""Name of the judge in the bundle of a cross-validated run: trained on everybody but its
validation patients."""

INNER = "inner"
"""In the split of a member: training rows of an inner fold that this member never saw."""


@dataclass(frozen=True, eq=False)
class Member:
    """One network.

    Attributes:
        name: of its folders and of its random streams.
        split: the part that each row of the cohort plays: train, validation, inner or test.
    """

    name: str
    split: pd.Series

    def rows(self, *parts: str) -> list[int]:
        """Numbers of the rows that play one of these parts."""
        return [int(row) for row in np.flatnonzero(self.split.isin(parts))]


@dataclass(frozen=True, eq=False)
class Judge:
    """One network or several whose logits are averaged, trained on the same patients.

    Attributes:
        name: "main", "fold-0", ..., "final".
        split: the part that each row plays: train, validation or test.
        members: its networks.
    """

    name: str
    split: pd.Series
    members: tuple[Member, ...]


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """What is trained on whom.

    Attributes:
        experiment: the whole configuration.
        first_network: untrained, seeded for the first member.
        cohort: all samples.
        targets: what the outputs are held to.
        splits: for each judge of held-out samples, the split of each row.
    """

    experiment: Experiment
    first_network: keras.Model
    cohort: Cohort
    targets: Targets
    splits: list[pd.Series]

    @property
    def has_folds(self) -> bool:
        """Whether the splits are folds, and one more judge goes into the bundle."""
        return len(self.splits) > 1

    def judges(self) -> Iterator[Judge]:
        """Each judge, the last of which goes into the bundle."""
        return iter(self._judges)

    @cached_property
    def _judges(self) -> tuple[Judge, ...]:
        """Drawn once: each member is trained by its number among all."""
        if not self.has_folds:
            return (self._judge(MAIN, self.splits[0]),)
        folds = [self._judge(f"fold-{fold}", split) for fold, split in enumerate(self.splits)]
        # Nobody is held out: the first fold's validation patients stop the training.
        return (*folds, self._judge(FINAL, self.splits[0].replace(TEST, TRAIN)))

    def learned_heads(self) -> list[str]:
        """Names of the heads whose truth the cohort knows; the others learn nothing."""
        learnable = [
            name for name, values in self.targets.numbers.items() if np.isfinite(values).any()
        ]
        if self.cohort.knows_outlines:
            learnable.append(OUTLINE)
        names = [head.name for head in self.experiment.model.learned_outputs()]
        return [name for name in names if name in learnable]

    def data_hashes(self) -> dict[str, str]:
        """What a run is bound to beside its configuration, by what people call it."""
        table = self.cohort.table
        numbers = {name: values.tolist() for name, values in sorted(self.targets.numbers.items())}
        scalars = self.targets.scalars
        taught = [numbers, None if scalars is None else scalars.tolist()]
        start = self.experiment.model.start_from
        started = {} if start is None else {"start": open_bundle(Path(start)).model_hash}
        return {
            **started,
            "samples": canonical_hash(table[["patient_id", "series_uid"]].to_numpy().tolist()),
            "labels": canonical_hash([table["label"].tolist(), repr(taught)]),
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

    def _judge(self, name: str, split: pd.Series) -> Judge:
        return Judge(name, split, _members(name, split, self.cohort.table, self.experiment))


def _members(
    judge: str, split: pd.Series, table: pd.DataFrame, experiment: Experiment
) -> tuple[Member, ...]:
    ensemble, splits = experiment.training.ensemble, {judge: split}
    if ensemble.folds:
        seed, groups = derive(experiment.seed, "inner", judge), experiment.data.inner_group_column()
        try:
            folds = inner_folds(table, split == TRAIN, ensemble.folds, seed, groups)
        except InputError as error:
            raise InputError(f"training.ensemble.folds: {error}") from None
        splits = {
            f"{judge}-inner-{number}": split.mask(unseen, INNER)
            for number, unseen in enumerate(folds)
        }
    return tuple(
        Member(name if ensemble.seeds == 1 else f"{name}-seed-{repeat}", inner_split)
        for name, inner_split in splits.items()
        for repeat in range(ensemble.seeds)
    )


def member_seed(experiment: Experiment, name: str) -> int:
    """The seed of everything random in the training of one network."""
    return derive(experiment.seed, "training", name)


def make_plan(experiment: Experiment, folder: Path | None = None) -> TrainingPlan:
    """Build the first network, read the cohort, draw the splits; nothing is written.

    Args:
        experiment: the whole configuration.
        folder: where crops stay decoded that are too many for memory; None: that of temporary
            files.

    Raises:
        ConfigError: a name or option that does not exist; names file and line.
        UsageError: Keras was imported on another backend than the experiment's.
        InputError: the cohort cannot be read or split.
    """
    use_backend(experiment.training.backend)
    model, input_config = experiment.model, experiment.input
    try:
        _check_unseen(experiment)
        network = new_network(model, input_config, 0)
        if experiment.evaluation.random_passes and not is_random(network):
            raise ChoiceError(
                "evaluation.random_passes",
                "do nothing where no layer is random; expected dropout, rrelu or a noisy "
                "activation, or 0 passes",
            )
        keeping = Keeping(
            round(experiment.data.memory_gb * 1e9),
            folder or Path(tempfile.gettempdir()),
            reach_voxels(experiment.training.augmentation, input_config.size),
        )
        cohort = load_cohort(experiment.data, input_config, experiment.preparation, keeping)
        heads = [head.name for head in model.learned_outputs()]
        share = experiment.training.loss.soft_targets
        targets = cohort_targets(cohort.table, input_config, heads, share)
        splits = draw_splits(cohort.table, experiment.data, experiment.seed)
    except ChoiceError as error:
        raise ConfigError(f"{experiment.where(error.key)}: {error}") from None
    plan = TrainingPlan(experiment, network, cohort, targets, splits)
    _tell_uncalibrated(plan)
    unknown = sorted(set(heads) - set(plan.learned_heads()))
    if unknown:
        log.warning("the cohort knows nothing for %s; they learn nothing", " and ".join(unknown))
    first = next(plan.judges()).members[0].name
    seeded = new_network(model, input_config, member_seed(experiment, first))
    return TrainingPlan(experiment, seeded, cohort, targets, splits)


def _check_unseen(experiment: Experiment) -> None:
    """Calibration needs patients that were not trained on; they are kept apart in one way."""
    validates, inner = experiment.data.split.validation > 0, experiment.training.ensemble.folds
    if validates and inner:
        raise ChoiceError(
            "training.ensemble.folds",
            "keep patients apart for the calibration, as data.split.validation does; expected "
            "one of the two to be 0",
        )


def _tell_uncalibrated(plan: TrainingPlan) -> None:
    """Say so where nobody who was not trained on is left to fit the calibration on."""
    experiment = plan.experiment
    inner, method = experiment.training.ensemble.folds, experiment.evaluation.calibration
    validates = (plan.splits[0] == VALIDATION).any()
    if method != "none" and not (validates or inner or plan.has_folds):
        log.warning(
            "data.split.validation leaves nobody to fit the calibration on: probabilities are the "
            "networks' own; give data.folds or training.ensemble.folds"
        )
