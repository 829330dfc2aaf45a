"""Settings of the optimizer, the training loop, the augmentation and the evaluation."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lungnet.config.section import Section
from lungnet.processes.keras_backend import BackendName


class OptimizerConfig(Section):
    """How gradients change the weights; warm-up and a cosine are the field's default."""

    name: Literal["adamw", "sgd"] = "adamw"
    """`adamw`: decoupled weight decay; `sgd`: with Nesterov's momentum."""

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Peak learning rate."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """Decoupled weight decay; biases, norms and learned slopes are spared."""

    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Share of the last step in the next; used by `sgd` only."""

    warmup: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Share of the steps over which the rate rises linearly from 0; then it falls as a cosine to 1
    % of its peak."""

    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients longer than this are shortened to it."""

    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Momentum m of the moving average of the weights, a <- m a + (1 - m) w after each batch; the
    average is what is validated, kept and shipped. 0: the weights themselves."""

    accumulate: Annotated[int, Field(ge=1, le=1024)] = 1
    """Batches whose gradients are averaged into one change of the weights."""


class LossConfig(Section):
    """What malignancy's logit is held to."""

    name: Literal["cross_entropy", "focal"] = "cross_entropy"
    """`focal` gives easy samples less weight (Lin et al. 2017, arXiv:1708.02002)."""

    focus: Annotated[float, Field(ge=0, le=10)] = 2.0
    """Exponent of `focal`; 0 is cross-entropy."""

    balance: bool = False
    """Weigh both labels alike, however rare one is among the training rows."""

    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Labels become this much less certain."""

    soft_targets: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the readers' mean rating, (mean - 1) / 4, in the target; the label is the rest. A
    sample without ratings keeps its label."""

    @model_validator(mode="before")
    @classmethod
    def _a_name_alone_will_do(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


MOST_NETWORKS = 100
"""In a bundle."""


class EnsembleConfig(Section):
    """Several networks for one answer, whose logits are averaged."""

    folds: Annotated[int, Field(ge=0, le=20)] = 0
    """Inner folds of the training patients: a network for each that never saw it; their logits on
    what they did not see fit the calibration. 0: none."""

    seeds: Annotated[int, Field(ge=1, le=20)] = 1
    """Networks for each inner fold (or in all), which differ in every random draw."""

    @model_validator(mode="after")
    def _one_fold_is_none(self) -> "EnsembleConfig":
        if self.folds == 1:
            raise ValueError("1 fold leaves nothing to train on; 0 (none) or at least 2")
        if self.folds * self.seeds > MOST_NETWORKS:
            raise ValueError(
                f"{self.folds} folds of {self.seeds} seeds are {self.folds * self.seeds} networks; "
                f"a bundle holds at most {MOST_NETWORKS}"
            )
        return self


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
    """Turn by up to so much. With `scale`, the crop is cut in one interpolation, from native pixels
    where the cohort has them, and moved by a part of a voxel."""

    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Enlarge or shrink by up to this share."""

    axes: Literal["plane", "all"] = "plane"
    """`plane`: `rotate_degrees` and `scale` act within the (y, x) plane. `all`, in 3D: about any
    axis, alike in all directions (180: every orientation as likely), and along all three; the crop
    is cut with a margin, so that its corners hold what lies there."""

    elastic_voxels: Annotated[float, Field(ge=0, le=16)] = 0.0
    """Bend the crop: a grid of points, a quarter of the crop apart, moves by up to so many voxels
    along each axis, and a smooth curve leads from point to point. At most a tenth of the shortest
    edge, so that nothing folds."""

    drop_scalars: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the samples whose numbers beside the image are hidden, so that the network learns to
    do without them."""

    blur_voxels: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Blur with a Gaussian whose standard deviation is drawn from 0 to so many voxels."""

    thick_slices: Annotated[float, Field(ge=0, le=16)] = 0.0
    """Make slices of up to so many voxels along z (in 2D along y or x): average over them, then
    interpolate back to the crop's grid."""

    scale_hu: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Stretch or shrink HU by up to this share; air (-1000) stays air."""

    shift_hu: Annotated[float, Field(ge=0, le=500)] = 0.0
    """Add one number from a normal law of this standard deviation, in HU."""

    noise_hu: Annotated[float, Field(ge=0, le=500)] = 0.0
    """Add white noise of this standard deviation, in HU."""

    cut_out: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Hide a box anywhere in the crop, each edge up to this share of the crop's, behind the mean HU
    of the crop (DeVries and Taylor 2017, arXiv:1708.04552)."""

    mixup: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Blend each sample with another, HU and target alike; the shares are drawn from
    Beta(mixup, mixup) and the sample keeps the larger (Zhang et al. 2018, arXiv:1710.09412). Not
    for bags, nor with `input.scalars`, `model.heads`, `model.output` or `training.loss.balance`."""

    @model_validator(mode="after")
    def _nothing_is_set_in_vain(self) -> "AugmentationConfig":
        if self.axes == "all" and not (self.rotate_degrees or self.scale):
            raise ValueError("axes does nothing without rotate_degrees or scale; set one of them")
        if 0 < self.thick_slices <= 1:
            raise ValueError(
                f"thick_slices {self.thick_slices:g} is a voxel or less and does nothing; expected "
                "more than 1, or 0 for none"
            )
        return self


class TrainingConfig(Section):
    """The loop."""

    backend: BackendName = "tensorflow"
    """What Keras runs on. `jax` needs `pip install 'lungnet[jax]'`; `lungnet seal` then makes the
    bundle, where TensorFlow is."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    """Passes over the training patients at the most."""

    continue_from: str | None = None
    """A finished run of the same data, splits and network: each network starts from its last
    weights there, with a schedule of its own. `lungnet train --epochs N --resume` sets it."""

    batch_size: Annotated[int, Field(ge=1, le=4096)] = 16
    """Samples (bags, nodules or volumes) in a step."""

    patience: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Epochs without a lower validation loss after which the training stops; the best weights
    count. Without validation patients (`data.split.validation: 0`) all epochs are done and the
    last weights count."""

    checkpoint_every_steps: Annotated[int, Field(ge=0)] = 0
    """Steps of an epoch after which its state is kept, so that long epochs are resumed in their
    middle; 0: at the end of each epoch only."""

    loss: LossConfig = LossConfig()
    """What malignancy's logit is held to."""

    sampling: Literal["natural", "balanced"] = "natural"
    """`natural`: each sample once an epoch; `balanced`: as many of either label, the rarer one's
    repeated."""

    ensemble: EnsembleConfig = EnsembleConfig()
    """Several networks for one answer."""

    augmentation: AugmentationConfig = AugmentationConfig()
    """Random changes to the training crops."""


class EvaluationConfig(Section):
    """How the figures of the report are made."""

    calibration: Literal["none", "temperature", "platt"] = "temperature"
    """Fitted on logits of patients that were not trained on: the validation patients, or those of
    the inner folds. `platt` moves the logit as well as stretching it."""

    random_passes: Annotated[int, Field(ge=0, le=1000)] = 0
    """Further answers with dropout, RReLU and noise left on, each seeded; `predictions.csv` then
    has the mean and the spread of their probabilities. The report is of the answer without."""

    bootstrap: Annotated[int, Field(ge=100, le=100_000)] = 2000
    """Resamplings of patients behind an interval."""
