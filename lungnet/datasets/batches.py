"""Batches whose order and augmentation are functions of (seed, epoch, sample).

A resumed run cannot drift. Keras takes them on every backend.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

import grain
import numpy as np

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation import augment_crop, draw_share, mixed
from lungnet.datasets.cohort import Cohort, Inputs
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.targets import Targets
from lungnet.datasets.view import View, draw_view, straight
from lungnet.errors import LungnetError
from lungnet.seeds import stream

Sample = tuple[Inputs, Inputs]
"""(inputs, targets) by the names of the network's inputs and outputs; of a batch, stacked."""

READERS = 2
"""Threads that make batches; most of their time goes into code that frees the interpreter."""

AHEAD = 4
"""Batches made before they are asked for."""


@dataclass(frozen=True, eq=False)
class TaskBatches:
    """The batches that one network is trained and stopped on.

    Attributes:
        cohort: gives the samples.
        input_config: what the network is fed with.
        targets: what its outputs are held to.
        schedule: the rows that give gradients, in which order.
        augmentation: random changes to them.
        validation: rows that choose the best epoch; none: all epochs are done.
    """

    cohort: Cohort
    input_config: InputConfig
    targets: Targets
    schedule: Schedule
    augmentation: AugmentationConfig
    validation: Sequence[int]

    def training(self, epochs: range, skipped: int = 0) -> grain.IterDataset[Sample]:
        """Augmented batches of ({name: input}, {name: target}) over all the epochs on end.

        Without the first `skipped` steps.
        """
        schedule = self.schedule
        order = lru_cache(maxsize=2)(schedule.order)

        def batch(number: int) -> Sample:
            """A step's samples, counted from the first that is not skipped."""
            epoch, step = divmod(skipped + number, schedule.steps)
            shown = order(epochs.start + epoch)[step * schedule.size : (step + 1) * schedule.size]
            return _stacked(
                [self.augmented(epochs.start + epoch, *pair) for pair in shown.tolist()]
            )

        return _read_ahead(len(epochs) * schedule.steps - skipped, batch)

    def held_out(self) -> grain.IterDataset[Sample] | None:
        """The validation rows as they are; None where there are none."""
        return self.plain(self.validation) if len(self.validation) else None

    def plain(self, rows: Sequence[int]) -> grain.IterDataset[Sample]:
        """Batches of the rows in their order, as they are; a short one comes first."""
        # Keras takes the shapes of all batches from the first two.
        size, view = self.schedule.batch_size, straight(len(self.input_config.size))
        stops = range(len(rows) % size or size, len(rows) + 1, size)

        def batch(number: int) -> Sample:
            """The samples of one batch."""
            stop = stops[number]
            return _stacked([self.sample(row, view) for row in rows[max(0, stop - size) : stop]])

        return _read_ahead(self.plain_steps(rows), batch)

    def plain_steps(self, rows: Sequence[int]) -> int:
        """Number of batches of `plain`."""
        return -(-len(rows) // self.schedule.batch_size)

    def inputs(self, rows: Sequence[int]) -> Inputs:
        """The network's inputs for some rows, as they are, stacked."""
        view = straight(len(self.input_config.size))
        samples = [self.sample(row, view)[0] for row in rows]
        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def augmented(self, epoch: int, row: int, time: int = 0) -> Sample:
        """A row as an epoch shows it, once more for each `time`, without its batch."""
        names = (epoch, row, time) if time else (epoch, row)
        rng = stream(self.schedule.seed, "augmentation", *names)
        own = self._changed(row, rng)
        if not self.augmentation.mixup:
            return own
        partner = self._changed(self.schedule.draw_row(rng), rng)
        share = draw_share(self.augmentation.mixup, rng)
        inputs, targets = (mixed(*pair, share) for pair in zip(own, partner, strict=True))
        return inputs, targets

    def sample(self, row: int, view: View) -> Sample:
        """A row in a view, as it is."""
        read = dict(self.cohort.read(row, view))
        outline = read.pop("outline", None)
        if self.targets.scalars is not None:
            read["scalars"] = self.targets.scalars[row]
        return read, self.targets.of(row, outline, self.input_config.size)

    def _changed(self, row: int, rng: np.random.Generator) -> Sample:
        config, image_size = self.augmentation, self.input_config.size
        inputs, targets = self.sample(row, draw_view(config, len(image_size), rng))
        image = inputs["image"]
        crops = image if self.input_config.kind == "bag" else image[None]
        changed = []
        for crop in crops:
            augmented, symmetry = augment_crop(crop, config, rng)
            changed.append(augmented)
        inputs["image"] = np.stack(changed).reshape(image.shape)
        if "outline" in targets:
            targets["outline"] = symmetry(targets["outline"])
        if "scalars" in inputs and config.drop_scalars and rng.random() < config.drop_scalars:
            inputs["scalars"] = np.full_like(inputs["scalars"], np.nan)
        return inputs, targets


def _stacked(samples: Sequence[Sample]) -> Sample:
    inputs, targets = (
        {name: np.stack([part[name] for part in parts]) for name in parts[0]}
        for parts in zip(*samples, strict=True)
    )
    return inputs, {name: values.astype(np.float32, copy=False) for name, values in targets.items()}


def _read_ahead(count: int, batch: Callable[[int], Sample]) -> grain.IterDataset[Sample]:
    options = grain.ReadOptions(num_threads=READERS, prefetch_buffer_size=AHEAD)
    return grain.MapDataset.range(count).map(batch).to_iter_dataset(options)


@contextmanager
def with_cohort_errors(batches: TaskBatches) -> Iterator[TaskBatches]:
    """The batches, whose expected failures come out of a backend's pipeline as what they are."""
    failures: list[LungnetError] = []

    def read(row: int, view: View) -> Inputs:
        """Read, or keep what went wrong for later."""
        try:
            return batches.cohort.read(row, view)
        except LungnetError as error:
            failures.append(error)
            raise

    try:
        yield replace(batches, cohort=replace(batches.cohort, read=read))
    finally:
        if failures:
            raise failures[0] from None
