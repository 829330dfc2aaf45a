"""The verdict on the slices of one series, as far as headers tell.

A grid, or the reason why there is none.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.geometry.grid import Grid, build_grid
from lungnet.intake.headers.slice_header import Slice
from lungnet.intake.series import Found
from lungnet.volume import Warned, spacing_of

SET_ASIDE = frozenset([reasons.LOCALIZER, reasons.DERIVED, reasons.NOT_CT])
"""Problems of kind: such files are left out when enough slices remain; any other problem refuses
the series."""

GAP_RATIO = 1.5
"""Slices farther apart than so many of their thicknesses leave gaps."""

COARSE_HU = 4
"""One grey level of a CT is 1 HU, of 8-bit copies 10 and more."""


def judge(slices: list[Slice], limits: IntakeConfig) -> Found:
    """The verdict on the slices of one series, as far as headers tell."""
    fit = [s for s in slices if s.problem is None or s.problem[0] not in SET_ASIDE]
    if not fit or (len(fit) < len(slices) and len(fit) < limits.fewest_slices):
        return _refused(slices, *_most_common(slices), limits)
    warnings: list[Warned] = []
    if len(fit) < len(slices):
        reason = _most_common([s for s in slices if s.problem])[0]
        warnings.append(
            Warned(
                "set-aside",
                f"{len(slices) - len(fit)} file(s) of the series are no slices ({reason}) and were "
                "left out",
            )
        )
    broken = [s for s in fit if s.problem is not None]
    if broken:
        reason, detail = _most_common(broken)
        return _refused(
            fit,
            reason,
            detail if len(fit) == 1 else f"{len(broken)} of {len(fit)} slices: {detail}",
            limits,
        )
    try:
        ordered, grid, noted = build_grid(fit, limits)
    except SeriesRefused as refusal:
        return _refused(fit, refusal.reason, refusal.detail, limits)
    return _found(
        ordered,
        limits,
        grid=grid,
        warnings=(*warnings, *noted, *_gaps(ordered, grid), *_header_warnings(ordered)),
    )


def _gaps(slices: list[Slice], grid: Grid) -> Iterable[Warned]:
    thickness, step_mm = (
        max(s.thickness_mm or 0 for s in slices),
        spacing_of(grid.affine)[grid.axes[0]],
    )
    if grid.planes is None and 0 < thickness * GAP_RATIO < step_mm:
        yield Warned(
            "slice-gap",
            f"slices of {thickness:g} mm lie {step_mm:.2f} mm apart: what lies between was not "
            "imaged, or is missing",
        )


def _header_warnings(slices: list[Slice]) -> Iterable[Warned]:
    if any(s.identity.image_type[:1] == ("DERIVED",) for s in slices):
        yield reasons.warned("derived")
    if any(s.is_lossy for s in slices):
        yield Warned(
            "lossy", "Lossy Image Compression (0028,2110) says the pixels lost information"
        )
    for code in sorted({note for s in slices for note in s.notes}):
        yield reasons.warned(code)
    yield from _mixtures(slices)
    yield from _scales(slices)
    yield from _numbering(slices)


def _mixtures(slices: list[Slice]) -> Iterable[Warned]:
    """What the slices of one series should share."""
    if len({s.identity.study_uid for s in slices}) > 1:
        yield reasons.warned("study-per-slice")
    if len({s.frame_uid for s in slices} - {""}) > 1:
        yield reasons.warned("frame-per-slice")
    if len({s.identity.image_type for s in slices}) > 1:
        yield reasons.warned("mixed-type")
    if len({s.identity.kernel for s in slices}) > 1:
        yield reasons.warned("mixed-kernel")
    # A scan in steps moves on from one acquisition to the next and never comes back to one.
    runs = [number for number, _ in groupby(s.acquisition for s in slices)]
    if len(runs) > len(set(runs)):
        yield Warned(
            "mixed-acquisition", f"slices of {len(set(runs))} acquisitions (0020,0012) take turns"
        )


def _scales(slices: list[Slice]) -> Iterable[Warned]:
    slopes = [s.slope or 0 for s in slices]
    if min(slopes) < 0:
        yield reasons.warned("negative-slope")
    if (largest := max(map(abs, slopes))) > COARSE_HU:
        yield Warned("coarse-values", f"one grey level is worth {largest:g} HU")
    kinds = {s.rescale_type for s in slices} - {"HU", ""}
    if kinds:
        yield Warned(
            "rescale-type", "Rescale Type (0028,1054) is not HU but " + ", ".join(sorted(kinds))
        )


def _numbering(slices: list[Slice]) -> Iterable[Warned]:
    """Instance numbers that break their own run, or promise more slices than there are.

    They carry no geometry, but then something was swapped or lost.
    """
    parts = {s.part for s in slices if s.part is not None}
    if parts and len(parts) < max(total for _, total in parts):
        text = (
            "In-concatenation Total Number (0020,9163) promises "
            f"{max(total for _, total in parts)} files, {len(parts)} are here"
        )
        yield Warned("slice-count", text)
    promised = max(s.acquired or 0 for s in slices)
    if promised > len(slices):
        yield Warned(
            "slice-count",
            f"Images in Acquisition (0020,1002) promises {promised} images, {len(slices)} are here",
        )
    numbers = [s.instance_number for s in slices if s.instance_number is not None]
    if len(numbers) < max(3, len(slices)):
        return
    steps = [b - a for a, b in pairwise(numbers)]
    rising = sum(step > 0 for step in steps)
    falling = sum(step < 0 for step in steps)
    minority = min(rising, falling)
    sizes = {abs(step) for step in steps if step}
    if minority and minority <= 0.2 * len(steps):
        yield Warned(
            "slice-order", f"instance numbers run against the positions at {minority} place(s)"
        )
    elif not minority and (len(sizes) > 1 or min(sizes, default=1) > 1):
        yield Warned(
            "slice-count",
            "instance numbers skip some values: slices may be missing, the positions show no gap",
        )
    elif min(numbers) > 1:
        yield Warned(
            "slice-count",
            f"instance numbers begin at {min(numbers)}: slices before the first or after the last "
            "may be missing",
        )


def _most_common(slices: Sequence[Slice]) -> tuple[str, str]:
    problems = [s.problem for s in slices if s.problem is not None]
    reason = max({p[0] for p in problems}, key=lambda r: (sum(p[0] == r for p in problems), r))
    return next(p for p in problems if p[0] == reason)


def _refused(slices: list[Slice], reason: str, detail: str, limits: IntakeConfig) -> Found:
    return _found(slices, limits, refusal=(reason, detail))


def _found(
    slices: list[Slice],
    limits: IntakeConfig,
    *,
    grid: Grid | None = None,
    refusal: tuple[str, str] | None = None,
    warnings: tuple[Warned, ...] = (),
) -> Found:
    who, path = slices[0].identity, _common_path(slices)
    ids = who.patient_id, who.study_uid, who.series_uid
    return Found(path, *ids, who.modality, tuple(slices), grid, refusal, warnings, "dicom", limits)


def _common_path(slices: Sequence[Slice]) -> Path:
    first = slices[0].location
    if all((s.location.folder, s.location.name) == (first.folder, first.name) for s in slices):
        return first.path
    folders = {s.location.folder for s in slices}
    if len({folder.is_absolute() for folder in folders}) > 1:
        folders = {folder.absolute() for folder in folders}
    return Path(os.path.commonpath(folders))
