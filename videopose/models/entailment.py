"""Pose entailment: a small transformer that says whether two poses are one person a moment apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 32
HEADS = 4
LAYERS = 2
FEATURES = 4
"""What is known of a keypoint: x and y relative to both people in parts of their size, score, seconds between them."""


class PoseEntailment(nn.Module):
    """Compares two poses as two segments of keypoint tokens and a token that gathers the verdict.

    Args:
        num_keypoints: of each pose.

    Source:
        Snower et al., 15 Keypoints Is All You Need, CVPR 2020, section 3.2: tokens of position, type and segment.
        Positions are continuous here instead of grid cells, and the network is much smaller, because its training set
        is.
    """

    def __init__(self, num_keypoints: int = 15) -> None:
        super().__init__()
        self.position = nn.Linear(FEATURES, WIDTH)
        self.kind = nn.Embedding(num_keypoints, WIDTH)
        self.segment = nn.Embedding(2, WIDTH)
        self.verdict = nn.Parameter(torch.zeros(1, 1, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, dim_feedforward=2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 1)

    def example_shapes(self, input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the shapes of one pair, for counting."""
        return [(1, 2, self.kind.num_embeddings, FEATURES), (1, 2, self.kind.num_embeddings)]

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Compute the similarity of pairs of poses.

        Args:
            features: (P, 2, K, 4) earlier and later pose of each pair, see `FEATURES`.
            present: (P, 2, K) True where the keypoint exists.

        Returns:
            (P,) logits; above 0 = more likely the same person.
        """
        pairs, _, num_keypoints, _ = features.shape
        kind = self.kind(torch.arange(num_keypoints, device=features.device))
        tokens = self.position(features) + kind + self.segment.weight[:, None]
        sequence = torch.cat([self.verdict.expand(pairs, 1, WIDTH), tokens.reshape(pairs, -1, WIDTH)], dim=1)
        missing = present.reshape(pairs, -1).logical_not()
        absent = torch.cat([missing.new_zeros(pairs, 1), missing], dim=1)
        encoded = self.encoder(sequence, src_key_padding_mask=absent)
        logits: Tensor = self.head(encoded[:, 0])[:, 0]
        return logits
