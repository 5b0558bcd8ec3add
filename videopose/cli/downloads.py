"""How downloads are shown: a line of what comes from where, and a bar on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from tqdm.auto import tqdm

if TYPE_CHECKING:
    from videopose.models.fetch import FetchOptions


class DownloadBar:
    """Shows bytes done and time left on stderr, where that is a terminal; one bar for each file."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None

    def __call__(self, done: int, total: int | None) -> None:
        """Report that `done` of `total` bytes are there."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = tqdm(total=total, unit="B", unit_scale=True, dynamic_ncols=True, file=sys.stderr)
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.close()
            self._bar = None


def shown_on_stderr(*, accept_licence: bool = False) -> FetchOptions:
    """Build the options of a download that a person watches."""
    from videopose.models.fetch import FetchOptions

    return FetchOptions(
        say=lambda line: click.echo(line, err=True), progress=DownloadBar(), accept_licence=accept_licence
    )
