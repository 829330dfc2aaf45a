"""The whole road in one go: synthetic chests in, a report on held-out patients out.

What is done is not done again.
"""

import logging
from importlib.resources import as_file, files
from pathlib import Path

from lungnet.config.experiment import Experiment
from lungnet.config.load import load_experiment
from lungnet.config.phantom import PhantomConfig
from lungnet.errors import ConfigError
from lungnet.evaluation.metrics import Metrics
from lungnet.processes.worker_pool import default_jobs
from lungnet.progress import track
from lungnet.run_folder import RunFolder

log = logging.getLogger("lungnet")

PATIENTS = 240
"""Enough to hold 60 out, so that the interval of their AUC means something."""

CHESTS = PhantomConfig(matrix=192, ambiguous_share=0.03)
"""A coarse matrix, to be quick: 1.7 mm pixels; and few nodules that look like what they are not, as
there are few to learn from."""


def walk(out: Path) -> str:
    """Make chests, prepare, train, evaluate, report below a folder.

    Returns the words to print last.

    Everything is a function of the seed in configs/demo.yaml, to the last bit on one machine.
    """
    raw, store, report = (out.resolve() / name for name in ("raw", "store", "report"))
    run = RunFolder(out.resolve() / "run")
    with as_file(files("lungnet") / "configs" / "demo.yaml") as path:
        experiment = load_experiment(path, [f"data.path={store}"])
    log.info("1 of 4: %d synthetic chests as DICOM, %s", PATIENTS, raw)
    _make_chests(raw, experiment.seed)
    log.info("2 of 4: prepare them, %s", store)
    _prepare(raw, store, experiment)
    log.info("3 of 4: train, %s", run.path)
    _train(experiment, run)
    log.info("4 of 4: evaluate the held-out patients, %s", report)
    metrics, page = _report(run, report)
    return _summary(metrics, page)


def _make_chests(raw: Path, seed: int) -> None:
    from lungnet.phantom.cohort import make_cohort

    make_cohort(raw, PATIENTS, seed, CHESTS, jobs=default_jobs())


def _prepare(raw: Path, store: Path, experiment: Experiment) -> None:
    from lungnet.intake import find_series
    from lungnet.store import fill_store, read_labels

    labels = read_labels(raw / "labels.csv")
    series_list = find_series([raw], experiment.preparation.intake)
    rows = fill_store(
        series_list, store, experiment.preparation, jobs=default_jobs(), labels=labels
    )
    for _ in track(rows, "prepare", total=len(series_list)):
        pass


def _train(experiment: Experiment, run: RunFolder) -> None:
    if _is_done(experiment, run):
        log.info("the run is whole already")
        return
    from lungnet.training.epoch_bar import EpochBar
    from lungnet.training.train import train

    with EpochBar(experiment) as bar:
        train(experiment, run.path, resume=True, epoch_done=bar.epoch_done)


def _is_done(experiment: Experiment, run: RunFolder) -> bool:
    try:
        stored_hash = load_experiment(run.config).config_hash()
    except ConfigError:
        return False
    return run.metrics.is_file() and stored_hash == experiment.config_hash()


def _report(run: RunFolder, report: Path) -> tuple[Metrics, Path]:
    from lungnet.reporting.run_report import report_predictions

    return report_predictions(run.path, report)


def _summary(metrics: Metrics, page: Path) -> str:
    from lungnet.reporting.sentences import headline

    return f"{headline(metrics)}\nreport: {page}"
