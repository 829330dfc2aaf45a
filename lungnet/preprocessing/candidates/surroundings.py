"""What lies in and around a blob: its reach, its density, how much lung surrounds it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.preprocessing.masses import Mass
from lungnet.preprocessing.spheres import around
from lungnet.volume import Triple

SHELL_MM = 0.75
"""Thickness of the shells over which a blob's radius is measured."""

RIM_MM = (1.5, 6.0)
"""Between these distances from its surface a nodule or mass is looked at for what surrounds it."""

AERATED_BELOW_HU = -500.0
"""Lung, vessels and partial volume left out."""

CORE_SHARE = 0.7
"""Within this share of the radius a voxel is the blob's own."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Of a number of blobs, a row each.

    Attributes:
        radius_mm: distance at which a shell's mean HU has fallen half way to the surroundings.
        core_hu: mean within the blob.
        lung_hu: mean of the aerated voxels around it.
        freedom: share of aerated lung in the part of the rim that lies in the lung region, 0..1: a
            nodule on the pleura is as free as one in the middle; what hangs together with hilum or
            mediastinum is not. Around ground glass lung is what is nearer to lung than to it.
    """

    radius_mm: Doubles
    core_hu: Doubles
    lung_hu: Doubles
    freedom: Doubles


def measure(
    image: Floats,
    hu: NDArray[np.int16],
    region: NDArray[np.uint8],
    centres: Doubles,
    scales_mm: Doubles,
    lattice_mm: float,
) -> Surroundings:
    """Measure blobs one by one.

    Args:
        image: HU as they were searched, shape (z, y, x), in cubes.
        hu: as measured, same shape.
        region: 0 or 1, same shape: closed lung.
        centres: (n, 3), (z, y, x) in voxels.
        scales_mm: (n,), radii at which they were found.
        lattice_mm: edge of a cube.
    """
    rows = np.zeros((len(centres), 4))
    for row, centre, scale_mm in zip(rows, centres, scales_mm, strict=True):
        reach_mm = 2 * float(scale_mm) + 3
        box, distance_mm = _box(hu.shape, centre, reach_mm, lattice_mm)
        row[0] = radius_mm = _radius(image[box], distance_mm, reach_mm, float(scale_mm))
        box, distance_mm = _box(hu.shape, centre, radius_mm + RIM_MM[1], lattice_mm)
        values = hu[box]
        core = distance_mm <= max(CORE_SHARE * radius_mm, lattice_mm)
        row[1] = image[box][core].mean() if core.any() else values.mean()
        rim = (distance_mm > radius_mm + RIM_MM[0]) & (distance_mm < radius_mm + RIM_MM[1])
        inside = values[rim & region[box].view(bool)]
        aerated = inside[inside < AERATED_BELOW_HU]
        row[2] = lung_hu = aerated.mean() if len(aerated) else AERATED_BELOW_HU
        n_free = (aerated < (row[1] + lung_hu) / 2).sum()
        row[3] = n_free / max(len(inside), rim.sum() / 4, 1)
    return Surroundings(*rows.T)


def mass_freedom(mass: Mass, aerated: Bools, closed: Bools, spacing_mm: Triple) -> float:
    """Share of aerated lung in that part of a mass's rim that lies in the lung region, 0..1.

    Args:
        mass: with its centre in blocks.
        aerated: blocks of aerated lung, shape (z, y, x).
        closed: blocks of the closed lung region, same shape.
        spacing_mm: of the blocks.
    """
    reach_mm = mass.radius_mm + RIM_MM[1]
    box, distance_mm = around(mass.centre, reach_mm, closed.shape, spacing_mm)
    rim = (distance_mm > mass.radius_mm + RIM_MM[0]) & (distance_mm < reach_mm)
    in_region, in_lung = int((rim & closed[box]).sum()), int((rim & aerated[box]).sum())
    return in_lung / max(in_region, int(rim.sum()) / 4, 1)


def _box(
    shape: tuple[int, ...], centre: Doubles, reach_mm: float, lattice_mm: float
) -> tuple[tuple[slice, ...], Floats]:
    """The voxels within reach of a point of the lattice.

    Slices, and how far each is away in millimetres.
    """
    # Half a voxel more, since the point lies up to that far off its voxel's middle.
    reach, middle = int(np.ceil(reach_mm / lattice_mm + 0.5)), np.rint(centre).astype(int)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, shape)
    z, y, x = (
        np.square(lattice_mm * (np.arange(first, stop) - c)).astype(np.float32)
        for first, stop, c in zip(low, high, centre, strict=True)
    )
    distance_mm = np.sqrt(z[:, None, None] + y[:, None] + x)
    return tuple(slice(first, stop) for first, stop in zip(low, high, strict=True)), distance_mm


def _radius(values: Floats, distance_mm: Floats, reach_mm: float, scale_mm: float) -> float:
    """Distance in mm at which a shell's mean HU has fallen half way to the surroundings."""
    used = distance_mm <= reach_mm
    distance_mm, values = distance_mm[used], values[used]
    shell = (distance_mm * np.float32(1 / SHELL_MM) + np.float32(0.5)).astype(np.int32)
    counts = np.bincount(shell)
    filled = counts > 0
    profile = np.bincount(shell, values)[filled] / counts[filled]
    shell_mm = np.bincount(shell, distance_mm)[filled] / counts[filled]
    half = (profile[:2].max() + profile.min()) / 2
    outer = int(np.argmax(profile < half))
    if outer == 0:
        return scale_mm
    share = (profile[outer - 1] - half) / (profile[outer - 1] - profile[outer])
    return float(shell_mm[outer - 1] + share * (shell_mm[outer] - shell_mm[outer - 1]))
