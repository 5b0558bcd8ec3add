# %% [markdown]
# # Two people crossing
# Who is who after two people have passed each other is what online trackers get wrong most. Here the raw poses of a
# clip are tracked twice, without running a network again, and drawn side by side.

# %%
"""Two people crossing: one set of poses, an online tracker and the whole-video tracker, drawn side by side."""

import numpy as np

import videopose

RAW = ["tracker.keep_untracked=true", "smoothing.method=none", "smoothing.max_fill=0"]
for _ in videopose.run("clip.mp4", "raw.poses.json", pipeline="fast", overrides=RAW, overwrite=True):
    pass
raw = list(videopose.read_result("raw.poses.json"))
poses = [record.poses for record in raw]
times = [record.frame.time for record in raw]

# %% [markdown]
# An online tracker sees the past alone; `track` sees the whole video.

# %%
online = videopose.Tracker("iou")
one_by_one = [online.update(each, time=time) for each, time in zip(poses, times, strict=True)]
whole = videopose.track(poses, times)
for name, tracked in (("online", one_by_one), ("whole video", whole)):
    ids = sorted({int(each) for frame in tracked for each in frame.track_id if each >= 0})
    print(f"{name}: {len(ids)} ids")

# %% [markdown]
# The last frame with most people in it, left online, right over the whole video; each id has its colour.

# %%
most = max(len(each) for each in poses)
last = max(number for number, each in enumerate(poses) if len(each) == most)
image = videopose.open_video("clip.mp4")[raw[last].frame.index].image
drawn = np.hstack([videopose.draw(image, tracked[last]) for tracked in (one_by_one, whole)])
drawn.shape

# %% [markdown]
# ![Two people after they have passed each other, tracked in two ways](images/crossing.jpg)
#
# *Here over the clip that `tests/demo_clip.py` makes of a portrait of Grace Hopper (public domain): one of the two is
# hidden behind a pillar for a while.*
