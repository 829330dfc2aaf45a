"""What the papers' architectures are by their papers.

A configuration that names one need not repeat its paper; the resolved configuration of a run says
what was taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PaperSettings:
    """Settings of `model` that come with an architecture.

    Attributes:
        usual: taken where the configuration says nothing.
        fixed: taken whatever it says: without them it would be another architecture.
    """

    usual: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


PAPER_SETTINGS: dict[str, PaperSettings] = {
    "elu15": PaperSettings(
        usual={"activation": "elu", "norm": "none", "hidden": (4096, 4096, 1000)},
        fixed={
            "channels": (96, 512, 768, 1024),
            "stem_stride": 1,
            "global_pooling": "pyramid",
        },
    ),
    "keras_io_3d": PaperSettings(
        usual={"hidden": (512,), "dropout": 0.3},
        fixed={"channels": (64, 64, 128, 256), "stem_stride": 1, "global_pooling": "average"},
    ),
    "convnext": PaperSettings(usual={"activation": "gelu", "norm": "layer", "pooling": "strided"}),
    "vit": PaperSettings(usual={"activation": "gelu", "norm": "layer"}),
}
"""By name in ARCHITECTURES; those that are not here have nothing but the general defaults."""


def with_paper_settings(model: Any) -> Any:
    """The section `model` as it was written, with the settings of its architecture."""
    if not isinstance(model, Mapping) or not isinstance(model.get("architecture"), str):
        return model
    paper = PAPER_SETTINGS.get(model["architecture"], PaperSettings())
    return {**paper.usual, **model, **paper.fixed}
