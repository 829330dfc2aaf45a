"""Trainings over splits of one's own: what is written, scored and told."""

import numpy as np
import pandas as pd
import pytest

from lungnet.config.load import load_experiment
from lungnet.errors import ConfigError
from lungnet.reporting.run_report import report_predictions, split_sentence
from lungnet.run_folder import VALIDATION


@pytest.fixture(scope="module")
def quick(blobs, tmp_path_factory, experiment_of):
    """`quick(**data)`: an experiment of one epoch on the blobs, with folds and sites in the npz."""
    with np.load(blobs) as file:
        arrays = dict(file)
    number = np.array([int(name[1:]) for name in arrays["patient_id"]])
    path = tmp_path_factory.mktemp("sites") / "blobs.npz"
    sites = np.array(["east", "west", "north"])[number // 20]
    np.savez(path, **arrays, fold=number // 15 + 1, site=sites)

    def make(**data):
        return experiment_of(
            data={"path": str(path), **data},
            training={"epochs": 1},
            model={"activation": "relu"},
        )

    return make


def test_repeats_are_all_scored_and_each_sample_has_a_row_in_each(quick, tmp_path, quiet):
    from lungnet.training.train import train

    run = tmp_path / "run"
    metrics = train(quick(folds=2, repeats=2), run, resume=False, epoch_done=quiet)
    table = pd.read_csv(run / "predictions.csv")
    assert table.groupby("repeat")["series_uid"].nunique().tolist() == [72, 72]
    assert sorted(set(table["fold"])) == [0, 1, 2, 3]
    assert (metrics.n, metrics.patients) == (144, 60)
    assert not metrics.notes
    again, page = report_predictions(run, tmp_path / "report")
    assert again.to_json() == metrics.to_json()
    assert "This was done 2 times with other folds" in page.read_text()


def test_given_folds_and_sites_are_planned_without_their_number(quick):
    from lungnet.training.plan import make_plan

    given = make_plan(quick(split_column="fold"))
    assert given.has_folds
    assert [judge.name for judge in given.judges()] == [*(f"fold-{i}" for i in range(4)), "final"]
    sites = make_plan(quick(group_column="site", leave_one_group_out=True))
    held = sites.split_table().query("split == 'test'").groupby("fold")["patient_id"].nunique()
    assert held.tolist() == [20, 20, 20]
    seeded = make_plan(quick(folds=4))
    for a, b in zip(
        given.first_network.get_weights(), seeded.first_network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_setting_that_the_cohort_contradicts_is_told_with_its_line(quick, tmp_path):
    from lungnet.training.plan import make_plan

    file = tmp_path / "a.yaml"
    data = quick().data
    file.write_text(
        f"data:\n  kind: nodules\n  path: {data.path}\n  split_column: fold\n  folds: 5\n"
        "input: {kind: nodule, size: [8, 8]}\n"
    )
    with pytest.raises(ConfigError, match=r"a\.yaml:5: data\.folds is 5; column fold gives 4"):
        make_plan(load_experiment(file))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"split_column": "fold"}, "was given (column fold), not drawn"),
        ({"split_file": "a.csv"}, "was given (a.csv, column split or fold), not drawn"),
        ({"group_column": "site", "leave_one_group_out": True}, "Each group of site was predicted"),
        ({"group_column": "site", "folds": 3}, "and never rows of one site, were divided into 3"),
        ({"split": {"validation": 0}}, "nobody was set aside to stop that training"),
    ],
)
def test_the_report_says_how_the_sides_were_made(quick, data, words):
    assert words in split_sentence(quick(**data))


def test_no_repeat_is_calibrated_on_the_samples_that_it_judges(quick, tmp_path, quiet):
    from lungnet.run_folder import RunFolder
    from lungnet.training.judging import calibrated, pass_judgement
    from lungnet.training.plan import make_plan

    plan = make_plan(quick(folds=2, repeats=2, split={"validation": 0}))
    judges = list(plan.judges())[:4]
    judgements = [pass_judgement(plan, judge, RunFolder(tmp_path), quiet) for judge in judges]
    for judgement in calibrated(plan, judgements):
        assert len(judgement.unseen)
        assert not np.isin(judgement.unseen, judgement.rows).any()


@pytest.mark.parametrize(
    "data", [{"split_column": "fold"}, {"group_column": "site", "leave_one_group_out": True}]
)
def test_folds_that_are_given_need_no_validation_patients_to_calibrate(quick, data, caplog):
    from lungnet.training.plan import make_plan

    plan = make_plan(quick(split={"validation": 0}, **data))
    assert not any(split.eq(VALIDATION).any() for split in plan.splits)
    assert "leaves nobody to fit the calibration on" not in caplog.text
    make_plan(quick(split={"validation": 0}))
    assert "leaves nobody to fit the calibration on" in caplog.text
