"""HOTA and IDF1 equal to TrackEval, CLEAR counts equal to motmetrics, on generated scenes."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scoring_builders import a_tracked_scene

from videopose.metrics.clear import count_clear
from videopose.metrics.hota import sum_hota
from videopose.metrics.identity import count_identity

FROZEN = json.loads((Path(__file__).parents[1] / "data" / "tracking_scores" / "references.json").read_text())
TOLERANCE = 1e-12  # the order of floating-point sums


def _ours(seed):
    similarity, *sides = a_tracked_scene(seed)
    near = similarity >= 0.5
    clear = count_clear(np.where(near, 1 - similarity, np.nan), *sides)
    identity = count_identity(near, *sides)
    hota = sum_hota(similarity, *sides).numbers()
    return {name: values[0] for name, values in hota.items()} | {
        "IDF1": identity.idf1()[0], "IDR": identity.recall()[0], "IDP": identity.precision()[0],
        "num_misses": clear.misses[0], "num_switches": clear.switches[0], "num_objects": clear.objects[0],
        "num_false_positives": clear.false_positives[0], "num_detections": clear.detections[0],
        "num_fragmentations": clear.fragmentations[0], "motp": 1 - clear.motp()[0],
    }  # fmt: skip


def _compare(title, ours, theirs):
    for name, reference in theirs.items():
        difference = abs(ours[name] - reference)
        print(f"{title:12s} {name:20s} {ours[name]:12.6f} {reference:12.6f} {difference:9.1e}")
        assert difference <= TOLERANCE * max(1, abs(reference)), name


@pytest.mark.parametrize("seed", FROZEN["scenes"])
def test_equals_frozen_references(seed):
    _compare(f"scene {seed}", _ours(int(seed)), FROZEN["scenes"][seed])


def test_equals_the_tools_where_they_are_installed():
    pytest.importorskip("trackeval", reason="trackeval is installed for parity checks only")
    pytest.importorskip("motmetrics", reason="motmetrics is installed for parity checks only")
    spec = importlib.util.spec_from_file_location("references", Path(__file__).with_name("make_tracking_references.py"))
    tools = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tools)

    _compare("scene 99", _ours(99), tools.references(99))
