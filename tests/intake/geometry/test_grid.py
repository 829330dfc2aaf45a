"""Tolerances of the grid, from both sides: what is still even, straight, at one place.

And where repair ends.
"""

import math
from pathlib import Path

import numpy as np
import pytest
from dicom_making import Making, chest, datasets, write, write_series

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import find_series, read_series
from lungnet.intake.geometry.interpolation import put_shifted, resample_planes
from lungnet.volume import Volume, to_patient_mm

HU = chest(slices=10)


def outcome(folder: Path, limits: IntakeConfig | None = None) -> tuple[str, Volume | None]:
    """The reason of refusal or the codes of warnings, and the volume."""
    (found,) = find_series([folder], limits)
    try:
        volume = read_series(found)
    except SeriesRefused as refusal:
        return refusal.reason, None
    return " ".join(sorted(w.code for w in volume.warnings)), volume


def at(heights: list[float], beside: dict[int, tuple[float, float]] | None = None) -> Making:
    """A stack at these heights, some slices moved by (x, y) millimetres."""
    moved = beside or {}
    return Making(
        positions=tuple(
            (-50 + moved.get(k, (0, 0))[0], -40 + moved.get(k, (0, 0))[1], z)
            for k, z in enumerate(heights)
        )
    )


EVEN = [2.5 * k for k in range(10)]


def bent(k: int, by: float) -> list[float]:
    return [z + (by if i == k else 0) for i, z in enumerate(EVEN)]


@pytest.mark.parametrize(
    ("heights", "said"),
    [
        (bent(4, 0.04), ""),
        (bent(4, 0.2), "jitter"),
        (bent(4, 0.4), "resampled"),
        ([0, 2.5, 5, 7.5, 10, 14.9, 17.4, 19.9, 22.4, 24.9], "missing-slice"),
        ([0, 2.5, 5, 7.5, 10, 14.0, 16.5, 19, 21.5, 24], "resampled"),
        ([0, 2.5, 5, 7.5, 10, 16.2, 18.7, 21.2, 23.7, 26.2], "irregular-spacing"),
        ([0, 1.1, 4.0, 5.2, 8.9, 10.1, 13.7, 14.8, 18.9, 20.0], "resampled"),
        ([0, 1.25, 3.75, 6.25, 8.75, 10, 11.25, 12.5, 13.75, 15], "missing-slice"),
        ([0, 2.5, 5, 5.3, 7.5, 10, 12.5, 15, 17.5, 20], "resampled"),
    ],
)
def test_heights_are_even_or_repaired_or_refused(
    tmp_path: Path, heights: list[float], said: str
) -> None:
    assert outcome(write_series(tmp_path, HU, at(heights)))[0] == said


def test_the_spacing_of_a_jittered_stack_is_its_mean(tmp_path: Path) -> None:
    volume = outcome(write_series(tmp_path, HU, at([*EVEN[:-1], 22.6])))[1]
    assert volume is not None
    assert volume.spacing_mm[0] == pytest.approx(22.6 / 9)


def test_a_gap_is_judged_by_the_configured_limit(tmp_path: Path) -> None:
    folder = write_series(tmp_path, HU, at([0, 2.5, 5, 7.5, 10, 14.0, 16.5, 19, 21.5, 24]))
    assert outcome(folder, IntakeConfig(largest_gap_mm=3.9))[0] == "irregular-spacing"
    assert outcome(folder, IntakeConfig(largest_gap_mm=4.1))[0] == "resampled"


def test_slices_within_a_hundredth_of_a_millimetre_claim_one_place(tmp_path: Path) -> None:
    near = at([*EVEN[:9], 20.004])
    assert outcome(write_series(tmp_path / "other", HU, near))[0] == "duplicate-position"
    same = np.concatenate([HU[:9], HU[8:9]])
    assert outcome(write_series(tmp_path / "same", same, near))[0] == "duplicate-dropped"


@pytest.mark.parametrize(("degrees", "said"), [(0.03, ""), (0.5, "mixed-orientation")])
def test_orientations_agree_within_a_thousandth(tmp_path: Path, degrees: float, said: str) -> None:
    made = datasets(HU)
    lean = math.radians(degrees)
    made[3].ImageOrientationPatient = [
        round(v, 7) for v in (math.cos(lean), math.sin(lean), 0, -math.sin(lean), math.cos(lean), 0)
    ]
    assert outcome(write(tmp_path, made))[0] == said


@pytest.mark.parametrize(("part", "said"), [(1.0005, ""), (1.01, "mixed-size")])
def test_pixel_spacings_agree_within_a_thousandth(tmp_path: Path, part: float, said: str) -> None:
    made = datasets(HU)
    made[3].PixelSpacing = [0.7 * part, 0.8]
    assert outcome(write(tmp_path, made))[0] == said


