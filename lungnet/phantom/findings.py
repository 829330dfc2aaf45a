"""Which nodules a patient has, how they look and where they lie.

The truth, drawn before any picture is made.

Sizes follow LIDC-IDRI: the median diameters of nodules that readers rated 1 to 5 for malignancy.
The ratings of looks use LIDC's scales (Armato et al. 2011): spiculation and lobulation 1 none .. 5
marked; texture 1 ground glass, 3 part-solid, 5 solid; calcification 1 popcorn, 3 solid, 5 central,
6 absent.
"""

from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist

import numpy as np

from lungnet.config.phantom import PhantomConfig
from lungnet.phantom.chest import Chest
from lungnet.phantom.shapes import Floats
from lungnet.phantom.tubes import Plumbing, lung_points
from lungnet.seeds import stream

MEDIAN_MM = (6.9, 7.6, 8.0, 11.9, 21.1)
"""Median diameter by malignancy 1..5 in LIDC-IDRI."""

SMALLEST_MM, LARGEST_MM = 4.0, 32.0

BENIGN_LARGE = (0.12, (12.0, 25.0))
"""Share of the benign that are large hamartomas and granulomas, and their diameters: size alone
must not decide."""

MALIGNANT_SMALL = (0.12, (7.0, 11.0))
"""Share of the malignant that are found small, and their diameters."""

SPREAD = (0.34, 0.36, 0.38, 0.4, 0.3)
"""Standard deviation of the logarithm of the other diameters, by malignancy."""


@dataclass(frozen=True)
class Nodule:
    """One nodule and its ratings.

    Attributes:
        centre_mm: (x, y, z) in the chest's frame.
        diameter_mm: of the body, without spicules; 4..32.
        malignancy: 1..5; above 3 makes the patient positive.
        spiculation: 1 none .. 5 marked.
        lobulation: 1 none .. 5 marked.
        calcification: 1 popcorn, 3 solid, 5 central, 6 absent.
        texture: 1 ground glass, 3 part-solid, 5 solid.
        site: `parenchymal`, `juxta-pleural` or `juxta-vascular`.
    """

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    malignancy: int
    spiculation: int
    lobulation: int
    calcification: int
    texture: int
    site: str

    @property
    def is_malignant(self) -> bool:
        """Rated above 3."""
        return self.malignancy > 3


def is_positive(seed: int, index: int, share: float) -> bool:
    """Whether patient `index` has cancer.

    Any run of n patients holds `share` of n positives, within one.
    """
    start = float(stream(seed, "phantom", "positives").random())
    return int((index + 1) * share + start) > int(index * share + start)


def findings(
    seed: int, index: int, config: PhantomConfig, chest: Chest, plumbing: Plumbing
) -> tuple[Nodule, ...]:
    """Draw the nodules of patient `index`, the malignant ones first."""
    draw = stream(seed, "phantom", index, "findings")
    if is_positive(seed, index, config.positive_share):
        ratings = [
            int(draw.choice((4, 5), p=(0.55, 0.45))) for _ in range(1 + int(draw.random() < 0.12))
        ]
        benign = int(draw.integers(0, 3))
    else:
        ratings, benign = [], int(draw.integers(1, 4))
    ratings += [int(r) for r in draw.choice((1, 2, 3), benign, p=(0.3, 0.35, 0.35))]
    placed: list[Nodule] = []
    for rating in ratings:
        diameter = diameter_of(rating, draw)
        looks = (
            _malignant_looks(diameter, config, draw)
            if rating > 3
            else _benign_looks(rating, diameter, config, draw)
        )
        centre, site = _place(diameter / 2, placed, chest, plumbing, draw)
        placed.append(
            Nodule(
                (float(centre[0]), float(centre[1]), float(centre[2])),
                diameter,
                rating,
                *looks,
                site,
            )
        )
    return tuple(placed)


