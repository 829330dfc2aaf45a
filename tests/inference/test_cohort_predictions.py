"""A bundle judges another cohort of its kind as its Keras network does, without TensorFlow."""

import shutil

import numpy as np
import pandas as pd
import pytest

from lungnet.datasets.view import straight
from lungnet.errors import ConfigError, LungnetError
from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.cohort_predictions import predict_cohort


@pytest.fixture
def nodules(tmp_path):
    """`nodules(**arrays)`: an npz of 40 nodules of 40 patients, native pixels and images."""

    def write(**changes):
        rng = np.random.default_rng(3)
        native = rng.normal(-850, 30, (40, 71, 71)).astype(np.int16)
        native[:, 30:41, 30:41] += 700
        arrays = {
            "native71": native,
            "pixel_spacing_mm": np.full(40, 0.7),
            "label": np.arange(40) % 2,
            "patient_id": np.array([f"p{i}" for i in range(40)]),
            "diameter_mm": 4.0 + np.arange(40) / 4,
            "malignancy_ratings": np.where(np.arange(40) % 2, 5, 1)[:, None],
        }
        path = tmp_path / "nodules.npz"
        chosen = {**arrays, **changes}
        np.savez(path, **{name: value for name, value in chosen.items() if value is not None})
        return path

    return write


def keras_logits(network, cohort, diameters_mm):
    images = np.stack([cohort.read(row, straight(2))["image"] for row in range(len(cohort))])
    scalars = np.asarray(diameters_mm, np.float32)[:, None]
    return np.asarray(network({"image": images, "scalars": scalars}, training=False)["logit"])[:, 0]


def test_the_table_holds_what_keras_says(bundle_of, nodules):
    path, network, _ = bundle_of("nodule")
    judged = predict_cohort(BundleNetwork(path), nodules(), None)
    table = judged.table
    expected = keras_logits(network, judged.cohort, judged.cohort.table["diameter_mm"])
    np.testing.assert_allclose(table["logit"], expected, atol=2e-3)
    np.testing.assert_allclose(
        table["probability"], 1 / (1 + np.exp(-0.37 * table["logit"])), atol=1e-6
    )
    assert list(table.columns[:7]) == [
        *["patient_id", "series_uid", "split", "fold", "label", "probability", "logit"]
    ]
    assert set(table["fold"]) == {-1}
    assert set(table["split"]) == {""}
    assert set(table["readers"]) == {1}
    assert "predicted_spiculation" in table
    assert "diameter_and_brightness" not in table


def test_diameters_that_the_cohort_lacks_come_from_the_outline(bundle_of, nodules):
    from lungnet.inference.nodule_network import DIAMETER_OF_OUTLINE

    path, network, _ = bundle_of("nodule")
    judged = predict_cohort(BundleNetwork(path), nodules(diameter_mm=None), None)
    drawn_mm = DIAMETER_OF_OUTLINE * 2 * (16 * 16 / np.pi) ** 0.5
    expected = keras_logits(network, judged.cohort, np.full(40, drawn_mm))
    np.testing.assert_allclose(judged.table["logit"], expected, atol=5e-3)
    assert judged.table["diameter_mm"].isna().all()


def test_a_column_that_the_cohort_lacks_is_missing_throughout(bundle_of, nodules, caplog):
    path = bundle_of("nodule", sections={"input": {"scalars": ["diameter_mm", "age"]}})[0]
    with caplog.at_level("WARNING", "lungnet"):
        table = predict_cohort(BundleNetwork(path), nodules(), None).table
    assert np.isfinite(table["logit"]).all()
    assert "the cohort has no age: taken as missing" in caplog.messages


