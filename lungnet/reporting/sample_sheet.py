"""Training samples as they are and as a network is shown them, on one picture for people."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.config.model import InputConfig
from lungnet.datasets.batches import Sample, TaskBatches
from lungnet.datasets.targets import LOGIT, OUTLINE
from lungnet.datasets.view import straight
from lungnet.files import write_bytes
from lungnet.preprocessing.slice_drawing import encode_png, to_gray
from lungnet.run_folder import TRAIN
from lungnet.training.judging import member_batches
from lungnet.training.plan import make_plan

SHEET = "samples.png"

OF_EACH_LABEL = 3
"""Samples on the sheet."""

EPOCHS = 6
"""In which each is shown as it is augmented then."""

TILE_PIXELS, TEXT_PIXELS, GAP_PIXELS = 144, 16, 4
"""Longer edge of a slice, height of a line of text, and what lies between slices."""

TARGET_PIXELS = 32
"""Width of a target's four characters."""

OUTLINE_COLOR, TEXT_COLOR = (90, 200, 90), (255, 255, 255)
"""BGR, as OpenCV writes."""


def write_sample_sheet(experiment: Experiment, folder: Path) -> Path:
    """Write `samples.png`: samples of both labels that the first network is trained on.

    Nothing is trained. The same experiment and data give the same bytes.

    Returns:
        The path of the picture.

    Raises:
        ConfigError, InputError: as a training of the experiment would.
        MachineError: the folder cannot be written.
    """
    plan = make_plan(experiment)
    member = next(plan.judges()).members[0]
    labels = plan.cohort.table["label"]
    rows = [
        row
        for label in (1, 0)
        for row in [row for row in member.rows(TRAIN) if labels[row] == label][:OF_EACH_LABEL]
    ]
    path = folder / SHEET
    write_bytes(path, sample_sheet(member_batches(plan, member), rows))
    return path


def sample_sheet(batches: TaskBatches, rows: Sequence[int]) -> bytes:
    """PNG with a line for each sample: as it is, then as it is augmented in the first epochs.

    Of a bag the best candidate is shown, of what is 3D the middle slice, at the network's first
    window, with the outline where it is a target; beneath it malignancy's target. A sample goes by
    its number in the cohort: no patient's name is on the picture.
    """
    view = straight(len(batches.input_config.size))
    lines = [
        [batches.sample(row, view), *(batches.augmented(epoch, row) for epoch in range(EPOCHS))]
        for row in rows
    ]
    tiles = [[_tile(sample, batches.input_config) for sample in line] for line in lines]
    height, width = (n + GAP_PIXELS for n in tiles[0][0].shape[:2])
    sheet = np.zeros((2 * TEXT_PIXELS + height * len(rows), width * (EPOCHS + 1), 3), np.uint8)
    low, high = batches.input_config.windows_hu[0]
    origin = "SYNTHETIC, " if batches.cohort.is_synthetic else ""
    _write(sheet, f"{origin}{low:g} to {high:g} HU, beneath: target of malignancy", (0, 0))
    for column, title in enumerate(["as it is", *(f"epoch {n + 1}" for n in range(EPOCHS))]):
        _write(sheet, title, (TEXT_PIXELS, column * width))
    for number, line in enumerate(tiles):
        top = 2 * TEXT_PIXELS + number * height
        for column, tile in enumerate(line):
            left = column * width
            sheet[top : top + height - GAP_PIXELS, left : left + width - GAP_PIXELS] = tile
        _write(sheet, f"sample {rows[number]}:", (top + height - GAP_PIXELS - TEXT_PIXELS, 0))
    return encode_png(sheet)


def _tile(sample: Sample, input_config: InputConfig) -> NDArray[np.uint8]:
    """The middle slice enlarged, BGR, with the target in a line of text beneath."""
    inputs, targets = sample
    crop = inputs["image"][0] if input_config.kind == "bag" else inputs["image"]
    outline = targets.get(OUTLINE)
    if crop.ndim == 3:
        crop = crop[len(crop) // 2]
        outline = None if outline is None else outline[len(outline) // 2]
    scale = TILE_PIXELS / max(crop.shape)
    size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
    gray = to_gray(crop.astype(np.int16), input_config.windows_hu[0])
    larger = cv2.resize(gray, size, interpolation=cv2.INTER_NEAREST)
    tile = np.asarray(cv2.cvtColor(larger, cv2.COLOR_GRAY2BGR), np.uint8)
    if outline is not None:
        inside = (np.nan_to_num(outline.astype(np.float32)) > 0.5).astype(np.uint8)
        mask = cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(tile, contours, -1, OUTLINE_COLOR, 1)
    line = np.zeros((TEXT_PIXELS, size[0], 3), np.uint8)
    target = f"{float(targets[LOGIT].reshape(-1)[0]):.2f}"
    _write(line, target, (0, size[0] - TARGET_PIXELS))
    return np.vstack([tile, line])


def _write(picture: NDArray[np.uint8], text: str, corner: tuple[int, int]) -> None:
    """A line of text in place, its upper left corner at (row, column)."""
    foot = (corner[1], corner[0] + TEXT_PIXELS - 4)
    cv2.putText(picture, text, foot, cv2.FONT_HERSHEY_SIMPLEX, 0.4, TEXT_COLOR, 1, cv2.LINE_AA)
