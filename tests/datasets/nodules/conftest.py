"""Nodules as a scanner's own pixels, and the 1 mm images that were once cut from them."""

import numpy as np
import pytest
from scipy import ndimage


def native_arrays(n=6, seed=0):
    """Slices of 71 x 71 native pixels with a nodule in the middle, its outline, and 1 mm images."""
    rng = np.random.default_rng(seed)
    spacing_mm = rng.uniform(0.5, 0.9, n).astype(np.float32)
    y, x = np.mgrid[-35:36, -35:36]
    native, masks, images = [], [], []
    for spacing in spacing_mm:
        inside = np.hypot(y, 1.3 * x) * spacing < rng.uniform(3, 7)
        texture = ndimage.gaussian_filter(rng.normal(0, 600, (71, 71)), 2)
        hu = np.rint(-850 + 800 * inside + texture)
        # Pixel (i, j) of a 32 x 32 image lies (i - 16, j - 16) mm from the middle.
        places = 35 + (np.mgrid[:32, :32] - 16) / spacing
        images.append(np.rint(ndimage.map_coordinates(hu, places, order=1, mode="nearest")))
        native.append(hu)
        masks.append(inside)
    packed = np.packbits(np.array(masks).reshape(n, -1), axis=1)
    return {
        "images": np.array(images).astype(np.int16),
        "native71": np.array(native).astype(np.int16),
        "pixel_spacing_mm": spacing_mm,
        "mask71_packed": packed,
    }


@pytest.fixture(scope="session")
def native():
    """Arrays of six nodules in native pixels; not to be changed."""
    return native_arrays()
