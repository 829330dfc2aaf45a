"""Filling a store.

The same bytes whatever happens on the way, and one clear refusal where something is wrong.
"""

import fcntl
import os
import shutil
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from lungnet.config.preparation import PreparationConfig
from lungnet.errors import InputError, LabelsError, MachineError, UsageError
from lungnet.intake import find_series
from lungnet.store import Store, fill_store, filling, read_labels


def test_every_series_gives_a_row_and_the_usable_ones_a_scan(found, whole, tmp_path, spec):
    rows = {row.patient_id: row for row in fill_store(found, tmp_path / "s", spec)}
    assert {patient: row.status for patient, row in rows.items()} == {
        "p0": "prepared",
        "p1": "prepared",
        "p2": "prepared",
        "gap": "refused",
    }
    assert rows["gap"].reason == "missing-slice"
    assert rows["p0"].candidates == 6
    assert rows["p0"].cpu_s > 0
    manifest = Store.open(tmp_path / "s").manifest
    assert list(manifest["patient_id"]) == ["p0", "p1", "p2"]
    assert manifest["chosen"].all()
    assert manifest["synthetic"].all()
    assert manifest["label"].isna().all()


def test_two_processes_write_the_bytes_of_one(found, whole, tmp_path, spec, bytes_of):
    list(fill_store(found, tmp_path / "s", spec, jobs=2))
    assert bytes_of(tmp_path / "s") == bytes_of(whole)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    found, whole, tmp_path, spec, bytes_of
):
    out = tmp_path / "s"
    rows = fill_store(found, out, spec)
    while next(rows).status != "prepared":
        pass
    rows.close()
    assert not (out / "manifest.parquet").exists()
    for left in (
        out / ".unfinished-1-manifest.parquet",
        out / "scans" / ".unfinished-1-x.zarr" / "hu",
        out / "pictures" / ".unfinished-1-x.png",
    ):
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(b"half")
    again = [row.status for row in fill_store(found, out, spec)]
    assert sorted(again) == ["prepared", "prepared", "refused", "reused"]
    assert bytes_of(out) == bytes_of(whole)


def test_a_store_grows_by_further_series(found, whole, tmp_path, spec, bytes_of):
    for part in (found[2:], found[:2], found):
        list(fill_store(part, tmp_path / "s", spec))
    assert bytes_of(tmp_path / "s") == bytes_of(whole)


def test_a_series_that_gained_slices_is_prepared_anew(found, tmp_path, spec):
    one = next(f for f in found if f.patient_id == "p0")
    list(fill_store([one], tmp_path / "s", spec))
    fewer = replace(
        one, slices=one.slices[:-1], grid=None, refusal=("missing-slice", "cut for the test")
    )
    assert [row.status for row in fill_store([one], tmp_path / "s", spec)] == ["reused"]
    assert filling._reused(fewer, tmp_path / "s", "none") is None


def test_labels_are_matched_by_patient_and_kept(found, tmp_path, spec, caplog):
    csv = tmp_path / "labels.csv"
    csv.write_text("patient_id,label,sex\np0,1,F\np2,0,M\nother,0,F\n")
    out = tmp_path / "s"
    list(fill_store(found, out, spec, labels=read_labels(csv)))
    list(fill_store(found, out, spec))
    manifest = Store.open(out).manifest.set_index("patient_id")
    assert manifest.loc["p0", "label"] == 1
    assert manifest["label"].isna().to_dict() == {"p0": False, "p1": True, "p2": False}
    assert manifest.loc["p2", "sex"] == "M"
    assert "1 of 3 patients have no label" in caplog.text


def test_labels_by_date_and_by_series_are_those_of_the_series(tmp_path, spec, write_chest):
    for study in (0, 2):
        write_chest(tmp_path / "in" / str(study), "p5", study=study)
    series_list = find_series([tmp_path / "in"])
    csv = tmp_path / "labels.csv"
    for name, text in {
        "date": "patient_id,study_date,label\np5,1999-01-02,0\np5,20010102,1\n",
        "series": "".join(
            ["PatientID,SeriesInstanceUID,label,NoduleID\n"]
            + [f"p5,{s.series_uid},{int(s.study_date > '2000')},1\n" for s in series_list]
        ),
    }.items():
        csv.write_text(text)
        list(fill_store(series_list, tmp_path / name, spec, labels=read_labels(csv)))
        manifest = Store.open(tmp_path / name).manifest.set_index("study_date")
        assert manifest["label"].to_dict() == {"19990102": 0, "20010102": 1}


