"""Text from outside as text that can be printed: ids, values of tags, names of files."""

import itertools
import os
from pathlib import Path

PADDING = b" \0\t\r\n"


def is_control(character: str) -> bool:
    """Whether a character commands a terminal instead of showing."""
    return character < " " or character == "\x7f"


def as_it_looks(raw: bytes) -> str:
    """Text in UTF-8, or else in Latin-1, which any bytes are."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def clean(raw: bytes) -> str:
    """Printable text of raw bytes as they look; see `printable`."""
    return printable(as_it_looks(raw))


def printable(text: str) -> str:
    """Printable text of at most 64 characters, the bound of these values (PS3.5 section 6.2).

    It ends at the first control character: beyond it a wrong length has run into the next
    element, maybe a person's name.
    What else cannot be printed is spelled by its number, as two ids must not become one.
    """
    text = text.strip(PADDING.decode())
    if not text.isprintable():
        text = "".join(itertools.takewhile(lambda c: not is_control(c), text)).strip(" ")
        text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text[:64]


def readable(name: str | Path) -> str:
    """A file's name as text that can be printed.

    It may be no UTF-8, forge a line of a table or command a terminal.
    """
    text = os.fsencode(name).decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
