"""A nodule bundle answers at places of a scan as its Keras network does, and refuses the others."""

import os
import subprocess
import sys

import numpy as np
import pytest
from tiny_bundles import IN_HEART, IN_LEFT_LUNG

from lungnet.config.model import ATTRIBUTES
from lungnet.datasets.crop_recipe import crop_hash
from lungnet.errors import BundleError, UsageError
from lungnet.evaluation.calibration import Calibration
from lungnet.inference import NodulePredictor, PlaceQueries, PlaceQuery, load_predictor
from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.nodule_crop import OUTSIDE_LUNGS, OUTSIDE_SCAN, cut_crop
from lungnet.inference.nodule_network import DIAMETER_OF_OUTLINE
from lungnet.intake import find_series
from lungnet.intake.formats.nifti import write_nifti
from lungnet.models.shipped import shipped_names
from lungnet.preprocessing import prepare

WHOLE_CROP_MM = 2 * (16 * 16 / np.pi) ** 0.5
"""Diameter of the outline that the tiny network draws: everything."""


@pytest.fixture(scope="module")
def predictor(nodule_bundle):
    return load_predictor(nodule_bundle)


def of_keras(network, crop, diameter_mm):
    """Probability and ratings that Keras gives, calibrated."""
    inputs = {"image": crop.hu[None], "scalars": np.array([[diameter_mm]], np.float32)}
    outputs = {name: np.asarray(v) for name, v in network(inputs, training=False).items()}
    probability = Calibration("temperature", 0.37, 0.0).apply(outputs["logit"]).item()
    return probability, np.clip(outputs["attributes"][0], 0, 1)


@pytest.mark.parametrize("given_mm", [7.5, np.nan])
def test_the_answer_is_that_of_keras_with_the_diameter_that_is_given_or_drawn(
    bundle_of, predictor, fine_volume, given_mm
):
    network = bundle_of("nodule")[1]
    (scored,), _ = predictor.predict_volume(fine_volume, [PlaceQuery(IN_LEFT_LUNG, given_mm)])
    told_mm = DIAMETER_OF_OUTLINE * WHOLE_CROP_MM if np.isnan(given_mm) else given_mm
    crop = cut_crop(fine_volume, IN_LEFT_LUNG, (16, 16))
    probability, shares = of_keras(network, crop, told_mm)
    assert scored.probability == pytest.approx(probability, abs=1e-4)
    assert abs(of_keras(network, crop, np.nan)[0] - probability) > 1e-3
    lows, highs = np.array(list(ATTRIBUTES.values())).T
    expected = lows + shares * (highs - lows)
    assert list(scored.attributes) == list(ATTRIBUTES)
    np.testing.assert_allclose(list(scored.attributes.values()), expected, atol=0.01)
    assert scored.diameter_mm == pytest.approx(WHOLE_CROP_MM, abs=0.1)
    assert bool(scored.detail) == bool(np.isnan(given_mm))


def test_the_outline_lies_around_the_place_in_the_patient(predictor, fine_volume):
    (scored,), _ = predictor.predict_volume(fine_volume, [PlaceQuery((50.4, 3.3, 126.2))])
    border = np.array(scored.outline_mm)
    np.testing.assert_allclose((border.min(0) + border.max(0)) / 2, [50.4, 3.3, 125], atol=0.2)
    np.testing.assert_allclose(np.ptp(border, axis=0), [16, 16, 0], atol=0.5)


def test_heads_that_learned_nothing_are_not_shown_and_the_diameter_stays_missing(
    bundle_of, fine_volume
):
    path, network, _ = bundle_of("nodule", training={"learned_heads": []})
    (scored,), _ = load_predictor(path).predict_volume(fine_volume, [PlaceQuery(IN_LEFT_LUNG)])
    crop = cut_crop(fine_volume, IN_LEFT_LUNG, (16, 16))
    assert scored.probability == pytest.approx(of_keras(network, crop, np.nan)[0], abs=1e-4)
    assert (scored.attributes, scored.diameter_mm, scored.outline_mm) == ({}, None, ())
    assert scored.detail == (
        "no diameter_mm given, and the network draws no outline: taken as missing"
    )


