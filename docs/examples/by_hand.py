# %% [markdown]
# # Detector, pose network and tracker by hand
# A pipeline is three objects. Taken one by one they go where a pipeline does not: between them anything can be
# changed.

# %%
"""Detector, pose network and tracker by hand: a loop over the frames of a clip."""

import videopose

detector = videopose.PersonDetector.load("fast")
estimator = videopose.PoseEstimator.load("fast")
tracker = videopose.Tracker("oks")

# %% [markdown]
# Boxes, poses and ids are arrays with one row per person; a mask chooses people, and all fields follow.

# %%
for frame in videopose.open_video("clip.mp4", frames=(0, 9)):
    people = detector(frame.image)
    people = people[people.score >= 0.5]
    poses = estimator(frame.image, people)
    tracked = tracker.update(poses, time=frame.time)
    print(frame.index, tracked.track_id.tolist(), tracked.keypoints.shape)

# %% [markdown]
# What the last frame looks like.

# %%
drawn = videopose.draw(frame.image, tracked)
drawn.shape
