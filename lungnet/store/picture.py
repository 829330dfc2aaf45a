"""One picture per scan for people who check by eye.

Three planes, the lungs' outline, the candidates.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.preprocessing import PreparedScan
from lungnet.preprocessing.slice_drawing import draw_ring, encode_png, to_gray
from lungnet.preprocessing.warning_codes import WARNINGS
from lungnet.volume import to_voxels

LUNG_COLOR, CANDIDATE_COLOR, WARNING_COLOR = (90, 200, 90), (60, 160, 255), (80, 220, 255)
"""BGR, as OpenCV writes."""

MOST_RANKS = 20
"""Candidates beyond this rank are left out of the picture."""


def draw_scan(scan: PreparedScan, *, synthetic: bool) -> bytes:
    """PNG of the axial, coronal and sagittal plane through the best candidate.

    Seen as radiologists do (patient's right at the left).

    Circles are candidates that the plane cuts, with their rank; what preparation doubts is written
    on it. The same scan gives the same bytes.
    """
    middle = np.array(scan.hu.shape) / 2
    centre = to_voxels(scan.affine, scan.candidates[0].centre_mm) if scan.candidates else middle
    centre_index = np.clip(np.rint(centre).astype(int), 0, np.array(scan.hu.shape) - 1)
    planes = [_plane(scan, axis, int(centre_index[axis])) for axis in range(3)]
    height = max(plane.shape[0] for plane in planes)
    padded = [
        cv2.copyMakeBorder(plane, 0, height - plane.shape[0], 0, 4, cv2.BORDER_CONSTANT)
        for plane in planes
    ]
    sheet = np.hstack(padded)
    sheet = np.asarray(sheet, np.uint8)
    codes = [warning.code for warning in scan.warnings if warning.code in WARNINGS]
    for line, code in enumerate(codes):
        _write(sheet, code.upper(), 16 * (line + 1), WARNING_COLOR)
    if synthetic:
        _write(sheet, "SYNTHETIC", height - 8, (255, 255, 255))
    return encode_png(sheet)


def _write(sheet: NDArray[np.uint8], text: str, row: int, color: tuple[int, int, int]) -> None:
    cv2.putText(sheet, text, (6, row), cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)


def _plane(scan: PreparedScan, axis: int, index: int) -> NDArray[np.uint8]:
    hu, mask = np.take(scan.hu, index, axis), np.take(scan.mask, index, axis)
    upright = axis != 0
    if upright:  # z grows upwards in the patient, rows grow downwards in a picture
        hu, mask = hu[::-1], mask[::-1]
    picture = np.asarray(cv2.cvtColor(to_gray(hu), cv2.COLOR_GRAY2BGR), np.uint8)
    outlines, _ = cv2.findContours(np.ascontiguousarray(mask), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, LUNG_COLOR, 1)
    edge_mm = float(np.linalg.norm(scan.affine[:3, axis]))
    rows, columns = [a for a in range(3) if a != axis]
    for rank, candidate in enumerate(scan.candidates[:MOST_RANKS], 1):
        position = to_voxels(scan.affine, candidate.centre_mm)
        radius = candidate.radius_mm / edge_mm
        if abs(position[axis] - index) > radius:
            continue
        row = len(hu) - 1 - position[rows] if upright else position[rows]
        draw_ring(picture, (row, position[columns]), round(radius) + 4, CANDIDATE_COLOR)
        cv2.putText(
            picture,
            str(rank),
            (round(float(position[columns])) + round(radius) + 5, round(float(row))),
            cv2.FONT_HERSHEY_PLAIN,
            0.8,
            CANDIDATE_COLOR,
            1,
            cv2.LINE_AA,
        )
    return picture
