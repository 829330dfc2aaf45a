"""Run by test_backends.py: the losses of 20 steps on one backend, from weights that lie in a file.

Usage: python backend_losses.py CONFIG WEIGHTS OUT
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from fitting import batches_of

from lungnet.config.load import load_experiment
from lungnet.processes.keras_backend import use_backend

FROZEN_EPOCHS = 6


def main(config, weights, out):
    experiment = load_experiment(config)
    use_backend(experiment.training.backend)
    from lungnet.training.fit import Task, fit, new_network

    network = new_network(experiment.model, experiment.input, 1)
    if not weights.exists():
        np.savez(weights, **{variable.path: variable.numpy() for variable in network.weights})
    with np.load(weights) as stored:
        for variable in network.weights:
            variable.assign(stored[variable.path])
        kernels = {name: stored[name] for name in stored.files if name.endswith("conv/kernel")}
    losses, frozen = [], []

    def epoch_done(row):
        losses.append([row["loss"], row["val_loss"]])
        values = {variable.path: np.asarray(variable.value) for variable in network.weights}
        frozen.append(all(np.array_equal(values[name], kernels[name]) for name in kernels))

    with tempfile.TemporaryDirectory() as folder:
        layers = frozenset(name.split("/")[-2] for name in kernels)
        places = Path(folder) / "checkpoints", Path(folder) / "tensorboard"
        task = Task("main", "main", *places, layers, FROZEN_EPOCHS)
        recipe = experiment.optimizer, experiment.training
        fit(network, batches_of(experiment), task, recipe, experiment.model.heads, epoch_done)
    out.write_text(json.dumps({"losses": losses, "frozen": frozen, "layers": sorted(layers)}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
