"""What every stage keeps to: order, emptiness, laziness, nothing it was given changed, a fresh start each time."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from bright_people import bright_estimator
from builders import assert_same_records, some_poses, some_records

from videopose import stages, workflows
from videopose.estimators.fused import FusedEstimator
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.neighbors import BoxWarp
from videopose.estimators.recurrent import RecurrentEstimator
from videopose.image_motion.optical_flow import create_flow
from videopose.io.journal_store import JournalStore
from videopose.io.result import ResultHeader
from videopose.models.convlstm_head import ConvLSTMHead
from videopose.models.score_fusion import ScoreFusion
from videopose.skeletons import skeleton_named
from videopose.stages.detect import BoxesFromFile, DetectPeople, FullFrameBox
from videopose.stages.estimate import EstimatePoses, EstimateWithHeatmaps
from videopose.stages.features import EstimateWithFlow, MeasureFeatures
from videopose.stages.journal import Journal
from videopose.stages.pipeline import (
    DropImages,
    Pipeline,
    Prefetch,
    ToDevice,
)
from videopose.stages.scene import EstimateScenes
from videopose.stages.shots import GivenShots, MeasureSignatures, NumberShots
from videopose.stages.sink import WriteResult
from videopose.stages.smooth import TrackAndSmooth
from videopose.stages.temporal import FuseNeighbors, PropagateStates
from videopose.stages.track import TrackPoses
from videopose.stages.tubes import DetectTubeCenters, EstimateTubes, MergeTubes
from videopose.tracking.options import FeatureOptions, SmoothingOptions, TrackerOptions
from videopose.tracking.tubes.options import TubeOptions
from videopose.types import Detections, VideoInfo
from videopose.workflows.propagate import PropagateLabels

SKELETON = skeleton_named("coco17")
HEADER = ResultHeader(VideoInfo("clip.mp4", (8, 8), Fraction(25)), SKELETON)
WHOLE_VIDEO = 10**6
"""Look-ahead of a stage that says in its docstring that it reads the whole video first."""


class FakeDetector:
    def detect(self, images, /):
        return [Detections(np.array([[0, 0, 4, 6]], np.float32), np.ones(1, np.float32)) for _ in images]


class FakeEstimator:
    skeleton = SKELETON

    def estimate(self, images, boxes, /):
        return [some_poses(len(found), seed=len(found)) for found in boxes]


class FakeScenes:
    skeleton = SKELETON

    def estimate(self, images, /):
        return [some_poses(2, seed=2) for _ in images]


class FakeTubes:
    single = FakeEstimator()

    def estimate(self, tubes, /):
        return [[some_poses(2, seed=len(tube.images)) for _ in tube.images] for tube in tubes]


@dataclass(frozen=True)
class Case:
    """A stage, what it needs, and how many records it may pull before its first output."""

    make: object
    look_ahead: int = 0
    with_image: bool = False
    with_poses: bool = True


NOTHING = SmoothingOptions(method="none", max_fill=0, repair_swaps=False, reject_outliers=False)

CASES = {
    "DropImages": Case(lambda folder: DropImages(), with_image=True),
    "ToDevice": Case(lambda folder: ToDevice(torch.device("cpu")), with_image=True),
    "Prefetch": Case(lambda folder: Prefetch(3), look_ahead=4),
    "Pipeline": Case(lambda folder: Pipeline((Prefetch(2), DropImages())), look_ahead=3, with_image=True),
    "DetectPeople": Case(
        lambda folder: DetectPeople(FakeDetector(), every=2, window=4),
        look_ahead=4 + 3,
        with_image=True,
        with_poses=False,
    ),
    "BoxesFromFile": Case(lambda folder: BoxesFromFile({2: Detections.empty()}), with_poses=False),
    "FullFrameBox": Case(lambda folder: FullFrameBox(), with_image=True, with_poses=False),
    "EstimatePoses": Case(lambda folder: EstimatePoses(FakeEstimator(), 4, 2), look_ahead=4 + 3, with_image=True),
    "EstimateScenes": Case(lambda folder: EstimateScenes(FakeScenes(), 4, 2), look_ahead=4 + 3, with_image=True),
    "EstimateWithFlow": Case(
        lambda folder: EstimateWithFlow(FakeEstimator(), FeatureOptions(recover=True)), with_image=True
    ),
    "MeasureFeatures": Case(lambda folder: MeasureFeatures(FeatureOptions(camera=True)), with_image=True),
    "MeasureSignatures": Case(lambda folder: MeasureSignatures(), with_image=True),
    "GivenShots": Case(lambda folder: GivenShots((2,))),
    "NumberShots": Case(lambda folder: NumberShots(), look_ahead=24),
    "TrackPoses online": Case(lambda folder: TrackPoses(TrackerOptions(name="oks", keep_untracked=True), SKELETON)),
    "TrackPoses whole-video": Case(
        lambda folder: TrackPoses(TrackerOptions(name="whole-video", keep_untracked=True), SKELETON), WHOLE_VIDEO
    ),
    "TrackAndSmooth": Case(lambda folder: TrackAndSmooth(TrackerOptions(), SmoothingOptions(), SKELETON), WHOLE_VIDEO),
    "TrackAndSmooth online": Case(
        lambda folder: TrackAndSmooth(TrackerOptions(name="oks", keep_untracked=True), NOTHING, SKELETON)
    ),
    "DetectTubeCenters": Case(
        lambda folder: DetectTubeCenters(BoxesFromFile({2: Detections.empty()}), TubeOptions(), window=4),
        look_ahead=3,
        with_poses=False,
    ),
    "EstimateTubes": Case(
        lambda folder: EstimateTubes(FakeTubes(), TubeOptions(), window=4), look_ahead=4 + 5 + 2, with_image=True
    ),
    "MergeTubes": Case(
        lambda folder: Pipeline((_in_tubes, MergeTubes(TubeOptions(look_ahead=5), SKELETON))),
        look_ahead=2 * (5 + 5 + 2),
    ),
    "FuseNeighbors": Case(lambda folder: _over_windows(), look_ahead=3 + 2, with_image=True, with_poses=True),
    "PropagateStates": Case(lambda folder: _along_tracks(), look_ahead=3, with_image=True, with_poses=True),
    "PropagateLabels": Case(lambda folder: PropagateLabels({}, SKELETON, create_flow("dis")), with_image=True),
    "WriteResult": Case(lambda folder: WriteResult(folder / "r.json", HEADER)),
    "Journal": Case(lambda folder: _fresh_journal(folder), look_ahead=1),
    "Journal around batches": Case(
        lambda folder: _fresh_journal(folder, EstimatePoses(FakeEstimator(), window=4)),
        look_ahead=4,
        with_image=True,
    ),
}


def _in_tubes(records):
    return (replace(record, tube_id=record.poses.track_id) for record in records)


def _over_windows():
    single = HeatmapEstimator(bright_estimator())
    codec, head = single.single.network.codec, ScoreFusion(num_keypoints=2, before=1, after=2).eval()
    warp = BoxWarp(codec.crop_from_heatmap, codec.heatmap_hw)
    return Pipeline(
        (
            EstimateWithHeatmaps(single, window=2),
            FuseNeighbors(FusedEstimator(single, head, warp, max_seconds=0.5, recrop=False), window=2),
        )
    )


def _along_tracks():
    single = HeatmapEstimator(bright_estimator())
    head = ConvLSTMHead(num_keypoints=2).eval()
    carried = RecurrentEstimator(single, head, single.single.network.codec.crop_from_heatmap)
    return Pipeline((EstimateWithHeatmaps(single, window=4), PropagateStates(carried)))


def _fresh_journal(folder, networks=iter):
    store = JournalStore(folder / "journal", {})
    store.remove()
    return Journal(networks, store, chunk=6)


def stages_of_the_library():
    """Find every public class of stages and workflows that is called with records."""
    modules = [
        importlib.import_module(found.name)
        for room in (stages, workflows)
        for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")
    ]
    classes = [each for module in modules for each in vars(module).values() if inspect.isclass(each)]
    return {
        each.__name__
        for each in classes
        if each.__module__.startswith(("videopose.stages.", "videopose.workflows."))
        and not each.__name__.startswith("_")
        and not getattr(each, "_is_protocol", False)
        and "__call__" in vars(each)
        and "records" in inspect.signature(each.__call__).parameters
    }


def test_every_stage_there_is_has_a_case():
    assert {name.partition(" ")[0] for name in CASES} == stages_of_the_library()


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request):
    return request.param


def records_for(case, count):
    return some_records(count, with_image=case.with_image, with_poses=case.with_poses)


@pytest.mark.parametrize("count", [1, 5, 17])
def test_one_record_out_for_each_in_and_in_order(case, tmp_path, count):
    out = list(case.make(tmp_path)(records_for(case, count)))

    assert [record.frame.index for record in out] == list(range(count))
    assert [record.frame.time for record in out] == [k / 25 for k in range(count)]


def test_nothing_in_is_nothing_out(case, tmp_path):
    assert list(case.make(tmp_path)([])) == []


def test_no_more_is_pulled_than_is_needed(case, tmp_path):
    if case.look_ahead == WHOLE_VIDEO:
        pytest.skip("this stage says that it reads the whole video first")
    pulled = []

    def source():
        for record in records_for(case, 40):
            pulled.append(record.frame.index)
            yield record

    stream = case.make(tmp_path)(source())
    assert pulled == [], "a stage does nothing before somebody asks"
    next(stream)

    assert len(pulled) <= 1 + case.look_ahead
    stream.close()


def test_what_it_was_given_is_unchanged(case, tmp_path):
    given, untouched = records_for(case, 9), records_for(case, 9)

    list(case.make(tmp_path)(given))

    assert_same_records(given, untouched)
    if case.with_image:
        assert all(torch.equal(a.frame.image, b.frame.image) for a, b in zip(given, untouched, strict=True))


def test_a_second_run_answers_the_same_even_after_an_abandoned_one(case, tmp_path):
    stage = case.make(tmp_path)
    first = list(stage(records_for(case, 12)))
    abandoned = stage(records_for(case, 12))
    next(abandoned)
    del abandoned

    assert_same_records(list(stage(records_for(case, 12))), first)
