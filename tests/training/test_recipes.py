"""What a recipe adds to a training: averages, accumulation, heads, numbers, no validation."""

import json

import numpy as np
import pandas as pd
import pytest
from fitting import assert_same_run, batches_of, fit_once, interrupt_at
from pydantic import ValidationError

from lungnet.errors import ConfigError

STEP_PER_EPOCH = {"epochs": 4, "batch_size": 48}
"""A checkpoint after each batch, so that a recursion over batches can be done by hand."""


def checkpoints_of(experiment, folder, validation):
    """What was kept after each epoch, and the trained network."""
    from lungnet.training.checkpoints import load_checkpoint

    kept = []

    def epoch_done(row):
        kept.append(load_checkpoint(folder / "checkpoints", experiment.config_hash()))

    trained = fit_once(experiment, folder, epoch_done, validation=validation)
    return kept, trained


def test_the_average_of_the_weights_is_what_is_kept_validated_and_shipped(experiment_of, tmp_path):
    from lungnet.training.fit import predict
    from lungnet.training.recipe.losses import MalignancyLoss

    momentum, validation = 0.6, range(48, 72)
    plain_recipe, averaging = (
        experiment_of(training=STEP_PER_EPOCH, optimizer={"learning_rate": 0.05, "average": m})
        for m in (0.0, momentum)
    )
    plain, _ = checkpoints_of(plain_recipe, tmp_path / "plain", validation)
    kept, trained = checkpoints_of(averaging, tmp_path / "averaged", validation)
    assert len(plain) == len(kept) == 4
    averages = {}
    best, lowest = {}, np.inf
    for epoch, (without, with_average) in enumerate(zip(plain, kept, strict=True)):
        for number, variable in enumerate(trained.network.variables):
            value = without.arrays[f"network.{number}"]
            # Averaging changes nothing in how the weights themselves are trained.
            np.testing.assert_array_equal(value, with_average.arrays[f"network.{number}"])
            if not variable.trainable or epoch == 0:
                averages[number] = value
            else:
                averages[number] = momentum * averages[number] + (1 - momentum) * value
        loss = with_average.notes["history"][-1]["val_loss"]
        if loss < lowest:
            best, lowest = dict(averages), loss
        for number, value in best.items():
            np.testing.assert_allclose(
                with_average.arrays[f"best.{number}"], value, rtol=1e-5, atol=1e-6
            )
    for number, variable in enumerate(trained.network.variables):
        np.testing.assert_allclose(np.asarray(variable), best[number], rtol=1e-5, atol=1e-6)
    batches = batches_of(averaging)
    logits = predict(trained.network, batches, list(validation))["logit"].astype(np.float32)
    labels = batches.cohort.table["label"].to_numpy(np.float32)[48:, None]
    expected = float(MalignancyLoss(averaging.training.loss, (1.0, 1.0))(labels, logits))
    assert lowest == pytest.approx(expected, rel=1e-4)


def test_without_validation_all_epochs_are_done_and_the_last_counts(experiment_of, tmp_path):
    experiment = experiment_of(
        training={"epochs": 6, "patience": 1}, optimizer={"learning_rate": 0.5}
    )
    kept, trained = checkpoints_of(experiment, tmp_path, validation=())
    assert len(trained.history) == 6
    assert trained.best_epoch == 5
    assert set(trained.history[0]) == {"epoch", "loss", "auc", "learning_rate"}
    for number, variable in enumerate(trained.network.variables):
        np.testing.assert_array_equal(np.asarray(variable), kept[-1].arrays[f"network.{number}"])


def test_a_run_without_validation_or_calibration_tells_plain_probabilities(
    experiment_of, quiet, tmp_path
):
    from lungnet.training.train import train

    experiment = experiment_of(
        data={"split": {"validation": 0}},
        training={"epochs": 2},
        evaluation={"calibration": "none"},
    )
    train(experiment, tmp_path / "run", resume=False, epoch_done=quiet)
    table = pd.read_csv(tmp_path / "run/predictions.csv")
    assert set(table["split"]) == {"train", "test"}
    np.testing.assert_allclose(table["probability"], 1 / (1 + np.exp(-table["logit"])), rtol=1e-9)
    told = json.loads((tmp_path / "run/bundle/training.json").read_text())
    assert told["best_epoch"] == [1]
    assert told["patients"]["validation"] == 0


