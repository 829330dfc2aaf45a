"""The bones of a chest, painted slice by slice."""

from dataclasses import dataclass

import numpy as np

from lungnet.phantom.chest import Chest
from lungnet.phantom.field_of_view import FieldOfView
from lungnet.phantom.shapes import Floats, circle, ellipse, profile
from lungnet.phantom.shapes import paint as paint_shape

MARROW_HU, CORTEX_HU = 190.0, 620.0

RIB_PITCH_MM = 25.0
"""Distance from one rib to the next along the body."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones of one chest, with the maps that all slices share.

    Attributes:
        chest: the measures.
        field: the pixels.
        rib_drop_mm: how far a rib has descended, by its angle around the chest; 0 at the spine.
        rib_hu: cortex of ribs, falling to cartilage beside the breastbone.
        scapula_mm: distance to the sector where the shoulder blades lie.
    """

    chest: Chest
    field: FieldOfView
    rib_drop_mm: Floats
    rib_hu: Floats
    scapula_mm: Floats

    @classmethod
    def of(cls, chest: Chest, field: FieldOfView) -> "Skeleton":
        """Compute the shared maps."""
        # pi at the spine, 0 in front
        angle = np.arctan2(np.abs(field.x), 0.75 * chest.half_depth_mm - field.y)
        angle = angle.astype(np.float32)
        front = (np.cos(angle) + 1) / 2
        return cls(
            chest=chest,
            field=field,
            rib_drop_mm=np.asarray(92 * front + 10 * np.sin(angle), np.float32),
            rib_hu=np.asarray(profile(angle, (0.42, 0.62), (120.0, CORTEX_HU)), np.float32),
            scapula_mm=np.asarray(70 * (np.abs(angle - 1.72) - 0.34), np.float32),
        )

    def paint(self, hu: Floats, z: float, cavity: Floats) -> None:
        """Paint ribs, shoulder blades, breastbone and spine of the slice at `z`."""
        chest, edge = self.chest, self.field.pixel_mm
        turn = (z + self.rib_drop_mm - chest.rib_offset_mm) * np.float32(1 / RIB_PITCH_MM)
        off = (turn - np.rint(turn)) * np.float32(RIB_PITCH_MM / 6.2)
        rib = (
            np.sqrt(np.square(off) + np.square((cavity - 7.5) * np.float32(1 / 3.7))) - 1
        ) * np.float32(4)
        midline = 11 - np.abs(self.field.x)
        rib = np.maximum(rib, midline)
        paint_shape(hu, rib, self.rib_hu, edge)
        paint_shape(hu, rib + 1.7, np.minimum(self.rib_hu, MARROW_HU), edge)
        level = z / chest.height_mm
        if 0.5 < level < 1.02:
            plate = np.maximum(
                np.abs(cavity - 25 - 30 * max(level - 0.75, 0)) - 2.6,
                self.scapula_mm + 90 * max(0.62 - level, 0),
            )
            paint_shape(hu, plate, 480.0, edge)
            paint_shape(hu, plate + 1.5, MARROW_HU, edge)
        if 0.33 < level < 0.93:
            top = (
                -chest.half_depth_mm
                * float(
                    profile(level, (0.0, 0.45, 0.62, 0.76, 0.87), (0.97, 0.95, 0.86, 0.76, 0.66))
                )
                - 9
            )
            rows, columns = self.field.window((0.0, top), 26.0)
            bone = ellipse(
                self.field.x[:, columns],
                self.field.y[rows] - top,
                21.0 if level > 0.72 else 15.0,
                6.0,
                boxiness=0.6,
            )
            paint_shape(hu[rows, columns], bone, 420.0, edge)
            paint_shape(hu[rows, columns], bone + 1.8, 130.0, edge)
        self._spine(hu, z)

    def _spine(self, hu: Floats, z: float) -> None:
        chest, edge = self.chest, self.field.pixel_mm
        y0 = chest.spine_y_mm + 5 + 0.1 * chest.half_depth_mm * max(z / chest.height_mm - 0.5, 0)
        rows, columns = self.field.window((0.0, y0 + 20), 50.0)
        window, x, y = hu[rows, columns], self.field.x[:, columns], self.field.y[rows] - y0
        phase = ((z + chest.rib_offset_mm) / RIB_PITCH_MM) % 1
        back = ellipse(x, y - 27, 19.0, 13.0)
        wings = ellipse(np.abs(x) - 24, y - 24 - 0.2 * np.abs(x), 17.0, 5.0)
        paint_shape(window, back if phase > 0.45 else np.maximum(back, 6 - np.abs(x)), 330.0, edge)
        if phase > 0.55:
            paint_shape(window, wings, 430.0, edge)
            paint_shape(window, wings + 2, MARROW_HU, edge)
        paint_shape(window, ellipse(x, y - 44, 3.6, 15.0), 380.0, edge)
        vertebra = ellipse(x, y, 19.0, 16.0, boxiness=0.3)
        is_disk = phase < 0.2
        paint_shape(window, vertebra, 100.0 if is_disk else 450.0, edge)
        if not is_disk:
            paint_shape(window, vertebra + 2.2, MARROW_HU + 10, edge)
        paint_shape(window, circle(x, y - 24, 9.5), 30.0, edge)
