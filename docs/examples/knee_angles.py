# %% [markdown]
# # Knee angles
# The angle of both knees of everybody in a clip, as numbers, a table and a plot. Film from the side: an angle in the
# image is the joint's angle only if the limb lies in the image plane. Put a clip beside this notebook as `clip.mp4`.

# %%
"""Knee angles of a clip: doubtful keypoints left out, limb lengths checked, a table and a plot."""

import csv
import warnings
from pathlib import Path

import numpy as np

import videopose

for _ in videopose.run("clip.mp4", "knees.poses.json", pipeline="fast", overwrite=True):
    pass
result = videopose.read_result("knees.poses.json")
arrays = result.to_arrays()
names = result.header.skeleton.keypoints

# %% [markdown]
# Keypoints the network doubts become NaN: from there on nothing is invented.

# %%
MIN_SCORE = 0.3
points = np.where(arrays.keypoints[..., 2:] >= MIN_SCORE, arrays.keypoints[..., :2], np.nan)


def part(name):
    """(frames, people, 2) positions of a keypoint, image pixels."""
    return points[:, :, names.index(name)]


def angle_at(middle, one, other):
    """(frames, people) the angle at `middle` between two keypoints, degrees; 180 is a straight limb."""
    a, b = one - middle, other - middle
    cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(cosine.clip(-1, 1)))


# %% [markdown]
# A leg that is taken for the other one keeps a good score, but its thigh and shin change their length: where a
# length is far from the person's own median, the angle is left out.

# %%
TOLERANCE = 0.35
angles = {}
for side in ("left", "right"):
    hip, knee, ankle = (part(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
    angle = angle_at(knee, hip, ankle)
    for near, far in ((hip, knee), (knee, ankle)):
        length = np.linalg.norm(near - far, axis=-1)
        with warnings.catch_warnings():  # of somebody whose leg is never seen there is no median
            warnings.simplefilter("ignore", RuntimeWarning)
            usual = np.nanmedian(length, axis=0)
        angle[~(np.abs(length / usual - 1) <= TOLERANCE)] = np.nan
    angles[side] = angle
print({side: angle.shape for side, angle in angles.items()})

# %% [markdown]
# A table: a row per frame and person.

# %%
with Path("knees.csv").open("w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["frame", "time", "track_id", "left_knee", "right_knee"])
    for row, (index, time) in enumerate(zip(arrays.index, arrays.time, strict=True)):
        for column, track_id in enumerate(arrays.track_id):
            left, right = (angles[side][row, column] for side in ("left", "right"))
            table.writerow([index, f"{time:.3f}", track_id, f"{left:.1f}", f"{right:.1f}"])

# %% [markdown]
# A plot, if matplotlib is there. Gaps stay gaps.

# %%
try:
    from matplotlib.figure import Figure
except ImportError:
    print("no plot: matplotlib is not installed")
else:
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for column, track_id in enumerate(arrays.track_id):
        for side, angle in angles.items():
            axes.plot(arrays.time, angle[:, column], label=f"{side} knee of {track_id}")
    axes.set(xlabel="time, s", ylabel="angle, degrees", ylim=(0, 185))
    axes.legend(loc="lower left", fontsize="small")
    figure.savefig("knees.png", dpi=110)

# %% [markdown]
# ![Knee angles of two people over three seconds](images/knees.png)
#
# *Here over frames 40 to 139 of the clip that Sports2D ships (BSD 3-Clause,
# [credit](../demo.webp.license)).*
