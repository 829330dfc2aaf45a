"""One prepared scan on disk: written whole, read by crops."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lungnet.config.preparation import PreparationConfig
from lungnet.errors import StoreError
from lungnet.files import canonical_hash, read_bounded, replacing, write_bytes
from lungnet.intake import SeriesRow, series_key
from lungnet.preprocessing import Candidate, PreparedScan
from lungnet.preprocessing.boxes import first_voxels
from lungnet.store.arrays import encode, open_array, read_boxes
from lungnet.store.layout import GROUP, PICTURE, picture_file, scan_folder
from lungnet.store.picture import draw_scan
from lungnet.volume import AIR_HU, ScanWarning, Triple, spacing_of

LARGEST_GROUP_BYTES = 4_000_000
"""A scan's attributes are some 20 kB; a file of many times that is damage, and is not read."""


NOT_KEPT = ("path", "status", "reason", "detail", "warnings", "chosen", "patient_id", "series_uid")
"""Of intake's row: a path may name a patient, the verdict is clear, and the choice changes with the
patient's other series."""


def is_synthetic(source: SeriesRow) -> bool:
    """True of what `lungnet phantom` wrote: it says so in the manufacturer's tag."""
    return source.manufacturer.lower().startswith("lungnet phantom")


class StoredScan:
    """A prepared scan in a store; arrays are opened at the first read.

    Attributes:
        affine: 4x4 float64 from (z, y, x, 1) to LPS millimetres.
        candidates: best first.
        lung_litres: volume of the closed lungs; None where none were found.
        patient_id: the unit of splitting.
        series_uid: the unit of preparation.
        warnings: of intake and preparation.
        shape: (z, y, x).
        is_synthetic: made by `lungnet phantom`.
        hu_hash: the same for the same HU, whoever's they are.
    """

    def __init__(self, folder: Path, attributes: dict[str, Any]) -> None:
        self._folder = folder
        self.affine: NDArray[np.float64] = np.array(attributes["affine"], np.float64)
        self.candidates = tuple(
            Candidate(tuple(c["centre_mm"]), c["radius_mm"], c["score"])
            for c in attributes["candidates"]
        )
        self.lung_litres: float | None = attributes["lung_litres"]
        self.patient_id = str(attributes["patient_id"])
        self.series_uid = str(attributes["series_uid"])
        self.warnings = tuple(ScanWarning(w["code"], w["detail"]) for w in attributes["warnings"])
        self.shape: tuple[int, int, int] = tuple(attributes["shape"])
        self.is_synthetic = bool(attributes["provenance"]["synthetic"])
        self.hu_hash = canonical_hash(
            {
                name: checksum
                for name, checksum in attributes["sha256"].items()
                if name.startswith("hu/")
            }
        )
        self._files = tuple(attributes["sha256"])
        self._arrays: dict[str, Any] = {}

    @property
    def spacing_mm(self) -> Triple:
        """(z, y, x) in millimetres."""
        return spacing_of(self.affine)

    def crop(
        self, centre_voxel: ArrayLike, size_voxels: int | tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """HU `int16` of a box around a voxel, `AIR_HU` outside the grid.

        Args:
            centre_voxel: (z, y, x), may be fractional; the box is the one whose centre is nearest.
            size_voxels: edge, or (z, y, x).
        """
        return np.asarray(self.crops(np.asarray(centre_voxel)[None], size_voxels)[0])

    def crops(
        self, centres_voxel: ArrayLike, size_voxels: int | tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """HU of many boxes, read concurrently; shape (n, z, y, x)."""
        return np.asarray(self._boxes("hu", centres_voxel, size_voxels, AIR_HU))

    def mask_crops(
        self, centres_voxel: ArrayLike, size_voxels: int | tuple[int, int, int]
    ) -> NDArray[np.uint8]:
        """Lung region 0 or 1 of many boxes; shape (n, z, y, x)."""
        return np.asarray(self._boxes("mask", centres_voxel, size_voxels, 0))

    @property
    def hu(self) -> NDArray[np.int16]:
        """The whole grid in HU, read anew each time."""
        return np.asarray(self._whole("hu"))

    @property
    def mask(self) -> NDArray[np.uint8]:
        """The whole lung region, 0 or 1, read anew each time."""
        return np.asarray(self._whole("mask"))

    def _whole(self, name: str) -> Any:
        try:
            return self._array(name).read().result()
        except ValueError as error:
            raise _unreadable(self._folder, error) from None

    def _boxes(
        self, name: str, centres: ArrayLike, size: int | tuple[int, int, int], fill: int
    ) -> NDArray[Any]:
        edges = (size,) * 3 if isinstance(size, int) else size
        try:
            return read_boxes(self._array(name), first_voxels(centres, edges), edges, fill)
        except ValueError as error:
            raise _unreadable(self._folder, error) from None

    def _array(self, name: str) -> Any:
        if name not in self._arrays:
            try:
                # In zarr a chunk that is not there is air.
                for file in self._files:
                    if file.startswith(f"{name}/") and not (self._folder / file).is_file():
                        raise FileNotFoundError(file)
                self._arrays[name] = open_array(self._folder / name)
            except (FileNotFoundError, ValueError) as error:
                raise _unreadable(self._folder, error) from None
        return self._arrays[name]


def write_scan(
    store: Path, scan: PreparedScan, source: SeriesRow, config: PreparationConfig, n_files: int
) -> dict[str, Any]:
    """Write a scan and its picture, whole or not at all; returns the attributes as written.

    Args:
        store: the store's folder.
        scan: what to write.
        source: intake's row of the series.
        config: what the scan was prepared with.
        n_files: slices as found by intake; with another number the series is prepared anew.

    Raises:
        MachineError: no space, no permission.
    """
    key = series_key(scan.patient_id, scan.series_uid, source.stack)
    picture = draw_scan(scan, synthetic=is_synthetic(source))
    files = {
        f"{name}/{file}": data
        for name, values, fill in (("hu", scan.hu, AIR_HU), ("mask", scan.mask, 0))
        for file, data in encode(values, fill).items()
    }
    attributes = _attributes(scan, source, config)
    attributes["files"] = n_files
    attributes["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    attributes["sha256"][PICTURE] = hashlib.sha256(picture).hexdigest()
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    files[GROUP] = (
        json.dumps(group, sort_keys=True, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
    ).encode()
    # The picture first: a scan that is there has its picture.
    write_bytes(picture_file(store, key), picture)
    with replacing(scan_folder(store, key)) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return attributes


def read_attributes(folder: Path) -> dict[str, Any]:
    """Attributes of a scan's group.

    Raises:
        StoreError: they are not there or not what was written.
    """
    try:
        attributes = json.loads(read_bounded(folder / GROUP, LARGEST_GROUP_BYTES))["attributes"]
        (
            attributes["provenance"]["preparation_hash"],
            attributes["series_uid"],
            attributes["sha256"].items(),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(folder, error) from None
    result: dict[str, Any] = attributes
    return result


def _unreadable(folder: Path, error: Exception) -> StoreError:
    state = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
    return StoreError(
        f"{folder}: the scan {state}; run `lungnet verify {folder.parents[1]} --repair`, then "
        "`lungnet prepare` again"
    )


def _attributes(scan: PreparedScan, source: SeriesRow, config: PreparationConfig) -> dict[str, Any]:
    from lungnet.version import __version__

    return {
        "affine": scan.affine.tolist(),
        "axes": "affine takes (z, y, x, 1) of a voxel's centre to DICOM LPS millimetres",
        "candidates": [asdict(candidate) for candidate in scan.candidates],
        "lung_litres": None if scan.lung_litres is None else round(scan.lung_litres, 4),
        "patient_id": scan.patient_id,
        "provenance": {
            "lungnet_version": __version__,
            "preparation": config.rules(),
            "preparation_hash": config.preparation_hash(),
            "synthetic": is_synthetic(source),
        },
        "series_uid": scan.series_uid,
        "shape": list(scan.hu.shape),
        "source": {name: value for name, value in source.to_json().items() if name not in NOT_KEPT},
        "warnings": [asdict(warned) for warned in scan.warnings],
    }
