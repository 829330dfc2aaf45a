"""`lungnet inspect` and `lungnet convert`: what they print, write, and return."""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_making import Making, chest, datasets, write, write_series

from lungnet.cli import convert, inspect
from lungnet.errors import InputError, UsageError
from lungnet.intake import choose, find_series, inspect_series, read_series
from lungnet.intake.reasons import REASONS, WARNINGS
from lungnet.intake.rows import SeriesRow
from lungnet.preprocessing import warning_codes

KEYS = {
    "path",
    "patient_id",
    "study_uid",
    "series_uid",
    "status",
    "reason",
    "detail",
    "warnings",
    "chosen",
    "modality",
    "slices",
}
MORE_KEYS = {"shape", "spacing_mm", "origin_mm", "transfer_syntax", "manufacturer", "kernel"}


def run(command: object, *arguments: object) -> int | None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    # No-any-return]
    return command.run(parser.parse_args([str(a) for a in arguments]))  # type: ignore[attr-defined,


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """One usable series and one with a missing slice."""
    folder = tmp_path / "raw" / "Quxley"
    write_series(folder / "good", chest())
    write(
        folder / "bad",
        [
            d
            for k, d in enumerate(datasets(chest(), Making(patient_id="P2", series_uid="1.2.9")))
            if k != 4
        ],
    )
    return folder


