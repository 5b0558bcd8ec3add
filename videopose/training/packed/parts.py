"""What a pack is: parts of some megabytes, each with crops, labels and all that a training has to know.

Every part stands for itself: people are mixed before they are shared out, so any of them train a network.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from videopose.errors import DatasetError
from videopose.training.packed import blocks
from videopose.types import F32, I64, U8, Bool

FORMAT = 1
KEY = "videopose_pack"
_TEACHER = "teacher."
_LARGEST = 4096
"""Of a crop's sides, a chunk's crops: a damaged header must not ask for a machine's memory."""
_FINE = 16
"""Coordinates are kept in sixteenths of a pixel."""


@dataclass(frozen=True)
class Header:
    """What a pack's crops are and what shall be learned from them.

    Attributes:
        number: of this part, from 1.
        seed: by which people were mixed.
        size_hw: (height, width) of the stored crops, pixels.
        input_hw: (height, width) of the network's crops.
        padding: by how much of a box is seen in them.
        margin: how much more than that the stored crops show, along each axis.
        coding: `blocks` (see `blocks`) or `webp`.
        quality: of either.
        skeleton: name of it.
        sources: name and share of every batch of each data set.
        student: architecture, model (its options), codec, loss, heatmap_sigma.
        geometry: fields of `GeometryOptions`.
        pixels: fields of `PixelOptions`.
        optimiser: learning_rate, weight_decay, clip_norm.
        batch_size: samples per step.
        ema_decay: of the moving average of weights.
        teacher: weight, temperature, min_score, flip_test, card; empty without one. The card is its weights' own.
        card: JSON of the student's weights' card.
    """

    number: int
    seed: int
    size_hw: tuple[int, int]
    input_hw: tuple[int, int]
    padding: float
    margin: float
    coding: str
    quality: int
    skeleton: str
    sources: tuple[tuple[str, float], ...]
    student: Mapping[str, Any]
    geometry: Mapping[str, Any]
    pixels: Mapping[str, Any]
    optimiser: Mapping[str, float]
    batch_size: int
    ema_decay: float
    card: str
    teacher: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Labels:
    """Of N packed people, in stored crop pixels.

    Attributes:
        keypoints: (N, K, 3) x, y, visibility (0 not labelled).
        weight: (N, K) how much each counts.
        xyxy: (N, 4) boxes.
        area: (N,) of the people, as their data set gives it.
        source: (N,) which of the header's sources.
        held_out: (N,) whether they are for measuring alone.
    """

    keypoints: F32
    weight: F32
    xyxy: F32
    area: F32
    source: I64
    held_out: Bool

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, eq=False)
class Pack:
    """Parts read together.

    Attributes:
        header: of the first of them.
        images: (N, 3, H, W) uint8 RGB on the device.
        labels: of them.
        teacher: its parameters by name; empty if no part read has one.
    """

    header: Header
    images: Tensor
    labels: Labels
    teacher: Mapping[str, Tensor]


def write_part(
    path: Path, header: Header, chunks: Sequence[tuple[bytes, int]], labels: Labels, teacher: Mapping[str, Tensor]
) -> None:
    """Write one part, whole or not at all; same input, same bytes.

    Args:
        path: of the file.
        header: with the part's number.
        chunks: compressed crops, each with their number, in the labels' order.
        labels: of all crops.
        teacher: parameters of the teacher, in one part of a pack.
    """
    tensors = {
        "crops": torch.from_numpy(np.frombuffer(b"".join(data for data, _ in chunks), np.uint8).copy()),
        "chunk_bytes": torch.tensor([len(data) for data, _ in chunks], dtype=torch.int64),
        "chunk_crops": torch.tensor([count for _, count in chunks], dtype=torch.int64),
        "places": _sixteenths(labels.keypoints[..., :2]),
        "visible": torch.from_numpy(labels.keypoints[..., 2].astype(np.uint8)),
        "weight": torch.from_numpy(np.rint(labels.weight.clip(0, 1) * 255).astype(np.uint8)),
        "boxes": _sixteenths(labels.xyxy),
        "area": torch.from_numpy(labels.area.astype(np.float32)),
        "source": torch.from_numpy(labels.source.astype(np.uint8)),
        "held_out": torch.from_numpy(labels.held_out.astype(np.uint8)),
        **{_TEACHER + name: value.contiguous() for name, value in teacher.items()},
    }
    document = {"format": FORMAT, **asdict(header)}
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, metadata={KEY: json.dumps(document, sort_keys=True)})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sixteenths(values: F32) -> Tensor:
    return torch.from_numpy(np.clip(np.rint(values * _FINE), -32768, 32767).astype(np.int16))


def read_parts(paths: Sequence[Path], device: torch.device, *, threads: int = 1) -> Pack:
    """Read parts of one pack, their crops onto the device.

    Args:
        paths: of any of its parts, each once.
        device: where the pixels go.
        threads: that undo the compressor.

    Raises:
        DatasetError: a file is no part, is damaged, or belongs to another pack.
    """
    read = [_read(path) for path in paths]
    headers = [header for header, _ in read]
    if not headers:
        raise DatasetError("a training needs at least one part of a pack")
    for path, header in zip(paths[1:], headers[1:], strict=True):
        if replace(header, number=headers[0].number) != headers[0]:
            raise DatasetError(f"{path}: is a part of another pack than {paths[0]}; give parts of one")
    if len({header.number for header in headers}) < len(headers):
        raise DatasetError(f"{', '.join(map(str, paths))}: one part is there twice; give each once")
    labels = [_labels(path, header, tensors) for path, (header, tensors) in zip(paths, read, strict=True)]
    size = headers[0].size_hw
    images = torch.empty(sum(map(len, labels)), 3, *size, dtype=torch.uint8, device=device)
    place = 0
    for path, (header, tensors), own in zip(paths, read, labels, strict=True):
        _fill(images[place : place + len(own)], path, header, tensors, threads)
        place += len(own)
    teacher = {
        name.removeprefix(_TEACHER): value
        for _, tensors in read
        for name, value in tensors.items()
        if name.startswith(_TEACHER)
    }
    joined = Labels(*(np.concatenate([getattr(own, f.name) for own in labels]) for f in fields(Labels)))
    return Pack(headers[0], images, joined, teacher)


