"""Where what lies in a store, and under which name.

The key of a scan is `lungnet.intake.series_key` of its ids.
"""

from pathlib import Path

MANIFEST = "manifest.parquet"
PREPARATION = "preparation.json"
REFUSED = "refused.csv"
LABELS = "labels.csv"
SUMS = "SHA256SUMS"
SCANS = "scans"
PICTURES = "pictures"
PICTURE = "picture"
"""Stands for the scan's picture, which lies outside its folder, in the scan's list of checksums."""

SCAN_SUFFIX = ".zarr"
GROUP = "zarr.json"


def scan_folder(store: Path, key: str) -> Path:
    """Folder of one scan's arrays and attributes."""
    return store / SCANS / f"{key}{SCAN_SUFFIX}"


def picture_file(store: Path, key: str) -> Path:
    """Picture of one scan for people who check by eye."""
    return store / PICTURES / f"{key}.png"


def scan_keys(store: Path) -> list[str]:
    """Keys of all whole scans in the store, sorted."""
    return sorted(
        path.name.removesuffix(SCAN_SUFFIX) for path in (store / SCANS).glob(f"[!.]*{SCAN_SUFFIX}")
    )
