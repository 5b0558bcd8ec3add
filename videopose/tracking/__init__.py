"""Time, but no streams and no pixels: who is who from frame to frame, and how they moved.

Online: `create_tracker(options, skeleton)` gives an `OnlineTracker`, whose `step(poses, time)` returns track ids.
Over the whole video: `TrackTable` holds everything at once for linking, filling and smoothing.
"""
