"""When each frame of a container is shown, from its packets, before a single image is kept.

One pass over the packets gives every frame its index in presentation order. With it a seek lands on the exact frame, a
image that cannot be decoded is noticed by its absence, and the frames after it keep their index. Only where stamps
contradict each other in a stream that stores images out of order are all of them decoded once to find the order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from videopose.io._cut_off import cut_off_reason
from videopose.io._packets import PacketDecoder, PacketFacts, decoded_order
from videopose.io._scan import Scanned, lost_at_most
from videopose.io._stamps import Repaired, fill_losses, long_holes, median_step, repair
from videopose.types import F64, I64

logger = logging.getLogger(__name__)

_DECODE_STAMPS_ONLY = frozenset({"avi", "asf", "mxf", "gxf"})
"""Containers that say when a packet is decoded and not when its image is shown."""

_LOOKED_AT = 12
"""Images decoded to see whether increasing stamps are those of the images or of the decoder."""

_READ_AHEAD = 4
"""Packets a demuxer may have read further when it complains about one."""

NO_STAMPS = "its packets carry no time stamps"
DECODE_STAMPS = "its container stores when images are decoded, not when they are shown"


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The frames a container carries, in presentation order.

    Attributes:
        pts: (T,) presentation timestamps, increasing, in ticks of `time_base`.
        time_base: seconds per tick.
        end: presentation time at which the last frame ends, seconds.
        rank: (P,) index of the frame each packet becomes, in the order packets are decoded in; -1 for none.
        counted: why frames can only be counted as the decoder gives them; None if `rank` holds.
        keys: (M,) ordinals of the packets decoding is said to be able to start at, by increasing index of the frame.
        damage: what the demuxer said about packets the container lost, by index of the frame.
        cut_off: why the file looks cut off at its end, None if it looks whole.
    """

    pts: I64
    time_base: Fraction
    end: float
    rank: I64
    counted: str | None = None
    keys: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    damage: dict[int, str] = field(default_factory=dict)
    cut_off: str | None = None

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def is_exact(self) -> bool:
        """Check whether each packet's frame is known before it is decoded."""
        return self.counted is None

    def time(self, index: int) -> float:
        """Return the presentation time of a frame in seconds; the end of the video for the index after the last."""
        if index >= len(self.pts):
            return self.end
        return float(int(self.pts[index]) * self.time_base)

    def times(self) -> F64:
        """Return the presentation times of all frames, (T,) seconds."""
        return np.asarray(self.pts * float(self.time_base), np.float64)


def evenly_spaced(count: int, rate: Fraction) -> Timeline:
    """Build the timeline of images that come `rate` to the second, each decoded alone."""
    every = np.arange(count, dtype=np.int64)
    return Timeline(every, 1 / rate, float(count / rate), every, keys=every)


def read_timeline(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    path: Path,
    scanned: Scanned,
    create_decoder: Callable[[str], PacketDecoder],
) -> Timeline:
    """Return every packet of a stream its place in presentation order.

    Args:
        container: of the file, at its end.
        stream: the video stream in it.
        path: of the file.
        scanned: its packets.
        create_decoder: makes a decoder of the stream, by the kind of threads it may use.
    """
    facts = scanned.facts
    shown = [ordinal for ordinal, packet in enumerate(facts) if packet.is_shown]
    rate = usable_rate(stream) or Fraction(25)
    time_base = stream.time_base or 1 / rate
    default_step = max(1, round(1 / rate / time_base))
    stamps = [facts[ordinal].pts for ordinal in shown]
    rank = np.full(len(facts), -1, np.int64)
    if not shown or all(tick is None for tick in stamps):
        rank[shown] = np.arange(len(shown))
        end = float(len(shown) / rate)
        return Timeline(np.arange(len(shown), dtype=np.int64), 1 / rate, end, rank, counted=NO_STAMPS)
    order, counted = _order(container, stream, facts, shown, create_decoder)
    if counted:
        order = shown
        # The k-th image shown has the k-th stamp, and its decoding begins when the first one's does.
        stamps = [packet.pts if packet.dts is None else packet.dts for packet in (facts[k] for k in shown)]
        repaired = repair(stamps, default_step)
    else:
        repaired = repair([facts[ordinal].pts for ordinal in order], default_step)
    _report(path, repaired, time_base)
    pts = repaired.ticks
    step = median_step(pts, default_step)
    duration = facts[order[-1]].duration
    end = float((int(pts[-1]) + (duration if 0 < duration <= 10 * step else step)) * time_base)
    cut_off = cut_off_reason(container, stream, path)
    rank[order] = np.arange(len(order))
    if counted:
        return Timeline(pts, time_base, end, rank, counted, cut_off=cut_off)
    complaints = {
        int(rank[ordinal]): text
        for heard, text in reversed(scanned.complaints.items())  # the first word about a packet counts
        for ordinal in range(heard, min(heard + _READ_AHEAD, len(facts)))
    }
    is_ts = "mpegts" in container.format.name
    pts, moved, damage = fill_losses(pts, step, complaints, lost_at_most(facts, order, step, time_base, is_ts=is_ts))
    rank[order] = moved
    _report_leaps(path, pts, step, time_base)
    keys = [ordinal for ordinal in order if facts[ordinal].is_key]
    return Timeline(pts, time_base, end, rank, None, np.array(keys, np.int64), damage, cut_off)


