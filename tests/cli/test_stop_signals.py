"""Ctrl-C and SIGTERM end real processes: one line, 130, and no worker is left."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from lungnet.cli import doctor
from lungnet.cli.main import main
from lungnet.cli.stop_signals import QUIT, SIGNALS

LONGEST_S = 60

BOTH = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


def start(program: list[str], folder: Path) -> subprocess.Popen:
    """A process in a group of its own, whose signals are those of a terminal's foreground job."""

    # A test runner in the background ignores Ctrl-C, and what it starts would inherit that.
    heeding = "import os, signal, sys; signal.signal(2, signal.SIG_DFL); os.execv(sys.argv[1], "
    command = [sys.executable, "-c", f"{heeding}sys.argv[1:])", sys.executable, *program]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes)


def wait_for(is_there, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not is_there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def started(
    folder: Path, work: str, *, entered: int = 1, in_worker_start: str = "pass"
) -> subprocess.Popen:
    """`lungnet doctor` that does `work` instead, in which `entered` files have appeared."""
    (folder / "work.py").write_text(
        "import os, pathlib, sys, time\n"
        "from lungnet.cli import doctor\n"
        "from lungnet.cli.main import main\n"
        "from lungnet.processes.worker_pool import map_in_processes\n\n"
        "def enter(seconds):\n"
        "    pathlib.Path(f'{os.getpid()}-{time.monotonic_ns()}.entered').touch()\n"
        "    time.sleep(seconds)\n\n"
        f"def run(args):\n{textwrap.indent(textwrap.dedent(work), '    ')}\n\n"
        # A worker imports its parent's program before it is set up.
        f"if __name__ == '__mp_main__':\n    {in_worker_start}\n"
        "if __name__ == '__main__':\n"
        "    doctor.run = run\n"
        "    sys.exit(main(['doctor']))\n"
    )
    process = start(["work.py"], folder)
    wait_for(lambda: len(list(folder.glob("*.entered"))) >= entered, process)
    return process


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@BOTH
def test_a_signal_ends_a_command_with_one_line_and_130(tmp_path, number):
    process = started(tmp_path, "enter(600)")
    process.send_signal(number)
    out, told = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, out) == (130, "")
    assert told == (
        "lungnet doctor: interrupted; what is done is kept, run the same command again to go on\n"
    )


@BOTH
def test_a_second_signal_ends_what_tidies_up_at_once(tmp_path, number):
    work = "try:\n    enter(600)\nfinally:\n    enter(600)\n    print('tidy')"
    process = started(tmp_path, work)
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: len(list(tmp_path.glob("*.entered"))) == 2, process)
    process.send_signal(number)
    out, told = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, out, told) == (130, "", QUIT.decode())


def test_a_first_signal_waits_for_what_tidies_up(tmp_path):
    process = started(tmp_path, "try:\n    enter(600)\nfinally:\n    print('tidy')")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=LONGEST_S)[0] == "tidy\n"
    assert process.returncode == 130


def test_what_native_code_makes_of_a_signal_is_still_an_interruption(tmp_path):
    work = "try:\n    enter(600)\nexcept KeyboardInterrupt:\n    raise SystemError('from C')"
    process = started(tmp_path, work)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=LONGEST_S)[1]
    assert process.returncode == 130
    assert told.startswith("lungnet doctor: interrupted; ")


@BOTH
def test_a_signal_that_the_starter_ignores_stays_ignored(tmp_path, number):
    program = (
        f"import os, signal, sys; signal.signal({int(number)}, signal.SIG_IGN)\n"
        "from lungnet.cli import doctor\n"
        f"doctor.run = lambda _: os.kill(os.getpid(), {int(number)})\n"
        "from lungnet.cli.main import main\n"
        "sys.exit(main(['doctor']))"
    )
    process = start(["-c", program], tmp_path)
    assert process.communicate(timeout=LONGEST_S) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("to", ["the parent", "everybody"])
@BOTH
def test_workers_end_with_the_command_and_it_alone_speaks(tmp_path, number, to):
    process = started(tmp_path, "list(map_in_processes(enter, [2] * 9, jobs=2))", entered=2)
    workers = {int(path.name.partition("-")[0]) for path in tmp_path.glob("*.entered")}
    assert len(workers) == 2
    if to == "everybody":
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, told = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, out) == (130, "")
    assert told.startswith("lungnet doctor: interrupted; ")
    assert told.count("\n") == 1
    assert not any(map(lives, workers))
    assert len(list(tmp_path.glob("*.entered"))) < 9


@BOTH
def test_a_signal_to_everybody_while_workers_start_is_one_line_too(tmp_path, number):
    work = "list(map_in_processes(abs, [1] * 9, jobs=2))"
    process = started(tmp_path, work, entered=2, in_worker_start="enter(0.5)")
    os.killpg(process.pid, number)
    told = process.communicate(timeout=LONGEST_S)[1]
    assert process.returncode == 130
    assert told.startswith("lungnet doctor: interrupted; ")
    assert told.count("\n") == 1


def test_workers_that_get_the_signal_first_are_not_told_as_killed(tmp_path):
    process = started(tmp_path, "list(map_in_processes(enter, [600] * 2, jobs=2))", entered=2)
    workers = [int(path.name.partition("-")[0]) for path in tmp_path.glob("*.entered")]
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=LONGEST_S)[1]
    assert process.returncode == 130
    assert told.startswith("lungnet doctor: interrupted; ")
    assert not any(map(lives, workers))


def test_a_second_signal_takes_the_workers_along(tmp_path):
    process = started(tmp_path, "list(map_in_processes(enter, [600] * 2, jobs=2))", entered=2)
    workers = [int(path.name.partition("-")[0]) for path in tmp_path.glob("*.entered")]
    deadline = time.monotonic() + LONGEST_S
    # The workers' items last longer than this test: only a second signal ends the command.
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    assert process.returncode == 130
    while any(map(lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(lives, workers))


def test_handlers_are_given_back_and_other_threads_left_alone(monkeypatch):
    monkeypatch.setattr(doctor, "run", lambda _: None)
    before = [signal.getsignal(number) for number in SIGNALS]
    assert main(["doctor"]) == 0
    codes = []
    thread = threading.Thread(target=lambda: codes.append(main(["doctor"])))
    thread.start()
    thread.join()
    assert codes == [0]
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.slow
@BOTH
def test_a_training_that_is_stopped_says_how_to_go_on_and_does(tmp_path, number, config):
    arguments = ["-m", "lungnet", "train", str(config), "--run", "run"]
    more = ["--set", "training.epochs=400", "--set", "training.patience=400"]
    process = start([*arguments, *more], tmp_path)
    wait_for(lambda: list(tmp_path.glob("run/checkpoints/main/*.json")), process)
    process.send_signal(number)
    told = process.communicate(timeout=LONGEST_S)[1]
    assert process.returncode == 130
    assert told.splitlines()[-1] == (
        "lungnet train: interrupted; what is done is kept, give the same command with --resume to "
        "go on"
    )
    assert "Traceback" not in told
    again = start([*arguments, *more, "--resume"], tmp_path)
    assert "main: going on after epoch" in again.stderr.readline() + again.stderr.readline()
    again.send_signal(number)
    again.communicate(timeout=LONGEST_S)
    assert again.returncode == 130
    assert not list(tmp_path.glob("run/**/.unfinished*"))
