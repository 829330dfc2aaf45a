"""An experiment and the cases worth a look come in; PNG slices of its cohort go out."""

import logging
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import SliceToShow
from lungnet.datasets.cohort_kinds import COHORT_KINDS
from lungnet.errors import LungnetError
from lungnet.preprocessing.slice_drawing import draw_ring, encode_png, to_gray

log = logging.getLogger("lungnet")

CLOSE_UP_PIXELS = 220
"""Edge of a close-up on the page; slices of a whole chest keep their own pixels."""

RING_GRAY = 255


def draw_pictures(experiment: Experiment, series_uids: Iterable[str]) -> dict[str, list[bytes]]:
    """PNG files by series.

    A cohort that is no longer there, or is damaged, gives none and a warning in the log.

    Args:
        experiment: says where the cohort lies.
        series_uids: the `series_uid` of the cases to draw.
    """
    kind = COHORT_KINDS.get(experiment.data.kind)
    if kind is None:
        return {}
    try:
        slices = kind.slices_to_show(experiment.data, experiment.input, series_uids)
    except LungnetError as error:
        log.warning("the report has no pictures: %s", error)
        return {}
    return {
        uid: [_png(slice_to_show) for slice_to_show in of_sample]
        for uid, of_sample in slices.items()
    }


def _png(slice_to_show: SliceToShow) -> bytes:
    gray = to_gray(slice_to_show.hu)
    if slice_to_show.ring is not None:
        row, column, radius = slice_to_show.ring
        draw_ring(gray, (row, column), radius, RING_GRAY)
    return encode_png(_enlarged(gray) if slice_to_show.is_close_up else gray)


def _enlarged(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = CLOSE_UP_PIXELS / max(gray.shape)
    larger = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return np.asarray(larger, np.uint8)
