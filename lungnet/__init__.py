"""lungnet: a chest CT series in at one end, a probability with its reasons out at the other.

Research software, not a medical device. The names of `__all__` are the library's face; each is
resolved when it is first asked for, so that importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lungnet.api import (
        build_model,
        evaluate,
        find_series,
        load_experiment,
        load_model,
        prepare,
        read_series,
        train,
    )
    from lungnet.store import Store
    from lungnet.version import __version__

__all__ = [
    "Store",
    "__version__",
    "build_model",
    "evaluate",
    "find_series",
    "load_experiment",
    "load_model",
    "prepare",
    "read_series",
    "train",
]

_ELSEWHERE = {"Store": "lungnet.store", "__version__": "lungnet.version"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lungnet' has no attribute {name!r}")
    value = getattr(importlib.import_module(_ELSEWHERE.get(name, "lungnet.api")), name)
    globals()[name] = value  # the next time it is there
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
