"""Heads say by their type whether they look at a window or go along tracks."""

import pytest
from torch import nn

from videopose.errors import ConfigError
from videopose.estimators.heads import FusionHead, RecurrentHead, as_fusion_head
from videopose.models import ARCHITECTURES, create_model

HEADS = [name for name, entry in ARCHITECTURES.items() if entry.task == "fusion"]


@pytest.mark.parametrize("name", HEADS)
def test_every_head_is_of_one_of_the_two_kinds(name):
    head = create_model(name, num_keypoints=19)

    if isinstance(head, RecurrentHead):
        assert head.before > 0
        with pytest.raises(ConfigError, match=f"tubes.head = {name}: goes frame by frame and looks at no window"):
            as_fusion_head(head, f"tubes.head = {name}")
    else:
        assert isinstance(head, FusionHead)
        assert as_fusion_head(head, name) is head


def test_what_has_no_window_is_no_head():
    with pytest.raises(ConfigError, match="temporal.head = x: is no head over a window of frames; choose another"):
        as_fusion_head(nn.Identity(), "temporal.head = x")
