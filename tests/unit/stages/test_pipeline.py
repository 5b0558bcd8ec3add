"""Pipelines, batches, windows and running ahead."""

import threading
import time

import pytest
import torch
from builders import some_records
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import InputError, VideoError
from videopose.stages.concurrency import map_concurrently, prefetch
from videopose.stages.pipeline import (
    DropImages,
    Pipeline,
    Prefetch,
    ToDevice,
    batched,
    run,
    windows,
)


class Failing:
    def __call__(self, records):
        for record in records:
            if record.frame.index == 3:
                raise VideoError("clip.mp4: the disk is gone")
            yield record


@given(st.lists(st.integers(), max_size=20), st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_batches_hold_every_item_once_in_order(items, size):
    batches = list(batched(items, size))

    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) == size for batch in batches[:-1])


def test_a_batch_of_zero_is_an_error():
    with pytest.raises(InputError, match="batch size 0"):
        next(batched([1], 0))


@given(st.integers(0, 12), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_a_window_holds_the_neighbours_there_are(count, before, after):
    found = list(windows(range(count), before=before, after=after))

    assert [window.center for window in found] == list(range(count))
    for k, window in enumerate(found):
        assert window.past == tuple(range(max(0, k - before), k))
        assert window.future == tuple(range(k + 1, min(count, k + 1 + after)))


@given(st.lists(st.integers(), max_size=12), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_overlapped_work_answers_in_order(items, at_once):
    def work(item):
        time.sleep(0.001 * (item % 3))
        return item, item * 2

    assert list(map_concurrently(work, items, at_once)) == [(item, item * 2) for item in items]


def test_as_many_items_are_under_way_as_asked_for():
    together = threading.Barrier(3, timeout=20)

    assert list(map_concurrently(lambda item: (together.wait(), item)[1], range(6), at_once=3)) == list(range(6))


def test_overlapped_work_pulls_no_more_than_it_does_at_once():
    pulled = []
    stream = map_concurrently(str, (pulled.append(k) or k for k in range(20)), at_once=3)

    assert (next(stream), pulled) == ("0", [0, 1, 2])
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("overlapped")]


def test_an_error_of_overlapped_work_comes_in_its_place():
    def work(item):
        if item == 2:
            raise VideoError("clip.mp4: the disk is gone")
        return item

    stream = map_concurrently(work, range(9), at_once=2)

    assert [next(stream), next(stream)] == [0, 1]
    with pytest.raises(VideoError, match="the disk is gone"):
        next(stream)


def test_nothing_at_once_is_an_error():
    with pytest.raises(InputError, match="0 items at once: give 1 or more"):
        next(map_concurrently(str, [1], at_once=0))


def test_running_ahead_changes_nothing():
    assert list(prefetch(range(50), depth=3)) == list(range(50))


def test_running_ahead_is_bounded():
    pulled = []

    def source():
        for k in range(100):
            pulled.append(k)
            yield k

    stream = prefetch(source(), depth=4)
    next(stream)
    time.sleep(0.1)

    assert len(pulled) <= 6  # one given, four ready, one at hand
    stream.close()


def test_an_error_in_the_thread_arrives_in_its_place():
    def source():
        yield 1
        raise VideoError("clip.mp4: broken")

    stream = prefetch(source(), depth=4)

    assert next(stream) == 1
    with pytest.raises(VideoError, match=r"clip\.mp4: broken"):
        next(stream)


def test_stopping_early_closes_the_source_and_ends_the_thread():
    closed = threading.Event()

    def source():
        try:
            yield from range(1000)
        finally:
            closed.set()

    stream = prefetch(source(), depth=2)
    next(stream)
    stream.close()

    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_the_thread_starts_only_when_somebody_asks():
    prefetch(iter([1]), depth=1)

    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_a_depth_of_zero_is_an_error():
    with pytest.raises(InputError, match="prefetch depth 0"):
        next(prefetch([1], depth=0))


def test_an_error_gets_one_note_from_the_stage_it_arose_in():
    pipeline = Pipeline((DropImages(), Failing(), DropImages()), video="clip.mp4")

    with pytest.raises(VideoError) as caught:
        run(pipeline, some_records(6))

    assert caught.value.__notes__ == ["in Failing, after frame 2 of clip.mp4"]


def test_an_error_of_the_source_is_noted_as_reading():
    pipeline = Pipeline((DropImages(),))

    with pytest.raises(VideoError) as caught:
        run(pipeline, Failing()(some_records(6)))

    assert caught.value.__notes__ == ["in reading, after frame 2"]


def test_other_errors_get_no_note():
    def broken(records):
        yield from ()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        run(Pipeline((broken,)), [])

    assert not hasattr(caught.value, "__notes__")


def test_run_counts_what_came_out():
    assert run(Pipeline((Prefetch(2), DropImages())), some_records(5)) == 5


def test_images_go_to_the_device_and_away():
    records = some_records(2, with_image=True)

    moved = list(ToDevice(torch.device("cpu"))(records))
    dropped = list(DropImages()(moved))

    assert moved[1].frame.image.device.type == "cpu"
    assert [record.frame.image for record in dropped] == [None, None]
    assert records[0].frame.image is not None


def test_what_went_wrong_is_not_hidden_by_a_stage_that_still_reads_ahead():
    def slowly():
        for record in some_records(9):
            time.sleep(0.05)  # so the thread of `Prefetch` stands in the source when the stage behind it fails
            yield record

    def breaks(records):
        for _ in records:
            raise InputError("the network broke")
        yield from ()

    def read():
        source = prefetch(slowly())
        try:
            return list(Pipeline((Prefetch(2), breaks))(source))
        finally:
            source.close()

    with pytest.raises(InputError, match="the network broke"):
        read()
