"""The counter-based random numbers of the server's episodes (`env/random.h`), for what is drawn on this side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hotlap.protocol import Floats

Words = npt.NDArray[np.uint64]

_BELL_MEAN, _BELL_SCALE = 2 * 0xFFFF, np.float32(2.6429e-5)  # sqrt(3) / 2^16


class RandomStream:
    """Draw k is a function of the stream's key and k alone: a base seed, an episode's number, and what the stream is for."""

    def __init__(self, base_seed: int, episode: int, purpose: int) -> None:
        """All three are in [0, 2^64)."""
        key = np.zeros(1, np.uint64)
        for part in (base_seed, episode, purpose):
            key = _mix(key ^ np.array([part], np.uint64))
        self._key = key

    def bits(self, draws: npt.ArrayLike) -> Words:
        """64 random bits for each number of a draw, of shape (m,)."""
        return _mix(self._key + np.asarray(draws, np.uint64))

    def bell(self, draws: npt.ArrayLike) -> Floats:
        """Bell-shaped, of mean 0 and variance 1, within +-3.4642: the sum of four even numbers; of shape (m,)."""
        bits = self.bits(draws)
        total = np.zeros(bits.shape, np.int64)
        for shift in (0, 16, 32, 48):
            total += ((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
        return (total - _BELL_MEAN).astype(np.float32) * _BELL_SCALE


def _mix(x: Words) -> Words:
    """The finaliser of SplitMix64; arrays of uint64 wrap."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
