"""Settings of the optimizer, the training loop, the augmentation and the evaluation."""

from typing import Annotated, Literal

from pydantic import Field

from lungnet.config.section import Section


class OptimizerConfig(Section):
    """AdamW with a cosine schedule: the field's default, and enough for the road."""

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Peak learning rate."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """Decoupled weight decay; biases, norms and learned slopes are spared."""

    warmup: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Share of the steps over which the rate rises linearly from 0; then it falls as a cosine to 1
    % of its peak."""

    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients longer than this are shortened to it."""


class AugmentationConfig(Section):
    """Random changes to training crops, each a function of (seed, epoch, sample).

    Zero switches one off.
    """

    flips: bool = False
    """Mirror along each axis with probability 1/2."""

    quarter_turns: bool = False
    """Exchange axes of equal size at random: with flips, all 48 (3D) or 8 (2D) symmetries of the
    grid."""

    shift_voxels: Annotated[int, Field(ge=0, le=32)] = 0
    """Move the crop by up to so many voxels along each axis."""

    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Turn by up to so much within the (y, x) plane."""

    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Enlarge or shrink within the (y, x) plane by up to this share."""

    shift_hu: Annotated[float, Field(ge=0, le=500)] = 0.0
    """Add one number from a normal law of this standard deviation, in HU."""

    noise_hu: Annotated[float, Field(ge=0, le=500)] = 0.0
    """Add white noise of this standard deviation, in HU."""


class TrainingConfig(Section):
    """The loop."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    """Passes over the training patients at the most."""

    batch_size: Annotated[int, Field(ge=1, le=4096)] = 16
    """Samples (bags, nodules or volumes) in a step."""

    patience: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Epochs without a lower validation loss after which the training stops; the best weights
    count."""

    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Labels become this much less certain in the training loss."""

    augmentation: AugmentationConfig = AugmentationConfig()
    """Random changes to the training crops."""


class EvaluationConfig(Section):
    """How the figures of the report are made."""

    calibration: Literal["none", "temperature"] = "temperature"
    """Fitted on the validation patients only."""

    bootstrap: Annotated[int, Field(ge=100, le=100_000)] = 2000
    """Resamplings of patients behind an interval."""
