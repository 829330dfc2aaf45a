"""What Ctrl-C and a batch system's SIGTERM do: the first ends tidily, the second at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that was asked to stop: 128 + SIGINT, as of a shell."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)

QUIT = b"lungnet: quit at once; every file that is there is whole\n"


class TidyStop:
    """The handler of both signals.

    Attributes:
        was_asked: whether one came.
    """

    def __init__(self) -> None:
        self.was_asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """End tidily, or at once."""
        if self.was_asked:
            # Neither files nor workers need a tidy end: files appear whole or not at all, and
            # workers end with their parent. No print: the signal may have come within another.
            os.write(2, QUIT)
            os._exit(INTERRUPTED)
        self.was_asked = True
        raise KeyboardInterrupt


@contextmanager
def tidy_stop() -> Iterator[TidyStop]:
    """Raise `KeyboardInterrupt` at the first signal within the block, end the process at the next.

    Once a signal came, the handlers stay after the block: the process is ending, and Python's own
    end may take a while too. A signal that whoever started us has us ignore stays ignored, as
    Ctrl-C does in a shell's background job. Outside the main thread, which alone may handle
    signals, nothing changes.
    """
    stop = TidyStop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handled = [name for name in SIGNALS if signal.getsignal(name) is not signal.SIG_IGN]
    before = {name: signal.signal(name, stop) for name in handled}
    try:
        yield stop
    finally:
        if not stop.was_asked:
            for name, handler in before.items():
                signal.signal(name, handler)
