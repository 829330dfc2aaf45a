"""Workers give every result, and end with their parent however it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from lungnet.errors import MachineError
from lungnet.processes.worker_pool import map_in_processes

LONGEST_S = 30


def test_every_item_has_its_result_in_any_order():
    assert sorted(map_in_processes(abs, [-3, -1, -2], jobs=2)) == [1, 2, 3]


def test_a_worker_that_dies_is_one_line():
    with pytest.raises(MachineError, match="a worker process was killed"):
        list(map_in_processes(os._exit, [9, 9], jobs=2))


def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "work.py").write_text(
        textwrap.dedent(
            """
            import os, pathlib, time
            from lungnet.processes.worker_pool import map_in_processes

            def work(folder):
                pathlib.Path(folder, str(os.getpid())).touch()
                time.sleep(600)

            if __name__ == "__main__":
                list(map_in_processes(work, [os.getcwd()] * 2, jobs=2))
            """
        )
    )
    parent = subprocess.Popen([sys.executable, "work.py"], cwd=tmp_path)
    deadline = time.monotonic() + LONGEST_S
    workers: list[int] = []
    while len(workers) < 2 and time.monotonic() < deadline:
        workers = [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()]
        time.sleep(0.05)
    assert len(workers) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(map(_lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_lives, workers))


def _lives(pid: int) -> bool:
    try:
        with Path(f"/proc/{pid}/stat").open() as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
