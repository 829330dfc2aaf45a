"""What tests of training share: one network fitted without a run folder around it, and two runs
held against each other."""

import h5py
import numpy as np


def cohort_of(experiment):
    from lungnet.datasets.cohort_kinds import load_cohort

    return load_cohort(experiment.data, experiment.input, experiment.preparation)


def batches_of(experiment, cohort=None, validation=range(48, 72)):
    """Batches of the first 48 samples, stopped on the others."""
    from lungnet.datasets.batches import TaskBatches
    from lungnet.datasets.schedule import Schedule
    from lungnet.datasets.targets import cohort_targets

    cohort, training = cohort or cohort_of(experiment), experiment.training
    heads = [head.name for head in experiment.model.learned_outputs()]
    targets = cohort_targets(cohort.table, experiment.input, heads, training.loss.soft_targets)
    schedule = Schedule(list(range(48)), training.batch_size, 1)
    return TaskBatches(
        cohort, experiment.input, targets, schedule, training.augmentation, list(validation)
    )


def fit_once(experiment, folder, epoch_done, cohort=None, validation=range(48, 72)):
    """Train on the first 48 samples, stop on the others."""
    from lungnet.training.fit import Task, fit, new_network

    batches = batches_of(experiment, cohort, validation)
    network = new_network(experiment.model, experiment.input, 1)
    task = Task("main", experiment.config_hash(), folder / "checkpoints", folder / "tensorboard")
    recipe = experiment.optimizer, experiment.training
    return fit(network, batches, task, recipe, experiment.model.learned_outputs(), epoch_done)


def interrupt_at(epoch, network=None):
    """An `epoch_done` that ends the program after an epoch of a network (of any)."""

    def told(name, row):
        if row["epoch"] == epoch and network in (None, name):
            raise KeyboardInterrupt

    return told


def weights(path):
    """Every array of a file of weights, by its name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def assert_same_run(whole, other):
    """Weights bit for bit, and every table byte for byte."""
    paths = sorted(whole.rglob("model.weights.h5"))
    assert paths
    for path in paths:
        first, second = weights(path), weights(other / path.relative_to(whole))
        assert first.keys() == second.keys()
        for name, value in first.items():
            np.testing.assert_array_equal(value, second[name], err_msg=name)
    for name in (
        "history.csv",
        "predictions.csv",
        "metrics.json",
        "splits.csv",
        "config.yaml",
        "environment.json",
    ):
        assert (other / name).read_bytes() == (whole / name).read_bytes(), name
