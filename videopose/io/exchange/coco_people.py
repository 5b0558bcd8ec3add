"""Which entries of a COCO file are people: the category that is taken, and what is said of those left out."""

from __future__ import annotations

import logging
from collections import Counter

from videopose.io.exchange.cursor import Cursor
from videopose.skeletons import SKELETONS, Skeleton, make_skeleton

_log = logging.getLogger(__name__)

_HALPE = 26
PERSON = 1
"""COCO's number for people, where a file has no names."""

_ALIASES = {"neck": "head_bottom", "head": "head_top", "top_head": "head_top"}  # CrowdPose's names, and Halpe's
_BY_COUNT = {
    133: "wholebody133",
    26: "halpe26",
    17: "coco17",
    14: "crowdpose14",
    19: "body19",
    15: "posetrack15",
    16: "mpii16",
    13: "penn13",
}


def annotated_people(top: Cursor) -> tuple[list[Cursor], Skeleton, int | None]:
    """Choose the people of an annotation file and leave out what is not of their category, which is said.

    Of the categories with keypoints the one named `person` is taken, else the one most entries have; without any
    keypoints likewise among all. An entry without a category is a person.

    Returns:
        The entries, the skeleton of their keypoints, and the number of their category; None if there are none.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    entries = list(top.key("annotations").items())
    kinds = [category_of(entry) for entry in entries]
    listed = top.get("categories")
    categories = {each.key("id").integer(): each for each in ([] if listed is None else listed.items())}
    count = Counter(kind for kind in kinds if kind is not None)
    posed = {kind for entry, kind in zip(entries, kinds, strict=True) if _has_keypoints(entry)}
    posed |= {number for number, each in categories.items() if _has_keypoints(each)}
    chosen = _chosen([number for number in categories if number in posed] or list(categories), categories, count)
    kept = [entry for entry, kind in zip(entries, kinds, strict=True) if chosen is None or kind in (None, chosen)]
    _say_left_out(top, {kind: n for kind, n in count.items() if chosen is not None and kind != chosen}, categories)
    return kept, _skeleton(categories.get(chosen) if chosen is not None else None, kept), chosen


def listed_people(top: Cursor, category: int | None) -> list[Cursor]:
    """Choose the people of a result list, which has numbers of categories but no names.

    Args:
        top: the parsed list.
        category: the number for people in the ground truth, if there is one. Without, it is 1; where nothing is of
            category 1, the one most entries with keypoints have.

    Raises:
        DatasetError: the file is not of this format; the entry is named.
    """
    entries = list(top.items())
    kinds = [category_of(entry) for entry in entries]
    if category is None:
        posed = Counter(k for e, k in zip(entries, kinds, strict=True) if k is not None and _has_keypoints(e))
        category = posed.most_common(1)[0][0] if posed and PERSON not in kinds else PERSON
    count = Counter(kind for kind in kinds if kind is not None and kind != category)
    if count:
        _log.warning(
            "%s: %d of %d entries are left out: people are category %d, these are %s",
            *(top.file, sum(count.values()), len(entries), category, _numbered(count, {})),
        )
    return [entry for entry, kind in zip(entries, kinds, strict=True) if kind is None or kind == category]


def skeleton_by_count(listed: Cursor) -> Skeleton:
    """Find a skeleton by how many keypoints a person has; one of no known number gets keypoints by number.

    Raises:
        DatasetError: these are not three numbers per keypoint.
    """
    if not isinstance(listed.value, list) or len(listed.value) % 3 or not listed.value:
        count = len(listed.value) if isinstance(listed.value, list) else "no"
        listed.fail(f"has {count} entries; three per keypoint are needed")
    keypoints = len(listed.value) // 3
    if keypoints in _BY_COUNT:
        return SKELETONS[_BY_COUNT[keypoints]]
    return make_skeleton(f"file{keypoints}", [f"keypoint_{number}" for number in range(keypoints)], [])


def category_of(entry: Cursor) -> int | None:
    """Return the number of an entry's category, None if it has none."""
    kind = entry.get("category_id")
    return None if kind is None else kind.integer()


def _has_keypoints(entry: Cursor) -> bool:
    listed = entry.get("keypoints")
    return listed is not None and listed.value != []


def _chosen(candidates: list[int], categories: dict[int, Cursor], count: Counter[int]) -> int | None:
    if not candidates:
        return None
    named = [number for number in candidates if _name(categories[number]).lower() == "person"]
    return named[0] if named else max(candidates, key=lambda number: count[number])


def _name(category: Cursor) -> str:
    name = category.get("name")
    return name.value if name is not None and isinstance(name.value, str) else ""


def _skeleton(category: Cursor | None, people: list[Cursor]) -> Skeleton:
    listed = None if category is None else category.get("keypoints")
    if listed is None or listed.value == []:
        posed = next((entry.key("keypoints") for entry in people if _has_keypoints(entry)), None)
        return make_skeleton("boxes", [], []) if posed is None else skeleton_by_count(posed)
    names = tuple(_ALIASES.get(each.text(), each.text()) for each in listed.items())
    if len(names) == _HALPE:
        names = tuple("pelvis" if name == "hip" else name for name in names)
    for skeleton in SKELETONS.values():
        if skeleton.keypoints == names:
            return skeleton
    if len(set(names)) != len(names):
        listed.fail("names a keypoint twice")
    return make_skeleton(f"file{len(names)}", list(names), [])


def _say_left_out(top: Cursor, count: dict[int, int], categories: dict[int, Cursor]) -> None:
    if count:
        _log.warning(
            "%s: %d entries that are no people are left out: %s",
            *(top.file, sum(count.values()), _numbered(count, categories)),
        )


def _numbered(count: dict[int, int] | Counter[int], categories: dict[int, Cursor]) -> str:
    def named(number: int) -> str:
        name = _name(categories[number]) if number in categories else ""
        return f"category {number} ({name})" if name else f"category {number}"

    return ", ".join(f"{n} of {named(number)}" for number, n in sorted(count.items()))
