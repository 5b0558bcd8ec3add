"""People along tubes: every frame covered, several people, ends and gaps, the work done and what is held."""

import weakref
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from bright_people import TWO, Brightest, boxes_of, bright_estimator, walking_records
from builders import assert_same_records
from torch import nn

from videopose.errors import InputError
from videopose.estimators.tubes import Tube, TubeEstimator
from videopose.io.journal_store import JournalStore
from videopose.stages.journal import Journal
from videopose.stages.pipeline import DropImages, Pipeline, TemporalContext
from videopose.stages.tubes import DetectTubeCenters, EstimateTubes, MergeTubes
from videopose.tracking.tubes.options import TubeOptions
from videopose.tracking.tubes.tracklets import middle_of
from videopose.types import Detections

LANES = ((40, 60), (150, 170))
PIXELS = 1.5  # the bright places are seven pixels wide and heatmap cells about as large as a pixel


def everybody(records):
    """Stand for a detector: the boxes are in the records already."""
    yield from records


def networks(options=None, model=None, window=4, **estimator_options):
    options = options or TubeOptions()
    single = bright_estimator(model, batch_size=7)
    estimator = TubeEstimator(single, enlarge=options.enlarge, **estimator_options)
    return Pipeline(
        (DetectTubeCenters(everybody, options, window), EstimateTubes(estimator, options, window), DropImages())
    )


def poses_along(records, options=None, **networks_options):
    options = options or TubeOptions()
    return list(MergeTubes(options, TWO)(networks(options, **networks_options)(records)))


def assert_followed(out, lanes):
    """Everybody is found where they walk, and keeps the id."""
    for record in out:
        assert len(record.poses) == len(lanes)
        order = np.argsort(record.poses.keypoints[:, 0, 1])
        x = 40 + 2 * record.frame.index
        truth = [[[x, red], [x, green]] for red, green in lanes]
        assert np.abs(record.poses.keypoints[order][..., :2] - truth).max() < PIXELS
        assert record.poses.track_id[order].tolist() == list(range(1, len(lanes) + 1))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 40])
def test_everybody_is_followed_from_the_first_frame_to_the_last(count):
    assert_followed(poses_along(walking_records(count, lanes=LANES)), LANES)


