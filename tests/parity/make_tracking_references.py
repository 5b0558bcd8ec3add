"""Write what TrackEval and motmetrics say of generated scenes to `tests/data/tracking_scores/references.json`.

python tests/parity/make_tracking_references.py      (needs trackeval and motmetrics, which no test needs)
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from scoring_builders import a_tracked_scene, per_frame  # noqa: E402

SEEDS = range(8)
THRESHOLD = 0.5
HOTA = ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr")
CLEAR = (
    "num_misses", "num_switches", "num_false_positives", "num_objects", "num_detections", "num_fragmentations", "motp",
)  # fmt: skip


def as_trackeval(scene):
    frames = list(per_frame(scene))
    ids = np.unique(scene[4])
    return {
        "num_gt_ids": scene[3].max() + 1, "num_tracker_ids": len(ids), "num_timesteps": len(frames),
        "num_gt_dets": scene[1].sum(), "num_tracker_dets": scene[2].sum(),
        "gt_ids": [truth for truth, _, _ in frames],
        "tracker_ids": [np.searchsorted(ids, predicted) for _, predicted, _ in frames],
        "similarity_scores": [similarity for _, _, similarity in frames],
    }  # fmt: skip


def references(seed):
    import motmetrics
    import trackeval

    scene = a_tracked_scene(seed)
    data = as_trackeval(scene)
    hota = trackeval.metrics.HOTA().eval_sequence(data)
    identity = trackeval.metrics.Identity({"THRESHOLD": THRESHOLD, "PRINT_CONFIG": False}).eval_sequence(data)
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for truth, predicted, similarity in per_frame(scene):
        accumulator.update(truth, predicted, np.where(similarity >= THRESHOLD, 1 - similarity, np.nan))
    clear = motmetrics.metrics.create().compute(accumulator, metrics=list(CLEAR), return_dataframe=False)
    return (
        {name: float(np.mean(hota[name])) for name in HOTA}
        | {name: float(identity[name]) for name in ("IDF1", "IDR", "IDP")}
        | {name: float(clear[name]) for name in CLEAR}
    )


if __name__ == "__main__":
    content = {
        "versions": {name: version(name) for name in ("trackeval", "motmetrics", "numpy")},
        "scenes": {str(seed): references(seed) for seed in SEEDS},
    }
    target = TESTS / "data" / "tracking_scores" / "references.json"
    target.write_text(json.dumps(content, indent=1) + "\n")
