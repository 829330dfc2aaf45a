"""Predictions come in as a table; figures with intervals, calibration and baselines go out."""
