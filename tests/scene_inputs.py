"""What bottom-up networks would give for made-up scenes, rebuilt from the rule of the frozen references' generator."""

import numpy as np
from reference_inputs import generator

SIDE = 512
# one body, standing, unit height, COCO order
BODY = np.array([
    [0, .10], [.03, .08], [-.03, .08], [.06, .10], [-.06, .10], [.12, .22], [-.12, .22], [.17, .38], [-.17, .38],
    [.19, .53], [-.19, .53], [.08, .52], [-.08, .52], [.09, .75], [-.09, .75], [.10, .97], [-.10, .97],
])  # fmt: skip
FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
BORDER = [
    [-8, 120, 220], [SIDE + 3, 150, 200], [SIDE * 0.4, -90, 240], [SIDE * 0.6, SIDE - 110, 230],
    [SIDE - 40, SIDE - 60, 180], [-300, -300, 150],
]  # fmt: skip
TIE = [[120, 100, 200], [120, 100, 200], [330, 120, 240], [330, 180, 120], [440, 300, 150]]


def _draw(text):
    return generator("bottomup:" + text)


def _places(case, draw):
    """Centre x, top y and size of each person."""
    if case == "crowd":
        return [
            [
                SIDE * 0.5 + (i - 7) * 19 + draw.uniform(-6, 6),
                SIDE * 0.3 + draw.uniform(-25, 25),
                draw.uniform(150, 260),
            ]
            for i in range(15)
        ]
    if case[0] != "n":
        return BORDER if case == "border" else TIE
    side = int(np.ceil(np.sqrt(max(int(case[1:]), 1))))
    cell, places = SIDE / side, []
    for i in range(int(case[1:])):
        size = draw.uniform(0.55, 1.0) * min(cell * 1.2, cell, 300)
        x = (i % side + 0.5) * cell + draw.uniform(-0.1, 0.1) * cell
        places.append([x, (i // side + 0.5) * cell - size / 2 + draw.uniform(-0.05, 0.05) * cell, size])
    return places


def people(case):
    """(P, 17, 3) x, y and visibility; `full30` is n30 with everything labelled, `tie4` is tie without its last one."""
    if case == "tie4":
        return people("tie")[:4]
    name = "n30" if case == "full30" else case
    draw = _draw("people:" + name)
    places = _places(name, draw)
    out = np.zeros((len(places), 17, 3))
    for i, (x, top, size) in enumerate(places):
        if not (name == "tie" and i in (1, 3)):  # those are the one before again
            jitter = draw.standard_normal((17, 2)) * 0.025
            seen = draw.random(17) > (0.15 if name != "tie" else 0)
            hidden = draw.random(17) < 0.2
        body = BODY + (jitter if name != "tie" or i in (0, 1) else 0)
        out[i] = np.column_stack([x + size * body[:, 0], top + size * body[:, 1], np.where(hidden, 1, 2)])
        if case != "full30":
            out[i, ~seen] = 0
        if name == "tie" and i == 4:
            out[i, 1:] = 0
    out[..., :2] = np.round(out[..., :2], 2)
    return out


def _bump(side, x, y, spread, height=1.0):
    across, down = np.arange(side)[None], np.arange(side)[:, None]
    return height * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * spread**2))


def dekr_maps(case, *, scale=1.0, flipped=False):
    """Heatmaps (1, 18, h, w), the centre's last, and offsets (1, 34, h, w) for an image that was resized by `scale`."""
    draw = _draw(f"dekr:{case}:{scale:g}:{int(flipped)}:")
    side, ties = int(SIDE * scale) // 4, case[:3] == "tie"
    joints = people(case)
    joints[..., :2] *= scale / 4
    heat = np.abs(draw.standard_normal((18, side, side))) * 0.002
    offsets = draw.standard_normal((34, side, side)) * 6
    down, across = np.mgrid[:side, :side]
    best = np.zeros((side, side))
    for person in joints:
        height = np.full(18, 0.75) if ties else draw.uniform(0.35, 0.95, 18)
        error = np.zeros((17, 2)) if ties else draw.standard_normal((17, 2)) * 0.4
        labelled = person[:, 2] > 0
        if not labelled.any():
            continue
        place = person.copy()
        x, y = place[labelled, :2].mean(0)
        place[~labelled, :2] = x, y
        if flipped:
            place, labelled = place[FLIP], labelled[FLIP]
            place[:, 0], x = side - 1 - place[:, 0], side - 1 - x
        for j in np.flatnonzero(labelled):
            heat[j] = np.maximum(heat[j], _bump(side, *place[j, :2], 2.0, height[j]))
        near = _bump(side, x, y, 4.0)
        heat[17] = np.maximum(heat[17], near * height[17])
        inside = (near > 0.3) & (near > best)
        best = np.maximum(best, near)
        for j in range(17):
            offsets[2 * j][inside] = (across - place[j, 0] - error[j, 0])[inside]
            offsets[2 * j + 1][inside] = (down - place[j, 1] - error[j, 1])[inside]
        if not ties:  # a second centre on the same person
            second = _bump(side, round(x) + 4, round(y) + 3, 1.0, 0.9 * height[17])
            heat[17] = np.maximum(heat[17], second)
    if case == "n0":
        heat *= 0.5
    return heat[None].astype(np.float32), offsets[None].astype(np.float32)
