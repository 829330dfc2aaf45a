"""Array axes brought to (z, y, x) of LPS by permuting and flipping; no value changes."""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from lungnet.volume import ScanWarning


def canonical(
    stack: NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[
    tuple[int, int, int], tuple[bool, bool, bool], NDArray[np.float64], tuple[int, int, int]
]:
    """Permute and flip array axes to lie closest to (z, y, x) of LPS; no value changes.

    Args:
        stack: 4x4 affine of the array as it is.
        shape: of the array.

    Returns:
        For each array axis the volume axis it becomes; whether it is flipped; the volume's affine;
        the volume's shape.
    """
    directions = stack[:3, :3] / np.linalg.norm(stack[:3, :3], axis=0)
    # Patient axis of volume axis v is 2 - v: z, y, x.
    axes = max(
        permutations(range(3)),
        key=lambda p: sum(abs(directions[2 - v, a]) for a, v in enumerate(p)),
    )
    flips = [bool(directions[2 - v, a] < 0) for a, v in enumerate(axes)]
    affine = np.eye(4)
    affine[:3, 3] = stack[:3, 3]
    out = [0, 0, 0]
    for a, v in enumerate(axes):
        column = stack[:3, a]
        if flips[a]:
            affine[:3, 3] += column * (shape[a] - 1)
        affine[:3, v] = -column if flips[a] else column
        out[v] = shape[a]
    affine[:3] += 0.0  # no negative zeros
    return (
        (axes[0], axes[1], axes[2]),
        (flips[0], flips[1], flips[2]),
        affine,
        (out[0], out[1], out[2]),
    )


def as_stack(
    volume: NDArray[np.int16], axes: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> NDArray[np.int16]:
    """A view of a volume with the axes (slice, row, column) of the stack.

    What is written there lies right in the volume.
    """
    view = volume.transpose(axes)
    return view[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]


def orientation_warnings(
    axes: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> list[ScanWarning]:
    """What was permuted or flipped, beside the order of axial slices."""
    if axes != (0, 1, 2):
        plane = {0: "axial", 1: "coronal", 2: "sagittal"}[axes[0]]
        text = f"slices are {plane}, rows along volume axis {axes[2]}; brought to (z, y, x) LPS"
        return [ScanWarning("reoriented", text)]
    turned = [name for name, flip in (("rows", flips[1]), ("columns", flips[2])) if flip]
    if not turned:
        return []
    text = "ran against LPS (a prone or mirrored series) and were turned round"
    return [ScanWarning("flipped", f"{' and '.join(turned)} {text}")]