def usable_rate(stream: av.VideoStream) -> Fraction | None:
    """Return the frame rate the container states, if it can be one."""
    rates = (stream.guessed_rate, stream.average_rate, stream.base_rate)
    return next((rate for rate in rates if rate is not None and 0 < rate <= 1000), None)


def frame_rate(stream: av.VideoStream, timeline: Timeline) -> Fraction:
    """Return the nominal frame rate: what the container states, unless its frames lie apart quite differently."""
    stated = stream.average_rate or stream.guessed_rate
    step = float(median_step(timeline.pts, 0) * timeline.time_base) if len(timeline) > 1 else 0.0
    if stated is not None and stated > 0 and (not step or 0.5 < float(stated) * step < 2):
        return Fraction(stated)
    if not step:
        return usable_rate(stream) or Fraction(25)
    guessed = usable_rate(stream)
    if guessed is not None and 0.9 < float(guessed) * step < 1.1:
        return guessed
    return Fraction(1 / step).limit_denominator(1001)


def _order(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    facts: list[PacketFacts],
    shown: list[int],
    create_decoder: Callable[[str], PacketDecoder],
) -> tuple[list[int], str | None]:
    """Return the ordinals of all shown packets in presentation order, or the reason why it is not known."""
    stamps = [facts[ordinal].pts for ordinal in shown]
    known = [tick for tick in stamps if tick is not None]
    falls = int((np.diff(np.array(known, np.int64)) <= 0).sum())
    is_complete = len(known) == len(shown)
    may_reorder = stream.codec_context.has_b_frames
    if is_complete and not falls:
        if may_reorder and _DECODE_STAMPS_ONLY & set(container.format.name.split(",")):
            return shown, DECODE_STAMPS
        if may_reorder and _comes_out_of_order(create_decoder("SLICE")):
            return shown, DECODE_STAMPS
        return shown, None
    if not may_reorder and falls <= max(2, len(known) // 20):
        return shown, None
    if is_complete and len(set(known)) == len(known) and _is_sound(facts, shown, known):
        return sorted(shown, key=lambda ordinal: facts[ordinal].pts or 0), None
    decoder = create_decoder("AUTO")
    logger.info("%s: its time stamps contradict each other; it is decoded once to order its images", container.name)
    try:
        is_shown = set(shown)
        return [ordinal for ordinal in decoded_order(decoder, len(facts)) if ordinal in is_shown], None
    finally:
        decoder.close()


def _is_sound(facts: list[PacketFacts], shown: list[int], known: list[int]) -> bool:
    """Check whether stamps that are not in order of decoding can be those of images stored out of order."""
    dts = np.array([facts[ordinal].dts for ordinal in shown if facts[ordinal].dts is not None], np.int64)
    if (np.diff(dts) < 0).any():
        return False  # the clock was set back
    away = np.abs(np.argsort(np.argsort(known)) - np.arange(len(known)))
    return int(away.max()) <= 2 * float(np.percentile(away, 90)) + 4


def _comes_out_of_order(decoder: PacketDecoder) -> bool:
    ordinals = [ordinal for ordinal, _ in islice(decoder.images(), _LOOKED_AT)]
    decoder.close()
    return ordinals != sorted(ordinals)


def _report(path: Path, repaired: Repaired, time_base: Fraction) -> None:
    if repaired.wrong:
        count = len(repaired.wrong)
        what = "1 frame has" if count == 1 else f"{count} frames have"
        logger.warning(
            "%s: %s a wrong or no time stamp (first frame %d); the time is that between the neighbours",
            path, what, repaired.wrong[0],
        )  # fmt: skip
    for first, ticks in repaired.shifted:
        logger.warning(
            "%s: the clock is set back at frame %d; from there on %.2f s are added, and no frame is missing",
            path, first, float(ticks * time_base),
        )  # fmt: skip


def _report_leaps(path: Path, pts: I64, step: int, time_base: Fraction) -> None:
    leaps = long_holes(pts, step, float(1 / time_base))
    if leaps:
        first = leaps[0]
        seconds = float(int(pts[first + 1] - pts[first]) * time_base)
        more = f" (and {len(leaps) - 1} more times)" if len(leaps) > 1 else ""
        logger.warning(
            "%s: the clock leaps ahead by %.2f s after frame %d%s; nothing says that frames are missing there",
            path, seconds, first, more,
        )  # fmt: skip
