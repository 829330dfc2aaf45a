"""A crop's HU stretched, shifted and made noisy, as other scanners and doses would have them."""

import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig

SCALED_ABOUT_HU = np.float32(-1000)
"""Air, which every scanner is calibrated to, as to water; what is denser differs with the tube's
voltage and the kernel."""


def change_hu(
    crop: NDArray[np.int16], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.int16]:
    """HU scaled about air, shifted as a whole and with noise; the same object where all are off."""
    if not (config.scale_hu or config.shift_hu or config.noise_hu):
        return crop
    changed = crop.astype(np.float32)
    if config.scale_hu:
        factor = np.float32(rng.uniform(1 - config.scale_hu, 1 + config.scale_hu))
        changed = (changed - SCALED_ABOUT_HU) * factor + SCALED_ABOUT_HU
    if config.shift_hu or config.noise_hu:
        changed = changed + np.float32(config.shift_hu * rng.standard_normal())
    if config.noise_hu:
        changed += np.float32(config.noise_hu) * rng.standard_normal(crop.shape, dtype=np.float32)
    return rounded_hu(changed)


def rounded_hu(hu: NDArray[np.float32]) -> NDArray[np.int16]:
    """The nearest whole HU that an `int16` holds; none wraps round."""
    whole: NDArray[np.int16] = np.clip(np.rint(hu), -32768, 32767).astype(np.int16)
    return whole
