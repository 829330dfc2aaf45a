"""The library's face: what `__all__` names is there, costs nothing to import, and is documented."""

import importlib
import inspect
import subprocess
import sys

import pytest

import lungnet
from lungnet import api

FUNCTIONS = sorted(set(lungnet.__all__) - {"Store", "__version__"})


def test_importing_the_package_imports_nothing_heavy():
    code = "import lungnet, sys; print(sorted(m for m in sys.modules if m.startswith('lungnet')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['lungnet']"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_name_is_resolved_to_its_function_with_an_example(name):
    function = getattr(lungnet, name)
    assert function is getattr(api, name)
    assert f"lungnet.{name}(" in inspect.getdoc(function)
    assert "Raises:" in inspect.getdoc(function)


def test_all_is_what_the_api_defines():
    defined = {
        name
        for name, value in vars(api).items()
        if inspect.isfunction(value) and value.__module__ == "lungnet.api"
    }
    assert defined == set(FUNCTIONS)
    assert lungnet.Store is importlib.import_module("lungnet.store").Store
    assert set(lungnet.__all__) <= set(dir(lungnet))


def test_another_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        lungnet.tarin  # noqa: B018
