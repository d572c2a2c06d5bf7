"""How long to wait before each attempt to reach somebody who does not answer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that double from the first to the longest, in seconds.

    Each is shortened by up to a half of it at random, so that many who lost one server do not come back at the same moment.
    """

    first_s: float = 0.1
    longest_s: float = 5.0

    def waits(self) -> Iterator[float]:
        """One after the other, without end."""
        whole = self.first_s
        while True:
            yield whole * random.uniform(0.5, 1)
            whole = min(self.longest_s, 2 * whole)
