"""From a training config to a pack: every crop it would learn from, cut larger than the network's, in parts."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import Field
from torch import Tensor

from videopose.config import Options
from videopose.data.samples import ImageCache, LabelledImage
from videopose.data.sources import load_source
from videopose.errors import ConfigError, DatasetError
from videopose.estimators.build import PoseOptions, describe_pose
from videopose.geometry.affine import apply, crop_from_box
from videopose.geometry.warp import warp_array
from videopose.models.weights import locate, read_state
from videopose.models.zoo import Weights, to_card
from videopose.skeletons import Skeleton, skeleton_named
from videopose.training.distillation import DistillOptions
from videopose.training.packed import blocks
from videopose.training.packed.parts import Header, Labels, write_part
from videopose.training.pose_batches import Person, people_of
from videopose.training.pose_losses import resolve
from videopose.training.pose_task import PoseTaskOptions
from videopose.training.run import TrainOptions
from videopose.types import F64, U8

log = logging.getLogger(__name__)

_CHUNK = 64
"""Crops compressed together."""


class PackOptions(Options):
    """How a pack is written; `blocks` of quality 50 err as much as `webp` of 50."""

    coding: Literal["blocks", "webp"] = Field(
        default="blocks",
        description="blocks are unpacked by PyTorch alone; webp is a third smaller, but takes OpenCV or Pillow there",
    )
    quality: int = Field(default=50, ge=1, le=95, description="of the crops, on the scale of JPEG and WebP")
    margin: float = Field(
        default=1.4, ge=1, description="how much more than the network sees is stored, along each axis"
    )
    density: float = Field(default=0.8, gt=0, le=2, description="stored pixels per pixel of the network's crop")
    part_mib: float = Field(default=39.5, gt=0, description="largest size of a part")
    people: int = Field(
        default=0, ge=0, description="at most so many, of each source as many as its share asks for; 0 is all"
    )
    held_out: int = Field(
        default=250, ge=0, description="people of the validation sets, for measuring on the way; they are in part 1"
    )
    seed: int = Field(default=0, description="by which people are mixed")
    workers: int = Field(default=1, ge=1, description="threads that cut and compress")


@dataclass(frozen=True, eq=False)
class _Job:
    """People of one image, and which source they are of."""

    people: tuple[Person, ...]
    source: int
    is_held_out: bool = False


def pack(
    options: TrainOptions,
    data_dir: Path,
    output: Path,
    how: PackOptions,
    *,
    on_people: Callable[[int, int], None] = lambda done, whole: None,
) -> list[Path]:
    """Write a pose config's crops and labels into parts, `NAME-1.safetensors` and so on.

    Args:
        options: the training config.
        data_dir: folder its data sets' paths are relative to.
        output: where the parts go: `folder/NAME.safetensors`.
        how: sizes and quality.
        on_people: called with how many people are done, of how many.

    Returns:
        The parts' paths.

    Raises:
        ConfigError: the config trains no pose network, or one with phases.
        DatasetError: the data cannot be read.
    """
    if options.task != "pose" or options.pose is None:
        raise ConfigError(f"task = {options.task}: packs are of pose configs; choose one of those")
    pose = options.pose
    if pose.phases:
        raise ConfigError("pose.phases: a packed training has one input size; --set pose.phases=[]")
    if pose.anchor is not None:
        raise ConfigError("pose.anchor: a packed training has none, but pose.distill; --set pose.anchor=null")
    jobs = _training_jobs(pose, data_dir, how)
    held_out = _held_out_jobs(pose, data_dir, how)
    header = _header(options, pose, how)
    teacher = {} if pose.distill is None else _teacher_state(pose.distill)
    writer = _Writer(output, header, int(how.part_mib * 2**20), teacher)
    whole = sum(len(job.people) for job in (*held_out, *jobs))
    done = 0
    chunks = list(_chunks([*held_out, *jobs]))
    cutter = _Cutter(header, options.loop.cache_gib)
    with ThreadPoolExecutor(how.workers) as pool:
        for start in range(0, len(chunks), 2 * how.workers):
            for data, labels in pool.map(cutter, chunks[start : start + 2 * how.workers]):
                writer.add(data, labels)
                done += len(labels)
                on_people(done, whole)
    writer.finish()
    return writer.paths


def _training_jobs(pose: PoseTaskOptions, data_dir: Path, how: PackOptions) -> list[_Job]:
    """List the images of all sources, mixed, each with its people; of large sources so many as are asked for."""
    skeleton = skeleton_named(pose.skeleton)
    rng = np.random.default_rng(how.seed)
    shares = np.array([source.share for source in pose.data.sources])
    jobs = []
    for number, source in enumerate(pose.data.sources):
        people = people_of(load_source(data_dir, source, skeleton), pose.data)
        if not people:
            raise DatasetError(f"{data_dir / source.annotations}: nobody has {pose.data.min_keypoints} keypoints")
        most = round(how.people * shares[number] / shares.sum()) if how.people else len(people)
        chosen = rng.permutation(len(people))[: max(1, most)]
        jobs += [_Job(tuple(own), number) for own in _by_image([people[row] for row in np.sort(chosen)])]
    return [jobs[place] for place in rng.permutation(len(jobs))]


def _held_out_jobs(pose: PoseTaskOptions, data_dir: Path, how: PackOptions) -> list[_Job]:
    if not how.held_out or not pose.validation:
        return []
    scored = pose.data.model_copy(update={"min_keypoints": max(1, pose.data.min_keypoints)})
    jobs = []
    for source in pose.validation:
        people = people_of(load_source(data_dir, source, skeleton_named(pose.skeleton)), scored)
        most = max(1, how.held_out // len(pose.validation))
        rows = np.unique(np.linspace(0, len(people) - 1, min(len(people), most)).astype(int))
        jobs += [_Job(tuple(own), 0, is_held_out=True) for own in _by_image([people[row] for row in rows])]
    return jobs


def _by_image(people: Sequence[Person]) -> Iterator[list[Person]]:
    own: list[Person] = []
    for person in people:
        if own and own[-1][0] is not person[0]:
            yield own
            own = []
        own.append(person)
    if own:
        yield own


def _chunks(jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
    """Cut a list of images into runs of `_CHUNK` people, images split where need be; held-out people apart."""
    run: list[_Job] = []
    for job in jobs:
        if run and run[-1].is_held_out and not job.is_held_out:
            yield run
            run = []
        left = job.people
        while left:
            room = _CHUNK - sum(len(each.people) for each in run)
            run.append(replace(job, people=left[:room]))
            left = left[room:]
            if sum(len(each.people) for each in run) == _CHUNK:
                yield run
                run = []
    if run:
        yield run


def stored_hw(input_hw: tuple[int, int], how: PackOptions) -> tuple[int, int]:
    """Return (height, width) of stored crops, the next multiples of what they are coded in."""
    sides = [math.ceil(side * how.margin * how.density / blocks.MULTIPLE) * blocks.MULTIPLE for side in input_hw]
    return sides[0], sides[1]


def _header(options: TrainOptions, pose: PoseTaskOptions, how: PackOptions) -> Header:
    codec, loss = resolve(pose.architecture, pose.codec, pose.loss)
    card = Weights(
        f"{pose.architecture}.packed",
        "",
        skeleton=pose.skeleton,
        input_hw=pose.input_hw,
        codec=codec,
        options=pose.model,
        antialias=pose.data.antialias,
        padding=pose.data.geometry.padding,
        bfloat16=pose.bfloat16,
    )
    teacher = {}
    if pose.distill is not None:
        own = describe_pose(PoseOptions(model=pose.distill.model, weights=pose.distill.weights))
        asked = pose.distill.model_dump(include={"weight", "temperature", "min_score", "flip_test"})
        teacher = {**asked, "card": to_card(replace(own, file="", sha256="", bytes=0))}
    return Header(
        number=1,
        seed=how.seed,
        size_hw=stored_hw(pose.input_hw, how),
        input_hw=pose.input_hw,
        padding=pose.data.geometry.padding,
        margin=how.margin,
        coding=how.coding,
        quality=how.quality,
        skeleton=pose.skeleton,
        sources=tuple((source.name, source.share) for source in pose.data.sources),
        student={
            "architecture": pose.architecture,
            "model": pose.model,
            "codec": codec,
            "loss": loss,
            "heatmap_sigma": pose.heatmap_sigma,
        },
        geometry=pose.data.geometry.model_dump(),
        pixels=pose.data.pixels.model_dump(),
        optimiser=options.optimiser.model_dump(include={"learning_rate", "weight_decay", "clip_norm"}),
        batch_size=options.loop.batch_size,
        ema_decay=options.loop.ema_decay,
        teacher=teacher,
        card=to_card(card),
    )


def _teacher_state(options: DistillOptions) -> dict[str, Tensor]:
    """Read the teacher's parameters at half precision."""
    state = read_state(locate(describe_pose(PoseOptions(model=options.model, weights=options.weights))))
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


