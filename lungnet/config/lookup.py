"""A name looked up in a table of choices; the error names the nearest right one."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lungnet.config.model import ChoiceConfig
from lungnet.errors import ChoiceError

Row = TypeVar("Row")


def choose(table: Mapping[str, Row], name: str, key: str) -> Row:
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


def build_choice(
    table: Mapping[str, Callable[..., Any]], choice: ChoiceConfig, key: str, **given: Any
) -> Any:
    """The layer of that name with the options of the configuration, and what the caller gives.

    Raises:
        ChoiceError: no such name, or options that the layer does not take.
    """
    builder = choose(table, choice.name, f"{key}.name")
    try:
        return builder(**choice.options, **given)
    except (TypeError, ValueError) as error:
        raise ChoiceError(
            f"{key}.options", f"do not fit {choice.name}: {str(error).splitlines()[0]}"
        ) from None
