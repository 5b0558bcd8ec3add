# %% [markdown]
# # Annotations there and back
# Predictions go to an annotation tool as COCO's JSON, are corrected there, and come back as labels on some frames;
# the frames between are filled by following the labels from both sides.

# %%
"""Annotations there and back: predictions to COCO, a correction, and labels propagated to the frames between."""

import json
import subprocess
import sys
from pathlib import Path

import videopose


def command(*words):
    """Run a command line, as in a terminal."""
    subprocess.run([sys.executable, "-m", "videopose", *map(str, words)], check=True)


for _ in videopose.run("clip.mp4", "first.poses.json", pipeline="fast", overwrite=True):
    pass
command("convert", "first.poses.json", "-o", "labels.json", "--to", "coco", "--overwrite")

# %% [markdown]
# What a person does in CVAT or FiftyOne is one line here: the first person's nose moves two pixels to the right.
# Every fifth frame is kept as labelled.

# %%
labels = json.loads(Path("labels.json").read_text(encoding="utf-8"))
labels["annotations"][0]["keypoints"][0] += 2
kept = {image["id"] for image in labels["images"][::5]}
labels["images"] = [image for image in labels["images"] if image["id"] in kept]
labels["annotations"] = [each for each in labels["annotations"] if each["image_id"] in kept]
Path("corrected.json").write_text(json.dumps(labels), encoding="utf-8")
print(len(kept), "labelled frames")

# %%
command("annotate", "propagate", "clip.mp4", "corrected.json", "-o", "all.poses.json", "--overwrite")
filled = videopose.read_result("all.poses.json")
print(sum(record.poses is not None and len(record.poses) > 0 for record in filled), "frames with people")
