"""What commands that take series have in common.

The paths, the bounds of intake, and pseudonyms in place of ids.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lungnet.config.intake import IntakeConfig
    from lungnet.config.preparation import PreparationConfig
    from lungnet.intake import Pseudonyms, Series


def add_series_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the paths and what goes with them."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="folder, zip, tar, DICOMDIR or file (DICOM, NIfTI, MHA, NRRD)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with 3 if any series is refused"
    )
    parser.add_argument(
        "--pseudonymise",
        metavar="SALT-FILE",
        type=Path,
        help="replace ids and paths by hashes keyed with this file's bytes",
    )


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the file whose section `preparation` is used, with the bounds of intake in it."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="YAML",
        help="experiment, or file with its section `preparation` alone",
    )


def preparation_of(args: argparse.Namespace) -> "PreparationConfig":
    """The settings that `--config` names, or the defaults."""
    from lungnet.config.preparation import PreparationConfig

    if args.config is None:
        return PreparationConfig()
    from lungnet.config.load import load_preparation

    return load_preparation(args.config)


def pseudonyms_of(args: argparse.Namespace) -> "Pseudonyms | None":
    """What `--pseudonymise` asks for."""
    from lungnet.intake import Pseudonyms

    return Pseudonyms.from_file(args.pseudonymise) if args.pseudonymise else None


def find_all_series(
    paths: "Sequence[Path]", config: "IntakeConfig", pseudonyms: "Pseudonyms | None"
) -> "list[Series]":
    """Every series below the paths, under its pseudonym where there are pseudonyms.

    Raises:
        InputError: there is none, or a path does not exist.
    """
    from lungnet.errors import InputError
    from lungnet.intake import find_series
    from lungnet.intake.printable import readable

    series_list = find_series(paths, config)
    if not series_list:
        raise InputError(
            f"{', '.join(map(readable, paths))}: no DICOM, NIfTI, MHA or NRRD series in there"
        )
    return (
        series_list if pseudonyms is None else [pseudonyms.series(series) for series in series_list]
    )
