#!/usr/bin/env python3
"""Write the pages of docs/reference that the code knows: commands, configuration, codes.

Usage: .venv/bin/python scripts/reference.py

tests/docs/test_reference.py fails when a page is not what this script writes.
"""

import argparse
import os
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lungnet import errors
from lungnet.cli import main as program
from lungnet.config.experiment import Experiment
from lungnet.config.lookup import ChoiceConfig
from lungnet.config.model import HeadConfig, ScalarConfig
from lungnet.inference import Prediction, ScoredCandidate, ScoredPlace
from lungnet.inference.nodule_crop import PLACE_REASONS
from lungnet.intake import SeriesRow, reasons
from lungnet.preprocessing import warning_codes
from lungnet.store.series_worker import PreparedRow
from lungnet.volume import ScanWarning

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"

NOTE = "<!-- Written by scripts/reference.py; do not edit by hand. -->"

EXIT_CODES = {
    0: "done; series that are refused are results, listed and counted",
    1: "a bug of lungnet: run the command again with `--debug` and report what it prints",
    2: "wrong usage or configuration: an option, a file of settings, a key, a type or a value",
    3: (
        "input that is wrong or leaves nothing to do, or a machine that refuses (a full disk, no "
        "permission); with `--strict`, any refused series"
    ),
    4: (
        "damage: a store, a bundle or a checkpoint fails its checks, because a file is missing or "
        "its bytes are not those that were written"
    ),
    130: (
        "interrupted (Ctrl-C or SIGTERM); what is done is kept, the same command goes on (`train`: "
        "with `--resume`)"
    ),
}
"""What the exit code of a command means."""

JSON_ROWS = {"inspect": SeriesRow, "prepare": PreparedRow, "predict": Prediction}
"""Commands whose `--json` holds a row for each series, and the class of such a row."""

JSON_KEYS = {
    "inspect": ("series",),
    "prepare": ("store", "prepared", "reused", "refused", "seconds", "series"),
    "verify": ("store", "checked", "damaged", "removed", "holds"),
    "predict": ("model", "trained_on_synthetic", "meaning", "series"),
    "model": (
        *("parameters", "multiply_adds", "receptive_field_voxels", "receptive_field_mm"),
        *("sees_whole_input", "memory_bytes", "batch_size", "prediction_views", "layers"),
    ),
    "doctor": ("findings",),
}
"""Top-level keys of the document that `--json` prints; `evaluate` prints `metrics.json`."""

JSON_LISTS = {
    "warnings": ScanWarning,
    "candidates": ScoredCandidate,
    "places": ScoredPlace,
}
"""Keys of a row that hold a list of objects, and the class of such an object."""


