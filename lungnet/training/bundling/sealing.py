"""The bundle of a run that was trained where none can be made."""

from pathlib import Path

from lungnet.config.load import load_experiment
from lungnet.errors import ConfigError, InputError, UsageError
from lungnet.files import remove
from lungnet.run_folder import RunFolder
from lungnet.training.bundling.unsealed import lacking_to_seal, read_unsealed
from lungnet.training.determinism import set_up


def seal_run(folder: Path) -> Path:
    """Export the networks of a run, prove them by what they said in training, make the bundle.

    The cohort is not needed. What lay in `unsealed` is removed.

    Args:
        folder: of the run.

    Returns:
        The folder of the bundle.

    Raises:
        UsageError: TensorFlow or OpenVINO is missing.
        InputError: there is no run, or nothing to seal in it.
        BundleError: what is to be sealed is damaged.
        ExportError: an exported network does not give the answers of the training.
        MachineError: the bundle cannot be written.
    """
    run = RunFolder(folder)
    _check_sealable(run)
    if (lacking := lacking_to_seal()) is not None:
        raise UsageError(f"{folder}: cannot be sealed here, as {lacking}")
    from lungnet.training.bundling.export import make_bundle

    try:
        experiment = load_experiment(run.config, may_extend=False)
    except ConfigError as error:
        raise InputError(f"{folder}: its configuration does not hold: {error}") from None
    set_up(experiment.seed)
    networks, material = read_unsealed(run.unsealed, experiment)
    make_bundle(run.bundle, networks, material)
    remove(run.unsealed)
    return run.bundle


def _check_sealable(run: RunFolder) -> None:
    if not run.config.is_file():
        raise InputError(f"{run.path}: holds no run; expected the folder of a training")
    if run.unsealed.is_dir():
        return
    if run.bundle.is_dir():
        raise InputError(f"{run.path}: is sealed already; {run.bundle} is its bundle")
    raise InputError(
        f"{run.path}: holds nothing to seal; expected a finished training (`lungnet train "
        "--resume` goes on with one that is not)"
    )
