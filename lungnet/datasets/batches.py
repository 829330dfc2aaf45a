"""tf.data batches whose order and augmentation are functions of (seed, epoch, sample).

A resumed run cannot drift.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation import change_hu, draw_symmetry
from lungnet.datasets.cohort import Cohort, Inputs
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.targets import Targets
from lungnet.datasets.view import View, draw_view, straight
from lungnet.errors import LungnetError
from lungnet.seeds import stream

Sample = tuple[Inputs, Inputs]
"""(inputs, targets) by the names of the network's inputs and outputs."""


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

    def training(self, epochs: range) -> tf.data.Dataset:
        """Augmented batches of ({name: input}, {name: target}) over all the epochs on end."""
        schedule = self.schedule
        order = lru_cache(maxsize=2)(schedule.order)

        def batch(number: NDArray[np.int64]) -> list[Sample]:
            """A step's samples, counted from the first step of `epochs`."""
            epoch, step = divmod(int(number), schedule.steps)
            shown = order(epochs.start + epoch)[step * schedule.size : (step + 1) * schedule.size]
            return [self._augmented(epochs.start + epoch, *pair) for pair in shown.tolist()]

        return self._dataset(len(epochs) * schedule.steps, batch)

    def held_out(self) -> tf.data.Dataset | None:
        """The validation rows as they are; None where there are none."""
        return self.plain(self.validation) if len(self.validation) else None

    def plain(self, rows: Sequence[int]) -> tf.data.Dataset:
        """Batches of the rows in their order, as they are."""
        size = self.schedule.batch_size

        def batch(number: NDArray[np.int64]) -> list[Sample]:
            """The samples of one batch."""
            chunk = rows[int(number) * size : (int(number) + 1) * size]
            return [self._sample(row, straight(len(self.input_config.size))) for row in chunk]

        return self._dataset(-(-len(rows) // size), batch)

    def inputs(self, rows: Sequence[int]) -> Inputs:
        """The network's inputs for some rows, as they are, stacked."""
        view = straight(len(self.input_config.size))
        samples = [self._sample(row, view)[0] for row in rows]
        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def _augmented(self, epoch: int, row: int, time: int) -> Sample:
        config, image_size = self.augmentation, self.input_config.size
        names = (epoch, row, time) if time else (epoch, row)
        rng = stream(self.schedule.seed, "augmentation", *names)
        inputs, targets = self._sample(row, draw_view(config, len(image_size), rng))
        image = inputs["image"]
        crops = image if self.input_config.kind == "bag" else image[None]
        changed = []
        for crop in crops:
            moved = draw_symmetry(config, crop.shape, rng)
            changed.append(change_hu(moved(crop).astype(np.int16, copy=False), config, rng))
        inputs["image"] = np.stack(changed).reshape(image.shape)
        if "outline" in targets:
            targets["outline"] = moved(targets["outline"])
        if "scalars" in inputs and config.drop_scalars and rng.random() < config.drop_scalars:
            inputs["scalars"] = np.full_like(inputs["scalars"], np.nan)
        return inputs, targets

    def _sample(self, row: int, view: View) -> Sample:
        read = dict(self.cohort.read(row, view))
        outline = read.pop("outline", None)
        if self.targets.scalars is not None:
            read["scalars"] = self.targets.scalars[row]
        return read, self.targets.of(row, outline, self.input_config.size)

    def _dataset(
        self, steps: int, batch: Callable[[NDArray[np.int64]], list[Sample]]
    ) -> tf.data.Dataset:
        targets = {
            name: tf.TensorSpec(shape, tf.float32)
            for name, shape in self.targets.shapes(self.input_config).items()
        }
        specs = input_tensor_specs(self.input_config), targets
        flat = [spec for part in specs for spec in part.values()]

        def arrays(number: NDArray[np.int64]) -> list[NDArray[np.generic]]:
            """A batch's inputs and targets, each stacked, in the order of the specs."""
            samples = batch(number)
            return [
                np.stack([sample[i][name] for sample in samples]).astype(
                    spec.dtype.as_numpy_dtype, copy=False
                )
                for i, part in enumerate(specs)
                for name, spec in part.items()
            ]

        def read(number: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
            """From the number of a batch to named tensors of known shapes."""
            values = tf.numpy_function(
                arrays, [number], [spec.dtype for spec in flat], stateful=False
            )
            shaped = iter(
                tf.ensure_shape(value, (None, *spec.shape))
                for value, spec in zip(values, flat, strict=True)
            )
            inputs, targets = ({name: next(shaped) for name in part} for part in specs)
            return inputs, targets

        return (
            tf.data.Dataset.range(steps)
            .map(read, num_parallel_calls=2, deterministic=True)
            .prefetch(2)
        )


@contextmanager
def with_cohort_errors(batches: TaskBatches) -> Iterator[TaskBatches]:
    """The batches, whose expected failures come out of TensorFlow's pipeline as what they are."""
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
    except tf.errors.OpError:
        if failures:
            raise failures[0] from None
        raise


def input_tensor_specs(input_config: InputConfig) -> dict[str, tf.TensorSpec]:
    """Name, shape and type of each input of the network for one sample."""
    size, count = input_config.size, input_config.candidates
    if input_config.kind == "bag":
        specs = {
            "image": tf.TensorSpec((count, *size), tf.int16),
            "present": tf.TensorSpec((count,), tf.float32),
        }
    else:
        specs = {"image": tf.TensorSpec(size, tf.int16)}
    if input_config.scalars:
        specs["scalars"] = tf.TensorSpec((len(input_config.scalars),), tf.float32)
    return specs
