"""Write a short animation that plays by itself in a page: GIF or WebP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np

from videopose.errors import InputError
from videopose.io.result import atomic_write
from videopose.types import U8

SUFFIXES = (".gif", ".webp")
MAX_BYTES = 2**30
"""Pixels of an animation are held until its palette is known: more is refused."""

_TICK = Fraction(1, 100)
"""Seconds: a GIF counts hundredths, and a WebP is written likewise."""


class AnimationWriter:
    """Takes images with their times; an animation repeats for ever.

    Args:
        container: open for writing.
        suffix: `.gif` or `.webp`.
        size_hw: of every image.
        rate: nominal images per second.
        quality: of a WebP, from 0 to 100.
    """

    def __init__(
        self,
        container: av.container.OutputContainer,
        suffix: str,
        size_hw: tuple[int, int],
        rate: Fraction,
        quality: int,
    ) -> None:
        self._container, self._size_hw, self._is_gif = container, size_hw, suffix == ".gif"
        height, width = size_hw
        options = {} if self._is_gif else {"quality": str(quality), "compression_level": "4"}
        self._stream = container.add_stream("gif" if self._is_gif else "libwebp_anim", rate=rate, options=options)
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "pal8" if self._is_gif else "yuv420p"
        self._stream.codec_context.time_base = _TICK
        self._graph = _palette_graph(size_hw) if self._is_gif else None
        self._pts, self._bytes = -1, 0

    def write(self, image: U8, time: float) -> None:
        """Add an image, (H, W, 3) RGB, shown from a time in seconds on; the first from 0.

        Raises:
            InputError: the animation would need more memory than an animation should.
        """
        self._bytes += image.nbytes
        if self._bytes > MAX_BYTES:
            raise InputError(
                f"an animation of more than {MAX_BYTES // 2**20} MB of pixels is a video. Choose fewer frames "
                "(--frames, --every), a smaller --width, or an .mp4"
            )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        self._pts = max(self._pts + 1, round(time / float(_TICK)))
        frame.pts, frame.time_base = self._pts, _TICK
        if self._graph is None:
            self._container.mux(self._stream.encode(frame.reformat(format="yuv420p")))
        else:
            self._graph.push(frame)

    def close(self) -> None:
        """Write what is still held."""
        if self._graph is not None:
            self._graph.push(None)
            for frame in _pulled(self._graph):
                self._container.mux(self._stream.encode(frame))
        self._container.mux(self._stream.encode(None))


def _palette_graph(size_hw: tuple[int, int]) -> av.filter.Graph:
    """Build the filters that find one palette for all images and dither them to it."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=size_hw[1], height=size_hw[0], format=av.VideoFormat("rgb24"), time_base=_TICK)
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=diff")
    use = graph.add("paletteuse", "dither=bayer:bayer_scale=3")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return
        assert isinstance(frame, av.VideoFrame)
        yield frame


@contextmanager
def write_animation(
    path: Path, size_hw: tuple[int, int], rate: Fraction, *, quality: int = 75
) -> Iterator[AnimationWriter]:
    """Open an animation for writing; the file appears when the block ends well.

    Args:
        path: ends in `.gif` or `.webp`.
        size_hw: of every image.
        rate: nominal images per second.
        quality: of a WebP, from 0 to 100.

    Raises:
        InputError: the suffix is another one.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: animations are written as {', '.join(SUFFIXES)}, by the suffix; choose one of them")
    options = {"loop": "0"}
    with atomic_write(path) as file, av.open(file, "w", format=suffix[1:], options=options) as container:
        writer = AnimationWriter(container, suffix, size_hw, rate, quality)
        yield writer
        writer.close()
