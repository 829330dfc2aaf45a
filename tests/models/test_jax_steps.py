"""Every row of every table can be traced for a training step on JAX.

In a process of its own, as Keras has one backend.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRACE_STEPS = """
from lungnet.processes.keras_backend import use_backend

use_backend("jax")
import jax
import keras
from small_networks import CASES, some_inputs

from lungnet.models.build import build_model

failures = []
for name, case in CASES.items():
    network = build_model(*case)
    variables = network.trainable_variables, network.non_trainable_variables
    state, others = ([variable.value for variable in group] for group in variables)

    def loss(state, others, inputs):
        outputs, others = network.stateless_call(state, others, inputs, training=True)
        return sum(keras.ops.sum(value) for value in outputs.values()), others

    try:
        jax.eval_shape(jax.grad(loss, has_aux=True), state, others, some_inputs(case[1]))
    except Exception as error:
        failures.append(f"{name}: {error}"[:300])
print(*failures, sep="\\n")
"""


@pytest.mark.slow
def test_a_step_of_every_row_can_be_traced():
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", TRACE_STEPS],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.strip() == ""
