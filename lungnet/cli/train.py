"""`lungnet train`: a network from a configuration, in a run folder."""

import argparse

SUMMARY = (
    "train a network from a configuration; leaves a run folder with predictions, figures and a "
    "bundle"
)
EXAMPLE = "lungnet train configs/nodule.yaml --set data.path=nodules.npz --run runs/nodules"

GO_ON = "give the same command with --resume to go on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `lungnet train`."""
    parser.add_argument(
        "config", metavar="CONFIG", help="an experiment in YAML; those in configs/ are commented"
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a setting; may be repeated",
    )
    parser.add_argument(
        "--run", metavar="DIR", help="the run folder; default: runs/NAME-HASH of the configuration"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a run that was interrupted; starts it where there is none",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="with --resume: go on with a finished run until N epochs, in a folder of its own",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--dry-run",
        action="store_true",
        help="check configuration, cohort and network, measure time and memory, leave nothing",
    )
    instead.add_argument(
        "--show-samples",
        metavar="DIR",
        help="write DIR/samples.png, training samples as they are and augmented; do not train",
    )


def run(args: argparse.Namespace) -> None:
    """Train, and print the headline figures."""
    from pathlib import Path

    from lungnet.config.load import load_experiment
    from lungnet.errors import UsageError

    experiment = load_experiment(Path(args.config), args.overrides)
    folder = Path(args.run or f"runs/{Path(args.config).stem}-{experiment.config_hash()}")

    if args.epochs is not None and not args.resume:
        raise UsageError("--epochs goes with --resume; else set training.epochs")

    from lungnet.processes.keras_backend import use_backend

    use_backend(experiment.training.backend)
    from lungnet.training.continued_run import continued
    from lungnet.training.epoch_bar import EpochBar
    from lungnet.training.train import dry_run, train

    if args.epochs is not None:
        experiment, folder = continued(experiment, folder, args.epochs)
    if args.show_samples is not None:
        from lungnet.reporting.sample_sheet import write_sample_sheet

        print(f"samples: {write_sample_sheet(experiment, Path(args.show_samples))}")
        return
    if args.dry_run:
        print(dry_run(experiment))
        return
    with EpochBar(experiment) as bar:
        metrics = train(experiment, folder, resume=args.resume, epoch_done=bar.epoch_done)
    from lungnet.reporting.sentences import headline

    print(f"{metrics.verdict}: {headline(metrics)}")
    print(f"run: {folder}")
