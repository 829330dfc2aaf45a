"""Reading predictions: what holds, and one clear line for what does not."""

import io

import numpy as np
import pandas as pd
import pytest

from lungnet.errors import PredictionsError
from lungnet.evaluation.metrics import evaluate_table
from lungnet.evaluation.predictions import check_predictions, read_predictions, scored_rows
from lungnet.evaluation.scoring_config import ScoringConfig

GOOD = "patient_id,label,probability\na,0,0.2\nb,1,0.7\n"


def read(tmp_path, text):
    path = tmp_path / "p.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_predictions(path)


def test_a_plain_table_is_typed(tmp_path):
    table = read(
        tmp_path,
        "\ufeffpatient_id, label ,probability,diameter_mm,fold,site\r\n007, 0 "
        ",1e-3,,,x\r\n\r\nb,1.0,1,12.5,2,y\r\n",
    )
    assert table["patient_id"].tolist() == ["007", "b"]
    assert table["label"].tolist() == [0, 1]
    assert table["probability"].tolist() == [0.001, 1.0]
    assert table["fold"].tolist() == [-1, 2]
    assert table["diameter_mm"].isna().tolist() == [True, False]
    assert table["site"].tolist() == ["x", "y"]
    assert table["series_uid"].tolist() == ["", ""]


@pytest.mark.parametrize(
    "data",
    [
        GOOD.encode("utf-16"),
        GOOD.replace(",", "\t").encode(),
        GOOD.replace(",", ";").replace(".", ",").encode(),
    ],
)
def test_what_spreadsheets_write_is_read_as_the_plain_form(tmp_path, data):
    pd.testing.assert_frame_equal(read(tmp_path, data), read(tmp_path, GOOD))


@pytest.mark.real_data
def test_tables_from_the_field_are_read_to_the_plain_figures_or_refused_with_the_mend(shared_data):
    folder = shared_data / "field" / "predictions"
    plain = read_predictions(folder / "ok.csv")
    commas = read_predictions(folder / "semicolon_comma.csv")
    pd.testing.assert_frame_equal(plain, commas, rtol=1e-9)
    for name, mend in {
        "logits": "no logit",
        "percent": "no percentage",
        "target": "rename 'target' to label and 'pred' to probability?",
        "two_probs": "rename 'prob_1' to probability?",
    }.items():
        with pytest.raises(PredictionsError) as refused:
            read_predictions(folder / f"{name}.csv")
        assert mend in str(refused.value)


def test_what_was_read_survives_a_second_check(tmp_path):
    table = read(tmp_path, GOOD)
    pd.testing.assert_frame_equal(check_predictions(table), table)


def test_probabilities_keep_every_digit(tmp_path):
    assert read(
        tmp_path,
        "patient_id,label,probability\na,0,0.1234567890123456789\nb,1,0.3333333333333333\n",
    )["probability"].tolist() == [
        0.1234567890123456789,
        0.3333333333333333,
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["is empty", "patient_id"]),
        ("\n \n", ["is empty"]),
        ("patient_id,label,probability\n", ["holds no predictions"]),
        (
            "id,cancer\na,1\n",
            [
                "patient_id is missing",
                "'id', 'cancer'",
                "rename 'id' to patient_id and 'cancer' to label?",
            ],
        ),
        (
            "patient_id,target,pred\na,1,0.5\n",
            ["rename 'target' to label and 'pred' to probability?"],
        ),
        ("patient_id,label,p0\na,1,0.5\n", ["probability is missing"]),
        ("patient_id|label|probability\na|1|0.5\n", ["patient_id is missing"]),
        ("patient_id,label,label,probability\n", ["'label' stands twice"]),
        (GOOD + "c,2,0.5\n", ["line 4", "column label", "'2'"]),
        (GOOD + "c,,0.5\n", ["line 4", "column label"]),
        (GOOD + "c,nan,0.5\n", ["line 4", "column label"]),
        (GOOD + "c,maybe,0.5\n", ["line 4", "column label", "'maybe'"]),
        (GOOD + "\nc,1,1.01\n", ["line 5", "column probability", "'1.01'"]),
        (GOOD + "c,1,-0.1\n", ["line 4", "column probability"]),
        (GOOD + "c,1,NaN\n", ["line 4", "column probability"]),
        (GOOD + "c,1,inf\n", ["line 4", "column probability"]),
        (GOOD + "c,1,\n", ["line 4", "column probability"]),
        (GOOD + ",1,0.5\n", ["line 4", "column patient_id"]),
        (GOOD + "a,1,0.5\n", ["line 4", "column patient_id", "'a'", "line 2"]),
        (GOOD + "c,1\n", ["line 4 has 2 cells, its header 3"]),
        (GOOD + "c,1,0.5,9\n", ["line 4 has 4 cells"]),
        (GOOD + 'c,"1,0.5\n', ["line 4"]),
        (GOOD.encode() + b"M\xfcller,1,0.5\n", ["line 4", "0xfc", "UTF-8"]),
        (GOOD.encode("utf-16-le"), ["line 1", "NUL", "UTF-8"]),
        (GOOD.replace("0.2", "20"), ["line 2", "column probability", "'20'", "no percentage"]),
        ("patient_id,label,probability,fold\na,1,0.5,1.5\n", ["line 2", "column fold"]),
        ("patient_id,label,probability,fold\na,1,0.5,-2\n", ["line 2", "column fold"]),
        (
            "patient_id,label,probability,diameter_mm\na,1,0.5,-3\n",
            ["line 2", "column diameter_mm"],
        ),
        (
            "patient_id,label,probability,diameter_mm\na,1,0.5,big\n",
            ["line 2", "column diameter_mm", "'big'"],
        ),
        (
            "patient_id,label,probability,synthetic\na,1,0.5,perhaps\n",
            ["line 2", "column synthetic"],
        ),
    ],
)
def test_bad_input_gets_one_line_naming_row_and_column(tmp_path, text, told):
    with pytest.raises(PredictionsError) as error:
        read(tmp_path, text)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert all(part in sentence for part in ["p.csv", *told]), sentence


