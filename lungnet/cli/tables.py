"""Tables for people: fitted to a terminal, in full width where a program reads them."""

import sys
from collections.abc import Iterable, Sequence

WIDEST = 100_000
"""Columns of what is no terminal: nothing is cut or wrapped there."""


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under their headings on standard output; the last column may wrap."""
    from rich.console import Console
    from rich.table import Table

    width = None if sys.stdout.isatty() else WIDEST
    # Ids come from outside: they are text, never markup.
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, heading in enumerate(headings, 1):
        is_last = number == len(headings)
        table.add_column(heading, no_wrap=not is_last, overflow="fold" if is_last else "ellipsis")
    for row in rows:
        table.add_row(*row)
    console.print(table)