def pages() -> dict[str, str]:
    """Every generated page by its file name."""
    written = {
        "commands.md": _commands(),
        "configuration.md": _configuration(),
        "codes.md": _codes(),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in written.items()}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(FOLDER / name, file=sys.stderr)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _commands() -> Iterator[str]:
    parser = program._parser()
    commands = next(
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    yield from ("# Commands", "", NOTE, "")
    yield "`lungnet COMMAND --help` shows the same on the terminal; `python -m lungnet` is the same"
    yield "program. Long work shows a progress bar on a terminal and a line every ten seconds"
    yield "elsewhere. Results go to standard output, progress and remarks to standard error. Every"
    yield "command takes `--quiet` and `--debug`. [codes.md](codes.md) lists the exit codes."
    yield ""
    summaries = ((f"[`{name}`](#{name})", _summary(name)) for name in commands.choices)
    yield from _table(("command", "does"), summaries)
    for name, command in commands.choices.items():
        yield from ("", f"## {name}", "", f"{_sentence(_summary(name))}", "")
        yield from ("```text", *_usage(name, command), "```", "")
        rows = [(_signature(action), _action_help(action)) for action in _documented(command)]
        yield from _table(("argument", "meaning"), rows)
        if name in JSON_KEYS:
            yield from ("", *textwrap.wrap(_json_keys(name), 98, break_on_hyphens=False))
        yield from ("", f"Example: `{_module(name).EXAMPLE}`")


def _json_keys(name: str) -> str:
    """What the document of a command's `--json` holds, in a sentence or three."""
    text = f"`--json` prints one document with the keys {_listed(JSON_KEYS[name])}."
    if name not in JSON_ROWS:
        return text
    row = JSON_ROWS[name]
    text += f" A row of `series` has the keys {_listed(field.name for field in fields(row))}."
    for key, item in JSON_LISTS.items():
        # `candidates` of `prepare` is a number.
        if "tuple" in str(row.__annotations__.get(key, "")):
            text += f" Each of `{key}` has {_listed(field.name for field in fields(item))}."
    return text


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _module(name: str) -> Any:
    return sys.modules[f"lungnet.cli.{name}"]


def _summary(name: str) -> str:
    return str(_module(name).SUMMARY)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _documented(command: argparse.ArgumentParser) -> list[argparse.Action]:
    """Positional arguments first, without `--help`; `--quiet` and `--debug` last."""
    actions = [a for a in command._actions if not isinstance(a, argparse._HelpAction)]
    return sorted(actions, key=lambda a: (bool(a.option_strings), a.dest in ("quiet", "debug")))


def _usage(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    line = f"lungnet {name}"
    for action in _documented(command):
        word = _signature(action).strip("`")
        word = word if action.required else f"[{word}]"
        if len(line) + len(word) > 90:
            yield line
            line = " " * 8 + word
        else:
            line += f" {word}"
    yield line


def _signature(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return f"`{value}{'...' if action.nargs == '+' else ''}`"
    repeats = "..." if isinstance(action, argparse._AppendAction) else ""
    return f"`{' '.join(filter(None, (action.option_strings[-1], value)))}{repeats}`"


def _action_help(action: argparse.Action) -> str:
    text = str(action.help or "").replace("%%", "%")
    return f"{text} (required)" if action.option_strings and action.required else text


def _configuration() -> Iterator[str]:
    yield from ("# Configuration", "", NOTE, "")
    yield "One YAML file describes an experiment. `--set section.key=value` overrides a setting,"
    yield "`extends: other.yaml` takes over every setting that the file does not set itself, and"
    yield "[configs/schema.json](../../configs/schema.json) completes in editors. A key that does"
    yield "not exist is refused, with file, line and the nearest right name. `lungnet prepare`,"
    yield "`inspect` and `convert` take the section `preparation` of such a file as `--config`."
    yield "A number that versions of YAML read differently (`010`, `1:30`) is refused."
    yield from _section_pages("", Experiment)
    yield from _choices()


def _section_pages(key: str, model: type[BaseModel]) -> Iterator[str]:
    title = f"`{key}`" if key else "Top level"
    yield from ("", f"## {title}", "", _one_line(model.__doc__ or ""), "")
    sections = {name: _model_of(field) for name, field in model.model_fields.items()}
    rows = []
    for name, field in model.model_fields.items():
        section = sections[name]
        below = f"{key}.{name}" if key else name
        link = f"section, see [`{below}`](#{below.replace('.', '')})"
        meaning = _one_line(field.description or (section.__doc__ if section else "") or "")
        types_and_bounds = (
            ("section", _default(field), link)
            if section
            else (_type_text(field.annotation), _default(field), _bounds(field))
        )
        rows.append((f"`{name}`", *types_and_bounds, meaning))
    yield from _table(("key", "type", "default", "bounds", "meaning"), rows)
    for name, section in sections.items():
        if section is not None:
            yield from _section_pages(f"{key}.{name}" if key else name, section)


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section behind a key; a choice is a value to the reader, with a table of its own."""
    annotation = field.annotation
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_section and annotation is not ChoiceConfig else None


TYPES = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "`true` or `false`",
    type(None): "nothing",
    ChoiceConfig: "name, or `{name, options}`",
    HeadConfig: "`{name, weight}`",
    ScalarConfig: "`{column, log}`",
}
"""How a type is named to people."""


def _type_text(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_text(arguments[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_text(argument) for argument in arguments)
    if origin is tuple:
        count = "" if arguments[-1] is Ellipsis else f"{len(arguments)} "
        item = _type_text(arguments[0])
        plural = item.replace("list", "lists", 1) if item.startswith("list") else f"{item}s"
        return f"list of {count}{plural}"
    return TYPES[annotation]


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be set"
    if isinstance(field.default, ChoiceConfig):
        return f"`{field.default.name}`"
    if isinstance(field.default, BaseModel):
        return "the defaults of its keys"
    words = {None: "none", True: "`true`", False: "`false`"}
    if field.default is None or isinstance(field.default, bool):
        return words[field.default]
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{value}`"


def _bounds(field: FieldInfo) -> str:
    lengths = _length(field.metadata)
    inner = next(
        (
            argument
            for argument in typing.get_args(field.annotation)
            if typing.get_origin(argument) is typing.Annotated
        ),
        None,
    )
    inner_range = ""
    if inner is not None:
        info = typing.get_args(inner)[1]
        inner_range = f"each {_range(info.metadata)}"
    return "; ".join(filter(None, (_range(field.metadata), inner_range, lengths)))


def _range(metadata: Sequence[Any]) -> str:
    words = []
    for constraint in metadata:
        if isinstance(constraint, Ge):
            words.append(f"from {constraint.ge:,}")
        elif isinstance(constraint, Gt):
            words.append(f"above {constraint.gt:,}")
        elif isinstance(constraint, Le):
            words.append(f"to {constraint.le:,}")
        elif isinstance(constraint, Lt):
            words.append(f"below {constraint.lt:,}")
    return ", ".join(words).replace(", to", " to")


def _length(metadata: Sequence[Any]) -> str:
    least = next((c.min_length for c in metadata if isinstance(c, MinLen)), None)
    most = next((c.max_length for c in metadata if isinstance(c, MaxLen)), None)
    if least is None and most is None:
        return ""
    return f"length {least or 0} to {most}" if most is not None else f"length {least} or more"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _choices() -> Iterator[str]:
    from lungnet.datasets.cohort_kinds import COHORT_KINDS
    from lungnet.layers import ACTIVATIONS, BAG_POOLINGS, GLOBAL_POOLINGS, NORMS, POOLINGS
    from lungnet.models.architectures import ARCHITECTURES
    from lungnet.models.heads import OUTPUTS

    tables: dict[str, tuple[str, Iterable[str]]] = {
        "data.kind": ("COHORT_KINDS", COHORT_KINDS),
        "model.architecture": ("ARCHITECTURES", ARCHITECTURES),
        "model.output": ("OUTPUTS", OUTPUTS),
        "model.activation": ("ACTIVATIONS", ACTIVATIONS),
        "model.norm": ("NORMS", NORMS),
        "model.pooling": ("POOLINGS", POOLINGS),
        "model.global_pooling": ("GLOBAL_POOLINGS", GLOBAL_POOLINGS),
        "model.bag_pooling": ("BAG_POOLINGS", BAG_POOLINGS),
    }
    yield from ("", "## Names to choose from", "")
    yield "`activation: prelu` is short for `activation: {name: prelu}`. Options are the arguments"
    yield "of the layer: `activation: {name: prelu, options: {start: 0.1}}`, `pooling: {name: max,"
    yield "options: {window: 3, stride: 2}}`, `global_pooling: {name: pyramid, options: {levels:"
    yield "[1, 2, 4]}}`."
    yield ""
    rows = ((f"`{key}`", f"`{table}`", _listed(names)) for key, (table, names) in tables.items())
    yield from _table(("key", "table", "names"), rows)


def _codes() -> Iterator[str]:
    yield from ("# Codes", "", NOTE, "")
    yield "Exit codes, reasons and warnings are stable: scripts may rely on them. More may be"
    yield "added."
    yield from ("", "## Exit codes", "")
    yield from _table(("code", "meaning"), ((str(c), text) for c, text in EXIT_CODES.items()))
    yield from (
        "",
        "The failures behind the codes 2, 3 and 4 are classes in `lungnet/errors.py`:",
        "",
    )
    yield from _table(("class", "is a", "exit code", "meaning"), _error_rows(errors.LungnetError))
    yield from ("", "## Reasons to refuse a series", "")
    yield "`reason` in `inspect --json`, `prepare --json` and `predict --json`, and in a store's"
    yield "`refused.csv`. [Intake](../intake.md) explains the bounds behind them."
    yield ""
    yield from _code_table(reasons.REASONS)
    yield from ("", "## Reasons to refuse a place", "")
    yield "`reason` of a place in `predict --json`, where a network judges nodules."
    yield ""
    yield from _code_table(PLACE_REASONS)
    yield from ("", "## Warnings of intake", "")
    yield "About a series that is used. They stand in `inspect --json`, in the store and in"
    yield "`predict --json`, each with a sentence that gives the numbers of this series."
    yield ""
    yield from _code_table(reasons.WARNINGS)
    yield from ("", "## Warnings of preparation", "")
    yield "About the lungs that were outlined. They stand in the store and in `predict --json`,"
    yield "beside those of intake."
    yield ""
    yield from _code_table(warning_codes.WARNINGS)


def _code_table(meanings: dict[str, str]) -> Iterator[str]:
    return _table(("code", "meaning"), ((f"`{code}`", text) for code, text in meanings.items()))


def _error_rows(error: type[errors.LungnetError]) -> Iterator[tuple[str, str, str, str]]:
    base = error.__base__
    parent = f"`{base.__name__}`" if base is not None and base is not Exception else ""
    meaning = (error.__doc__ or "").partition("\n")[0]
    yield f"`{error.__name__}`", parent, str(error.exit_code), meaning
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _error_rows(child)


if __name__ == "__main__":
    main()
