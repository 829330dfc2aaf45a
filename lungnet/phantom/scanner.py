"""The scanner: grid, blur of its optics, noise of its kernel, habits of its vendor."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.phantom import PhantomConfig
from lungnet.phantom.chest import Chest
from lungnet.phantom.shapes import Floats
from lungnet.seeds import stream


@dataclass(frozen=True)
class Vendor:
    """How a maker of scanners stores HU.

    Attributes:
        model: *Manufacturer's Model Name* (0008,1090).
        is_signed: *Pixel Representation* (0028,0103) is 1.
        intercept_hu: *Rescale Intercept* (0028,1052).
        padding: stored value outside the round field of view (0028,0120), or None where the maker
            fills the square.
        kernels: *Convolution Kernel* (0018,1210), the soft ones first, the sharp one last.
        is_head_first_numbering: whether *Instance Number* grows from head to feet.
    """

    model: str
    is_signed: bool
    intercept_hu: int
    padding: int | None
    kernels: tuple[str, str, str]
    is_head_first_numbering: bool


VENDORS = (
    Vendor("GE-like profile", True, -1024, -2000, ("STANDARD", "STANDARD", "LUNG"), True),
    Vendor("Siemens-like profile", False, -1024, None, ("B30f", "B31f", "B60f"), True),
    Vendor("Philips-like profile", False, -1000, None, ("B", "C", "L"), False),
    Vendor("Toshiba-like profile", True, 0, -2048, ("FC10", "FC13", "FC51"), False),
)


@dataclass(frozen=True)
class Scanner:
    """One acquisition.

    (x, y, z) positions are in the chest's frame, `origin_mm` shifts them into the patient's.

    Attributes:
        vendor: profile of the maker.
        matrix: rows and columns.
        slices: number of slices.
        pixel_mm: distance of pixels in plane.
        slice_mm: distance of slices.
        first_mm: (x, y, z) of the first voxel's centre in the chest's frame.
        origin_mm: (x, y, z) that is added to get patient coordinates.
        kernel: name of the reconstruction kernel.
        is_sharp: whether the kernel lifts edges and noise.
        noise_hu: standard deviation of the noise.
        kvp: tube voltage in kV.
    """

    vendor: Vendor
    matrix: int
    slices: int
    pixel_mm: float
    slice_mm: float
    first_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    kernel: str
    is_sharp: bool
    noise_hu: float
    kvp: int

    @classmethod
    def of(cls, seed: int, index: int, config: PhantomConfig, chest: Chest) -> "Scanner":
        """Draw the acquisition of patient `index`.

        The field of view follows the size of the chest.
        """
        draw = stream(seed, "phantom", index, "scanner")
        vendor = VENDORS[int(draw.integers(len(VENDORS)))]
        kernel = int(draw.integers(3))
        field_mm = min(
            2 * (chest.half_width_mm + chest.fat_mm + 12) * draw.uniform(0.99, 1.07), 460.0
        )
        pixel = round(max(field_mm, 308.0) / config.matrix, 6)
        thinnest = config.thinnest_mm or max(1.0, 1.45 * pixel)
        thickest = config.thickest_mm or max(3.0, thinnest)
        slice_mm = round(float(draw.uniform(min(thinnest, thickest), thickest)) * 20) / 20
        bottom, top = draw.uniform(4, 14), draw.uniform(4, 12)
        origin = np.round(draw.uniform((-12, -170, -330), (12, -140, -200)), 2)
        half = pixel * (config.matrix - 1) / 2
        return cls(
            vendor=vendor,
            matrix=config.matrix,
            slices=int((chest.height_mm + bottom + top) / slice_mm) + 1,
            pixel_mm=pixel,
            slice_mm=slice_mm,
            first_mm=(-half, -half, -float(bottom)),
            origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
            kernel=vendor.kernels[kernel],
            is_sharp=kernel == 2,
            noise_hu=float(draw.uniform(28, 55) if kernel == 2 else draw.uniform(10, 26)),
            kvp=int(draw.choice((100, 120, 120, 120, 140))),
        )

    @property
    def affine(self) -> NDArray[np.float64]:
        """4x4 float64 from (z, y, x, 1) to LPS millimetres, rounded as the files state it."""
        affine = np.zeros((4, 4))
        affine[0, 2] = affine[1, 1] = self.pixel_mm
        affine[2, 0] = self.slice_mm
        affine[:3, 3] = np.round(np.add(self.first_mm, self.origin_mm), 3)
        affine[3, 3] = 1
        return affine

    @property
    def voxel_mm(self) -> float:
        """Edge of a cube of a voxel's volume."""
        return float(np.cbrt(self.pixel_mm**2 * self.slice_mm))

    def xs(self) -> Floats:
        """Positions x of the columns in the chest's frame, float32; y of the rows is the same."""
        return (self.first_mm[0] + self.pixel_mm * np.arange(self.matrix)).astype(np.float32)

    def zs(self) -> Floats:
        """Positions z of the slices in the chest's frame, float32."""
        return (self.first_mm[2] + self.slice_mm * np.arange(self.slices)).astype(np.float32)


def acquire(hu: Floats, scanner: Scanner, draw: np.random.Generator) -> NDArray[np.int16]:
    """Blur, add noise and round.

    True attenuation (z, y, x) float32 becomes what a scanner would report, `int16`.

    Outside the round field of view of vendors that pad, the value is what their padding means in
    HU.
    """
    out = np.empty(hu.shape, np.int16)
    gain = scanner.noise_hu / float(
        _shaped(draw.standard_normal(hu.shape[1:], np.float32), scanner).std()
    )
    outside = round_field(scanner)
    for z in range(len(hu)):
        noise = _shaped(draw.standard_normal(hu.shape[1:], np.float32), scanner)
        noise *= np.float32(gain)
        image = cv2.GaussianBlur(
            hu[z], (0, 0), (0.45 if scanner.is_sharp else 0.65) / scanner.pixel_mm + 0.1
        )
        image += noise
        np.rint(image, out=image)
        np.clip(
            image,
            max(-1024, scanner.vendor.intercept_hu if not scanner.vendor.is_signed else -1024),
            3071,
            out=image,
        )
        out[z] = image
        if outside is not None and scanner.vendor.padding is not None:
            out[z][outside] = scanner.vendor.padding + scanner.vendor.intercept_hu
    return out


def round_field(scanner: Scanner) -> NDArray[np.bool_] | None:
    """Pixels outside the reconstruction circle, for vendors that pad them."""
    if scanner.vendor.padding is None:
        return None
    xs = scanner.xs()
    return np.asarray(
        np.square(xs)[None, :] + np.square(xs)[:, None]
        > (scanner.pixel_mm * scanner.matrix / 2) ** 2
    )


def _shaped(white: Floats, scanner: Scanner) -> Floats:
    """White noise (y, x) shaped by the kernel.

    Filtered back projection leaves little power at low frequencies.
    """
    fine_mm, coarse_mm, keep = (0.45, 1.3, 0.75) if scanner.is_sharp else (0.75, 2.2, 0.6)
    fine, coarse = fine_mm / scanner.pixel_mm, coarse_mm / scanner.pixel_mm
    shaped = cv2.GaussianBlur(white, (0, 0), fine) if fine > 0.3 else white.copy()
    low = cv2.GaussianBlur(white, (0, 0), coarse)
    low *= np.float32(keep)
    shaped -= low
    return np.asarray(shaped, np.float32)
