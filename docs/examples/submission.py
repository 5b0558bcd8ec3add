# %% [markdown]
# # A submission
# From results to files a PoseTrack server takes, scored and checked first. The ground truth here is made from the
# result itself, so that this page runs anywhere; put the folder of the benchmark in its place.

# %%
"""A submission: results and ground truth to files for the PoseTrack server, scored and checked."""

import json
import subprocess
import sys
from pathlib import Path

import videopose
from videopose import catalog


def command(*words):
    """Run a command line, as in a terminal, and print what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "videopose", *map(str, words)], capture_output=True, text=True, check=True
    )
    print(done.stdout.strip())


for folder in ("results", "truth"):
    Path(folder).mkdir(exist_ok=True)
for _ in videopose.run("clip.mp4", "results/000001_clip.json", pipeline="fast", overwrite=True):
    pass
command("convert", "results/000001_clip.json", "-o", "truth/000001_clip.json", "--to", "posetrack18", "--overwrite")

# %% [markdown]
# Distances are judged by the size of the head, so the ground truth needs a box around it; here the keypoints give one.

# %%
truth = json.loads(Path("truth/000001_clip.json").read_text(encoding="utf-8"))
names = truth["categories"][0]["keypoints"]
head = [names.index(name) for name in ("nose", "head_bottom", "head_top")]
for person in truth["annotations"]:
    xs, ys = ([person["keypoints"][3 * index + axis] for index in head] for axis in (0, 1))
    side = max(ys) - min(ys)
    person["bbox_head"] = [min(xs) - side / 3, min(ys), side, side]
Path("truth/000001_clip.json").write_text(json.dumps(truth), encoding="utf-8")

# %% [markdown]
# Scored as the official kit does it. Predictions that are the truth itself reach 100.

# %%
scored = catalog.protocol("posetrack").score_folders(Path("truth"), Path("results"), "corrected")
print("mAP", round(scored.numbers["ap"]["total"]))

# %% [markdown]
# One file a sequence, every rule of the challenge answered.

# %%
command("submission", "make", "results", "--truth", "truth", "--profile", "estimation", "-o", "submission")
command("submission", "check", "submission", "--truth", "truth")
