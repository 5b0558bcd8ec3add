"""Named skeletons and the mapping between them. A skeleton owns names, edges, flip pairs and OKS constants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from videopose.errors import InputError, UnknownNameError, nearest_name
from videopose.types import F32, I64

_ONE_SIGMA: dict[str, float] = {  # COCO's constants; the last rows are not COCO's and say where they come from
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
    "head_bottom": 0.079, "head_top": 0.079,  # CrowdPose's values for neck and head
    "big_toe": 0.079, "small_toe": 0.079, "heel": 0.079,  # Halpe's
    "face": 0.079, "belly": 0.107, "pelvis": 0.107, "thorax": 0.079,  # as the nearest COCO keypoint of like extent
}  # fmt: skip


@dataclass(frozen=True)
class Skeleton:
    """Keypoint names with the edges between them and the constants that belong to them.

    Attributes:
        name: as it is looked up.
        keypoints: K names; `left_` and `right_` name the person's own sides.
        edges: pairs of keypoint indices that are drawn as limbs.
        oks_sigmas: K falloff constants (no unit), COCO's convention.
        parts: names of what whole-body skeletons are scored by, and how many keypoints each has, in order; the first is
            the body, by which people are tracked. Empty = everything is the body.
        pairs: further (left, right) of keypoint indices that change places in a mirrored image, whose names do not say
            so.
    """

    name: str
    keypoints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    oks_sigmas: tuple[float, ...]
    parts: tuple[tuple[str, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.keypoints)) != len(self.keypoints):
            raise InputError(f"skeleton {self.name}: a keypoint name stands twice in {list(self.keypoints)}")
        if len(self.oks_sigmas) != len(self.keypoints):
            raise InputError(
                f"skeleton {self.name}: {len(self.oks_sigmas)} OKS sigmas for {len(self.keypoints)} keypoints"
            )
        if any(not 0 <= end < len(self.keypoints) for edge in self.edges for end in edge):
            raise InputError(f"skeleton {self.name}: an edge names a keypoint index that does not exist")
        if self.parts and sum(count for _, count in self.parts) != len(self.keypoints):
            raise InputError(f"skeleton {self.name}: its parts do not add up to its {len(self.keypoints)} keypoints")

    def __len__(self) -> int:
        return len(self.keypoints)

    @cached_property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs (left, right) of keypoint indices that change places in a mirrored image."""
        position = {name: index for index, name in enumerate(self.keypoints)}
        named = (
            (index, position["right_" + name.removeprefix("left_")])
            for name, index in position.items()
            if name.startswith("left_") and "right_" + name.removeprefix("left_") in position
        )
        return (*named, *self.pairs)

    @cached_property
    def flip_index(self) -> I64:
        """(K,) `keypoints[flip_index]` is the keypoint order of the mirrored person."""
        index = np.arange(len(self.keypoints))
        for left, right in self.flip_pairs:
            index[left], index[right] = right, left
        index.flags.writeable = False
        return index

    @cached_property
    def sigmas(self) -> F32:
        """(K,) `oks_sigmas` as a read-only array."""
        array = np.array(self.oks_sigmas, np.float32)
        array.flags.writeable = False
        return array

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each part's keypoints stand; empty for a skeleton without parts."""
        ends = np.cumsum([0, *(count for _, count in self.parts)]).tolist()
        return {name: slice(low, high) for (name, _), low, high in zip(self.parts, ends[:-1], ends[1:], strict=True)}

    @property
    def num_body(self) -> int:
        """How many keypoints, the first ones, are the body: what people are compared and tracked by."""
        return self.parts[0][1] if self.parts else len(self.keypoints)

    def part(self, name: str) -> Skeleton:
        """Return a part as a skeleton of its own.

        Raises:
            UnknownNameError: there is no such part.
        """
        if name not in self.slices:
            raise UnknownNameError(f"skeleton {self.name} has no part {name!r}. {nearest_name(name, self.slices)}")
        rows = self.slices[name]
        inside = range(len(self.keypoints))[rows]
        moved = {
            kind: tuple((a - rows.start, b - rows.start) for a, b in ends if a in inside and b in inside)
            for kind, ends in (("edges", self.edges), ("pairs", self.pairs))
        }
        return Skeleton(
            f"{self.name}.{name}", self.keypoints[rows], moved["edges"], self.oks_sigmas[rows], pairs=moved["pairs"]
        )

    def index_of(self, keypoint: str) -> int:
        """Return the position of a keypoint by name.

        Raises:
            UnknownNameError: the skeleton has no such keypoint.
        """
        if keypoint not in self.keypoints:
            hint = nearest_name(keypoint, self.keypoints)
            raise UnknownNameError(f"skeleton {self.name} has no keypoint {keypoint!r}. {hint}")
        return self.keypoints.index(keypoint)


