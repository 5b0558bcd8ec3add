"""How sure a number is: bootstrap over sequences (or images), alone and for the difference of two result sets."""

from __future__ import annotations

import numpy as np

from videopose.errors import InputError
from videopose.types import I64

from ..protocols.base import Recount

LEVEL = 0.95


def intervals(units: int, recount: Recount, *, repeats: int, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Return the 95 % percentile interval of every number.

    Args:
        units: sequences or images that are drawn, with replacement.
        recount: numbers when unit i counts `times[i]` times.
        repeats: draws.
        seed: of the draws; the same seed gives the same intervals.

    Raises:
        InputError: there are fewer than two units, of which nothing can be drawn.

    Source:
        Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    draws = [recount(times) for times in _draws(units, repeats, seed)]
    return {name: _interval(np.array([draw[name] for draw in draws])) for name in draws[0]}


def compare(units: int, first: Recount, second: Recount, *, repeats: int, seed: int = 0) -> dict[str, dict[str, float]]:
    """Compare two result sets on the same units: second minus first.

    Returns:
        Per number: the difference on all units, its 95 % interval, and the share of draws in which the second is not
        better, which is small when the advantage is no accident of the units.

    Raises:
        InputError: there are fewer than two units.
    """
    everything = np.ones(units, np.int64)
    whole = {name: value - first(everything)[name] for name, value in second(everything).items()}
    draws = [(first(times), second(times)) for times in _draws(units, repeats, seed)]
    out = {}
    for name, difference in whole.items():
        values = np.array([b[name] - a[name] for a, b in draws])
        low, high = _interval(values)
        known = values[np.isfinite(values)]
        share = float((known <= 0).mean()) if len(known) else float("nan")
        out[name] = {"difference": difference, "low": low, "high": high, "not_better": share}
    return out


def _draws(units: int, repeats: int, seed: int) -> list[I64]:
    if units < 2:
        raise InputError(f"a bootstrap draws from two sequences or more; there is {units}")
    rng = np.random.default_rng(seed)
    return [np.bincount(rng.integers(0, units, units), minlength=units) for _ in range(repeats)]


def _interval(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
