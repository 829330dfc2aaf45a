"""Files that appear whole or not at all, and the checksums that prove it."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lungnet.errors import MachineError

UNFINISHED = ".unfinished-"
"""Prefix of a file or folder that is still being written; whoever finds one after a crash may
delete it."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@contextmanager
def replacing(path: Path, *, sync_each: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`.

    On success sync it and rename it to `path`, on failure remove it.

    The caller writes a file, or makes a folder, at the temporary path. An existing folder at `path`
    is replaced.

    Args:
        path: what shall appear.
        sync_each: sync every file below a folder; without it only the folder, for many small files
            that are checked and made again where a power cut loses some.

    Raises:
        MachineError: the disk is full or the place cannot be written.
    """
    temporary = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        yield temporary
        if sync_each:
            _sync(temporary)
        else:
            _sync_one(temporary)
        if temporary.is_dir():
            remove(path)
        temporary.replace(path)
        _sync_one(path.parent)
    except OSError as error:
        with suppress(OSError):
            remove(temporary)
        raise machine_error(error, path) from error
    except BaseException:
        with suppress(OSError):
            remove(temporary)
        raise


def read_bounded(path: Path, largest_bytes: int) -> bytes:
    """The bytes of a file that should be small.

    Raises:
        OSError: it cannot be read, or is larger (EFBIG, which says how large it may be).
    """
    with path.open("rb") as file:
        data = file.read(largest_bytes + 1)
    if len(data) > largest_bytes:
        text = f"too long, at most {largest_bytes:,} bytes are read"
        raise OSError(errno.EFBIG, text, str(path))
    return data


def machine_error(error: OSError, path: Path) -> MachineError:
    """The one sentence for an operating-system failure at `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"{path}: no space left on the disk; free some and run the same command again (train: "
            "with --resume), what is done is kept"
        )
    return MachineError(f"{path}: {error.strerror or error}")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file, or leave what was there."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file, or leave what was there."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, so that the same value gives the same bytes; NaN is refused."""
    write_text(
        path,
        json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n",
    )


def harmless(cell: str) -> str:
    """A cell with an apostrophe where a spreadsheet would run it (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def canonical_hash(value: Any) -> str:
    """SHA-256 (hexadecimal) of a JSON value, independent of key order and white space."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    ).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_hash(folder: Path) -> str:
    """SHA-256 over the relative names and bytes of every file below a folder, in name order."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def remove(path: Path) -> None:
    """Delete a file or folder, or nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Delete what a killed process of an earlier run left half written directly in a folder."""
    for path in folder.glob(f"{UNFINISHED}*"):
        remove(path)


def check_writable(folder: Path) -> None:
    """Refuse a folder that nothing can be written into; leaves nothing there.

    Raises:
        MachineError: says why.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise machine_error(error, folder) from error


def _sync(path: Path) -> None:
    if path.is_dir():
        for below in path.rglob("*"):
            _sync_one(below)
    _sync_one(path)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
