"""Inputs and weights of the parity references, rebuilt from their rule so that only outputs need storing.

The rule is a function of names and shapes alone; `tests/data/README.models.md` says where the outputs come from.
"""

import hashlib
import math

import numpy as np

ONES = ("weight", "gamma", "scale", "g")


def generator(text):
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))


def reference_tensor(name, shape, gain):
    last = name.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    z = generator(name).standard_normal(shape)
    if last == "running_mean":
        value = 0.1 * z
    elif last == "running_var":
        value = 1 + 0.1 * np.abs(z)
    elif len(shape) == 0:
        value = 1 + 0.1 * z
    elif len(shape) == 1:
        is_prelu = last == "weight" and "prelu" in name.lower()
        value = 0.25 + 0.1 * z if is_prelu else (1 + 0.1 * z if last in ONES else 0.1 * z)
    elif last in ONES and last != "weight":
        value = 1 + 0.1 * z
    elif "weight" in last:
        value = z * math.sqrt(gain / max(1, math.prod(shape[1:])))
    else:
        value = 0.1 * z
    return np.asarray(value, np.float32)


def reference_input(name, shape):
    return generator("input:" + name).standard_normal(shape).astype(np.float32)


def _gaussian(h, w, x, y, spread, height):
    return height * np.exp(-((np.arange(w)[None] - x) ** 2 + (np.arange(h)[:, None] - y) ** 2) / (2 * spread**2))


def noisy_heatmaps(name="hm", n=6, k=17, *, special=True, noise=0.01):
    """Peaks at sub-pixel places on noise, (n, k, 64, 48); person 0 holds plateaus, borders, ties and empty maps."""
    h, w, spread = 64, 48, 2.0
    draw = generator("decode:" + name)
    out = np.zeros((n, k, h, w))
    for i in range(n):
        for j in range(k):
            x, y = draw.uniform(3, w - 4), draw.uniform(3, h - 4)
            out[i, j] = _gaussian(h, w, x, y, spread, draw.uniform(0.2, 1.0))
            out[i, j] += _gaussian(h, w, draw.uniform(0, w), draw.uniform(0, h), spread, draw.uniform(0, 0.3))
    out += draw.standard_normal(out.shape) * noise
    if special:
        _make_special(out[0], h, w, spread)
    return out.astype(np.float32)


def _make_special(p, h, w, spread):
    p[0] = 0
    p[1] = -np.abs(p[1]) - 0.1
    places = {2: (0, 0), 3: (w - 1, h / 2 + 0.3), 4: (1.2, h / 2 + 0.3), 5: (2.2, h / 2 + 0.3), 6: (w / 2, h / 2)}
    for j, (x, y) in places.items():
        p[j] = _gaussian(h, w, x, y, spread, 0.8)
    p[6, h // 2 - 1 : h // 2 + 2, w // 2 - 1 : w // 2 + 2] = 0.9
    p[7] = 0.01
    p[7, 10, 11] = p[7, 40, 30] = 0.7
    for j, (x, y) in {8: (20, 30), 9: (20.3, h - 2), 10: (w - 3.2, 25.4)}.items():
        p[j] = _gaussian(h, w, x, y, spread, 0.9)
    p[11] = 0
    p[11, 33, 17] = 0.5


def crop_keypoints(name="joints", n=3, k=17, w=192, h=256):
    """(n, k, 3) keypoints in crop pixels, some outside, with visibility 0 or 1."""
    draw = generator("decode:" + name)
    xy = np.stack([draw.uniform(-20, w + 20, (n, k)), draw.uniform(-20, h + 20, (n, k))], -1)
    xy[0, :4] = [[0, 0], [w - 1, h - 1], [-30, 10], [w / 2 + 2, h / 2 + 2]]
    visible = (draw.random((n, k, 1)) > 0.15).astype(float)
    visible[0, :4] = 1
    return np.concatenate([xy, visible], -1)


def reference_boxes(n=6):
    draw = generator("decode:boxes")
    ranges = ((0, 600), (0, 400), (20, 400), (20, 500))
    boxes = np.stack([draw.uniform(low, high, n) for low, high in ranges], 1)
    boxes[1:5] = [[100, 100, 500, 30], [50, 60, 20, 460], [-80.5, -40.25, 200, 300], [-51, 30, 100, 80]]
    return boxes.astype(np.float32)
