"""The recipe by which the crop of a nodule is cut, and its hash.

A bundle of a nodule network is bound to it, and not to a preparation: a new preparation of scans
does not make the bundle useless.
"""

from typing import Any

from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.files import canonical_hash

RECIPE_VERSION = 1
"""Raised whenever the same pixels would be cut to other values."""

NATIVE_PIXELS = 71
"""Along each side of the square of a scanner's own pixels around a nodule."""


def crop_recipe() -> dict[str, Any]:
    """How a nodule's crop is made from a scan, as plain values."""
    return {
        "version": RECIPE_VERSION,
        "pixels": f"{NATIVE_PIXELS} x {NATIVE_PIXELS} of the axial slice nearest to the place",
        "spacing_mm": 1.0,
        "interpolation": "bilinear, once; beyond the edge the pixels at the edge",
    }


def crop_hash() -> str:
    """16 hexadecimal digits over the recipe."""
    return canonical_hash(crop_recipe())[:16]


def recipe_settings(preparation: PreparationConfig, input_config: InputConfig) -> dict[str, Any]:
    """What a bundle says of how its inputs were made."""
    return crop_recipe() if input_config.kind == "nodule" else preparation.rules()
