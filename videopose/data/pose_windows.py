"""Noisy windows of true trajectories: a stretch at some frame rate, varied, and what an estimator might say of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videopose.config import Options
from videopose.data.pose_noise import NoiseOptions, NoisyWindow, add_noise
from videopose.data.trajectories import Trajectory
from videopose.models.refiner import PARTS, parts_of
from videopose.skeletons import skeleton_named
from videopose.types import F64, I64, Bool

SKELETON = skeleton_named("posetrack15")
"""What trajectories are read into; the refiner itself knows no skeleton."""

_PARTS, _LIMBS = parts_of(SKELETON)
_EXCHANGED = tuple(
    np.array([(SKELETON.index_of(f"left_{name}"), SKELETON.index_of(f"right_{name}")) for name in names], np.int64)
    for names in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"), ("elbow", "wrist"), ("knee", "ankle"))
)


class MotionOptions(Options):
    """How true trajectories are varied before noise comes on."""

    frame_rate: tuple[float, float] = (7.0, 60.0)
    uneven: float = 0.3
    """Share of windows with frames dropped at random and times that waver."""
    pace: tuple[float, float] = (0.6, 1.8)
    """Factor on how fast people move."""
    rotation_degrees: float = 30.0
    stretch: float = 0.15
    """Standard deviation of the logarithm of width to height."""
    size: tuple[float, float] = (0.75, 1.3)
    """Factor on the person's size, which boxes tell but roughly."""
    strike: float = 0.5
    """Share of windows into which a kick, a blow or a jump is put."""
    other_kind: float = 0.05
    """Share of keypoints whose kind is not told."""
    absent: float = 0.1
    """Share of keypoints that are left out."""


@dataclass(frozen=True, eq=False)
class PoseWindow:
    """T moments of a person, true and as estimated. Lengths are person sizes.

    Attributes:
        time: (T,) seconds, rising.
        truth: (T, K, 2).
        labelled: (T, K) where the truth is known.
        noisy: what was estimated; score and weight are 0 for keypoints left out.
        exists: (K,) False for keypoints left out.
        parts: (K,) kinds of keypoints, as the network is told.
        size: what the person's size is taken for, 1 being right.
    """

    time: F64
    truth: F64
    labelled: Bool
    noisy: NoisyWindow
    exists: Bool
    parts: I64
    size: float


def draw_window(
    rng: np.random.Generator, person: Trajectory, frames: int, motion: MotionOptions, noise: NoiseOptions
) -> PoseWindow:
    """Draw a window of at most `frames` poses, at least 2."""
    time, pace = _moments(rng, person, frames, motion)
    xy, labelled, hidden = person.at(time * pace)
    time = time - time[0]
    exists = labelled.any(axis=0) & (rng.random(len(SKELETON)) >= motion.absent)
    exists |= ~exists.any() & labelled.any(axis=0)
    xy = np.where(exists[:, None], xy, xy[:, exists].mean(axis=1, keepdims=True))
    xy = _turned(rng, xy, motion)
    if rng.random() < motion.strike:
        xy = xy + _strike(rng, time)
    noisy = add_noise(rng, noise, xy, hidden, time, _EXCHANGED)
    kept = NoisyWindow(
        np.where(exists[:, None], noisy.xy, xy),
        np.where(exists, noisy.score, 0.0),
        np.where(exists, noisy.weight, 0.0),
    )
    parts = np.where(rng.random(len(_PARTS)) < motion.other_kind, PARTS.index("trunk"), _PARTS)
    size = float(np.exp(rng.uniform(*np.log(motion.size))))
    return PoseWindow(time, xy, labelled & exists, kept, exists, parts, size)


def _moments(rng: np.random.Generator, person: Trajectory, frames: int, motion: MotionOptions) -> tuple[F64, float]:
    """Draw the times of a window, seconds, and how much faster the person moves than they did."""
    rate = float(np.exp(rng.uniform(*np.log(motion.frame_rate))))
    pace = float(np.exp(rng.uniform(*np.log(motion.pace))))
    lasts = person.seconds / pace
    count = min(frames, int(lasts * rate) + 1)
    time = rng.uniform(0, max(lasts - (count - 1) / rate, 0.0)) + np.arange(count) / rate
    if rng.random() < motion.uneven and count > 4:
        time = time + rng.uniform(-0.3, 0.3, count) / rate
        time = np.clip(time[rng.random(count) > rng.uniform(0, 0.3)], 0, lasts)
    if len(time) < 2:
        time = np.array([0.0, 1 / rate])
    if rng.random() < 0.5:  # backwards: what people do is as likely
        return time[-1] + time[0] - time[::-1], pace
    return time, pace


def _turned(rng: np.random.Generator, xy: F64, motion: MotionOptions) -> F64:
    angle = np.deg2rad(rng.uniform(-1, 1) * motion.rotation_degrees)
    stretch = np.exp(0.5 * motion.stretch * rng.normal() * np.array([1, -1]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirror = np.array([rng.choice([-1.0, 1.0]), 1.0])  # names of sides are not read: nothing to exchange
    return np.asarray((xy * stretch * mirror) @ turn)


def _strike(rng: np.random.Generator, time: F64) -> F64:
    """Draw (T, K, 2) a sudden motion of a limb or of everything: out, and back or not."""
    begins, lasts = rng.uniform(time[0], time[-1] + 1e-6), rng.uniform(0.1, 0.35)
    rise = _minimum_jerk((time - begins) / lasts)
    if rng.random() < 0.5:
        rise = rise - _minimum_jerk((time - begins - lasts - rng.uniform(0, 0.3)) / lasts)
    limb = rng.integers(1, 6)
    everything = limb == 5
    moving = np.ones(len(_LIMBS)) if everything else (limb == _LIMBS) * rng.uniform(0.2, 1, len(_LIMBS))
    angle = rng.uniform(0, 2 * np.pi)
    reach = rng.uniform(0.1, 1.0) * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(rise[:, None, None] * moving[:, None] * reach)


def _minimum_jerk(part: F64) -> F64:
    """Compute the minimum-jerk course from 0 to 1, as a limb moves.

    Source:
        Flash & Hogan, The Coordination of Arm Movements, Journal of Neuroscience 1985.
    """
    x = np.clip(part, 0, 1)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))
