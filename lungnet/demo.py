"""The whole road in one go: synthetic chests in, a report on held-out patients out.

What is done is not done again.
"""

import logging
import os
from importlib.resources import as_file, files
from pathlib import Path

from lungnet.config.experiment import Experiment
from lungnet.config.load import load_experiment
from lungnet.config.phantom import PhantomConfig
from lungnet.errors import ConfigError
from lungnet.evaluation.metrics import Metrics
from lungnet.progress import track

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
    raw, store, run, report = (out.resolve() / name for name in ("raw", "store", "run", "report"))
    with as_file(files("lungnet") / "configs" / "demo.yaml") as path:
        experiment = load_experiment(path, [f"data.path={store}"])
    log.info("1 of 4: %d synthetic chests as DICOM, %s", PATIENTS, raw)
    _make_chests(raw, experiment.seed)
    log.info("2 of 4: prepare them, %s", store)
    _prepare(raw, store, experiment)
    log.info("3 of 4: train, %s", run)
    _train(experiment, run)
    log.info("4 of 4: evaluate the held-out patients, %s", report)
    metrics, page = _report(run, report)
    return _words(metrics, page)


def _make_chests(raw: Path, seed: int) -> None:
    from lungnet.phantom.cohort import make_cohort

    make_cohort(raw, PATIENTS, seed, CHESTS, jobs=os.cpu_count() or 1)


def _prepare(raw: Path, store: Path, experiment: Experiment) -> None:
    from lungnet.intake import find_series
    from lungnet.store import fill_store, read_labels

    labels = read_labels(raw / "labels.csv")
    series_list = find_series([raw], experiment.preparation.intake)
    rows = fill_store(
        series_list, store, experiment.preparation, jobs=os.cpu_count() or 1, labels=labels
    )
    for _ in track(rows, "prepare", total=len(series_list)):
        pass


def _train(experiment: Experiment, run: Path) -> None:
    if _is_done(experiment, run):
        log.info("the run is whole already")
        return
    from lungnet.training.epoch_bar import EpochBar
    from lungnet.training.train import train

    with EpochBar(experiment) as bar:
        train(experiment, run, resume=True, epoch_done=bar.epoch_done)


def _is_done(experiment: Experiment, run: Path) -> bool:
    try:
        return (run / "metrics.json").is_file() and load_experiment(
            run / "config.yaml"
        ).config_hash() == experiment.config_hash()
    except ConfigError:
        return False


def _report(run: Path, report: Path) -> tuple[Metrics, Path]:
    from lungnet.reporting.run_report import report_predictions

    return report_predictions(run, report)


def _words(metrics: Metrics, page: Path) -> str:
    from lungnet.reporting.sentences import headline

    return f"{headline(metrics)}\nreport: {page}"
