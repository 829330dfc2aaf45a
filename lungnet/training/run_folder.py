"""The run folder: what it is called, what lies in it, and when a training may use it."""

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lungnet import __version__
from lungnet.config.experiment import Experiment
from lungnet.config.load import dump_experiment, load_experiment
from lungnet.errors import ConfigError, UsageError
from lungnet.files import remove_unfinished, write_json, write_text

LIBRARIES = (
    "keras",
    "numpy",
    "opencv-python-headless",
    "openvino",
    "pandas",
    "pydicom",
    "scikit-learn",
    "scipy",
    "tensorflow",
    "tensorstore",
)


@dataclass(frozen=True)
class RunFolder:
    """Where each thing of a run lies."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration: `lungnet train RUN/config.yaml` repeats the run."""
        return self.path / "config.yaml"

    @property
    def bundle(self) -> Path:
        """The trained model, as data."""
        return self.path / "bundle"

    @property
    def predictions(self) -> Path:
        """A row per sample."""
        return self.path / "predictions.csv"

    @property
    def metrics(self) -> Path:
        """Figures of the held-out samples; written last."""
        return self.path / "metrics.json"

    def checkpoints(self, task: str) -> Path:
        """Checkpoints of one network."""
        return self.path / "checkpoints" / task

    def tensorboard(self, task: str) -> Path:
        """Event files of one network."""
        return self.path / "tensorboard" / task

    def open(self, experiment: Experiment, *, resume: bool) -> None:
        """Make the folder ready, or go on with what lies there.

        Raises:
            UsageError: there is a run already and `resume` is not set, or it is a run of another
                configuration.
        """
        if self.config.exists():
            self._check_same(experiment, resume=resume)
        elif self.path.is_dir() and any(entry.name[0] != "." for entry in self.path.iterdir()):
            raise UsageError(
                f"{self.path}: holds other files and no run; give an empty or new folder to --run"
            )
        for folder in (self.path, *self.path.glob("checkpoints/*")):
            remove_unfinished(folder)
        write_text(self.config, dump_experiment(experiment))
        write_json(self.path / "environment.json", environment(experiment))

    def _check_same(self, experiment: Experiment, *, resume: bool) -> None:
        if not resume:
            raise UsageError(
                f"{self.path}: holds a run already; go on with --resume, or give another --run"
            )
        try:
            stored_hash = load_experiment(self.config).config_hash()
        except ConfigError as error:
            raise UsageError(
                f"{self.path}: its configuration cannot be read ({error}); give another --run"
            ) from None
        if stored_hash != experiment.config_hash():
            raise UsageError(
                f"{self.path}: is a run of another configuration ({stored_hash}, this one is "
                f"{experiment.config_hash()}); give another --run"
            )


def environment(experiment: Experiment) -> dict[str, object]:
    """What the run depends on beside its configuration; no time and no name of the machine."""
    return {
        "lungnet": __version__,
        "config_hash": experiment.config_hash(),
        "seed": experiment.seed,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A CSV with every digit of its numbers, whole or not at all."""
    floats = table.select_dtypes(np.floating).columns
    written = table.assign(
        **{name: [("" if np.isnan(v) else repr(float(v))) for v in table[name]] for name in floats}
    )
    write_text(path, written.to_csv(index=False, lineterminator="\n"))
