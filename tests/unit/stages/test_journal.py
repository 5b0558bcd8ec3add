"""What is kept outlives a kill, and going on gives what an unbroken run gives."""

import errno
import threading
from dataclasses import replace

import numpy as np
import pytest
from builders import assert_same_records, some_poses, some_records
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import ConfigError, VideoPoseError
from videopose.io.journal_store import JournalStore, difference
from videopose.skeletons import skeleton_named
from videopose.stages.journal import Journal
from videopose.stages.pipeline import (
    Pipeline,
    Prefetch,
    TemporalContext,
    batched,
    windows,
)
from videopose.tracking.track_table import collect
from videopose.types import Gap, TrackingFeatures

IDENTITY = {"video": "clip.mp4", "config": {"pose": {"flip_test": True}}}


class Networks:
    """Stands for networks: looks at neighbours, works in batches, and counts what it was given."""

    def __init__(self, before=0, after=0, batch=4):
        self.before, self.after, self.batch = before, after, batch
        self.seen = []

    def __call__(self, records):
        for batch in batched(windows(records, before=self.before, after=self.after), self.batch):
            for window in batch:
                self.seen.append(window.center.frame.index)
                neighbours = [*window.past, window.center, *window.future]
                seed = sum((k + 1) * record.frame.index for k, record in enumerate(neighbours)) + 1000 * len(batch)
                yield replace(window.center, poses=some_poses(2, seed=seed))


class Counting(Networks):
    """Counts how often it is given a stream."""

    calls = 0

    def __call__(self, records):
        self.calls += 1
        return super().__call__(records)


def journal(folder, networks, chunk=8, identity=IDENTITY):
    store = JournalStore(folder, identity)
    return Journal(networks, store, TemporalContext(networks.before, networks.after), chunk=chunk)


def test_records_pass_through_and_come_back_from_disk(tmp_path):
    records = some_records(20, gap_before=7)
    stage = Journal(iter, JournalStore(tmp_path / "j", IDENTITY), chunk=8)

    first = list(stage(records))
    again = list(JournalStore(tmp_path / "j", IDENTITY))

    assert_same_records(first, records)
    assert_same_records(again, records)
    assert again[0].detections is not None


def test_a_record_nobody_has_looked_at_stays_so(tmp_path):
    list(Journal(iter, JournalStore(tmp_path / "j", IDENTITY))(some_records(2, with_poses=False)))

    again = list(JournalStore(tmp_path / "j", IDENTITY))

    assert [(record.poses, record.detections) for record in again] == [(None, None)] * 2


