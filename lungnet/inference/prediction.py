"""What is answered: a row per series, and in it candidates or places."""

from dataclasses import dataclass, field
from typing import Any

from lungnet.errors import SeriesRefused
from lungnet.intake import Series
from lungnet.models.bundle import Bundle
from lungnet.version import __version__
from lungnet.volume import ScanWarning, Triple

USABLE, REFUSED = "usable", "refused"
"""Values of `status`, of a series and of a place."""


@dataclass(frozen=True)
class ScoredCandidate:
    """A candidate that the network looked at.

    Attributes:
        centre_mm: (x, y, z) in LPS millimetres.
        radius_mm: estimated radius.
        weight: its share in the answer, 0..1.
    """

    centre_mm: Triple
    radius_mm: float
    weight: float


@dataclass(frozen=True)
class ScoredPlace:
    """The answer for one place of a series; field names are the keys of `predict --json`.

    Attributes:
        centre_mm: (x, y, z) in LPS millimetres, as it was asked for.
        status: "usable" or "refused"; `reason` then holds the code.
        detail: why it is refused, or which numbers beside the image were missing.
        probability: calibrated, that readers would rate the nodule malignant; None where refused.
        interval: None: this version gives none.
        attributes: the ratings that readers would give, in their units; empty where the network
            has not learned them.
        diameter_mm: of the disc with the outline's area; None where there is no outline.
        outline_mm: the outline's points (x, y, z) in LPS millimetres, on the axial slice nearest to
            the place; empty where there is none.
    """

    centre_mm: Triple
    status: str = USABLE
    reason: str | None = None
    detail: str = ""
    probability: float | None = None
    interval: tuple[float, float] | None = None
    attributes: dict[str, float] = field(default_factory=dict)
    diameter_mm: float | None = None
    outline_mm: tuple[Triple, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """The answer for one series; field names are the keys of `predict --json`.

    Attributes:
        status: "usable" or "refused"; `reason` then holds the code.
        probability: calibrated probability of the positive label, 0..1; None where refused, and
            where the network judges single places.
        interval: None: this version gives none.
        abstained: whether no answer is given though the series is usable.
        candidates: of a network that judges whole series.
        preparation_hash: of the preparation, or of the recipe by which a nodule's crop is cut.
        places: of a network that judges single places, in the order in which they were asked for.
    """

    path: str
    patient_id: str
    series_uid: str
    status: str
    reason: str | None
    detail: str
    probability: float | None
    interval: tuple[float, float] | None
    abstained: bool
    candidates: tuple[ScoredCandidate, ...]
    warnings: tuple[ScanWarning, ...]
    preparation_hash: str
    model_hash: str
    lungnet_version: str
    places: tuple[ScoredPlace, ...] = ()


def prediction_row(bundle: Bundle, series: Series, **fields: Any) -> Prediction:
    """The row of a series; what `fields` does not name is empty."""
    blank: dict[str, Any] = {"reason": None, "detail": "", "probability": None, "candidates": ()}
    return Prediction(
        path=str(series.path),
        patient_id=series.patient_id,
        series_uid=series.series_uid,
        status=REFUSED if fields.get("reason") else USABLE,
        interval=None,
        abstained=False,
        preparation_hash=str(bundle.preparation_hash),
        model_hash=bundle.model_hash,
        lungnet_version=__version__,
        **{**blank, **fields},
    )


def refused_row(bundle: Bundle, series: Series, refusal: SeriesRefused) -> Prediction:
    """The row of a series that intake refused."""
    return prediction_row(
        bundle, series, reason=refusal.reason, detail=refusal.detail, warnings=series.warnings
    )
