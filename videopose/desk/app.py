"""The HTTP interface of the page.

| request | answer |
|---|---|
| `GET /` | the page; with `?token=` it brings the cookie |
| `GET /page/{name}` | its modules and styles, of a fixed list |
| `GET /api/state` | video, skeleton, how far loading is, number of the last line |
| `GET /api/times` | seconds of every frame, float64 |
| `GET /api/frames/{i}.jpg?w=&ahead=1` | a frame; 404 with the reason where it cannot be decoded |
| `GET /api/people?first=&last=` | people of up to 256 frames |
| `GET /api/tracks`, `/api/curve?id=&keypoint=`, `/api/queue`, `/api/log?since=` | timeline, curve, doubts, lines |
| `POST /api/edits` | `{uuid, seq, op, args, presses}`; 409 with the lines that were missed, 422 with the reason |
| `POST /api/propagate` | `{uuid, seq, track_id, first, last, presses}` |
| `POST /api/relink` | `{seq}`: what would change |
| `POST /api/labels`, `/api/score` | `{uuid, seq, name, text}`: labels in, or compared with |
| `GET /api/formats`, `/api/export/{format}`, `/api/report` | formats, a file |

No path is ever taken from a request: names are looked up in tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import anyio.to_thread
import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from videopose.desk import tasks, views
from videopose.desk.frames import FrameStore
from videopose.desk.session import JsonObject, Session, StaleError, refusal
from videopose.errors import InputError, VideoPoseError
from videopose.io.base import VideoReader

_KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml"}

OpenReader = Callable[..., VideoReader]
"""Opens the clip, with options of `open_video` over those the desk was started with."""


def page_files() -> dict[str, tuple[bytes, str]]:
    """Read the page's files: bytes and kind by name."""
    folder = resources.files("videopose") / "desk" / "page"
    return {
        each.name: (each.read_bytes(), kind)
        for each in folder.iterdir()
        for ending, kind in _KINDS.items()
        if each.name.endswith(ending)
    }


