"""Small generated scenes for scoring tests: people walking, predictions with errors, ids that switch."""

import numpy as np


def a_tracked_scene(seed, frames=30, objects=5, predictions=6):
    """Return (similarity (F, 1, G, P), truth present, predicted present, truth ids, predicted ids)."""
    rng = np.random.default_rng(seed)
    truth_id = np.tile(np.arange(objects), (frames, 1))
    predicted_id = np.tile(np.arange(predictions) * 3 + 1, (frames, 1))
    for frame in range(frames):
        if rng.random() < 0.3:
            predicted_id[frame] = rng.permutation(predicted_id[frame])
    shape = (frames, 1, objects, predictions)
    similarity = rng.random(shape) * (rng.random(shape) > 0.5)
    for frame in range(frames):
        for each in range(min(objects, predictions)):
            if rng.random() < 0.7:
                similarity[frame, 0, each, each] = rng.uniform(0.6, 1)
    present = rng.random((frames, 1, objects)) > 0.2, rng.random((frames, 1, predictions)) > 0.2
    return similarity, *present, truth_id, predicted_id


def per_frame(scene):
    """Yield (truth ids, predicted ids, similarity (G, P)) of those present in each frame of a one-channel scene."""
    similarity, truth, predicted, truth_id, predicted_id = scene
    for frame in range(len(similarity)):
        left, right = truth[frame, 0], predicted[frame, 0]
        yield truth_id[frame][left], predicted_id[frame][right], similarity[frame, 0][np.ix_(left, right)]
