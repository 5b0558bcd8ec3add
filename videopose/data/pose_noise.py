"""What a pose estimator does to true trajectories: jitter, wrong places, exchanged sides, gaps, scores that half tell.

Lengths are person sizes, times seconds. Every window draws its own values from wide ranges, so that no single network's
habits are learned.

`detection_noise` simulates the same estimator for another purpose, and is not made of this. There whole videos of many
people are changed at a few fixed levels, to compare trackers: what counts is who is missed, hidden, doubled or seen
where nobody is, the faults depend on how people cover one another, and the numbers of published tables must stay as
they are. Here one person's window is changed, anew each time and in ways that depend on time alone, to train the
refiner: nobody is missed for good, nothing is doubled, and the ranges are meant to be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videopose.config import Options
from videopose.types import F64, I64, Bool

Range = tuple[float, float]


class NoiseOptions(Options):
    """How bad estimates may be. A pair is a range from which each window draws its own value."""

    white: Range = (0.002, 0.03)
    """Standard deviation of what changes from frame to frame."""
    drift: Range = (0.002, 0.06)
    """Standard deviation of what stays for a while."""
    drift_seconds: Range = (0.05, 1.0)
    """How long it stays."""
    speed: Range = (0.0, 0.4)
    """Added to `white`, per person size moved from frame to frame."""
    unevenness: Range = (0.2, 0.9)
    """Standard deviation of the logarithm of how much worse some moments and keypoints are than others."""
    hidden: Range = (1.0, 3.0)
    """Factor on the noise of keypoints marked as hidden."""
    wrong: Range = (0.0, 0.04)
    """Chance, per keypoint and frame, that a run at a wrong place begins: at its counterpart's, or anywhere."""
    wrong_frames: Range = (1.5, 6.0)
    """Mean length of such a run."""
    swap: Range = (0.0, 0.01)
    """Chance, per limb and frame, that a run of exchanged sides begins."""
    swap_frames: float = 3.0
    missing: Range = (0.0, 0.05)
    """Chance per frame that the person goes unseen."""
    missing_seconds: float = 0.25
    """Mean length of such a gap; none is longer than a second."""
    falloff: Range = (0.06, 0.4)
    """Error at which a score has fallen to 1 / e."""
    score_noise: Range = (0.02, 0.15)
    blind: float = 0.1
    """Share of windows whose scores tell nothing."""
    clean: float = 0.15
    """Share of windows with a tenth of the noise, so that what is right is left alone."""


@dataclass(frozen=True, eq=False)
class NoisyWindow:
    """Estimates of T moments.

    Attributes:
        xy: (T, K, 2) person sizes; where the person was not seen, on the line between the poses around.
        score: (T, K).
        weight: (T, K) the score, or 0 where the person was not seen.
    """

    xy: F64
    score: F64
    weight: F64


def add_noise(
    rng: np.random.Generator,
    options: NoiseOptions,
    xy: F64,
    hidden: Bool,
    time: F64,
    exchanged: Sequence[I64],
) -> NoisyWindow:
    """Simulate estimates of a true window.

    Args:
        rng: draws everything.
        options: ranges.
        xy: (T, K, 2) person sizes.
        hidden: (T, K).
        time: (T,) seconds.
        exchanged: for each limb, (P, 2) left and right keypoints that change places together.
    """

    def draw(limits: Range) -> float:
        return float(rng.uniform(*limits))

    def draw_scale(limits: Range) -> float:
        return float(np.exp(rng.uniform(*np.log(limits))))

    length, num = hidden.shape
    step = np.diff(time, prepend=time[:1])
    uneven = draw(options.unevenness)
    kept = np.exp(-step / 0.2)
    worse = np.exp(uneven * _wander(rng, kept, (num, 1))[..., 0] + 0.5 * uneven * rng.normal(size=num))
    worse *= np.where(hidden, draw(options.hidden), 1.0)
    moved = np.linalg.norm(np.diff(xy, axis=0, prepend=xy[:1]), axis=-1)
    white, drift = draw_scale(options.white), draw_scale(options.drift)
    if rng.random() < options.clean:
        white, drift = 0.1 * white, 0.1 * drift
    slow = _wander(rng, np.exp(-step / draw_scale(options.drift_seconds)), (num, 2))
    quick = rng.standard_t(4, (length, num, 2)) / np.sqrt(2)  # of variance 1, with heavier tails
    spread = worse * (white + draw(options.speed) * moved)
    noisy = xy + spread[..., None] * quick + (worse * drift)[..., None] * slow
    noisy = _misplaced(rng, noisy, xy, draw(options.wrong), draw(options.wrong_frames), exchanged)
    for left, right in (pairs.T for pairs in exchanged):
        wrong_way = _runs(rng, (length, 1), draw(options.swap), options.swap_frames)[..., None]
        noisy[:, left], noisy[:, right] = (
            np.where(wrong_way, noisy[:, right], noisy[:, left]),
            np.where(wrong_way, noisy[:, left], noisy[:, right]),
        )
    score = _scores(rng, options, np.linalg.norm(noisy - xy, axis=-1), worse * (white + drift))
    return _with_gaps(rng, options, noisy, score, time)


