"""The weights of a bundle's networks, each in its folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras

from lungnet.config.experiment import Experiment
from lungnet.errors import BundleError, MachineError
from lungnet.models.build import build_model
from lungnet.models.bundle import WEIGHTS, network_folders


def write_weights(folder: Path, networks: Sequence[keras.Model]) -> None:
    """Write them where a bundle has them.

    Raises:
        MachineError: they cannot be written.
    """
    with full_disk_told():
        for network, subfolder in zip(networks, network_folders(len(networks)), strict=True):
            path = folder / subfolder / WEIGHTS
            path.parent.mkdir(parents=True, exist_ok=True)
            network.save_weights(path)


def read_network(folder: Path, experiment: Experiment) -> keras.Model:
    """Build a network and give it the weights that lie in its folder.

    Raises:
        BundleError: the weights are not those of the experiment's network.
    """
    network = build_model(experiment.model, experiment.input)
    try:
        network.load_weights(folder / WEIGHTS)
    except (ValueError, OSError) as error:
        raise BundleError(
            f"{folder}: its weights are not those of its network ({str(error).splitlines()[0]})"
        ) from None
    return network


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Tell what HDF5 and OpenVINO say of a full disk, which neither tells as an OSError.

    Raises:
        MachineError: something could not be written.
    """
    try:
        yield
    except RuntimeError as error:
        raise MachineError(
            "the bundle's network cannot be written, most likely because the disk is full; free "
            "some and run the same command again"
        ) from error
