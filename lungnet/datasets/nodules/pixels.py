"""How the image of a nodule is cut: from native pixels where there are any, else from its crop."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungnet.datasets.crop_recipe import NATIVE_PIXELS
from lungnet.datasets.nodules.archive import NoduleArchive, check_hu
from lungnet.datasets.view import View, cut_plane
from lungnet.datasets.volume_view import in_view, size_to_cut
from lungnet.errors import InputError

SPACINGS_MM = (0.3, 2.0)
"""Of a CT's pixels; others are a mistake."""

LEAST_AGREEMENT, MOST_DISAGREEING = 0.6, 0.1
"""Correlation of a 1 mm image with what is cut from the native pixels, and the share of nodules
that may fall below it. On LUNA16's nodules one in a hundred falls below 0.93."""


@dataclass(frozen=True, eq=False)
class CropPixels:
    """Images of a fixed grid: an aligned view is a slice of the array.

    Attributes:
        images: HU, shape (n, [z,] y, x).
        size: of the network's input.
    """

    images: NDArray[np.int16]
    size: tuple[int, ...]

    def cut(self, row: int, view: View) -> NDArray[np.int16]:
        """The middle of an image in a view; what lies outside repeats the edge."""
        image, box = self.images[row], size_to_cut(self.size, view)
        starts = [
            (n - length) // 2 + step
            for n, length, step in zip(image.shape, box, view.whole_shift, strict=True)
        ]
        ends = [start + length for start, length in zip(starts, box, strict=True)]
        missing = [
            (max(0, -start), max(0, end - n))
            for start, end, n in zip(starts, ends, image.shape, strict=True)
        ]
        within = tuple(
            slice(max(0, start), max(0, start) + length)
            for start, length in zip(starts, box, strict=True)
        )
        padded = np.pad(image, missing, mode="edge") if np.any(missing) else image
        return in_view(padded[within], self.size, view)


@dataclass(frozen=True, eq=False)
class NativePixels:
    """Slices of a scanner's own pixels: every view is one interpolation to 1 mm.

    Attributes:
        native: HU, shape (n, 71, 71), the nodule in the middle.
        spacing_mm: of the pixels, shape (n,).
        size: (y, x) of the network's input.
        outlines: 1 in the nodule, shape (n, 71, 71) uint8; None where unknown.
    """

    native: NDArray[np.int16]
    spacing_mm: NDArray[np.float64]
    size: tuple[int, int]
    outlines: NDArray[np.uint8] | None = None

    def cut(self, row: int, view: View) -> NDArray[np.int16]:
        """A nodule's image in a view."""
        spacing = float(self.spacing_mm[row])
        return cut_plane(self.native[row], spacing, self.size, view).astype(np.int16, copy=False)

    def outline(self, row: int, view: View) -> NDArray[np.float32]:
        """What belongs to the nodule in a view: 1 in it, 0 beside it.

        Raises:
            LookupError: no outlines are known.
        """
        if self.outlines is None:
            raise LookupError("no outlines are known")
        spacing = float(self.spacing_mm[row])
        inside = cut_plane(self.outlines[row], spacing, self.size, view, is_mask=True)
        return inside.astype(np.float32)


def nodule_pixels(archive: NoduleArchive, size: tuple[int, ...]) -> CropPixels | NativePixels:
    """The best pixels that an npz has for a network of that input size.

    Raises:
        InputError: values that are no HU; native pixels of another shape, of an impossible spacing,
            or that do not show what the images do.
        ConfigError: images smaller than `size` or of other dimensions.
    """
    if "native71" not in archive or len(size) != 2:
        images = archive.images(size)
        check_hu(archive.path, images)
        return CropPixels(images, size)
    native = archive.arrays["native71"]
    if native.dtype != np.int16 or native.ndim != 3 or not len(native):
        raise InputError(
            f"{archive.path}: native71 is {native.dtype} of shape {native.shape}; expected int16 "
            f"HU (n, {NATIVE_PIXELS}, {NATIVE_PIXELS})"
        )
    archive.table("native71", (len(native), NATIVE_PIXELS, NATIVE_PIXELS), "i")
    check_hu(archive.path, native)
    spacing = archive.column("pixel_spacing_mm", len(native), "f").astype(np.float64)
    odd = np.flatnonzero(~((spacing >= SPACINGS_MM[0]) & (spacing <= SPACINGS_MM[1])))
    if odd.size:
        raise InputError(
            f"{archive.path}: pixel_spacing_mm is {spacing[odd[0]]:g} for image {odd[0]}; expected "
            f"{SPACINGS_MM[0]} to {SPACINGS_MM[1]} mm"
        )
    pixels = NativePixels(native, spacing, (size[0], size[1]), _outlines(archive, len(native)))
    if "images" in archive:
        _check_agreement(archive, pixels)
    return pixels


def _outlines(archive: NoduleArchive, n: int) -> NDArray[np.uint8] | None:
    if "mask71_packed" not in archive:
        return None
    bits = NATIVE_PIXELS * NATIVE_PIXELS
    packed = archive.table("mask71_packed", (n, (bits + 7) // 8), "u")
    if packed.dtype != np.uint8:
        raise InputError(
            f"{archive.path}: mask71_packed is {packed.dtype}; expected uint8, as numpy.packbits "
            "writes it"
        )
    return np.unpackbits(packed, axis=1, count=bits).reshape(n, NATIVE_PIXELS, NATIVE_PIXELS)


def _check_agreement(archive: NoduleArchive, pixels: NativePixels) -> None:
    """Refuse native pixels and spacings that do not give the 1 mm images."""
    images = archive.images((1, 1))
    n, *size = images.shape
    if n != len(pixels.native):
        raise InputError(
            f"{archive.path}: {len(pixels.native)} native slices for {n} images; expected one each"
        )
    # The middle of an even number of pixels is the one after it.
    view = View(tuple((length - 1) / 2 - length // 2 for length in size))
    same_size = NativePixels(pixels.native, pixels.spacing_mm, (size[0], size[1]))
    agreement = np.array([_correlation(same_size.cut(row, view), images[row]) for row in range(n)])
    odd = int(np.count_nonzero(agreement < LEAST_AGREEMENT))
    if odd > MOST_DISAGREEING * n:
        raise InputError(
            f"{archive.path}: native71 at pixel_spacing_mm does not show what images does for "
            f"{odd} of {n} nodules; expected the same nodules, in the same order, in millimetres"
        )


def _correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Of two images' values; 0 where one of them is flat."""
    a, b = (image.astype(np.float64).ravel() - image.mean() for image in (first, second))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else 0.0
