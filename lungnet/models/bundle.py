"""A bundle: a trained network as data, every file under a checksum, nothing in it that runs.

Reading one imports neither keras nor tensorflow: prediction goes through the exported network.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lungnet.config.experiment import Experiment
from lungnet.config.load import load_experiment
from lungnet.config.training import MOST_NETWORKS
from lungnet.errors import BundleError, ConfigError
from lungnet.files import canonical_hash, file_hash, read_bounded, replacing
from lungnet.version import __version__

MANIFEST, CONFIG, PREPARATION, CALIBRATION, TRAINING, CARD = (
    "manifest.json",
    "config.yaml",
    "preparation.json",
    "calibration.json",
    "training.json",
    "card.md",
)
WEIGHTS, NETWORK = "model.weights.h5", "openvino/network.xml"
OF_A_NETWORK = (WEIGHTS, NETWORK, "openvino/network.bin")
DESCRIPTIONS = (CONFIG, PREPARATION, CALIBRATION, TRAINING, CARD)
NETWORKS = "networks"
"""Folder of an ensemble's networks, each in one of its own: `networks/00`, `networks/01`, ..."""

LARGEST_DESCRIPTION_BYTES = 10_000_000
"""A JSON file above this is refused before it is read."""

LARGEST_BYTES = 2 << 30
"""A file above this is refused before it is read."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle whose every byte was checked when it was opened.

    Attributes:
        path: its folder.
        experiment: the resolved configuration it was trained with.
        preparation_hash: of the preparation its scans went through; None for networks fed from an
            npz.
        calibration: numbers that turn a logit into a probability.
        training: how it was trained: patients, epochs, figures, `synthetic`.
        model_hash: 16 hexadecimal digits over all its files.
        networks: how many it holds.
    """

    path: Path
    experiment: Experiment
    preparation_hash: str | None
    calibration: Mapping[str, Any]
    training: Mapping[str, Any]
    model_hash: str
    networks: int = 1

    def exported_networks(self) -> list[Path]:
        """The exported networks, whose logits are averaged."""
        return [self.path / place / NETWORK for place in network_folders(self.networks)]


def network_folders(count: int) -> list[str]:
    """Where the networks of a bundle lie in it: one beside the rest, several in `networks/`."""
    return [f"{NETWORKS}/{number:02d}" for number in range(count)] if count > 1 else ["."]


def seal(folder: Path) -> None:
    """Write the manifest over the files in a folder: the last step of making a bundle."""
    files = {name: file_hash(folder / name) for name in sorted(_names(folder))}
    body = {"files": files, "lungnet_version": __version__}
    (folder / MANIFEST).write_bytes(_manifest_bytes(body))


def open_bundle(path: Path) -> Bundle:
    """Check every byte of a bundle, then read what it says of itself.

    Raises:
        BundleError: a file is missing, unexpected, too large or altered, or does not say what it
            must.
    """
    manifest = _checked_manifest(path)
    try:
        experiment = load_experiment(path / CONFIG, may_extend=False)
    except ConfigError as error:
        raise BundleError(f"{path}: its configuration does not hold: {error}") from None
    preparation, calibration, training = (
        _read_json(path / name) for name in (PREPARATION, CALIBRATION, TRAINING)
    )
    return Bundle(
        path=path,
        experiment=experiment,
        preparation_hash=preparation.get("hash"),
        calibration=calibration,
        training=training,
        model_hash=canonical_hash(manifest)[:16],
        networks=_count_networks(set(manifest["files"])),
    )


def write_bundle(path: Path, files: Mapping[str, str], fill: Any) -> None:
    """Make a bundle whole or not at all.

    Args:
        path: its folder.
        files: names and texts of the plain files.
        fill: called with the unfinished folder, writes each network's weights and export into its
            folder, as `network_folders` names them.
    """
    with replacing(path) as folder:
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        fill(folder)
        seal(folder)


def _checked_manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle; expected the folder `bundle` of a run")
    manifest = _read_json(path / MANIFEST)
    body = {name: manifest.get(name) for name in ("files", "lungnet_version")}
    try:
        is_ours = _manifest_bytes(body) == (path / MANIFEST).read_bytes()
    except ValueError:  # NaN and infinity have no hash
        is_ours = False
    if not is_ours:
        raise BundleError(f"{path}: {MANIFEST} was altered")
    files, names = body["files"], set(_names(path))
    expected = _expected_names(names)
    if not isinstance(files, dict) or set(files) != expected or names != expected:
        strange = sorted(names ^ expected)
        raise BundleError(
            f"{path}: missing or unexpected in a bundle: {', '.join(strange) or MANIFEST}"
        )
    for name, expected in files.items():
        size = (path / name).stat().st_size
        if size > LARGEST_BYTES:
            raise BundleError(
                f"{path}: {name} has {size:,} bytes; at most {LARGEST_BYTES:,} are read"
            )
        if file_hash(path / name) != expected:
            raise BundleError(
                f"{path}: {name} was altered or cut: its checksum does not hold; copy the bundle "
                "again"
            )
    return body


def _count_networks(names: set[str]) -> int:
    return len({name.split("/")[1] for name in names if name.startswith(f"{NETWORKS}/")}) or 1


def _expected_names(names: set[str]) -> set[str]:
    """What a bundle with as many networks as these names tell of consists of."""
    places = network_folders(min(_count_networks(names), MOST_NETWORKS))
    of_networks = {f"{place}/{name}" for place in places for name in OF_A_NETWORK}
    return set(DESCRIPTIONS) | {name.removeprefix("./") for name in of_networks}


def _manifest_bytes(body: Mapping[str, Any]) -> bytes:
    """The one way a manifest is written, with a checksum over itself.

    No byte of it can change unnoticed.
    """
    whole = {**body, "manifest_sha256": canonical_hash(body)}
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def _names(folder: Path) -> list[str]:
    paths = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    return [path.relative_to(folder).as_posix() for path in paths if path != folder / MANIFEST]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_bounded(path, LARGEST_DESCRIPTION_BYTES))
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; expected a file of a bundle") from None
    except (ValueError, RecursionError):
        raise BundleError(f"{path}: not JSON; the bundle was altered") from None
    if not isinstance(value, dict):
        raise BundleError(f"{path}: found {type(value).__name__}, expected named values")
    return value
