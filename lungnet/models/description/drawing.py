"""A description of a network comes in, its drawing goes out: an SVG with a box for each stage."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from lungnet.models.description.network_description import (
    GLOBAL_POOLING,
    LayerDescription,
    NetworkDescription,
)

WIDTH, HEIGHT, GAP = 620, 66, 26
"""Of a box, and between boxes, in pixels."""

MARGIN, TITLE_HEIGHT, ARC = 24, 58, 34
"""Around the drawing; above the first box; how far the first line beside the boxes stands off."""

LONGEST_KINDS = 96
"""Letters that fit a box."""

SVG = "http://www.w3.org/2000/svg"

ARROWHEAD = """<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"
markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8Z" fill="#5f7183"/></marker></defs>"""

STYLE = """
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #44505c }
.name { font-size: 15px; font-weight: 600; fill: #16202a }
.end { text-anchor: end }
.box { fill: #f4f7fa; stroke: #9fb0c0 }
.share { fill: #2b6cb0 }
.flow { fill: none; stroke: #5f7183; stroke-width: 1.5; marker-end: url(#arrow) }
"""


@dataclass(frozen=True)
class _Box:
    """Layers that are drawn as one.

    Attributes:
        title: what they are called.
        layers: in the order of their calls.
    """

    title: str
    layers: list[LayerDescription]

    @property
    def multiply_adds(self) -> int:
        """Of all of them."""
        return sum(layer.multiply_adds for layer in self.layers)

    def kinds(self) -> str:
        """Their classes and how many there are of each."""
        counts = Counter(layer.kind for layer in self.layers)
        text = ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in counts.items())
        return text if len(text) <= LONGEST_KINDS else f"{text[: LONGEST_KINDS - 1]}…"

    def output(self) -> str:
        """Shape of what the last of them gives."""
        last = self.layers[-1]
        shape = " × ".join(map(str, last.shape))
        return shape if last.rows == 1 else f"{last.rows} times {shape}"


class _Flow(NamedTuple):
    """From a box to one below it, by their numbers."""

    source: int
    target: int


def draw(description: NetworkDescription, title: str) -> str:
    """The drawing of a network, the same for the same network.

    A box shows its layers, the shape of what it gives, parameters, multiply-adds, and as a bar
    their share in the network.

    Args:
        description: of the network.
        title: what stands above it.
    """
    boxes, flows = _boxes(description.layers)
    lanes = _lanes(flows)
    width = WIDTH + 2 * MARGIN + ARC * (1 + max(lanes.values(), default=0))
    height = TITLE_HEIGHT + len(boxes) * (HEIGHT + GAP) + MARGIN
    total = max(description.multiply_adds, 1)
    parts = [
        *(part for number, box in enumerate(boxes) for part in _drawn_box(number, box, total)),
        *(_arrow(flow, lanes.get(flow)) for flow in flows),
    ]
    sums = (
        f"{description.parameters:,} parameters, {description.multiply_adds:,} multiply-adds for a "
        "sample"
    )
    lines = [
        f'<svg xmlns="{SVG}" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        ARROWHEAD,
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text class="name" x="{MARGIN}" y="28">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="46">{sums}</text>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _boxes(layers: Sequence[LayerDescription]) -> tuple[list[_Box], list[_Flow]]:
    """Layers in boxes, and how the boxes hang together, each below what it takes from.

    On the way to the last map a box is a run of layers of one stage, elsewhere all that begins with
    the same word: the layers of heads are called between each other.
    """
    trunk = _ancestors(layers, GLOBAL_POOLING)
    members: list[list[int]] = []
    by_title: dict[str, list[int]] = {}
    last_title = ""
    for number, layer in enumerate(layers):
        title = _title(layer.name)
        is_new = title != last_title if number in trunk else title not in by_title
        if is_new:
            members.append([])
            by_title[title] = members[-1]
        by_title[title].append(number)
        last_title = title if number in trunk else last_title
    members.sort(key=lambda numbers: numbers[-1])
    box_of = {layer: box for box, numbers in enumerate(members) for layer in numbers}
    flows = {
        _Flow(box_of[source], box_of[number])
        for number, layer in enumerate(layers)
        for source in layer.sources
        if box_of[source] != box_of[number]
    }
    boxes = [
        _Box(_box_title([layers[n].name for n in numbers]), [layers[n] for n in numbers])
        for numbers in members
    ]
    return boxes, sorted(flows)


def _ancestors(layers: Sequence[LayerDescription], name: str) -> set[int]:
    """Numbers of the layers that a layer of that name takes from, itself among them."""
    waiting = [number for number, layer in enumerate(layers) if layer.name == name]
    reached: set[int] = set()
    while waiting:
        number = waiting.pop()
        reached.add(number)
        waiting.extend(source for source in layers[number].sources if source not in reached)
    return reached


def _title(name: str) -> str:
    """The first word of a layer's name, but all words of what pools or joins."""
    is_own = re.search("pool|_and_|distance", name)
    return name if is_own else name.partition("_")[0]


def _box_title(names: Sequence[str]) -> str:
    name = names[0] if len(names) == 1 else _title(names[0])
    return re.sub(r"(?<=[a-z])(?=\d)", " ", name.replace("_", " "))


def _drawn_box(number: int, box: _Box, total: int) -> Iterator[str]:
    x, y = MARGIN, _top(number)
    left, right = x + 14, x + WIDTH - 14
    parameters = sum(layer.parameters for layer in box.layers)
    share = box.multiply_adds / total
    yield f'<rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
    yield f'<text class="name" x="{left}" y="{y + 22}">{escape(box.title)}</text>'
    yield f'<text class="name end" x="{right}" y="{y + 22}">{escape(box.output())}</text>'
    yield f'<text x="{left}" y="{y + 39}">{escape(box.kinds())}</text>'
    costs = [f"{parameters:,} parameters"] if parameters else []
    if box.multiply_adds:
        costs.append(f"{box.multiply_adds:,} multiply-adds ({100 * share:.1f} %)")
        yield (
            f'<rect class="share" x="{x}" y="{y + HEIGHT - 4}" width="{WIDTH * share:.1f}" '
            'height="4"/>'
        )
    yield f'<text x="{left}" y="{y + 55}">{", ".join(costs)}</text>'


def _lanes(flows: Sequence[_Flow]) -> dict[_Flow, int]:
    """For each flow that passes boxes by, in which lane beside them: two never share a stretch."""
    lanes: dict[_Flow, int] = {}
    passing = [flow for flow in flows if flow.target - flow.source > 1]
    for flow in sorted(passing, key=lambda flow: (flow.target - flow.source, flow)):
        taken = {
            lane
            for other, lane in lanes.items()
            if other.source < flow.target and flow.source < other.target
        }
        lanes[flow] = next(lane for lane in range(1, len(passing) + 1) if lane not in taken)
    return lanes


def _arrow(flow: _Flow, lane: int | None) -> str:
    if lane is None:
        x, start, end = MARGIN + WIDTH // 2, _top(flow.source) + HEIGHT, _top(flow.target)
        return f'<path class="flow" d="M{x} {start} V{end}"/>'
    edge = MARGIN + WIDTH
    # Leaving low and arriving high, so that the lines of one box stay apart.
    start, end = _top(flow.source) + HEIGHT - 16, _top(flow.target) + 16
    return f'<path class="flow" d="M{edge} {start} H{edge + lane * ARC} V{end} H{edge}"/>'


def _top(number: int) -> int:
    return TITLE_HEIGHT + number * (HEIGHT + GAP)
