"""`lungnet convert`: HU as NIfTI in patient geometry, one file per usable series."""

import argparse
import csv
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lungnet.dicom import Found, Pseudonyms

SUMMARY = "write every usable series as NIfTI: HU, patient geometry"
EXAMPLE = "lungnet convert data/raw --out data/nifti"

COLUMNS = ("file", "patient_id", "series_uid", "status", "reason", "detail")

log = logging.getLogger("lungnet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="folder, zip, tar, DICOMDIR or file (DICOM, NIfTI, MHA, NRRD)")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="folder for the NIfTI files and series.csv, which says whose they are"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 3 if any series is refused")
    parser.add_argument("--pseudonymise", metavar="SALT-FILE", type=Path, help="replace ids by hashes keyed with this file's bytes")


def run(args: argparse.Namespace) -> int | None:
    """Convert every usable series and list all of them."""
    from lungnet.dicom import Pseudonyms, find_series
    from lungnet.errors import InputError
    from lungnet.files import write_text
    from lungnet.progress import track

    pseudonyms = Pseudonyms.from_file(args.pseudonymise) if args.pseudonymise else None
    found = find_series(args.paths)
    if not found:
        raise InputError(f"{', '.join(map(str, args.paths))}: no DICOM, NIfTI, MHA or NRRD series in there")
    rows = [_convert(one, args.out, pseudonyms) for one in track(found, "series", len(found))]
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(args.out / "series.csv", table.getvalue())
    refused = [row for row in rows if row["status"] == "refused"]
    for row in refused:
        log.info("refused: patient %s, series …%s: %s: %s", row["patient_id"] or "?", row["series_uid"][-12:], row["reason"], row["detail"])
    print(f"{len(rows) - len(refused)} series written to {args.out}, {len(refused)} refused")
    if len(refused) == len(rows):
        raise InputError(f"none of the {len(rows)} series is usable; {args.out / 'series.csv'} says why")
    return InputError.exit_code if args.strict and refused else None


def _convert(found: "Found", out: Path, pseudonyms: "Pseudonyms | None") -> dict[str, str]:
    from lungnet.dicom import read_series, series_key
    from lungnet.dicom.nifti import write_nifti
    from lungnet.errors import SeriesRefused

    patient_id, series_uid = found.patient_id, found.series_uid
    if pseudonyms is not None:
        patient_id, series_uid = pseudonyms.patient(patient_id), pseudonyms.uid(series_uid)
    row = dict.fromkeys(COLUMNS, "") | {"patient_id": patient_id, "series_uid": series_uid}
    try:
        volume = read_series(found)
    except SeriesRefused as refusal:
        return row | {"status": "refused", "reason": refusal.reason, "detail": refusal.detail}
    name = f"{series_key(patient_id, series_uid)}.nii.gz"
    write_nifti(volume, out / name)
    return row | {"file": name, "status": "usable", "detail": "; ".join(f"{w.code}: {w.detail}" for w in volume.warnings)}