def test_inspect_prints_one_document_with_the_promised_keys(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(inspect, archive, "--json") is None
    rows = json.loads(capsys.readouterr().out)["series"]
    assert all(set(row) >= KEYS | MORE_KEYS for row in rows)
    good, bad = rows
    assert (good["status"], good["reason"], good["chosen"], good["shape"]) == (
        "usable",
        None,
        True,
        [8, 24, 28],
    )
    assert (bad["status"], bad["reason"], bad["chosen"], bad["shape"]) == (
        "refused",
        "missing-slice",
        False,
        None,
    )


def test_inspect_shows_a_table_and_strict_fails_on_a_refusal(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(inspect, archive, "--strict") == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "missing-slice" in lines[2]
    assert run(inspect, archive / "good", "--strict") is None


def test_nothing_to_inspect_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("not dicom")
    with pytest.raises(InputError, match="no DICOM"):
        run(inspect, tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        run(inspect, tmp_path / "nowhere")


def test_pseudonyms_replace_every_id_and_path(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    salt = tmp_path / "salt"
    salt.write_text("0123456789abcdef")
    run(inspect, archive, "--json", "--pseudonymise", salt)
    first = capsys.readouterr().out
    rows = json.loads(first)["series"]
    assert not any(secret in first for secret in ("P1", '"P2"', "1.2.826", "Quxley"))
    assert rows[0]["patient_id"] != rows[1]["patient_id"]
    assert rows[0]["study_uid"] == rows[1]["study_uid"]
    run(inspect, archive, "--json", "--pseudonymise", salt)
    assert capsys.readouterr().out == first
    salt.write_text("short")
    with pytest.raises(UsageError, match="bytes"):
        run(inspect, archive, "--pseudonymise", salt)


def test_bounds_of_intake_come_from_the_configuration(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "some.yaml"
    config.write_text("preparation: {intake: {fewest_slices: 9}}\n")
    run(inspect, archive / "good", "--json", "--config", config)
    (row,) = json.loads(capsys.readouterr().out)["series"]
    assert (row["reason"], row["detail"]) == (
        "too-few-slices",
        "8 slice(s), at least 9 make a volume",
    )


def test_convert_writes_a_file_per_usable_series_and_lists_all(
    archive: Path, tmp_path: Path
) -> None:
    assert run(convert, archive, "--out", tmp_path / "out") is None
    with (tmp_path / "out" / "series.csv").open(newline="") as file:
        good, bad = csv.DictReader(file)
    assert bad["reason"] == "missing-slice"
    (found, _) = find_series([archive])
    volume = read_series(found)
    image = sitk.DICOMOrient(sitk.ReadImage(str(tmp_path / "out" / good["file"])), "LPS")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume.hu)
    np.testing.assert_allclose(image.GetOrigin(), volume.origin_mm, atol=1e-4)
    assert run(convert, archive, "--out", tmp_path / "out", "--strict") == 3
    with pytest.raises(InputError, match="none of the 1 series"):
        run(convert, archive / "bad", "--out", tmp_path / "none")


def row(**changes: object) -> SeriesRow:
    nothing = dict.fromkeys(
        ("path", "study_uid", "detail", "transfer_syntax", "manufacturer", "kernel"), ""
    )
    ids = {"patient_id": "P", "series_uid": "1", "modality": "CT", "plane": "axial"}
    verdict = {"status": "usable", "reason": None, "warnings": (), "chosen": False}
    geometry = {
        "slices": 300,
        "shape": (300, 512, 512),
        "spacing_mm": (1.0, 0.7, 0.7),
        "origin_mm": (0.0, 0.0, 0.0),
    }
    return SeriesRow(**{**nothing, **ids, **verdict, **geometry, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"plane": "other"}, {}),
        ({"shape": (60, 512, 512), "spacing_mm": (5.0, 0.7, 0.7)}, {}),
        ({"shape": (40, 512, 512), "spacing_mm": (0.6, 0.7, 0.7)}, {}),
        ({"kernel": "SOFT"}, {"kernel": "B60f"}),
        ({"kernel": "B30f"}, {"kernel": "LUNG"}),
        ({"status": "refused", "spacing_mm": (0.5, 0.7, 0.7)}, {"spacing_mm": (5.0, 0.7, 0.7)}),
    ],
)
def test_one_series_of_a_patient_is_chosen_by_the_policy(
    worse: dict[str, object], better: dict[str, object]
) -> None:
    for rows in (
        [row(series_uid="1", **worse), row(series_uid="2", **better)],
        [row(series_uid="2", **better), row(series_uid="1", **worse)],
    ):
        assert [r.series_uid for r in choose(rows) if r.chosen] == ["2"]


def test_the_choice_says_its_policy_only_where_there_was_one() -> None:
    several = choose([row(series_uid="1"), row(series_uid="2"), row(patient_id="Q")])
    assert ["among 2 usable" in r.detail for r in several] == [True, True, False]
    assert [r.chosen for r in several] == [True, False, True]


def test_the_row_of_a_series_tells_its_geometry(tmp_path: Path) -> None:
    (found,) = find_series([write_series(tmp_path, chest())])
    made = inspect_series(found)
    assert made.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert (made.slices, made.kernel, made.manufacturer) == (8, "B50f", "Maker")


@pytest.mark.parametrize("codes", [REASONS, WARNINGS, warning_codes.WARNINGS])
def test_the_page_on_intake_tells_every_code(codes: dict[str, str]) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "intake.md").read_text()
    assert [
        code for code, meaning in codes.items() if f"| `{code}` | {meaning} |" not in page
    ] == []


def test_ids_that_are_formulas_reach_the_table_as_text(tmp_path: Path) -> None:
    write_series(tmp_path / "raw", chest(), Making(patient_id="=HYPERLINK(1)"))
    assert run(convert, tmp_path / "raw", "--out", tmp_path / "out") is None
    with (tmp_path / "out" / "series.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["patient_id"] == "'=HYPERLINK(1)"


def test_neither_a_reformat_nor_an_abdomen_decides_what_a_whole_chest_is() -> None:
    chest_5mm = row(series_uid="chest", shape=(60, 512, 512), spacing_mm=(5.0, 0.7, 0.7))
    detail = row(series_uid="detail", shape=(100, 512, 512))
    coronal = row(
        series_uid="coronal", shape=(512, 512, 512), spacing_mm=(0.78, 0.7, 0.7), plane="other"
    )
    assert [r.series_uid for r in choose([chest_5mm, detail, coronal]) if r.chosen] == ["chest"]
    torso = row(series_uid="torso", shape=(130, 512, 512), spacing_mm=(5.0, 0.7, 0.7))
    thin = row(series_uid="thin", shape=(320, 512, 512))
    assert [r.series_uid for r in choose([torso, thin, detail]) if r.chosen] == ["thin"]
