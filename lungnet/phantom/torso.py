"""Slices of a chest without vessels and nodules.

From measures to attenuation in HU, one slice at a time.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.phantom.chest import Chest
from lungnet.phantom.field_of_view import FieldOfView
from lungnet.phantom.scanner import Scanner
from lungnet.phantom.shapes import Coordinate, Floats, circle, ellipse, paint, profile, union
from lungnet.phantom.skeleton import Skeleton

AIR, FAT, MUSCLE, SOFT, LIVER = -998.0, -102.0, 52.0, 42.0, 62.0

COARSE_MM = 3.5
"""Spacing of the grid on which distances are computed."""


@dataclass(frozen=True, eq=False)
class Torso:
    """A chest on a scanner's grid, with the maps that all of its slices share.

    Distances are smooth, so they are computed on a coarser grid and interpolated: an error of 0.1
    mm for a tenth of the time.

    Attributes:
        chest: the measures.
        scanner: the grid.
        field: its pixels.
        coarse_x: the same field of view, `COARSE_MM` apart.
        coarse_y: likewise.
        skeleton: the bones.
        table: HU of the couch and the air around it.
    """

    chest: Chest
    scanner: Scanner
    field: FieldOfView
    coarse_x: Floats
    coarse_y: Floats
    skeleton: Skeleton
    table: Floats

    @classmethod
    def of(cls, chest: Chest, scanner: Scanner) -> "Torso":
        """Compute the shared maps."""
        field = FieldOfView.of(scanner)
        field_mm = scanner.matrix * scanner.pixel_mm
        count = min(scanner.matrix, round(field_mm / COARSE_MM))
        coarse = (((np.arange(count) + 0.5) / count - 0.5) * field_mm).astype(np.float32)
        return cls(
            chest=chest,
            scanner=scanner,
            field=field,
            coarse_x=coarse[None, :],
            coarse_y=coarse[:, None],
            skeleton=Skeleton.of(chest, field),
            table=_table(chest, scanner, field.x, field.y),
        )

    def slice_at(self, z: float) -> tuple[Floats, Floats]:
        """HU (y, x) float32 of the slice at `z`, and the distance to the pleura.

        The distance is in millimetres, negative in the lungs.
        """
        chest, edge = self.chest, self.scanner.pixel_mm
        x, y = chest.bent(self.coarse_x, self.coarse_y, z)
        cavity = chest.cavity(x, y, z)
        mediastinum = chest.mediastinum(x, y, z)
        domes = chest.domes(x, y, z)
        body = self._body(x, y, z)
        muscle = self._muscle(z, cavity, body)
        lung = self._fine(np.maximum(np.maximum(cavity, -mediastinum), -domes))
        within = self._fine(np.maximum(cavity + 1, mediastinum + 2))
        hu = self.table.copy()
        fine_cavity = self._fine(cavity)
        self._wall(hu, fine_cavity, self._fine(body), self._fine(muscle))
        paint(hu, fine_cavity, SOFT, edge)
        under = np.maximum(cavity + 2, domes + 1.5)
        if float(under.min()) < edge:
            self._below_the_diaphragm(hu, under)
        self._middle(hu, z, within, self._fine(chest.heart(x, y, z)))
        self.skeleton.paint(hu, z, fine_cavity)
        paint(hu, lung, self._parenchyma(z), max(edge, 0.55 * self.scanner.slice_mm))
        self._airway(hu, z)
        return hu, lung

    def _fine(self, distance: Floats) -> Floats:
        """A distance on the scanner's own grid."""
        size = self.scanner.matrix
        return np.asarray(
            cv2.resize(distance, (size, size), interpolation=cv2.INTER_LINEAR), np.float32
        )

    def _body(self, x: Coordinate, y: Coordinate, z: float) -> Floats:
        chest, level = self.chest, z / self.chest.height_mm
        wall = 15 + chest.muscle_mm + chest.fat_mm
        half_x = (
            chest.half_width_mm
            * float(profile(level, (0.0, 0.4, 0.8, 1.0), (0.98, 1.0, 1.0, 0.93)))
            + wall
        )
        half_y = (
            chest.half_depth_mm
            * float(profile(level, (0.0, 0.4, 0.8, 1.0), (1.0, 1.0, 0.93, 0.84)))
            + wall
        )
        body = ellipse(x, y - 2, half_x, half_y, boxiness=0.3)
        if chest.is_female:
            high = 1 - ((level - 0.36) / 0.2) ** 2
            if high > 0:
                breast = ellipse(
                    np.abs(x) - 68, y + chest.half_depth_mm + 8, 52 * high**0.5, 36 * high**0.5
                )
                body = union(body, breast, 18)
        return body

    def _muscle(self, z: float, cavity: Floats, body: Floats) -> Floats:
        """Distance to the muscles around the ribs.

        Thick beside the spine, in front of the upper chest and at the shoulders.
        """
        chest, level = self.chest, z / self.chest.height_mm
        x, y = self.coarse_x, self.coarse_y
        thick = chest.muscle_mm + float(profile(level, (0.0, 0.5, 0.8), (0.0, 3.0, 9.0)))
        back = np.maximum(y / chest.half_depth_mm, 0) * np.maximum(1 - np.square(x / 75), 0) * 22
        front = np.maximum(-y / chest.half_depth_mm, 0) * np.maximum(
            1 - np.square((np.abs(x) - 55) / 45), 0
        )
        front = front * float(profile(level, (0.35, 0.55, 0.8), (0.0, 10.0, 16.0)))
        shoulder = float(profile(level, (0.55, 0.9), (0.0, 30.0))) * np.minimum(
            np.square(x / 110), 1
        )
        return np.asarray(
            np.maximum(
                cavity - (15 + thick + back + front + shoulder), body + 0.45 * chest.fat_mm + 2
            ),
            np.float32,
        )

    def _wall(self, hu: Floats, cavity: Floats, body: Floats, muscle: Floats) -> None:
        """Skin, fat, the muscles and the planes of fat between them."""
        edge = self.scanner.pixel_mm
        paint(hu, body, 5.0, edge)
        paint(hu, body + 1.6, FAT, edge)
        paint(hu, muscle, MUSCLE, edge)
        planes = np.minimum(np.abs(cavity - 14.5) - 0.9, np.abs(cavity - 2.2) - 0.6)
        paint(hu, np.maximum(planes, muscle + 2), FAT + 28, edge)

    def _below_the_diaphragm(self, hu: Floats, under: Floats) -> None:
        """Liver, spleen and stomach in fat."""
        chest, edge = self.chest, self.scanner.pixel_mm
        x, y = self.coarse_x, self.coarse_y
        paint(hu, self._fine(under), FAT, edge)
        organs = (
            (
                ellipse(
                    x + 0.45 * chest.half_width_mm,
                    y + 6,
                    0.62 * chest.half_width_mm,
                    0.9 * chest.half_depth_mm,
                ),
                LIVER,
            ),
            (ellipse(x - 0.62 * chest.half_width_mm, y - 34, 36.0, 44.0), LIVER - 10),
            (ellipse(x - 0.42 * chest.half_width_mm, y + 30, 44.0, 34.0), 30.0),
        )
        for distance, value in organs:
            paint(hu, self._fine(np.maximum(distance, under + 1)), value, edge)

    def _middle(self, hu: Floats, z: float, within: Floats, heart: Floats) -> None:
        """Fat of the mediastinum, heart and great vessels."""
        chest, edge = self.chest, self.scanner.pixel_mm
        paint(hu, within, -78.0, edge)
        level, blood = z / chest.height_mm, chest.blood_hu
        if 0.05 < level < 0.65:
            paint(hu, heart + 4, 45.0, edge)
            paint(hu, heart + 13, blood, edge)
        esophagus = (2.0, chest.spine_y_mm - 33, 7.5, 0.0, 1.2, 42.0)
        upper = chest.aorta_mm
        for left, back, radius, low, high, value in (
            (float(chest.aorta_x_mm(z)), chest.spine_y_mm - 25, upper, 0.0, 0.73, blood),
            (-9.0, -26.0, upper + 3, 0.45, 0.72, blood),
            (-25.0, -17.0, 8.5, 0.5, 0.95, blood),
            (16.0, -30.0, upper + 1, 0.45, 0.61, blood),
            (16.0, -8.0, 5.0, 0.76, 1.1, blood),
            (3.0, -16.0, 4.5, 0.76, 1.1, blood),
            (-11.0, -20.0, 5.5, 0.76, 1.1, blood),
            (22.0, -14.0, 6.0, 0.78, 1.1, blood),
            esophagus,
        ):
            if low < level < high:
                self.field.paint_disk(hu, (left, back), radius, value)
        x, y = self.field.x, self.field.y
        if 0.66 < level < 0.745:
            paint(hu, self._aortic_arch(upper + 1), blood, edge)
        if 0.5 < level < 0.58:  # the pulmonary trunk and its branches
            trunk = ellipse(x, y + 6 + np.abs(x) * -0.2, 44.0, 11.0)
            paint(hu, np.maximum(trunk, within), blood, edge)

    def _aortic_arch(self, radius_mm: float) -> Floats:
        """Distance to the arch, from front right to back left."""
        x, y, spine_y = self.field.x, self.field.y, self.chest.spine_y_mm
        along = np.clip(
            ((x + 9) * 28 + (y + 26) * (spine_y + 1)) / (28**2 + (spine_y + 1) ** 2), 0, 1
        )
        return circle(x + 9 - 28 * along, y + 26 - (spine_y + 1) * along, radius_mm)

    def _parenchyma(self, z: float) -> Floats:
        """HU of the lungs' tissue.

        Denser at the back (gravity) and at the bases, thinner where emphysema is.
        """
        chest = self.chest
        p = chest.phases
        gravity = 32 * self.field.y / chest.half_depth_mm
        clouds = np.sin(0.07 * self.field.x + 0.05 * z + p[4]) * np.sin(
            0.06 * self.field.y - 0.04 * z + p[5]
        )
        holes = np.maximum(
            np.sin(0.17 * self.field.x + 0.2 * z + p[6])
            * np.sin(0.19 * self.field.y - 0.16 * z + p[7])
            - 0.2,
            0,
        )
        height = 25 - 40 * z / chest.height_mm
        return np.asarray(
            chest.lung_hu + gravity + height + 9 * clouds - chest.emphysema_hu * holes, np.float32
        )

    def _airway(self, hu: Floats, z: float) -> None:
        chest = self.chest
        carina = 0.63 * chest.height_mm
        if z > carina:
            back = 6 + 10 * (z - carina) / chest.height_mm
            wide = 8.5 + 2.5 * max(0.0, 1 - (z - carina) / 12)
            self.field.paint_disk(hu, (0.0, back), wide + 1.4, 35.0)
            self.field.paint_disk(hu, (0.0, back), wide, AIR + 10)


def _table(chest: Chest, scanner: Scanner, x: Floats, y: Floats) -> NDArray[np.float32]:
    """The couch under the patient: a curved shell of carbon fibre around foam, in air."""
    back = chest.half_depth_mm + 15 + chest.muscle_mm + chest.fat_mm + 5
    sag = y - back - 6 + np.square(x) * 0.0011
    table = np.full((scanner.matrix, scanner.matrix), AIR, np.float32)
    paint(table, np.asarray(np.maximum(-sag, sag - 22), np.float32), -940.0, scanner.pixel_mm)
    for depth in (0.0, 22.0):
        paint(table, np.asarray(np.abs(sag - depth) - 0.7, np.float32), -350.0, scanner.pixel_mm)
    return table
