"""Arrays as zarr v3 with one shard each, written and read by TensorStore.

In between they are plain bytes.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts
from numpy.typing import NDArray

CHUNK = 32
"""Edge of an inner chunk: the unit of compression and of reading, in voxels."""

CACHE_BYTES = 64_000_000
"""Decoded chunks and shard indices that one process keeps, for all stores together."""


def encode(values: NDArray[Any], fill: int) -> dict[str, bytes]:
    """The files of a zarr v3 array, by relative name; the same values give the same bytes.

    Args:
        values: integers, shape (z, y, x).
        fill: what stands outside; chunks that hold nothing else are left out.

    Returns:
        `zarr.json` and at most one shard.
    """
    store: Any = ts.open(_zarr_spec(values, fill), create=True).result()
    # Without a copy: nothing changes the values while they are encoded.
    plain = np.ascontiguousarray(values)
    store.write(plain, can_reference_source_data_indefinitely=True).result()
    files = store.kvstore
    return {
        name.decode(): files.read(name).result().value for name in sorted(files.list().result())
    }


def open_array(folder: Path) -> Any:
    """Open an array for reading; nothing but its `zarr.json` is read yet."""
    config = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{folder}/"}}
    return ts.open(
        config,
        read=True,
        write=False,
        context=_context(),
        recheck_cached_data=False,
        recheck_cached_metadata=False,
    ).result()


def read_boxes(
    array: Any, starts: NDArray[np.int64], size: Sequence[int], fill: int
) -> NDArray[Any]:
    """Boxes of one size at many places, read concurrently.

    Args:
        array: from `open_array`.
        starts: first voxel (z, y, x) of each box, shape (n, 3); may lie outside.
        size: (z, y, x).
        fill: value outside the array.

    Returns:
        Shape (n, *size), of the array's type.
    """
    boxes = np.full((len(starts), *size), fill, array.dtype.numpy_dtype)
    low = np.maximum(starts, 0)
    high = np.minimum(starts + np.asarray(size), np.asarray(array.shape))
    waiting = []
    for box, start, first, stop in zip(boxes, starts, low, high, strict=True):
        if (first >= stop).any():
            continue
        inside = tuple(slice(int(a), int(b)) for a, b in zip(first, stop, strict=True))
        target = tuple(
            slice(int(a), int(b)) for a, b in zip(first - start, stop - start, strict=True)
        )
        waiting.append((box, target, array[inside].read()))
    for box, target, future in waiting:
        box[target] = future.result()
    return boxes


@cache
def _context() -> Any:
    return ts.Context({"cache_pool": {"total_bytes_limit": CACHE_BYTES}})


def _zarr_spec(values: NDArray[Any], fill: int) -> dict[str, Any]:
    shard = [-(-n // CHUNK) * CHUNK for n in values.shape]
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    plain = {"name": "bytes"} if values.itemsize == 1 else little
    squeezed = {
        "cname": "lz4",
        "clevel": 5,
        "shuffle": "bitshuffle",
        "typesize": values.itemsize,
        "blocksize": 0,
    }
    sharding = {
        "chunk_shape": [CHUNK] * values.ndim,
        "codecs": [plain, {"name": "blosc", "configuration": squeezed}],
        "index_codecs": [little, {"name": "crc32c"}],
        "index_location": "end",
    }
    metadata = {
        "shape": list(values.shape),
        "data_type": values.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": fill,
        "dimension_names": ["z", "y", "x"],
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
    }
    return {
        "driver": "zarr3",
        "kvstore": {"driver": "memory", "path": "array/"},
        "metadata": metadata,
    }
