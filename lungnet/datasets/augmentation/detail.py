"""A crop blurred, or with thicker slices, as a softer kernel or a coarser scan would show it."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation.hu import rounded_hu


def lose_detail(
    crop: NDArray[np.int16], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.int16]:
    """A crop with thicker slices, then blurred; the same object where both are off."""
    if not (config.thick_slices or config.blur_voxels):
        return crop
    changed = crop.astype(np.float32)
    if config.thick_slices:
        axis = 0 if crop.ndim == 3 else int(rng.integers(crop.ndim))
        changed = _thickened(changed, axis, float(rng.uniform(1, config.thick_slices)))
    if config.blur_voxels:
        sigma = rng.uniform(0, config.blur_voxels)
        changed = gaussian_filter(changed, sigma, mode="nearest", truncate=3)
    return rounded_hu(changed)


def _thickened(hu: NDArray[np.float32], axis: int, voxels: float) -> NDArray[np.float32]:
    """Averaged over slices of about so many voxels, and interpolated back between their middles.

    The crop is cut into whole slices. Both steps keep its mean: each voxel counts once in the
    averages, and beyond the last middle the slice goes on as it is.
    """
    upright = np.ascontiguousarray(np.moveaxis(hu, axis, 0))
    lines = upright.reshape(len(upright), -1)
    width, n_slices = lines.shape[1], max(1, round(len(lines) / voxels))
    slices = cv2.resize(lines, (width, n_slices), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(slices, (width, len(lines)), interpolation=cv2.INTER_LINEAR)
    return np.moveaxis(np.asarray(smooth, np.float32).reshape(upright.shape), 0, axis)
