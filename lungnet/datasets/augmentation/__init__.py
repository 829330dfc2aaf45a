"""Random changes to training crops.

Each is drawn from the generator it is given and nothing else, and draws nothing where it is off.
"""

from lungnet.datasets.augmentation.crop import augment_crop
from lungnet.datasets.augmentation.cut_out import cut_out
from lungnet.datasets.augmentation.detail import lose_detail
from lungnet.datasets.augmentation.hu import change_hu
from lungnet.datasets.augmentation.mixup import draw_share, mixed
from lungnet.datasets.augmentation.symmetry import draw_symmetry

__all__ = [
    "augment_crop",
    "change_hu",
    "cut_out",
    "draw_share",
    "draw_symmetry",
    "lose_detail",
    "mixed",
]
