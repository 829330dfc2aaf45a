"""How many findings of phantom patients the candidates hit: nodules, ground glass and masses.

The phantom grows nodules of its own; ground glass of 8 to 30 mm and masses of 30 to 100 mm are
pasted into its lungs, a mass with at least 70 % of its ball in the lung, as in the cases from the
field.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.phantom import PhantomConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.phantom.patient import PhantomPatient, make_patient
from lungnet.preprocessing import Candidate, prepare
from lungnet.volume import AIR_HU, Volume, spacing_of, to_patient_mm

SEED = 1500
"""Of the patients; no threshold of the search was chosen on them."""

MASS_MM, GLASS_MM = (30.0, 100.0), (8.0, 30.0)
MASS_HU, GLASS_HU = 40.0, (-750.0, -400.0)
MASS_SHARE, GLASS_SHARE = 0.7, 0.95
"""So much of a pasted ball lies in the lung."""

GLASS_EACH = 3
TRIES = 400
NEAREST_MM = 5.0
"""A candidate hits a finding within its radius, or so far from its centre."""

MISSED = 10**6

NUMBERS = (1, 3, 5, 10, 20, 40, 60)
EDGES_MM = {"nodule": (4, 5, 6, 8, 12, 40), "ground glass": (8, 12, 20, 31), "mass": (30, 50, 101)}


@dataclass(frozen=True)
class Finding:
    """A finding, and the rank of the first candidate that hits it.

    Attributes:
        kind: `nodule`, `ground glass` or `mass`.
        diameter_mm: of its body.
        rank: from 1; `MISSED` where no candidate hits it.
    """

    kind: str
    diameter_mm: float
    rank: int


def recall(findings: Iterable[Finding], number: int) -> float:
    """Share of findings that one of the first so many candidates hits."""
    hits = [finding.rank <= number for finding in findings]
    return float(np.mean(hits))


def phantom_findings(patients: int) -> list[Finding]:
    """Make, prepare and search so many patients, on all cores.

    Args:
        patients: how many.
    """
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(chain.from_iterable(pool.map(_of_patient, range(patients))))


def write_curve(findings: Sequence[Finding], path: Path) -> None:
    """Sensitivity against the number of candidates, by kind and size, as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "from_mm", "to_mm", "findings", "candidates", "sensitivity"])
        for kind, edges in EDGES_MM.items():
            for low, high in pairwise(edges):
                of_size = [f for f in findings if f.kind == kind and low <= f.diameter_mm < high]
                for number in NUMBERS if of_size else ():
                    share = round(recall(of_size, number), 4)
                    writer.writerow([kind, low, high, len(of_size), number, share])


def _of_patient(index: int) -> list[Finding]:
    cv2.setNumThreads(1)
    patient = make_patient(SEED, index, PhantomConfig())
    patient = _as_read(patient)
    draw = np.random.default_rng([SEED, index])
    own = [
        ("nodule", n.diameter_mm, np.asarray(patient.plan.centre_mm(n))) for n in patient.nodules
    ]
    found = _ranked(patient, patient.hu, own)
    for kind, pasted in (("ground glass", GLASS_EACH), ("mass", 1)):
        hu = patient.hu.copy()
        places = [p for p in (_pasted(kind, hu, patient, draw) for _ in range(pasted)) if p]
        found += _ranked(patient, hu, [(kind, *place) for place in places])
    return found


def _as_read(patient: PhantomPatient) -> PhantomPatient:
    """Padding as intake leaves it."""
    np.maximum(patient.hu, AIR_HU, out=patient.hu)
    return patient


def _ranked(
    patient: PhantomPatient,
    hu: NDArray[np.int16],
    places: Sequence[tuple[str, float, NDArray[np.float64]]],
) -> list[Finding]:
    if not places:
        return []
    volume = Volume(hu, patient.affine, patient.patient_id, "phantom")
    candidates = prepare(volume, PreparationConfig()).candidates
    return [
        Finding(kind, diameter_mm, _rank(candidates, centre_mm, diameter_mm))
        for kind, diameter_mm, centre_mm in places
    ]


def _rank(
    candidates: Sequence[Candidate], centre_mm: NDArray[np.float64], diameter_mm: float
) -> int:
    reach_mm = max(NEAREST_MM, diameter_mm / 2)
    for rank, candidate in enumerate(candidates, 1):
        if np.linalg.norm(np.asarray(candidate.centre_mm) - centre_mm) <= reach_mm:
            return rank
    return MISSED


def _pasted(
    kind: str, hu: NDArray[np.int16], patient: PhantomPatient, draw: np.random.Generator
) -> tuple[float, NDArray[np.float64]] | None:
    """Paste a ball in place where one fits: its diameter and its centre in patient millimetres."""
    is_mass = kind == "mass"
    diameter_mm = float(draw.uniform(*(MASS_MM if is_mass else GLASS_MM)))
    level = MASS_HU if is_mass else float(draw.uniform(*GLASS_HU))
    spacing_mm = spacing_of(patient.affine)
    centre = next(_centres(patient.mask, diameter_mm / 2, spacing_mm, draw, is_mass=is_mass), None)
    if centre is None:
        return None
    box, distance_mm = _around(centre, diameter_mm / 2 + 2, hu.shape, spacing_mm)
    share = np.clip((diameter_mm / 2 - distance_mm) / 1.5 + 0.5, 0, 1)
    noise = draw.normal(0, 12, share.shape)
    blended = hu[box] * (1 - share) + (level + noise) * share
    # Ground glass leaves the vessels that cross it.
    hu[box] = np.rint(blended if is_mass else np.maximum(hu[box], blended)).astype(np.int16)
    return diameter_mm, to_patient_mm(patient.affine, centre)


def _centres(
    lung: NDArray[np.bool_],
    radius_mm: float,
    spacing_mm: Sequence[float],
    draw: np.random.Generator,
    *,
    is_mass: bool,
) -> Iterator[NDArray[np.int64]]:
    voxels = np.argwhere(lung[::2, ::4, ::4]) * (2, 4, 4)
    least = MASS_SHARE if is_mass else GLASS_SHARE
    for centre in voxels[draw.integers(len(voxels), size=TRIES)]:
        box, distance_mm = _around(centre, radius_mm, lung.shape, spacing_mm)
        inside = distance_mm <= radius_mm
        volume_mm3 = float(np.count_nonzero(lung[box] & inside)) * np.prod(spacing_mm)
        if volume_mm3 >= least * 4 / 3 * np.pi * radius_mm**3:
            yield centre


def _around(
    centre: NDArray[np.int64],
    reach_mm: float,
    shape: tuple[int, ...],
    spacing_mm: Sequence[float],
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """A box, and how far its voxels lie from the centre in millimetres."""
    box, squares = [], []
    for c, n, s in zip(centre, shape, spacing_mm, strict=True):
        reach = int(np.ceil(reach_mm / s))
        axis = slice(max(0, int(c) - reach), min(n, int(c) + reach + 1))
        box.append(axis)
        squares.append(np.square((np.arange(axis.start, axis.stop) - c) * s))
    z, y, x = squares
    return tuple(box), np.sqrt(z[:, None, None] + y[:, None] + x)
