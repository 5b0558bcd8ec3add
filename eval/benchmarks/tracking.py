"""Measure trackers on simulated detections of real trajectories, ours and public ones on the same input.

    python -m videopose.eval.benchmarks.tracking --truth TRACKS.json --out results/tracking.json --public

Every third video is held out: settings were chosen there, and the others are reported.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import get_args

import numpy as np

from videopose.data.detection_noise import LEVELS, DetectedVideo, Level, simulate
from videopose.data.true_videos import SKELETON, TrueVideo, read_truth, split, thin
from videopose.skeletons import Skeleton
from videopose.stages.track import TrackPoses
from videopose.tracking.options import TrackerName
from videopose.types import Frame, Poses, Record
from videopose.workflows.retrack import RetrackOptions, retrack_options, retrack_records

from ..protocols.tracking_scoring import (
    TrackingCounts,
    TrueFrame,
    count_video,
    total,
)
from .public_trackers import PUBLIC, BoxTracker

SEEDS = (0, 1)

Method = Callable[[DetectedVideo], list[Poses]]
"""Tracks one video and gives the people of every frame."""


@dataclass(frozen=True)
class Row:
    """One tracker at one noise level.

    Attributes:
        tracker: name.
        level: name of the noise level.
        numbers: as `TrackingCounts.numbers`, counts summed over seeds.
        ap_change: AP minus that of the input, in points.
        poses_per_second: on one core, of this machine.
    """

    tracker: str
    level: str
    numbers: dict[str, float]
    ap_change: float
    poses_per_second: float


def records_of(video: DetectedVideo) -> Iterator[Record]:
    """Convert detections to the stream a tracker gets."""
    for number, (seconds, poses) in enumerate(zip(video.truth.time.tolist(), video.poses, strict=True)):
        yield Record(Frame(number, seconds, None), poses=poses)


def tracker_only(options: RetrackOptions, skeleton: Skeleton = SKELETON) -> Method:
    """Track without cleaning."""

    def run(video: DetectedVideo) -> list[Poses]:
        return _people(TrackPoses(options.tracker, skeleton)(records_of(video)))

    return run


def tracker_and_smoothing(options: RetrackOptions, skeleton: Skeleton = SKELETON) -> Method:
    """Track and clean, as `videopose run` does."""

    def run(video: DetectedVideo) -> list[Poses]:
        return _people(retrack_records(records_of(video), options, skeleton))

    return run


def box_tracker(create: Callable[[], BoxTracker]) -> Method:
    """Run a public tracker on the boxes; people it gives no id to are left out, as ours are."""

    def run(video: DetectedVideo) -> list[Poses]:
        step = create()
        tracked = [replace(poses, track_id=step(poses)) for poses in video.poses]
        return [poses[poses.track_id >= 0] for poses in tracked]

    return run


def _people(records: Iterator[Record]) -> list[Poses]:
    return [record.poses for record in records if record.poses is not None]


def count(video: DetectedVideo, tracked: Sequence[Poses]) -> TrackingCounts:
    """Score one video."""
    truth = zip(video.truth.track, video.truth.keypoints, video.truth.xyxy, strict=True)
    return count_video([TrueFrame(*frame) for frame in truth], tracked, SKELETON)


def measure(name: str, method: Method, level: str, videos: Sequence[DetectedVideo]) -> Row:
    """Run one tracker over videos, time it and score it."""
    started = time.process_time()
    tracked = [method(video) for video in videos]
    seconds = time.process_time() - started
    people = sum(len(poses) for video in videos for poses in video.poses)
    numbers = total(count(video, poses) for video, poses in zip(videos, tracked, strict=True)).numbers()
    before = total(count(video, video.poses) for video in videos).numbers()["AP"]
    return Row(name, level, numbers, numbers["AP"] - before, people / seconds)


def methods(names: Sequence[str], *, public: bool) -> dict[str, Method]:
    """Collect what is measured: our trackers without cleaning, the whole default, and the public ones."""
    found: dict[str, Method] = {name: tracker_only(retrack_options(name, ())) for name in names}
    found["default (whole-video + smoothing)"] = tracker_and_smoothing(retrack_options(None, ()))
    if public:
        found |= {name: box_tracker(create) for name, (create, _) in PUBLIC.items()}
    return found


def frame_rate_change(videos: Sequence[TrueVideo], method: Method, level: Level) -> tuple[float, float]:
    """Return HOTA on all frames, and on every second frame, of the same videos."""
    scores = []
    for every in (1, 2):
        simulated = [simulate(thin(video, every), level, seed) for video in videos for seed in SEEDS]
        scores.append(total(count(each, method(each)) for each in simulated).numbers()["HOTA"])
    return scores[0], scores[1]


def _versions() -> dict[str, str]:
    packages = {package for _, package in PUBLIC.values()} | {"numpy", "scipy", "videopose"}
    installed = {distribution.metadata["Name"] for distribution in metadata.distributions()}
    return {package: metadata.version(package) for package in sorted(packages) if package in installed}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--truth", type=Path, required=True, help="annotated tracks (bonn_train.json)")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--public", action="store_true", help="also measure the public trackers")
    parser.add_argument("--chosen-on", action="store_true", help="measure on the videos settings were chosen on")
    parser.add_argument("--trackers", default=",".join(get_args(TrackerName)), help="comma separated names")
    options = parser.parse_args(arguments)
    reported, chosen_on = split(read_truth(options.truth))
    videos = chosen_on if options.chosen_on else reported
    rows = []
    for level, faults in LEVELS.items():
        simulated = [simulate(video, faults, seed) for seed in SEEDS for video in videos]
        for name, method in methods(options.trackers.split(","), public=options.public).items():
            row = measure(name, method, level, simulated)
            rows.append(row)
            sys.stderr.write(f"{level} {name}: " + _line(row) + "\n")
    default = tracker_and_smoothing(retrack_options(None, ()))
    full, halved = frame_rate_change(videos, default, LEVELS["low"])
    document = {
        "videos": [video.name for video in videos],
        "seeds": list(SEEDS),
        "machine": platform.processor() or platform.machine(),
        "versions": _versions(),
        "levels": {name: vars(level) for name, level in LEVELS.items()},
        "hota_all_frames": round(full, 2),
        "hota_every_second_frame": round(halved, 2),
        "rows": [
            {
                "tracker": row.tracker,
                "level": row.level,
                **{key: round(value, 2) for key, value in row.numbers.items()},
                "AP_change": round(row.ap_change, 2),
                "poses_per_second": round(row.poses_per_second),
            }
            for row in rows
        ],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _line(row: Row) -> str:
    shown = " ".join(f"{key} {np.round(value, 1)}" for key, value in row.numbers.items())
    return f"{shown} AP change {row.ap_change:+.1f}, {row.poses_per_second:.0f} poses/s"


if __name__ == "__main__":
    main()
