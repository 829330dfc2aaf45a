"""Several networks for one answer: who trained on whom, what calibrates them, what is shipped."""

import json

import numpy as np
import pandas as pd
import pytest
from fitting import assert_same_run, batches_of, interrupt_at

from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.errors import InputError
from lungnet.evaluation.calibration import Calibration, fit_calibration
from lungnet.run_folder import TEST, TRAIN, VALIDATION

NAMES = [f"main-inner-{fold}-seed-{seed}" for fold in (0, 1) for seed in (0, 1)]


@pytest.fixture(scope="module")
def ensemble_of(experiment_of):
    """`ensemble_of(**ensemble)`: an experiment without validation patients."""

    def make(data=None, **ensemble):
        return experiment_of(
            data={"split": {"validation": 0}, **(data or {})},
            training={"epochs": 2, "ensemble": {"folds": 2, "seeds": 2, **ensemble}},
        )

    return make


@pytest.fixture(scope="module")
def plan(ensemble_of):
    from lungnet.training.plan import make_plan

    return make_plan(ensemble_of())


@pytest.fixture(scope="module")
def run(tmp_path_factory, ensemble_of, quiet):
    """The run, and what each network was fitted on: {name: (training rows, validation rows)}."""
    from lungnet.training import judging
    from lungnet.training.train import train

    fitted = {}
    fit = judging.fit

    def watched(network, batches, task, *rest):
        fitted[task.name] = list(batches.schedule.rows), list(batches.validation)
        return fit(network, batches, task, *rest)

    folder = tmp_path_factory.mktemp("runs") / "ensemble"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(judging, "fit", watched)
        train(ensemble_of(), folder, resume=False, epoch_done=quiet)
    return folder, fitted


@pytest.fixture(scope="module")
def networks(run, ensemble_of):
    """The Keras networks of the bundle, in their order."""
    from lungnet.models.build import build_model

    experiment, loaded = ensemble_of(), []
    for number in range(4):
        network = build_model(experiment.model, experiment.input)
        network.load_weights(run[0] / f"bundle/networks/{number:02d}/model.weights.h5")
        loaded.append(network)
    return loaded


def test_each_inner_fold_is_unseen_by_its_members_and_test_patients_by_all(plan):
    (judge,) = plan.judges()
    assert [member.name for member in judge.members] == NAMES
    patients = plan.cohort.table["patient_id"].to_numpy()
    test = set(judge.split.index[judge.split == TEST])
    assert test
    unseen = []
    for member in judge.members:
        trained, inner, held_out = (set(member.rows(part)) for part in (TRAIN, "inner", TEST))
        assert not member.rows(VALIDATION)
        assert held_out == test
        assert trained | inner | held_out == set(range(len(plan.cohort)))
        assert set(patients[list(trained)]).isdisjoint(patients[list(inner | held_out)])
        assert plan.cohort.table["label"].iloc[list(inner)].nunique() == 2
        unseen.append(inner)
    assert unseen[0] == unseen[1]
    assert unseen[2] == unseen[3]
    assert unseen[0].isdisjoint(unseen[2])
    assert unseen[0] | unseen[2] == set(judge.split.index[judge.split == TRAIN])


def test_seeds_differ_in_every_draw_and_folds_without_repeats_have_plain_names(plan, ensemble_of):
    from lungnet.training.judging import member_batches
    from lungnet.training.plan import make_plan

    (judge,) = plan.judges()
    first, second = (member_batches(plan, member).schedule for member in judge.members[:2])
    assert sorted(first.rows) == sorted(second.rows)
    assert first.seed != second.seed
    assert (first.order(0) != second.order(0)).any()
    (judge,) = make_plan(ensemble_of(seeds=1)).judges()
    assert [member.name for member in judge.members] == ["main-inner-0", "main-inner-1"]


def test_with_outer_folds_each_judge_has_an_ensemble_of_its_own(ensemble_of):
    from lungnet.training.plan import make_plan

    plan = make_plan(ensemble_of(data={"folds": 2}, seeds=1))
    judges = list(plan.judges())
    assert [judge.name for judge in judges] == ["fold-0", "fold-1", "final"]
    for judge in judges:
        held_out = set(np.flatnonzero(judge.split == TEST))
        assert bool(held_out) is (judge.name != "final")
        for member in judge.members:
            assert member.name.startswith(f"{judge.name}-inner-")
            assert held_out == set(member.rows(TEST))
            assert held_out.isdisjoint(member.rows(TRAIN, "inner"))


