"""A training that starts from other weights: another bundle's, or those of a run that ended."""

import json
import logging

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lungnet.errors import BundleError, ChoiceError, DataChangedError, UsageError

ONE_EPOCH = {"epochs": 1, "batch_size": 16}


@pytest.fixture(scope="module")
def first(tmp_path_factory, experiment_of, quiet):
    """A run of two epochs, and its experiment."""
    from lungnet.training.train import train

    folder = tmp_path_factory.mktemp("runs") / "first"
    experiment = experiment_of(training={"epochs": 2})
    train(experiment, folder, resume=False, epoch_done=quiet)
    return folder, experiment


def variables_of(bundle):
    found = {}
    with h5py.File(bundle / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def test_every_weight_of_the_same_path_and_shape_is_taken_and_the_rest_is_listed(
    first, experiment_of, caplog
):
    from lungnet.training.fit import new_network
    from lungnet.training.recipe.start_weights import take_weights

    folder, experiment = first
    wider = experiment_of(model={"channels": [3, 5]})
    same = new_network(experiment.model, experiment.input, 3)
    other = new_network(wider.model, wider.input, 3)
    with caplog.at_level(logging.INFO, "lungnet"):
        whole = take_weights(same, folder / "bundle", 0)
        part = take_weights(other, folder / "bundle", 0)
    assert "stage2_block1_conv" in whole
    assert "stage2_block1_conv" not in part
    assert "stage1_block1_conv" in part
    assert "stage2_block1_conv/kernel" in caplog.messages[-1]
    trained = variables_of(folder / "bundle").values()
    for variable in same.trainable_variables:
        assert any(np.array_equal(np.asarray(variable), value) for value in trained)


def test_nothing_in_common_and_a_damaged_bundle_are_refused(first, experiment_of, tmp_path):
    import keras

    from lungnet.training.recipe.start_weights import take_weights

    folder, _ = first
    strange = keras.Sequential([keras.Input((3,)), keras.layers.Dense(7, name="strange")])
    with pytest.raises(ChoiceError, match="has no weights of a path and shape"):
        take_weights(strange, folder / "bundle", 0)
    with pytest.raises(BundleError, match="no such bundle"):
        take_weights(strange, tmp_path / "nowhere", 0)


def test_frozen_layers_stand_still_for_the_first_epochs_and_then_move(
    first, experiment_of, quiet, tmp_path
):
    from lungnet.training.train import train

    folder, _ = first
    trained = variables_of(folder / "bundle")
    model = {"start_from": str(folder / "bundle"), "frozen_epochs": 1}
    data = {"split": {"validation": 0}}
    evaluation = {"calibration": "none"}
    ends = {}
    for epochs in (1, 2):
        experiment = experiment_of(
            model=model, data=data, evaluation=evaluation, training={"epochs": epochs}
        )
        train(experiment, tmp_path / str(epochs), resume=False, epoch_done=quiet)
        ends[epochs] = variables_of(tmp_path / str(epochs) / "bundle")
    kernels = [name for name, value in trained.items() if value.ndim == 4]
    assert kernels
    for name in kernels:
        assert_array_equal(ends[1][name], trained[name])
        assert (ends[2][name] != trained[name]).any()
    bound = json.loads((tmp_path / "1" / "environment.json").read_text())["data"]["start"]
    assert len(bound) == 16


def test_more_epochs_are_a_run_of_their_own_that_starts_from_the_last_weights(
    first, quiet, tmp_path, monkeypatch
):
    from lungnet.training import fit as fitting
    from lungnet.training.checkpoints import load_checkpoint
    from lungnet.training.continued_run import continued
    from lungnet.training.train import train

    folder, experiment = first
    longer, place = continued(experiment, folder, 3)
    assert place == folder.with_name("first-epochs-3")
    assert longer.training.epochs == 1
    assert longer.training.continue_from == str(folder)
    begun = {}
    original = fitting.TrainingState.restore

    def remember(state, checkpoint):
        begun["resumed"] = True
        original(state, checkpoint)

    monkeypatch.setattr(fitting.TrainingState, "restore", remember)
    starts = []
    compile_trainer = fitting._compile
    monkeypatch.setattr(
        fitting,
        "_compile",
        lambda trainer, *rest: (
            starts.append([np.array(v) for v in trainer.trainable_variables]),
            compile_trainer(trainer, *rest),
        ),
    )
    train(longer, place, resume=True, epoch_done=quiet)
    (checkpoint,) = [
        load_checkpoint(folder / "checkpoints" / "main", _run_hash(folder, experiment))
    ]
    last = [value for name, value in checkpoint.arrays.items() if name.startswith("network.")]
    assert "resumed" not in begun
    for value in starts[0]:
        assert any(np.array_equal(value, other) for other in last)
    assert "continue_from" in (place / "config.yaml").read_text()


def _run_hash(folder, experiment):
    from lungnet.files import canonical_hash

    data = json.loads((folder / "environment.json").read_text())["data"]
    return canonical_hash([experiment.config_hash(), data])


def test_going_on_needs_a_finished_run_of_the_same_configuration_and_data(
    first, experiment_of, quiet, tmp_path
):
    from lungnet.training.continued_run import continued
    from lungnet.training.train import train

    folder, experiment = first
    with pytest.raises(UsageError, match="is trained for 2; expected at least as many"):
        continued(experiment, folder, 1)
    assert continued(experiment, folder, 2) == (experiment, folder)
    with pytest.raises(UsageError, match="holds no run"):
        continued(experiment, tmp_path / "nothing", 5)
    other = experiment_of(training={"epochs": 2, "patience": 3})
    with pytest.raises(UsageError, match="another configuration"):
        continued(other, folder, 5)
    longer, _ = continued(experiment, folder, 3)
    elsewhere = longer.model_copy(update={"seed": 8})
    with pytest.raises(DataChangedError, match="other splits"):
        train(elsewhere, tmp_path / "longer", resume=False, epoch_done=quiet)