def test_crops_that_others_cut_are_judged_and_the_difference_is_told(bundle_of, nodules):
    images = np.random.default_rng(1).normal(-850, 30, (40, 20, 20)).astype(np.int16)
    path = nodules(native71=None, pixel_spacing_mm=None, images=images)
    judged = predict_cohort(BundleNetwork(bundle_of("nodule")[0]), path, None)
    assert any("shown crops that others had cut" in remark for remark in judged.remarks)
    by_itself = predict_cohort(BundleNetwork(bundle_of("nodule", None)[0]), path, None)
    assert not any("shown crops" in remark for remark in by_itself.remarks)


def test_a_bundle_alone_cannot_say_whom_it_was_trained_on(bundle_of, nodules, caplog):
    with caplog.at_level("WARNING", "lungnet"):
        judged = predict_cohort(BundleNetwork(bundle_of("nodule")[0]), nodules(), None)
    assert "cannot be checked: a bundle holds no patient ids" in judged.remarks[0]
    assert judged.remarks[0] in caplog.text
    assert "synthetic patients only" in judged.remarks[1]


@pytest.mark.parametrize(
    ("fold", "sentence"),
    [
        (-1, "2 of 40 patients are among those that the model has learned from"),
        (0, "3 of 40 patients are among those that the model has learned from"),
    ],
)
def test_the_run_around_a_bundle_says_whom_it_was_trained_on(
    bundle_of, nodules, tmp_path, fold, sentence
):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(bundle_of("nodule")[0], run / "bundle")
    splits = pd.DataFrame(
        {
            "patient_id": ["p1", "p2", "p3", "another"],
            "split": ["train", "validation", "test", "train"],
            "fold": fold,
        }
    )
    splits.to_csv(run / "splits.csv", index=False)
    judged = predict_cohort(BundleNetwork(run / "bundle"), nodules(), None)
    assert judged.remarks[0].startswith(sentence)


@pytest.fixture(scope="module")
def store(bundle_of, volumes, tmp_path_factory):
    """Two chests, prepared as the tiny bag's were, and a file of their labels."""
    from lungnet.intake import find_series
    from lungnet.intake.formats.nifti import write_nifti
    from lungnet.store import fill_store

    folder = tmp_path_factory.mktemp("store")
    for number, volume in enumerate(volumes):
        write_nifti(volume, folder / "raw" / f"chest{number}.nii.gz")
    series_list = find_series([folder / "raw"])
    preparation = bundle_of("bag")[2].preparation
    rows = list(fill_store(series_list, folder / "store", preparation, jobs=1))
    labels = "".join(f"{row.patient_id},{number}\n" for number, row in enumerate(rows))
    (folder / "labels.csv").write_text("patient_id,label\n" + labels)
    return folder / "store", folder / "labels.csv"


def test_a_store_is_judged_by_a_network_of_bags(bundle_of, store):
    path, network, _ = bundle_of("bag")
    judged = predict_cohort(BundleNetwork(path), *store)
    assert sorted(judged.table["label"]) == [0, 1]
    for row, logit in enumerate(judged.table["logit"]):
        inputs = judged.cohort.read(row, straight(3))
        batch = {name: value[None] for name, value in inputs.items()}
        expected = np.asarray(network(batch, training=False)["logit"]).item()
        assert logit == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_cohort_of_another_kind_is_one_line(bundle_of, nodules, store, tmp_path):
    nodule, bag = (BundleNetwork(bundle_of(kind)[0]) for kind in ("nodule", "bag"))
    with pytest.raises(LungnetError, match="no prepared store"):
        predict_cohort(bag, nodules(), None)
    with pytest.raises(LungnetError, match="expected an npz of nodules"):
        predict_cohort(nodule, tmp_path, None)
    with pytest.raises(ConfigError, match=r"data\.labels does nothing"):
        predict_cohort(nodule, nodules(), tmp_path / "labels.csv")
    otherwise = bundle_of("bag", sections={"preparation": {"spacing_mm": 2.5}})[0]
    with pytest.raises(LungnetError, match="prepared as"):
        predict_cohort(BundleNetwork(otherwise), *store)
