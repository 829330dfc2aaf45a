"""How a table of predictions is scored."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ScoringConfig:
    """How a table is scored.

    Attributes:
        split: which rows; None: `test`, else out-of-fold, else all.
        threshold: called positive at or above it, 0..1; None: chosen on validation rows or the
            other folds, else 0.5.
        train_prevalence: share of positives among the training rows, for the constant prior; None:
            training rows of the table where there are any, else the scored rows' own.
        replicates: bootstrap cohorts, at least 100.
        seed: of the bootstrap.
        synthetic: the patients are made up; also true where the table's column `synthetic` says so.
        label_noise: how far single readers stray from the labels, in a sentence; empty where
            nothing of it is known.
    """

    split: str | None = None
    threshold: float | None = None
    train_prevalence: float | None = None
    replicates: int = 2000
    seed: int = 0
    synthetic: bool = False
    label_noise: str = ""

    def __post_init__(self) -> None:
        """Refuse settings that cannot be."""
        for name, value in (
            ("threshold", self.threshold),
            ("train_prevalence", self.train_prevalence),
        ):
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} {value}; expected 0..1")
        if self.replicates < 100:
            raise ValueError(f"replicates {self.replicates}; expected at least 100")
