"""The slice positions of LIDC-IDRI's 1,018 scans as headers: each gets the verdict it deserves.

What a scan deserves follows from its gaps alone; 334 have a Slice Thickness that is not their
spacing, and it must not count.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lungnet.config.intake import IntakeConfig
from lungnet.intake.checks.verdicts import judge
from lungnet.intake.containers.location import Location
from lungnet.intake.headers.slice_header import Encoding, Identity, SliceHeader
from lungnet.volume import spacing_of

pytestmark = pytest.mark.real_data

UNEVEN = {
    "LIDC-IDRI-0123": "resampled",  # four gaps of 0.5 and 0.75 mm among 1.25: acquired anew
    "LIDC-IDRI-0267": "resampled",  # two of 0.5 mm among 2.5
    "LIDC-IDRI-0514": "missing-slice",  # the first slice lies 38 mm away from 141 of 2 mm
    "LIDC-IDRI-0672": "missing-slice",  # three gaps of two spacings
}
"""The verdicts of the four scans whose gaps differ by more than a tenth; all others are even."""

ENCODING = Encoding(
    "1.2.840.10008.1.2.1", "<", 512, 512, 1, "MONOCHROME2", 16, 16, 15, True, False, 1, None, None
)  # fmt: skip


def headers(scan) -> list[SliceHeader]:
    identity = Identity(
        scan.patient_id,
        scan.study_uid,
        scan.series_uid,
        "CT",
        "1.2.840.10008.5.1.4.1.1.2",
        ("ORIGINAL", "PRIMARY", "AXIAL"),
        "",
        "",
        "CHEST",
    )
    return [
        SliceHeader(
            Location(Path(scan.patient_id), f"{number}.dcm"),
            identity,
            ENCODING,
            position=(-180.0, -180.0, float(z)),
            orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            pixel_spacing=(scan.pixel_spacing_mm, scan.pixel_spacing_mm),
            slope=1.0,
            intercept=-1024.0,
            instance_number=number,
            thickness_mm=scan.slice_thickness_mm,
        )
        for number, z in enumerate(scan.slice_z_mm.split(), 1)
    ]


def verdict(series) -> str:
    if series.refusal is not None:
        return series.refusal.reason
    return " ".join(warning.code for warning in series.warnings)


def test_each_of_lidcs_scans_gets_the_verdict_of_its_positions(shared_data):
    scans = pd.read_csv(shared_data / "lidc/readers/scans.csv.gz")
    thick = 0
    for scan in scans.itertuples():
        gaps = np.diff(np.asarray(scan.slice_z_mm.split(), float))
        usual = np.median(gaps)
        is_even = bool((np.abs(gaps - usual) <= 0.1 * usual).all())
        assert is_even == (scan.patient_id not in UNEVEN), scan.patient_id
        (series,) = judge(headers(scan), IntakeConfig())
        assert verdict(series) == UNEVEN.get(scan.patient_id, ""), scan.patient_id
        if series.grid is not None:
            spacing_mm = spacing_of(series.grid.affine)[0]
            assert spacing_mm == pytest.approx(usual, rel=0.01), scan.patient_id
            thick += abs(scan.slice_thickness_mm - spacing_mm) > 0.01
    assert len(scans) == 1018
    assert thick > 300
