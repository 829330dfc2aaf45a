"""What tests of commands share: the process as it was."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """`main` sets up logging for a whole process; a test gives it back."""
    root, log = logging.getLogger(), logging.getLogger("lungnet")
    before = root.handlers[:], root.level, log.level
    yield
    root.handlers[:], root.level, log.level = before
