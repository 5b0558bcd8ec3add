"""Estimate people of a frame from that frame and a state carried along each track: recurrent heads over heatmaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.heads import RecurrentHead
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.neighbors import FrameContext
from videopose.estimators.topdown import batches_of, in_image
from videopose.geometry.affine import invert
from videopose.geometry.sampling import moved_cells, sample_maps
from videopose.types import F64, I64, UNTRACKED, Poses


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentState:
    """The recurrent state of a track.

    Attributes:
        time: of the frame in which the person was seen last, seconds.
        crop_from_image: (3, 3) of the crop whose cells the state is laid out on.
        state: each (C, h, w).
    """

    time: float
    crop_from_image: F64
    state: tuple[Tensor, ...]


class RecurrentEstimator:
    """Moves each person's state into the current crop, lets a head go one frame on, and decodes.

    Attributes:
        single: single-frame estimation, whose network and codec serve here too.
        before: frames after which the start of a track makes no difference any more.
        after: 0.
    """

    after = 0

    def __init__(
        self, single: HeatmapEstimator, head: RecurrentHead, crop_from_cell: F64, *, max_seconds: float = 0.5
    ) -> None:
        """Combine a network and a head.

        Args:
            single: gives the heatmaps.
            head: goes along tracks.
            crop_from_cell: (3, 3) from the codec.
            max_seconds: a person not seen for longer starts anew, seconds.
        """
        self.single = single
        self.before = head.before
        self._head, self._crop_from_cell, self._max_seconds = head, crop_from_cell, max_seconds

    @torch.inference_mode()
    def step(
        self, moment: FrameContext, memories: Mapping[int, RecurrentState], /
    ) -> tuple[Poses, dict[int, RecurrentState]]:
        """Estimate the people of the next frame.

        Args:
            moment: the frame; people without an id are estimated alone and leave nothing behind.
            memories: by id, what was left behind so far.

        Returns:
            Poses, untracked, in the order of the frame's people; and the memories of everybody still in reach.
        """
        people, crops = moment.people, moment.crops
        kept = {key: memory for key, memory in memories.items() if moment.time - memory.time <= self._max_seconds}
        known = np.array([int(track_id) in kept for track_id in people.track_id], bool)
        keypoints = np.zeros_like(people.keypoints)
        for group in (np.flatnonzero(known), np.flatnonzero(~known)):
            for run in batches_of(len(group), self.single.single.batch_size):
                rows = group[run.start : run.stop]
                state = seconds = None
                if known[rows[0]]:
                    state, seconds = self._state(moment, rows, kept), self._seconds(moment, rows, kept)
                heatmaps, new = self._head.step(crops.heatmaps[rows.tolist()], state, seconds)
                decoded = self.single.single.network.decode(heatmaps)
                keypoints[rows] = in_image(decoded, crops.crop_from_image[rows])
                for place, row in enumerate(rows.tolist()):
                    parts = tuple(part[place] for part in new)
                    kept[int(people.track_id[row])] = RecurrentState(moment.time, crops.crop_from_image[row], parts)
        kept.pop(UNTRACKED, None)
        return self.single.single.scored(keypoints, crops.boxes), kept

    @staticmethod
    def _seconds(moment: FrameContext, rows: I64, memories: Mapping[int, RecurrentState]) -> Tensor:
        """Return (N,) how long ago each person was seen."""
        times = [memories[int(moment.people.track_id[row])].time for row in rows]
        device = moment.crops.heatmaps.device
        return torch.tensor([moment.time - time for time in times], dtype=torch.float32, device=device)

    def _state(self, moment: FrameContext, rows: I64, memories: Mapping[int, RecurrentState]) -> tuple[Tensor, ...]:
        """Warp states to the current crops; outside of the crops they come from they are zero."""
        left = [memories[int(moment.people.track_id[row])] for row in rows]
        image_from_cell = invert(moment.crops.crop_from_image[rows]) @ self._crop_from_cell
        cell_from_image = invert(self._crop_from_cell) @ np.stack([memory.crop_from_image for memory in left])
        size_hw = moment.crops.heatmaps.shape[-2:]
        places = torch.from_numpy(moved_cells(cell_from_image @ image_from_cell, (size_hw[0], size_hw[1])))
        parts = zip(*(memory.state for memory in left), strict=True)
        return tuple(sample_maps(torch.stack(part), places.to(part[0].device), outside="zero") for part in parts)
