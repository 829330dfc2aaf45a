"""What tests of several stations share: where the real scans lie, and how loud the log is."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("lungnet", deadline=None)  # a test never asserts a time
settings.load_profile("lungnet")

pytest_plugins = ["tiny_bundles"]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans, nodules and awkward files.

    Tests that need it are marked `real_data`.
    """
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared real data is not beside the checkout")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process sets the level; the next test begins anew."""
    log = logging.getLogger("lungnet")
    level = log.level
    yield
    log.setLevel(level)
