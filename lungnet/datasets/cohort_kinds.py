"""From `data.kind` to the adapter that reads such a cohort."""

from pathlib import Path

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.nodule_cohort import nodule_cohort


def load_cohort(experiment: Experiment) -> Cohort:
    """The cohort of an experiment; errors are those of its adapter."""
    if experiment.data.kind == "nodules":
        return nodule_cohort(Path(experiment.data.path), experiment.input)
    from lungnet.datasets.store_cohort import store_cohort

    return store_cohort(experiment)
