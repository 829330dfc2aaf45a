"""An experiment and the cases worth a look come in.

PNG slices at a lung window go out, drawn from the cohort the run learned from.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.datasets.nodule_cohort import nodule_cohort
from lungnet.errors import LungnetError
from lungnet.store import Store, StoredScan
from lungnet.volume import to_voxels

log = logging.getLogger("lungnet")

WINDOW_HU = (-1200, 300)
"""A usual lung window: level -450, width 1500."""

CLOSE_UP_VOXELS = 56
CLOSE_UPS = 2
DRAWN_PIXELS = 220
"""Edge of a close-up on the page; slices of a whole chest keep their own pixels."""

RING = 255


def draw_pictures(experiment: Experiment, series_uids: Iterable[str]) -> dict[str, list[bytes]]:
    """PNG files by series.

    A cohort that is no longer there, or is damaged, gives none and a warning in the log.

    Args:
        experiment: says where the cohort lies.
        series_uids: the `series_uid` of the cases to draw.
    """
    try:
        if experiment.data.kind == "nodules":
            return _of_nodules(experiment, series_uids)
        store = Store.open(Path(experiment.data.path))
        stored = set(store.manifest["series_uid"])
        return {uid: _of_scan(store.read(uid)) for uid in series_uids if uid in stored}
    except LungnetError as error:
        log.warning("the report has no pictures: %s", error)
        return {}


def _of_nodules(experiment: Experiment, series_uids: Iterable[str]) -> dict[str, list[bytes]]:
    cohort = nodule_cohort(Path(experiment.data.path), experiment.input)
    row_of = {uid: row for row, uid in enumerate(cohort.table["series_uid"])}
    pictures = {}
    for uid in series_uids:
        if uid in row_of:
            image = next(iter(cohort.read(row_of[uid], (0,) * len(experiment.input.size)).values()))
            flat = image if image.ndim == 2 else image[image.shape[0] // 2]
            pictures[uid] = [_png(_enlarged(_gray(flat)))]
    return pictures


def _of_scan(scan: StoredScan) -> list[bytes]:
    """The axial slice through the first candidate, ringed, and close-ups of the first ones."""
    if not scan.candidates:
        return [_png(_gray(_slice(scan, scan.shape[0] // 2)))]
    first = scan.candidates[0]
    z, y, x = to_voxels(scan.affine, first.centre_mm)
    whole = _gray(_slice(scan, round(float(z))))
    cv2.circle(
        whole,
        (round(float(x)), round(float(y))),
        round(first.radius_mm / scan.spacing_mm[2]) + 6,
        RING,
        1,
        cv2.LINE_AA,
    )
    centres = [
        to_voxels(scan.affine, candidate.centre_mm) for candidate in scan.candidates[:CLOSE_UPS]
    ]
    return [
        _png(whole),
        *(
            _png(_enlarged(_gray(scan.crop(centre, (1, CLOSE_UP_VOXELS, CLOSE_UP_VOXELS))[0])))
            for centre in centres
        ),
    ]


def _slice(scan: StoredScan, z: int) -> NDArray[np.int16]:
    _, height, width = scan.shape
    return np.asarray(scan.crop((z, (height - 1) / 2, (width - 1) / 2), (1, height, width))[0])


def _gray(hu: NDArray[np.generic]) -> NDArray[np.uint8]:
    low, high = WINDOW_HU
    return np.asarray(
        np.clip((hu.astype(np.float32) - low) * (255 / (high - low)), 0, 255), np.uint8
    )


def _enlarged(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = DRAWN_PIXELS / max(gray.shape)
    return np.asarray(
        cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
    )


def _png(gray: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", gray)[1])
