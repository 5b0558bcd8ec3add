"""Track a saved result again: the half of the pipeline behind the journal, from file to file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import get_args

from videopose.config import Options, merge, parse_overrides, validate
from videopose.errors import DatasetError, InputError, UnknownNameError, nearest_name
from videopose.io.result import ResultHeader
from videopose.io.results import StoredResult, check_suffix, read_result, write_result
from videopose.io.shots_file import read_shots
from videopose.skeletons import Skeleton
from videopose.stages.shots import GivenShots
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.options import SmoothingOptions, TrackerName, TrackerOptions
from videopose.types import UNTRACKED, Record
from videopose.workflows.keep_ids import tracked_with_ids
from videopose.workflows.outputs import check_output


class RetrackOptions(Options):
    """What happens to poses once they are known; the same sections as in a pipeline."""

    tracker: TrackerOptions = TrackerOptions.model_validate({})
    smoothing: SmoothingOptions = SmoothingOptions.model_validate({})


def retrack_options(tracker: str | None, overrides: Iterable[str]) -> RetrackOptions:
    """Build options from a tracker's name and `key=value` overrides.

    Raises:
        UnknownNameError: no tracker has that name.
        ConfigError: an override is wrong.
    """
    values = parse_overrides(overrides)
    if tracker is not None:
        known = get_args(TrackerName)
        if tracker not in known:
            raise UnknownNameError(f"no tracker is named {tracker!r}. {nearest_name(tracker, known)}")
        values = merge({"tracker": {"name": tracker}}, values)
    return validate(RetrackOptions, values, source="--set")


@dataclass
class _Tally:
    """Counts what passes through."""

    people: int = 0
    ids: set[int] | None = None

    def __call__(self, records: Iterable[Record]) -> Iterator[Record]:
        seen: set[int] = set()
        for record in records:
            if record.poses is not None:
                self.people += len(record.poses)
                seen.update(record.poses.track_id.tolist())
            yield record
        self.ids = seen


def check_saved(source: Path, options: RetrackOptions) -> None:
    """Check that a result can be tracked as asked: poses are saved, images are not.

    Raises:
        InputError: something would have to be measured in the images.
    """
    measured = options.tracker.features.measured
    if measured:
        settings = [f"--set tracker.name={options.tracker.name}", *(_setting(name, options) for name in measured)]
        raise InputError(
            f"{source}: saved poses hold no images, in which tracker.features.{measured[0]} would be measured; "
            f"run the video again with {' '.join(settings)}"
        )


def _setting(name: str, options: RetrackOptions) -> str:
    value = getattr(options.tracker.features, name)
    return f"--set tracker.features.{name}={str(value).lower()}"


def known_shots(header: ResultHeader, choice: str) -> tuple[int, ...]:
    """Return where shots begin.

    Args:
        header: of the result; it says where `videopose run` has found other scenes.
        choice: `tracker.shots`: auto takes these, off none, and a file has a list of its own.

    Raises:
        DatasetError: the file cannot be read, or what the header says is no list of frames.
    """
    if choice not in ("auto", "off"):
        return read_shots(Path(choice))
    found = header.provenance.get("shots", []) if choice == "auto" else []
    if not isinstance(found, list) or not all(isinstance(start, int) for start in found) or found != sorted(found):
        raise DatasetError(f"{header.video.path}: shots = {found!r} in the result's provenance is no list of frames")
    return tuple(found)


def _check_locked(stored: StoredResult, locked: Sequence[int]) -> None:
    """Raise `InputError` unless somebody has each id that is to be locked."""
    if not locked:
        return
    known = {int(each) for record in stored if record.poses is not None for each in record.poses.track_id}
    wrong = [each for each in locked if each not in known or each < 0]
    if wrong:
        shown = ", ".join(map(str, sorted(known - {UNTRACKED})[:20])) or "none"
        raise InputError(f"{stored.path}: nobody has the id {wrong[0]} that is to be locked. Known: {shown}")


def retrack_records(records: Iterable[Record], options: RetrackOptions, skeleton: Skeleton) -> Iterator[Record]:
    """Track and clean a stream of poses."""
    return TrackAndSmooth(options.tracker, options.smoothing, skeleton)(records)


def retrack(
    source: Path, target: Path, options: RetrackOptions, *, overwrite: bool = False, keep_ids: bool = False,
    locked: Sequence[int] = (),
) -> str:  # fmt: skip
    """Track a result again and write it.

    Args:
        source: a result; its ids are ignored but for what the last two arguments say.
        target: where to write.
        options: tracker and smoothing.
        overwrite: replace a finished result.
        keep_ids: call people as the source does, where they overlap (`tracking.kept_ids`).
        locked: ids of people who keep all their poses and their ids: they take no part in the tracking.

    Returns:
        A sentence for the user.

    Raises:
        InputError: the target exists, is the source, or has no known suffix, the tracker needs images, or nobody has
            an id that is locked.
        DatasetError: the source is not a result.
    """
    check_saved(source, options)
    check_suffix(target)
    check_output(target, (source,), overwrite=overwrite)
    stored = read_result(source)
    shots = known_shots(stored.header, options.tracker.shots)
    _check_locked(stored, locked)
    facts = {**stored.header.provenance, "retracked": options.model_dump(mode="json"), "shots": list(shots)}
    if not shots:
        del facts["shots"]
    if keep_ids or locked:
        facts["ids_kept"] = {"keep_ids": keep_ids, "locked": sorted(locked)}
    header = replace(stored.header, provenance=facts)
    tally = _Tally()
    with write_result(target, header) as writer:
        again = partial(retrack_records, options=options, skeleton=stored.header.skeleton)
        records = GivenShots(shots)(stored)
        if keep_ids or locked:
            tracked = tracked_with_ids(records, again, locked=frozenset(locked), by_overlap=keep_ids)
        else:
            tracked = again(records)
        for record in tally(tracked):
            writer.write(record)
    return f"{len(tally.ids or ())} people in {tally.people} poses, tracked by {options.tracker.name}"
