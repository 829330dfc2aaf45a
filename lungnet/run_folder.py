"""The names of what lies in a run folder, and of the splits in its tables."""

from dataclasses import dataclass
from pathlib import Path

TRAIN, VALIDATION, TEST = "train", "validation", "test"
"""Values of the column `split` in `splits.csv` and `predictions.csv`."""


@dataclass(frozen=True)
class RunFolder:
    """Where each thing of a run lies."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration: `lungnet train RUN/config.yaml` repeats the run."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Versions, seed and cores, Keras' settings, hashes of the data."""
        return self.path / "environment.json"

    @property
    def splits(self) -> Path:
        """Who trained, who stopped the training, who was held out."""
        return self.path / "splits.csv"

    @property
    def history(self) -> Path:
        """A row per epoch."""
        return self.path / "history.csv"

    @property
    def predictions(self) -> Path:
        """A row per sample."""
        return self.path / "predictions.csv"

    @property
    def unseen(self) -> Path:
        """A row per judge and sample that fitted its calibration."""
        return self.path / "unseen.csv"

    @property
    def metrics(self) -> Path:
        """Figures of the held-out samples; written last."""
        return self.path / "metrics.json"

    @property
    def bundle(self) -> Path:
        """The trained model, as data."""
        return self.path / "bundle"

    @property
    def unsealed(self) -> Path:
        """What `lungnet seal` makes the bundle from, where the training could not."""
        return self.path / "unsealed"

    def checkpoints(self, task: str) -> Path:
        """Checkpoints of one network."""
        return self.path / "checkpoints" / task

    def tensorboard(self, task: str) -> Path:
        """Event files of one network."""
        return self.path / "tensorboard" / task
