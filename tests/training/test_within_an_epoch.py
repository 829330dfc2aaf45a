"""A training that is cut within an epoch goes on to the same bits."""

import numpy as np
import pytest
from fitting import fit_once
from numpy.testing import assert_array_equal

from lungnet.training import checkpoint_callback
from lungnet.training.checkpoints import load_checkpoint


@pytest.fixture
def cut_after(monkeypatch):
    """`cut_after(n)`: the program ends when it has kept its state n times from now on."""
    saved = checkpoint_callback.save_checkpoint

    def cut(most):
        count = 0

        def save(*args):
            nonlocal count
            saved(*args)
            count += 1
            if count == most:
                raise KeyboardInterrupt

        monkeypatch.setattr(checkpoint_callback, "save_checkpoint", save)

    return cut


EVERY_TWO = {"checkpoint_every_steps": 2, "epochs": 3}
"""48 samples in batches of 8 are six steps: kept after two, four and at the epoch's end."""


@pytest.mark.parametrize("recipe", [{}, {"average": 0.9, "accumulate": 4}], ids=["plain", "ema"])
def test_it_is_cut_wherever_it_was_kept(tmp_path, experiment_of, quiet, cut_after, recipe):
    experiment = experiment_of(training=EVERY_TWO, optimizer=recipe)
    whole = fit_once(experiment, tmp_path / "whole", quiet)
    for most in (1, 2, 1, 3):
        cut_after(most)
        with pytest.raises(KeyboardInterrupt):
            fit_once(experiment, tmp_path / "cut", quiet)
    cut_after(100)
    cut = fit_once(experiment, tmp_path / "cut", quiet)
    assert cut.history == whole.history
    for ours, theirs in zip(cut.network.variables, whole.network.variables, strict=True):
        assert_array_equal(np.array(ours), np.array(theirs))


def test_the_steps_are_kept_under_names_in_order(tmp_path, experiment_of, quiet, cut_after):
    experiment = experiment_of(training=EVERY_TWO)
    cut_after(5)
    with pytest.raises(KeyboardInterrupt):
        fit_once(experiment, tmp_path, quiet)
    names = sorted(path.name for path in (tmp_path / "checkpoints").glob("*.npz"))
    assert names == ["epoch-00001-step-000002.npz", "epoch-00001-step-000004.npz"]
    kept = load_checkpoint(tmp_path / "checkpoints", experiment.config_hash())
    assert (kept.epoch, kept.step) == (1, 4)


def test_keeping_more_often_changes_no_bit(tmp_path, experiment_of, quiet):
    often = fit_once(experiment_of(training=EVERY_TWO), tmp_path / "often", quiet)
    seldom = fit_once(experiment_of(training={"epochs": 3}), tmp_path / "seldom", quiet)
    assert often.history == seldom.history
    for ours, theirs in zip(often.network.variables, seldom.network.variables, strict=True):
        assert_array_equal(np.array(ours), np.array(theirs))
