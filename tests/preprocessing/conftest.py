"""A chest of simple bodies with known places: what the lungs and the candidates must find."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from lungnet.seeds import stream
from lungnet.volume import Volume, to_patient_mm

SPACING_MM = (2.5, 1.5, 1.5)
SHAPE = (76, 150, 200)


@dataclass(frozen=True, eq=False)
class Chest:
    volume: Volume
    lung: NDArray[np.bool_]
    airway: NDArray[np.bool_]
    nodules: list[tuple[NDArray[np.float64], float]]  # centre in patient (x, y, z) mm, radius in mm


def build_chest(affine: NDArray[np.float64] | None = None, *, lungs: int = 2) -> Chest:
    z, y, x = (np.arange(n) * s - (n - 1) * s / 2 for n, s in zip(SHAPE, SPACING_MM, strict=True))
    z, y = z[:, None, None], y[:, None]

    def inside(centre, radii):
        return sum(((g - c) / r) ** 2 for g, c, r in zip((z, y, x), centre, radii, strict=True)) < 1

    hu = np.full(SHAPE, -1000.0)
    hu[np.broadcast_to((y / 90) ** 2 + (x / 130) ** 2 < 1, SHAPE)] = (
        40  # the body goes on above and below
    )
    hu[np.broadcast_to((y > 100) & (y < 104) & (abs(x) < 140), SHAPE)] = 200  # the table's shell
    lung = np.zeros(SHAPE, bool)
    for side in (-1, 1)[:lungs]:
        lung |= inside((-5, 5, side * 62), (75, 60, 45))
    hu[lung] = -860
    airway = np.broadcast_to((y**2 + x**2 < 9**2) & (z > 0), SHAPE)
    hu[np.broadcast_to((y**2 + x**2 < 11**2) & (z > 0), SHAPE)] = 40
    hu[airway] = -990
    for side in (-1, 1)[:lungs]:  # vessels: tubes along z and along y
        hu[
            np.broadcast_to(((x - side * 60) ** 2 + (y - 10) ** 2 < 3.5**2) & (abs(z) < 55), SHAPE)
        ] = 40
        hu[
            np.broadcast_to(
                ((x - side * 75) ** 2 + (z + 20) ** 2 < 2.5**2) & (abs(y - 5) < 40), SHAPE
            )
        ] = 40
    nodules = []
    for centre, radius in [((-10, -20, -60), 5.0), ((-30, 0, -104), 9.0), ((25, -10, -55), 3.5)]:
        hu[inside(centre, (radius,) * 3)] = 30
        voxel = (np.array(centre) + (np.array(SHAPE) - 1) / 2 * SPACING_MM) / SPACING_MM
        nodules.append((voxel, radius))
    hu += stream(1, "chest").normal(0, 15, SHAPE)
    if affine is None:
        affine = np.array(
            [[0, 0, 1.5, -150], [0, 1.5, 0, -110], [2.5, 0, 0, 300], [0, 0, 0, 1]], float
        )
    places = [(to_patient_mm(affine, voxel), radius) for voxel, radius in nodules]
    return Chest(Volume(np.rint(hu).astype(np.int16), affine, "p1", "1.2.3"), lung, airway, places)


@pytest.fixture(scope="session")
def chest() -> Chest:
    return build_chest()


@pytest.fixture(scope="session")
def make_chest():
    return build_chest
