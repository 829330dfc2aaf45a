"""The inner anatomy of one synthetic patient: where the lungs lie.

Any point can be asked, so truth needs no picture.

Coordinates are millimetres in the patient's own frame: x to the left, y to the back, z to the head;
x = 0 in the midline, y = 0 in the middle of the chest, z = 0 at the lowest recess of the lungs.
"""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from lungnet.phantom.shapes import Coordinate, Floats, ellipse, profile, union
from lungnet.seeds import stream

_WIDTH = (
    (0.0, 0.25, 0.45, 0.62, 0.76, 0.87, 0.95, 1.0, 1.03),
    (0.96, 1.0, 0.98, 0.9, 0.78, 0.62, 0.42, 0.16, 0.02),
)
_DEPTH = (
    (0.0, 0.25, 0.45, 0.62, 0.76, 0.87, 0.95, 1.0, 1.03),
    (0.97, 1.0, 0.95, 0.86, 0.74, 0.6, 0.42, 0.16, 0.02),
)


@dataclass(frozen=True)
class Chest:
    """Measures of one patient; lengths in millimetres, attenuation in HU."""

    half_width_mm: float
    half_depth_mm: float
    height_mm: float
    fat_mm: float
    muscle_mm: float
    heart_mm: float
    dome_mm: tuple[float, float]
    aorta_mm: float
    spine_y_mm: float
    blood_hu: float
    lung_hu: float
    emphysema_hu: float
    rib_offset_mm: float
    phases: tuple[float, ...]
    is_female: bool
    age_years: int

    @classmethod
    def of(cls, seed: int, index: int) -> "Chest":
        """Draw the measures of patient `index`."""
        draw = stream(seed, "phantom", index, "chest")
        is_female = bool(draw.random() < 0.45)
        size = 0.94 if is_female else 1.03
        half_depth = size * draw.uniform(91, 107)
        height = size * draw.uniform(215, 255)
        return cls(
            half_width_mm=size * draw.uniform(124, 138),
            half_depth_mm=half_depth,
            height_mm=height,
            fat_mm=draw.uniform(6, 17) + 3 * is_female,
            muscle_mm=draw.uniform(3, 8),
            heart_mm=size * draw.uniform(44, 54),
            dome_mm=(height * draw.uniform(0.26, 0.36), height * draw.uniform(0.2, 0.29)),
            aorta_mm=draw.uniform(11, 15),
            spine_y_mm=half_depth * draw.uniform(0.72, 0.8),
            blood_hu=draw.uniform(35, 48) if draw.random() < 0.5 else draw.uniform(110, 230),
            lung_hu=draw.uniform(-885, -835),
            emphysema_hu=draw.uniform(0, 60) * (draw.random() < 0.4),
            rib_offset_mm=draw.uniform(0, 25),
            phases=tuple(float(p) for p in draw.uniform(0, 2 * pi, 8)),
            is_female=is_female,
            age_years=int(draw.integers(45, 82)),
        )

    def bent(self, x: Floats, y: Floats, z: Coordinate) -> tuple[Floats, Floats]:
        """Coordinates after a gentle bending, so that no outline is a perfect ellipse."""
        p = self.phases
        side = 3.0 * np.sin(0.043 * y + 0.021 * z + p[0]) + 1.5 * np.sin(
            0.105 * y - 0.03 * z + p[1]
        )
        front = 2.5 * np.sin(0.037 * x - 0.018 * z + p[2]) + 1.3 * np.sin(
            0.093 * x + 0.04 * z + p[3]
        )
        return np.asarray(x + side, np.float32), np.asarray(y + front, np.float32)

    def cavity(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Floats:
        """Distance to the inner surface of the rib cage; takes bent coordinates."""
        level = z / self.height_mm
        half_x = self.half_width_mm * profile(level, *_WIDTH)
        half_y = self.half_depth_mm * profile(level, *_DEPTH)
        back = profile(level, (0.5, 1.0), (0.0, 0.16 * self.half_depth_mm))
        return ellipse(x, y - back, half_x, half_y, boxiness=0.35)

    def domes(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Floats:
        """Distance to the diaphragm, positive in the lung's side (above)."""
        right_mm, left_mm = self.dome_mm
        peak = 0.5 * self.half_width_mm
        wide = 0.72 * self.half_width_mm
        over_x = np.where(
            x < 0,
            right_mm * (1 - np.square((x + peak) / wide)),
            left_mm * (1 - np.square((x - peak) / wide)),
        )
        over_y = -right_mm * np.square((y + 14) / (1.05 * self.half_depth_mm))
        return np.asarray(0.75 * (z - (over_x + over_y)), np.float32)

    def heart(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Floats:
        """Distance to the heart, an ellipsoid that leans to the left and front."""
        turn = -0.55
        dx, dy = x - 0.42 * self.heart_mm, y + 0.3 * self.half_depth_mm
        dz = (z - 0.33 * self.height_mm) / (1.12 * self.heart_mm)
        along = cos(turn) * dx + sin(turn) * dy
        across = -sin(turn) * dx + cos(turn) * dy
        u = (
            np.square(along / (1.25 * self.heart_mm))
            + np.square(across / (0.92 * self.heart_mm))
            + np.square(dz)
        )
        return np.asarray((np.sqrt(u) - 1) * self.heart_mm, np.float32)

    def aorta_x_mm(self, z: Coordinate) -> Coordinate:
        """Midline of the descending aorta, left of the spine."""
        return profile(z / self.height_mm, (0.0, 0.35, 0.7), (9.0, 17.0, 20.0))

    def mediastinum(self, x: Coordinate, y: Coordinate, z: Coordinate) -> Floats:
        """Distance to what parts the lungs: great vessels, heart, hila, spine."""
        depth, level = self.half_depth_mm, z / self.height_mm
        widest = profile(level, (0.3, 0.5, 0.7, 0.85, 1.0), (24.0, 29.0, 27.0, 25.0, 26.0))
        shape = profile(
            y / depth, (-1.0, -0.6, -0.25, 0.15, 0.5, 1.0), (0.3, 0.35, 0.9, 1.0, 0.55, 0.7)
        )
        column = np.asarray(np.abs(x - 1.5) - widest * shape, np.float32)
        spine = ellipse(x, y - self.spine_y_mm - 6, 23.0, 27.0)
        aorta = ellipse(
            x - self.aorta_x_mm(z), y - self.spine_y_mm + 25, self.aorta_mm + 2, self.aorta_mm + 2
        )
        aorta = np.maximum(aorta, z - 0.72 * self.height_mm)
        hilum_z = np.square((z - 0.54 * self.height_mm) / 26)
        hila = (
            np.sqrt(np.square((np.abs(x - 1.5) - 30) / 13) + np.square((y - 8) / 17) + hilum_z) - 1
        ) * 13
        inner = union(union(column, spine, 14), np.asarray(aorta, np.float32), 8)
        return union(union(inner, self.heart(x, y, z), 16), np.asarray(hila, np.float32), 10)

    def hilum(self, side: int) -> Floats:
        """Where the vessels and the bronchus of a lung enter it; `side` -1 is right, +1 left."""
        return np.array(
            [side * 33.0 + 1.5, 8.0, (0.55 if side < 0 else 0.57) * self.height_mm], np.float32
        )

    def lung(self, x: Floats, y: Floats, z: Coordinate) -> Floats:
        """Distance to the pleura, negative within the lungs; takes plain coordinates."""
        bx, by = self.bent(x, y, z)
        inside = np.maximum(self.cavity(bx, by, z), -self.mediastinum(bx, by, z))
        return np.asarray(np.maximum(inside, -self.domes(bx, by, z)), np.float32)
