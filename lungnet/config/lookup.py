"""A choice by its name, looked up in a table; the error names the nearest right one."""

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from lungnet.config.section import Section
from lungnet.errors import ChoiceError

Row = TypeVar("Row")


def _plain_option(value: Any) -> Any:
    """One sentence where pydantic would tell of each type that it tried."""
    is_list = isinstance(value, list | tuple) and all(type(number) is int for number in value)
    if not (is_list or isinstance(value, bool | int | float | str)):
        raise ValueError("no option; expected a number, a word, true, false or a list of integers")
    return value


Option = Annotated[bool | int | float | str | tuple[int, ...], BeforeValidator(_plain_option)]


class NamedSection(Section):
    """One whose name alone will do."""

    @model_validator(mode="before")
    @classmethod
    def _a_name_alone_will_do(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class ChoiceConfig(NamedSection):
    """A row of a table with its options.

    ACTIVATIONS, NORMS, POOLINGS, GLOBAL_POOLINGS or BAG_POOLINGS.
    """

    name: str
    """Name in the table."""

    options: dict[str, Option] = Field(default_factory=dict)
    """Arguments of the layer, where its defaults should not hold."""


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
