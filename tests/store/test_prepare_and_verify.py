"""`lungnet prepare` and `lungnet verify` as a user meets them."""

import argparse
import json

import numpy as np
import pytest

from lungnet.cli import prepare, verify
from lungnet.errors import InputError
from lungnet.store import Store, read_labels


@pytest.fixture
def run(capsys):
    def runner(command, *arguments):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        code = command.run(parser.parse_args([str(a) for a in arguments]))
        return code or 0, capsys.readouterr().out

    return runner


def test_prepare_prints_the_contracts_json_and_verify_holds(run, raw, tmp_path):
    code, out = run(prepare, raw, "--out", tmp_path / "s", "--jobs", 1, "--json")
    document = json.loads(out)
    assert code == 0
    assert {k: document[k] for k in ("store", "prepared", "reused", "refused")} == {
        "store": str(tmp_path / "s"),
        "prepared": 3,
        "reused": 0,
        "refused": 1,
    }
    keys = {
        "series_uid",
        "patient_id",
        "status",
        "reason",
        "shape",
        "lung_litres",
        "candidates",
        "cpu_s",
    }
    assert all(keys <= row.keys() for row in document["series"])
    assert run(prepare, raw / "p0", "--out", tmp_path / "s", "--strict")[0] == 0
    assert run(verify, tmp_path / "s")[0] == 0


@pytest.fixture
def abdomen(tmp_path, write_chest):
    """A slab without lungs, too short to be refused for that."""
    hu = np.full((20, 80, 100), -1000, np.int16)
    hu[:, 10:-10, 10:-10] = np.random.default_rng(1).normal(40, 15, (20, 60, 80))
    return write_chest(tmp_path / "abdomen", "p9", hu)


def test_a_preparation_that_failed_says_so_wherever_a_person_looks(run, raw, abdomen, tmp_path):
    store = tmp_path / "s"
    code, out = run(prepare, raw / "p0", abdomen, "--out", store, "--json", "--strict")
    assert code == 3
    document = json.loads(out)
    rows = {row["patient_id"]: row for row in document["series"]}
    assert rows["p0"]["lung_litres"] > 0.5
    assert rows["p9"]["lung_litres"] is None
    assert "no-lungs" in {warning["code"] for warning in rows["p9"]["warnings"]}
    assert document["warnings"]["no-lungs"] == 1
    code, out = run(prepare, raw / "p0", abdomen, "--out", store)
    assert code == 0
    assert "no-lungs" in next(line for line in out.splitlines() if line.startswith("p9"))
    assert "no-lungs 1" in out
    code, out = run(verify, store)
    assert code == 0
    assert out.count("no-lungs") == 1
    assert "1 doubtful" in out
    page = (store / "pictures" / "index.html").read_text()
    assert page.index("<b>no-lungs</b>") < page.index("p0")
    assert np.isnan(Store.open(store).manifest.set_index("patient_id").loc["p9", "lung_litres"])


def test_what_is_not_chosen_is_counted(run, write_chest, tmp_path):
    for number in (0, 1):
        write_chest(tmp_path / "in" / str(number), "p5", study=number)
    code, out = run(prepare, tmp_path / "in", "--out", tmp_path / "s")
    assert code == 0
    assert "1 not chosen beside a better one" in out


def test_a_pseudonymised_store_holds_no_id_and_keeps_its_labels(run, raw, tmp_path):
    salt, labels, store = tmp_path / "salt", tmp_path / "labels.csv", tmp_path / "s"
    salt.write_text("0123456789abcdef")
    labels.write_text("patient_id,label\np0,0\np1,1\np2,1\n")
    code, out = run(
        prepare,
        raw,
        "--out",
        store,
        "--labels",
        labels,
        "--pseudonymise",
        salt,
        "--jobs",
        1,
        "--json",
    )
    assert code == 0
    patients = {row["patient_id"] for row in json.loads(out)["series"]}
    written = out + "".join(
        p.read_bytes().decode("latin-1")
        for p in sorted(store.rglob("*"))
        if p.is_file() and p.suffix != ".png"
    )
    assert not any(secret in written for secret in ('"p0"', ",p1,", "2.25.28720", str(raw)))
    known = {key[0]: row.label for key, row in read_labels(store / "labels.csv").by_key.items()}
    assert (set(known) <= patients, len(patients), sorted(known.values())) == (True, 4, [0, 1, 1])


def test_pseudonyms_hide_dates_and_keep_the_labels_that_name_them(run, write_chest, tmp_path):
    for study in (0, 2):
        write_chest(tmp_path / "in" / str(study), "p5", study=study)
    salt, labels, store = tmp_path / "salt", tmp_path / "labels.csv", tmp_path / "s"
    salt.write_text("0123456789abcdef")
    labels.write_text("PatientID,StudyDate,label\np5,19990102,0\np5,20010102,1\n")
    options = "--out", store, "--labels", labels, "--pseudonymise", salt
    assert run(prepare, tmp_path / "in", *options, "--jobs", 1)[0] == 0
    assert sorted(Store.open(store).manifest["label"]) == [0, 1]
    files = [p for p in store.rglob("*") if p.suffix not in (".png", "") and p.is_file()]
    assert not any(b"19990102" in p.read_bytes() for p in files)


def test_strict_makes_a_refused_series_a_failure(run, raw, whole, tmp_path):
    code, out = run(prepare, raw, "--out", tmp_path / "s", "--jobs", 1, "--strict")
    assert code == 3
    assert "missing-slice" in out


def test_verify_names_what_fails_and_repair_takes_it_out(run, raw, tmp_path):
    store = tmp_path / "s"
    run(prepare, raw / "p0", raw / "p1", "--out", store, "--jobs", 1)
    shard = min((store / "scans").iterdir()) / "hu" / "c" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:-1])
    code, out = run(verify, store, "--json")
    assert code == 4
    assert [d["name"] for d in json.loads(out)["damaged"]] == [f"scans/{shard.parents[4].stem}"]
    assert run(verify, store, "--repair")[0] == 0
    assert (
        json.loads(run(prepare, raw / "p0", raw / "p1", "--out", store, "--json")[1])["prepared"]
        == 1
    )


def test_an_empty_folder_is_an_input_error(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        run(prepare, tmp_path / "empty", "--out", tmp_path / "s")
    assert not (tmp_path / "s").exists()
