"""A bundle made ready to answer.

One new series in, a calibrated probability with its candidates out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lungnet.datasets.network_inputs import network_inputs
from lungnet.errors import BundleError, SeriesRefused, UsageError
from lungnet.evaluation.calibration import Calibration
from lungnet.intake import Series, find_series, read_series
from lungnet.models.bundle import Bundle, open_bundle
from lungnet.models.exported_network import LOGIT, WEIGHTS_OUTPUT, compile_networks
from lungnet.preprocessing import around_lungs, with_candidates
from lungnet.run_folder import RunFolder
from lungnet.version import __version__
from lungnet.volume import ScanWarning, Triple, Volume


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
class Prediction:
    """The answer for one series; field names are the keys of `predict --json`.

    Attributes:
        status: "usable" or "refused"; `reason` then holds the code.
        probability: calibrated probability of the positive label, 0..1; None where refused.
        interval: None: this version gives none.
        abstained: whether no answer is given though the series is usable.
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


class Predictor:
    """Answers for series with one bundle, whose exported network it holds compiled.

    Raises:
        BundleError: the bundle fails its checks, or its scans were prepared by other rules than
            this version's.
        UsageError: the bundle's network judges single nodules and cannot judge a series.
    """

    def __init__(self, path: Path) -> None:
        self.bundle: Bundle = open_bundle(path)
        self.input_config = self.bundle.experiment.input
        if self.input_config.kind == "nodule":
            raise UsageError(
                f"{path}: this network judges crops around known nodules, not series; expected a "
                "bundle of a bag or volume run"
            )
        config = self.bundle.experiment.preparation
        if self.bundle.preparation_hash != config.preparation_hash():
            raise BundleError(
                f"{path}: trained on scans of preparation {self.bundle.preparation_hash}, this "
                f"lungnet prepares {config.preparation_hash()}; "
                "use the version that trained it, or train again"
            )
        try:
            self.calibration = Calibration.from_json(dict(self.bundle.calibration))
            self._network = compile_networks(self.bundle.exported_networks())
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"{path}: cannot be loaded ({str(error).splitlines()[0]})") from None

    def predict_volume(
        self, volume: Volume
    ) -> tuple[float, tuple[ScoredCandidate, ...], tuple[ScanWarning, ...]]:
        """Probability, candidates with weights, and warnings for a volume in HU."""
        config = self.bundle.experiment.preparation
        scan = around_lungs(volume, config)
        del volume  # its memory serves the candidates, where the caller drops it too
        scan = with_candidates(scan, config)
        inputs = {
            name: value[None] for name, value in network_inputs(scan, self.input_config).items()
        }
        outputs = self._network(inputs)
        probability = float(self.calibration.apply(outputs[LOGIT]).ravel()[0])
        candidates: tuple[ScoredCandidate, ...] = ()
        if self.input_config.kind == "bag":
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
                yield self._row(
                    series, reason=refusal.reason, detail=refusal.detail, warnings=series.warnings
                )
            else:
                yield self._row(
                    series, probability=probability, candidates=candidates, warnings=warnings
                )

    def _row(self, series: Series, **fields: Any) -> Prediction:
        blank: dict[str, Any] = {
            "reason": None,
            "detail": "",
            "probability": None,
            "candidates": (),
        }
        return Prediction(
            path=str(series.path),
            patient_id=series.patient_id,
            series_uid=series.series_uid,
            status="refused" if fields.get("reason") else "usable",
            interval=None,
            abstained=False,
            preparation_hash=str(self.bundle.preparation_hash),
            model_hash=self.bundle.model_hash,
            lungnet_version=__version__,
            **{**blank, **fields},
        )


def bundle_folder(model: Path) -> Path:
    """The bundle that a user means: the folder itself, or that of the run which holds one."""
    run = RunFolder(model)
    return run.bundle if run.bundle.is_dir() else model
