"""Windows over people of a stream: who meets whom, at what cost, and what happens where there is no neighbour."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from bright_people import Brightest, boxes_of, bright_estimator, walking_records
from builders import some_records
from torch import nn

from videopose.errors import InputError
from videopose.estimators.fused import FusedEstimator
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.neighbors import BoxWarp
from videopose.stages.estimate import EstimatePoses, EstimateWithHeatmaps
from videopose.stages.pipeline import Pipeline
from videopose.stages.temporal import FuseNeighbors
from videopose.types import UNTRACKED

ONE_CELL = 1.0
"""Image pixels of error a cell makes here: crops are 192 pixels wide for boxes of 40."""


class Watching(nn.Module):
    """Answers with one of the frames, the current one unless told otherwise, and keeps what it was told of time."""

    def __init__(self, before=1, after=1, answer=None):
        super().__init__()
        self.before, self.after, self.answer = before, after, answer
        self.told = []

    def forward(self, center, neighbors, seconds, present):
        assert neighbors.shape == (len(center), self.before + self.after, *center.shape[1:])
        assert neighbors.isfinite().all()
        self.told += zip(seconds.tolist(), present.tolist(), strict=True)
        return center if self.answer is None else neighbors[:, self.answer]


def temporal_pipeline(head, model=None, *, window=4, flip_test=False, **options):
    single = HeatmapEstimator(bright_estimator(model, batch_size=3, flip_test=flip_test))
    codec = single.single.network.codec
    fused = FusedEstimator(
        single,
        head,
        BoxWarp(codec.crop_from_heatmap, codec.heatmap_hw),
        **{"max_seconds": 0.5, "recrop": False} | options,
    )
    return Pipeline((EstimateWithHeatmaps(single, window), FuseNeighbors(fused, window)))


def poses_from(stage, records):
    return [record.poses for record in stage(records)]


def test_a_head_that_changes_nothing_gives_what_single_frames_give():
    records = walking_records(9, lanes=((40, 60), (150, 170)), missing={(4, 0)})
    single = poses_from(EstimatePoses(bright_estimator(batch_size=3), window=4), records)
    fused = poses_from(temporal_pipeline(Watching()), records)

    for a, b in zip(single, fused, strict=True):
        assert np.array_equal(a.keypoints, b.keypoints)
        assert np.array_equal(a.score, b.score)
        assert type(b) is type(a)
        assert (b.track_id == UNTRACKED).all()


@pytest.mark.parametrize("neighbors", ["share", "recrop"])
def test_a_neighbour_s_heatmaps_come_into_the_current_frame_s_crop(neighbors):
    records = walking_records(8, lanes=((40, 60), (150, 170)))
    stage = temporal_pipeline(Watching(answer=0), recrop=neighbors == "recrop")
    fused = poses_from(stage, records)

    for k, poses in enumerate(fused[1:], start=1):
        assert poses.keypoints[:, :, 0] == pytest.approx(40 + 2 * (k - 1), abs=ONE_CELL)
        assert poses.keypoints[:, :, 1] == pytest.approx(np.array([[40, 60], [150, 170]]), abs=ONE_CELL)


def test_a_window_of_three_costs_the_backbone_at_most_a_third_more():
    model = Brightest()
    records = walking_records(20, lanes=((40, 60), (150, 170)), missing={(7, 0), (15, 1)})
    people = sum(len(record.detections) for record in records)
    poses_from(temporal_pipeline(Watching(), model), records)

    # each person once where it was detected, and once more for each window that looks for a person nobody detected
    assert sum(model.batches) == people + 4
    assert sum(model.batches) <= 1.3 * people


def test_cutting_neighbours_with_the_current_box_costs_each_of_them():
    model = Brightest()
    poses_from(temporal_pipeline(Watching(), model, recrop=True), walking_records(10))

    assert sum(model.batches) == 10 + 2 * 9


def test_windows_end_with_the_clip():
    head = Watching(before=2, after=1)
    poses_from(temporal_pipeline(head), walking_records(4))

    told = sorted((present, seconds) for seconds, present in head.told)  # workers may ask in any order
    assert [present for present, _ in told] == [
        [False, False, True],
        [False, True, True],
        [True, True, False],
        [True, True, True],
    ]
    assert told[-1][1] == pytest.approx([-0.08, -0.04, 0.04])


def test_a_window_longer_than_the_clip_is_as_long_as_the_clip():
    head = Watching(before=10, after=10)
    fused = poses_from(temporal_pipeline(head), walking_records(3))

    assert len(fused) == 3
    assert [sum(present) for _, present in head.told] == [2, 2, 2]


def test_a_person_seen_in_one_frame_only_is_looked_for_beside_it():
    model, head = Brightest(), Watching()
    records = walking_records(7, missing={(k, 0) for k in range(7) if k != 3})
    fused = poses_from(temporal_pipeline(head, model), records)

    assert [len(poses) for poses in fused] == [0, 0, 0, 1, 0, 0, 0]
    assert sum(model.batches) == 1 + 2
    assert head.told[0][1] == [True, True]


def test_frames_behind_a_gap_are_no_neighbours():
    head = Watching()
    records = walking_records(4)
    late = [replace(record, frame=replace(record.frame, time=record.frame.time + 3)) for record in records[2:]]
    poses_from(temporal_pipeline(head), records[:2] + late)

    assert sorted(present for _, present in head.told) == [[False, True], [False, True], [True, False], [True, False]]


def test_boxes_outside_the_image_are_answered():
    records = [replace(record, detections=boxes_of([900, 900, 950, 990])) for record in walking_records(3)]
    fused = poses_from(temporal_pipeline(Watching(answer=0)), records)

    assert all(np.isfinite(poses.keypoints).all() and len(poses) == 1 for poses in fused)


def test_scores_that_are_no_numbers_count_as_nothing():
    class Broken(Brightest):
        def forward(self, images):
            return super().forward(images) * torch.nan

    records = [replace(record, detections=replace(record.detections, score=np.full(1, np.nan, np.float32)))
               for record in walking_records(3)]  # fmt: skip
    for model in (Brightest(), Broken()):
        fused = poses_from(temporal_pipeline(Watching(), model), records)
        assert all(np.isfinite(poses.keypoints).all() and (poses.score == 0).all() for poses in fused)


def test_the_flip_test_reaches_the_head():
    records = walking_records(4, lanes=((40, 40),))
    single = poses_from(EstimatePoses(bright_estimator(batch_size=3, flip_test=True), window=4), records)
    model = Brightest()
    fused = poses_from(temporal_pipeline(Watching(), model, flip_test=True), records)

    assert sum(model.batches) == 2 * 4
    for a, b in zip(single, fused, strict=True):
        assert np.array_equal(a.keypoints, b.keypoints)


def test_the_result_does_not_depend_on_how_many_frames_share_batches():
    records = walking_records(9, lanes=((40, 60), (150, 170)))
    one, many = (poses_from(temporal_pipeline(Watching(answer=1), window=size), records) for size in (1, 9))

    for a, b in zip(one, many, strict=True):
        assert np.allclose(a.keypoints, b.keypoints, atol=1e-3)


def test_records_without_heatmaps_or_images_are_refused():
    stage = temporal_pipeline(Watching()).stages[1]
    with pytest.raises(InputError, match="frame 0 has no heatmaps; EstimateWithHeatmaps stands before"):
        list(stage(some_records(1, with_image=True)))
    with pytest.raises(InputError, match="frame 0 has no image; temporal stages stand before DropImages"):
        list(stage(some_records(1)))
