"""The ball that fits best where rays from within a piece of tissue meet lung."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.volume import Triple

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

TOLERANCES = (0.25, 0.15, 0.1, 0.1, 0.1)
"""So far, in radii, lung may lie off the ball of the round before to count in the next fit."""

NEAR_RADII = 1.5
"""Lung farther from the centre is not its surface: a ray that leaves through a wall meets it."""

ON_BALL = 0.08
"""Off by so many radii, or by half a block, lung lies on the ball."""

FEWEST_RAYS = 20
"""A ball through fewer points may be any."""

STEP_MM = 2.0
"""Rays are followed in steps of half a block."""


@dataclass(frozen=True)
class Ball:
    """A ball through the surface of a piece of tissue.

    Attributes:
        centre: (z, y, x) in voxels, fractional.
        radius_mm: of the ball.
        facing: share of directions in which lung lies on it, 0..1.
        evenness: share of the lung near it that lies on it, 0..1: 1 for a ball, whatever walls it
            touches.
    """

    centre: Triple
    radius_mm: float
    facing: float
    evenness: float


def fit_ball(lung: Bools, centre: Triple, radius_mm: float, spacing_mm: Triple) -> Ball | None:
    """Fit a ball to what many rays meet, beginning with a rough one.

    Args:
        lung: aerated voxels, shape (z, y, x).
        centre: (z, y, x) in voxels, of the rough ball.
        radius_mm: of the rough ball.
        spacing_mm: (z, y, x) of the voxels.

    Returns:
        The ball, or None where the fit moves away or does not hold.
    """
    framed = np.pad(lung, 1)
    middle, radius = np.asarray(centre, np.float64), radius_mm
    for tolerance in TOLERANCES:
        distance_mm = _to_lung_mm(framed, middle, NEAR_RADII * radius, spacing_mm)
        near = np.abs(distance_mm - radius) <= tolerance * radius
        if np.count_nonzero(near) < FEWEST_RAYS:
            return None
        offset_mm, fitted = sphere_through(RAYS[near] * distance_mm[near, None])
        if not (np.linalg.norm(offset_mm) < radius / 2 and 0.5 < fitted / radius < 2):
            return None
        middle, radius = middle + offset_mm / spacing_mm, fitted
    distance_mm = _to_lung_mm(framed, middle, NEAR_RADII * radius, spacing_mm)
    is_on = np.abs(distance_mm - radius) <= max(ON_BALL * radius, STEP_MM)
    met = int(np.isfinite(distance_mm).sum())
    z, y, x = middle
    return Ball(
        (float(z), float(y), float(x)),
        radius,
        float(is_on.mean()),
        int(is_on.sum()) / max(1, met),
    )


def sphere_through(points_mm: Doubles) -> tuple[Doubles, float]:
    """Centre and radius of the sphere that fits points best, by linear least squares.

    Args:
        points_mm: (n, 3).

    Returns:
        Centre (3,), and radius; 0 where the points lie on none.
    """
    system = np.column_stack([2 * points_mm, np.ones(len(points_mm))])
    # Four normal equations cost a tenth of the whole system.
    squares = system.T @ np.square(points_mm).sum(1)
    solution = np.linalg.lstsq(system.T @ system, squares, rcond=None)[0]
    centre = solution[:3]
    return centre, float(max(0.0, solution[3] + centre @ centre) ** 0.5)


def around(
    centre: Triple, reach_mm: float, shape: tuple[int, ...], spacing_mm: Triple
) -> tuple[tuple[slice, ...], Doubles]:
    """A box of voxels around a point, and how far each lies from it in millimetres.

    Args:
        centre: (z, y, x) in voxels, fractional.
        reach_mm: the box holds all voxels within.
        shape: (z, y, x) of the lattice, at whose faces the box ends.
        spacing_mm: (z, y, x) of the voxels.
    """
    reach = np.ceil(np.divide(reach_mm, spacing_mm)).astype(int) + 1
    low = np.maximum(np.rint(centre).astype(int) - reach, 0)
    high = np.minimum(np.rint(centre).astype(int) + reach + 1, shape)
    z, y, x = (
        np.square((np.arange(start, stop) - c) * s)
        for start, stop, c, s in zip(low, high, centre, spacing_mm, strict=True)
    )
    distance_mm = np.sqrt(z[:, None, None] + y[:, None] + x)
    return tuple(slice(a, b) for a, b in zip(low, high, strict=True)), distance_mm


def _to_lung_mm(framed: Bools, centre: Doubles, farthest_mm: float, spacing_mm: Triple) -> Doubles:
    """How far along each ray lung is met; infinite where it is not.

    The lattice has a frame of one voxel without lung, in which rays that leave it end.
    """
    distances_mm = np.arange(STEP_MM, farthest_mm + STEP_MM, STEP_MM, dtype=np.float32)
    index = np.zeros((len(RAYS), len(distances_mm)), np.int32)
    for ray, middle, spacing, n in zip(RAYS.T, centre, spacing_mm, framed.shape, strict=True):
        # The frame moves voxels by one; half a voxel more, and cutting off the fraction rounds.
        along = np.multiply.outer((ray / spacing).astype(np.float32), distances_mm)
        along += np.float32(middle + 1.5)
        np.clip(along, 0, n - 1, out=along)
        index *= n
        index += along.astype(np.int32)
    met = framed.ravel()[index]
    first = met.argmax(1)
    is_met = met[np.arange(len(met)), first]
    return np.where(is_met, distances_mm[first].astype(np.float64), np.inf)


def _even_directions(n: int) -> Doubles:
    """Unit vectors (z, y, x) along a spiral that covers the sphere evenly, shape (n, 3)."""
    turn = np.arange(n) + 0.5
    z = 1 - 2 * turn / n
    angle, across = np.pi * (1 + 5**0.5) * turn, np.sqrt(1 - z * z)
    return np.column_stack([z, across * np.cos(angle), across * np.sin(angle)])


RAYS = _even_directions(128)
"""Directions of the rays."""
