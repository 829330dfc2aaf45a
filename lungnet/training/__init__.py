"""From a cohort and an experiment to a run folder: checkpoints, history, held-out predictions and a bundle."""

from lungnet.training.quiet import import_tensorflow

import_tensorflow()