def make_skeleton(name: str, keypoints: list[str], edges: list[tuple[str, str]]) -> Skeleton:
    """Build a skeleton from names; OKS constants follow from the names, 0.079 for a name COCO does not know."""
    position = {keypoint: index for index, keypoint in enumerate(keypoints)}
    sigmas = (_ONE_SIGMA.get(keypoint.removeprefix("left_").removeprefix("right_"), 0.079) for keypoint in keypoints)
    pairs = tuple((position[a], position[b]) for a, b in edges)
    return Skeleton(name, tuple(keypoints), pairs, tuple(sigmas))


def _both(*names: str) -> list[str]:
    return [f"{side}_{name}" for name in names for side in ("left", "right")]


def _side(side: str, *names: str) -> list[str]:
    return [f"{side}_{name}" for name in names]


def _sides(*edges: tuple[str, str]) -> list[tuple[str, str]]:
    return [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in edges]


_LIMBS = _sides(("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("shoulder", "hip"))
_TRUNK = [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), *_LIMBS]
_FACE = [("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear")]
_BODY = _both("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_COCO17 = ["nose", *_both("eye", "ear"), *_BODY]
_NECK = [("head_bottom", "left_shoulder"), ("head_bottom", "right_shoulder"), ("head_bottom", "head_top")]
_RIGHT_FIRST_LEG_ARM = [
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
]  # fmt: skip

_HALPE_HEAD = {"head_top": 0.026, "head_bottom": 0.026, "pelvis": 0.066}
_FEET = _sides(("ankle", "big_toe"), ("ankle", "small_toe"), ("ankle", "heel"))
_HEAD = [("left_eye", "right_eye"), *_sides(("ear", "shoulder"))]


def _halpe26() -> Skeleton:
    """Build Halpe's body with feet; its head, neck and hip are called as elsewhere here."""
    plain = make_skeleton(
        "halpe26",
        [*_COCO17, "head_top", "head_bottom", "pelvis", *_both("big_toe", "small_toe", "heel")],
        [*_sides(("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")), *_FACE, *_NECK,
         ("head_bottom", "pelvis"), ("pelvis", "left_hip"), ("pelvis", "right_hip"), *_HEAD, *_FEET],
    )  # fmt: skip
    sigmas = [_HALPE_HEAD.get(name, sigma) for name, sigma in zip(plain.keypoints, plain.oks_sigmas, strict=True)]
    return replace(plain, oks_sigmas=tuple(sigmas))


_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_HAND = ["hand_root", *(f"{finger}{joint}" for finger in _FINGERS for joint in range(1, 5))]
_FACE_SIGMAS = (
    .042, .043, .044, .043, .040, .035, .031, .025, .020, .023, .029, .032, .037, .038, .043, .041, .045, .013, .012,
    .011, .011, .012, .012, .011, .011, .013, .015, .009, .007, .007, .007, .012, .009, .008, .016, .010, .017, .011,
    .009, .011, .009, .007, .013, .008, .011, .012, .010, .034, .008, .008, .009, .008, .008, .007, .010, .008, .009,
    .009, .009, .007, .007, .008, .011, .008, .008, .008, .01, .008,
)  # fmt: skip
_HAND_SIGMAS = (
    .029, .022, .035, .037, .047, .026, .025, .024, .035, .018, .024, .022, .026, .017, .021, .021, .032, .02, .019,
    .022, .031,
)  # fmt: skip
_FACE_PAIRS = [
    *((low, 16 - low) for low in range(8)), *((17 + low, 26 - low) for low in range(5)), (31, 35), (32, 34),
    (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (55, 59), (56, 58),
    (60, 64), (61, 63), (65, 67),
]  # fmt: skip
"""Of the 68 points of a face, whose names are numbers: those that change places in a mirrored image."""


def _wholebody133() -> Skeleton:
    """Build COCO-WholeBody's skeleton; names, edges and falloff constants as published.

    Source:
        Jin et al., Whole-Body Human Pose Estimation in the Wild, ECCV 2020; github.com/jin-s13/COCO-WholeBody.
    """
    toes = ("big_toe", "small_toe", "heel")
    keypoints = [
        *_COCO17, *_side("left", *toes), *_side("right", *toes), *(f"face-{number}" for number in range(68)),
        *_side("left", *_HAND), *_side("right", *_HAND),
    ]  # fmt: skip
    fingers = [
        edge
        for finger in _FINGERS
        for edge in (("wrist", f"{finger}1"), *((f"{finger}{low}", f"{finger}{low + 1}") for low in range(1, 4)))
    ]
    plain = make_skeleton("wholebody133", keypoints, [*_TRUNK, *_FACE, *_HEAD, *_FEET, *_sides(*fingers)])
    first_face = keypoints.index("face-0")
    feet = (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
    return replace(
        plain,
        oks_sigmas=(*plain.oks_sigmas[:17], *feet, *_FACE_SIGMAS, *_HAND_SIGMAS, *_HAND_SIGMAS),
        parts=(("body", 17), ("foot", 6), ("face", 68), ("lefthand", 21), ("righthand", 21)),
        pairs=tuple((first_face + a, first_face + b) for a, b in _FACE_PAIRS),
    )


SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton
    for skeleton in (
        make_skeleton("coco17", _COCO17, _TRUNK + _FACE),
        # The product's own: COCO's 17 in COCO's order, then the two points PoseTrack adds.
        make_skeleton(
            "body19",
            [*_COCO17, "head_bottom", "head_top"],
            [*_TRUNK, *_FACE, *_NECK, ("head_bottom", "nose")],
        ),
        make_skeleton(
            "posetrack15",
            ["nose", "head_bottom", "head_top", *_BODY],
            [*_TRUNK, *_NECK, ("head_bottom", "nose")],
        ),
        make_skeleton("lsp14", [*_RIGHT_FIRST_LEG_ARM, "head_bottom", "head_top"], [*_TRUNK, *_NECK]),
        make_skeleton("crowdpose14", [*_BODY, "head_top", "head_bottom"], [*_TRUNK, *_NECK]),
        make_skeleton(
            "mpii16",
            [*_RIGHT_FIRST_LEG_ARM[:6], "pelvis", "thorax", "head_bottom", "head_top", *_RIGHT_FIRST_LEG_ARM[6:]],
            [*_LIMBS, ("pelvis", "thorax"), ("thorax", "head_bottom"), ("head_bottom", "head_top")],
        ),
        make_skeleton(
            "jhmdb15",
            ["head_bottom", "belly", "face", "right_shoulder", "left_shoulder", "right_hip", "left_hip",
             "right_elbow", "left_elbow", "right_knee", "left_knee", "right_wrist", "left_wrist",
             "right_ankle", "left_ankle"],
            [*_TRUNK, ("head_bottom", "face"), ("head_bottom", "belly")],
        ),
        make_skeleton("penn13", ["head_top", *_BODY], _TRUNK),
        # PoseTrack 2018 with the ears its files list but never label; published checkpoints predict all 17.
        make_skeleton(
            "posetrack17",
            ["nose", "head_bottom", "head_top", *_both("ear"), *_BODY],
            [*_TRUNK, *_NECK, ("head_bottom", "nose")],
        ),
        make_skeleton(
            "aic14",
            [*_side("right", "shoulder", "elbow", "wrist"), *_side("left", "shoulder", "elbow", "wrist"),
             *_side("right", "hip", "knee", "ankle"), *_side("left", "hip", "knee", "ankle"),
             "head_top", "head_bottom"],
            [*_TRUNK, *_NECK],
        ),
        _halpe26(),
        _wholebody133(),
    )
}  # fmt: skip


def skeleton_named(name: str) -> Skeleton:
    """Return the skeleton of a name.

    Raises:
        UnknownNameError: no skeleton has that name.
    """
    if name not in SKELETONS:
        raise UnknownNameError(f"no skeleton is named {name!r}. {nearest_name(name, SKELETONS)}")
    return SKELETONS[name]


def shared_keypoints(source: Skeleton, target: Skeleton) -> tuple[I64, I64]:
    """Pair the keypoints two skeletons share, by name.

    Returns:
        Two index arrays of equal length: positions in `source` and positions in `target`.
    """
    pairs = [
        (source.keypoints.index(name), position)
        for position, name in enumerate(target.keypoints)
        if name in source.keypoints
    ]
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]