def test_an_orientation_almost_at_right_angles_is_made_so(tmp_path: Path) -> None:
    volume = outcome(
        write_series(tmp_path, HU, Making(orientation=(1, 0, 0, 0.0008, 0.9999997, 0)))
    )[1]
    assert volume is not None
    columns = volume.affine[:3, :3] / volume.spacing_mm
    np.testing.assert_allclose(columns.T @ columns, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(("drift_mm", "said"), [(0.015, ""), (0.3, "unsheared")])
def test_a_drift_of_less_than_a_quarter_of_a_pixel_is_none(
    tmp_path: Path, drift_mm: float, said: str
) -> None:
    assert (
        outcome(write_series(tmp_path, HU, at(EVEN, {k: (drift_mm * k, 0) for k in range(10)})))[0]
        == said
    )


def test_a_slice_far_beside_the_line_is_no_part_of_the_stack(tmp_path: Path) -> None:
    assert outcome(write_series(tmp_path, HU, at(EVEN, {4: (3.0, 0)})))[0] == "irregular-spacing"


def test_a_stack_tilted_too_much_is_refused(tmp_path: Path) -> None:
    folder = write_series(
        tmp_path, HU, at(EVEN, {k: (0, 2.5 * math.tan(math.radians(30)) * k) for k in range(10)})
    )
    assert outcome(folder)[0] == "unsheared"
    assert outcome(folder, IntakeConfig(largest_tilt_degrees=29))[0] == "tilted-gantry"


@pytest.mark.parametrize("way", [(1.1, 0), (-1.1, 0), (0, 0.9), (0, -0.9), (0.6, -0.5)])
def test_a_stack_that_steps_sideways_keeps_every_point_in_the_patient(
    tmp_path: Path, way: tuple[float, float]
) -> None:
    size = 24
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    dots = np.stack([-1000 + 1500 * np.exp(-((y - 12) ** 2 + (x - 12) ** 2) / 12) for _ in EVEN])
    shifted = {k: (way[0] * k, way[1] * k) for k in range(10)}
    said, volume = outcome(
        write_series(tmp_path, np.rint(dots).astype(np.int16), at(EVEN, shifted))
    )
    assert said == "unsheared"
    assert volume is not None
    assert {int(volume.hu[k][:, 0].max()) for k in range(10)} <= set(range(-1024, -900))
    for k in range(10):
        weight = volume.hu[k].astype(float) + 1000
        weight[weight < 20] = 0
        rows, columns = (np.arange(n) for n in weight.shape)
        centre = [
            k,
            (weight.sum(1) * rows).sum() / weight.sum(),
            (weight.sum(0) * columns).sum() / weight.sum(),
        ]
        expected = np.array([-50 + way[0] * k + 12 * 0.8, -40 + way[1] * k + 12 * 0.7, 2.5 * k])
        np.testing.assert_allclose(to_patient_mm(volume.affine, centre), expected, atol=0.02)


def test_interpolation_rounds_to_the_nearest_and_is_air_outside() -> None:
    canvas = np.zeros((4, 4), np.int16)
    put_shifted(np.array([[100, 103]], np.int16), (1.0, 1.5), canvas)
    assert canvas.tolist() == [[-1024] * 4, [-1024, -462, 102, -460], [-1024] * 4, [-1024] * 4]
    planes = np.zeros((3, 1, 1), np.int16)
    resample_planes(np.array([0, 10, 11], np.int16).reshape(3, 1, 1), (0.0, 0.78, 1.9), planes)
    assert planes.ravel().tolist() == [0, 8, 11]


def test_a_volume_larger_than_the_bound_is_refused_by_its_headers(tmp_path: Path) -> None:
    folder = write_series(tmp_path, HU)
    assert outcome(folder, IntakeConfig(largest_voxels=HU.size - 1))[0] == "too-large"
    assert outcome(folder, IntakeConfig(largest_voxels=HU.size))[0] == ""


@pytest.mark.parametrize(("degrees", "said"), [(0.0, ""), (12.0, "tilt-tag")])
def test_a_tilt_that_only_the_tag_claims_is_told(tmp_path: Path, degrees: float, said: str) -> None:
    made = datasets(HU)
    for one in made:
        one.GantryDetectorTilt = degrees
    assert outcome(write(tmp_path, made))[0] == said


def test_a_scan_that_changes_its_spacing_is_resampled(tmp_path: Path) -> None:
    heights = [1.25 * k for k in range(13)] + [15 + 2.5 * k for k in range(1, 4)]
    said, volume = outcome(write_series(tmp_path, chest(slices=16), at(heights)))
    assert said == "resampled"
    assert volume is not None
    assert volume.spacing_mm[0] == pytest.approx(1.25)


def test_two_stacks_a_hair_apart_are_two_stacks(tmp_path: Path) -> None:
    heights = sorted([*EVEN, *(z + 0.02 for z in EVEN)])
    assert outcome(write_series(tmp_path, chest(slices=20), at(heights)))[0] == "duplicate-position"


def test_slices_are_not_multiplied_beyond_measure(tmp_path: Path) -> None:
    heights = [4.5 * k + z for k in range(6) for z in (0, 0.39)]
    assert outcome(write_series(tmp_path, chest(slices=12), at(heights)))[0] == "irregular-spacing"
