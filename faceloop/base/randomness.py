"""Where chance comes from: a generator made from the seed and a name, never a global one."""

import hashlib

import numpy as np


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return a generator that depends on `seed` and `names` alone (such as a round's name)."""
    return np.random.default_rng(int.from_bytes(order_key(seed, *names)[:16], "big"))


def order_key(seed: int, *names: str) -> bytes:
    """Return a key that puts names in a seeded order: one name more leaves the others' order."""
    return hashlib.sha256("/".join([str(seed), *names]).encode()).digest()
