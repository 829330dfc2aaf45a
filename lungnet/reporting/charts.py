"""Numbers come in, inline SVG goes out.

Axes, lines, bands, points and bars whose colors the page's style sheet decides.

A figure drawn here follows the page's light or dark mode, prints, scales to a phone and costs a few
kilobytes. Every text is escaped; the same numbers give the same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTH, HEIGHT = 360, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 10, 42

Text = Callable[[float], str]


def percent(value: float) -> str:
    """0.25 as 25 %, with a space that does not break."""
    return f"{value * 100:.0f}\u00a0%"


def plain(value: float) -> str:
    """At most three significant digits."""
    return f"{value:.3g}"


@dataclass(frozen=True)
class Axis:
    """One axis: its label, range, ticks and how a tick reads."""

    label: str
    low: float = 0.0
    high: float = 1.0
    ticks: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    text: Text = percent


def axis_for(label: str, values: ArrayLike, text: Text = plain, *, from_zero: bool = False) -> Axis:
    """An axis with round ticks around finite values."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    low = min(low, 0.0) if from_zero else low
    high = high if high > low else low + max(abs(low), 1.0) * 0.1
    raw = (high - low) / 4
    step = next(
        m for m in (1, 2, 2.5, 5, 10) if m * 10 ** np.floor(np.log10(raw)) >= raw * 0.999
    ) * 10 ** np.floor(np.log10(raw))
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    ticks = tuple(float(tick) for tick in np.arange(first, last + 1) * step)
    return Axis(label, ticks[0], ticks[-1], ticks, text)


@dataclass
class Chart:
    """An SVG being drawn; `svg()` is the whole of it.

    Attributes:
        title: what the figure is, for those who do not see it.
        description: what it shows, in a sentence with the numbers.
    """

    name: str
    title: str
    description: str
    x: Axis
    y: Axis
    elements: list[str] = field(default_factory=list)

    def line(self, x: ArrayLike, y: ArrayLike, style: str, *, steps: bool = False) -> None:
        """A line through points; with `steps`, it goes level to the next x and then up or down."""
        px, py = self._pixels(x, y)
        if steps and px.size > 1:
            px, py = np.repeat(px, 2)[1:], np.repeat(py, 2)[:-1]
        self.elements.append(f'<path class="line {style}" d="{_path(px, py)}"/>')

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, style: str) -> None:
        """The area between two lines."""
        px, bottom = self._pixels(x, low)
        _, top = self._pixels(x, high)
        self.elements.append(
            f'<path class="band {style}" '
            f'd="{_path(np.append(px, px[::-1]), np.append(top, bottom[::-1]))}Z"/>'
        )

    def points(self, x: ArrayLike, y: ArrayLike, style: str, hints: Sequence[str] = ()) -> None:
        """Dots, each with words that appear on pointing at it."""
        for i, (cx, cy) in enumerate(zip(*self._pixels(x, y), strict=True)):
            hint = f"<title>{escape(hints[i])}</title>" if hints else ""
            self.elements.append(
                f'<circle class="dot {style}" cx="{cx:.1f}" cy="{cy:.1f}" r="4">{hint}</circle>'
            )

    def whiskers(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, style: str) -> None:
        """Vertical intervals."""
        px, bottom = self._pixels(x, low)
        _, top = self._pixels(x, high)
        for a, b, c in zip(px, bottom, top, strict=True):
            self.elements.append(
                f'<path class="whisker {style}" d="M{a:.1f} {b:.1f}V{c:.1f}M{a - 3:.1f} '
                f'{b:.1f}h6M{a - 3:.1f} {c:.1f}h6"/>'
            )

    def bars(self, edges: ArrayLike, base: float, tops: ArrayLike, style: str) -> None:
        """Bars between neighboring edges, from `base` to each top."""
        edge = np.asarray(edges, np.float64)
        starts, top = self._pixels(edge[:-1], tops)
        ends, floor = self._pixels(edge[1:], np.full(edge.size - 1, base))
        for a, b, c, d in zip(starts, ends, top, floor, strict=True):
            if abs(c - d) > 0.05:
                geometry = (
                    f'x="{a:.1f}" y="{min(c, d):.1f}" width="{max(b - a - 0.8, 0.5):.1f}" '
                    f'height="{abs(c - d):.1f}"'
                )
                self.elements.append(f'<rect class="bar {style}" {geometry}/>')

    def svg(self) -> str:
        """The figure as one `<svg>` element, described for screen readers."""
        head = (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-labelledby="{self.name}-t {self.name}-d">'
            f'<title id="{self.name}-t">{escape(self.title)}</title><desc '
            f'id="{self.name}-d">{escape(self.description)}</desc>'
        )
        return head + self._axes() + "".join(self.elements) + "</svg>"

    def _axes(self) -> str:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        elements = []
        for tick in self.x.ticks:
            x = self._pixels([tick], [self.y.low])[0][0]
            elements.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
            elements.append(
                f'<text x="{x:.1f}" y="{bottom + 15}" '
                f'text-anchor="middle">{escape(self.x.text(tick))}</text>'
            )
        for tick in self.y.ticks:
            y = self._pixels([self.x.low], [tick])[1][0]
            elements.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
            elements.append(
                f'<text x="{LEFT - 5}" y="{y + 4:.1f}" '
                f'text-anchor="end">{escape(self.y.text(tick))}</text>'
            )
        middle_x, middle_y = (LEFT + right) / 2, (TOP + bottom) / 2
        elements.append(
            f'<text class="axis" x="{middle_x:.1f}" y="{HEIGHT - 8}" '
            f'text-anchor="middle">{escape(self.x.label)}</text>'
        )
        turned = f"rotate(-90 12 {middle_y:.1f})"
        elements.append(
            f'<text class="axis" x="12" y="{middle_y:.1f}" text-anchor="middle" '
            f'transform="{turned}">{escape(self.y.label)}</text>'
        )
        return f'<g aria-hidden="true">{"".join(elements)}</g>'

    def _pixels(
        self, x: ArrayLike, y: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        share_x = (np.asarray(x, np.float64) - self.x.low) / (self.x.high - self.x.low)
        share_y = (np.asarray(y, np.float64) - self.y.low) / (self.y.high - self.y.low)
        return LEFT + share_x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - share_y * (
            HEIGHT - TOP - BOTTOM
        )


def _path(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """A path rounded to a tenth of a pixel, without points on a level or upright run.

    100,000 patients stay a small page.
    """
    points = np.column_stack([x, y]).round(1)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) > 2:
        new = np.append(True, (points[1:] != points[:-1]).any(axis=1))
        points = points[new]
        moves = np.diff(points, axis=0)
        straight = ((moves[:-1] == 0) & (moves[1:] == 0)).any(axis=1)
        points = points[np.concatenate([[True], ~straight, [True]])] if len(points) > 2 else points
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in points) if len(points) else "M0 0"
