"""The reference is what the code says."""

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from lungnet import errors
from lungnet.errors import LungnetError
from lungnet.models import bundle
from lungnet.phantom import cohort as phantom
from lungnet.preprocessing import lungs, warning_codes
from lungnet.run_folder import RunFolder
from lungnet.store import layout
from lungnet.store.manifest import SCHEMA, RefusedRow
from lungnet.training.train import HISTORY

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_generated_page_is_what_the_code_says(script: ModuleType) -> None:
    for name, text in script.pages().items():
        assert (REFERENCE / name).read_text() == text, "run: .venv/bin/python scripts/reference.py"


def test_every_exit_code_has_a_meaning(script: ModuleType) -> None:
    from lungnet.cli.main import BUG, DONE, INTERRUPTED

    expected = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, LungnetError)
    }
    assert set(script.EXIT_CODES) == expected | {DONE, BUG, INTERRUPTED}


def test_the_bounds_in_the_warnings_of_preparation_are_those_of_the_code() -> None:
    low, high = lungs.PLAUSIBLE_LITRES
    meaning = warning_codes.WARNINGS[warning_codes.LUNG_VOLUME]
    assert re.findall(r"[\d.]+", meaning) == [f"{low:g}", f"{high:g}"]


def test_the_page_on_files_names_every_file_and_column() -> None:
    page = (REFERENCE / "files.md").read_text()
    run = RunFolder(Path("RUN"))
    names = [
        *(layout.MANIFEST, layout.PREPARATION, layout.REFUSED, layout.LABELS, layout.SUMS),
        *(f"{layout.SCANS}/KEY{layout.SCAN_SUFFIX}", f"{layout.PICTURES}/KEY.png"),
        *(path.name for path in (run.config, run.environment, run.splits, run.history)),
        *(path.name for path in (run.predictions, run.metrics, run.bundle)),
        *(str(run.checkpoints("NETWORK").relative_to("RUN")),),
        *(str(run.tensorboard("NETWORK").relative_to("RUN")),),
        *(bundle.MANIFEST, *bundle.EXPECTED),
        *(phantom.SETTINGS, phantom.LABELS, phantom.TRUTH),
        *("report.html", "cases.csv", "series.csv"),
    ]
    columns = [
        *SCHEMA.names,
        *(field.name for field in fields(RefusedRow)),
        *HISTORY,
        *phantom.TRUTH_COLUMNS.split(","),
    ]
    words = {word.rstrip("/") for word in re.findall(r"`([^`]+)`", page)}
    assert [name for name in [*names, *columns] if name not in words] == []