class _Cutter:
    """Cuts and compresses a chunk of people; threads may share it."""

    def __init__(self, header: Header, cache_gib: float) -> None:
        self._header = header
        self._skeleton: Skeleton = skeleton_named(header.skeleton)
        self._clips = ImageCache(int(cache_gib * 2**30))
        self._stills = ImageCache(0)

    def __call__(self, jobs: Sequence[_Job]) -> tuple[bytes, Labels]:
        """Return the compressed crops and the labels of images' people."""
        header, crops, rows = self._header, [], []
        for job in jobs:
            pixels = self._read(job.people[0][0])
            for _, person in job.people:
                matrix = self._matrix(person.xyxy.astype(np.float64))
                crops.append(warp_array(pixels, matrix, header.size_hw))
                keypoints = person.keypoints.copy()
                keypoints[:, :2] = apply(matrix, keypoints[:, :2])
                box = apply(matrix, person.xyxy.reshape(2, 2)).astype(np.float32).reshape(4)
                area = person.area * float(np.linalg.det(matrix[:2, :2]))
                rows.append((keypoints, person.weight, box, area, job.source, job.is_held_out))
        keypoints, weight, boxes, areas, sources, apart = (np.array(column) for column in zip(*rows, strict=True))
        labels = Labels(keypoints, weight, boxes, areas.astype(np.float32), sources.astype(np.int64), apart)
        stack = np.stack(crops)
        data = blocks.compress(stack, header.quality) if header.coding == "blocks" else _as_webp(stack, header.quality)
        return data, labels

    def _read(self, image: LabelledImage) -> U8:
        return (self._stills if image.frame is None else self._clips).read(image)

    def _matrix(self, box: F64) -> F64:
        """Return (3, 3) from image to stored pixels: the middle of the window is the box's, as of a network's crop."""
        header = self._header
        inner = crop_from_box(box, header.input_hw, padding=header.padding * header.margin)
        ratio = min(stored / side for stored, side in zip(header.size_hw, header.input_hw, strict=True))
        height, width = header.size_hw
        out = inner.copy()
        out[:2] *= ratio
        out[:2, 2] += (np.array([width, height]) - ratio * np.array([header.input_hw[1], header.input_hw[0]])) / 2
        return out


