"""Vessels and bronchi.

Trees of tapering tubes that fill a lung, and their rendering on a scanner's grid.
"""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from lungnet.phantom.chest import Chest
from lungnet.phantom.scanner import Scanner
from lungnet.phantom.shapes import Floats
from lungnet.seeds import stream

MURRAY = 2.7
"""Exponent of Murray's law for pulmonary arteries: radius^2.7 is kept where a vessel divides."""


BATCH_VOXELS = 60_000
"""Voxels computed together: as many as stay in a core's cache."""


@dataclass(frozen=True, eq=False)
class Tubes:
    """Tapering capsules.

    Attributes:
        starts: (n, 3) millimetres (x, y, z) in the chest's frame.
        ends: (n, 3).
        start_radius_mm: (n,).
        end_radius_mm: (n,).
    """

    starts: Floats
    ends: Floats
    start_radius_mm: Floats
    end_radius_mm: Floats

    def where(self, keep: NDArray[np.bool_]) -> "Tubes":
        """Those tubes for which `keep` holds."""
        return Tubes(
            self.starts[keep], self.ends[keep], self.start_radius_mm[keep], self.end_radius_mm[keep]
        )

    def thicker(self, by_mm: float) -> "Tubes":
        """The same tubes with a wall around them."""
        by = np.float32(by_mm)
        return replace(
            self, start_radius_mm=self.start_radius_mm + by, end_radius_mm=self.end_radius_mm + by
        )


def join(pieces: list[Tubes]) -> Tubes:
    """All tubes of several sets, in order."""
    return Tubes(
        np.concatenate([p.starts for p in pieces]),
        np.concatenate([p.ends for p in pieces]),
        np.concatenate([p.start_radius_mm for p in pieces]),
        np.concatenate([p.end_radius_mm for p in pieces]),
    )


def lung_points(
    chest: Chest, side: int, count: int, draw: np.random.Generator, depth_mm: float = 2.0
) -> Floats:
    """`count` points (x, y, z), uniform in one lung at least `depth_mm` under the pleura.

    `side` -1 is right.
    """
    accepted: list[Floats] = []
    have = 0
    low, high = (
        (0.0, -chest.half_depth_mm, 0.0),
        (chest.half_width_mm, chest.half_depth_mm, chest.height_mm),
    )
    while have < count:
        points = draw.uniform(low, high, (3 * count + 64, 3)).astype(np.float32)
        points[:, 0] *= side
        inside = points[chest.lung(points[:, 0], points[:, 1], points[:, 2]) < -depth_mm]
        accepted.append(inside)
        have += len(inside)
    return np.concatenate(accepted)[:count]


