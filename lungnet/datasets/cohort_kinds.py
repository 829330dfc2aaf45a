"""COHORT_KINDS: from `data.kind` to the adapter that reads such a cohort."""

from lungnet.config.data import DataConfig
from lungnet.config.lookup import choose
from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.cohort import Cohort, CohortKind, Keeping
from lungnet.datasets.nodules import NODULES
from lungnet.datasets.store_cohort import STORE
from lungnet.errors import ChoiceError

COHORT_KINDS: dict[str, CohortKind] = {"store": STORE, "nodules": NODULES}
"""Name -> adapter."""


def load_cohort(
    data: DataConfig,
    input_config: InputConfig,
    preparation: PreparationConfig,
    keeping: Keeping | None = None,
) -> Cohort:
    """The cohort of an experiment; `keeping` says what stays decoded between epochs.

    Raises:
        ChoiceError: no such kind, or one that cannot feed such an input.
        LungnetError: whatever its adapter raises.
    """
    kind = choose(COHORT_KINDS, data.kind, "data.kind")
    if input_config.kind not in kind.input_kinds:
        feeds = " and ".join(sorted(kind.input_kinds))
        raise ChoiceError(
            "input.kind",
            f"{input_config.kind} cannot be fed from data.kind {data.kind}: {feeds} can",
        )
    kind.check(data, preparation)
    return kind.load(data, input_config, preparation, keeping)
