"""The store's table.

A row per prepared series, made from the scans and the labels alone, so that it can always be made
again.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from lungnet.errors import LabelsError, StoreError
from lungnet.files import file_hash, replacing, write_text
from lungnet.intake import SeriesRow, choose
from lungnet.store.contact_sheet import write_contact_sheet
from lungnet.store.labels import Labels, SeriesIds, labels_text, read_labels
from lungnet.store.layout import (
    GROUP,
    LABELS,
    MANIFEST,
    PREPARATION,
    REFUSED,
    SUMS,
    scan_folder,
    scan_keys,
)
from lungnet.store.stored_scan import read_attributes

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("series_uid", pa.string()),
        ("stack", pa.string()),
        ("patient_id", pa.string()),
        ("study_uid", pa.string()),
        ("study_date", pa.string()),
        ("label", pa.int8()),
        ("chosen", pa.bool_()),
        ("synthetic", pa.bool_()),
        ("shape", pa.list_(pa.int32())),
        ("spacing_mm", pa.list_(pa.float64())),
        ("affine", pa.list_(pa.float64())),
        ("lung_litres", pa.float64()),
        ("candidates", pa.int32()),
        ("warnings", pa.list_(pa.string())),
        ("source_slices", pa.int32()),
        ("source_spacing_mm", pa.list_(pa.float64())),
        ("manufacturer", pa.string()),
        ("kernel", pa.string()),
        ("preparation_hash", pa.string()),
        ("lungnet_version", pa.string()),
        ("checksum", pa.string()),
    ]
)
"""Columns of the manifest; those of the labels file follow, as text. `checksum` is the SHA-256 of
the scan's `zarr.json`, which holds those of all its other files."""


@dataclass(frozen=True, order=True)
class RefusedRow:
    """A series that was not prepared.

    Ids and path as cells that no spreadsheet runs (`lungnet.files.harmless`).
    """

    patient_id: str
    series_uid: str
    path: str
    reason: str
    detail: str
    stack: str = ""


def write_tables(store: Path, refused: Iterable[RefusedRow]) -> None:
    """Write `refused.csv`, `manifest.parquet` and their checksums from what lies in the store."""
    keys = scan_keys(store)
    attributes = [read_attributes(scan_folder(store, key)) for key in keys]
    labels = read_store_labels(store)
    _write_refused(store, refused)
    rows = _rows(store, keys, attributes, labels)
    _write_manifest(store, rows, sorted(labels.columns) if labels else [])
    write_contact_sheet(store, rows)
    names = [name for name in (LABELS, MANIFEST, PREPARATION, REFUSED) if (store / name).is_file()]
    # In the form of coreutils: `sha256sum -c SHA256SUMS` checks it without us.
    write_text(store / SUMS, "".join(f"{file_hash(store / name)}  {name}\n" for name in names))


def read_manifest(store: Path) -> "pd.DataFrame":
    """The manifest as a table; `label` is a nullable integer.

    Raises:
        StoreError: it is missing or damaged.
    """
    path = store / MANIFEST
    if not path.is_file():
        raise StoreError(
            f"{store}: the store has no {MANIFEST}: preparation did not finish; run the same "
            "`lungnet prepare` again"
        )
    try:
        table = pq.read_table(path)
        if "study_date" not in table.column_names:  # a store of before labels by date
            table = table.append_column("study_date", pa.array([""] * len(table), pa.string()))
        frame: pd.DataFrame = table.select(
            SCHEMA.names + [n for n in table.column_names if n not in SCHEMA.names]
        ).to_pandas()
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise StoreError(
            f"{path}: the manifest cannot be read ({type(error).__name__}); run `lungnet verify "
            f"{store} --repair`"
        ) from None
    frame["label"] = frame["label"].astype("Int8")
    return frame


def store_labels(store: Path, labels: Labels) -> None:
    """Keep the labels in the store, without columns that may say who a patient is."""
    write_text(store / LABELS, labels_text(labels))


def read_store_labels(store: Path) -> Labels | None:
    """The labels kept in the store, if any.

    Raises:
        StoreError: they are damaged.
    """
    if not (store / LABELS).exists():
        return None
    try:
        return read_labels(store / LABELS)
    except LabelsError as error:
        raise StoreError(
            f"{error}; run `lungnet verify {store} --repair`, then `lungnet prepare` with --labels "
            "again"
        ) from None


def read_refused(store: Path) -> list[RefusedRow]:
    """The series refused so far."""
    if not (store / REFUSED).is_file():
        return []
    with (store / REFUSED).open(newline="", encoding="utf-8") as file:
        return [RefusedRow(**row) for row in csv.DictReader(file)]


def _write_refused(store: Path, refused: Iterable[RefusedRow]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(
        text,
        ("series_uid", "patient_id", "reason", "detail", "path", "stack"),
        lineterminator="\n",
    )
    writer.writeheader()
    writer.writerows(vars(refusal) for refusal in sorted(refused))
    write_text(store / REFUSED, text.getvalue())


def _rows(
    store: Path, keys: Sequence[str], attributes: Sequence[dict[str, Any]], labels: Labels | None
) -> list[dict[str, Any]]:
    chosen = [row.chosen for row in choose([_series_row(a) for a in attributes])]
    rows = []
    for key, a, is_chosen in zip(keys, attributes, chosen, strict=True):
        study_date = a["source"].get("study_date", "")
        ids = SeriesIds(a["patient_id"], a["series_uid"], study_date)
        labeled = labels.row_of(ids) if labels else None
        row = {
            "key": key,
            **{name: a[name] for name in ("series_uid", "patient_id", "shape", "lung_litres")},
            "study_uid": a["source"]["study_uid"],
            "study_date": study_date,
            "label": labeled.label if labeled else None,
            "stack": a["source"]["stack"],
            "chosen": is_chosen,
            "synthetic": a["provenance"]["synthetic"],
            "spacing_mm": [a["provenance"]["preparation"]["spacing_mm"]] * 3,
            "affine": [value for line in a["affine"] for value in line],
            "candidates": len(a["candidates"]),
            "warnings": [warned["code"] for warned in a["warnings"]],
            "source_slices": a["source"]["slices"],
            "source_spacing_mm": a["source"]["spacing_mm"],
            **{name: a["source"][name] for name in ("manufacturer", "kernel")},
            **{name: a["provenance"][name] for name in ("preparation_hash", "lungnet_version")},
            "checksum": file_hash(scan_folder(store, key) / GROUP),
        }
        rows.append((labels.cells_of(labeled) if labels else {}) | row)
    return sorted(rows, key=lambda row: (row["patient_id"], row["series_uid"], row["stack"]))


def _series_row(a: dict[str, Any]) -> SeriesRow:
    """Intake's row, without what the store does not keep."""
    source: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in a["source"].items()
    }
    gone: dict[str, Any] = {
        "path": "",
        "status": "usable",
        "reason": None,
        "detail": "",
        "warnings": (),
        "chosen": False,
    }
    return SeriesRow(patient_id=a["patient_id"], series_uid=a["series_uid"], **gone, **source)


def _write_manifest(store: Path, rows: list[dict[str, Any]], label_columns: list[str]) -> None:
    from lungnet.version import __version__

    taken = set(SCHEMA.names)
    fields = [pa.field(name, pa.string()) for name in label_columns if name not in taken]
    synthetic = any(row["synthetic"] for row in rows)
    notes = {"written_by": f"lungnet {__version__}", "synthetic": str(synthetic).lower()}
    schema = pa.schema([*SCHEMA, *fields], metadata=notes)
    with replacing(store / MANIFEST) as path:
        pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="zstd")
