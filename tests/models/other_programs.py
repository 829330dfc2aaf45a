"""The small networks in OpenVINO and on JAX, held against Keras on TensorFlow.

    KERAS_BACKEND=jax python tests/models/other_programs.py FOLDER

prints the logits of every small network with the weights in the folder.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from small_networks import CASES, some_inputs

from lungnet.models.build import build_model

LARGEST_DIFFERENCE = 1e-4
"""Of what two programs answer, as a share of the largest number where that is above 1."""


def built(name):
    """The network of a case, the same each time."""
    keras.utils.set_random_seed(1)
    return build_model(*CASES[name])


def predicted(network, name):
    """What it answers to the inputs of its case, by output."""
    outputs = network(some_inputs(CASES[name][1]), training=False)
    return {output: np.asarray(values) for output, values in outputs.items()}


def export_difference(network, name):
    """Between OpenVINO and Keras, the largest of all outputs."""
    from lungnet.models.exported_network import compile_network
    from lungnet.training.bundling.export import exported

    answer = compile_network(exported(network))(some_inputs(CASES[name][1]))
    expected = predicted(network, name)
    return max(_difference(answer[output], expected[output]) for output in expected)


def jax_differences(networks):
    """Between the logits on JAX, in a process of its own, and those here, by case."""
    with tempfile.TemporaryDirectory() as folder:
        for number, network in enumerate(networks.values()):
            network.save_weights(Path(folder) / f"{number}.weights.h5")
        done = subprocess.run(
            [sys.executable, __file__, folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    logits = json.loads(done.stdout.splitlines()[-1])
    return {
        name: _difference(logits[name], predicted(network, name)["logit"])
        for name, network in networks.items()
    }


def _difference(found, expected):
    return float(np.abs(np.asarray(found) - expected).max() / max(1.0, np.abs(expected).max()))


def main():
    """The other side of `jax_differences`."""
    logits = {}
    for number, name in enumerate(CASES):
        network = build_model(*CASES[name])
        network.load_weights(Path(sys.argv[1]) / f"{number}.weights.h5")
        # Compiled as a whole: JAX takes its time over single operations.
        outputs = network.predict(some_inputs(CASES[name][1]), verbose=0)
        logits[name] = outputs["logit"].tolist()
    print(json.dumps(logits))


if __name__ == "__main__":
    main()