def test_a_network_without_numbers_beside_the_image_answers_without_a_remark(
    bundle_of, fine_volume
):
    path = bundle_of("nodule", sections={"input": {"scalars": []}})[0]
    (scored,), _ = load_predictor(path).predict_volume(fine_volume, [PlaceQuery(IN_LEFT_LUNG)])
    assert 0 < scored.probability < 1
    assert scored.detail == ""


def test_places_that_no_nodule_can_have_are_refused_and_the_rest_goes_on(predictor, fine_volume):
    places = [IN_HEART, IN_LEFT_LUNG, (500.0, 0.0, 125.0), (-52.0, 0.0, 125.0)]
    scored, warnings = predictor.predict_volume(fine_volume, [PlaceQuery(p) for p in places])
    assert [answer.centre_mm for answer in scored] == places
    assert [answer.reason for answer in scored] == [OUTSIDE_LUNGS, None, OUTSIDE_SCAN, None]
    assert [answer.status for answer in scored] == ["refused", "usable"] * 2
    assert all(answer.detail for answer in scored[::2])
    assert all(answer.probability is None for answer in scored[::2])
    assert scored[1].probability != scored[3].probability
    assert not warnings


def test_a_nodule_at_the_pleura_is_answered(predictor, fine_volume):
    beside_the_lung = (52.0 + 38 + 5, 0.0, 125.0)
    (scored,), _ = predictor.predict_volume(fine_volume, [PlaceQuery(beside_the_lung)])
    assert scored.status == "usable"


def test_a_scan_without_lungs_is_answered_with_a_warning(predictor, fine_volume):
    from dataclasses import replace

    solid = replace(fine_volume, hu=np.maximum(fine_volume.hu, 0))
    (scored,), warnings = predictor.predict_volume(solid, [PlaceQuery(IN_LEFT_LUNG)])
    assert scored.status == "usable"
    assert [warning.code for warning in warnings] == ["no-lungs"]


def test_candidates_above_a_score_are_places_too(predictor, fine_volume):
    scan = prepare(fine_volume, predictor.bundle.experiment.preparation)
    score = sorted(c.score for c in scan.candidates)[-2]
    scored, _ = predictor.predict_volume(fine_volume, [PlaceQuery(IN_LEFT_LUNG)], score)
    best = [c.centre_mm for c in scan.candidates if c.score >= score]
    assert [answer.centre_mm for answer in scored] == [IN_LEFT_LUNG, *best]
    assert len(best) == 2
    assert all(answer.probability is not None for answer in scored)


def test_many_places_give_what_each_gives_alone(predictor, fine_volume):
    rng = np.random.default_rng(2)
    places = [tuple(map(float, np.add(IN_LEFT_LUNG, rng.uniform(-9, 9, 3)))) for _ in range(40)]
    places[7], places[35] = IN_HEART, IN_HEART
    scored, _ = predictor.predict_volume(fine_volume, [PlaceQuery(p) for p in places])
    assert [answer.centre_mm for answer in scored] == places
    assert [i for i, answer in enumerate(scored) if answer.status == "refused"] == [7, 35]
    for number in (0, 8, 31, 32, 39):
        (alone,), _ = predictor.predict_volume(fine_volume, [PlaceQuery(places[number])])
        assert alone.probability == pytest.approx(scored[number].probability, abs=1e-5)


def test_the_library_answers_for_places_in_paths(nodule_bundle, fine_volume, tmp_path):
    import lungnet

    write_nifti(fine_volume, tmp_path / "scan.nii.gz")
    (tmp_path / "broken.nii.gz").write_bytes(b"no scan at all")
    model = lungnet.load_model(nodule_bundle)
    rows = {row.path[-11:]: row for row in model.predict(tmp_path, at=[IN_LEFT_LUNG])}
    assert rows["scan.nii.gz"[-11:]].places[0].probability is not None
    assert rows["scan.nii.gz"[-11:]].preparation_hash == crop_hash()
    refused = rows["oken.nii.gz"[-11:]]
    assert (refused.status, refused.places) == ("refused", ())
    with pytest.raises(UsageError, match="give --at x,y,z"):
        next(model.predict(tmp_path))


