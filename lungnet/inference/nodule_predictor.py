"""A bundle made ready to answer for places.

A scan and places in it in; for each what readers would say of a nodule there, out.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lungnet.errors import BundleError, Refusal, SeriesRefused, UsageError
from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.lung_region import LungRegion, find_lung_region
from lungnet.inference.nodule_crop import OUTSIDE_LUNGS, NoduleCrop, cut_crop
from lungnet.inference.nodule_network import OUTLINE_OUTPUT, judge_nodules
from lungnet.inference.place_queries import PlaceQueries, PlaceQuery
from lungnet.inference.prediction import (
    REFUSED,
    Prediction,
    ScoredPlace,
    prediction_row,
    refused_row,
)
from lungnet.inference.scalars import DIAMETER, missing_scalars, scalar_row
from lungnet.intake import Series, find_series, read_series
from lungnet.preprocessing import prepare
from lungnet.volume import ScanWarning, Triple, Volume

log = logging.getLogger("lungnet")

PLEURA_MM = 10.0
"""A nodule at the pleura has its middle up to its radius outside the lungs' outline."""

BATCH = 32
"""Crops that are judged at a time."""


class NodulePredictor:
    """Answers for places in series with a network that judges nodules.

    Raises:
        BundleError: the network was trained on crops that this version cannot cut from a scan.
        UsageError: the network judges whole series.
    """

    MEANING = (
        "the probability that readers would rate the nodule malignant; their opinion, not a "
        "patient's diagnosis; research use, not a medical device"
    )
    """What the probability is, and what it is not."""

    def __init__(self, network: BundleNetwork) -> None:
        self.network, self.bundle = network, network.bundle
        input_config = network.input_config
        if input_config.kind != "nodule":
            raise UsageError(
                f"{self.bundle.path}: this network judges a whole series; leave --at, --places and "
                "--candidates out"
            )
        if self.bundle.preparation_hash is None or len(input_config.size) != 2:
            raise BundleError(
                f"{self.bundle.path}: trained on crops that others had cut, so that none can be "
                "cut alike from a scan; train with native71 in the npz and a 2D input.size"
            )
        self._size = input_config.size[0], input_config.size[1]
        if missing := missing_scalars(input_config):
            log.warning("%s; the network has learned to do without", missing)

    def predict(
        self, *paths: Path | str, at: Sequence[Triple] = (), candidates_from: float | None = None
    ) -> Iterator[Prediction]:
        """A prediction per series found below some paths, with a row for each place.

        Args:
            paths: where the series lie.
            at: places (x, y, z) in LPS millimetres.
            candidates_from: the preparation's candidates with at least this score as well.

        Raises:
            InputError: a path does not exist.
            UsageError: no place is given.
        """
        queries = PlaceQueries(tuple(map(PlaceQuery, at)), candidates_from)
        config = self.bundle.experiment.preparation.intake
        yield from self.predict_series(find_series([Path(path) for path in paths], config), queries)

    def predict_series(
        self, series_list: Iterable[Series], queries: PlaceQueries
    ) -> Iterator[Prediction]:
        """A prediction per series; a series or place that is refused never stops the rest.

        Raises:
            UsageError: no place is given.
        """
        if queries.is_empty:
            raise UsageError(
                f"{self.bundle.path}: this network judges nodules at places that are given; give "
                "--at x,y,z, --places CSV or --candidates SCORE"
            )
        for series in series_list:
            of_series = queries.of_series(series.series_uid)
            try:
                scored, warnings = self.predict_volume(
                    read_series(series), of_series, queries.candidates_from
                )
            except SeriesRefused as refusal:
                yield refused_row(self.bundle, series, refusal)
            else:
                yield prediction_row(self.bundle, series, places=scored, warnings=warnings)

    def predict_volume(
        self, volume: Volume, queries: Sequence[PlaceQuery], candidates_from: float | None = None
    ) -> tuple[tuple[ScoredPlace, ...], tuple[ScanWarning, ...]]:
        """Answers for places in a volume in HU, those of candidates last, and warnings."""
        region: LungRegion | None = None
        warnings = volume.warnings
        if candidates_from is not None:
            scan = prepare(volume, self.bundle.experiment.preparation)
            warnings = scan.warnings
            region = LungRegion(scan.mask, scan.affine) if scan.lung_litres is not None else None
            best = (c for c in scan.candidates if c.score >= candidates_from)
            queries = [*queries, *(PlaceQuery(c.centre_mm) for c in best)]
        crops = [cut_crop(volume, query.centre_mm, self._size) for query in queries]
        if candidates_from is None and any(isinstance(crop, NoduleCrop) for crop in crops):
            region, of_lungs = find_lung_region(volume)
            warnings += of_lungs
        checked = [
            _in_lungs(crop, query, region) for crop, query in zip(crops, queries, strict=True)
        ]
        return tuple(self._scored(queries, checked)), warnings

    def _scored(
        self, queries: Sequence[PlaceQuery], crops: Sequence[NoduleCrop | Refusal]
    ) -> Iterator[ScoredPlace]:
        """The answers in their order, judged batch by batch."""
        for start in range(0, len(queries), BATCH):
            pairs = list(zip(queries, crops, strict=True))[start : start + BATCH]
            usable = [(query, crop) for query, crop in pairs if isinstance(crop, NoduleCrop)]
            answers = iter(self._answers(usable)) if usable else iter(())
            for query, crop in pairs:
                if isinstance(crop, NoduleCrop):
                    yield next(answers)
                else:
                    yield ScoredPlace(query.centre_mm, REFUSED, crop.reason, crop.detail)

    def _answers(self, pairs: Sequence[tuple[PlaceQuery, NoduleCrop]]) -> list[ScoredPlace]:
        input_config = self.network.input_config
        answers = judge_nodules(
            self.network,
            np.stack([crop.hu for _, crop in pairs]),
            np.stack([scalar_row(input_config, query.diameter_mm) for query, _ in pairs]),
        )
        scored = []
        for number, (query, crop) in enumerate(pairs):
            outline = answers.outlines[number]
            scored.append(
                ScoredPlace(
                    query.centre_mm,
                    detail=self._remark(query, float(answers.diameters_mm[number])),
                    probability=float(answers.probabilities[number]),
                    attributes={
                        name: round(float(values[number]), 2)
                        for name, values in answers.ratings.items()
                    },
                    diameter_mm=None if outline is None else round(outline.diameter_mm, 2),
                    outline_mm=() if outline is None else crop.to_patient(outline.border_mm),
                )
            )
        return scored

    def _remark(self, query: PlaceQuery, diameter_mm: float) -> str:
        """What a reader of the answer should know of the diameter that the network was told."""
        takes = any(s.column == DIAMETER for s in self.network.input_config.scalars)
        if not takes or not np.isnan(query.diameter_mm):
            return ""
        if not np.isnan(diameter_mm):
            return f"no {DIAMETER} given: {diameter_mm:.1f}, from the network's own outline"
        draws = OUTLINE_OUTPUT in self.network.learned_heads
        why = "there is no outline in the middle" if draws else "the network draws no outline"
        return f"no {DIAMETER} given, and {why}: taken as missing"


def _in_lungs(
    crop: NoduleCrop | Refusal, query: PlaceQuery, region: LungRegion | None
) -> NoduleCrop | Refusal:
    """The crop, or why its place is none for a nodule of the lung."""
    is_crop = isinstance(crop, NoduleCrop)
    if not is_crop or region is None or region.is_within(query.centre_mm, PLEURA_MM):
        return crop
    return Refusal(
        OUTSIDE_LUNGS,
        f"farther than {PLEURA_MM:.0f} mm from the lungs and the masses in them; the network has "
        "learned nothing of what lies there",
    )
