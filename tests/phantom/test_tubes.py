from dataclasses import replace

import numpy as np

from lungnet.config.phantom import PhantomConfig
from lungnet.phantom.patient import plan_patient
from lungnet.phantom.tubes import BATCH_VOXELS, Tubes, render_tubes


def test_a_tube_larger_than_a_batch_is_painted_whole() -> None:
    plan = plan_patient(
        3, 0, PhantomConfig(matrix=96, thinnest_mm=2, thickest_mm=2, vessel_ends=16)
    )
    scanner = replace(
        plan.scanner, matrix=64, slices=40, pixel_mm=1.0, slice_mm=1.0, first_mm=(0.0, 0.0, 0.0)
    )
    hu = np.full((40, 64, 64), -900, np.float32)
    ends = np.array([[4, 4, 2]], np.float32), np.array([[60, 60, 38]], np.float32)
    radius = np.array([3], np.float32)
    assert hu.size > BATCH_VOXELS
    render_tubes(hu, scanner, Tubes(*ends, radius, radius), 40)
    litres = float((hu + 900).sum()) / 940
    length = float(np.linalg.norm(ends[1] - ends[0]))
    assert abs(litres / (np.pi * 9 * length + 36 * np.pi) - 1) < 0.05
