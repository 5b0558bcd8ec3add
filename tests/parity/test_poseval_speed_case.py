"""The generated case of 50 sequences: the official kit's numbers, and a share of its time."""

import hashlib
import importlib.util
import json
import os

import numpy as np
import pytest

from videopose import catalog
from videopose.io.exchange.posetrack17 import KEYPOINTS_BY_ID

posetrack = catalog.protocol("posetrack")
TIES = 0.1  # the kit's order among equal scores is that of its machine, and the case clips scores at 0.001 and 0.999
EXACT = 1e-9


@pytest.fixture(scope="module")
def case(shared_dir, tmp_path_factory):
    """Generate the case and check that it is the one the kit was run on."""
    source = shared_dir / "parity" / "eval"
    spec = importlib.util.spec_from_file_location("make_poseval_case", source / "make_poseval_case.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    expected = json.loads((source / "poseval" / "speed.json").read_text())
    truth, predictions = recipe.make_case("speed", sequences=50, frames=100, people=6, rich=False)
    digest = hashlib.sha256()
    for name in sorted(truth):
        for document in (truth[name], predictions[name]):
            digest.update(json.dumps(document, separators=(",", ":")).encode())
    assert digest.hexdigest() == expected["files_sha256"]
    folder = tmp_path_factory.mktemp("speed")
    recipe.write_case(truth, predictions, folder)
    return folder, expected


@pytest.mark.slow
@pytest.mark.shared
def test_the_numbers_are_the_kits_and_the_time_a_fiftieth(case):
    folder, expected = case
    names = [*KEYPOINTS_BY_ID, "total"]
    posetrack.score_folders(folder / "gt" / "seq00.json", folder / "pred" / "seq00.json", identities=False)
    before = os.times()

    scored = posetrack.score_folders(folder / "gt", folder / "pred", workers=1, identities=False)

    after = os.times()
    seconds = after.user + after.system - before.user - before.system
    kit = expected["timing"]["AP"]["cpu_s"] + expected["timing"]["MOT_motmetrics_1_4_0"]["cpu_s"]
    for ours, official, tolerance in (
        ("ap", expected["AP"]["ap"], TIES), ("precision", expected["AP"]["pre"], EXACT),
        ("recall", expected["AP"]["rec"], EXACT), ("mota", expected["MOT"]["mota"], EXACT),
        ("motp", expected["MOT"]["motp"], EXACT), ("mot_recall", expected["MOT"]["rec"], EXACT),
    ):  # fmt: skip
        mine = np.array([scored.numbers[ours][name] for name in names])
        print(f"{ours:14s} {mine[-1]:10.5f} {official[-1]:10.5f} {np.abs(mine - official).max():9.1e}")
        np.testing.assert_allclose(mine, official, rtol=0, atol=tolerance, err_msg=ours)
    print(f"CPU seconds: ours {seconds:.2f}, the kit {kit:.1f}: {kit / seconds:.0f} times")
    assert seconds < kit / 25  # the bar is a fiftieth; twice that here, for a busy machine
