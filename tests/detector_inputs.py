"""Inputs of the detectors' decoding references, rebuilt from their rule: pure functions of names.

`tests/data/README.models.md` says where the outputs come from.
"""

import numpy as np
from reference_inputs import generator

STRIDES = (8, 16, 32)
SIZES = {"wide": (256, 416), "borders": (224, 320)}
# level, x1, y1, x2, y2, logit, class, cells around the centre that see the person
PEOPLE = {
    "plain": [
        (0, 40, 30, 74, 110, 2.0, 0, 1), (1, 120, 60, 190, 230, 3.0, 0, 1), (1, 150, 66, 214, 236, 1.2, 2, 1),
        (2, 10, 120, 150, 316, 0.4, 0, 1), (0, 250, 200, 270, 250, -1.0, 7, 1), (0, 44, 32, 77, 112, 1.1, 0, 0),
        (2, 180, 30, 310, 300, 2.2, 0, 0),
    ],
    "wide": [
        (1, 20, 20, 90, 200, 1.0, 0, 1), (1, 36, 24, 104, 210, 1.4, 0, 1), (1, 60, 22, 130, 204, 0.7, 1, 1),
        (0, 300, 100, 330, 180, 2.5, 0, 1), (2, 200, 10, 400, 250, -0.5, 0, 1), (0, 390, 30, 412, 90, -2.0, 79, 1),
        (0, 302, 96, 333, 176, 2.4, 0, 0),
    ],
    "ties": [
        (0, 40, 40, 80, 120, 1.5, 0, 2), (0, 200, 40, 240, 120, 1.5, 0, 2), (1, 40, 40, 80, 120, 1.5, 0, 1),
        (1, 100, 180, 200, 280, 0.5, 0, 0), (1, 100, 180, 200, 240, 0.25, 0, 0), (2, 220, 180, 320, 280, 0.5, 0, 0),
        (2, 220, 180, 320, 245, 0.25, 0, 0), (2, 220, 180, 320, 238, 0.25, 0, 0),
    ],
    "borders": [
        (1, -30, -20, 60, 150, 2.0, 0, 1), (1, 260, 100, 400, 300, 2.0, 0, 1), (2, -50, -60, 380, 290, 1.0, 0, 0),
        (0, 100, 210, 130, 260, 1.0, 0, 0), (0, 100, 40, 90, 100, 3.0, 0, 0), (0, 150, 60, 150, 100, 3.0, 0, 0),
        (0, 330, 20, 360, 90, 3.0, 0, 0), (0, 200, 20, 230, 20.5, 2.5, 0, 0),
    ],
}  # fmt: skip


def noise(name, shape, scale=1.0):
    return (scale * generator("detectors:" + name).standard_normal(shape)).astype(np.float32)


