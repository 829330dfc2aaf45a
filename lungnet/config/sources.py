"""Which file and line set a value of a configuration."""

from collections.abc import Mapping

Sources = dict[str, str]
"""Key (`model.activation.name`) to file and line, or to the override that set it."""


def nearest_source(sources: Mapping[str, str], key: str) -> str | None:
    """The source of a key, or of the nearest section above it that is set; None where none is."""
    while key and key not in sources:
        key = key.rpartition(".")[0]
    return sources[key] if key else None
