"""The tree of errors: all in one file, each with an exit code of the contract."""

import ast
import pickle
from pathlib import Path

import lungnet
from lungnet import errors
from lungnet.errors import LungnetError, SeriesRefused


def test_every_error_has_an_exit_code_of_the_contract():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LungnetError)
    ]
    codes = {kind.__name__: kind.exit_code for kind in kinds}
    assert set(codes.values()) == {2, 3, 4}
    assert {name for name, code in codes.items() if code == 2} == {
        "UsageError",
        "ConfigError",
        "ChoiceError",
    }
    assert {name for name, code in codes.items() if code == 4} == {
        "DamageError",
        "StoreError",
        "BundleError",
        "CheckpointError",
        "DataChangedError",
    }


def test_a_refusal_travels_between_processes_whole():
    refusal = pickle.loads(pickle.dumps(SeriesRefused("not-ct", "modality is MR")))
    assert (refusal.reason, refusal.detail, str(refusal)) == (
        "not-ct",
        "modality is MR",
        "not-ct: modality is MR",
    )


def test_every_error_of_the_package_stands_in_the_one_tree():
    package = Path(lungnet.__file__).parent
    elsewhere = [
        f"{path.relative_to(package)}: {node.name}"
        for path in package.rglob("*.py")
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(
            "Error" in ast.unparse(base) or "Exception" in ast.unparse(base) for base in node.bases
        )
    ]
    assert elsewhere == []