def _wander(rng: np.random.Generator, kept: F64, shape: tuple[int, ...]) -> F64:
    """Draw (T, *shape) noise of variance 1 of which the share `kept` (T,) remains from moment to moment."""
    out = rng.normal(size=(len(kept), *shape))
    fresh = np.sqrt(1 - kept**2)
    for t in range(1, len(kept)):
        out[t] = kept[t] * out[t - 1] + fresh[t] * out[t]
    return out


def _runs(rng: np.random.Generator, shape: tuple[int, int], chance: float, mean_frames: float) -> Bool:
    """Draw runs along the first axis that begin with a chance and are of geometric length."""
    out = np.zeros(shape, bool)
    begins = np.argwhere(rng.random(shape) < chance)
    lengths = rng.geometric(1 / mean_frames, len(begins))
    for (first, column), length in zip(begins.tolist(), lengths.tolist(), strict=True):
        out[first : first + length, column] = True
    return out


def _misplaced(
    rng: np.random.Generator, noisy: F64, xy: F64, chance: float, frames: float, exchanged: Sequence[I64]
) -> F64:
    """Move runs of a keypoint to its counterpart, or anywhere on the person, with a little wobble."""
    length, num = xy.shape[:2]
    wrong = _runs(rng, (length, num), chance, frames)
    center = xy.mean(axis=1, keepdims=True)
    place = np.broadcast_to(center[::4].repeat(4, 0)[:length] + rng.uniform(-0.8, 0.8, (1, num, 2)), xy.shape).copy()
    for left, right in np.concatenate(exchanged).tolist():
        if rng.random() < 0.5:
            place[:, left], place[:, right] = xy[:, right], xy[:, left]
    place += rng.normal(0, 0.02, xy.shape)
    return np.where(wrong[..., None], place, noisy)


def _scores(rng: np.random.Generator, options: NoiseOptions, error: F64, spread: F64) -> F64:
    """Draw scores that fall with the error, and with how hard the moment is, and are off by themselves."""
    length, num = error.shape
    told = rng.uniform(0.2, 1.0)
    falloff = float(np.exp(rng.uniform(*np.log(options.falloff))))
    score = np.exp(-(told * error + (1 - told) * spread) / falloff)
    if rng.random() < options.blind:
        score = np.full_like(error, 0.8)
    score *= rng.uniform(0.5, 1.0)
    score += rng.uniform(*options.score_noise) * (0.7 * rng.normal(size=(length, num)) + 0.7 * rng.normal(size=num))
    return np.asarray(np.clip(score, 0.02, 1.0))


def _with_gaps(rng: np.random.Generator, options: NoiseOptions, xy: F64, score: F64, time: F64) -> NoisyWindow:
    """Remove runs of whole poses and interpolate poses between, as gaps are filled before smoothing."""
    length = len(time)
    seen = np.ones(length, bool)
    chance = rng.uniform(*options.missing)
    for first in np.flatnonzero(rng.random(length) < chance).tolist():
        lasts = min(rng.exponential(options.missing_seconds), 1.0)
        seen[first : max(first + 1, int(np.searchsorted(time, time[first] + lasts)))] = False
    seen[[0, -1]] = True
    here = np.flatnonzero(seen)
    after = here[np.searchsorted(here, np.arange(length))]
    before = here[np.searchsorted(here, np.arange(length), side="right") - 1]
    part = ((time - time[before]) / np.maximum(time[after] - time[before], 1e-9))[:, None]
    between = xy[before] + part[..., None] * (xy[after] - xy[before])
    faded = (
        np.minimum(score[before], score[after])
        * np.exp(-np.minimum(time - time[before], time[after] - time) / 0.4)[:, None]
    )
    return NoisyWindow(
        np.where(seen[:, None, None], xy, between),
        np.where(seen[:, None], score, faded),
        np.where(seen[:, None], score, 0.0),
    )
