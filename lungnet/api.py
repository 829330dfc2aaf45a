"""The library's face: thin functions over the stations, which import what they need when called.

import lungnet

for answer in lungnet.load_model("runs/x/bundle").predict("scan/"):
    print(answer.patient_id, answer.probability)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lungnet.config.experiment import Experiment
    from lungnet.config.preparation import PreparationConfig
    from lungnet.evaluation.metrics import Metrics
    from lungnet.inference import NodulePredictor, Predictor
    from lungnet.intake import Series
    from lungnet.store import PreparedRow
    from lungnet.volume import Volume

PathLike = str | Path


def find_series(*paths: PathLike) -> "list[Series]":
    """Every CT series at or below some paths: folders, zips, tars, files.

        for series in lungnet.find_series("data/raw"):
            print(series.patient_id, series.refusal or "usable so far")

    Raises:
        InputError: a path does not exist.
    """
    from lungnet import intake

    return intake.find_series([Path(path) for path in paths])


def read_series(series: "Series") -> "Volume":
    """A series as exact HU `int16`, (z, y, x) LPS, with its affine to patient millimetres.

        volume = lungnet.read_series(lungnet.find_series("scan/")[0])
        print(volume.hu.shape, volume.spacing_mm)

    Raises:
        SeriesRefused: it must not be used; `reason` is a stable code.
    """
    from lungnet import intake

    return intake.read_series(series)


def prepare(
    paths: PathLike | Sequence[PathLike],
    out: PathLike,
    *,
    labels: PathLike | None = None,
    config: "PreparationConfig | None" = None,
    jobs: int | None = None,
) -> "list[PreparedRow]":
    """Fill or complete a store, as `lungnet prepare` does.

        rows = lungnet.prepare("data/raw", "data/store", labels="labels.csv")
        print(sum(row.status == "refused" for row in rows), "series refused")

    Args:
        paths: where the series lie.
        out: the store's folder.
        labels: CSV with `id,cancer`, `patient_id,label` or `series_uid,label`.
        config: how series are prepared; the defaults where None.
        jobs: processes; one per core, as far as memory goes, where None.

    Raises:
        LungnetError: as `lungnet.store.fill_store` says.
    """
    from lungnet.config.preparation import PreparationConfig
    from lungnet.intake import find_series
    from lungnet.processes.worker_pool import default_jobs
    from lungnet.store import fill_store, read_labels

    config = config or PreparationConfig()
    several = [paths] if isinstance(paths, str | Path) else paths
    series_list = find_series([Path(path) for path in several], config.intake)
    known = None if labels is None else read_labels(Path(labels))
    rows = fill_store(series_list, Path(out), config, jobs=jobs or default_jobs(), labels=known)
    return list(rows)


def load_experiment(path: PathLike, overrides: Sequence[str] = ()) -> "Experiment":
    """A configuration, with overrides such as `model.activation.name=prelu`.

        experiment = lungnet.load_experiment("configs/bag.yaml", ["data.path=data/store"])

    Raises:
        ConfigError: names file and line of what does not hold.
    """
    from lungnet.config import load

    return load.load_experiment(Path(path), overrides)


def build_model(experiment: "Experiment") -> Any:
    """The untrained `keras.Model` of an experiment, from HU to a logit.

        lungnet.build_model(lungnet.load_experiment("configs/demo.yaml")).summary()

    Raises:
        ChoiceError: a name or option that does not exist, or an input too small.
        UsageError: Keras was imported on another backend than the experiment's.
    """
    from lungnet.processes.keras_backend import use_backend

    use_backend(experiment.training.backend)
    from lungnet.models import build

    return build.build_model(experiment.model, experiment.input)


def train(experiment: "Experiment", run: PathLike, *, resume: bool = False) -> "Metrics":
    """Train as an experiment says and leave a run folder, as `lungnet train` does.

        metrics = lungnet.train(lungnet.load_experiment("configs/nodule.yaml"), "runs/nodules")
        print(metrics.verdict, metrics.figure("roc_auc"))

    Raises:
        LungnetError: as `lungnet.training.train.train` says.
    """
    from lungnet.processes.keras_backend import use_backend

    use_backend(experiment.training.backend)
    from lungnet.training.epoch_bar import EpochBar
    from lungnet.training.train import train as train_run

    with EpochBar(experiment) as bar:
        return train_run(experiment, Path(run), resume=resume, epoch_done=bar.epoch_done)


def load_model(model: PathLike) -> "Predictor | NodulePredictor":
    """A trained bundle, the one of a run folder, or the name of one that ships, ready to answer.

        for answer in lungnet.load_model("runs/x/bundle").predict("scan/"):
            print(answer.patient_id, answer.probability)

    A network of nodules judges places: `predict("scan/", at=[(56.4, 86.4, -115.8)])`, and its
    answers are in `answer.places`.

    Raises:
        BundleError: it is not there, or fails its checks.
    """
    from lungnet.inference import load_predictor

    return load_predictor(model)


def evaluate(
    predictions: PathLike,
    out: PathLike,
    *,
    cohort: PathLike | None = None,
    labels: PathLike | None = None,
) -> "Metrics":
    """Score a run folder or a CSV, or a model on another cohort, and write the report.

        metrics = lungnet.evaluate("runs/x", "runs/x/report")
        print(metrics.verdict, metrics.figure("roc_auc"))

    Args:
        predictions: a run folder, or a CSV; with `cohort` a bundle, a run, or the name of a bundle
            that ships.
        out: folder for the report.
        cohort: a store or a nodule file to score the model on.
        labels: CSV of the labels of a store.

    Raises:
        PredictionsError: predictions that cannot be scored.
        LungnetError: a model or a cohort that cannot be read.
    """
    from lungnet.reporting.cohort_report import report_cohort
    from lungnet.reporting.run_report import report_predictions

    if cohort is None:
        return report_predictions(Path(predictions), Path(out))[0]
    labels_path = None if labels is None else Path(labels)
    return report_cohort(predictions, Path(cohort), Path(out), labels=labels_path)[0]