def test_a_place_of_another_series_is_not_asked_about(predictor, fine_volume, tmp_path):
    write_nifti(fine_volume, tmp_path / "scan.nii.gz")
    (series,) = find_series([tmp_path])
    queries = PlaceQueries(
        (
            PlaceQuery(IN_LEFT_LUNG, series_uid="9.9"),
            PlaceQuery(IN_HEART, series_uid=series.series_uid),
        )
    )
    (row,) = predictor.predict_series([series], queries)
    assert [answer.centre_mm for answer in row.places] == [IN_HEART]


def test_crops_of_another_recipe_are_refused_when_the_bundle_is_opened(bundle_of):
    path = bundle_of("nodule", "0123456789abcdef")[0]
    with pytest.raises(BundleError, match="crops of recipe 0123456789abcdef, this lungnet cuts"):
        BundleNetwork(path)


def test_crops_that_others_cut_cannot_be_cut_from_a_scan(bundle_of):
    network = BundleNetwork(bundle_of("nodule", None)[0])
    with pytest.raises(BundleError, match="crops that others had cut"):
        NodulePredictor(network)


def test_a_new_preparation_leaves_a_nodule_bundle_useful(bundle_of, monkeypatch):
    from lungnet.config import preparation

    nodule, bag = bundle_of("nodule")[0], bundle_of("bag")[0]
    monkeypatch.setattr(preparation, "RULES_VERSION", 99)
    load_predictor(nodule)
    with pytest.raises(BundleError, match="trained on scans of preparation"):
        load_predictor(bag)


def test_a_network_of_series_judges_no_places(bundle_of):
    with pytest.raises(UsageError, match="judges a whole series"):
        NodulePredictor(BundleNetwork(bundle_of("bag")[0]))


def test_numbers_that_nobody_gives_are_told_once(bundle_of, caplog):
    scalars = {"input": {"scalars": ["diameter_mm", "age"]}}
    path = bundle_of("nodule", sections=scalars)[0]
    with caplog.at_level("WARNING", "lungnet"):
        load_predictor(path)
    assert [r.getMessage() for r in caplog.records] == [
        "age: not known in prediction, taken as missing; the network has learned to do without"
    ]


def test_no_training_framework_is_loaded(nodule_bundle, fine_volume, tmp_path):
    write_nifti(fine_volume, tmp_path / "scan.nii.gz")
    code = (
        "import sys; from lungnet.cli.main import main; code = main(sys.argv[1:]);"
        "assert not {'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "predict", str(nodule_bundle)]
    place = ",".join(map(str, IN_LEFT_LUNG))
    done = subprocess.run(
        [*command, str(tmp_path / "scan.nii.gz"), "--at", place],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "none"},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", shipped_names())
def test_a_bundle_that_ships_is_of_this_version_and_answers(name, fine_volume):
    (scored,), _ = load_predictor(name).predict_volume(fine_volume, [PlaceQuery(IN_LEFT_LUNG)])
    assert 0 < scored.probability < 1
    assert list(scored.attributes) == list(ATTRIBUTES)


@pytest.mark.real_data
def test_the_bundle_that_ships_sees_a_real_nodule_as_its_readers_did(shared_data):
    folder = shared_data / "lidc" / "dicom" / "LIDC-IDRI-0001"
    centre_mm = (56.4, 86.39, -115.8)
    (row,) = load_predictor("nodules-lidc").predict(folder, at=[centre_mm])
    (scored,) = row.places
    assert scored.probability > 0.9  # four readers rated 5, 5, 5 and 4
    assert scored.diameter_mm == pytest.approx(26.2, abs=2.5)  # of their largest contour
    middle = np.array(scored.outline_mm).mean(0)
    assert np.linalg.norm(middle - centre_mm) < 5
    assert scored.attributes["calcification"] == pytest.approx(6, abs=0.5)  # all four: none


@pytest.mark.real_data
def test_real_places_outside_lungs_and_scan_are_refused(shared_data, predictor):
    folder = shared_data / "lidc" / "dicom" / "LIDC-IDRI-0001"
    places = [(56.4, 86.39, -115.8), (-56.4, 150.0, -115.8), (0.0, 0.0, 0.0)]
    (row,) = predictor.predict(folder, at=places)
    assert row.patient_id == "LIDC-IDRI-0001"
    assert [answer.reason for answer in row.places] == [None, OUTSIDE_LUNGS, OUTSIDE_SCAN]
    assert 0 < row.places[0].probability < 1
