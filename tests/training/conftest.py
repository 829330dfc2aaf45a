"""Tiny nodules that a tiny network can tell apart, and experiments over them."""

import os

import numpy as np
import pytest

from lungnet.config.experiment import Experiment
from lungnet.config.model import ATTRIBUTES
from lungnet.processes.keras_backend import use_backend

BACKEND = os.environ.get("LUNGNET_TEST_BACKEND", "tensorflow")
"""Set by test_backends.py, which runs tests of this folder in a process of their own."""

use_backend(BACKEND)


@pytest.fixture(scope="session")
def blobs(tmp_path_factory):
    """An npz of 72 nodules of 60 patients.

    Bright blobs are malignant, dark ones are not, with noise.
    """
    rng = np.random.default_rng(5)
    patients = np.array([f"p{i:02}" for i in [*range(60), *range(12)]])
    label = np.array([int(name[1:]) % 2 for name in patients], np.int8)
    y, x = np.mgrid[-5:5, -5:5] + 0.5
    radius = rng.uniform(2, 4, len(label))
    blob = (y**2 + x**2)[None] < radius[:, None, None] ** 2
    images = (
        -850
        + blob * np.where(label, 900, 500)[:, None, None]
        + rng.normal(0, 80, (len(label), 10, 10))
    )
    path = tmp_path_factory.mktemp("cohort") / "blobs.npz"
    np.savez(
        path,
        images=images.astype(np.int16),
        label=label,
        patient_id=patients,
        diameter_mm=2 * radius,
    )
    return path


@pytest.fixture(scope="session")
def rated_blobs(blobs):
    """The blobs with ratings of malignancy, attributes with gaps, and a diameter missing."""
    with np.load(blobs) as stored:
        arrays = dict(stored)
    rng = np.random.default_rng(6)
    n = len(arrays["label"])
    ratings = np.where(arrays["label"][:, None] == 1, 4, 2) + rng.integers(-1, 2, (n, 3))
    highest = [high for _, high in ATTRIBUTES.values()]
    attributes = rng.integers(1, np.array(highest) + 1, (n, len(highest))).astype(np.float64)
    attributes[rng.random(attributes.shape) < 0.2] = np.nan
    arrays["diameter_mm"][3] = np.nan
    path = blobs.with_name("rated.npz")
    np.savez(path, **arrays, malignancy_ratings=ratings, attributes=attributes)
    return path


@pytest.fixture(scope="session")
def experiment_of(blobs):
    """`experiment_of(training={...}, ...)`: every source of randomness switched on."""

    def make(**sections):
        values = {
            "data": {"kind": "nodules", "path": str(blobs)},
            "input": {"kind": "nodule", "size": [8, 8]},
            "model": {"channels": [3, 4], "activation": "rrelu", "dropout": 0.2, "hidden": [4]},
            "optimizer": {"learning_rate": 0.02},
            "training": {
                "backend": BACKEND,
                "epochs": 4,
                "batch_size": 8,
                "augmentation": {
                    "flips": True,
                    "quarter_turns": True,
                    "shift_voxels": 1,
                    "rotate_degrees": 20,
                    "noise_hu": 20,
                },
            },
            "evaluation": {"bootstrap": 100},
        }
        for name, section in sections.items():
            values[name] = {**values[name], **section} if isinstance(section, dict) else section
        return Experiment.model_validate(values)

    return make


@pytest.fixture(scope="session")
def quiet():
    """An `epoch_done` that says nothing."""
    return lambda *_: None
