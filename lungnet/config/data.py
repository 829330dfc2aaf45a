"""Settings of the cohort: where it lies, what kind it is, and how its patients are split."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lungnet.config.section import Section


class SplitConfig(Section):
    """One held-out test set; patients, never series, are drawn, stratified by label."""

    test: Annotated[float, Field(gt=0, lt=0.9)] = 0.25
    """Share of patients held out for the figures of the report."""

    validation: Annotated[float, Field(ge=0, lt=0.9)] = 0.15
    """Share of patients that stop the training and fit the calibration; with folds, a share of
    those not held out. 0: nobody; all epochs are done."""

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

    labels: str | None = None
    """CSV with `patient_id,label`, `id,cancer`, `series_uid,label` or
    `patient_id,study_date,label`; without it, the labels that `prepare` wrote into the store."""

    series: Literal["chosen", "all"] = "chosen"
    """Of a store, the one series of each patient that `inspect` calls chosen, or every usable one
    that has a label; a patient's series always stand on one side of a split."""

    attributes: str | None = None
    """CSV of the readers' other ratings of a nodule file's samples: `row` (index in the npz) and a
    column for each attribute, 1 to 5 or 6; only for `model.heads` that learn them."""

    folds: Annotated[int, Field(ge=0, le=20)] = 0
    """Number of cross-validation folds, grouped by patient; 0: one held-out test set as `split`
    says."""

    split: SplitConfig = SplitConfig()
    """Shares of the patients."""

    @model_validator(mode="after")
    def _one_fold_is_none(self) -> "DataConfig":
        if self.folds == 1:
            raise ValueError("1 fold holds everything out; 0 (one split) or at least 2")
        return self