def grow(root: Floats, points: Floats, radius_mm: float, draw: np.random.Generator) -> list[Tubes]:
    """A tree from `root` to every point, a generation per entry.

    Each branch heads for the middle of the points it feeds.

    Args:
        root: (3,) millimetres.
        points: (2^k, 3) ends of the tree.
        radius_mm: of the root.
        draw: source of irregularity.
    """
    groups, nodes = points[None], root[None]
    radii = np.array([radius_mm], np.float32)
    generations = []
    while True:
        count, size, _ = groups.shape
        bounds = (0.3, 0.42) if count == 1 else (0.36, 0.54)
        reach = draw.uniform(*bounds, (count, 1)) if size > 1 else np.ones((count, 1))
        ends = (nodes + (groups.mean(1) - nodes) * reach).astype(np.float32)
        generations.append(
            Tubes(nodes, ends, radii, (radii * (0.9 if size > 1 else 0.6)).astype(np.float32))
        )
        if size == 1:
            return generations
        spread = groups.var(1) * draw.uniform(0.6, 1.4, (count, 3))
        axis = spread.argmax(1)
        order = np.argsort(
            np.take_along_axis(groups, axis[:, None, None], 2)[..., 0], axis=1, kind="stable"
        )
        groups = np.take_along_axis(groups, order[..., None], 1).reshape(count * 2, size // 2, 3)
        nodes = np.repeat(ends, 2, 0)
        share = np.repeat(draw.uniform(0.35, 0.65, count), 2)
        share[1::2] = 1 - share[1::2]
        radii = np.maximum(np.repeat(radii, 2) * share ** (1 / MURRAY), 0.35).astype(np.float32)


def bronchi_beside(generations: list[Tubes], shift: Floats) -> Tubes:
    """Lumina of the airways that accompany the first generations of an artery."""
    pieces = []
    for level, tubes in enumerate(generations[:5]):
        radius = tubes.start_radius_mm * np.float32(0.78 if level else 0.9)
        offset = np.asarray(shift * (tubes.start_radius_mm + radius + 0.8)[:, None], np.float32)
        start = tubes.starts + (offset if level else np.float32(0))
        pieces.append(Tubes(start, tubes.ends + offset, radius, (radius * 0.85).astype(np.float32)))
    return join(pieces)


@dataclass(frozen=True, eq=False)
class Plumbing:
    """All tubes of a patient: vessels, and the lumina of bronchi."""

    vessels: Tubes
    bronchi: Tubes

    @classmethod
    def of(cls, seed: int, index: int, chest: Chest, ends: int) -> "Plumbing":
        """Draw the trees of patient `index` with about `ends` arterial ends in each lung."""
        draw = stream(seed, "phantom", index, "tubes")
        count = 1 << (ends - 1).bit_length()
        vessels: list[Tubes] = []
        bronchi: list[Tubes] = []
        carina = np.array([0, 7, 0.63 * chest.height_mm], np.float32)
        for side in (-1, 1):
            hilum = chest.hilum(side)
            arteries = grow(
                hilum, lung_points(chest, side, count, draw), float(draw.uniform(6.2, 7.4)), draw
            )
            veins = grow(
                hilum - np.array([0, 3, 16], np.float32),
                lung_points(chest, side, max(count // 2, 4), draw),
                float(draw.uniform(4.5, 5.5)),
                draw,
            )
            airway = bronchi_beside(arteries, np.array([0.0, 0.75, 0.35], np.float32))
            main = Tubes(
                carina[None],
                airway.starts[:1],
                np.array([7.0], np.float32),
                np.array([5.8], np.float32),
            )
            vessels += [*arteries, *veins]
            bronchi += [main, airway.where(chest.lung(*airway.ends.T) < -2)]
        vessels += _mimics(chest, draw)
        return cls(join(vessels), join(bronchi))


def _mimics(chest: Chest, draw: np.random.Generator) -> list[Tubes]:
    """Crossings and sharp bends of thick vessels, which look like nodules in a single slice."""
    pieces = []
    for _ in range(int(draw.integers(2, 6))):
        centre = lung_points(chest, int(draw.choice((-1, 1))), 1, draw, depth_mm=12)[0]
        directions = draw.standard_normal((3, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        radius = np.full(2, draw.uniform(1.6, 2.9), np.float32)
        reach = float(draw.uniform(8, 13))
        if draw.random() < 0.5:
            starts, ends = centre - directions[:2] * reach, centre + directions[:2] * reach
        else:
            starts, ends = np.stack([centre, centre]), centre + directions[:2] * reach
        pieces.append(
            Tubes(
                starts.astype(np.float32),
                ends.astype(np.float32),
                radius,
                radius * np.float32(0.55),
            )
        )
    return pieces


def render_tubes(hu: Floats, scanner: Scanner, tubes: Tubes, value_hu: float) -> None:
    """Paint tubes into (z, y, x) HU in place.

    Vessels only add attenuation, air only takes it away.
    """
    edge = scanner.voxel_mm
    first = np.array(scanner.first_mm, np.float32)
    step = np.array([scanner.pixel_mm, scanner.pixel_mm, scanner.slice_mm], np.float32)
    limit = np.array([scanner.matrix, scanner.matrix, scanner.slices])
    widest = np.maximum(tubes.start_radius_mm, tubes.end_radius_mm)[:, None] + 0.75 * edge
    low = np.ceil((np.minimum(tubes.starts, tubes.ends) - widest - first) / step).astype(int)
    high = np.floor((np.maximum(tubes.starts, tubes.ends) + widest - first) / step).astype(int) + 1
    is_visible = np.minimum(high, limit) > np.maximum(low, 0)
    # Boxes of like sizes are computed together: a tube of its own costs more in calls than in
    # arithmetic.
    sizes = -(-(high - low) // 3) * 3
    box_sizes, size_index = np.unique(sizes, axis=0, return_inverse=True)
    starts, stops = np.maximum(low, 0), np.minimum(low + sizes, limit)
    starts, stops, skips = (
        starts.tolist(),
        np.maximum(stops, starts).tolist(),
        (starts - low).tolist(),
    )
    for number, size in enumerate(box_sizes):
        members = np.flatnonzero((size_index.ravel() == number) & is_visible.all(1))
        if not len(members):
            continue
        batches = min(len(members), ceil(len(members) * int(size.prod()) / BATCH_VOXELS))
        for batch in np.array_split(members, batches):
            axes = [np.arange(n, dtype=np.float32) * s for n, s in zip(size, step, strict=True)]
            shares = _shares(
                tubes, batch, (first + low[batch] * step).astype(np.float32), axes, edge
            )
            for i, share in zip(batch, shares, strict=True):
                (x0, y0, z0), (x1, y1, z1), (dx, dy, dz) = starts[i], stops[i], skips[i]
                box = hu[z0:z1, y0:y1, x0:x1]
                change = value_hu - box
                change = np.maximum(change, 0) if value_hu > -500 else np.minimum(change, 0)
                change *= share[dz : dz + z1 - z0, dy : dy + y1 - y0, dx : dx + x1 - x0]
                box += change


def _shares(
    tubes: Tubes, batch: NDArray[np.intp], corners: Floats, axes: list[Floats], edge_mm: float
) -> Floats:
    """How much of each voxel a tube fills, 0..1: shape (tubes of the batch, z, y, x)."""
    start = tubes.starts[batch]
    along = tubes.ends[batch] - start
    x, y, z = (
        ((corners[:, i] - start[:, i])[:, None] + axes[i])
        .reshape(len(batch), *shape)
        .astype(np.float32)
        for i, shape in enumerate(((1, 1, -1), (1, -1, 1), (-1, 1, 1)))
    )
    ax, ay, az = (along[:, i].reshape(-1, 1, 1, 1) for i in range(3))
    length = np.maximum(np.square(along).sum(1), 1e-6).astype(np.float32).reshape(-1, 1, 1, 1)
    dot = (x * ax + y * ay) + z * az
    share_along = np.clip(dot / length, 0, 1)
    distance_squared = (x * x + y * y) + z * z
    distance_squared -= share_along * (2 * dot - share_along * length)
    r0 = tubes.start_radius_mm[batch].reshape(-1, 1, 1, 1)
    r1 = tubes.end_radius_mm[batch].reshape(-1, 1, 1, 1)
    radius = share_along * (r1 - r0) + r0
    # A tube thinner than a voxel keeps its mass: it is drawn wider and fainter.
    drawn = np.sqrt(radius * radius + np.float32(0.1 * edge_mm * edge_mm))
    share = (drawn - np.sqrt(np.maximum(distance_squared, 0))) * np.float32(
        1 / edge_mm
    ) + np.float32(0.5)
    return np.asarray(np.clip(share, 0, 1) * np.square(radius / drawn), np.float32)
