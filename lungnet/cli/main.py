"""The `lungnet` program.

Finds the command, runs it, and turns failures into one line and an exit code.
"""

import argparse
import importlib
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from lungnet.cli.stop_signals import INTERRUPTED, TidyStop, tidy_stop

COMMANDS = (
    "demo",
    "phantom",
    "inspect",
    "convert",
    "prepare",
    "verify",
    "model",
    "train",
    "seal",
    "evaluate",
    "predict",
    "doctor",
)

COMPLETING = "_ARGCOMPLETE"
"""Set by a shell that asks for completions (`eval "$(register-python-argcomplete lungnet)"`)."""

DONE, BUG = 0, 1

GO_ON = "run the same command again to go on"
"""What to do after an interruption; a command with another way has a `GO_ON` of its own."""

log = logging.getLogger("lungnet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (docs/reference/codes.md).

    Ctrl-C and SIGTERM end it tidily, a second one at once.
    """
    with tidy_stop() as stop:
        try:
            return _run(arguments, stop)
        except KeyboardInterrupt:
            print("lungnet: interrupted before anything was done", file=sys.stderr)
            return INTERRUPTED


def _run(arguments: Sequence[str] | None, stop: TidyStop) -> int:
    for stream in (sys.stdout, sys.stderr):
        # An id that the terminal's encoding lacks must not end a command.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    if COMPLETING in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    args = parser.parse_args(with_values_joined(sys.argv[1:] if arguments is None else arguments))
    _set_up_logging(quiet=args.quiet, debug=args.debug)
    try:
        return int(args.call(args) or DONE)
    except BrokenPipeError:
        # Standard output went away (`lungnet inspect | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (Exception, KeyboardInterrupt) as error:
        # Native code may turn the interruption into an error of its own.
        cause = KeyboardInterrupt() if stop.was_asked else error
        sentence, code = _sentence_and_code(cause, args.go_on)
        if args.debug:
            log.error("what happened", exc_info=True)
        print(f"lungnet {args.command}: {sentence}", file=sys.stderr)
        return code


def with_values_joined(arguments: Sequence[str]) -> list[str]:
    """Join `--option -5,1,2` to `--option=-5,1,2`.

    argparse takes a value that begins with a minus and is no plain number for an option.
    """
    joined: list[str] = []
    for argument in arguments:
        follows_option = bool(joined) and re.fullmatch("--[a-z][a-z-]*", joined[-1])
        if follows_option and re.match(r"-\.?\d", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _sentence_and_code(error: BaseException, go_on: str) -> tuple[str, int]:
    """The one sentence and the exit code for what stopped a command."""
    from lungnet.errors import LungnetError
    from lungnet.files import machine_error

    if isinstance(error, LungnetError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; what is done is kept, {go_on}", INTERRUPTED
    if isinstance(error, OSError):
        return _sentence_and_code(machine_error(error, Path(error.filename or "a file")), go_on)
    if isinstance(error, MemoryError):
        return "not enough memory; use fewer --jobs or a smaller batch", LungnetError.exit_code
    # A bug of ours. The type and place help us; the message might quote a patient's data and stays
    # out.
    where = f"{type(error).__name__} at {_location(error)}"
    return f"a bug of lungnet ({where}); run again with --debug and report it", BUG


def _location(error: BaseException) -> str:
    """Module and line of lungnet that an error came through last."""
    location, traceback = "?", error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__"))
        if module.partition(".")[0] == "lungnet":
            location = f"{module}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return location


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, as `--json` promises."""
    json.dump(
        value, sys.stdout, indent=1, allow_nan=False
    )  # ASCII, as standard output may be in any encoding
    sys.stdout.write("\n")


def _parser() -> argparse.ArgumentParser:
    from lungnet.version import __version__

    parser = argparse.ArgumentParser(
        prog="lungnet",
        description=(
            "From a chest CT series to a probability with its reasons. Research software, not a "
            "medical device."
        ),
        epilog="lungnet COMMAND --help documents each command with an example.",
    )
    parser.add_argument("--version", action="version", version=f"lungnet {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"lungnet.cli.{name}")
        command = commands.add_parser(
            name,
            help=module.SUMMARY.replace(
                "%", "%%"
            ),  # argparse formats this text, not the description
            description=module.SUMMARY,
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument(
            "--quiet", action="store_true", help="no progress, no remarks: errors only"
        )
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of a failure (may quote input)"
        )
        module.add_arguments(command)
        # Not `run`: that is the option --run.
        command.set_defaults(call=module.run, go_on=getattr(module, "GO_ON", GO_ON))
    return parser


def _set_up_logging(*, quiet: bool, debug: bool) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(message)s", force=True)
    logging.getLogger("pydicom").setLevel(
        logging.CRITICAL
    )  # its warnings quote values, which may identify a patient
    log.setLevel(logging.ERROR if quiet else logging.DEBUG if debug else logging.INFO)
