"""Crops around nodules and their diameters come in.

How bright each centre is, and what size and brightness alone say of the label, go out: the baseline
that a network must beat to have learned more than size and calcium.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lungnet.errors import InputError

Floats = NDArray[np.float64]

RADII_MM = (2, 4, 8)
"""The core of even a small nodule; the whole of a median one; a large one, or the lung around."""

BRIGHT_PERCENTILE = 95
"""Calcium fills a part of a nodule: the mean hides it, and the maximum is one voxel's noise."""

BRIGHTNESS_NUMBERS = tuple(
    f"{number} within {radius_mm} mm"
    for radius_mm in RADII_MM
    for number in ("mean", "standard deviation", f"{BRIGHT_PERCENTILE}th percentile")
)
"""What each of the nine numbers is, in HU, in the order of `centre_brightness`."""


def centre_brightness(crops: Iterable[NDArray[np.int16]]) -> Floats:
    """Nine brightness numbers of each crop's centre, as `BRIGHTNESS_NUMBERS` names them.

    They are taken over the discs (or balls, of a crop in 3D) of `RADII_MM` around the middle of the
    crop. Chosen once for what radiologists look at, and never tuned on a label. A crop that is
    narrower than a disc counts what it holds of it.

    Args:
        crops: HU at 1 mm, each (y, x) or (z, y, x), centred on a nodule; all of one shape.

    Returns:
        HU, shape (n, 9).
    """
    rows = []
    for crop in crops:
        middle = crop[tuple(_middle(length) for length in crop.shape)].astype(np.float64)
        distance_mm = _distance_from_middle(middle.shape)
        numbers: list[float] = []
        for radius_mm in RADII_MM:
            hu = middle[distance_mm <= radius_mm]
            numbers += [hu.mean(), hu.std(), float(np.percentile(hu, BRIGHT_PERCENTILE))]
        rows.append(numbers)
    return np.array(rows, np.float64).reshape(-1, len(BRIGHTNESS_NUMBERS))


def diameter_and_brightness(
    diameters_mm: NDArray[np.floating],
    brightness: Floats,
    labels: NDArray[np.integer],
    is_training: NDArray[np.bool_],
) -> Floats:
    """The probability that diameter and brightness alone give to each row.

    A logistic regression (scikit-learn, its default penalty) on standardized numbers. A missing
    diameter becomes the training rows' median, and a further number says that it was missing.
    Nothing of the other rows enters the fit: with a network's own training rows, the two compare.

    Args:
        diameters_mm: NaN where unknown, shape (n,).
        brightness: as `centre_brightness` gives it, shape (n, 9).
        labels: 0 or 1, shape (n,); only those of training rows are looked at.
        is_training: which rows are fitted on, shape (n,).

    Returns:
        Probabilities of every row, also of the training rows, shape (n,).

    Raises:
        InputError: training rows of one label only, or none.
    """
    training_labels = labels[is_training]
    if np.unique(training_labels).size < 2:
        raise InputError(
            f"diameter and brightness: the {training_labels.size} training rows hold the labels "
            f"{sorted(set(training_labels.tolist()))}; expected both 0 and 1"
        )
    numbers = np.column_stack([diameters_mm, brightness]).astype(np.float64)
    model = make_pipeline(
        # keep_empty_features: a cohort without any diameter is one column of zeros, no warning.
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    model.fit(numbers[is_training], training_labels)
    return np.asarray(model.predict_proba(numbers)[:, 1], np.float64)


def _middle(length: int) -> slice:
    """The middle of an axis, just wide enough for the largest disc, on the same centre."""
    spare = max(0, (length - 2 * max(RADII_MM) - 1) // 2)
    return slice(spare, length - spare)


def _distance_from_middle(shape: tuple[int, ...]) -> Floats:
    axes = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij", sparse=True)
    return np.asarray(np.sqrt(sum(np.square(axis) for axis in axes)), np.float64)
