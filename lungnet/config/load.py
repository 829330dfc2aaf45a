"""YAML in, `Experiment` out.

What is wrong is told with file, line, what was expected and the nearest right name.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lungnet.config.experiment import Experiment
from lungnet.config.preparation import PreparationConfig
from lungnet.config.section import Section
from lungnet.config.yaml_text import Source, Sources, ValueBuilder, compose, dump, nearest_source
from lungnet.errors import ConfigError
from lungnet.files import read_bounded

LARGEST_BYTES = 1_000_000
"""A configuration is a page, not a book; more is refused before it is parsed."""

Validated = TypeVar("Validated", bound=Section)


def load_experiment(
    path: Path, overrides: Sequence[str] = (), *, may_extend: bool = True
) -> Experiment:
    """Read an experiment and the files it extends, apply `key.sub=value` overrides, check it all.

    Args:
        path: of the YAML.
        overrides: `key.sub=value`, applied in their order.
        may_extend: whether it may name a parent file; that of a bundle may not.

    Raises:
        ConfigError: the file cannot be read, or a key, type or value does not hold; names file and
            line.
    """
    values, sources = _read(path, ())
    if not may_extend and "extends" in sources:
        raise ConfigError(f"{sources['extends']}: extends a file; it must stand alone")
    for override in overrides:
        _apply(override, values, sources)
    experiment = _validated(Experiment, values, sources, path)
    experiment._sources.update(sources)
    return experiment


def load_preparation(path: Path) -> PreparationConfig:
    """The section `preparation` of an experiment, or of a file that holds no other section.

    Raises:
        ConfigError: as of `load_experiment`; of other sections only their names are checked.
    """
    values, sources = _read(path, ())
    section = {
        name: value
        for name, value in values.items()
        if name == "preparation" or name not in Experiment.model_fields
    }
    return _validated(_PreparationOnly, section, sources, path).preparation


class _PreparationOnly(Section):
    preparation: PreparationConfig = PreparationConfig()


def _validated(
    model: type[Validated], values: dict[str, Any], sources: Sources, path: Path
) -> Validated:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_sentence(error, sources, path)) from None


def dump_experiment(experiment: Experiment) -> str:
    """The resolved experiment as YAML that `load_experiment` reads back to the same settings."""
    return dump(experiment.model_dump(mode="json"))


def _read(path: Path, children: tuple[Path, ...]) -> tuple[dict[str, Any], Sources]:
    if path.resolve() in children:
        raise ConfigError(
            f"{path}: extends itself, through {' and '.join(str(c.name) for c in children)}"
        )
    text = _text(path)
    try:
        root = compose(text)
    except RecursionError:
        raise ConfigError(
            f"{path}: brackets within brackets, too deep to be a configuration"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{path}{line}: not YAML: {getattr(error, 'problem', None) or 'unreadable'}"
        ) from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(
            f"{path}: found {'an empty file' if root is None else 'no sections'}, expected "
            "`data:`, `input:`, `model:` and so on"
        )
    sources: Sources = {}
    values = ValueBuilder(text, lambda line: f"{path}:{line}", sources).build(root, "")
    parent = values.pop("extends", None)
    if parent is None:
        return values, sources
    if not isinstance(parent, str):
        raise ConfigError(f"{sources['extends'].place}: extends names a file, found {parent!r}")
    base, base_places = _read(path.parent / parent, (*children, path.resolve()))
    return _merge(base, values), base_places | sources


def _text(path: Path) -> str:
    try:
        text = read_bounded(path, LARGEST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected a configuration in YAML") from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"{path}: not a text file in UTF-8; expected a configuration in YAML"
        ) from None
    bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if bad:
        raise ConfigError(
            f"{path}:{text.count(chr(10), 0, bad.start()) + 1}: not a text file; expected a "
            "configuration in YAML"
        )
    return text


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        are_sections = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merge(merged[name], value) if are_sections else value
    return merged


def _apply(override: str, values: dict[str, Any], sources: Sources) -> None:
    key, equals, text = override.partition("=")
    names = key.split(".")
    if not equals or not all(names):
        raise ConfigError(
            f"--set {override}: expected section.key=value, such as model.activation.name=prelu"
        )
    place = f"--set {override}"
    try:
        node = compose(text)
    except (yaml.YAMLError, RecursionError):
        raise ConfigError(f"{place}: {text!r} is no YAML value") from None
    section = values
    for name in names[:-1]:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigError(f"--set {override}: {name} is a value, not a section")
    builder = ValueBuilder(text, lambda _: place, sources)
    section[names[-1]] = None if node is None else builder.build(node, key)
    if node is None:
        sources[key] = Source(place, None, None)


def _sentence(error: ValidationError, sources: Sources, path: Path) -> str:
    problems = error.errors(include_url=False)
    # A key that is misspelled is often the reason for one that is missing: it comes first.
    first = next(
        (problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0]
    )
    names = [str(name) for name in first["loc"]]
    key = ".".join(names)
    # A check of the whole experiment has no key; its sentence begins with the setting it is about.
    sentence = first["msg"].removeprefix("Value error, ")
    source = nearest_source(sources, key or sentence.split()[0]) or sources.get("")
    place = source.place if source else str(path)
    count_text = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {_problem(first, key, names, sources.get(key))}{count_text}"


def _problem(problem: Mapping[str, Any], key: str, names: list[str], source: Source | None) -> str:
    if problem["type"] == "extra_forbidden":
        fields = _fields(names[:-1]) + (["extends"] if len(names) == 1 else [])
        matches = difflib.get_close_matches(names[-1], fields, n=1)
        prefix = "".join(f"{name}." for name in names[:-1])
        hint = (
            f"did you mean {prefix}{matches[0]}?"
            if matches
            else f"expected one of {', '.join(fields)}"
        )
        return f"{key} is not a setting; {hint}"
    if problem["type"] == "missing":
        return f"{key} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    value = problem.get("input")
    # A figure as it was typed (0.10, 1e-3), not as Python would write it. A validator of our own
    # may have changed what it was given.
    is_same = source is not None and (source.value is value or problem["type"] == "value_error")
    typed = source.text if source is not None and is_same else None
    if isinstance(value, dict) or (isinstance(value, list) and typed is None):
        return f"{key}: {message}" if key else message
    shown = repr(value) if isinstance(value, str) or typed is None else typed
    return f"{key} is {shown}: {message[:1].lower()}{message[1:]}"


def _fields(names: Sequence[str]) -> list[str]:
    """Names of the settings in the section that `names` leads to."""
    model: type[BaseModel] = Experiment
    for name in names:
        field = model.model_fields.get(name)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
