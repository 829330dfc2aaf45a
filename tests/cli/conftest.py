"""What tests of commands share: the process as it was."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """`main` sets up logging for a whole process; a test gives it back."""
    root, log = logging.getLogger(), logging.getLogger("lungnet")
    before = root.handlers[:], root.level, log.level
    yield
    root.handlers[:], root.level, log.level = before


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a training of seconds."""
    rng = np.random.default_rng(0)
    label = np.arange(40) % 2
    images = rng.normal(-800, 50, (40, 8, 8)).astype(np.int16)
    images[label == 1, 2:6, 2:6] += 700
    np.savez(
        tmp_path / "nodules.npz",
        images=images,
        label=label,
        patient_id=np.array([f"p{i}" for i in range(40)]),
    )
    path = tmp_path / "small.yaml"
    path.write_text(
        f"data: {{kind: nodules, path: {tmp_path / 'nodules.npz'}}}\ninput: "
        f"{{kind: nodule, size: [8, 8]}}\n"
        "model: {channels: [2]}\ntraining: {epochs: 1, batch_size: 8}\nevaluation: {bootstrap: "
        "100}\n"
    )
    return path
