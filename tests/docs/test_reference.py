"""The reference is what the code says."""

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from lungnet import errors
from lungnet.errors import LungnetError
from lungnet.evaluation.metrics import evaluate_table
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.models import bundle
from lungnet.phantom import cohort as phantom
from lungnet.preprocessing import warning_codes
from lungnet.preprocessing.lungs.doubts import PLAUSIBLE_LITRES
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


def test_the_keys_of_json_are_those_of_the_commands(script: ModuleType) -> None:
    for name, keys in script.JSON_KEYS.items():
        source = (ROOT / "lungnet" / "cli" / f"{name}.py").read_text()
        assert [key for key in keys if f'"{key}"' not in source] == []


def test_the_bounds_in_the_warnings_of_preparation_are_those_of_the_code() -> None:
    low, high = PLAUSIBLE_LITRES
    meaning = warning_codes.WARNINGS[warning_codes.LUNG_VOLUME]
    assert re.findall(r"[\d.]+", meaning) == [f"{low:g}", f"{high:g}"]


def words_of_files() -> set[str]:
    page = (REFERENCE / "files.md").read_text()
    return {word.rstrip("/") for word in re.findall(r"`([^`]+)`", page)}


def test_the_page_on_files_names_every_figure() -> None:
    table = pd.DataFrame(
        {
            "patient_id": list("abcdef"),
            "label": [0, 1] * 3,
            "probability": [0.1, 0.8, 0.4, 0.3, 0.2, 0.9],
        }
    )
    keys = evaluate_table(table, ScoringConfig(replicates=100)).to_json()
    assert set(keys) <= words_of_files()


def test_the_page_on_files_names_every_file_and_column() -> None:
    run = RunFolder(Path("RUN"))
    names = [
        *(layout.MANIFEST, layout.PREPARATION, layout.REFUSED, layout.LABELS, layout.SUMS),
        *(f"{layout.SCANS}/KEY{layout.SCAN_SUFFIX}", f"{layout.PICTURES}/KEY.png"),
        *(path.name for path in (run.config, run.environment, run.splits, run.history)),
        *(path.name for path in (run.predictions, run.unseen, run.metrics, run.bundle)),
        *(str(run.checkpoints("NETWORK").relative_to("RUN")),),
        *(str(run.tensorboard("NETWORK").relative_to("RUN")),),
        *(bundle.MANIFEST, *bundle.DESCRIPTIONS, *bundle.OF_A_NETWORK),
        *(phantom.SETTINGS, phantom.LABELS, phantom.TRUTH),
        *("report.html", "cases.csv", "series.csv"),
    ]
    columns = [
        *SCHEMA.names,
        *(field.name for field in fields(RefusedRow)),
        *HISTORY,
        *phantom.TRUTH_COLUMNS.split(","),
    ]
    assert set(names) | set(columns) <= words_of_files()
