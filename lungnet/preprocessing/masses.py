"""Masses too large for a closing by a disc: tissue that looks into lung on most sides.

From the middle of a mass on the pleura or at the hilum, as of a free one, rays in most directions
meet aerated lung at about one distance. From the heart, a vertebra or the liver's dome they do not:
what lung they meet lies on no one ball.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lungnet.preprocessing.blocks import bounding_box, distances_mm, highest_around
from lungnet.preprocessing.spheres import around, fit_ball, sphere_through
from lungnet.volume import Triple

Bools = NDArray[np.bool_]
Counts = NDArray[np.uint16]
Floats = NDArray[np.float32]
Direction = tuple[int, int, int]

DIRECTIONS: tuple[Direction, ...] = tuple(
    (z, y, x) for z, y, x in product((-1, 0, 1), repeat=3) if z or y or x
)
"""Rays run along the 26 lines that join a block with its neighbors."""

DEPTH_MM = (9.0, 56.0)
"""How deep the middle of a mass of 24 to 100 mm lies in its tissue, and of a smaller one not."""

UNEVEN, SLACK_MM, FARTHEST_MM = 1.4, 6.0, 60.0
"""A ray meets lung on a mass's own surface up to so many times its depth, and a block and a half;
never farther than the surface of the largest mass."""

PEAK_FACING = 0.42
"""Places that face lung in fewer directions are not looked at."""

MASS_FACING, CENTRAL_FACING, CENTRAL_RADII = 0.64, 0.84, 0.7
"""What is uneven has to face lung in so many directions: the heart, between two emphysematous
lungs, does in up to 0.62 of them; and in so many if its centre lies within so many of its radii of
the spine, as those of heart and great vessels do."""

EVEN, EVEN_FACING = 0.77, 0.4
"""A mass of which 30 % lie in a wall has 0.78 and more of its surface on one ball, and faces lung
in so many directions. Hearts and domes of the diaphragm have up to 0.73 on it."""

CLOSED_FACING, CLOSED_SHARE = 0.5, 0.8
"""Less is asked of what lies in the closed lung region with so much of its ball: heart and
diaphragm do not."""

MOST_UNEVEN = 0.13
"""Standard deviation of the surface's distance, in radii: of a lobulated mass it is below; a
junction of hilar vessels has more."""

BONE_ABOVE_HU = 200.0
"""Vertebrae lie above, on the mean over 4 mm; blood with contrast medium may."""

SMALLEST_RADIUS_MM = 10.0
"""What is smaller is closed over by a disc, and ranked among the nodules."""

NOT_MET = np.uint16(1 << 15)
"""More steps than any lattice has blocks along an axis."""


@dataclass(frozen=True)
class Mass:
    """A round piece of tissue in the lung.

    Attributes:
        centre: (z, y, x) in blocks, fractional.
        radius_mm: of the ball through the lung's surface around it.
        facing: share of directions in which lung lies around it, 0..1: 1 for a free one, a half
            for a cap on a wall.
        unevenness: standard deviation of its surface's distance from the centre, in radii.
        is_even: its surface lies on one ball, walls left out.
    """

    centre: Triple
    radius_mm: float
    facing: float
    unevenness: float
    is_even: bool = False


def find_masses(
    aerated: Bools, spacing_mm: Triple, spine: float, closed: Bools | None = None
) -> list[Mass]:
    """The round pieces of tissue in the lungs, those that face most lung first.

    Args:
        aerated: blocks of aerated lung, the airway out, shape (z, y, x).
        spacing_mm: (z, y, x) of the blocks, about 4 mm.
        spine: column of the blocks in which the spine lies.
        closed: blocks of the closed lung region, where it is known already.

    Returns:
        Masses, none with its centre within another's radius.
    """
    if not aerated.any():
        return []
    box = bounding_box(aerated)
    lung, region = aerated[box], None if closed is None else closed[box]
    peaks, limits_mm = _middles(lung, region, spacing_mm)
    masses: list[Mass] = []
    for peak, limit_mm in zip(peaks, limits_mm, strict=True):
        mass = _fitted(lung, peak, float(limit_mm), spacing_mm)
        if mass is None or any(_overlap(mass, freer, spacing_mm) for freer in masses):
            continue
        mass = _evened(lung, mass, spacing_mm)
        if region is None:
            is_lungs = _faces_lung(mass, spine - box[2].start, spacing_mm)
        else:
            is_lungs = _lies_in(region, mass, spacing_mm)
        if (
            is_lungs
            and _is_round(mass)
            and not any(_overlap(mass, freer, spacing_mm) for freer in masses)
        ):
            masses.append(mass)
    start = [axis.start for axis in box]
    return [replace(mass, centre=_plus(mass.centre, start)) for mass in masses]


def _middles(
    lung: Bools, region: Bools | None, spacing_mm: Triple
) -> tuple[NDArray[np.int64], Floats]:
    """Blocks that face more lung than those around them, those that face most first.

    (n, 3), and (n,): how far away lung counts as their own surface, in millimetres.
    """
    depth = distances_mm(lung, spacing_mm)
    is_deep = (depth >= DEPTH_MM[0]) & (depth <= DEPTH_MM[1])
    limit = np.minimum(UNEVEN * depth + SLACK_MM, FARTHEST_MM)
    count = np.zeros(lung.shape, np.uint8)
    for step_mm, directions in _by_length(spacing_mm).items():
        farthest = (limit / step_mm).astype(np.uint16)
        for direction in directions:
            count += _steps_to_lung(lung, direction) <= farthest
    count *= is_deep
    # Of blocks that face as much, the deepest is the middle.
    rank = count + depth * np.float32(1e-3)
    rank[count < PEAK_FACING * len(DIRECTIONS)] = 0
    if region is not None:
        rank[~region] = 0
    peaks = np.argwhere((highest_around(rank, 2) == rank) & (rank > 0))
    peaks = peaks[np.argsort(-rank[tuple(peaks.T)], kind="stable")]
    return peaks, limit[tuple(peaks.T)]


def spine_column(means: Floats) -> float:
    """The column with most bone around it: where the spine lies, in whatever position.

    Args:
        means: HU of blocks, shape (z, y, x).
    """
    bone = (means > BONE_ABOVE_HU).sum((0, 1))
    around = np.convolve(bone, np.ones(7), mode="same")
    return float(np.argmax(around)) if bone.any() else (means.shape[2] - 1) / 2


def _by_length(spacing_mm: Triple) -> dict[np.float32, list[Direction]]:
    """The directions by the length of their step in millimetres."""
    directions: dict[np.float32, list[Direction]] = {}
    for direction in DIRECTIONS:
        step_mm = np.float32(np.hypot.reduce(np.multiply(direction, spacing_mm)))
        directions.setdefault(step_mm, []).append(direction)
    return directions


def _steps_to_lung(lung: Bools, direction: Direction) -> Counts:
    """After how many steps against a direction lung is met from each block.

    `NOT_MET` and more where none is.
    """
    lead = next(axis for axis in range(3) if direction[axis])
    order = [lead] + [axis for axis in range(3) if axis != lead]
    tissue = np.transpose(~lung, order).astype(np.uint16)
    steps = NOT_MET * tissue
    if direction[lead] < 0:
        tissue, target = tissue[::-1], steps[::-1]
    else:
        target = steps
    (to_y, from_y), (to_x, from_x) = (
        _shift(direction[axis], size)
        for axis, size in zip(order[1:], tissue.shape[1:], strict=True)
    )
    for k in range(1, len(tissue)):
        reached = target[k][to_y, to_x]
        np.add(target[k - 1][from_y, from_x], 1, out=reached)
        reached *= tissue[k][to_y, to_x]
    return np.transpose(steps, np.argsort(order))


def _shift(step: int, size: int) -> tuple[slice, slice]:
    """Where a row goes that moves by `step`, and where it comes from."""
    return (
        slice(max(0, step), size + min(0, step)),
        slice(max(0, -step), size + min(0, -step)),
    )


def _fitted(
    lung: Bools, peak: NDArray[np.int64], limit_mm: float, spacing_mm: Triple
) -> Mass | None:
    """The ball through the points where rays from a block first meet lung."""
    steps = np.asarray(DIRECTIONS, np.float64)
    lengths = np.linalg.norm(steps * spacing_mm, axis=1)
    reach = int(limit_mm / min(spacing_mm)) + 1
    voxels = peak + steps[:, None] * np.arange(1, reach + 1)[None, :, None]
    inside = np.all((voxels >= 0) & (voxels < lung.shape), axis=2)
    z, y, x = np.where(inside[..., None], voxels, 0).astype(int).transpose(2, 0, 1)
    is_lung = lung[z, y, x] & inside & (np.arange(1, reach + 1) * lengths[:, None] <= limit_mm)
    facing = is_lung.any(1)
    if facing.sum() < 6:
        return None
    # The surface lies half a block before the first aerated one.
    surface = (steps * (is_lung.argmax(1) + 0.5)[:, None])[facing] * spacing_mm
    radius = float(np.median(np.linalg.norm(surface, axis=1)))
    centre, fitted = sphere_through(surface)
    # Few points on one side fit many balls: what moves far from the middle is not believed.
    if np.linalg.norm(centre) < radius / 2 and 0.7 < fitted / radius < 1.4:
        radius = fitted
    else:
        centre = np.zeros(3)
    uneven = float(np.std(np.linalg.norm(surface - centre, axis=1)) / radius)
    return Mass(_plus(peak, centre / spacing_mm), radius, float(facing.mean()), uneven)


def _evened(lung: Bools, mass: Mass, spacing_mm: Triple) -> Mass:
    """The mass as the ball on which its surface lies, if there is one."""
    ball = fit_ball(lung, mass.centre, mass.radius_mm, spacing_mm)
    if ball is None or ball.evenness < EVEN or ball.facing < EVEN_FACING:
        return mass
    return replace(
        mass, centre=ball.centre, radius_mm=ball.radius_mm, facing=ball.facing, is_even=True
    )


def _is_round(mass: Mass) -> bool:
    is_smooth = mass.is_even or mass.unevenness <= MOST_UNEVEN
    return mass.radius_mm >= SMALLEST_RADIUS_MM and is_smooth


def _faces_lung(mass: Mass, spine: float, spacing_mm: Triple) -> bool:
    """Whether it faces enough lung for a mass in the lung, and not for the heart."""
    off_spine_mm = abs(mass.centre[2] - spine) * spacing_mm[2]
    is_central = off_spine_mm < CENTRAL_RADII * mass.radius_mm
    return mass.is_even or mass.facing >= (CENTRAL_FACING if is_central else MASS_FACING)


def _lies_in(closed: Bools, mass: Mass, spacing_mm: Triple) -> bool:
    """Whether most of it lies in the closed lungs; what is uneven has to face lung as well."""
    box, distance_mm = around(mass.centre, mass.radius_mm, closed.shape, spacing_mm)
    inside = closed[box][distance_mm <= mass.radius_mm]
    faces_lung = mass.is_even or mass.facing >= CLOSED_FACING
    return bool(faces_lung and inside.size and inside.mean() >= CLOSED_SHARE)


def _overlap(first: Mass, second: Mass, spacing_mm: Triple) -> bool:
    apart_mm = np.linalg.norm(np.subtract(first.centre, second.centre) * spacing_mm)
    return bool(apart_mm < max(first.radius_mm, second.radius_mm))


def balls(masses: list[Mass], shape: tuple[int, ...], spacing_mm: Triple) -> Bools:
    """The masses' balls, in voxels of half a block's edge.

    Args:
        masses: with centres in blocks.
        shape: (z, y, x) of the voxels.
        spacing_mm: of the voxels.
    """
    result = np.zeros(shape, bool)
    for mass in masses:
        centre = np.multiply(mass.centre, 2) + 0.5
        box, distance_mm = around(_plus(centre, 0), mass.radius_mm, shape, spacing_mm)
        result[box] |= distance_mm <= mass.radius_mm
    return result


def _plus(centre: ArrayLike, offset: ArrayLike) -> tuple[float, float, float]:
    z, y, x = np.asarray(centre) + np.asarray(offset)
    return float(z), float(y), float(x)
