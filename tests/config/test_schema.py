"""The JSON Schema beside the configurations is that of the code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lungnet.config.schema import schema_text

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def test_the_schema_is_kept_true():
    assert (CONFIGS / "schema.json").read_text() == schema_text(), (
        "python -m lungnet.config.schema > configs/schema.json"
    )


def test_the_module_prints_the_schema():
    done = subprocess.run(
        [sys.executable, "-m", "lungnet.config.schema"], capture_output=True, text=True, check=True
    )
    assert done.stdout == schema_text()


def test_every_setting_has_a_description():
    schema = json.loads(schema_text())
    for name, section in {"": schema, **schema["$defs"]}.items():
        for key, field in section.get("anyOf", [section])[-1]["properties"].items():
            target = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert field.get("description") or target.get("description"), f"{name}.{key}"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_knows_every_key_that_is_shipped(path):
    schema = json.loads(schema_text())

    def check(value, part):
        part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        part = part["anyOf"][-1] if isinstance(value, dict) and "anyOf" in part else part
        if isinstance(value, dict) and "properties" in part:
            assert set(value) <= set(part["properties"])
            for key, inner in value.items():
                check(inner, part["properties"][key])

    check(yaml.safe_load(path.read_text()), schema)
