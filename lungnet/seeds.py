"""One seed, named streams.

Every consumer of randomness derives its own, and none can disturb another.
"""

import hashlib

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed of `seed` and the names only, the same on every machine and Python."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for (seed, names).

    `stream(7, "order", epoch)` never depends on what was drawn before.
    """
    return np.random.default_rng(derive(seed, *names))
