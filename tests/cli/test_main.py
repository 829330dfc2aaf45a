"""The program: help in a blink, one line for each failure, and the exit codes of the contract."""

import errno
import importlib
import json
import logging
import os
import subprocess
import sys

import pytest

from lungnet import errors
from lungnet.cli import doctor
from lungnet.cli.main import COMMANDS, main, print_json
from lungnet.errors import ChoiceError, LungnetError, SeriesRefused, UnreadableError
from lungnet.version import __version__

HEAVY = (
    "tensorflow",
    "keras",
    "numpy",
    "pandas",
    "cv2",
    "scipy",
    "sklearn",
    "pydicom",
    "SimpleITK",
    "openvino",
    "matplotlib",
    "pydantic",
    "yaml",
)


@pytest.fixture
def failing(monkeypatch, capsys):
    """`failing(error, *options)`: exit code and standard error of a command that raises it."""

    def run(error, *options):
        def raising(args):
            raise error

        monkeypatch.setattr(doctor, "run", raising)
        code = main(["doctor", *options])
        captured = capsys.readouterr()
        assert captured.out == ""
        return code, captured.err

    return run


def lungnet(*arguments, module="lungnet"):
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


KINDS = sorted(
    {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LungnetError)
    },
    key=lambda k: k.__name__,
)


TWO_ARGUMENTS = {
    SeriesRefused: ("not-ct", "modality is MR"),
    UnreadableError: ("corrupt", "cannot be read"),
    ChoiceError: ("model.norm.name", "is 'bach'; did you mean batch?"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_expected_failure_is_one_line_and_its_exit_code(kind, failing):
    arguments = TWO_ARGUMENTS.get(kind, ("scan 7: damaged",))
    error = kind(*arguments)
    code, told = failing(error)
    assert code == kind.exit_code
    assert told == f"lungnet doctor: {error}\n"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/store/a"),
            3,
            "/data/store/a: no space left on the disk",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "no space left on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 3, "out: Permission denied"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "x"),
            3,
            "x: No such file or directory",
        ),
        (MemoryError(), 3, "not enough memory"),
        (KeyboardInterrupt(), 130, "interrupted; what is done is kept"),
    ],
)
def test_what_the_machine_or_the_person_does_is_one_line(failing, error, code, words):
    got, told = failing(error)
    assert got == code
    assert words in told
    assert told.count("\n") == 1


def test_a_bug_is_told_by_type_and_place_without_traceback_or_message(failing):
    code, told = failing(KeyError("DOE^JANE 1950-01-02"))
    assert code == 1
    assert "a bug of lungnet (KeyError at lungnet.cli.main:" in told
    assert "DOE" not in told
    assert "Traceback" not in told
    assert told.count("\n") == 1


def test_debug_shows_the_traceback(failing):
    code, told = failing(KeyError("detail"), "--debug")
    assert code == 1
    assert "Traceback" in told
    assert "detail" in told


def test_what_a_command_returns_is_the_exit_code(monkeypatch):
    for value, code in ((None, 0), (0, 0), (3, 3)):
        monkeypatch.setattr(doctor, "run", lambda _, value=value: value)
        assert main(["doctor"]) == code


def test_quiet_silences_remarks_and_not_errors(monkeypatch, capsys):
    def run(args):
        logging.getLogger("lungnet").info("a remark")
        raise errors.InputError("an error")

    monkeypatch.setattr(doctor, "run", run)
    assert main(["doctor", "--quiet"]) == 3
    assert capsys.readouterr().err == "lungnet doctor: an error\n"
    assert main(["doctor"]) == 3
    assert capsys.readouterr().err == "a remark\nlungnet doctor: an error\n"


@pytest.mark.parametrize(
    "arguments", [[], ["frobnicate"], ["train"], ["doctor", "--frobnicate"], ["evaluate", "x"]]
)
def test_wrong_usage_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: lungnet" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_shows_an_example_that_parses(name, capsys):
    from lungnet.cli.main import _parser

    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    example = importlib.import_module(f"lungnet.cli.{name}").EXAMPLE
    assert f"example:\n  {example}" in out
    program, *arguments = example.split()
    assert program == "lungnet"
    assert _parser().parse_args(arguments).command == name


def test_help_lists_every_command_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom lungnet.cli.main import main\ntry:\n    main(['--help'])\nexcept "
        "SystemExit as stop:\n    assert stop.code == 0\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("HEAVY []\n")
    for name in COMMANDS:
        assert f"\n    {name} " in done.stdout or f"\n    {name}\n" in done.stdout


def test_the_module_is_the_program():
    done = lungnet("--version")
    assert (done.returncode, done.stdout) == (0, f"lungnet {__version__}\n")
    assert lungnet("frobnicate").returncode == 2


def test_a_reader_that_goes_away_is_no_failure():
    code = (
        "import lungnet.cli.doctor as d, sys; d.run = lambda a: [print('x' * 100) for _ in "
        "range(10000)] and None\n"
    )
    code += "from lungnet.cli.main import main; sys.exit(main(['doctor']))"
    command = f'"{sys.executable}" -c "{code}" | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_json_is_one_document_without_nan(capsys):
    print_json({"a": "ü", "b": [1, None]})
    assert json.loads(capsys.readouterr().out) == {"a": "ü", "b": [1, None]}
    with pytest.raises(ValueError, match="Out of range"):
        print_json({"a": float("nan")})
