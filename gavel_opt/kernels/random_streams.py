"""Python's random streams in compiled code, to the bit: a seed means the same there and here.

A stream is the state of a Mersenne twister as ``random.Random(seed).getstate()`` has it: 624 words
and the place of the next one.
"""

from __future__ import annotations

import functools
import random

import numpy as np

from gavel_opt.kernels.jit import compiled

_WORDS = 624
_SHIFT = 397


def stream(seed: int) -> np.ndarray:
    """Make the stream of ``random.Random(seed)``, shape ``(625,)``."""
    return _first_words(seed).copy()


@functools.lru_cache(maxsize=16)  # a run and its long queue begin with the same ones
def _first_words(seed: int) -> np.ndarray:
    return words_of(random.Random(seed))


def words_of(python: random.Random) -> np.ndarray:
    """Copy one of Python's own streams, shape ``(625,)``."""
    return np.array(python.getstate()[1], dtype=np.int64)


@compiled
def next_word(words: np.ndarray) -> int:
    """Next 32 bits."""
    place = words[_WORDS]
    if place >= _WORDS:
        for i in range(_WORDS):
            y = (words[i] & 0x80000000) | (words[(i + 1) % _WORDS] & 0x7FFFFFFF)
            value = words[(i + _SHIFT) % _WORDS] ^ (y >> 1)
            if y & 1:
                value ^= 0x9908B0DF
            words[i] = value
        place = 0
    y = words[place]
    words[_WORDS] = place + 1
    y ^= y >> 11
    y ^= (y << 7) & 0x9D2C5680
    y ^= (y << 15) & 0xEFC60000
    y ^= y >> 18
    return int(y & 0xFFFFFFFF)


@compiled
def next_float(words: np.ndarray) -> float:
    """Next number in [0, 1), as ``random.random``."""
    high, low = next_word(words) >> 5, next_word(words) >> 6
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0)


@compiled
def next_below(words: np.ndarray, bound: int) -> int:
    """Next whole number below ``bound``, as ``random.choice`` draws its index."""
    bits = 0
    while bound >> bits:
        bits += 1
    value = next_word(words) >> (32 - bits)
    while value >= bound:
        value = next_word(words) >> (32 - bits)
    return value


@compiled
def shuffle(words: np.ndarray, items: np.ndarray) -> None:
    """Shuffle in place exactly as ``random.shuffle``."""
    for i in range(items.size - 1, 0, -1):
        j = next_below(words, i + 1)
        items[i], items[j] = items[j], items[i]