@dataclass(frozen=True, eq=False)
class Desk:
    """The routes of one session.

    Attributes:
        session: the result.
        frames: the video's images.
        open_reader: opens the clip anew.
        report: makes the report of the state as one page; None where it is not installed.
    """

    session: Session
    frames: FrameStore
    open_reader: OpenReader
    report: Callable[[Session], bytes] | None = None

    def app(self) -> Starlette:
        """Build the application; the guard stands before it."""
        files = page_files()

        async def page(request: Request) -> Response:
            name = request.path_params.get("name", "index.html")
            if name not in files:
                return JSONResponse({"error": "there is no such file"}, 404)
            body, kind = files[name]
            return Response(body, media_type=kind)

        gets = {
            "/api/state": self._state, "/api/people": self._people, "/api/tracks": self._tracks,
            "/api/curve": self._curve, "/api/queue": self._queue, "/api/log": self._lines,
            "/api/formats": self._formats,
        }  # fmt: skip
        posts = {
            "/api/edits": self._edit, "/api/propagate": self._propagate, "/api/relink": self._relink,
            "/api/labels": self._labels, "/api/score": self._score,
        }  # fmt: skip
        routes = [
            Route("/", page), Route("/page/{name}", page), Route("/api/times", self._times),
            Route("/api/frames/{index:int}.jpg", self._frame), Route("/api/export/{format}", self._export),
            Route("/api/report", self._report),
            *(Route(path, _answering(call, _query)) for path, call in gets.items()),
            *(Route(path, _answering(call, _body), methods=["POST"]) for path, call in posts.items()),
        ]  # fmt: skip
        return Starlette(routes=routes)

    async def _times(self, request: Request) -> Response:
        return Response(np.asarray(self.session.times, "<f8").tobytes(), media_type="application/octet-stream")

    async def _frame(self, request: Request) -> Response:
        wanted = request.query_params.get("w", "")
        width = self.frames.width_for(int(wanted) if wanted.isdigit() and len(wanted) < 6 else None)
        is_ahead = request.query_params.get("ahead") == "1"
        answer = self.frames.request(request.path_params["index"], width, is_ahead=is_ahead)
        try:
            jpeg = answer.result() if answer.done() else await anyio.to_thread.run_sync(answer.result)
        except VideoPoseError as error:
            return JSONResponse({"error": str(error)}, 404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    async def _export(self, request: Request) -> Response:
        def made() -> Response:
            with self.session.lock:
                sheet = self.session.history.sheet
                name, body, said = tasks.exported(sheet, request.path_params["format"], self.session.clip.name)
            note = " ".join("; ".join(said).encode("ascii", "replace").decode().split())
            return Response(body, media_type="application/octet-stream", headers=_attached(name) | {"x-notes": note})

        return await _guarded(made)

    async def _report(self, request: Request) -> Response:
        def made() -> Response:
            if self.report is None:
                raise InputError("reports need videopose.eval, which is not installed")
            name = f"{self.session.clip.stem}.report.html"
            return Response(self.report(self.session), media_type="application/octet-stream", headers=_attached(name))

        return await _guarded(made)

    def _state(self, asked: JsonObject) -> JsonObject:
        return self.session.state()

    def _people(self, asked: JsonObject) -> JsonObject:
        first, last = _whole(asked, "first"), _whole(asked, "last")
        with self.session.lock:
            history = self.session.history
            return {"seq": history.seq, **views.people(history.sheet, first, last)}

    def _tracks(self, asked: JsonObject) -> JsonObject:
        with self.session.lock:
            history = self.session.history
            return {"seq": history.seq, "tracks": views.tracks(history.sheet)}

    def _curve(self, asked: JsonObject) -> JsonObject:
        keypoint = _whole(asked, "keypoint") if "keypoint" in asked else None
        with self.session.lock:
            sheet = self.session.history.sheet
            if keypoint is not None and keypoint >= len(sheet.skeleton):
                raise InputError(f"there is no keypoint {keypoint}")
            return views.curve(sheet, _whole(asked, "id"), keypoint)

    def _queue(self, asked: JsonObject) -> JsonObject:
        return self.session.doubts()

    def _lines(self, asked: JsonObject) -> JsonObject:
        return self.session.lines_since(int(asked["since"]) if str(asked.get("since", "")).isdigit() else -1)

    def _formats(self, asked: JsonObject) -> JsonObject:
        return {"formats": tasks.writable()}

    def _edit(self, asked: JsonObject) -> JsonObject:
        return self.session.edit(asked)

    def _propagate(self, asked: JsonObject) -> JsonObject:
        track_id, first, last = (_whole(asked, name) for name in ("track_id", "first", "last"))
        with self.session.lock:
            self.session.check_fresh(asked)
            sheet = self.session.history.sheet
        reader = self.open_reader(frames=(first, last))
        try:
            args = tasks.propagated(sheet, track_id, first, last, reader)
        finally:
            reader.close()
        return self.session.edit({**asked, "op": "propagate", "args": args})

    def _relink(self, asked: JsonObject) -> JsonObject:
        return self.session.relink(asked)

    def _read(self, asked: JsonObject) -> Any:  # Any: a PoseTable
        name, text = asked.get("name"), asked.get("text")
        if not isinstance(name, str) or not isinstance(text, str):
            raise InputError("give the name of the labels and their text")
        return tasks.read_labels(name, text, self.session.info, len(self.session.times))

    def _labels(self, asked: JsonObject) -> JsonObject:
        table = self._read(asked)
        with self.session.lock:
            self.session.check_fresh(asked)
            args, said = tasks.as_operation(self.session.history.sheet, table, table.source)
            return {**self.session.edit({**asked, "op": "place", "args": args}), "said": said}

    def _score(self, asked: JsonObject) -> JsonObject:
        table = self._read(asked)
        with self.session.lock:
            sheet = self.session.history.sheet.copy()
        return tasks.scored(sheet, table)


def _whole(asked: JsonObject, name: str) -> int:
    """Read a frame, an id or a number of a keypoint.

    Raises:
        InputError: it is missing, or no whole number from 0.
    """
    value = asked.get(name)
    if isinstance(value, str) and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise InputError(f"{name} is {str(value)[:20]!r}; give a whole number from 0")
    return value


def _attached(name: str) -> dict[str, str]:
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._- ") else "_" for sign in name)
    return {"content-disposition": f'attachment; filename="{plain}"'}


async def _query(request: Request) -> JsonObject:
    return dict(request.query_params)


async def _body(request: Request) -> JsonObject:
    try:
        value = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InputError("the body is no JSON") from error
    if not isinstance(value, dict):
        raise InputError("the body is no JSON object")
    return value


def _answering(
    call: Callable[[JsonObject], Mapping[str, Any]], read: Callable[[Request], Coroutine[Any, Any, JsonObject]]
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Make a route of a method that may take its time."""

    async def answer(request: Request) -> Response:
        try:
            asked = await read(request)
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)
        return await _guarded(lambda: JSONResponse(call(asked)))

    return answer


async def _guarded(make: Callable[[], Response]) -> Response:
    try:
        return await run_in_threadpool(make)
    except StaleError as error:
        return JSONResponse(refusal(error), 409)
    except VideoPoseError as error:
        return JSONResponse(refusal(error), 422)
