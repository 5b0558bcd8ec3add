"""Windows across the chunks of a journal: an interrupted run leaves the bytes of one that was not."""

from itertools import islice

import pytest
from bright_people import bright_estimator, walking_records
from builders import assert_same_records
from torch import nn

from videopose.estimators.fused import FusedEstimator
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.neighbors import BoxWarp
from videopose.io.journal_store import JournalStore
from videopose.models.score_fusion import ScoreFusion
from videopose.stages.estimate import EstimateWithHeatmaps
from videopose.stages.journal import Journal
from videopose.stages.pipeline import DropImages, Pipeline, TemporalContext
from videopose.stages.temporal import FuseNeighbors

BEFORE, AFTER, CHUNK = 2, 1, 6


def networks() -> Pipeline:
    single = HeatmapEstimator(bright_estimator(batch_size=3))
    codec = single.single.network.codec
    head: nn.Module = ScoreFusion(num_keypoints=2, before=BEFORE, after=AFTER).eval()
    fused = FusedEstimator(
        single, head, BoxWarp(codec.crop_from_heatmap, codec.heatmap_hw), max_seconds=0.5, recrop=False
    )
    return Pipeline((EstimateWithHeatmaps(single, 4), FuseNeighbors(fused, 4), DropImages()))


def journalled(folder, records, *, stop_after=None):
    store = JournalStore(folder, {})
    journal = Journal(networks(), store, TemporalContext(BEFORE, AFTER), chunk=CHUNK)
    stream = journal(records)
    out = list(islice(stream, stop_after))
    stream.close()
    return out


@pytest.fixture(scope="module")
def records():
    return walking_records(20, lanes=((40, 60), (150, 170)), missing={(5, 0), (6, 1)})


@pytest.mark.parametrize("stop_after", [1, 7, 13])
def test_going_on_gives_what_not_stopping_gives(tmp_path, records, stop_after):
    whole = journalled(tmp_path / "whole", records)
    journalled(tmp_path / "stopped", records, stop_after=stop_after)
    resumed = journalled(tmp_path / "stopped", records)

    assert_same_records(resumed, whole)
    chunks = sorted((tmp_path / "whole").glob("*.arrow"))
    assert len(chunks) == 4
    assert all(chunk.read_bytes() == (tmp_path / "stopped" / chunk.name).read_bytes() for chunk in chunks)


def test_chunks_leave_no_seam(tmp_path, records):
    """A tracked person's window reaches over the border of a chunk, so chunks give what one stream gives."""
    whole = list(networks()(records))

    assert_same_records(journalled(tmp_path / "journal", records), whole, atol=1e-3)
