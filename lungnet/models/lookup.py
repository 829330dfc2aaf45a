"""Looking a name up in one of the tables of choices, with an error that names what is near."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from lungnet.config.model import ChoiceConfig
from lungnet.errors import ChoiceError


def choose(table: Mapping[str, Callable[..., Any]], name: str, key: str) -> Callable[..., Any]:
    """The row of that name.

    Raises:
        ChoiceError: there is none.
    """
    if name not in table:
        matches = difflib.get_close_matches(name, table, n=1)
        hint = (
            f"did you mean {matches[0]}?"
            if matches
            else f"expected one of {', '.join(sorted(table))}"
        )
        raise ChoiceError(key, f"is {name!r}; {hint}")
    return table[name]


def build_choice(table: Mapping[str, Callable[..., Any]], choice: ChoiceConfig, key: str) -> Any:
    """The layer of that name with the options of the configuration.

    Raises:
        ChoiceError: no such name, or options that the layer does not take.
    """
    builder = choose(table, choice.name, f"{key}.name")
    try:
        return builder(**choice.options)
    except (TypeError, ValueError) as error:
        raise ChoiceError(
            f"{key}.options", f"do not fit {choice.name}: {str(error).splitlines()[0]}"
        ) from None
