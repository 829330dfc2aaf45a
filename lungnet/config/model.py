"""Settings of the network: what it looks at and how it is built."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from lungnet.config.lookup import ChoiceConfig, NamedSection
from lungnet.config.networks.paper_settings import with_paper_settings
from lungnet.config.section import Section

Window = tuple[float, float]

ATTRIBUTES: dict[str, tuple[int, int]] = {
    "subtlety": (1, 5),
    "internal_structure": (1, 4),
    "calcification": (1, 6),
    "sphericity": (1, 5),
    "margin": (1, 5),
    "lobulation": (1, 5),
    "spiculation": (1, 5),
    "texture": (1, 5),
}
"""The ratings that LIDC-IDRI's readers gave beside malignancy: lowest and highest (McNitt-Gray et
al. 2007, doi:10.1016/j.acra.2007.07.021)."""


RATINGS = (1, 2, 3, 4, 5)
"""Of malignancy, by the same readers: 1 is highly unlikely, 5 highly suspicious; the positive label
is a rating above the third."""

RATINGS_OUTPUT = "ratings"
"""Output of a network that learns their distribution."""


class ScalarConfig(Section):
    """A number beside the image, standardised over the training rows."""

    column: Annotated[str, Field(min_length=1)]
    """Column of the cohort's table: `diameter_mm`, or one of the labels' CSV."""

    log: bool = False
    """Take the natural logarithm first; then the numbers must be above 0."""

    @model_validator(mode="before")
    @classmethod
    def _a_name_alone_will_do(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value


class InputConfig(Section):
    """What the network is shown. HU go in; the window is the network's first layer."""

    kind: Literal["bag", "nodule", "volume"]
    """`bag`: the best candidates of a patient; `nodule`: one crop; `volume`: both lungs at a coarse
    spacing."""

    size: Annotated[
        tuple[Annotated[int, Field(ge=8, le=256)], ...], Field(min_length=2, max_length=3)
    ]
    """Voxels along (z, y, x), or (y, x) for 2D nodule images."""

    candidates: Annotated[int, Field(ge=1, le=64)] = 8
    """Crops in a bag, best-ranked first; a scan with fewer is filled up with air that is masked
    out."""

    positions: bool = False
    """Where the candidates of a `bag` lie, in millimetres from their mean, as an input of their
    own: for `model.bag_pooling: self_attention`."""

    spacing_mm: Annotated[float, Field(ge=0.5, le=8)] = 4.0
    """Voxel edge of a `volume` input in millimetres; crops keep the store's spacing."""

    windows_hu: Annotated[tuple[Window, ...], Field(min_length=1, max_length=8)] = (
        (-1000.0, 400.0),
    )
    """Channels: HU below and above each [low, high] are clipped, the window is scaled to -1..1. One
    window may be given without the outer brackets."""

    centre_distance: bool = False
    """One more channel: the distance from the middle of the crop, 0 there and 1 at the middle of
    a face, so that the network knows which of two structures it is asked about."""

    scalars: tuple[ScalarConfig, ...] = ()
    """Numbers beside the image, columns of the cohort's table, joined to the features before the
    heads; missing ones are allowed and learned."""

    @field_validator("windows_hu", mode="before")
    @classmethod
    def _one_window_is_a_list_of_one(cls, value: Any) -> Any:
        is_pair = isinstance(value, list | tuple) and len(value) == 2
        return [value] if is_pair and not any(isinstance(v, list | tuple) for v in value) else value

    @field_validator("windows_hu")
    @classmethod
    def _windows_are_open(cls, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        if any(not -3100 <= low < high <= 4000 for low, high in windows):
            raise ValueError("no window; expected [low, high] with -3100 <= low < high <= 4000")
        return windows

    @model_validator(mode="after")
    def _bags_and_volumes_are_3d(self) -> "InputConfig":
        if self.positions and self.kind != "bag":
            raise ValueError(f"positions are of a bag's candidates, a {self.kind} has none")
        if self.kind != "nodule" and len(self.size) != 3:
            raise ValueError(
                f"a {self.kind} is 3D: size needs three numbers, found {list(self.size)}"
            )
        return self


def _choice(name: str) -> ChoiceConfig:
    return ChoiceConfig(name=name)


class ConvolutionConfig(Section):
    """The convolutions of the plain network."""

    kernel: Annotated[int, Field(ge=1, le=11)] = 3
    """Voxels along each axis that it looks at."""

    stride: Annotated[int, Field(ge=1, le=4)] = 1
    """By how many voxels the first convolution of each stage moves; the first of all by so many
    times `stem_stride`."""

    padding: Literal["same", "valid"] = "same"
    """`same`: zeros around the map, which keeps its size; `valid`: none, and the map shrinks."""

    dilation: Annotated[int, Field(ge=1, le=16)] = 1
    """Distance between the voxels that the kernel looks at; above 1 without strides only."""

    groups: Annotated[int, Field(ge=1, le=2048)] = 1
    """Groups of channels that do not see each other; the first convolution, which sees the windows,
    has one."""

    transposed: bool = False
    """Backwards: strides enlarge the map, and `valid` lets it grow."""

    @model_validator(mode="after")
    def _keras_has_such_a_layer(self) -> "ConvolutionConfig":
        if self.stride > 1 and self.dilation > 1:
            raise ValueError(
                f"dilation {self.dilation} does not go with stride {self.stride}; expected "
                "dilation 1 or stride 1"
            )
        if self.transposed and self.groups > 1:
            raise ValueError(
                f"groups {self.groups} do not go with transposed; expected groups 1 or transposed "
                "false"
            )
        return self


class HeadConfig(NamedSection):
    """Something else that the network learns from the same features, and what it weighs."""

    name: str
    """Name in HEADS: `attributes` (the readers' other ratings), `outline` (what belongs to the
    nodule), `diameter`."""

    weight: Annotated[float, Field(gt=0, le=100)] = 0.3
    """Of its loss, where that of malignancy weighs 1."""


class OutputConfig(HeadConfig):
    """What malignancy is told as; in each case evaluation takes the probability of the label."""

    name: str = "logit"
    """Name in OUTPUTS: `logit`, or the distribution of the readers' ratings 1 to 5 as `softmax` or
    `ordinal`, from which the logit is that of a rating above 3."""

    weight: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Of the cross-entropy against the readers' ratings, where that of the label weighs 1."""


class ModelConfig(Section):
    """The network between the window and the logit."""

    architecture: str = "plain"
    """Name in ARCHITECTURES. `elu15` and `keras_io_3d` bring their own `channels`, `stem_stride`
    and `global_pooling`, whatever is given; these two, `convnext` and `vit` also have the
    activation, norm, pooling, hidden layers and dropout of their papers where none is given."""

    channels: Annotated[
        tuple[Annotated[int, Field(ge=1, le=2048)], ...], Field(min_length=1, max_length=8)
    ] = (16, 32, 64)
    """Feature maps of each stage; each stage but the last lowers the resolution by `pooling`."""

    width: Annotated[float, Field(ge=0.01, le=4)] = 1.0
    """What `channels` and `hidden` are multiplied by: rounded, at least 1, and multiples of the
    groups of norm and convolution."""

    blocks: Annotated[int, Field(ge=1, le=8)] = 1
    """Convolutions (plain), residual blocks (resnet, slices_2d), dense layers (densenet) or blocks
    (convnext, vit) in a stage."""

    squeeze_excitation: Annotated[int, Field(ge=0, le=64)] = 0
    """Channels for each hidden unit of squeeze and excitation in residual blocks (resnet,
    slices_2d), usually 16; 0 for none."""

    stem_stride: Annotated[int, Field(ge=1, le=4)] = 1
    """Stride of the first convolution; 2 saves seven eighths of the work in 3D."""

    convolution: ConvolutionConfig = ConvolutionConfig()
    """The convolutions of the `plain` network."""

    activation: ChoiceConfig = _choice("relu")
    """Name in ACTIVATIONS, and its options."""

    norm: ChoiceConfig = _choice("batch")
    """Name in NORMS, and its options."""

    pooling: ChoiceConfig = _choice("max")
    """Name in POOLINGS: what lowers the resolution between stages. All but `none` take `window` and
    `stride` (2 each, which halve it), `general_mean` also a `power`."""

    global_pooling: ChoiceConfig = _choice("average")
    """Name in GLOBAL_POOLINGS: how the last feature map becomes a vector. `pyramid` takes `levels`,
    `general_mean` a `power`, `top_k` a count or share `k`."""

    hidden: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = ()
    """Units of fully connected layers before the logit."""

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of features dropped before each fully connected layer, in training."""

    bag_pooling: ChoiceConfig = _choice("noisy_or")
    """How the candidates' evidence becomes the patient's; used by `bag` inputs only."""

    output: OutputConfig = OutputConfig()
    """What malignancy is told as."""

    heads: tuple[HeadConfig, ...] = ()
    """Further outputs of a `nodule` network, learned where the cohort knows their truth and shown
    in predictions."""

    test_symmetries: Literal["none", "flips", "all"] = "none"
    """What is averaged over in prediction, of a `nodule` network: the crop alone, its mirror images
    (4 in 2D, 8 in 3D), or all symmetries of the grid (8 or 48)."""

    start_from: str | None = None
    """Bundle whose weights a training starts from: those of the same path and shape are taken, the
    rest is listed."""

    frozen_epochs: Annotated[int, Field(ge=0, le=10_000)] = 0
    """First epochs in which the layers that were taken whole from `start_from` do not change."""

    @model_validator(mode="before")
    @classmethod
    def _a_paper_brings_its_settings(cls, value: Any) -> Any:
        return with_paper_settings(value)

    def learned_outputs(self) -> tuple[HeadConfig, ...]:
        """What is learned beside the logit: the heads, and the distribution of ratings."""
        if self.output.name == "logit":
            return self.heads
        return (*self.heads, HeadConfig(name=RATINGS_OUTPUT, weight=self.output.weight))

    @field_validator("heads")
    @classmethod
    def _heads_are_there_once(cls, heads: tuple[HeadConfig, ...]) -> tuple[HeadConfig, ...]:
        if len({head.name for head in heads}) < len(heads):
            raise ValueError("a head is there twice; expected each once, with one weight")
        return heads

    @model_validator(mode="after")
    def _convolution_fits_the_network(self) -> "ModelConfig":
        convolution = self.convolution
        if self.architecture != "plain" and convolution != ConvolutionConfig():
            raise ValueError(f"convolution is for plain, not for {self.architecture}; leave it out")
        if self.stem_stride > 1 and convolution.dilation > 1:
            raise ValueError(
                f"convolution.dilation {convolution.dilation} does not go with stem_stride "
                f"{self.stem_stride}; expected dilation 1 or stem_stride 1"
            )
        if convolution.groups > 1 and len(self.channels) * self.blocks == 1:
            raise ValueError("convolution.groups is for the second convolution; there is but one")
        common = math.gcd(*self.channels)
        if common % convolution.groups:
            divisors = [n for n in range(1, common + 1) if common % n == 0]
            nearest = min(divisors, key=lambda n: abs(n - convolution.groups))
            raise ValueError(
                f"convolution.groups {convolution.groups} do not divide channels "
                f"{list(self.channels)}; the nearest that do are {nearest}"
            )
        return self

    @model_validator(mode="after")
    def _only_what_was_taken_is_frozen(self) -> "ModelConfig":
        if self.frozen_epochs and self.start_from is None:
            raise ValueError("frozen_epochs needs start_from, whose layers are frozen")
        return self