def diameter_of(malignancy: int, draw: np.random.Generator) -> float:
    """A diameter in millimetres.

    Log-normal with LIDC's median, mixed with large benign and small malignant ones.
    """
    is_malignant = malignancy > 3
    share, bounds = MALIGNANT_SMALL if is_malignant else BENIGN_LARGE
    if draw.random() < share:
        return round(float(draw.uniform(*bounds)), 2)
    # The main part is shifted so that the mixture as a whole has the stated median.
    quantile = (0.5 - share) / (1 - share) if is_malignant else 0.5 / (1 - share)
    spread = SPREAD[malignancy - 1]
    median = log(MEDIAN_MM[malignancy - 1]) - spread * NormalDist().inv_cdf(quantile)
    return round(min(max(exp(draw.normal(median, spread)), SMALLEST_MM), LARGEST_MM), 2)


Looks = tuple[int, int, int, int]


def _malignant_looks(diameter_mm: float, config: PhantomConfig, draw: np.random.Generator) -> Looks:
    """Spiculation, lobulation, calcification, texture."""
    texture = int(draw.choice((3, 5), p=(0.15, 0.85)))
    if draw.random() < config.ambiguous_share:
        return 1, 2, 6, texture
    if diameter_mm > 11 and draw.random() < 0.3:
        return int(draw.integers(1, 3)), int(draw.integers(4, 6)), 6, texture
    return int(draw.integers(4, 6)), int(draw.integers(1, 5)), 6, texture


def _benign_looks(
    rating: int, diameter_mm: float, config: PhantomConfig, draw: np.random.Generator
) -> Looks:
    """Spiculation, lobulation, calcification, texture."""
    if draw.random() < config.ambiguous_share:
        return int(draw.integers(1, 3)), 3, 6, 5
    # Large benign nodules that are not calcified are rare, and cannot be told from smooth malignant
    # ones by anybody.
    if draw.random() < (
        0.9 if diameter_mm >= BENIGN_LARGE[1][0] else (0.75, 0.35, 0.0)[rating - 1]
    ):
        return 1, 1, int(draw.choice((1, 3, 5))), 5
    texture = int(draw.choice((1, 3, 5), p=(0.12, 0.08, 0.8))) if diameter_mm < 12 else 5
    return 1, 1, 6, texture


def _place(
    radius: float, placed: list[Nodule], chest: Chest, plumbing: Plumbing, draw: np.random.Generator
) -> tuple[Floats, str]:
    """A centre in the lungs, clear of the nodules already there.

    The last try counts even if it is not.
    """
    site = str(draw.choice(("parenchymal", "juxta-pleural", "juxta-vascular"), p=(0.55, 0.25, 0.2)))
    vessels = plumbing.vessels
    thick = np.flatnonzero((vessels.end_radius_mm > 0.9) & (vessels.start_radius_mm < 2.6))
    centre, actual_site = np.zeros(3, np.float32), site
    for attempt in range(40):
        actual_site = site if attempt < 20 else "parenchymal"
        side = int(draw.choice((-1, 1)))
        if actual_site == "juxta-vascular":
            index = int(draw.choice(thick))
            direction = draw.standard_normal(3)
            points = (
                vessels.ends[index]
                + (0.8 * radius / np.linalg.norm(direction) * direction).astype(np.float32)[None]
            )
        else:
            points = lung_points(chest, side, 48, draw, depth_mm=0.2 * radius)
        depth = -chest.lung(points[:, 0], points[:, 1], points[:, 2])
        bx, by = chest.bent(points[:, 0], points[:, 1], points[:, 2])
        wall = -chest.cavity(bx, by, points[:, 2])
        far = np.linalg.norm(points - chest.hilum(side), axis=1) > 24 + radius
        lies = (
            (wall < 0.75 * radius) & (depth > 0.3 * radius)
            if actual_site == "juxta-pleural"
            else depth > radius + 2
        )
        for point in points[lies & far]:
            centre = point
            if all(
                np.linalg.norm(point - n.centre_mm) > radius + n.diameter_mm / 2 + 14
                for n in placed
            ):
                return point, actual_site
    return centre, actual_site
