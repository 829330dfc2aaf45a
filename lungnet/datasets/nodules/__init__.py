"""Cohorts of nodules, cut out and labeled by others."""

from lungnet.datasets.nodules.cohort import NODULES, nodule_cohort

__all__ = ["NODULES", "nodule_cohort"]
