"""From a cohort and an experiment to a run folder.

Checkpoints, history, held-out predictions and a bundle.
"""

from lungnet.processes.keras_backend import imported_backend, use_backend

# Whoever has an experiment chooses its backend before; no environment chooses one.
if imported_backend() is None:
    use_backend("tensorflow")
