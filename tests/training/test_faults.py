"""What goes wrong under a training is one clear line; afterwards it goes on to the same bits."""

import errno
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fitting import assert_same_run

from lungnet.cli.main import main
from lungnet.errors import CheckpointError, MachineError, NonFiniteLossError


@pytest.fixture(scope="module")
def start(experiment_of, quiet):
    """`start(folder, epoch_done)`: begins a small training, or goes on with it."""
    from lungnet.training.train import train

    experiment = experiment_of(training={"epochs": 3})
    return lambda folder, epoch_done=quiet: train(
        experiment, folder, resume=True, epoch_done=epoch_done
    )


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    """A run to which nothing happened."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    start(folder)
    return folder


@pytest.fixture(scope="module")
def stopped(start, tmp_path_factory):
    """A run that was interrupted after its second epoch."""
    folder = tmp_path_factory.mktemp("stopped") / "run"

    def stop(network, row):
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(folder, stop)
    return folder


@pytest.fixture
def copied(stopped, tmp_path):
    return Path(shutil.copytree(stopped, tmp_path / "run"))


@pytest.mark.parametrize("number", [np.nan, pytest.param(np.inf, marks=pytest.mark.slow)])
def test_no_number_in_a_batch_stops_after_its_epoch_and_goes_on_once_mended(
    start, whole, tmp_path, monkeypatch, number
):
    from lungnet.datasets.targets import Targets

    given, epochs = Targets.of, []

    def of(self, row, *rest):
        targets = given(self, row, *rest)
        return {"logit": np.full_like(targets["logit"], number)} if len(epochs) == 1 else targets

    with monkeypatch.context() as patched:
        patched.setattr(Targets, "of", of)
        with pytest.raises(
            NonFiniteLossError, match=r"^main: .* no number after epoch 1; .* whole"
        ):
            start(tmp_path / "run", lambda _, row: epochs.append(row))
    assert len(epochs) == 1
    start(tmp_path / "run")
    assert_same_run(whole, tmp_path / "run")


@pytest.mark.parametrize(
    "name",
    [
        "epoch-00002.npz",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in (
                "config.yaml",
                "epoch-00001.json",
                "history.csv",
                "manifest.json",
                "metrics.json",
            )
        ),
    ],
)
def test_a_disk_that_is_full_at_a_file_is_one_line_and_the_training_goes_on(
    start, whole, tmp_path, monkeypatch, name
):
    write_bytes = Path.write_bytes

    def fill(path, data):
        if path.name.endswith(name):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", fill)
        with pytest.raises(MachineError, match=r"no space left on the disk; .* --resume"):
            start(tmp_path / "run")
    start(tmp_path / "run")
    assert_same_run(whole, tmp_path / "run")


def test_a_newest_checkpoint_that_is_gone_or_cut_falls_back(start, whole, copied, caplog):
    newest = copied / "checkpoints" / "main" / "epoch-00002.npz"
    newest.write_bytes(newest.read_bytes()[:100])
    epochs = []
    start(copied, lambda _, row: epochs.append(row["epoch"]))
    assert "epoch-00002.json is damaged" in caplog.text
    assert epochs == [1, 2]
    assert_same_run(whole, copied)


@pytest.mark.slow
def test_without_any_checkpoint_it_begins_again_and_says_so(start, whole, copied, caplog):
    shutil.rmtree(copied / "checkpoints")
    epochs = []
    start(copied, lambda _, row: epochs.append(row["epoch"]))
    assert (
        f"main: no checkpoint in {copied / 'checkpoints' / 'main'}; it begins again" in caplog.text
    )
    assert epochs == [0, 1, 2]
    assert_same_run(whole, copied)


def test_checkpoints_that_are_all_damaged_say_how_to_go_on(start, copied):
    folder = copied / "checkpoints" / "main"
    for path in folder.glob("*.npz"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=f"{folder}: .* delete this folder and --resume"):
        start(copied)


@pytest.mark.parametrize("name", [".", "checkpoints/main", "tensorboard/main/train"])
def test_a_folder_that_cannot_be_written_is_told_before_any_training(
    start, copied, monkeypatch, name
):
    from lungnet.training import judging

    folder, temporary = copied / name, tempfile.TemporaryFile

    def refuse(**options):
        if options["dir"] == folder:
            raise OSError(errno.EROFS, "Read-only file system")
        return temporary(**options)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(judging, "fit", lambda *_: pytest.fail("it trained"))
    before = sorted(path.stat().st_mtime_ns for path in copied.rglob("*"))
    with pytest.raises(MachineError, match=f"^{folder}: Read-only file system$"):
        start(copied)
    assert sorted(path.stat().st_mtime_ns for path in copied.rglob("*")) == before


@pytest.mark.slow
def test_event_files_that_cannot_be_made_are_one_line(start, copied, whole):
    events = copied / "tensorboard" / "main"
    shutil.rmtree(events)
    events.write_text("in the way")
    with pytest.raises(MachineError, match=f"^{events}: "):
        start(copied)
    events.unlink()
    start(copied)
    assert_same_run(whole, copied)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_volume_that_is_damaged_while_training_is_named_mended_and_gone_on_with(
    tmp_path, capsys, monkeypatch, damage
):
    from lungnet.store import Store, arrays

    monkeypatch.chdir(tmp_path)
    prepare = ["prepare", "raw", "--out", "store", "--labels", "raw/labels.csv", "--jobs", "1"]
    assert main(["phantom", "--patients", "12", "--matrix", "64", "--out", "raw", "--quiet"]) == 0
    assert main([*prepare, "--quiet"]) == 0
    Path("bag.yaml").write_text(
        "data: {kind: store, path: store}\n"
        "input: {kind: bag, size: [16, 16, 16], candidates: 4}\n"
        "model: {channels: [2]}\ntraining: {epochs: 2, batch_size: 2}\n"
        "evaluation: {bootstrap: 100}\n"
    )
    train = ["train", "bag.yaml", "--run", "run", "--resume", "--quiet"]
    key = Store.open(Path("store")).manifest["key"].iloc[0]
    chunk = Path("store", "scans", f"{key}.zarr", "hu", "c", "0", "0", "0")
    data = chunk.read_bytes()
    chunk.write_bytes(data[: len(data) // 2]) if damage == "cut" else chunk.unlink()
    capsys.readouterr()
    assert main(train) == 4
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"scans/{key}.zarr: the scan " in told
    assert "run `lungnet verify store --repair`, then `lungnet prepare` again" in told
    assert main(["verify", "store", "--repair", "--quiet"]) in (0, 4)
    assert main([*prepare, "--quiet"]) == 0
    assert chunk.read_bytes() == data
    arrays._context.cache_clear()
    assert main(train) == 0
