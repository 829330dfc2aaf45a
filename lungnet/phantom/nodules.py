"""How a nodule looks.

Its body, lobes, spicules, calcium and ground glass, rendered by the share of each voxel it fills.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from lungnet.phantom.findings import Nodule
from lungnet.phantom.scanner import Scanner
from lungnet.phantom.shapes import Floats, cover

SPICULE_MM = (4.5, 8.0)
"""How far spicules reach beyond the body."""

FINE_MM = 1.0
"""Voxels wider than this are split before a nodule is drawn, so that fine spicules fill their true
share."""

SOLID_HU, GLASS_HU = 38.0, -590.0


@dataclass(frozen=True, eq=False)
class Block:
    """A box of fine voxels around a nodule; coordinates in millimetres from its centre.

    Attributes:
        low: first coarse voxel (z, y, x).
        split: fine voxels per coarse one (z, y, x).
        x: shape (1, 1, n).
        y: shape (1, n, 1).
        z: shape (n, 1, 1).
        edge_mm: width of a fine voxel.
    """

    low: tuple[int, int, int]
    split: tuple[int, int, int]
    x: Floats
    y: Floats
    z: Floats
    edge_mm: float

    @classmethod
    def around(cls, nodule: Nodule, scanner: Scanner, reach_mm: float) -> "Block":
        """The coarse voxels within `reach_mm` of the nodule's centre, split."""
        steps = (scanner.slice_mm, scanner.pixel_mm, scanner.pixel_mm)
        sizes = (scanner.slices, scanner.matrix, scanner.matrix)
        axes, low, split = [], [], []
        for centre, first, step, size in zip(
            nodule.centre_mm[::-1], scanner.first_mm[::-1], steps, sizes, strict=True
        ):
            start = max(int((centre - reach_mm - first) / step), 0)
            stop = min(ceil((centre + reach_mm - first) / step) + 1, size)
            divisions = ceil(step / FINE_MM - 0.25)
            fine = (np.arange((max(stop - start, 0)) * divisions) + 0.5) / divisions - 0.5
            axes.append((first + step * (start + fine) - centre).astype(np.float32))
            low.append(start)
            split.append(divisions)
        z, y, x = axes
        edge = float(
            np.cbrt(
                np.prod([step / divisions for step, divisions in zip(steps, split, strict=True)])
            )
        )
        return cls(
            (low[0], low[1], low[2]),
            (split[0], split[1], split[2]),
            x[None, None, :],
            y[None, :, None],
            z[:, None, None],
            edge,
        )

    def coarse(self, values: Floats) -> Floats:
        """Means over the fine voxels of each coarse one."""
        (z, y, x), (sz, sy, sx) = values.shape, self.split
        return np.asarray(
            values.reshape(z // sz, sz, y // sy, sy, x // sx, sx).mean((1, 3, 5)), np.float32
        )


def render_nodule(hu: Floats, scanner: Scanner, nodule: Nodule, draw: np.random.Generator) -> None:
    """Paint a nodule into (z, y, x) HU in place; it never darkens what it lies on."""
    reach = nodule.diameter_mm * 0.75 + (SPICULE_MM[1] if nodule.spiculation > 1 else 2) + 2
    block = Block.around(nodule, scanner, reach)
    body = _body(block, nodule, draw)
    if body.size == 0:
        return
    filled = cover(body, block.edge_mm)
    if nodule.spiculation > 1:
        _add_spicules(filled, block, nodule, draw)
    inside = _inside(block, body, nodule, draw)
    coarse_share = block.coarse(filled)
    mean_hu = block.coarse(filled * inside) / np.maximum(coarse_share, 1e-4)
    box = hu[
        tuple(
            slice(low, low + size) for low, size in zip(block.low, coarse_share.shape, strict=True)
        )
    ]
    box += coarse_share * np.maximum(mean_hu - box, 0)


def _body(block: Block, nodule: Nodule, draw: np.random.Generator) -> Floats:
    """Distance to the body.

    One ellipsoid with a gently uneven surface, or several lobes that merge.
    """
    radius = nodule.diameter_mm / 2
    axes = draw.uniform(0.88, 1.12, 3)
    axes *= radius / np.cbrt(axes.prod())
    u = (
        np.square(block.x / np.float32(axes[0]))
        + np.square(block.y / np.float32(axes[1]))
        + np.square(block.z / np.float32(axes[2]))
    )
    body = (np.sqrt(u) - 1) * np.float32(radius)
    if nodule.lobulation > 2:
        depth = (0.0, 0.0, 0.0, 0.26, 0.6, 0.72)[nodule.lobulation]
        body += np.float32(0.28 * depth * radius)
        for direction in _directions(int(draw.integers(4, 7)), draw):
            lobe_radius = float(draw.uniform(0.42, 0.56)) * radius
            centre = direction * (radius * (0.42 + 0.55 * depth))
            distance = (
                np.square(block.x - centre[0])
                + np.square(block.y - centre[1])
                + np.square(block.z - centre[2])
            )
            np.minimum(body, np.sqrt(distance) - np.float32(lobe_radius), out=body)
    if nodule.is_malignant:
        waves = draw.uniform(1.4, 2.6, 3) / radius
        shift = draw.uniform(0, 6.3, 3)
        rough = (
            np.sin(block.x * waves[0] + shift[0])
            + np.sin(block.y * waves[1] + shift[1])
            + np.sin(block.z * waves[2] + shift[2])
        )
        body += np.asarray(0.05 * radius * rough, np.float32)
    return np.asarray(body, np.float32)


def _directions(count: int, draw: np.random.Generator) -> Floats:
    """`count` unit vectors spread over the sphere.

    A Fibonacci lattice, turned at random and jittered.
    """
    k = np.arange(count) + 0.5
    height, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k + draw.uniform(0, 6.3)
    ring = np.sqrt(1 - height**2)
    directions = (
        np.stack([ring * np.cos(turn), ring * np.sin(turn), height], 1)
        @ np.linalg.qr(draw.standard_normal((3, 3)))[0]
    )
    directions += draw.normal(0, 0.2, directions.shape)
    return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True), np.float32)


