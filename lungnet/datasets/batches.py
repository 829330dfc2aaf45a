"""tf.data batches whose order and augmentation are functions of (seed, epoch, sample).

A resumed run cannot drift.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation import augment, draw_offset
from lungnet.datasets.cohort import Cohort, Inputs
from lungnet.errors import LungnetError
from lungnet.seeds import stream


@dataclass(frozen=True)
class Schedule:
    """Which samples are shown when.

    Attributes:
        rows: of the cohort's table.
        batch_size: samples in a step, at most as many as there are rows.
        seed: the stream of this network's training.
    """

    rows: Sequence[int]
    batch_size: int
    seed: int

    @property
    def steps(self) -> int:
        """Whole batches in an epoch; the samples left over differ from epoch to epoch."""
        return len(self.rows) // self.size

    @property
    def size(self) -> int:
        """Samples in a step."""
        return min(self.batch_size, len(self.rows))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The epoch's rows, shape (steps * size,), a function of (seed, epoch) only."""
        return stream(self.seed, "order", epoch).permutation(np.asarray(self.rows, np.int64))[
            : self.steps * self.size
        ]


@dataclass(frozen=True, eq=False)
class TaskBatches:
    """The batches that one network is trained and stopped on.

    Attributes:
        cohort: gives the samples.
        input_config: what the network is fed with.
        schedule: the rows that give gradients, in which order.
        augmentation: random changes to them.
        validation: rows that choose the best epoch.
    """

    cohort: Cohort
    input_config: InputConfig
    schedule: Schedule
    augmentation: AugmentationConfig
    validation: Sequence[int]

    def training(self, epochs: range) -> tf.data.Dataset:
        """Augmented batches over all the epochs on end."""
        return training_batches(
            self.cohort, self.schedule, epochs, self.input_config, self.augmentation
        )

    def held_out(self) -> tf.data.Dataset:
        """The validation rows as they are."""
        return plain_batches(
            self.cohort, self.validation, self.schedule.batch_size, self.input_config
        )


@contextmanager
def with_cohort_errors(cohort: Cohort) -> Iterator[Cohort]:
    """The cohort, whose expected failures come out of TensorFlow's pipeline as what they are."""
    failures: list[LungnetError] = []

    def read(row: int, offset: tuple[int, ...]) -> Inputs:
        """Read, or keep what went wrong for later."""
        try:
            return cohort.read(row, offset)
        except LungnetError as error:
            failures.append(error)
            raise

    try:
        yield replace(cohort, read=read)
    except tf.errors.OpError:
        if failures:
            raise failures[0] from None
        raise


def training_batches(
    cohort: Cohort,
    schedule: Schedule,
    epochs: range,
    input_config: InputConfig,
    augmentation: AugmentationConfig,
) -> tf.data.Dataset:
    """Batches of ({name: input}, label) over all the epochs on end, augmented."""
    draws = np.concatenate(
        [np.stack([np.full(len(o := schedule.order(e)), e), o], 1) for e in epochs]
    )

    def sample(epoch: NDArray[np.int64], row: NDArray[np.int64]) -> tuple[NDArray[np.generic], ...]:
        """A row's inputs, changed, and its label."""
        rng = stream(schedule.seed, "augmentation", int(epoch), int(row))
        inputs = cohort.read(int(row), draw_offset(augmentation, len(input_config.size), rng))
        image = inputs["image"]
        crops = image if input_config.kind == "bag" else image[None]
        changed = np.stack([augment(crop, augmentation, rng) for crop in crops]).reshape(
            image.shape
        )
        return _flat({**inputs, "image": changed}, cohort, int(row))

    return (
        _dataset(draws, sample, input_config).batch(schedule.size, drop_remainder=True).prefetch(2)
    )


def plain_batches(
    cohort: Cohort, rows: Sequence[int], batch_size: int, input_config: InputConfig
) -> tf.data.Dataset:
    """Batches of ({name: input}, label) of the rows in their order, as they are."""
    draws = np.stack([np.zeros(len(rows), np.int64), np.asarray(rows, np.int64)], 1)

    def sample(epoch: NDArray[np.int64], row: NDArray[np.int64]) -> tuple[NDArray[np.generic], ...]:
        """A row's inputs as they are, and its label."""
        del epoch
        return _flat(cohort.read(int(row), (0,) * len(input_config.size)), cohort, int(row))

    return _dataset(draws, sample, input_config).batch(batch_size).prefetch(2)


def input_tensor_specs(input_config: InputConfig) -> dict[str, tf.TensorSpec]:
    """Name, shape and type of each input of the network for one sample."""
    if input_config.kind == "bag":
        image = tf.TensorSpec((input_config.candidates, *input_config.size), tf.int16)
        return {"image": image, "present": tf.TensorSpec((input_config.candidates,), tf.float32)}
    return {"image": tf.TensorSpec(input_config.size, tf.int16)}


def _flat(inputs: Inputs, cohort: Cohort, row: int) -> tuple[NDArray[np.generic], ...]:
    label = np.asarray([cohort.table["label"].iat[row]], np.float32)
    return (*(np.ascontiguousarray(value) for value in inputs.values()), label)


def _dataset(
    draws: NDArray[np.int64], sample: object, input_config: InputConfig
) -> tf.data.Dataset:
    spec = input_tensor_specs(input_config)
    types = [*(tensor_spec.dtype for tensor_spec in spec.values()), tf.float32]

    def read(draw: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """From (epoch, row) to named tensors of known shapes."""
        *values, label = tf.numpy_function(sample, [draw[0], draw[1]], types, stateful=False)
        inputs = {
            name: tf.ensure_shape(value, tensor_spec.shape)
            for (name, tensor_spec), value in zip(spec.items(), values, strict=True)
        }
        return inputs, tf.ensure_shape(label, (1,))

    return tf.data.Dataset.from_tensor_slices(draws).map(
        read, num_parallel_calls=2, deterministic=True
    )
