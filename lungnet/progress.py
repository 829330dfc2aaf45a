"""Progress for people.

A bar on a terminal, a line every ten seconds elsewhere, nothing when asked to be quiet.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

log = logging.getLogger("lungnet")

LINE_EVERY_S = 10.0

T = TypeVar("T")


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and show how many are done, the rate and the time left, on standard error."""
    if log.getEffectiveLevel() > logging.INFO:
        yield from items
    elif sys.stderr.isatty():
        yield from tqdm(items, desc=label, total=total, dynamic_ncols=True, leave=True)
    else:
        yield from _lines(items, label, total)


def _lines(items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    if total is None and isinstance(items, Sized):
        total = len(items)
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S and done != total:
            last = now
            log.info(
                tqdm.format_meter(done, total or 0, now - start, prefix=label, bar_format=_LINE)
            )
    log.info(
        tqdm.format_meter(
            done, total or done, time.monotonic() - start, prefix=label, bar_format=_LINE
        )
    )


_LINE = "{desc}: {n_fmt}/{total_fmt}, {rate_fmt}, {elapsed} so far, {remaining} left"
