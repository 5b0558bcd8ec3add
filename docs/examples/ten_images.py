# %% [markdown]
# # Training on ten images
# The smallest training there is: ten labelled images, the shipped network to start from, a few steps. The labels
# here are a result of the same clip, so that this page runs anywhere; yours come from an annotation tool as COCO's
# JSON.

# %%
"""Training on ten images: labels out of a clip, a few steps from the shipped weights, and a run with them."""

import subprocess
import sys
from pathlib import Path

import cv2

import videopose

STEPS = 4  # some hundreds, with labels of your own

Path("data/images").mkdir(parents=True, exist_ok=True)
for frame in videopose.open_video("clip.mp4", frames=(0, 9)):
    cv2.imwrite(f"data/images/frame_{frame.index:06d}.png", frame.image.permute(1, 2, 0).numpy()[..., ::-1])
for _ in videopose.run("clip.mp4", "data/labels.poses.json", pipeline="fast", frames=(0, 9), overwrite=True):
    pass


def command(*words):
    """Run a command line, as in a terminal."""
    subprocess.run([sys.executable, "-m", "videopose", *map(str, words)], check=True)


command("convert", "data/labels.poses.json", "-o", "data/labels.json", "--to", "coco", "--overwrite")

# %% [markdown]
# A configuration says what differs from a shipped one: the data, the start, the number of steps. `base`
# names a shipped configuration, `start_from` is a path.

# %%
shipped = Path(videopose.__file__).parent / "assets/pose.safetensors"
Path("mine.yaml").write_text(
    f"""
base: pose_finish
start_from: {shipped}
pose:
  data:
    sources: [{{name: mine, annotations: labels.json, images: images}}]
  validation: [{{name: mine, annotations: labels.json, images: images}}]
loop: {{steps: {STEPS}, batch_size: 4, evaluate_every: {STEPS}}}
optimiser: {{learning_rate: 0.0001, warmup_steps: 1}}
""",
    encoding="utf-8",
)
command("train", "mine.yaml", "--data", "data", "--run", "run")

# %% [markdown]
# The weights describe themselves, so their name is all a pipeline needs.

# %%
mine = ["pose.weights=run/weights.safetensors", "pose.model=fpn_pose"]
for frame in videopose.run("clip.mp4", pipeline="fast", overrides=mine, frames=(0, 4)):
    print(frame.index, len(frame.people))
