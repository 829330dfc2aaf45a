"""Processes that work on one item each: how they start, and how they end with their parent."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from types import FrameType
from typing import TypeVar

from lungnet.errors import MachineError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Each worker is one thread: more workers, not more threads, fill the cores without waiting for
each other."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

GRACE_S = 3.0
"""So long a worker that gets SIGTERM works on: batch systems send it to every process, the parent
says what is kept, and a worker that died before it would be told of as killed."""

BYTES_PER_JOB = 1_000_000_000
"""Memory that one worker may need for a long series of 512 x 512 slices."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int
) -> Iterator[Result]:
    """Results of a picklable function over items, each as it is ready, in any order.

    One item per worker and none queued: an interruption waits for these only (`GRACE_S` at most
    where workers are interrupted as well), and a million items are not sent at once.

    Raises:
        MachineError: a worker was killed.
    """
    with _pool(jobs) as pool:
        queue = iter(items)
        running: set[Future[Result]] = set()
        while True:
            for item in queue:
                with _signals_held():
                    running.add(pool.submit(work, item))
                if len(running) == jobs:
                    break
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def default_jobs() -> int:
    """One process per core that we may use, and no more than memory allows."""
    cores = len(os.sched_getaffinity(0))
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores, free // BYTES_PER_JOB))


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    # Spawned, not forked: the parent may run TensorFlow's threads, whose locks a fork would copy as
    # they are.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), set_up_worker)
    try:
        yield pool
    except BrokenProcessPool:
        raise MachineError(
            "a worker process was killed, most likely for lack of memory; use fewer --jobs; what "
            "is done is kept"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold signals back from workers that start meanwhile, until they are set up for them.

    A process inherits what its starter blocks; unheld, Ctrl-C would show a traceback of each.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def set_up_worker() -> None:
    """Called first in every worker.

    One thread per library; Ctrl-C is for the parent; a worker ends when its parent does.
    """
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_soon)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    cv2.setNumThreads(1)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_soon(_number: int, _frame: FrameType | None) -> None:
    # A timer, as the work at hand may catch an exception.
    timer = threading.Timer(GRACE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _end_with(sentinel: int) -> None:
    # A worker whose parent was killed would wait for work forever, and might write into a folder
    # that another run now fills.
    connection.wait([sentinel])
    os._exit(1)