@given(stop=st.integers(0, 29), before=st.integers(0, 3), after=st.integers(0, 3), ahead=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_going_on_gives_what_an_unbroken_run_gives(tmp_path_factory, stop, before, after, ahead):
    tmp_path = tmp_path_factory.mktemp("journal")
    records = some_records(30, with_poses=False)
    whole = list(journal(tmp_path / "whole", Networks(before, after))(records))

    broken = journal(tmp_path / "broken", Networks(before, after))(records)
    for _ in range(stop):
        next(broken)
    broken.close()
    stage = journal(tmp_path / "broken", Networks(before, after))
    begin = max(0, stage.store.next_index - before - ahead)
    resumed = list(stage(records[begin:]))

    assert_same_records(resumed, whole)


@given(stop=st.integers(0, 29), window=st.integers(1, 11))
@settings(max_examples=20, deadline=None)
def test_networks_that_look_at_windows_run_on_over_the_chunks(tmp_path_factory, stop, window):
    tmp_path = tmp_path_factory.mktemp("journal")
    records = some_records(30, with_poses=False)

    def stage(name):
        store = JournalStore(tmp_path / name, IDENTITY)
        return Journal(Counting(batch=window), store, TemporalContext(window=window, is_closed=True), chunk=8)

    unbroken = stage("whole")
    whole = list(unbroken(records))
    broken = stage("broken")(records)
    for _ in range(stop):
        next(broken)
    broken.close()
    again = stage("broken")

    assert_same_records(list(again(records)), whole)
    assert_same_records(whole, list(Networks(batch=window)(records)))
    assert again.store.next_index == 30
    assert unbroken.networks.calls == 1


def test_kept_frames_are_not_computed_again(tmp_path):
    records = some_records(30, with_poses=False)
    broken = journal(tmp_path / "j", Networks())(records)
    for _ in range(20):
        next(broken)
    broken.close()

    networks = Networks()
    list(journal(tmp_path / "j", networks)(records))

    assert networks.seen == list(range(16, 30))


def test_networks_with_a_thread_of_their_own_give_the_same(tmp_path):
    records = some_records(30, with_poses=False)
    plain = list(journal(tmp_path / "plain", Networks(before=2, after=3))(records))
    networks = Networks(before=2, after=3)
    threaded = Pipeline((Prefetch(5), networks, Prefetch(5)))

    stage = Journal(threaded, JournalStore(tmp_path / "threaded", IDENTITY), TemporalContext(2, 3), chunk=8)

    assert_same_records(list(stage(iter(records))), plain)
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_the_store_knows_where_the_neighbours_of_the_next_frame_begin(tmp_path):
    records = [record for record in some_records(20, with_poses=False) if record.frame.index != 14]
    list(journal(tmp_path / "j", Networks(), chunk=4)(records[:16]))
    store = JournalStore(tmp_path / "j", IDENTITY)

    assert store.next_index == 17
    assert [store.index_before(count) for count in (0, 1, 3, 6, 16, 17)] == [17, 16, 13, 10, 0, 0]


def test_a_complete_journal_reads_no_video(tmp_path):
    stage = journal(tmp_path / "j", Networks())
    list(stage(some_records(5, with_poses=False)))
    stage.store.finish([Gap(5, 6, 0.2, 0.28, "lost")])

    def nothing():
        raise AssertionError("the video was read")
        yield

    store = JournalStore(tmp_path / "j", IDENTITY)

    assert len(list(Journal(Networks(), store)(nothing()))) == 5
    assert store.gaps() == [Gap(5, 6, 0.2, 0.28, "lost")]


def test_another_setting_is_noticed(tmp_path):
    list(journal(tmp_path / "j", Networks())(some_records(5)))
    changed = {"video": "clip.mp4", "config": {"pose": {"flip_test": False}}}

    with pytest.raises(ConfigError, match=r"other settings: config\.pose\.flip_test was true and is false.*--restart"):
        JournalStore(tmp_path / "j", changed)


def test_a_damaged_chunk_and_what_follows_it_are_computed_again(tmp_path):
    records = some_records(30, with_poses=False)
    whole = list(journal(tmp_path / "j", Networks())(records))
    (tmp_path / "j" / "000001.arrow").write_bytes(b"half a chunk")

    stage = journal(tmp_path / "j", Networks())

    assert stage.store.next_index == 8
    assert_same_records(list(stage(records[8:])), whole)


def test_a_full_disk_is_one_line_and_keeps_what_is_done(tmp_path, monkeypatch):
    records = some_records(30, with_poses=False)
    stage = journal(tmp_path / "j", Networks())
    stream = stage(records)
    for _ in range(9):
        next(stream)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(VideoPoseError, match=r"No space left on device.*the 8 frames done so far are kept") as caught:
        list(stream)

    assert "\n" not in str(caught.value)
    assert JournalStore(tmp_path / "j", IDENTITY).next_index == 8
    assert [path.name for path in (tmp_path / "j").glob("*.part")] == []


def test_a_removed_journal_is_gone(tmp_path):
    stage = journal(tmp_path / "j", Networks())
    list(stage(some_records(5)))

    stage.store.remove()

    assert not (tmp_path / "j").exists()
    assert stage.store.next_index == 0


def test_numbers_survive_to_the_last_bit(tmp_path):
    records = some_records(9)
    list(Journal(iter, JournalStore(tmp_path / "j", IDENTITY), chunk=2)(records))

    for kept, record in zip(JournalStore(tmp_path / "j", IDENTITY), records, strict=True):
        assert np.array_equal(kept.poses.keypoints, record.poses.keypoints)
        assert kept.frame.time == record.frame.time


def test_poses_get_their_skeleton_back(tmp_path):
    coco = skeleton_named("coco17")
    records = [replace(record, poses=replace(record.poses, skeleton=coco)) for record in some_records(3)]
    list(Journal(iter, JournalStore(tmp_path / "j", IDENTITY))(records))

    kept = list(JournalStore(tmp_path / "j", IDENTITY, skeleton=coco))

    assert all(record.poses.skeleton is coco for record in kept)
    assert all(record.poses.skeleton is coco for record in collect(kept).records())


def test_what_a_tracker_took_from_the_pixels_is_kept(tmp_path):
    camera = np.eye(3) + 0.1
    features = [
        None,
        TrackingFeatures(),
        TrackingFeatures(
            camera, (np.ones((3, 17, 2), np.float32), np.zeros((0, 17, 2), np.float32)), np.ones((2, 5), np.float32)
        ),
        TrackingFeatures(appearance=np.zeros((0, 5), np.float32)),
    ]
    records = [replace(some_records(9)[k], features=cue) for k, cue in zip((0, 1, 2, 6), features, strict=True)]
    list(Journal(iter, JournalStore(tmp_path / "j", IDENTITY))(records))

    kept = [record.features for record in JournalStore(tmp_path / "j", IDENTITY)]

    assert kept[0] is None
    assert (kept[1].camera, kept[1].propagated, kept[1].appearance) == (None, (), None)
    np.testing.assert_array_equal(kept[2].camera, camera)
    assert [rows.shape for rows in kept[2].propagated] == [(3, 17, 2), (0, 17, 2)]
    assert kept[3].appearance.shape[0] == 0


def test_differences_are_named_by_their_path():
    assert difference({"a": 1, "b": {"c": [1]}}, {"b": {"c": [2]}, "d": None}) == [
        "a was 1 and is null",
        "b.c was [1] and is [2]",
    ]