def image(name, height, width):
    """A smooth coloured image, blue first, with hard-edged rectangles and a little noise."""
    rng = generator("detectors:image:" + name)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    out = np.empty((height, width, 3))
    for c in range(3):
        a, b, p = rng.uniform(0.01, 0.06, 3)
        out[:, :, c] = 120 + 60 * np.sin(a * x + 7 * p) + 50 * np.cos(b * y + 3 * p * x / width)
    for _ in range(12):
        h, w = int(rng.integers(3, max(4, height // 2))), int(rng.integers(3, max(4, width // 4)))
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        out[top : top + h, left : left + w] = rng.integers(0, 256, 3)
    out += rng.integers(-8, 9, out.shape)
    return np.clip(np.floor(out), 0, 255).astype(np.uint8)


def size_of(case):
    return SIZES.get(case, (320, 320))


def _levels(case):
    """Boxes (h, w, 4), person logits (h, w) and classes (h, w) of each level."""
    out = []
    for i, s in enumerate(STRIDES):
        h, w = (side // s for side in size_of(case))
        n = noise(f"box:{case}:{i}", (h, w, 4))
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        cx, cy = xx * s + s / 2, yy * s + s / 2
        box = np.stack([cx - 2 * s, cy - 3 * s, cx + 2 * s, cy + 3 * s], -1) + n * s
        logit = -7 + 0.5 * noise(f"logit:{case}:{i}", (h, w))
        if case == "many" and i == 0:
            box = np.stack([cx - 3.5, cy - 3.5, cx + 3.5, cy + 3.5], -1) + 0.05 * n
            logit = -1 + noise("many:logit", (h, w))
        if case == "touching":
            logit = np.full((h, w), -7, np.float32)
            for k in range(10 if i == 0 else 0):
                logit[4, 3 + 3 * k] = 2 - 0.1 * k
                box[4, 3 + 3 * k] = (16 + 10 * k, 40, 16 + 10 * k + 40, 120)
        if case == "threshold" and i == 0:
            logit[2:12, 2:30:6] = _threshold_logits().reshape(10, 5)
        out.append((box.astype(np.float32), logit.astype(np.float32), np.zeros((h, w), np.int64)))
    for number, row in enumerate(PEOPLE.get(case, ())):
        _draw(case, number, row, *out[row[0]])
    return out


def _draw(case, number, row, box, logit, label):
    stride, tie = STRIDES[row[0]], case in ("ties", "borders")
    h, w = (side // stride for side in size_of(case))
    r = min(max(int((row[2] + row[4]) / 2 // stride), 0), h - 1)
    c = min(max(int((row[1] + row[3]) / 2 // stride), 0), w - 1)
    for dr in range(-row[7], row[7] + 1):
        for dc in range(-row[7], row[7] + 1):
            a, b = r + dr, c + dc
            if not (0 <= a < box.shape[0] and 0 <= b < box.shape[1]):
                continue
            wobble = np.zeros(5) if tie else noise(f"wobble:{case}:{number}:{dr}:{dc}", (5,))
            value = row[5] - (0 if tie else 0.45 * (abs(dr) + abs(dc)) + 0.1 * abs(wobble[4]))
            if value >= logit[a, b]:
                box[a, b] = np.array(row[1:5], np.float32) + (0 if tie else 1.5 * wobble[:4])
                logit[a, b], label[a, b] = value, row[6]


def _threshold_logits():
    """50 consecutive float32 numbers around the logit of 0.05."""
    middle = np.float32(np.log(0.05 / 0.95))
    up, down = [middle], [middle]
    for _ in range(24):
        up.append(np.nextafter(up[-1], np.float32(0)))
    for _ in range(25):
        down.append(np.nextafter(down[-1], np.float32(-10)))
    return np.array(down[:0:-1] + up, np.float32)


def rtmdet_outputs(case):
    """Per level: logits (1, 1, h, w) and distances (1, 4, h, w) as RTMDet's head returns them."""
    logits, distances = [], []
    for (box, logit, _), s in zip(_levels(case), STRIDES, strict=True):
        yy, xx = np.mgrid[0 : box.shape[0], 0 : box.shape[1]].astype(np.float32) * s
        sides = [xx - box[..., 0], yy - box[..., 1], box[..., 2] - xx, box[..., 3] - yy]
        distances.append(np.stack(sides)[None].astype(np.float32))
        logits.append(logit[None, None])
    return logits, distances


def yolox_outputs(case, classes):
    """Per level: class logits (1, C, h, w), dx, dy, log w, log h (1, 4, h, w), objectness logits (1, 1, h, w)."""
    scored, boxes, objects = [], [], []
    for i, ((box, logit, label), s) in enumerate(zip(_levels(case), STRIDES, strict=True)):
        yy, xx = np.mgrid[0 : box.shape[0], 0 : box.shape[1]].astype(np.float32)
        w, h = np.maximum(box[..., 2] - box[..., 0], 1e-3), np.maximum(box[..., 3] - box[..., 1], 1e-3)
        cx, cy = (box[..., 0] + box[..., 2]) / 2, (box[..., 1] + box[..., 3]) / 2
        size = np.log(w.astype(np.float64) / s), np.log(h.astype(np.float64) / s)
        boxes.append(np.stack([cx / s - xx, cy / s - yy, *size])[None].astype(np.float32))
        objects.append(logit[None, None])
        c = (
            np.full((classes, *label.shape), -6, np.float32)
            + 0.5 * noise(f"class:{case}:{i}", (80, *label.shape))[:classes]
        )
        best = (
            np.float32(4) if case in ("ties", "touching", "threshold") else 2 + noise(f"best:{case}:{i}", label.shape)
        )
        np.put_along_axis(c, label[None] % classes, np.broadcast_to(best, label.shape)[None].astype(np.float32), 0)
        scored.append(c[None].astype(np.float32))
    return scored, boxes, objects


def detr_outputs():
    """Logits (1, 300, 91) and cx, cy, w, h in 0..1 (1, 300, 4)."""
    logits = -5 + noise("detr:logits", (1, 300, 91))
    box = 1 / (1 + np.exp(-noise("detr:box", (1, 300, 4), 1.2).astype(np.float64)))
    for k in range(20):
        logits[0, 11 * k, (k * 7) % 91 if k % 2 else 1] = 2.5 - 0.2 * k
    logits[0, 50, 1] = logits[0, 0, 1]
    return logits.astype(np.float32), box.astype(np.float32)
