"""Batch norm folded into the convolution before it: the same function, fewer passes over memory."""

from __future__ import annotations

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Return a copy of a network in evaluation mode whose batch norms are folded where they follow a convolution.

    Followed means next to it in an `nn.Sequential`, or called `bnX` beside a `convX`, as residual networks have it.
    """
    folded = copy.deepcopy(model).eval()
    for module in list(folded.modules()):
        children = dict(module.named_children())
        names = list(children)
        if isinstance(module, nn.Sequential):
            pairs = list(pairwise(names))
        else:
            pairs = [(name, name.replace("conv", "bn")) for name in names if name.startswith("conv")]
        for conv, norm in pairs:
            first, second = children[conv], children.get(norm)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(module, conv, fuse_conv_bn_eval(first, second))
                setattr(module, norm, nn.Identity())
    return folded