def _add_spicules(filled: Floats, block: Block, nodule: Nodule, draw: np.random.Generator) -> None:
    """Thin cones that radiate from the body, into the share that is filled."""
    strength = nodule.spiculation - 1
    radius = nodule.diameter_mm / 2
    count = round((4, 8, 14, 20)[strength - 1] * (0.75 + radius / 24))
    xs, ys, zs = block.x.ravel(), block.y.ravel(), block.z.ravel()
    for direction in _directions(count, draw):
        reach = float(draw.uniform(*SPICULE_MM)) * (0.6, 0.75, 0.9, 1.0)[strength - 1]
        base = float(draw.uniform(1.35, 2.0)) * (0.5, 0.6, 0.92, 1.0)[strength - 1]
        start, end = direction * (0.6 * radius), direction * (radius + reach)
        low, high = (
            np.minimum(start, end) - base - block.edge_mm,
            np.maximum(start, end) + base + block.edge_mm,
        )
        spans = [
            slice(*np.searchsorted(axis, (low[i], high[i]))) for i, axis in enumerate((xs, ys, zs))
        ]
        x, y, z = block.x[..., spans[0]], block.y[:, spans[1]], block.z[spans[2]]
        dot = (x * direction[0] + y * direction[1]) + z * direction[2]
        along = np.clip(dot, 0.6 * radius, radius + reach)
        distance = np.sqrt(
            np.maximum((x * x + y * y) + z * z - dot * dot + np.square(dot - along), 0)
        )
        thickness = base * (1 - 0.65 * np.maximum(along - radius, 0) / reach)
        view = filled[spans[2], spans[1], spans[0]]
        np.maximum(view, cover(distance - thickness, block.edge_mm), out=view)


def _inside(
    block: Block, body: Floats, nodule: Nodule, draw: np.random.Generator
) -> Floats | float:
    """HU within the nodule."""
    radius = nodule.diameter_mm / 2
    solid = SOLID_HU + float(draw.uniform(-18, 25))
    if nodule.texture == 1:
        return GLASS_HU + float(draw.uniform(-70, 90))
    if nodule.texture == 3:
        glass = cover(-(body + 0.45 * radius), 1.5) * cover(
            body - 0.5, 1.0
        )  # spicules, outside, are solid
        return np.asarray(solid + (GLASS_HU + 120 - solid) * glass, np.float32)
    if nodule.calcification == 6:
        return solid
    chalk = float(draw.uniform(250, 600))
    if nodule.calcification == 3:
        return chalk
    if nodule.calcification == 5:
        return np.asarray(solid + (chalk - solid) * cover(body + 0.45 * radius, 1.2), np.float32)
    inside = np.full(body.shape, solid, np.float32)
    for direction in _directions(7, draw):
        centre, size = (
            direction * (radius * float(draw.uniform(0.2, 0.6))),
            radius * float(draw.uniform(0.22, 0.34)),
        )
        distance = np.sqrt(
            np.square(block.x - centre[0])
            + np.square(block.y - centre[1])
            + np.square(block.z - centre[2])
        )
        inside += cover(np.asarray(distance - size, np.float32), 1.2) * (chalk - inside)
    return inside
