"""Settings of the cohort: where it lies, what kind it is, and how its patients are split."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lungnet.config.section import Section


class SplitConfig(Section):
    """Shares of the patients that are drawn; patients, never series, stratified by label."""

    test: Annotated[float, Field(gt=0, lt=0.9)] = 0.25
    """Share of patients held out for the figures of the report; with folds, and with a split of
    your own, nothing is drawn for it."""

    validation: Annotated[float, Field(ge=0, lt=0.9)] = 0.15
    """Share of patients that stop the training and fit the calibration; with folds, and with a
    split of your own that names none, a share of those not held out. 0: nobody; all epochs are
    done."""

    @model_validator(mode="after")
    def _leaves_patients_to_train_on(self) -> "SplitConfig":
        if self.test + self.validation > 0.9:
            raise ValueError(
                f"test and validation leave only {1 - self.test - self.validation:.2f} of the "
                "patients to train on; at most 0.9 together"
            )
        return self


class DataConfig(Section):
    """The cohort an experiment learns from."""

    kind: str = "store"
    """`store`: a folder made by `lungnet prepare`; `nodules`: an npz of crops around nodules (image
    or crop, label, patient)."""

    path: Annotated[str, Field(min_length=1)]
    """The store or npz; a relative path counts from the working directory."""

    source: str | None = None
    """Where the data come from, their licence and how to cite them, for the model card."""

    labels: str | None = None
    """CSV with `patient_id,label`, `id,cancer`, `series_uid,label` or
    `patient_id,study_date,label`; without it, the labels that `prepare` wrote into the store."""

    series: Literal["chosen", "all"] = "chosen"
    """Of a store, the one series of each patient that `inspect` calls chosen, or every usable one
    that has a label; a patient's series always stand on one side of a split."""

    memory_gb: Annotated[float, Field(ge=0, le=10_000)] = 2.0
    """Crops and volumes of a store are decoded once in a training: into memory where all of them
    need at most so much, else into a file in the run folder that is gone when the training ends."""

    attributes: str | None = None
    """CSV of the readers' other ratings of a nodule file's samples: `row` (index in the npz) and a
    column for each attribute, 1 to 5 or 6; only for `model.heads` that learn them."""

    folds: Annotated[int, Field(ge=0, le=20)] = 0
    """Number of cross-validation folds, grouped by patient; 0: one held-out test set as `split`
    says."""

    repeats: Annotated[int, Field(ge=1, le=20)] = 1
    """How often the folds are drawn, each time anew; every patient is held out once in each."""

    split: SplitConfig = SplitConfig()
    """Shares of the patients."""

    split_file: str | None = None
    """A split of your own: CSV with `patient_id` (or `series_uid`) and `split` (train, validation,
    test) or `fold` (whole numbers: each is held out once)."""

    split_column: str | None = None
    """A split of your own: the column that holds it, of `split_file` where there is one, else of
    the cohort (an array of the npz, such as `fold`, or a column of the labels file)."""

    split_leaks: Literal["refuse", "move"] = "refuse"
    """A split of your own that has a patient, series or image on two sides: `refuse` it, or `move`
    these rows to the side that holds most of them (of equal ones, the held-out side)."""

    group_column: str | None = None
    """Rows with the same value in this column of the cohort (a site, a scanner) stay on one
    side, together with those of the same patient."""

    leave_one_group_out: bool = False
    """Each group of `group_column` is held out once, in a fold of its own. Of the others, patients
    are drawn for validation, not whole groups."""

    def has_own_split(self) -> bool:
        """Whether the sides are given, not drawn."""
        return self.split_file is not None or self.split_column is not None

    def inner_group_column(self) -> str | None:
        """The column whose groups stay whole among those not held out, too."""
        return None if self.leave_one_group_out else self.group_column

    def cohort_columns(self) -> dict[str, str]:
        """The columns that the cohort's table must hold further, by the setting that names them."""
        split_column = self.split_column if self.split_file is None else None
        named = {"data.split_column": split_column, "data.group_column": self.group_column}
        return {key: name for key, name in named.items() if name is not None}

    @model_validator(mode="after")
    def _one_fold_is_none(self) -> "DataConfig":
        if self.folds == 1:
            raise ValueError("1 fold holds everything out; 0 (one split) or at least 2")
        return self

    @model_validator(mode="after")
    def _every_setting_of_the_split_does_something(self) -> "DataConfig":
        if self.repeats > 1 and (not self.folds or self.has_own_split()):
            raise ValueError("repeats draws folds again; it needs folds, and no split of your own")
        if self.split_leaks == "move" and not self.has_own_split():
            raise ValueError("split_leaks does nothing without split_file or split_column")
        if not self.leave_one_group_out:
            return self
        if self.group_column is None:
            raise ValueError("leave_one_group_out needs group_column, which says whose group")
        if self.folds or self.has_own_split():
            raise ValueError(
                "leave_one_group_out makes a fold of each group; leave out folds, split_file and "
                "split_column"
            )
        return self
