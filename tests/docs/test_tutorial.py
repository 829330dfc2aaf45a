"""The tutorial's commands are run as they stand; what its text promises is there afterwards."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lungnet.cli.main import _parser
from lungnet.config.load import load_experiment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCK_OR_PROMISE = re.compile(r"^```(\w+)\n(.*?)^```$|^- `([^`]+)`$", re.MULTILINE | re.DOTALL)
FIRST_HEAVY_STEP = "lungnet train"


@dataclass
class Step:
    """A block of commands, and what must come of it: lines of output, and files."""

    commands: str
    lines: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def steps() -> list[Step]:
    read: list[Step] = []
    for match in BLOCK_OR_PROMISE.finditer(PAGE.read_text()):
        language, text, promised_file = match.groups()
        if language == "sh":
            read.append(Step(text))
        elif language == "text":
            read[-1].lines += text.splitlines()
        elif promised_file:
            read[-1].files.append(promised_file)
    return read


def commands() -> list[list[str]]:
    lines = "".join(step.commands for step in steps()).splitlines()
    return [shlex.split(line) for line in lines if line.startswith("lungnet ")]


@pytest.fixture
def run(tmp_path: Path):
    """`run(step)` in an empty folder with `lungnet` on the path, and check what comes of it."""
    program = tmp_path / "bin" / "lungnet"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m lungnet "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "tutorial"
    folder.mkdir()
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def check(step: Step) -> None:
        done = subprocess.run(
            ["bash", "-euc", step.commands],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert [line for line in step.lines if line not in done.stdout] == [], done.stdout
        assert [name for name in step.files if not (folder / name).is_file()] == []

    return check


def test_every_command_of_the_tutorial_parses_and_its_experiment_holds(tmp_path: Path) -> None:
    for _, *arguments in commands():
        _parser().parse_args(arguments)
    (text,) = re.findall(r"<<'END'\n(.*?)^END$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "experiment.yaml").write_text(text)
    load_experiment(tmp_path / "experiment.yaml")


def test_the_tutorial_runs_up_to_the_training(run) -> None:
    for step in steps():
        if step.commands.startswith(FIRST_HEAVY_STEP):
            return
        run(step)


@pytest.mark.slow
def test_the_tutorial_runs_to_its_end(run) -> None:
    for step in steps():
        run(step)
    assert {"evaluate", "predict"} <= {arguments[1] for arguments in commands()}
