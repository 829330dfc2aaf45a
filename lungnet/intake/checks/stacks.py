"""One series that holds several stacks, which one tag tells apart.

Scanners put the acquisitions, phases or kernels of a scan into one series; their slices claim the
same positions, and together they are no volume.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake.geometry.grid import build_grid
from lungnet.intake.headers.slice_header import SliceHeader

MOST_STACKS = 32
"""A tag with more values numbers slices, not stacks."""

EVEN_SHARE = 0.8
"""A tag explains a series when so much of its slices fall into even stacks."""


@dataclass(frozen=True)
class Stack:
    """Slices that may be a volume.

    Attributes:
        tag: what tells it from the others; empty where the series is one stack.
        value: of the tag.
        slices: in the order of the series.
    """

    tag: str
    value: str
    slices: list[SliceHeader]

    @property
    def name(self) -> str:
        """The identity of the stack beside its series; empty where the series is one stack."""
        return f"{self.tag} {self.value}" if self.tag else ""


_TAGS: Final[dict[str, Callable[[SliceHeader], Hashable]]] = {
    "Acquisition Number": lambda header: header.acquisition_number,
    "Temporal Position": lambda header: header.temporal_position,
    "Convolution Kernel": lambda header: header.identity.kernel,
}


def split_stacks(slices: list[SliceHeader], config: IntakeConfig) -> list[Stack]:
    """The stacks of a series; one where it is one, or where no tag makes even stacks of it.

    Args:
        slices: each with position and orientation.
        config: the bounds of a stack.
    """
    whole = [Stack("", "", slices)]
    if _is_even(slices, config):
        return whole
    for tag, value_of in _TAGS.items():
        values = [value_of(header) for header in slices]
        stacks = _stacks(tag, values, slices)
        if _explains(stacks, slices, config):
            return stacks
    stacks = _stacks("run of instance numbers", _runs(slices), slices)
    return stacks if _explains(stacks, slices, config) else whole


def _stacks(tag: str, values: Sequence[Hashable], slices: list[SliceHeader]) -> list[Stack]:
    groups: dict[Hashable, list[SliceHeader]] = {}
    for value, header in zip(values, slices, strict=True):
        groups.setdefault(value, []).append(header)
    named = ((str(value if value not in (None, "") else "absent"), value) for value in groups)
    return [Stack(tag, name, groups[value]) for name, value in sorted(named, key=lambda v: v[0])]


def _explains(stacks: list[Stack], slices: list[SliceHeader], config: IntakeConfig) -> bool:
    if not 1 < len(stacks) <= MOST_STACKS:
        return False
    if min(len(stack.slices) for stack in stacks) < config.fewest_slices:
        return False  # a stray slice is no stack: it is a copy, or another series'
    even = sum(len(stack.slices) for stack in stacks if _is_even(stack.slices, config))
    return even >= EVEN_SHARE * len(slices)


def _is_even(slices: list[SliceHeader], config: IntakeConfig) -> bool:
    """Whether slices are a stack at even positions, each of which is claimed once."""
    try:
        _, grid, _ = build_grid(slices, config)
    except SeriesRefused:
        return False
    return grid.planes is None and len(set(grid.stack_indices)) == len(slices)


def _runs(slices: list[SliceHeader]) -> list[int]:
    """For each slice the number of its run: consecutive instance numbers that go one way."""
    if any(header.instance_number is None or header.position is None for header in slices):
        return [0] * len(slices)
    order = sorted(range(len(slices)), key=lambda i: slices[i].instance_number or 0)
    positions = np.array([slices[i].position for i in order])
    axis = int(np.ptp(positions, axis=0).argmax())
    steps = np.diff(positions[:, axis])
    if len(steps) < 2:  # too few to tell a step from a leap
        return [1] * len(slices)
    usual = np.median(np.abs(steps))
    # A new run begins where the table goes back by far more than a step; a leap onward is a gap.
    goes_back = steps * np.concatenate([steps[1:2], steps[:-1]]) < 0
    runs = np.cumsum(np.concatenate([[False], goes_back & (np.abs(steps) > 3 * usual)]))
    numbers = [0] * len(slices)
    for i, run in zip(order, runs, strict=True):
        numbers[i] = int(run) + 1
    return numbers
