"""The verdict on the slices of one series, as far as headers tell.

A grid, or the reason why there is none.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.errors import Refusal, SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.checks.stacks import Stack, split_stacks
from lungnet.intake.geometry.grid import Grid, build_grid
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.intake.series import DicomSeries
from lungnet.volume import ScanWarning, spacing_of

SET_ASIDE = frozenset([reasons.LOCALIZER, reasons.DERIVED, reasons.NOT_CT])
"""Problems of kind: such files are left out when enough slices remain; any other problem refuses
the series."""

GAP_RATIO = 1.5
"""Slices farther apart than so many of their thicknesses leave gaps."""

OVERRULING_SLICES = 12
"""So many axial slices at even positions outweigh an Image Type that calls each of them derived."""

COARSE_HU = 4
"""One grey level of a CT is 1 HU, of 8-bit copies 10 and more."""


def judge(slices: list[SliceHeader], config: IntakeConfig) -> list[DicomSeries]:
    """The verdict on the slices of one series, or on each stack where a tag tells several apart."""
    fit = [s for s in slices if s.refusal is None or s.refusal.reason not in SET_ASIDE]
    undoubted = [s for s in fit if s.doubt is None]
    # Derived slices are left out where there are others; alone, they may prove to be a stack.
    fit = undoubted if len(undoubted) >= config.fewest_slices else fit
    if not fit or (len(fit) < len(slices) and len(fit) < config.fewest_slices):
        return [_series(slices, config, refusal=_most_common(slices))]
    warnings: list[ScanWarning] = []
    if len(fit) < len(slices):
        reason = _most_common([s for s in slices if s not in fit]).reason
        text = f"{len(slices) - len(fit)} file(s) of the series are no slices ({reason})"
        warnings.append(ScanWarning("set-aside", f"{text} and were left out"))
    broken = [s for s in fit if s.refusal is not None]
    if broken:
        reason, detail = _most_common(broken)
        text = detail if len(fit) == 1 else f"{len(broken)} of {len(fit)} slices: {detail}"
        return [_series(fit, config, refusal=Refusal(reason, text))]
    stacks = split_stacks(fit, config)
    if len(stacks) > 1:
        text = f"the series holds {len(stacks)} stacks, told apart by {stacks[0].tag}"
        warnings.append(ScanWarning("split", text))
    return [_judge_stack(stack, config, warnings) for stack in stacks]


def _judge_stack(stack: Stack, config: IntakeConfig, warnings: list[ScanWarning]) -> DicomSeries:
    slices = stack.slices
    try:
        ordered, grid, grid_warnings = build_grid(slices, config)
    except SeriesRefused as refused:
        return _series(slices, config, stack=stack.name, refusal=refused.refusal)
    doubt = next((s.doubt for s in slices if s.doubt is not None), None)
    if doubt is not None:
        is_even = grid.is_axial and grid.planes is None and grid.shifts is None
        if not is_even or len(slices) < OVERRULING_SLICES:
            return _series(slices, config, stack=stack.name, refusal=doubt)
        text = f"{doubt.detail}; {len(slices)} axial slices at even positions with HU overrule it"
        warnings = [*warnings, ScanWarning("derived-overruled", text)]
    return _series(
        ordered,
        config,
        stack=stack.name,
        grid=grid,
        warnings=(*warnings, *grid_warnings, *_gaps(ordered, grid), *_header_warnings(ordered)),
    )


def _gaps(slices: list[SliceHeader], grid: Grid) -> Iterable[ScanWarning]:
    thickness, step_mm = (
        max(s.thickness_mm or 0 for s in slices),
        spacing_of(grid.affine)[grid.axes[0]],
    )
    if grid.planes is None and 0 < thickness * GAP_RATIO < step_mm:
        yield ScanWarning(
            "slice-gap",
            f"slices of {thickness:g} mm lie {step_mm:.2f} mm apart: what lies between was not "
            "imaged, or is missing",
        )


def _header_warnings(slices: list[SliceHeader]) -> Iterable[ScanWarning]:
    if any(s.identity.image_type[:1] == ("DERIVED",) and s.doubt is None for s in slices):
        yield reasons.warning_of("derived")
    if any(s.is_lossy for s in slices):
        yield ScanWarning(
            "lossy", "Lossy Image Compression (0028,2110) says the pixels lost information"
        )
    for code in sorted({note for s in slices for note in s.notes}):
        yield reasons.warning_of(code)
    yield from _mixtures(slices)
    yield from _scales(slices)
    yield from _numbering(slices)


def _mixtures(slices: list[SliceHeader]) -> Iterable[ScanWarning]:
    """What the slices of one series should share."""
    if len({s.identity.study_uid for s in slices}) > 1:
        yield reasons.warning_of("study-per-slice")
    if len({s.frame_of_reference_uid for s in slices} - {""}) > 1:
        yield reasons.warning_of("frame-per-slice")
    if len({s.identity.image_type for s in slices}) > 1:
        yield reasons.warning_of("mixed-type")
    if len({s.identity.kernel for s in slices}) > 1:
        yield reasons.warning_of("mixed-kernel")
    # A scan in steps moves on from one acquisition to the next and never comes back to one.
    runs = [number for number, _ in groupby(s.acquisition_number for s in slices)]
    if len(runs) > len(set(runs)):
        yield ScanWarning(
            "mixed-acquisition", f"slices of {len(set(runs))} acquisitions (0020,0012) take turns"
        )


def _scales(slices: list[SliceHeader]) -> Iterable[ScanWarning]:
    slopes = [s.slope or 0 for s in slices]
    if min(slopes) < 0:
        yield reasons.warning_of("negative-slope")
    if (largest := max(map(abs, slopes))) > COARSE_HU:
        yield ScanWarning("coarse-values", f"one grey level is worth {largest:g} HU")
    units = {s.rescale_type for s in slices} - {"HU", ""}
    if units:
        yield ScanWarning(
            "rescale-type", "Rescale Type (0028,1054) is not HU but " + ", ".join(sorted(units))
        )


def _numbering(slices: list[SliceHeader]) -> Iterable[ScanWarning]:
    """Instance numbers that break their own run, or promise more slices than there are.

    They carry no geometry, but then something was swapped or lost.
    """
    concatenations = {s.concatenation for s in slices if s.concatenation is not None}
    if concatenations and len(concatenations) < max(total for _, total in concatenations):
        text = (
            "In-concatenation Total Number (0020,9163) promises "
            f"{max(total for _, total in concatenations)} files, {len(concatenations)} are here"
        )
        yield ScanWarning("slice-count", text)
    promised = max(s.images_in_acquisition or 0 for s in slices)
    if promised > len(slices):
        yield ScanWarning(
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
        yield ScanWarning(
            "slice-order", f"instance numbers run against the positions at {minority} place(s)"
        )
    elif not minority and (len(sizes) > 1 or min(sizes, default=1) > 1):
        yield ScanWarning(
            "slice-count",
            "instance numbers skip some values: slices may be missing, the positions show no gap",
        )
    elif min(numbers) > 1:
        yield ScanWarning(
            "slice-count",
            f"instance numbers begin at {min(numbers)}: slices before the first or after the last "
            "may be missing",
        )


def _most_common(slices: Sequence[SliceHeader]) -> Refusal:
    refusals = [r for r in (s.refusal or s.doubt for s in slices) if r is not None]
    counts = Counter(refusal.reason for refusal in refusals)
    reason = max(counts, key=lambda reason: (counts[reason], reason))
    return next(refusal for refusal in refusals if refusal.reason == reason)


def _series(
    slices: list[SliceHeader],
    config: IntakeConfig,
    *,
    stack: str = "",
    grid: Grid | None = None,
    refusal: Refusal | None = None,
    warnings: tuple[ScanWarning, ...] = (),
) -> DicomSeries:
    identity = slices[0].identity
    return DicomSeries(
        path=_common_path(slices),
        config=config,
        patient_id=identity.patient_id,
        study_uid=identity.study_uid,
        series_uid=identity.series_uid,
        study_date=identity.study_date,
        stack=stack,
        modality=identity.modality,
        refusal=refusal,
        warnings=warnings,
        slices=tuple(slices),
        grid=grid,
    )


def _common_path(slices: Sequence[SliceHeader]) -> Path:
    first = slices[0].location
    if all((s.location.folder, s.location.name) == (first.folder, first.name) for s in slices):
        return first.path
    folders = {s.location.folder for s in slices}
    if len({folder.is_absolute() for folder in folders}) > 1:
        folders = {folder.absolute() for folder in folders}
    return Path(os.path.commonpath(folders))
