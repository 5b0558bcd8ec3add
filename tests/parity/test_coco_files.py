"""`eval coco` and `eval boxes` equal to pycocotools on random files as the world writes them, or a refusal."""

import copy
import json
import re

import numpy as np
import pytest
from coco_files import a_truth, official, some_results
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose import catalog
from videopose.errors import DatasetError

coco, boxes = catalog.protocol("coco"), catalog.protocol("boxes")
TOLERANCE = 1e-9  # the order of floating-point sums
REFUSALS = r"annotations\[\d+\]\.(id is \d+, which annotations\[\d+\] has too|keypoints\[\d+\] is nan; a finite number)"


def _written(folder, truth, results):
    paths = folder / "truth.json", folder / "results.json"
    for path, document in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(document))
    return paths


def _equal(ours, theirs):
    theirs = np.where(np.asarray(theirs) < 0, np.nan, theirs)
    np.testing.assert_allclose(list(ours), theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kind", ["keypoints", "bbox"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_numbers_equal_the_tools_or_the_entry_is_named(kind, seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    truth = a_truth(rng)
    results = some_results(rng, truth)
    if not results or (kind == "bbox" and "bbox" not in results[0]):
        return
    paths = _written(tmp_path_factory.mktemp("coco"), truth, results)

    try:
        scored = (coco if kind == "keypoints" else boxes).score_files(*paths)
    except DatasetError as error:
        refusal = str(error)
    else:
        refusal = ""

    if refusal:
        assert re.search(REFUSALS, refusal), refusal
        return

    stats = official(copy.deepcopy(truth), copy.deepcopy(results), kind)
    _equal(scored.numbers.values(), stats if kind == "keypoints" else [*stats[[0, 1, 2, 4, 5, 3, 8, 9, 10, 11]]])