def test_a_store_of_before_study_dates_opens(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "s")
    path = tmp_path / "s" / "manifest.parquet"
    pq.write_table(pq.read_table(path).drop_columns("study_date"), path)
    assert Store.open(tmp_path / "s").manifest["study_date"].tolist() == ["", "", ""]


def test_a_store_prepared_in_parts_keeps_the_labels_of_each(found, tmp_path, spec):
    out = tmp_path / "s"
    for patient, text in (("p0", "id,cancer,sex\np0,1,F\n"), ("p2", "id,cancer,age\np2,0,61\n")):
        csv = tmp_path / f"{patient}.csv"
        csv.write_text(text)
        part = [series for series in found if series.patient_id == patient]
        list(fill_store(part, out, spec, labels=read_labels(csv)))
    manifest = Store.open(out).manifest.set_index("patient_id")
    assert manifest["label"].to_dict() == {"p0": 1, "p2": 0}
    assert manifest[["sex", "age"]].to_numpy().tolist() == [["F", ""], ["", "61"]]


def test_labels_that_contradict_the_stores_are_refused_and_change_nothing(
    found, tmp_path, spec, bytes_of
):
    out, csv = tmp_path / "s", tmp_path / "labels.csv"
    csv.write_text("id,cancer\np0,1\n")
    list(fill_store(found, out, spec, labels=read_labels(csv)))
    before = bytes_of(out)
    csv.write_text("id,cancer\np0,0\n")
    with pytest.raises(LabelsError, match=r"p0 has the label 0 here and 1 in .*labels\.csv"):
        list(fill_store(found, out, spec, labels=read_labels(csv)))
    assert bytes_of(out) == before


def test_labels_of_nobody_here_stop_before_any_work(found, tmp_path, spec):
    csv = tmp_path / "labels.csv"
    csv.write_text("id,cancer\nsomebody,1\n")
    with pytest.raises(LabelsError):
        list(fill_store(found, tmp_path / "s", spec, labels=read_labels(csv)))
    assert not (tmp_path / "s").exists()


def test_another_preparation_is_refused_and_changes_nothing(found, whole, bytes_of):
    before = bytes_of(whole)
    with pytest.raises(UsageError, match="holds scans of preparation"):
        list(fill_store(found, whole, PreparationConfig(spacing_mm=2.5)))
    assert bytes_of(whole) == before


def test_nothing_found_and_nothing_usable_are_input_errors(found, raw, tmp_path, spec):
    with pytest.raises(InputError, match="no series"):
        list(fill_store([], tmp_path / "s", spec))
    with pytest.raises(InputError, match="none of the 1 series is usable"):
        list(fill_store(find_series([raw / "gap"]), tmp_path / "s", spec))
    assert "missing-slice" in (tmp_path / "s" / "refused.csv").read_text()


def test_a_folder_with_other_files_is_not_touched(found, tmp_path, spec):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="no store"):
        list(fill_store(found, tmp_path, spec))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_store_that_another_process_fills_is_left_alone(found, tmp_path, spec):
    out = tmp_path / "s"
    out.mkdir()
    held = os.open(out, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(UsageError, match="another process"):
        list(fill_store(found, out, spec))
    os.close(held)


def test_a_full_disk_is_told_and_what_is_done_stays(
    found, whole, tmp_path, spec, monkeypatch, bytes_of
):
    out, real = tmp_path / "s", filling.prepare_series

    def full(one, *rest):
        if one.patient_id == "p2":
            raise MachineError("no space left on the disk")
        return real(one, *rest)

    monkeypatch.setattr(filling, "prepare_series", full)
    with pytest.raises(MachineError):
        list(fill_store(found, out, spec))
    monkeypatch.undo()
    assert [row.status for row in fill_store(found, out, spec)].count("reused") == 2
    assert bytes_of(out) == bytes_of(whole)


def test_no_file_name_tells_an_id(whole):
    assert not [
        p for p in whole.rglob("*") if any(word in p.name for word in ("p0", "p1", "p2", "2.25"))
    ]


def test_refused_ids_that_are_formulas_are_listed_once_as_text(found, tmp_path, spec):
    named = [
        replace(one, patient_id="=1+1", series_uid="=2+2") if one.patient_id == "gap" else one
        for one in found
    ]
    for _ in range(2):
        list(fill_store(named, tmp_path / "s", spec))
    (row,) = filling.read_refused(tmp_path / "s")
    assert (row.patient_id, row.series_uid) == ("'=1+1", "'=2+2")
