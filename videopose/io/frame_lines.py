"""Frames of the JSON result as lines of text: many at once, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from videopose.errors import InputError
from videopose.io.number_text import decimal_texts, fixed_texts, integer_texts, lines
from videopose.io.rows import PIXEL_DECIMALS, SCORE_DECIMALS, Block
from videopose.types import F32, SEEN, SOURCES, U8, Poses, pose_source

_NUMBERS = pa.list_(pa.float64())
_SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("time", pa.float64()),
        (
            "people",
            pa.list_(
                pa.struct(
                    [
                        ("track_id", pa.int64()),
                        ("score", pa.float64()),
                        ("box", _NUMBERS),
                        ("keypoints", pa.list_(_NUMBERS)),
                        ("source", pa.string()),
                        ("keypoint_source", pa.list_(pa.string())),
                    ]
                )
            ),
        ),
    ]
)


class IrregularError(Exception):
    """The lines are not the plain ones that `write` makes: they are damaged, or somebody else wrote them."""


def write(block: Block) -> Iterator[bytes]:
    """Write each frame as a JSON object in one line, without the line break; numbers rounded as results are.

    Raises:
        InputError: a number is not finite, which JSON cannot say.
    """
    _check_finite(block)
    people = _people_texts(block.people)
    for row, (index, time) in enumerate(zip(block.index, block.time, strict=True)):
        inside = b",".join(people[block.first[row] : block.first[row + 1]])
        yield b'{"index":%d,"time":%b,"people":[%b]}' % (index, repr(time).encode(), inside)


def _check_finite(block: Block) -> None:
    people = block.people
    if all(np.isfinite(values).all() for values in (block.time, people.score, people.xyxy, people.keypoints)):
        return
    for row, index in enumerate(block.index):
        of_frame = people[block.first[row] : block.first[row + 1]]
        values = (block.time[row], of_frame.score, of_frame.xyxy, of_frame.keypoints)
        if not all(np.isfinite(each).all() for each in values):
            raise InputError(
                f"frame {index} holds a number that is not finite, which JSON cannot say. Look for what made it, "
                "or write .parquet or .csv"
            )


def _people_texts(people: Poses) -> list[bytes]:
    shape = people.keypoints.shape[:2]
    keypoints = people.keypoints.astype(np.float64)
    points = np.concatenate(
        [
            fixed_texts(shape, b"["),
            decimal_texts(keypoints[..., 0], PIXEL_DECIMALS, b","),
            decimal_texts(keypoints[..., 1], PIXEL_DECIMALS, b","),
            decimal_texts(keypoints[..., 2], SCORE_DECIMALS, b"],"),
        ],
        axis=-1,
    )
    xyxy = people.xyxy.astype(np.float64)
    rows = (len(people),)
    texts = lines(
        fixed_texts(rows, b'{"track_id":'),
        integer_texts(people.track_id, b',"score":'),
        decimal_texts(people.score.astype(np.float64), SCORE_DECIMALS, b',"box":['),
        decimal_texts(xyxy[:, :3], PIXEL_DECIMALS, b","),
        decimal_texts(xyxy[:, 3], PIXEL_DECIMALS, b'],"keypoints":['),
        points,
    )
    if people.source is None or not people.source.any():
        return [text.removesuffix(b",") + b"]}" for text in texts]
    ends = map(source_text, people.source, pose_source(people.source))
    return [text.removesuffix(b",") + b"]" + end + b"}" for text, end in zip(texts, ends, strict=True)]


def source_text(source: U8, of_pose: int) -> bytes:
    """Write where a pose and its K keypoints come from; nothing where all are seen, as most are."""
    if not source.any():
        return b""
    text = f',"source":"{SOURCES[of_pose]}"'
    if (source != of_pose).any():
        text += ',"keypoint_source":[' + ",".join(f'"{SOURCES[each]}"' for each in source.tolist()) + "]"
    return text.encode()


def read(texts: Sequence[bytes], num_keypoints: int) -> Block:
    """Read lines that hold a frame each.

    Args:
        texts: lines, possibly with a comma and a line break at their end.
        num_keypoints: of the skeleton.

    Raises:
        IrregularError: read them one by one, and say what is wrong where something is.
    """
    whole = b"\n".join(text.rstrip(b",\r\n ") for text in texts)
    try:
        table = pa_json.read_json(
            pa.BufferReader(whole),
            pa_json.ReadOptions(use_threads=False, block_size=len(whole) + 1),
            pa_json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowException as error:
        raise IrregularError from error
    if table.num_rows != len(texts):
        raise IrregularError
    index, time, people = (_whole(table[name].combine_chunks()) for name in _SCHEMA.names)
    lengths = pc.list_value_length(people).to_numpy()
    person = _whole(people.flatten())
    track_id, score, box, points = (_whole(person.field(name)) for name in ("track_id", "score", "box", "keypoints"))
    source = _sources(person.field("source"), person.field("keypoint_source"), num_keypoints)
    return Block(
        index.to_pylist(),
        time.to_pylist(),
        [0, *np.cumsum(lengths, dtype=np.int64).tolist()],
        Poses(
            _numbers(_entries(points, num_keypoints), 3).reshape(len(person), num_keypoints, 3),
            np.asarray(score).astype(np.float32),
            _numbers(box, 4),
            np.asarray(track_id),
            source=source,
        ),
    )


def _sources(of_pose: pa.Array, of_keypoint: pa.ListArray, num_keypoints: int) -> U8 | None:
    """Read where people and their keypoints come from, (N, K); None where the lines do not say."""
    if of_pose.null_count == len(of_pose) and of_keypoint.null_count == len(of_keypoint):
        return None
    whole = _numbers_of(of_pose.fill_null(SOURCES[SEEN]))
    out = np.repeat(whole[:, None], num_keypoints, axis=1)
    rows = np.flatnonzero(of_keypoint.is_valid())
    listed = of_keypoint.take(pa.array(rows))
    out[rows] = _numbers_of(_entries(listed, num_keypoints)).reshape(len(rows), num_keypoints)
    return out


def _numbers_of(words: pa.StringArray) -> U8:
    return np.asarray(_whole(pc.index_in(words, pa.array(SOURCES)))).astype(np.uint8)


def _whole(array: pa.Array) -> pa.Array:
    """Return the array back, none of whose entries may be missing."""
    if array.null_count:
        raise IrregularError
    return array


def _entries(lists: pa.ListArray, length: int) -> pa.Array:
    """Return the entries of lists of one length, one after the other."""
    if len(lists) and pc.any(pc.not_equal(pc.list_value_length(lists), length)).as_py():
        raise IrregularError
    return _whole(lists.flatten())


def _numbers(lists: pa.ListArray, length: int) -> F32:
    """Return lists of numbers of one length as (rows, length)."""
    return np.asarray(_entries(lists, length)).astype(np.float32).reshape(-1, length)
