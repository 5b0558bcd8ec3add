"""Draw docs/angles.png: a body that looks to the right, with its angles as `videopose.geometry.joint_angles` has them.

Run as `python docs/angles_figure.py` from the checkout; needs matplotlib.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Arc

from videopose.geometry.joint_angles import angle_of, with_middles

POINTS = {
    "head_top": (258, 20), "head_bottom": (240, 100), "right_shoulder": (236, 112), "left_shoulder": (244, 112),
    "right_elbow": (270, 190), "right_wrist": (345, 165), "left_elbow": (196, 185), "left_wrist": (205, 262),
    "right_hip": (196, 262), "left_hip": (204, 262), "right_knee": (306, 318), "right_ankle": (262, 430),
    "left_knee": (214, 372), "left_ankle": (120, 430), "right_heel": (242, 442), "right_big_toe": (312, 442),
    "left_heel": (104, 412), "left_big_toe": (132, 470),
}  # fmt: skip
BONES = (
    ("head_top", "neck"), ("neck", "mid_hip"),
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "heel"),
        ("heel", "big_toe"))),
)  # fmt: skip
JOINTS = {
    "right_knee": (("right_hip", "right_knee"), ("right_knee", "right_ankle"), "right_knee", (44, 30)),
    "right_hip": (("neck", "mid_hip"), ("right_hip", "right_knee"), "mid_hip", (-70, 40)),
    "right_elbow": (("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), "right_elbow", (34, 36)),
    "right_shoulder": (("neck", "mid_hip"), ("right_shoulder", "right_elbow"), "right_shoulder", (46, 12)),
}  # fmt: skip
"""Of each joint: the segment it is measured from, the segment it is measured to, where the arc lies, and its text."""
SEGMENTS = {"trunk": ("mid_hip", (-74, -22)), "left_shank": ("left_knee", (-40, 58)), "head": ("neck", (36, -22))}
"""Of each segment: where the horizontal is drawn, and its text."""


def main() -> None:
    """Draw and write the figure."""
    points = with_middles({name: np.array(xy, float) for name, xy in POINTS.items()})
    figure = Figure(figsize=(7.4, 6.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    for first, second in BONES:
        colour = "0.75" if first.startswith("left") else "0.25"
        axes.plot(*zip(points[first], points[second], strict=True), color=colour, linewidth=4, marker="o", markersize=6)
    for name, (start, end, place, text) in JOINTS.items():
        _arc(axes, points, name, points[start[1]] - points[start[0]], points[end[1]] - points[end[0]], place, text)
    for name, (place, text) in SEGMENTS.items():
        along = {"trunk": ("mid_hip", "neck"), "left_shank": ("left_knee", "left_ankle"), "head": ("neck", "head_top")}
        x, y = points[place]
        axes.plot([x, x + 62], [y, y], color="#0072b2", linewidth=1, linestyle="--")
        first, second = along[name]
        _arc(axes, points, name, np.array([1.0, 0.0]), points[second] - points[first], place, text, colour="#0072b2")
    axes.set_xlim(20, 460)
    axes.set_ylim(485, 0)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title("dark: right side, flexion positive (orange); blue: segments, anticlockwise from the horizontal",
                   fontsize=9)  # fmt: skip
    figure.savefig(Path(__file__).with_name("angles.png"), metadata={"Software": None})


def _arc(axes, points, name, start, end, place, text, colour="#d55e00"):  # type: ignore[no-untyped-def]
    degrees = float(angle_of(name, points))
    first, second = (np.degrees(np.arctan2(each[1], each[0])) for each in (start, end))
    turn = (second - first + 180) % 360 - 180
    low, high = (first, first + turn) if turn > 0 else (first + turn, first)
    axes.add_patch(Arc(points[place], 66, 66, theta1=low, theta2=high, color=colour, linewidth=2))
    if colour != "#0072b2":
        axes.plot(*zip(points[place], points[place] + 60 * start / np.hypot(*start), strict=True), color=colour,
                  linewidth=1, linestyle="--")  # fmt: skip
    label = f"{name.partition('_')[2] or name} {degrees:.0f}°"
    axes.annotate(label, points[place] + text, color=colour, fontsize=10, fontweight="bold")


if __name__ == "__main__":
    main()
