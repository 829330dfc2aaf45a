"""500 seeded mutations: nothing but `LungnetError`, nothing slow, nothing wrong without a word."""

import resource
import shutil
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from dicom_mutations import TRUTH, Case, mutate, templates

from lungnet.errors import LungnetError
from lungnet.intake import find_series, read_series

SEED, CASES = 3, 500
LONGEST_S, MOST_KB = 5.0, 2 << 20
ALWAYS_TOLD = {"no-identity", "assumed-hu"}  # of every file of another format


def run_case(case: Case) -> str:
    """Read whatever a case holds; returns what is wrong with the outcome, or nothing."""
    try:
        for found in find_series([case.path]):
            try:
                volume = read_series(found)
            except LungnetError:
                continue
            told = {warning_of.code for warning_of in volume.warnings} - ALWAYS_TOLD
            if case.must_notice and not told and not np.array_equal(volume.hu, TRUTH):
                return "a wrong volume without a warning"
    except LungnetError:
        pass
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_mutated_files_and_trees_do_no_harm(tmp_path: Path) -> None:
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    sound = templates(tmp_path / "sound")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = []
    for number in range(CASES):
        case = mutate(SEED, number, tmp_path / "case", sound)
        start = time.perf_counter()
        outcome = run_case(case)
        if time.perf_counter() - start > LONGEST_S:
            outcome = "slow"
        if outcome:
            wrong.append(f"case {number}, {case.name}: {outcome}")
        shutil.rmtree(tmp_path / "case")
    assert not wrong
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < max(MOST_KB, before + 1)
