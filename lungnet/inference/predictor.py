"""A bundle made ready to answer for series.

One new series in, a calibrated probability with its candidates out.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from lungnet.datasets.network_inputs import largest_diameter_mm, network_inputs
from lungnet.errors import SeriesRefused, UsageError
from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.prediction import Prediction, ScoredCandidate, prediction_row, refused_row
from lungnet.inference.scalars import missing_scalars, scalar_row
from lungnet.intake import Series, find_series, read_series
from lungnet.models.exported_network import WEIGHTS_OUTPUT
from lungnet.preprocessing import around_lungs, with_candidates
from lungnet.volume import ScanWarning, Volume

log = logging.getLogger("lungnet")


class Predictor:
    """Answers for series with a network that judges a whole series.

    Raises:
        UsageError: the network judges single nodules.
    """

    MEANING = (
        "the probability of the positive label that the network was trained with; research use, "
        "not a diagnosis"
    )
    """What the probability is, and what it is not."""

    def __init__(self, network: BundleNetwork) -> None:
        self.network, self.bundle = network, network.bundle
        if network.input_config.kind == "nodule":
            raise UsageError(
                f"{self.bundle.path}: this network judges nodules at places that are given, not "
                "series; give --at x,y,z, --places CSV or --candidates SCORE"
            )
        if missing := missing_scalars(network.input_config):
            log.warning("%s; the network has learned to do without", missing)

    def predict_volume(
        self, volume: Volume
    ) -> tuple[float, tuple[ScoredCandidate, ...], tuple[ScanWarning, ...]]:
        """Probability, candidates with weights, and warnings for a volume in HU."""
        input_config = self.network.input_config
        config = self.bundle.experiment.preparation
        scan = around_lungs(volume, config)
        del volume  # its memory serves the candidates, where the caller drops it too
        scan = with_candidates(scan, config)
        inputs = {name: value[None] for name, value in network_inputs(scan, input_config).items()}
        if input_config.scalars:
            diameter_mm = largest_diameter_mm(scan, input_config)
            inputs["scalars"] = scalar_row(input_config, diameter_mm)[None]
        outputs = self.network.outputs(inputs)
        probability = float(self.network.probabilities(outputs)[0])
        candidates: tuple[ScoredCandidate, ...] = ()
        if input_config.kind == "bag":
            weights = np.asarray(outputs[WEIGHTS_OUTPUT])[0]
            candidates = tuple(
                ScoredCandidate(c.centre_mm, c.radius_mm, round(float(w), 6))
                for c, w in zip(scan.candidates, weights, strict=False)
            )
        return probability, candidates, scan.warnings

    def predict(self, *paths: Path | str) -> Iterator[Prediction]:
        """A prediction per series found below some paths.

        Raises:
            InputError: a path does not exist.
        """
        config = self.bundle.experiment.preparation.intake
        yield from self.predict_series(find_series([Path(path) for path in paths], config))

    def predict_series(self, series_list: Iterable[Series]) -> Iterator[Prediction]:
        """A prediction per series; one that is refused never stops the rest."""
        for series in series_list:
            try:
                probability, candidates, warnings = self.predict_volume(read_series(series))
            except SeriesRefused as refusal:
                yield refused_row(self.bundle, series, refusal)
            else:
                yield prediction_row(
                    self.bundle,
                    series,
                    probability=probability,
                    candidates=candidates,
                    warnings=warnings,
                )