def test_one_class_only_is_refused(tmp_path):
    with pytest.raises(PredictionsError, match="column label is 1 in all 2 rows"):
        evaluate_table(read(tmp_path, "patient_id,label,probability\na,1,0.5\nb,1,0.5\n"))


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(PredictionsError, match="expected a CSV"):
            read_predictions(path)


def test_several_rows_of_a_patient_need_names_of_their_own(tmp_path):
    header = "patient_id,series_uid,sample,label,probability\n"
    assert len(read(tmp_path, header + "a,s,1,0,0.5\na,s,2,1,0.5\na,t,1,0,0.1\n")) == 3
    with pytest.raises(PredictionsError, match="line 3, column sample"):
        read(tmp_path, header + "a,s,1,0,0.5\na,s,1,1,0.5\n")


def test_a_patient_learns_in_many_folds_but_is_held_out_once(tmp_path):
    header = "patient_id,split,fold,label,probability\n"
    assert len(read(tmp_path, header + "a,train,0,1,0.5\na,train,1,1,0.5\na,test,2,1,0.5\n")) == 3
    with pytest.raises(PredictionsError, match="line 3"):
        read(tmp_path, header + "a,test,0,1,0.5\na,test,1,1,0.5\n")


def test_rows_to_score_are_test_then_out_of_fold_then_all():
    def table(**more):
        return check_predictions(
            pd.DataFrame(
                {"patient_id": list("abcd"), "label": [0, 1, 0, 1], "probability": 0.5, **more}
            )
        )

    assert scored_rows(table())[1] == "all"
    assert scored_rows(table(split="holdout"))[1] == "holdout"
    assert len(scored_rows(table(split=["test", "test", "train", "train"]))[0]) == 2
    rows, name = scored_rows(table(fold=[0, 0, 1, 1], split=["", "", "train", "train"]))
    assert (len(rows), name) == (2, "out-of-fold")
    with pytest.raises(PredictionsError, match="name the split"):
        scored_rows(table(split=["x", "x", "y", "y"]))
    with pytest.raises(PredictionsError, match="no row has the split 'z'"):
        scored_rows(table(split=["x", "x", "y", "y"]), "z")


def test_a_table_out_of_a_program_is_checked_too():
    table = pd.read_csv(io.StringIO(GOOD + "c,1,\n"))
    with pytest.raises(PredictionsError, match="row 3, column probability"):
        evaluate_table(table)


@pytest.mark.parametrize(
    "wrong", [{"threshold": 1.2}, {"train_prevalence": -0.1}, {"replicates": 5}]
)
def test_options_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ScoringConfig(**wrong)


def test_a_sample_may_be_held_out_once_in_each_repeat():
    rng = np.random.default_rng(1)
    once = pd.DataFrame({"patient_id": [f"p{i}" for i in range(40)], "label": [0, 1] * 20})
    once["split"] = "test"
    draws = [
        once.assign(repeat=r, fold=2 * r + rng.integers(0, 2, 40), probability=rng.random(40))
        for r in range(3)
    ]
    rows, _ = scored_rows(check_predictions(pd.concat(draws)))
    assert len(rows) == 120
    metrics = evaluate_table(pd.concat(draws), ScoringConfig(replicates=100))
    assert (metrics.n, metrics.patients) == (120, 40)
    assert not any("several folds" in note for note in metrics.notes)
    # Threefold rows of the same patients are no threefold cohort.
    thrice = pd.concat([draws[0].assign(repeat=r) for r in range(3)])
    single, tripled = (
        evaluate_table(table, ScoringConfig(replicates=100)).figure("roc_auc")
        for table in (draws[0], thrice)
    )
    assert tripled.high - tripled.low > 0.95 * (single.high - single.low)
    with pytest.raises(PredictionsError, match=r"p0.* was already given"):
        check_predictions(pd.concat([draws[0], draws[0]]))
    with pytest.raises(PredictionsError, match="column repeat: '-1' where a whole number"):
        check_predictions(draws[0].assign(repeat=-1))
