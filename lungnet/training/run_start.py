"""When a training may use a run folder, and what it writes there first."""

import json
import os
import platform
from itertools import chain
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.config.load import dump_experiment, load_experiment
from lungnet.errors import ConfigError, DataChangedError, UsageError
from lungnet.files import check_writable, remove_unfinished, write_json, write_text
from lungnet.run_folder import RunFolder
from lungnet.training.continued_run import check_same_data
from lungnet.training.determinism import keras_settings
from lungnet.training.plan import TrainingPlan
from lungnet.version import __version__, installed_version

LIBRARIES = (
    "keras",
    "numpy",
    "opencv-python-headless",
    "openvino",
    "pandas",
    "pydicom",
    "scikit-learn",
    "scipy",
    "tensorstore",
)


def start_run(run: RunFolder, experiment: Experiment, plan: TrainingPlan, *, resume: bool) -> None:
    """Make the folder ready, or go on with what lies there.

    The splits of a run that began are never written again.

    Raises:
        UsageError: there is a run already and `resume` is not set, or it is a run of another
            configuration.
        DataChangedError: it is a run of other data or splits.
        MachineError: nothing can be written there, or into a folder below.
    """
    data = plan.data_hashes()
    check_same_data(experiment, data)
    if run.config.exists():
        _check_same(run, experiment, resume=resume)
        _check_data(run, data)
    elif run.path.is_dir() and any(entry.name[0] != "." for entry in run.path.iterdir()):
        raise UsageError(
            f"{run.path}: holds other files and no run; give an empty or new folder to --run"
        )
    for folder in (run.path, *run.path.glob("checkpoints/*")):
        remove_unfinished(folder)
    # Some of these are written only after hours of training.
    below = run.path.glob("checkpoints/**/"), run.path.glob("tensorboard/**/")
    for folder in filter(Path.is_dir, [run.path, *chain(*below)]):
        check_writable(folder)
    write_text(run.config, dump_experiment(experiment))
    if not run.splits.exists():
        write_table(run.splits, plan.split_table())
    write_json(run.environment, environment(experiment, data))


def _check_same(run: RunFolder, experiment: Experiment, *, resume: bool) -> None:
    if not resume:
        raise UsageError(
            f"{run.path}: holds a run already; go on with --resume, or give another --run"
        )
    try:
        stored_hash = load_experiment(run.config).config_hash()
    except ConfigError as error:
        raise UsageError(
            f"{run.path}: its configuration cannot be read ({error}); give another --run"
        ) from None
    if stored_hash != experiment.config_hash():
        raise UsageError(
            f"{run.path}: is a run of another configuration ({stored_hash}, this one is "
            f"{experiment.config_hash()}); give another --run"
        )


def _check_data(run: RunFolder, data: dict[str, str]) -> None:
    if not run.environment.is_file():  # nothing was trained yet
        return
    try:
        bound_to = json.loads(run.environment.read_text()).get("data", {})
    except (ValueError, AttributeError):
        raise DataChangedError(
            f"{run.environment}: is damaged, and with it what the run was trained on; give another "
            "--run"
        ) from None
    changed = [name for name, value in data.items() if bound_to.get(name) != value]
    if changed:
        raise DataChangedError(
            f"{run.path}: its data are no longer those it began with: other {', '.join(changed)}; "
            "bring them back, or give another --run"
        )


def environment(experiment: Experiment, data: dict[str, str]) -> dict[str, object]:
    """What the run depends on beside its configuration; no time and no name of the machine."""
    return {
        "lungnet": __version__,
        "config_hash": experiment.config_hash(),
        "seed": experiment.seed,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "keras": keras_settings(),
        "data": data,
        "libraries": _versions(),
    }


def _versions() -> dict[str, str]:
    """Of the libraries that are there, by the names of their packages."""
    versions = {name: installed_version(name) for name in (*LIBRARIES, keras.backend.backend())}
    return {name: version for name, version in versions.items() if version is not None}


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A CSV with every digit of its numbers, whole or not at all."""
    floats = table.select_dtypes(np.floating).columns
    written = table.assign(
        **{name: [("" if np.isnan(v) else repr(float(v))) for v in table[name]] for name in floats}
    )
    write_text(path, written.to_csv(index=False, lineterminator="\n"))
