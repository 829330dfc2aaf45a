"""A chest small enough to prepare in a blink, and bundles of tiny networks with chosen weights."""

import os

import numpy as np
import pandas as pd
import pytest

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.network_inputs import network_inputs
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.targets import cohort_targets
from lungnet.preprocessing import prepare
from lungnet.seeds import stream
from lungnet.volume import Volume

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def chest(seed=1):
    """A body with two lungs of air and some blobs in them, 3 mm voxels, 240 mm wide."""
    z, y, x = np.meshgrid(*(np.arange(n) * 3.0 - n * 1.5 for n in (50, 64, 80)), indexing="ij")
    hu = np.full(z.shape, -1000.0)
    hu[(y / 80) ** 2 + (x / 110) ** 2 < 1] = 40
    lungs = np.zeros(z.shape, bool)
    for side in (-1, 1):
        lungs |= (z / 60) ** 2 + (y / 55) ** 2 + ((x - side * 52) / 38) ** 2 < 1
    hu[lungs] = -860
    rng = stream(seed, "blobs")
    for side in (-1, 1, 1):
        at = rng.uniform(-20, 20, 3) + np.array([0, 0, side * 52])
        hu[(z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2 < rng.uniform(5, 9) ** 2] = 30
    hu += rng.normal(0, 15, hu.shape)
    affine = np.array([[0, 0, 3.0, -120], [0, 3.0, 0, -96], [3.0, 0, 0, 50], [0, 0, 0, 1]])
    return Volume(np.rint(hu).astype(np.int16), affine, f"patient-{seed}", f"1.2.{seed}")


SHOWN = {
    "bag": {"kind": "bag", "size": [12, 12, 12], "candidates": 4},
    "volume": {"kind": "volume", "size": [24, 24, 32], "spacing_mm": 6.0},
    "nodule": {"kind": "nodule", "size": [8, 8]},
}


@pytest.fixture(scope="session")
def volumes():
    return [chest(seed) for seed in (1, 2)]


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory, volumes):
    """`bundle_of(kind)`.

    The bundle's folder, its Keras network and its experiment, over the chests as a cohort.
    """
    made = {}

    def make(kind, preparation_hash=None):
        from lungnet.datasets.batches import TaskBatches
        from lungnet.models.build import build_model
        from lungnet.training.bundling.export import make_bundle

        values = {
            "data": {"kind": "nodules" if kind == "nodule" else "store", "path": "nowhere"},
            "preparation": {} if kind == "nodule" else {"spacing_mm": 2.0, "candidates": 6},
            "input": SHOWN[kind],
            "model": {"channels": [3, 4], "norm": "none", "activation": "rrelu"},
        }
        experiment = Experiment.model_validate(values)
        network = build_model(experiment.model, experiment.input)
        rng = np.random.default_rng(0)
        for variable in network.trainable_variables:
            variable.assign(rng.normal(0, 0.5, variable.shape))

        def read(row, view):
            if kind == "nodule":
                return {"image": volumes[row].hu[25, :8, :8]}
            return network_inputs(
                prepare(volumes[row], experiment.preparation), experiment.input, view
            )

        given = preparation_hash or experiment.preparation.preparation_hash()
        cohort = Cohort(
            pd.DataFrame({"label": [0, 1]}), read, True, None if kind == "nodule" else given, ""
        )
        batches = TaskBatches(
            cohort,
            experiment.input,
            cohort_targets(cohort.table, experiment.input, (), 0.0),
            Schedule([0, 1], 2, 0),
            experiment.training.augmentation,
            (),
        )
        path = tmp_path_factory.mktemp("bundles") / "bundle"
        summary = {
            "calibration": {"method": "temperature", "scale": 0.37, "offset": 0.0},
            "training": {
                "synthetic": True,
                "patients": {"train": 2},
                "prevalence": 0.5,
                "networks": 1,
                "parameters": network.count_params(),
                "learned_heads": [],
                "metrics": {
                    "n": 2,
                    "patients": 2,
                    "split": "test",
                    "verdict": "no skill",
                    "baselines": {},
                },
            },
        }
        make_bundle(path, [network], batches, experiment, summary)
        return path, network, experiment

    def cached(kind, preparation_hash=None):
        key = kind, preparation_hash
        if key not in made:
            made[key] = make(kind, preparation_hash)
        return made[key]

    return cached