@pytest.fixture(scope="module")
def everything(experiment_of, rated_blobs):
    """A recipe with all that has a state or is random."""
    return experiment_of(
        data={"path": str(rated_blobs)},
        input={"scalars": [{"column": "diameter_mm", "log": True}], "centre_distance": True},
        model={
            "heads": [{"name": "attributes", "weight": 0.5}, "diameter"],
            "test_symmetries": "all",
        },
        optimizer={"average": 0.9, "accumulate": 2},
        training={
            "epochs": 3,
            "batch_size": 8,
            "sampling": "balanced",
            "loss": {"name": "focal", "balance": True, "soft_targets": 0.5},
            "augmentation": {
                "flips": True,
                "quarter_turns": True,
                "shift_voxels": 1,
                "rotate_degrees": 20,
                "scale": 0.1,
                "noise_hu": 20,
                "drop_scalars": 0.2,
            },
        },
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, everything, quiet):
    from lungnet.training.train import train

    folder = tmp_path_factory.mktemp("runs") / "everything"
    train(everything, folder, resume=False, epoch_done=quiet)
    return folder


def test_a_run_with_every_kind_of_state_goes_on_to_the_same_bits(run, everything, quiet, tmp_path):
    """Five steps an epoch and two batches a change: it is interrupted amid an accumulation."""
    from lungnet.training.judging import member_batches
    from lungnet.training.plan import make_plan
    from lungnet.training.train import train

    plan = make_plan(everything)
    (member,) = next(plan.judges()).members
    assert member_batches(plan, member).schedule.steps % 2
    folder = tmp_path / "run"
    for epoch in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            train(everything, folder, resume=True, epoch_done=interrupt_at(epoch))
    train(everything, folder, resume=True, epoch_done=quiet)
    assert_same_run(run, folder)


def test_the_heads_answers_stand_in_the_predictions_in_the_readers_units(run):
    table = pd.read_csv(run / "predictions.csv")
    assert table["predicted_diameter_mm"].gt(0).all()
    assert table["predicted_calcification"].between(1, 6).all()
    assert table["predicted_margin"].between(1, 5).all()
    assert table["readers"].eq(3).all()
    told = json.loads((run / "bundle/training.json").read_text())
    assert told["learned_heads"] == ["attributes", "diameter"]


def test_the_answer_of_the_bundle_is_averaged_over_symmetries(run, everything):
    from lungnet.models.build import build_model
    from lungnet.models.bundle import open_bundle
    from lungnet.models.exported_network import compile_networks
    from lungnet.models.symmetries import averaged_over_symmetries

    network = build_model(everything.model, everything.input)
    network.load_weights(run / "bundle/model.weights.h5")
    inputs = batches_of(everything).inputs(range(72))
    assert np.isnan(inputs["scalars"]).any()
    averaged = averaged_over_symmetries(network, "all").predict(inputs, verbose=0)["logit"][:, 0]
    exported = compile_networks(open_bundle(run / "bundle").exported_networks())(inputs)["logit"]
    table = pd.read_csv(run / "predictions.csv")
    np.testing.assert_allclose(table["logit"], averaged, atol=1e-5)
    np.testing.assert_allclose(exported[:, 0], averaged, atol=1e-4)


def test_numbers_are_standardized_by_the_training_rows_alone(run, everything):
    from lungnet.models.build import build_model

    network = build_model(everything.model, everything.input)
    network.load_weights(run / "bundle/model.weights.h5")
    layer = network.get_layer("encoder").get_layer("scalars_standardized")
    table = pd.read_csv(run / "predictions.csv")
    logs = np.log(table.loc[table["split"] == "train", "diameter_mm"])
    assert float(layer.mean[0]) == pytest.approx(logs.mean(), rel=1e-5)
    assert float(layer.deviation[0]) == pytest.approx(logs.std(ddof=0), rel=1e-5)


def test_a_head_that_the_cohort_knows_nothing_for_is_told(experiment_of, caplog):
    from lungnet.training.plan import make_plan

    plan = make_plan(experiment_of(model={"heads": ["outline", "attributes", "diameter"]}))
    assert plan.learned_heads() == ["diameter"]
    assert "the cohort knows nothing for attributes and outline; they learn nothing" in caplog.text