def test_members_are_fitted_on_their_own_rows_and_nothing_else(run, plan):
    _, fitted = run
    (judge,) = plan.judges()
    assert list(fitted) == NAMES
    for member in judge.members:
        rows, validation = fitted[member.name]
        assert sorted(rows) == member.rows(TRAIN)
        assert validation == []


def test_the_history_names_every_network_and_no_validation(run):
    history = pd.read_csv(run[0] / "history.csv")
    assert list(dict.fromkeys(history["network"])) == NAMES
    assert history["epoch"].tolist() == [0, 1] * 4
    assert history[["val_loss", "val_auc"]].isna().all(axis=None)
    assert history[["loss", "auc", "learning_rate"]].notna().all(axis=None)
    splits = pd.read_csv(run[0] / "splits.csv")
    assert set(splits["split"]) == {TRAIN, TEST}


def test_the_bundle_holds_each_network_and_their_answer_is_the_mean_logit(run, networks, plan):
    from lungnet.models.bundle import open_bundle
    from lungnet.models.exported_network import compile_networks

    bundle = open_bundle(run[0] / "bundle")
    assert bundle.networks == 4 == bundle.training["networks"]
    assert sorted(p.name for p in (bundle.path / "networks").iterdir()) == ["00", "01", "02", "03"]
    assert len(bundle.training["epochs"]) == 4
    inputs = batches_of(plan.experiment, plan.cohort).inputs(range(72))
    by_hand = np.mean(
        [network.predict(inputs, verbose=0)["logit"] for network in networks], axis=0
    )[:, 0]
    assert (
        np.std([network.predict(inputs, verbose=0)["logit"] for network in networks], 0).max() > 0
    )
    exported = compile_networks(bundle.exported_networks())(inputs)["logit"][:, 0]
    table = pd.read_csv(run[0] / "predictions.csv")
    np.testing.assert_allclose(exported, by_hand, atol=1e-4)
    np.testing.assert_allclose(table["logit"], by_hand, atol=1e-5)
    calibration = Calibration.from_json(dict(bundle.calibration))
    np.testing.assert_allclose(table["probability"], calibration.apply(table["logit"]), rtol=1e-12)


def test_the_calibration_is_fitted_on_what_each_network_never_saw(run, networks, plan):
    inputs = batches_of(plan.experiment, plan.cohort).inputs(range(72))
    (judge,) = plan.judges()
    logits = np.full((4, 72), np.nan)
    for number, (member, network) in enumerate(zip(judge.members, networks, strict=True)):
        inner = member.rows("inner")
        logits[number, inner] = network.predict(inputs, verbose=0)["logit"][inner, 0]
    rows = np.flatnonzero((judge.split == TRAIN).to_numpy())
    labels = plan.cohort.table["label"].to_numpy()[rows]
    expected = fit_calibration(labels, np.nanmean(logits[:, rows], 0), "temperature")
    stored = json.loads((run[0] / "bundle/calibration.json").read_text())
    assert stored["method"] == "temperature"
    assert stored["scale"] == pytest.approx(expected.to_json()["scale"], rel=1e-3)


def test_an_interrupted_ensemble_goes_on_to_the_same_bits(run, ensemble_of, quiet, tmp_path):
    from lungnet.training.train import train

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(ensemble_of(), folder, resume=True, epoch_done=interrupt_at(0, NAMES[2]))
    names = []
    train(ensemble_of(), folder, resume=True, epoch_done=lambda name, _: names.append(name))
    assert names == [NAMES[2], NAMES[3], NAMES[3]]
    assert_same_run(run[0], folder)


@pytest.mark.parametrize("folds", [19, 20])
def test_more_inner_folds_than_patients_of_a_label_are_told(ensemble_of, folds, tmp_path, quiet):
    from lungnet.training.train import dry_run

    experiment = ensemble_of(folds=folds, data={"split": {"validation": 0, "test": 0.7}})
    cohort = load_cohort(experiment.data, experiment.input, experiment.preparation)
    assert cohort.table["patient_id"].nunique() == 60  # 18 to train on, 9 of a label
    with pytest.raises(InputError, match=f"cannot be divided into {folds} folds; take fewer"):
        dry_run(experiment)