@pytest.mark.parametrize(("length", "overlap"), [(1, 0), (3, 0), (3, 1), (5, 1), (5, 4), (9, 4)])
def test_every_length_and_overlap_covers_every_frame(length, overlap):
    records = walking_records(14)

    out = list(networks(TubeOptions(length=length, overlap=overlap))(records))

    assert [len(record.poses) > 0 for record in out] == [True] * 14
    for record in out:
        middles = [middle_of(tube) for tube in record.tube_id.tolist()]
        assert len(set(middles)) == len(middles)
        assert all(abs(middle - record.frame.index) <= max(length // 2, length - overlap - 1) for middle in middles)


def test_tubes_of_one_frame_are_the_single_frame_estimator():
    records = walking_records(6, lanes=LANES)
    single = bright_estimator(batch_size=7)

    out = poses_along(records, TubeOptions(length=1, overlap=0, enlarge=1))

    for record, expected in zip(
        out, single.estimate([r.frame.image for r in records], [r.detections for r in records]), strict=True
    ):
        np.testing.assert_allclose(record.poses.keypoints, expected.keypoints, atol=0.02)
        np.testing.assert_allclose(record.poses.score, expected.score, atol=1e-6)
        np.testing.assert_allclose(record.poses.xyxy, expected.xyxy, atol=1e-3)


@pytest.mark.parametrize(("length", "overlap", "work"), [(5, 1, 1.25), (5, 3, 2.5), (3, 1, 1.5), (3, 2, 3.0)])
def test_a_frame_costs_as_many_crops_as_tubes_pass_through_it(length, overlap, work):
    model, frames, people = Brightest(), 60, 2

    list(networks(TubeOptions(length=length, overlap=overlap), model)(walking_records(frames, lanes=LANES)))

    assert sum(model.batches) / (frames * people) == pytest.approx(work, rel=0.06)


def test_who_is_there_is_asked_for_middle_frames_only():
    asked = []

    def detector(records):
        for record in records:
            asked.append(record.frame.index)
            yield record

    out = list(DetectTubeCenters(detector, TubeOptions(length=5, overlap=2), window=4)(walking_records(10)))

    assert asked == [0, 3, 6, 9]
    assert [record.detections is not None for record in out] == [k % 3 == 0 for k in range(10)]


def test_at_a_low_frame_rate_every_frame_is_a_middle_one_and_tubes_reach_no_further():
    out = list(networks()(walking_records(5, frame_rate=2)))

    assert [[middle_of(tube) for tube in record.tube_id] for record in out] == [[0], [1], [2], [3], [4]]


def test_tubes_do_not_reach_over_a_gap():
    records = [
        replace(record, frame=replace(record.frame, time=record.frame.time + (5 if k >= 5 else 0)))
        for k, record in enumerate(walking_records(10))
    ]

    out = list(networks()(records))

    for record in out:
        middles = [middle_of(tube) for tube in record.tube_id]
        assert middles
        assert all((middle >= 5) == (record.frame.index >= 5) for middle in middles)


def test_someone_seen_in_one_middle_frame_is_there_along_the_tube():
    missing = {(k, 1) for k in range(20) if k != 8}

    out = poses_along(walking_records(20, lanes=LANES, missing=missing))

    assert [len(record.poses) for record in out] == [2 if 6 <= k <= 10 else 1 for k in range(20)]
    assert {int(record.poses.track_id[1]) for record in out[6:11]} == {2}


def test_someone_missed_in_a_middle_frame_is_not_lost():
    out = poses_along(walking_records(20, lanes=LANES, missing={(8, 0)}))

    assert_followed(out, LANES)


def test_a_video_of_nobody_has_nobody():
    records = [replace(record, detections=Detections.empty()) for record in walking_records(7)]

    out = poses_along(records)

    assert [len(record.poses) for record in out] == [0] * 7


def test_a_box_outside_the_image_and_a_score_that_is_no_number_are_survived():
    records = [
        replace(record, detections=boxes_of([5000, 5000, 5040, 5060], [-90, -90, -80, -80], score=np.nan))
        for record in walking_records(7)
    ]

    out = poses_along(records)

    assert all((record.poses.score == 0).all() for record in out)
    assert all(np.isfinite(record.poses.keypoints).all() for record in out)


def test_two_boxes_of_one_person_give_one_pose():
    records = [
        replace(record, detections=boxes_of(*record.detections.xyxy, *(record.detections.xyxy + 1)))
        for record in walking_records(9)
    ]

    assert [len(record.poses) for record in poses_along(records)] == [1] * 9


def test_frames_in_no_tube_are_told_to_look_for_people_first():
    with pytest.raises(InputError, match="frame 0 is in no tube; DetectTubeCenters stands before EstimateTubes"):
        list(EstimateTubes(TubeEstimator(bright_estimator()), TubeOptions())([walking(None)]))


def walking(detections):
    return replace(walking_records(1)[0], detections=detections)


def test_images_must_still_be_there():
    record = walking(boxes_of([20, 25, 60, 75]))
    gone = replace(record, frame=replace(record.frame, image=None))

    with pytest.raises(InputError, match="frame 0 has no image; tubes are estimated before DropImages"):
        list(EstimateTubes(TubeEstimator(bright_estimator()), TubeOptions())([gone]))


def test_no_more_images_are_held_than_tubes_need():
    alive = weakref.WeakSet()
    most = 0

    def source():
        for record in walking_records(120):
            image = record.frame.image.clone()
            alive.add(image)
            yield replace(record, frame=replace(record.frame, image=image))
            del image

    options = TubeOptions()
    for _ in networks(options, window=4)(source()):
        most = max(most, len(alive))

    assert most <= 4 + (4 + options.length + options.step) + 1 + options.half


class LooksAround(nn.Module):
    """Records what it is given; answers with the centre."""

    before, after = 2, 1

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, center, neighbors, seconds, present):
        self.calls.append((center, neighbors, seconds, present))
        return center


def test_a_head_sees_the_tube_s_frames_in_order_and_is_told_which_are_missing():
    head, records = LooksAround(), walking_records(5)
    tube = Tube([r.frame.image for r in records], np.arange(5) / 25, 2, records[2].detections)

    TubeEstimator(bright_estimator(batch_size=16), head=head).estimate([tube])

    ((center, neighbors, seconds, present),) = head.calls
    assert present.tolist() == [
        [False, False, True], [False, True, True], [True, True, True], [True, True, True], [True, True, False],
    ]  # fmt: skip
    assert torch.equal(neighbors[2], center[[0, 1, 3]])
    assert seconds[2].tolist() == pytest.approx([-0.08, -0.04, 0.04])


class MeanOfTube(nn.Module):
    """A network of tubes that gives every frame the mean of its single-frame answers."""

    def __init__(self):
        super().__init__()
        self.single = Brightest()

    def forward(self, tubes):
        maps = self.single(tubes.flatten(0, 1)).view(*tubes.shape[:2], 2, 64, 48)
        return maps.mean(1, keepdim=True).expand_as(maps)


def test_a_network_of_tubes_sees_them_whole():
    tubes = [
        Tube([r.frame.image for r in walking_records(n)], np.arange(n) / 25, 0, boxes_of([20, 25, 60, 75]))
        for n in (3, 1, 3)
    ]

    found = TubeEstimator(bright_estimator(MeanOfTube()), sees_tubes=True).estimate(tubes)

    assert [len(frames) for frames in found] == [3, 1, 3]
    for frames in found:
        assert all(np.array_equal(poses.keypoints, frames[0].keypoints) for poses in frames)
    assert not np.array_equal(found[0][0].keypoints, found[1][0].keypoints)


BEFORE, AFTER, CHUNK = 6, 6, 8


def journalled(folder, records, *, stop_after=None):
    store = JournalStore(folder, {})
    stream = Journal(networks(), store, TemporalContext(BEFORE, AFTER), chunk=CHUNK)(records)
    out = list(islice(stream, stop_after))
    stream.close()
    return out


@pytest.fixture(scope="module")
def people():
    return walking_records(27, lanes=LANES, missing={(4, 0), (10, 1), (16, 1)})


@pytest.mark.parametrize("stop_after", [1, 9, 17])
def test_going_on_gives_what_not_stopping_gives(tmp_path, people, stop_after):
    whole = journalled(tmp_path / "whole", people)
    journalled(tmp_path / "stopped", people, stop_after=stop_after)
    resumed = journalled(tmp_path / "stopped", people)

    assert_same_records(resumed, whole)
    for chunk in sorted((tmp_path / "whole").glob("*.arrow")):
        assert chunk.read_bytes() == (tmp_path / "stopped" / chunk.name).read_bytes()


def test_chunks_leave_no_seam(tmp_path, people):
    """Middle frames and tubes at the border of a chunk are the same on both sides of it."""
    assert_same_records(journalled(tmp_path / "journal", people), list(networks()(people)), atol=1e-3)


def test_poses_of_tubes_survive_the_journal_and_are_merged_behind_it(tmp_path, people):
    out = list(MergeTubes(TubeOptions(), TWO)(journalled(tmp_path / "journal", people)))

    assert_followed(out, LANES)


def test_merging_a_long_video_stretch_by_stretch_leaves_no_seam():
    records = walking_records(70, lanes=LANES)

    short = poses_along(records, TubeOptions(look_ahead=5))

    assert_followed(short, LANES)
    assert_same_records(short, poses_along(records, TubeOptions(look_ahead=100)), atol=0.5)


def test_someone_who_comes_back_is_somebody_new_here():
    """Tracks of tubes break; joining over gaps is the whole-video tracker's business."""
    missing = {(k, 1) for k in range(8, 26)}

    out = poses_along(walking_records(40, lanes=LANES, missing=missing))

    ids = [record.poses.track_id.tolist() for record in out]
    assert ids[0] == [1, 2]
    assert ids[15] == [1]
    assert ids[39] == [1, 3]
