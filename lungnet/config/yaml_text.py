"""YAML text comes in; plain values go out, with the source of each.

Numbers are those that a person and every version of YAML read: `1e-3` is one, `010` is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from lungnet.errors import ConfigError

AMBIGUOUS = re.compile(r"[-+]?0[0-9_]*[0-9]|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
"""YAML 1.1 reads `010` as 8 and `1:30` as 90 (https://yaml.org/type/int.html), YAML 1.2 as 10 and
as text."""

EXPONENT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+")
"""A number in YAML 1.2 and to people; PyYAML takes `1e-3` for text."""

LONGEST_TYPED = 60


@dataclass(frozen=True)
class Source:
    """Where a value comes from.

    Attributes:
        place: file and line, or the override that set it.
        text: the value as it was typed; None where it takes several lines.
        value: what was read from the text.
    """

    place: str
    text: str | None
    value: Any


Sources = dict[str, Source]
"""Key (`model.activation.name`) to the source of its value."""


def nearest_source(sources: Mapping[str, Source], key: str) -> Source | None:
    """The source of a key, or of the nearest section above it that is set; None where none is."""
    while key and key not in sources:
        key = key.rpartition(".")[0]
    return sources[key] if key else None


class _Loader(yaml.SafeLoader):
    """Reads such numbers."""


class _Dumper(yaml.SafeDumper):
    """Puts quotes around text that looks like such a number."""


for _class in (_Loader, _Dumper):
    for _tag, _pattern in (("float", EXPONENT), ("int", AMBIGUOUS)):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern.pattern})$"), "-+.0123456789"
        )


def compose(text: str) -> yaml.Node | None:
    """The nodes of a YAML document, None where there is nothing.

    Raises:
        yaml.YAMLError: it is none.
        RecursionError: brackets within brackets, too deep.
    """
    return yaml.compose(text, Loader=_Loader)


def dump(values: dict[str, Any]) -> str:
    """YAML that is read back to the same values."""
    # Escaped to ASCII: PyYAML would write some of Unicode's line breaks as they are, and read them
    # back as spaces.
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, width=120)


@dataclass(frozen=True)
class ValueBuilder:
    """Turns the nodes of one document into plain values, noting the source of each.

    Attributes:
        text: the document.
        place: names a line, counted from 1, in an error.
        sources: filled on the way.
    """

    text: str
    place: Callable[[int], str]
    sources: Sources
    _visited: set[int] = field(default_factory=set)

    def build(self, node: yaml.Node, key: str, place: str | None = None) -> Any:
        """The value of a node and, noted, of all below.

        Aliases are refused, as they can grow without bound.

        Raises:
            ConfigError: an alias, a key that is set twice, a number that is ambiguous, or a value
                that is none; names the place.
        """
        here = self.place(node.start_mark.line + 1)
        if id(node) in self._visited:
            raise ConfigError(f"{here}: {key} uses a YAML alias (*); write the value out")
        self._visited.add(id(node))
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, key)
        elif isinstance(node, yaml.SequenceNode):
            value = [self.build(item, f"{key}.{i}") for i, item in enumerate(node.value)]
        else:
            assert isinstance(node, yaml.ScalarNode)
            value = _scalar(node, key, here)
        self.sources[key] = Source(place or here, self._typed(node), value)
        return value

    def _mapping(self, node: yaml.MappingNode, key: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            below = f"{key}.{name}" if key else name
            place = self.place(name_node.start_mark.line + 1)
            if name in values:
                raise ConfigError(f"{place}: {below} is set twice")
            values[name] = self.build(value_node, below, place)
        return values

    def _typed(self, node: yaml.Node) -> str | None:
        typed = self.text[node.start_mark.index : node.end_mark.index].strip()
        return typed if len(typed) <= LONGEST_TYPED and "\n" not in typed else None


def _scalar(node: yaml.ScalarNode, key: str, place: str) -> Any:
    if not node.style and AMBIGUOUS.fullmatch(node.value):
        readings = "a number to base 60, or text" if ":" in node.value else "to base 8, or 10"
        raise ConfigError(
            f"{place}: {key} is {node.value}, which is ambiguous in YAML ({readings}); write a "
            f"plain number without zeros in front, or '{node.value}' in quotes where it is text"
        )
    loader = _Loader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"{place}: {key}: {node.value!r} is no YAML value ({node.tag})") from None
    finally:
        loader.dispose()