@pytest.mark.parametrize("output", ["ordinal", {"name": "softmax", "weight": 0.5}])
def test_a_run_that_learns_the_readers_ratings_tells_their_distribution(
    output, experiment_of, rated_blobs, quiet, tmp_path
):
    from lungnet.training.train import train

    experiment = experiment_of(
        data={"path": str(rated_blobs)},
        model={"output": output, "heads": ["diameter"], "activation": "relu"},
        training={"epochs": 6, "patience": 6},
    )
    train(experiment, tmp_path / "run", resume=False, epoch_done=quiet)
    table = pd.read_csv(tmp_path / "run/predictions.csv")
    shares = table[[f"predicted_rating_{rating}" for rating in range(1, 6)]].to_numpy()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
    odds = shares[:, 3:].sum(1) / shares[:, :3].sum(1)
    np.testing.assert_allclose(table["logit"], np.log(odds), atol=1e-3)
    told = json.loads((tmp_path / "run/bundle/training.json").read_text())
    assert told["learned_heads"] == ["diameter", "ratings"]
    history = pd.read_csv(tmp_path / "run/history.csv")
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_ratings_that_a_cohort_lacks_are_refused_with_their_place(experiment_of):
    from lungnet.training.plan import make_plan

    with pytest.raises(ConfigError, match=r"model\.output learns the readers' ratings") as caught:
        make_plan(experiment_of(model={"output": "ordinal"}))
    assert "\n" not in str(caught.value)


def test_balanced_losses_weigh_both_labels_alike(experiment_of):
    from lungnet.training.fit import _label_weights

    experiment = experiment_of(training={"loss": {"balance": True}})
    batches = batches_of(experiment)
    negative, positive = _label_weights(batches, experiment.training.loss)
    labels = batches.cohort.table["label"].to_numpy()[:48]
    assert negative * (labels == 0).sum() == pytest.approx(positive * (labels == 1).sum())
    assert np.where(labels, positive, negative).mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        (
            {"training": {"ensemble": {"folds": 2}}},
            r"training\.ensemble\.folds keep patients apart",
        ),
        ({"input": {"scalars": ["age"]}}, r"input\.scalars age is no column of the cohort"),
        ({"model": {"heads": ["contour"]}}, r"model\.heads is 'contour'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_any_work(
    experiment_of, sections, words
):
    from lungnet.training.plan import make_plan

    with pytest.raises(ConfigError, match=words) as caught:
        make_plan(experiment_of(**sections))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"ensemble": {"folds": 1}}},
        {"training": {"ensemble": {"seeds": 0}}},
        {"training": {"ensemble": {"folds": 11, "seeds": 10}}},
        {"model": {"heads": ["diameter", {"name": "diameter", "weight": 2}]}},
        {"optimizer": {"average": 1.0}},
        {"optimizer": {"accumulate": 0}},
        {"optimizer": {"name": "adam"}},
        {"training": {"loss": {"label_smoothing": 0.5}}},
        {"training": {"loss": "hinge"}},
        {"training": {"sampling": "weighted"}},
        {"model": {"test_symmetries": "some"}},
        {"input": {"windows_hu": []}},
    ],
)
def test_what_is_no_setting_is_refused(experiment_of, sections):
    with pytest.raises(ValidationError):
        experiment_of(**sections)


def test_random_passes_stand_in_the_predictions_beside_the_plain_answer(
    experiment_of, tmp_path, quiet
):
    from lungnet.training.train import train

    tables = []
    for passes in (0, 8):
        experiment = experiment_of(training={"epochs": 2}, evaluation={"random_passes": passes})
        train(experiment, tmp_path / str(passes), resume=False, epoch_done=quiet)
        tables.append(pd.read_csv(tmp_path / str(passes) / "predictions.csv"))
    without, with_passes = tables
    assert_array_equal = np.testing.assert_array_equal
    assert_array_equal(without["probability"], with_passes["probability"])
    assert (with_passes["passes_spread"] > 0).all()
    assert with_passes["passes_mean"].between(0, 1).all()
    assert "passes_mean" not in without
    still = experiment_of(
        model={"activation": "relu", "dropout": 0}, evaluation={"random_passes": 2}
    )
    with pytest.raises(ConfigError, match=r"random_passes do nothing where no layer is random"):
        train(still, tmp_path / "still", resume=False, epoch_done=quiet)
