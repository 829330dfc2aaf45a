"""The pixels of a scanner's slice in patient millimetres, and painting on few of them."""

from dataclasses import dataclass

from lungnet.phantom.scanner import Scanner
from lungnet.phantom.shapes import Floats, circle, paint


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """Where the pixels of every slice lie.

    Attributes:
        x: shape (1, n), millimetres to the left.
        y: shape (n, 1), millimetres to the back.
        pixel_mm: edge of a pixel.
        first_mm: x of the first column's centre, which is y of the first row's.
    """

    x: Floats
    y: Floats
    pixel_mm: float
    first_mm: float

    @classmethod
    def of(cls, scanner: Scanner) -> "FieldOfView":
        """Of a scanner."""
        x, y = scanner.xs()[None, :], scanner.xs()[:, None]
        return cls(x, y, scanner.pixel_mm, scanner.first_mm[0])

    def window(self, centre_xy: tuple[float, float], reach_mm: float) -> tuple[slice, slice]:
        """Rows and columns within `reach_mm` of a point (x, y)."""
        edge, first = self.pixel_mm, self.first_mm
        x, y = (
            slice(
                max(int((c - reach_mm - first) / edge), 0),
                max(int((c + reach_mm - first) / edge) + 1, 0),
            )
            for c in centre_xy
        )
        return y, x

    def paint_disk(
        self, hu: Floats, centre_xy: tuple[float, float], radius: float, value: float
    ) -> None:
        """Paint a circle, touching only the pixels around it."""
        rows, columns = self.window(centre_xy, radius + 2 * self.pixel_mm)
        disk = circle(self.x[:, columns] - centre_xy[0], self.y[rows] - centre_xy[1], radius)
        paint(hu[rows, columns], disk, value, self.pixel_mm)
