"""Serve the annotator's page until somebody stops it; run the networks first where there is no result yet."""

from __future__ import annotations

import logging
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from videopose import catalog
from videopose.annotation.marks import edited_header
from videopose.desk.app import Desk
from videopose.desk.frames import FrameStore
from videopose.desk.guard import Guard
from videopose.desk.session import Progress, Session
from videopose.errors import InputError, VideoPoseError
from videopose.io.base import VideoReader
from videopose.io.disk import refusals_said
from videopose.io.reader import open_video
from videopose.io.results import check_suffix
from videopose.workflows import run as runs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServeOptions:
    """Where and how the page is served.

    Attributes:
        host: to listen on.
        port: 0 = a free one.
        has_browser: open a browser.
        pipeline: of the run that comes first where there is no result.
        reading: how the clip is read, as `open_video` takes it.
    """

    host: str = "127.0.0.1"
    port: int = 0
    has_browser: bool = True
    pipeline: str = "default"
    reading: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Serving:
    """A page that is ready to be served.

    Attributes:
        session: the result.
        guard: the application, with the checks before it.
        socket: that is listened on.
        address: that opens the page once.
    """

    session: Session
    guard: Guard
    socket: socket.socket
    address: str

    def server(self) -> uvicorn.Server:
        """Build the server; `run(sockets=[serving.socket])` serves until it is told to exit."""
        config = uvicorn.Config(
            self.guard, log_config=None, access_log=False, server_header=False, date_header=False, ws="none",
            lifespan="off", proxy_headers=False, timeout_graceful_shutdown=1, http="h11",
            h11_max_incomplete_event_size=32768,
        )  # fmt: skip
        return uvicorn.Server(config)


@contextmanager
def prepared(clip: Path, result: Path, options: ServeOptions, say: Callable[[str], None]) -> Iterator[Serving]:
    """Open a result's page; the result is held until the block ends.

    Args:
        clip: the video.
        result: of `videopose run`; made first if it is not there, while the page is served already.
        options: where and how.
        say: prints a line for the user.

    Raises:
        VideoError: the clip cannot be read.
        InputError: the port is taken, or another process holds the result.
        DatasetError: the result or its log is damaged.
    """
    check_suffix(result)
    reader = open_video(clip, **options.reading)
    session = Session.of(clip, result, reader)
    with refusals_said(result):
        is_there = result.exists()
    if is_there:
        session.load()
    open_reader = partial(open_video, clip, **options.reading)
    frames = FrameStore(open_reader, reader.info.size_hw[1], len(session.times))
    try:
        listening = _listen(options.host, options.port)
        port = listening.getsockname()[1]
        shown = f"[{options.host}]" if ":" in options.host else options.host
        shown = {"0.0.0.0": socket.gethostname(), "[::]": socket.gethostname()}.get(shown, shown)

        def announce(token: str) -> None:
            say(f"To open it once more: http://{shown}:{port}/?token={token}")

        desk = Desk(session, frames, open_reader, _reporter(open_reader))
        guard = Guard(desk.app(), options.host, port, announce)
        if not is_there:
            session.progress = Progress("running", 0, reader.num_frames)
            threading.Thread(target=_run_first, args=(session, options), name="run", daemon=True).start()
        yield Serving(session, guard, listening, f"http://{shown}:{port}/?token={guard.token}")
    finally:
        frames.close()
        session.close()


def serve(clip: Path, result: Path, options: ServeOptions, say: Callable[[str], None]) -> None:
    """Serve a result's page until Ctrl-C; see `prepared`."""
    with prepared(clip, result, options, say) as serving:
        if options.host not in ("127.0.0.1", "::1", "localhost"):
            say(f"Warning: everybody who can reach {options.host} and knows the address below can edit {result}")
        say(serving.address)
        if options.has_browser:
            webbrowser.open(serving.address)
        serving.server().run(sockets=[serving.socket])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"{host}:{port}: cannot be listened on ({error.strerror or error}). Choose another --port"
        ) from error


def _run_first(session: Session, options: ServeOptions) -> None:
    """Make the result, and then load it; what goes wrong is shown on the page."""

    def progress(done: int, total: int) -> None:
        session.progress = Progress("running", done, total)

    try:
        run = runs.run(session.clip, session.result, pipeline=options.pipeline, progress=progress, **options.reading)
        for _ in run:
            pass
        session.progress = Progress("loading")
        session.load()
    except VideoPoseError as error:
        logger.warning("%s", error)
        session.progress = Progress("failed", error=str(error))


def _reporter(open_reader: Callable[..., VideoReader]) -> Callable[[Session], bytes] | None:
    try:
        page = catalog.evaluation("reports.result_page")
    except VideoPoseError:  # an installation without eval/
        return None

    def report(session: Session) -> bytes:
        with session.lock:
            sheet = session.history.sheet.copy()
            header = edited_header(sheet, {}) if session.history.done else sheet.header
        with open_reader() as reader:
            made: str = page.of_sheet(session.clip.name, sheet, header, lambda: reader)
        return made.encode()

    return report
