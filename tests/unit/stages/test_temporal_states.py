"""States carried along tracks: whose they are, how they move with the crops, when they are forgotten."""

from dataclasses import replace

import numpy as np
import pytest
from bright_people import TWO, bright_estimator, walking_records
from builders import assert_same_records
from torch import nn

from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.recurrent import RecurrentEstimator
from videopose.io.journal_store import JournalStore
from videopose.models.convlstm_head import ConvLSTMHead
from videopose.stages.estimate import EstimatePoses, EstimateWithHeatmaps
from videopose.stages.journal import Journal
from videopose.stages.pipeline import DropImages, Pipeline, TemporalContext
from videopose.stages.temporal import PropagateStates

ONE_CELL = 1.0
"""Image pixels of error a cell makes here: crops are 192 pixels wide for boxes of 40."""


class Late(nn.Module):
    """Answers with the frame before, and counts the people who start and who go on."""

    before = 1

    def __init__(self):
        super().__init__()
        self.steps = []
        self.seconds = []

    def step(self, logits, state, seconds):
        self.steps.append((len(logits), state is not None))
        self.seconds.append(None if seconds is None else seconds.tolist())
        return (logits if state is None else state[0]), (logits,)


def states_pipeline(head, **options):
    single = HeatmapEstimator(bright_estimator(batch_size=3))
    estimator = RecurrentEstimator(single, head, single.single.network.codec.crop_from_heatmap, **options)
    return Pipeline((EstimateWithHeatmaps(single, 4), PropagateStates(estimator)))


def poses_from(stage, records):
    return [record.poses for record in stage(records)]


def test_each_person_s_state_moves_with_the_crop():
    lanes = ((40, 60), (150, 170))
    found = poses_from(states_pipeline(Late()), walking_records(8, lanes=lanes))

    for k, poses in enumerate(found):
        assert poses.keypoints[:, :, 0] == pytest.approx(40 + 2 * max(k - 1, 0), abs=ONE_CELL)
        assert poses.keypoints[:, :, 1] == pytest.approx(np.array(lanes), abs=ONE_CELL)


def test_a_track_starts_without_a_state_while_others_go_on():
    head = Late()
    records = walking_records(4, lanes=((40, 60), (150, 170)), missing={(0, 1), (1, 1)})
    poses_from(states_pipeline(head), records)

    assert head.steps == [(1, False), (1, True), (1, True), (1, False), (2, True)]


def test_a_head_is_told_how_long_ago_each_person_was_seen():
    head = Late()
    records = walking_records(4)
    late = [replace(record, frame=replace(record.frame, time=record.frame.time + 0.1)) for record in records[2:]]
    step = records[1].frame.time - records[0].frame.time

    poses_from(states_pipeline(head), records[:2] + late)

    assert head.seconds == [None, [pytest.approx(step)], [pytest.approx(step + 0.1)], [pytest.approx(step)]]


def test_a_state_is_forgotten_behind_a_gap():
    head = Late()
    records = walking_records(4)
    late = [replace(record, frame=replace(record.frame, time=record.frame.time + 1)) for record in records[2:]]
    poses_from(states_pipeline(head, max_seconds=0.5), records[:2] + late)

    assert [goes_on for _, goes_on in head.steps] == [False, True, False, True]


def test_a_short_miss_is_bridged():
    head = Late()
    poses_from(states_pipeline(head, max_seconds=0.5), walking_records(5, missing={(2, 0)}))

    assert [goes_on for _, goes_on in head.steps] == [False, True, True, True]


def test_an_untrained_convlstm_gives_what_single_frames_give():
    records = walking_records(6, lanes=((40, 60), (150, 170)))
    single = poses_from(EstimatePoses(bright_estimator(batch_size=3), window=4), records)
    carried = poses_from(states_pipeline(ConvLSTMHead(num_keypoints=len(TWO)).eval()), records)

    for a, b in zip(single, carried, strict=True):
        assert np.allclose(a.keypoints, b.keypoints, atol=1e-3)


def test_chunks_of_a_journal_are_warmed_up(tmp_path):
    records = walking_records(14, lanes=((40, 60), (150, 170)))
    whole = list(states_pipeline(Late())(records))
    networks = Pipeline((*states_pipeline(Late()).stages, DropImages()))
    journal = Journal(networks, JournalStore(tmp_path / "journal", {}), TemporalContext(before=1), chunk=5)

    assert_same_records(list(journal(records)), whole, atol=1e-3)
