# %% [markdown]
# # First steps
# From a clip to people, their keypoints and ids. Put a clip beside this notebook as `clip.mp4`; open this file as a
# notebook in any editor that knows `# %%` cells, or convert it with `jupytext --to ipynb first_steps.py`.

# %%
"""First steps: a clip, its people, a table, a drawing."""

import videopose

# %% [markdown]
# A run does its work while it is iterated over; what it has done is kept, so it goes on after a stop.

# %%
run = videopose.run("clip.mp4", "clip.poses.json", pipeline="fast", overwrite=True)
run

# %%
for _ in run:
    pass

# %% [markdown]
# A result shows who is in it, from when to when.

# %%
result = videopose.read_result("clip.poses.json")
result

# %% [markdown]
# Statistics begin with arrays: frames, people, keypoints, and NaN where a person is absent.

# %%
arrays = result.to_arrays()
arrays

# %%
result.to_dataframe().groupby("track_id")["score"].mean()

# %% [markdown]
# One frame: detect, estimate, draw.

# %%
frame = videopose.open_video("clip.mp4")[10]
detector = videopose.PersonDetector.load("fast")
estimator = videopose.PoseEstimator.load("fast")
poses = estimator(frame.image, detector(frame.image))
poses

# %%
drawn = videopose.draw(frame.image, poses)
drawn.shape
