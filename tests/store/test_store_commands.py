"""`lungnet prepare` and `lungnet verify` as a user meets them."""

import argparse
import json

import pytest

from lungnet.cli import prepare, verify
from lungnet.errors import InputError


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
    keys = {"series_uid", "patient_id", "status", "reason", "shape", "lung_litres", "candidates", "cpu_s"}
    assert all(keys <= row.keys() for row in document["series"])
    assert run(prepare, raw / "p0", "--out", tmp_path / "s", "--strict")[0] == 0
    assert run(verify, tmp_path / "s")[0] == 0


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
    assert json.loads(run(prepare, raw / "p0", raw / "p1", "--out", store, "--json")[1])["prepared"] == 1


def test_an_empty_folder_is_an_input_error(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        run(prepare, tmp_path / "empty", "--out", tmp_path / "s")
    assert not (tmp_path / "s").exists()
