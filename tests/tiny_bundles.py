"""A chest small enough to prepare in a blink, and bundles of tiny networks with chosen weights."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def chest(seed=1, pixel_mm=3.0):
    """A body with two lungs of air and some blobs in them, slices of 3 mm, 240 mm wide."""
    from lungnet.seeds import stream
    from lungnet.volume import Volume

    edges_mm = (3.0, pixel_mm, pixel_mm)
    counts = (50, round(192 / pixel_mm), round(240 / pixel_mm))
    axes = [(np.arange(n) - n / 2) * mm for n, mm in zip(counts, edges_mm, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
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
    affine = np.array(
        [[0, 0, pixel_mm, -120], [0, pixel_mm, 0, -96], [3.0, 0, 0, 50], [0, 0, 0, 1]]
    )
    return Volume(np.rint(hu).astype(np.int16), affine, f"patient-{seed}", f"1.2.{seed}")


IN_LEFT_LUNG, IN_HEART = (52.0, 0.0, 125.0), (0.0, 0.0, 125.0)
"""Places in each chest, LPS millimetres; the second is 14 mm from either lung."""

SHOWN = {
    "bag": {"kind": "bag", "size": [12, 12, 12], "candidates": 4},
    "volume": {"kind": "volume", "size": [24, 24, 32], "spacing_mm": 6.0},
    "nodule": {
        "kind": "nodule",
        "size": [16, 16],
        "scalars": [{"column": "diameter_mm", "log": True}],
    },
}


@pytest.fixture(scope="session")
def volumes():
    return [chest(seed) for seed in (1, 2)]


@pytest.fixture(scope="session")
def fine_volume():
    """A chest whose pixels are as small as a scanner's."""
    return chest(3, pixel_mm=1.5)


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory, volumes):
    """`bundle_of(kind, preparation_hash=..., sections={...}, training={...})`.

    The bundle's folder, its Keras network and its experiment, over the chests as a cohort. A
    nodule network takes a diameter, knows attributes, and draws an outline around everything.
    """
    made = {}

    def make(kind, sections):
        from lungnet.config.experiment import Experiment
        from lungnet.config.model import ATTRIBUTES
        from lungnet.datasets.batches import TaskBatches
        from lungnet.datasets.cohort import Cohort
        from lungnet.datasets.crop_recipe import crop_hash
        from lungnet.datasets.network_inputs import network_inputs
        from lungnet.datasets.schedule import Schedule
        from lungnet.datasets.targets import cohort_targets
        from lungnet.models.build import build_model
        from lungnet.preprocessing import prepare
        from lungnet.training.bundling.export import make_bundle
        from lungnet.training.bundling.material import bundle_material

        is_nodule = kind == "nodule"
        model = {"channels": [3, 4], "norm": "none", "activation": "rrelu"}
        values = {
            "data": {"kind": "nodules" if is_nodule else "store", "path": "nowhere"},
            "preparation": {} if is_nodule else {"spacing_mm": 2.0, "candidates": 6},
            "input": SHOWN[kind],
            "model": {**model, "heads": ["attributes", "outline"]} if is_nodule else model,
            "evaluation": {"bootstrap": 100},
        }
        values |= {name: {**values[name], **section} for name, section in sections.items()}
        experiment = Experiment.model_validate(values)
        network = build_model(experiment.model, experiment.input)
        rng = np.random.default_rng(0)
        for variable in network.trainable_variables:
            variable.assign(rng.normal(0, 0.5, variable.shape))
            if variable.path.endswith("outline_score/bias"):
                variable.assign([500.0])

        def read(row, view):
            if is_nodule:
                height, width = experiment.input.size
                return {"image": volumes[row].hu[25, :height, :width]}
            return network_inputs(
                prepare(volumes[row], experiment.preparation), experiment.input, view
            )

        made_by = crop_hash() if is_nodule else experiment.preparation.preparation_hash()
        table = pd.DataFrame({"label": [0, 1], "diameter_mm": [5.0, 12.0]})
        table = table.assign(**dict.fromkeys(ATTRIBUTES, 0.5))
        cohort = Cohort(table, read, True, made_by, "")
        targets = cohort_targets(table.assign(age=[50.0, 60.0]), experiment.input, (), 0.0)
        batches = TaskBatches(
            cohort,
            experiment.input,
            targets,
            Schedule([0, 1], 2, 1),
            experiment.training.augmentation,
            [],
        )
        path = tmp_path_factory.mktemp("bundles") / "bundle"
        heads = [head.name for head in experiment.model.heads]
        summary = {
            "calibration": {"method": "temperature", "scale": 0.37, "offset": 0.0},
            "training": {
                "synthetic": True,
                "learned_heads": heads,
                "prevalence": 0.25,
                "networks": 1,
                "parameters": network.count_params(),
                "patients": {"train": 2},
                "metrics": {
                    "n": 2,
                    "patients": 2,
                    "split": "test",
                    "verdict": "no skill",
                    "baselines": {},
                },
            },
        }
        make_bundle(path, [network], bundle_material([network], batches, experiment, summary))
        return path, network, experiment

    def cached(kind, preparation_hash="own", sections=None, training=None):
        key = json.dumps([kind, sections], sort_keys=True)
        if key not in made:
            made[key] = make(kind, sections or {})
        path, network, experiment = made[key]
        if preparation_hash != "own":
            changes = {"preparation.json": {"hash": preparation_hash}}
        elif training:
            changes = {"training.json": training}
        else:
            return made[key]
        return resealed(path, tmp_path_factory.mktemp("changed"), changes), network, experiment

    return cached


def resealed(path, folder, changes):
    """A copy of a bundle that says something else, under right checksums."""
    from lungnet.models.bundle import seal

    copy = folder / "bundle"
    shutil.copytree(path, copy)
    for name, values in changes.items():
        text = json.dumps({**json.loads((copy / name).read_text()), **values})
        (copy / name).write_text(text)
    seal(copy)
    return copy


@pytest.fixture(scope="session")
def nodule_bundle(bundle_of):
    """The folder of a bundle that judges nodules."""
    return bundle_of("nodule")[0]
