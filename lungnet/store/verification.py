"""Check every byte of a store against its checksum, and take out what fails."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lungnet.config.preparation import PreparationConfig
from lungnet.errors import StoreError
from lungnet.files import file_hash, remove, remove_unfinished
from lungnet.preprocessing.warning_codes import WARNINGS
from lungnet.store.layout import (
    GROUP,
    LABELS,
    MANIFEST,
    PICTURE,
    PICTURES,
    PREPARATION,
    REFUSED,
    SCANS,
    SUMS,
    picture_file,
    scan_folder,
    scan_keys,
)
from lungnet.store.manifest import read_manifest, read_refused, write_tables
from lungnet.store.prepared_store import read_preparation, write_preparation
from lungnet.store.stored_scan import read_attributes

CHANGED = "its bytes are not those that were written"


@dataclass(frozen=True)
class CheckedEntry:
    """One thing that was checked: a table of the store, or a scan with its picture.

    Attributes:
        name: relative path in the store.
        problem: what is wrong, None where nothing is.
        doubts: codes of preparation's warnings on a scan.
    """

    name: str
    problem: str | None
    doubts: tuple[str, ...] = ()


def verify_store(store: Path) -> Iterator[CheckedEntry]:
    """Check the tables, then scan after scan; yields each as it is done.

    Raises:
        StoreError: the folder is no store at all.
    """
    if not (store / SCANS).is_dir() and not (store / PREPARATION).is_file():
        raise StoreError(
            f"{store}: no prepared store (no {PREPARATION}, no {SCANS}); make one with `lungnet "
            f"prepare PATH --out {store}`"
        )
    yield from _checked_tables(store)
    expected = _expected(store)
    for key in sorted(expected.keys() | set(scan_keys(store))):
        problem = _scan_problem(store, key, expected.get(key))
        doubts = () if problem else _doubts(scan_folder(store, key))
        yield CheckedEntry(f"{SCANS}/{key}", problem, doubts)


def repair_store(store: Path, damaged: list[CheckedEntry]) -> list[str]:
    """Take damaged scans and tables out and write the tables anew.

    `lungnet prepare` then makes the scans again.

    Returns:
        What was removed, by relative path.

    Raises:
        StoreError: nothing whole is left to tell the settings from.
    """
    removed = []
    for checked in damaged:
        if checked.name.startswith(f"{SCANS}/"):
            key = checked.name.removeprefix(f"{SCANS}/")
            remove(scan_folder(store, key))
            remove(picture_file(store, key))
            removed.append(checked.name)
        elif checked.name in (LABELS, REFUSED) and (store / checked.name).exists():
            remove(store / checked.name)
            removed.append(checked.name)
    for folder in (store, store / SCANS, store / PICTURES):
        remove_unfinished(folder)
    if any(checked.name == PREPARATION for checked in damaged):
        _restore_preparation(store)
    write_tables(store, read_refused(store))
    return removed


def _restore_preparation(store: Path) -> None:
    keys = scan_keys(store)
    if not keys:
        raise StoreError(
            f"{store}: {PREPARATION} is damaged and no whole scan is left to restore it from; "
            "delete the store and prepare again"
        )
    provenance = read_attributes(scan_folder(store, keys[0]))["provenance"]
    config = PreparationConfig(**provenance["preparation"])
    if config.preparation_hash() != provenance["preparation_hash"]:
        raise StoreError(
            f"{store}: the scans were prepared by other rules than this version's; delete the "
            "store and prepare again"
        )
    write_preparation(store, config)


def _checked_tables(store: Path) -> Iterator[CheckedEntry]:
    try:
        lines = [
            line.split("  ", 1) for line in (store / SUMS).read_text(encoding="utf-8").splitlines()
        ]
        sums = {name: digest for digest, name in lines}
    except (OSError, ValueError):
        yield CheckedEntry(
            SUMS,
            "is missing or no list of checksums: preparation did not finish, or it was damaged",
        )
        sums = {}
    for name in (LABELS, MANIFEST, PREPARATION, REFUSED):
        if (store / name).is_file():
            if name in sums:
                yield CheckedEntry(name, None if file_hash(store / name) == sums[name] else CHANGED)
            elif sums:
                yield CheckedEntry(name, f"is not listed in {SUMS}")
        elif name in sums or name != LABELS:
            yield CheckedEntry(name, "is missing")
    try:
        read_preparation(store)
    except StoreError as error:
        yield CheckedEntry(PREPARATION, str(error))


def _expected(store: Path) -> dict[str, str]:
    """Checksum by key, as the manifest tells.

    Empty where it cannot be read (which is told already).
    """
    try:
        manifest = read_manifest(store)
    except StoreError:
        return {}
    return dict(zip(manifest["key"], manifest["checksum"], strict=True))


def _scan_problem(store: Path, key: str, checksum: str | None) -> str | None:
    folder = scan_folder(store, key)
    try:
        sums = read_attributes(folder)["sha256"]
        group = file_hash(folder / GROUP)
    except (StoreError, OSError):
        return f"{GROUP} is missing or cannot be read"
    # Not in the manifest: finished by a run that was interrupted; its own checksums still hold for
    # all but the group.
    if checksum is not None and group != checksum:
        return f"{GROUP}: {CHANGED}"
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {GROUP}
    foreign = sorted(there - sums.keys())
    if foreign:
        return f"{foreign[0]} was not written by lungnet"
    return next(_wrong_files(store, key, sums), None)


def _doubts(folder: Path) -> tuple[str, ...]:
    codes = (warning["code"] for warning in read_attributes(folder)["warnings"])
    return tuple(code for code in codes if code in WARNINGS)


def _wrong_files(store: Path, key: str, sums: Mapping[str, str]) -> Iterator[str]:
    folder = scan_folder(store, key)
    for name, digest in sorted(sums.items()):
        path = picture_file(store, key) if name == PICTURE else folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif file_hash(path) != digest:
            yield f"{name}: {CHANGED}"
