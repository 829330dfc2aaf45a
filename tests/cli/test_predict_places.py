"""`lungnet predict` at places, as a person calls it."""

import json

import pytest
from tiny_bundles import IN_HEART, IN_LEFT_LUNG

from lungnet.cli.main import main, with_values_joined
from lungnet.intake.formats.nifti import write_nifti

LUNG, HEART = (",".join(map(str, place)) for place in (IN_LEFT_LUNG, IN_HEART))


@pytest.fixture(scope="module")
def scan(fine_volume, tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "scan.nii.gz"
    write_nifti(fine_volume, path)
    return path


def test_a_value_that_begins_with_a_minus_belongs_to_its_option():
    words = [
        "predict",
        "m",
        "s",
        "--at",
        "-5.4,1,2",
        "--json",
        "-9",
        "--at=-1,2,3",
        "--at",
        ".5,1,2",
    ]
    assert with_values_joined(words) == [
        *["predict", "m", "s", "--at=-5.4,1,2", "--json=-9", "--at=-1,2,3", "--at", ".5,1,2"]
    ]
    assert with_values_joined(["-5", "--quiet", "--debug"]) == ["-5", "--quiet", "--debug"]


@pytest.mark.parametrize("at", [["--at", "-52,0,125"], ["--at=-52,0,125"], ["--at", "-.5,0,125"]])
def test_places_of_negative_coordinates_are_understood(nodule_bundle, scan, capsys, at):
    assert main(["predict", str(nodule_bundle), str(scan), *at, "--json", "--quiet"]) == 0
    ((answer,),) = (series["places"] for series in json.loads(capsys.readouterr().out)["series"])
    assert answer["centre_mm"][0] == float(at[-1].split("=")[-1].split(",")[0])


def test_the_document_has_the_keys_of_the_contract(nodule_bundle, scan, capsys):
    arguments = ["predict", str(nodule_bundle), str(scan), "--at", LUNG, "--at", HEART]
    assert main([*arguments, "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "readers would rate" in document["meaning"]
    assert "not a patient's diagnosis" in document["meaning"]
    answered, refused = document["series"][0]["places"]
    keys = {"centre_mm", "probability", "interval", "attributes", "diameter_mm", "status", "reason"}
    assert keys <= set(answered) & set(refused)
    assert (answered["status"], answered["reason"]) == ("usable", None)
    assert (refused["status"], refused["reason"]) == ("refused", "outside-lungs")
    assert 1 <= answered["attributes"]["spiculation"] <= 5
    assert main([*arguments, "--strict", "--quiet"]) == 3


def test_the_table_has_a_row_per_place_and_says_what_it_is_not(nodule_bundle, scan, capsys):
    main(["predict", str(nodule_bundle), str(scan), "--at", LUNG, "--at", HEART, "--quiet"])
    lines = capsys.readouterr().out.splitlines()
    assert "52, 0, 125" in lines[1]
    assert "spiculation" in lines[1]
    assert "outside-lungs" in lines[2]
    assert lines[3] == "2 places in 1 series (0 refused): 1 answered, 1 refused"
    assert "readers would rate the nodule malignant" in lines[4]
    assert "not a patient's diagnosis" in lines[4]


def test_a_csv_with_bad_rows_is_answered_for_the_good_ones(nodule_bundle, scan, capsys, tmp_path):
    table = tmp_path / "places.csv"
    table.write_text(
        "x_mm,y_mm,z_mm,diameter_mm,series_uid\n52,0,125,8,\n52,zero,125,,\n52,0,125,,9.9\n"
    )
    arguments = ["predict", str(nodule_bundle), str(scan), "--places", str(table)]
    assert main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["series"][0]["places"]) == 1
    told = [line for line in captured.err.splitlines() if "left out" in line]
    assert told == [
        f"{table}: line 3: y_mm is 'zero'; expected millimetres; the row is left out",
        "1 of 2 places name a series_uid that is not below the given paths; they are left out",
    ]
    assert main([*arguments, "--strict", "--quiet"]) == 3


def test_series_of_a_csv_are_met_under_their_pseudonyms(nodule_bundle, scan, capsys, tmp_path):
    from lungnet.intake import find_series

    uid = find_series([scan])[0].series_uid
    table, salt = tmp_path / "places.csv", tmp_path / "salt"
    table.write_text(f"x_mm,y_mm,z_mm,series_uid\n52,0,125,{uid}\n")
    salt.write_text("a secret of some length")
    words = ["--places", str(table), "--pseudonymise", str(salt), "--json", "--quiet"]
    assert main(["predict", str(nodule_bundle), str(scan), *words]) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert series["series_uid"] != uid
    assert len(series["places"]) == 1


def test_candidates_above_a_score_are_answered(nodule_bundle, scan, capsys):
    arguments = ["predict", str(nodule_bundle), str(scan), "--json", "--quiet"]
    counts = []
    for score in ("0", "1e9"):
        assert main([*arguments, "--candidates", score]) == 0
        (series,) = json.loads(capsys.readouterr().out)["series"]
        counts.append(len(series["places"]))
    assert counts[0] > counts[1] == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nodule"], 2, "judges nodules at places that are given; give --at x,y,z"),
        (["bag", "--at", "1,2,3"], 2, "judges a whole series, not places"),
        (["nodule", "--at", "1,2"], 2, "--at '1,2' is no place; expected x,y,z"),
        (["nodule", "--places", "none.csv"], 3, "none.csv: no such file"),
    ],
)
def test_what_does_not_go_together_is_one_line(bundle_of, scan, capsys, words, code, sentence):
    assert main(["predict", str(bundle_of(words[0])[0]), str(scan), *words[1:]]) == code
    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert "\n" not in told


def test_a_name_that_does_not_ship_is_told_with_those_that_do(monkeypatch, capsys, tmp_path):
    from lungnet.models import shipped

    monkeypatch.setattr(shipped, "PRETRAINED", tmp_path)
    assert main(["predict", "nodules-lidc", "scan", "--at", "1,2,3"]) == 4
    told = capsys.readouterr().err.strip()
    assert told.startswith("lungnet predict: nodules-lidc: no such bundle;")
    assert told.endswith("ships with this version (there is none)")


def test_a_bundle_that_ships_answers_by_its_name(
    monkeypatch, nodule_bundle, scan, capsys, tmp_path
):
    from lungnet.models import shipped

    (tmp_path / "nodules-lidc").symlink_to(nodule_bundle)
    monkeypatch.setattr(shipped, "PRETRAINED", tmp_path)
    monkeypatch.chdir(scan.parent)
    assert main(["predict", "nodules-lidc", str(scan), "--at", LUNG, "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "nodules-lidc"