def _read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise DatasetError(f"{path}: not a readable part of a pack ({error}); copy it again") from error
    if text is None:
        raise DatasetError(f"{path}: is no part of a pack; `videopose train pack` writes them")
    try:
        row = json.loads(text)
        if row.pop("format") != FORMAT:
            raise DatasetError(f"{path}: was packed by another version; pack it again with this one")
        for key in ("size_hw", "input_hw"):
            row[key] = (int(row[key][0]), int(row[key][1]))
        row["sources"] = tuple((str(name), float(share)) for name, share in row["sources"])
        header = Header(**row)
        usable = all(0 < side <= _LARGEST for side in (*header.size_hw, *header.input_hw))
        usable &= header.coding in ("blocks", "webp") and not any(side % blocks.MULTIPLE for side in header.size_hw)
        usable &= 1 <= int(header.quality) <= 100 and len(header.sources) > 0
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: its header cannot be read ({error}); pack it again") from error
    if not usable:
        raise DatasetError(f"{path}: its header cannot be so (crops of {header.size_hw}); pack it again")
    return header, tensors


def _labels(path: Path, header: Header, tensors: Mapping[str, Tensor]) -> Labels:
    try:
        count = int(tensors["chunk_crops"].sum())
        keypoints = np.concatenate(
            [tensors["places"].numpy().astype(np.float32) / _FINE, tensors["visible"].numpy()[..., None]], -1
        )
        labels = Labels(
            keypoints.astype(np.float32),
            (tensors["weight"].numpy() / 255).astype(np.float32),
            (tensors["boxes"].numpy() / _FINE).astype(np.float32),
            tensors["area"].numpy(),
            tensors["source"].numpy().astype(np.int64),
            tensors["held_out"].numpy() > 0,
        )
        bytes_of = tensors["chunk_bytes"]
        whole = (
            labels.keypoints.shape[:2] == labels.weight.shape
            and labels.xyxy.shape == (count, 4)
            and labels.area.shape == labels.source.shape == labels.held_out.shape == (count,)
            and bytes_of.shape == tensors["chunk_crops"].shape
            and bool((bytes_of > 0).all())
            and int(bytes_of.sum()) == len(tensors["crops"])
            and bool(((tensors["chunk_crops"] > 0) & (tensors["chunk_crops"] <= _LARGEST)).all())
            and int(labels.source.max(initial=0)) < len(header.sources)
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{path}: is no whole part of a pack ({error}); copy it again") from error
    if not whole or len(labels.keypoints) != count:
        raise DatasetError(f"{path}: its crops and labels are not of equal number; pack it again")
    return labels


def _fill(out: Tensor, path: Path, header: Header, tensors: Mapping[str, Tensor], threads: int) -> None:
    """Unpack crops into rows of a tensor, a few chunks ahead of the device."""
    crops = tensors["crops"].numpy()
    sizes, counts = tensors["chunk_bytes"].tolist(), tensors["chunk_crops"].tolist()
    pieces = [crops[end - size : end].tobytes() for end, size in zip(np.cumsum(sizes), sizes, strict=True)]

    def pixels(piece: bytes, count: int) -> Any:  # planes of coefficients, or pixels at once
        if header.coding == "webp":
            return from_webp(piece, count, header.size_hw)
        return blocks.unpack(piece, count, header.size_hw)

    place = 0
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for start in range(0, len(pieces), 4 * max(1, threads)):
            run = slice(start, start + 4 * max(1, threads))
            try:
                for found in pool.map(pixels, pieces[run], counts[run]):
                    if header.coding == "webp":
                        rows = torch.from_numpy(found).to(out.device).permute(0, 3, 1, 2)
                    else:
                        rows = blocks.restore(found, header.quality, out.device)
                    out[place : place + len(rows)] = rows
                    place += len(rows)
            except DatasetError as error:
                raise DatasetError(f"{path}: {error}; copy it again") from error


def from_webp(data: bytes, count: int, size_hw: tuple[int, int]) -> U8:
    """Decode WebP files that lie behind one another, each after its length, to (N, H, W, 3).

    Raises:
        DatasetError: neither OpenCV nor Pillow is there, or the bytes are not such files.
    """
    out = np.empty((count, *size_hw, 3), np.uint8)
    place = 0
    for row in range(count):
        size = int.from_bytes(data[place : place + 4], "little")
        image = _webp(data[place + 4 : place + 4 + size])
        if image is None or image.shape != out[row].shape:
            raise DatasetError(f"crop {row} of {count} is no WebP image of {size_hw}")
        out[row] = image
        place += 4 + size
    return out


def _webp(data: bytes) -> U8 | None:
    if find_spec("cv2") is not None:
        cv2 = importlib.import_module("cv2")
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        return None if image is None else np.ascontiguousarray(image[..., ::-1])
    if find_spec("PIL") is None:
        raise DatasetError("the crops are WebP, which takes OpenCV or Pillow; pack them with --coding blocks")
    pillow, io = importlib.import_module("PIL.Image"), importlib.import_module("io")
    try:
        return np.asarray(pillow.open(io.BytesIO(data)).convert("RGB"))
    except OSError:
        return None
