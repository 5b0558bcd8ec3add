"""What the header of somebody's result says must be what the schema allows: it travels into results made of it."""

from __future__ import annotations

from typing import Any

from videopose.io.exchange.cursor import Cursor

_TURNS = (0, 90, 180, 270)


def check_facts(facts: dict[str, Any], source: str) -> None:  # Any: whatever JSON holds
    """Check the values of a header whose keys are there.

    Args:
        facts: the JSON object.
        source: the file, for messages.

    Raises:
        DatasetError: a value is out of the schema's range; the way to it is named.
    """
    top = Cursor(source, "", facts)
    video = top.key("video")
    for name in ("width", "height", "frames"):
        _whole(video.get(name))
    duration = video.get("duration")
    if duration is not None and duration.number() < 0:
        duration.fail(f"is {duration.value}; a duration is not negative")
    rotation = video.key("rotation")
    if rotation.integer() not in _TURNS:
        rotation.fail(f"is {rotation.value}; {', '.join(map(str, _TURNS))} are possible")
    names = [name.text() for name in top.key("skeleton").key("keypoints").items()]
    if len(set(names)) < len(names):
        top.key("skeleton").key("keypoints").fail("names a keypoint twice")
    for gap in top.key("gaps").items():
        first, last = (_whole(gap.key(end)) for end in ("first", "last"))
        if last < first:
            gap.fail(f"ends with frame {last}, before its first frame {first}")
        gap.key("start").number()
        gap.key("end").number()
        gap.key("reason").text()


def _whole(value: Cursor | None) -> int:
    if value is None:
        return 0
    if value.integer() < 0:
        value.fail(f"is {value.value}; a number from 0 on is needed")
    return value.integer()
