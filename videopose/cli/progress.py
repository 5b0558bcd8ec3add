"""How far a run is: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time

import click
from tqdm.auto import tqdm

SECONDS_BETWEEN_LINES = 10.0


class ProgressBar:
    """Shows frames done, frames per second and time left on stderr.

    Args:
        resumed_frames: frames done by an earlier run; they do not count as speed.
        is_quiet: show nothing.
        what: is done to the frames, where that is not what the command is for.
    """

    def __init__(self, resumed_frames: int = 0, *, is_quiet: bool = False, what: str = "") -> None:
        self._what = f"{what}: " if what else ""
        self._begun_at = resumed_frames
        self._is_quiet = is_quiet
        self._bar: tqdm[None] | None = None
        self._start = time.monotonic()
        self._next_line = self._start + SECONDS_BETWEEN_LINES

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` frames are done."""
        if done <= self._begun_at:  # the networks are ready: from here on it is their speed, without their loading
            self._start = time.monotonic()
        if self._is_quiet or done < self._begun_at:
            return
        if sys.stderr.isatty():
            self._show_bar(done, total)
        elif time.monotonic() >= self._next_line and done > self._begun_at:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            click.echo(f"{self._what}{done} of {total} frames, {self._speed(done, total)}", err=True)

    def _show_bar(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=total, initial=self._begun_at, unit=" frames", desc=self._what.rstrip(": ") or None,
                dynamic_ncols=True, file=sys.stderr,
            )  # fmt: skip
        self._bar.update(done - self._bar.n)

    def _speed(self, done: int, total: int) -> str:
        rate = self.frames_per_second(done)
        minutes, seconds = divmod(round((total - done) / rate), 60)
        return f"{rate:.1f} frames per second, {minutes} min {seconds} s left"

    def frames_per_second(self, done: int) -> float:
        """Return the speed since the networks were ready, without what an earlier run had done."""
        return (done - self._begun_at) / max(time.monotonic() - self._start, 1e-9)

    def close(self) -> None:
        """Remove the bar from the screen's last line."""
        if self._bar is not None:
            self._bar.close()