def _as_webp(images: U8, quality: int) -> bytes:
    parts = []
    for image in images:
        done, data = cv2.imencode(".webp", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, quality])
        assert done
        parts += [len(data).to_bytes(4, "little"), data.tobytes()]
    return b"".join(parts)


class _Writer:
    """Collects chunks and writes a part whenever the next would be too large."""

    def __init__(self, output: Path, header: Header, limit: int, teacher: dict[str, Tensor]) -> None:
        self._output, self._header, self._limit, self._teacher = output, header, limit, teacher
        self._chunks: list[tuple[bytes, int]] = []
        self._labels: list[Labels] = []
        self.paths: list[Path] = []
        self._bytes = self._overhead()

    def _overhead(self) -> int:
        state = sum(value.nbytes for value in self._teacher.values()) if not self.paths else 0
        return 65536 + state

    def add(self, data: bytes, labels: Labels) -> None:
        """Add a chunk to the part in hand, or to a new one if it is full."""
        facts = sum(getattr(labels, field.name).nbytes for field in fields(Labels))  # more than is stored
        size = len(data) + facts
        if self._chunks and self._bytes + size > self._limit:
            self.finish()
        self._chunks.append((data, len(labels)))
        self._labels.append(labels)
        self._bytes += size

    def finish(self) -> None:
        """Write the part in hand."""
        if not self._chunks:
            return
        number = len(self.paths) + 1
        path = self._output.with_name(f"{self._output.stem}-{number}.safetensors")
        labels = Labels(
            *(np.concatenate([getattr(own, field.name) for own in self._labels]) for field in fields(Labels))
        )
        teacher = self._teacher if number == 1 else {}
        write_part(path, replace(self._header, number=number), self._chunks, labels, teacher)
        log.info("%s: %d people, %.1f MiB", path, len(labels), path.stat().st_size / 2**20)
        self.paths.append(path)
        self._chunks, self._labels, self._bytes = [], [], self._overhead()
