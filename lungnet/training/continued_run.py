"""More epochs for a run that is finished: a run of its own that starts where the other ended."""

import json
from pathlib import Path

import keras

from lungnet.config.experiment import Experiment
from lungnet.config.load import load_experiment
from lungnet.errors import CheckpointError, ConfigError, DataChangedError, UsageError
from lungnet.files import canonical_hash
from lungnet.run_folder import RunFolder
from lungnet.training.checkpoints import load_checkpoint


def continued(experiment: Experiment, folder: Path, epochs: int) -> tuple[Experiment, Path]:
    """The experiment and the folder of a run that goes on with another until `epochs` in all.

    A run whose epochs already are as many is gone on with as it is.

    Args:
        experiment: as it was first asked for.
        folder: of the run that is finished, or was begun.
        epochs: in all.

    Raises:
        UsageError: the run has more epochs, is of another configuration, or is not finished.
    """
    run = RunFolder(folder)
    first = experiment.training.epochs
    if epochs < first:
        raise UsageError(
            f"--epochs {epochs}: {folder} is trained for {first}; expected at least as many"
        )
    if epochs == first:
        return experiment, folder
    try:
        stored = load_experiment(run.config)
    except ConfigError as error:
        raise UsageError(f"{folder}: holds no run to go on with ({error})") from None
    if stored.config_hash() != experiment.config_hash():
        raise UsageError(
            f"{folder}: is a run of another configuration; give the one it was trained with"
        )
    if not run.metrics.is_file():
        raise UsageError(
            f"{folder}: is not finished; finish it with --resume alone before it gets more epochs"
        )
    rest = {"epochs": epochs - first, "continue_from": str(folder)}
    training = experiment.training.model_copy(update=rest)
    longer = experiment.model_copy(update={"training": training})
    return longer, folder.with_name(f"{folder.name}-epochs-{epochs}")


def check_same_data(experiment: Experiment, data: dict[str, str]) -> None:
    """Refuse to go on with a run of other samples, labels, values or splits.

    Raises:
        DataChangedError: naming what differs.
        CheckpointError: the other run does not tell.
    """
    if experiment.training.continue_from is None:
        return
    run = RunFolder(Path(experiment.training.continue_from))
    source_data = _data_hashes(run)
    changed = [
        name
        for name in ("samples", "labels", "values", "splits")
        if source_data.get(name) != data[name]
    ]
    if changed:
        raise DataChangedError(
            f"{run.path}: was trained on other {', '.join(changed)}; a run that goes on with it "
            "needs the same"
        )


def take_last_weights(network: keras.Model, run: RunFolder, member: str) -> None:
    """Put the weights after a member's last epoch into a network.

    Raises:
        CheckpointError: they are not there, damaged, or of another network.
    """
    try:
        run_hash = canonical_hash([load_experiment(run.config).config_hash(), _data_hashes(run)])
    except ConfigError as error:
        raise CheckpointError(f"{run.path}: cannot be gone on with ({error})") from None
    checkpoint = load_checkpoint(run.checkpoints(member), run_hash)
    if checkpoint is None:
        raise CheckpointError(
            f"{run.checkpoints(member)}: holds no checkpoint; expected that of the last epoch"
        )
    for number, variable in enumerate(network.variables):
        value = checkpoint.arrays.get(f"network.{number}")
        if value is None or value.shape != tuple(variable.shape):
            raise CheckpointError(
                f"{run.checkpoints(member)}: holds another network than this configuration's"
            )
        variable.assign(value)


def _data_hashes(run: RunFolder) -> dict[str, str]:
    try:
        return dict(json.loads(run.environment.read_text())["data"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CheckpointError(
            f"{run.environment}: is missing or damaged, and with it what the run was trained on"
        ) from None
