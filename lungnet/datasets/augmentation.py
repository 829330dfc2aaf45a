"""Random changes to training crops.

Each is drawn from the generator it is given and nothing else.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig

Crop = NDArray[np.int16]


def draw_offset(
    config: AugmentationConfig, dimensions: int, rng: np.random.Generator
) -> tuple[int, ...]:
    """How far to move the crop before it is cut, in voxels."""
    if not config.shift_voxels:
        return (0,) * dimensions
    return tuple(
        int(step)
        for step in rng.integers(
            -config.shift_voxels, config.shift_voxels, dimensions, endpoint=True
        )
    )


def augment(crop: Crop, config: AugmentationConfig, rng: np.random.Generator) -> Crop:
    """A changed copy of a crop in HU, shape (z, y, x) or (y, x).

    The same object where everything is off.
    """
    crop = _turn_and_scale(crop, config, rng)
    if config.quarter_turns:
        crop = _exchange_axes(crop, rng)
    if config.flips:
        crop = crop[
            tuple(slice(None, None, -1 if flip else 1) for flip in rng.random(crop.ndim) < 0.5)
        ]
    if config.shift_hu or config.noise_hu:
        changed = crop.astype(np.float32) + np.float32(config.shift_hu * rng.standard_normal())
        if config.noise_hu:
            changed += np.float32(config.noise_hu) * rng.standard_normal(
                crop.shape, dtype=np.float32
            )
        crop = np.clip(np.rint(changed), -32768, 32767).astype(np.int16)
    return crop


def _exchange_axes(crop: Crop, rng: np.random.Generator) -> Crop:
    """Permute axes among those of equal length, so that the shape stays."""
    order = np.arange(crop.ndim)
    for length in set(crop.shape):
        axes = np.flatnonzero(np.array(crop.shape) == length)
        order[axes] = rng.permutation(axes)
    return crop.transpose(order)


def _turn_and_scale(crop: Crop, config: AugmentationConfig, rng: np.random.Generator) -> Crop:
    if not config.rotate_degrees and not config.scale:
        return crop
    angle = rng.uniform(-config.rotate_degrees, config.rotate_degrees)
    factor = rng.uniform(1 - config.scale, 1 + config.scale)
    height, width = crop.shape[-2:]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, factor)
    slices = crop.reshape(-1, height, width)
    turned = [
        cv2.warpAffine(
            np.ascontiguousarray(s),
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        for s in slices
    ]
    return np.stack(turned).reshape(crop.shape)
