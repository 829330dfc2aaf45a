"""What commands that take series have in common.

The paths, the bounds of intake, and pseudonyms in place of ids.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    parser.add_argument(
        "--patient-id-from",
        choices=("tag", "folder"),
        default="tag",
        help="the Patient ID, or the first folder below each PATH, for exports without ids",
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


def find_all_series(args: argparse.Namespace, config: "IntakeConfig") -> "list[Series]":
    """Every series below `args.paths`, under its pseudonym where `--pseudonymise` asks for it.

    Raises:
        InputError: there is none, or a path does not exist.
    """
    from lungnet.errors import InputError
    from lungnet.intake import find_series
    from lungnet.intake.printable import readable

    series_list = find_series(args.paths, config, args.patient_id_from)
    if not series_list:
        raise InputError(
            f"{', '.join(map(readable, args.paths))}: no DICOM, NIfTI, MHA or NRRD series in there"
        )
    pseudonyms = pseudonyms_of(args)
    if pseudonyms is None:
        return series_list
    return [pseudonyms.series(series) for series in series_list]
