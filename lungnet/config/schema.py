"""The JSON Schema of a configuration, for completion in editors.

`python -m lungnet.config.schema > configs/schema.json`.
"""

import json
import sys
from typing import Any

from lungnet.config.experiment import Experiment


def schema_text() -> str:
    """JSON Schema (draft 2020-12) of a configuration file.

    Descriptions are the settings' docstrings.

    It says what an editor can know of one file. A file that extends another may leave out what its
    parent sets, so only a file without `extends` must have the sections without defaults; names in
    the tables of choices are checked by `lungnet train`.
    """
    schema = Experiment.model_json_schema()
    sections = schema["$defs"]
    for section in sections.values():
        section.pop("required", None)
    sections["ChoiceConfig"] = _or_a_name(sections["ChoiceConfig"])
    extends = {
        "type": "string",
        "title": "Extends",
        "description": "A file to take every setting from that this one does not set.",
    }
    schema["properties"] = {"extends": extends, **schema["properties"]}
    schema |= {
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": schema.pop("required")},
    }
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(_unwrapped(whole), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _unwrapped(value: Any) -> Any:
    """The schema with each description on one line, however its docstring is wrapped."""
    if isinstance(value, list):
        return [_unwrapped(item) for item in value]
    if not isinstance(value, dict):
        return value
    text = value.get("description")
    lines = {"description": " ".join(text.split())} if isinstance(text, str) else {}
    return {name: _unwrapped(item) for name, item in value.items()} | lines


def _or_a_name(choice: dict[str, Any]) -> dict[str, Any]:
    """`activation: relu` is short for `activation: {name: relu}`."""
    return {
        "anyOf": [{"type": "string"}, choice],
        "description": choice["description"],
        "title": choice["title"],
    }


if __name__ == "__main__":
    sys.stdout.write(schema_text())
