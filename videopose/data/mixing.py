"""Which sample comes when: several data sets mixed in fixed shares, as a pure function of the sample's number.

Because nothing is remembered between batches, a resumed run needs no sampler state to go on exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from videopose.errors import InputError
from videopose.types import I64


class MixtureSampler:
    """Interleaves data sets evenly and shuffles each anew every time it has been gone through.

    Attributes:
        sizes: number of samples of each data set.
        shares: how much of every batch each gives; scaled to sum to one.
    """

    PATTERN = 1000  # the interleaving repeats after this many samples; shares are kept to a thousandth

    def __init__(self, sizes: Sequence[int], shares: Sequence[float], *, seed: int) -> None:
        if len(sizes) != len(shares) or min(sizes, default=0) < 1 or min(shares, default=0) <= 0:
            raise InputError(f"a mixture needs samples and a positive share of each set: {list(sizes)}, {list(shares)}")
        self.sizes = tuple(sizes)
        self.shares = tuple(share / sum(shares) for share in shares)
        self._seed = seed
        self._pattern = self._interleave()
        self._before = np.stack([np.cumsum(self._pattern == d) - (self._pattern == d) for d in range(len(sizes))])
        self._per_cycle = np.bincount(self._pattern, minlength=len(sizes))
        self._shuffled: dict[int, tuple[int, I64]] = {}

    def _interleave(self) -> I64:
        """Spread the sets evenly: at each place the one that is furthest behind its share."""
        given = np.zeros(len(self.shares))
        pattern = np.empty(self.PATTERN, np.int64)
        for place in range(self.PATTERN):
            pattern[place] = np.argmax(np.array(self.shares) * (place + 1) - given)
            given[pattern[place]] += 1
        return pattern

    def __getitem__(self, number: int) -> tuple[int, int]:
        """Find which sample has a number: (data set, index within it)."""
        cycle, place = divmod(number, self.PATTERN)
        source = int(self._pattern[place])
        nth = cycle * int(self._per_cycle[source]) + int(self._before[source, place])
        epoch, position = divmod(nth, self.sizes[source])
        return source, int(self._order(source, epoch)[position])

    def _order(self, source: int, epoch: int) -> I64:
        kept_epoch, order = self._shuffled.get(source, (-1, self._pattern))
        if kept_epoch != epoch:
            order = np.random.default_rng([self._seed, source, epoch]).permutation(self.sizes[source])
            self._shuffled[source] = (epoch, order)
        return order
