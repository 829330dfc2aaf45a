"""A prepared store, opened for reading."""

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lungnet.config.preparation import RULES_VERSION, PreparationConfig
from lungnet.errors import StoreError
from lungnet.files import canonical_hash, write_json
from lungnet.store.layout import PREPARATION, scan_folder
from lungnet.store.manifest import read_manifest
from lungnet.store.stored_scan import StoredScan, read_attributes

if TYPE_CHECKING:  # a worker, spawned, prepares without it
    import pandas as pd

OPEN_SCANS = 256
"""Scans whose handles are kept; the one used longest ago is dropped."""


class Store:
    """A folder that `lungnet prepare` filled.

    Attributes:
        path: the folder.
        manifest: a row per prepared series (see `lungnet.store.manifest.SCHEMA`), sorted by patient
            and series.
        preparation: the settings that made it.
        preparation_hash: their name; a model that was trained on another one must not be used.
    """

    def __init__(self, path: Path, manifest: "pd.DataFrame", preparation: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.preparation = PreparationConfig(**preparation["preparation"])
        self.preparation_hash = str(preparation["preparation_hash"])
        # Of a series that holds several stacks, the one that is used.
        ordered = manifest.sort_values("chosen", kind="stable")
        self._keys = dict(zip(ordered["series_uid"], ordered["key"], strict=True))
        self._opened = lru_cache(maxsize=OPEN_SCANS)(self._open)

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open a store; nothing but its manifest and settings is read.

        Raises:
            StoreError: no store, an unfinished one, or one whose settings or manifest are damaged.
        """
        if not (path / PREPARATION).is_file():
            raise StoreError(
                f"{path}: no prepared store (no {PREPARATION}); make one with `lungnet prepare "
                f"PATH --out {path}`"
            )
        return cls(path, read_manifest(path), read_preparation(path))

    @property
    def is_synthetic(self) -> bool:
        """True where any series was made by `lungnet phantom`."""
        return bool(self.manifest["synthetic"].any())

    def read(self, series_uid: str) -> StoredScan:
        """A scan by its series.

        Raises:
            StoreError: it is not in the store, or damaged.
        """
        if series_uid not in self._keys:
            raise StoreError(
                f"{self.path}: series {series_uid} is not in the store's manifest of "
                f"{len(self._keys)}"
            )
        return self._opened(series_uid)

    def _open(self, series_uid: str) -> StoredScan:
        folder = scan_folder(self.path, self._keys[series_uid])
        return StoredScan(folder, read_attributes(folder))


def write_preparation(store: Path, config: PreparationConfig) -> None:
    """Say in the store what its scans are made with."""
    from lungnet.version import __version__

    value = {
        "preparation": config.rules(),
        "preparation_hash": config.preparation_hash(),
        "rules_version": RULES_VERSION,
    }
    write_json(store / PREPARATION, {**value, "lungnet_version": __version__})


def read_preparation(store: Path) -> dict[str, Any]:
    """What a store's scans are made with.

    Raises:
        StoreError: the file is damaged: its hash is not that of its settings.
    """
    path = store / PREPARATION
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        made_of = canonical_hash({"rules": value["rules_version"], **value["preparation"]})[:16]
        PreparationConfig(**value["preparation"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: cannot be read ({type(error).__name__}); run `lungnet verify {store} "
            "--repair`"
        ) from None
    if made_of != value["preparation_hash"]:
        raise StoreError(
            f"{path}: its settings have the hash {made_of}, it says {value['preparation_hash']}; "
            f"run `lungnet verify {store} --repair`"
        )
    result: dict[str, Any] = value
    return result
