"""Crops that cost much to decode: each once, kept in memory up to a budget, else in a file."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import IO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lungnet.config.model import InputConfig
from lungnet.datasets.cohort import Inputs, Keeping, Reader
from lungnet.datasets.network_inputs import centered, network_inputs
from lungnet.datasets.view import View
from lungnet.files import machine_error
from lungnet.preprocessing import Candidate, Scan
from lungnet.preprocessing.boxes import first_voxels
from lungnet.volume import to_voxels

HU = np.dtype(np.int16)


class KeptArrays:
    """HU `int16` of one shape, by number; several threads may ask.

    Args:
        count: of arrays.
        shape: of each.
        keeping: how much memory, and the folder of the file.
    """

    def __init__(self, count: int, shape: tuple[int, ...], keeping: Keeping) -> None:
        self.shape = shape
        self._count = count
        self._keeping = keeping
        self._each_bytes = int(np.prod(shape)) * HU.itemsize
        self._in_memory: dict[int, NDArray[np.int16]] = {}
        self._is_on_disk = np.zeros(count, bool)

    @property
    def fits_memory(self) -> bool:
        """Whether all arrays together stay within the budget."""
        return self._count * self._each_bytes <= self._keeping.budget_bytes

    def get(self, number: int, make: Callable[[], NDArray[np.int16]]) -> NDArray[np.int16]:
        """The array of that number; made where it was not asked for before.

        Raises:
            MachineError: no space for the file.
        """
        if self.fits_memory:
            if number not in self._in_memory:
                self._in_memory[number] = make()
            return self._in_memory[number]
        place = number * self._each_bytes
        if self._is_on_disk[number]:
            data = os.pread(self._file.fileno(), self._each_bytes, place)
            return np.frombuffer(data, HU).reshape(self.shape)
        made = np.ascontiguousarray(make(), HU)
        os.pwrite(self._file.fileno(), made.data.cast("B"), place)
        self._is_on_disk[number] = True
        return made

    @cached_property
    def _file(self) -> IO[bytes]:
        try:
            file = tempfile.TemporaryFile(dir=self._keeping.folder)  # noqa: SIM115
            # A disk that is too full says so now, not in the middle of an epoch.
            os.posix_fallocate(file.fileno(), 0, self._count * self._each_bytes)
        except OSError as error:
            raise machine_error(error, self._keeping.folder) from error
        return file


@dataclass(frozen=True, eq=False)
class KeptScan:
    """The candidates that a network sees of a scan, their boxes cut from larger ones.

    Attributes:
        affine: as of the scan.
        candidates: those with a box.
        first: first voxel of each larger box, shape (n, 3).
        boxes: gives the larger boxes, shape (n, z, y, x).
        scan: reads the scan itself.
    """

    affine: NDArray[np.float64]
    candidates: tuple[Candidate, ...]
    first: NDArray[np.int64]
    boxes: Callable[[], NDArray[np.int16]]
    scan: Callable[[], Scan]

    @property
    def hu(self) -> NDArray[np.int16]:
        """As of the scan."""
        return self.scan().hu

    def crops(
        self, centres_voxel: ArrayLike, size_voxels: tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """As of the scan, of boxes around or near each candidate in turn."""
        boxes = self.boxes()
        offsets = first_voxels(centres_voxel, size_voxels) - self.first
        if (offsets < 0).any() or (offsets + size_voxels > boxes.shape[1:]).any():
            return self.scan().crops(centres_voxel, size_voxels)
        z, y, x = size_voxels
        crops = [
            box[a : a + z, b : b + y, c : c + x]
            for box, (a, b, c) in zip(boxes, offsets.tolist(), strict=True)
        ]
        return np.stack(crops)


def keeping_reader(
    scan_of: Callable[[int], Scan], count: int, input_config: InputConfig, keeping: Keeping
) -> Reader:
    """Reads what the network is fed with of a scan by number, each scan decoded once.

    Args:
        scan_of: reads a scan.
        count: of scans.
        input_config: a bag or a volume.
        keeping: how much memory, and what views may show beside the crop.
    """
    box = keeping.boxed(input_config.size)
    if input_config.kind == "volume":
        wide = input_config.model_copy(update={"size": box})
        volumes = KeptArrays(count, box, keeping)

        def read_volume(row: int, view: View) -> Inputs:
            """Cut from the volume and its margin."""
            volume = volumes.get(row, lambda: _image(network_inputs(scan_of(row), wide)))
            return {"image": centered(volume, input_config.size, view)}

        return read_volume
    regions = KeptArrays(count, (input_config.candidates, *box), keeping)
    scans: dict[int, KeptScan] = {}

    def read_bag(row: int, view: View) -> Inputs:
        """Cut from the candidates' regions."""
        if row not in scans:
            scans[row] = _kept_scan(lambda: scan_of(row), row, regions)
        return network_inputs(scans[row], input_config, view)

    return read_bag


def _image(inputs: Inputs) -> NDArray[np.int16]:
    return np.asarray(inputs["image"], HU)


def _kept_scan(scan_of: Callable[[], Scan], row: int, regions: KeptArrays) -> KeptScan:
    scan = scan_of()
    count, *size = regions.shape
    box = size[0], size[1], size[2]
    best = scan.candidates[:count]
    centres_mm = np.reshape([candidate.centre_mm for candidate in best], (-1, 3))
    centres = to_voxels(scan.affine, centres_mm)

    def decoded() -> NDArray[np.int16]:
        """The regions of all candidates, filled up to as many as a bag holds."""
        filled = np.zeros(regions.shape, HU)
        filled[: len(best)] = scan_of().crops(centres, box)
        return filled

    first = first_voxels(centres, box)
    return KeptScan(
        scan.affine, best, first, lambda: regions.get(row, decoded)[: len(best)], scan_of
    )
