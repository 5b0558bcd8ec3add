"""3D-HRNet and the tube head: inflated weights give the 2D result, and only what is inflated looks along time."""

import pytest
import torch

from videopose.models.complexity import count, count_model, gflops
from videopose.models.hrnet import HRNet
from videopose.models.hrnet3d import HRNet3D, SpaceTimeConv, convert_names, inflate
from videopose.models.tube_head import TubeHead
from videopose.models.weights import load_into

SMALL = {"width": 4, "num_keypoints": 3, "modules": (1, 1, 1), "blocks": 1, "stem_blocks": 1, "stem_width": 8}
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def flat():
    torch.manual_seed(3)
    network = HRNet(**SMALL).eval()
    for module in network.modules():  # norms that do something
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def inflated(flat, how):
    network = HRNet3D(**SMALL).eval()
    load_into(network, inflate(flat.state_dict(), how=how), source="test")
    return network


@pytest.mark.parametrize("how", ["center", "mean"])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_still_tube_gives_the_2d_result_in_every_frame(flat, how, frames):
    crops = torch.randn(2, 1, 3, 64, 32)

    with torch.inference_mode():
        single = flat(crops[:, 0])
        tube = inflated(flat, how)(crops.expand(2, frames, 3, 64, 32))

    assert tube.shape == (2, frames, 3, 16, 8)
    assert torch.allclose(tube, single[:, None].expand_as(tube), atol=ROUNDING)


def test_inflated_at_the_center_any_tube_gives_the_2d_result(flat):
    tube = torch.randn(1, 4, 3, 32, 32)

    with torch.inference_mode():
        along = inflated(flat, "center")(tube)

        assert torch.allclose(along[0], flat(tube[0]), atol=ROUNDING)


def test_inflated_to_the_mean_a_frame_looks_at_its_neighbours(flat):
    tube = torch.randn(1, 3, 3, 32, 32)
    other = tube.clone()
    other[:, 2] += 1

    with torch.inference_mode():
        network = inflated(flat, "mean")

        assert not torch.allclose(network(tube)[:, 1], network(other)[:, 1], atol=1e-3)


def test_only_the_first_stages_look_along_time():
    with torch.device("meta"):
        names = [name for name, layer in HRNet3D(**SMALL).named_modules() if isinstance(layer, SpaceTimeConv)]

    assert {name.partition(".")[0] for name in names} == {"conv1", "conv2", "layer1", "transition1", "stage2"}


def test_names_of_releases_are_inflated_on_the_way(flat):
    released = {f"module.{name}": value for name, value in flat.state_dict().items()}

    network = HRNet3D(**SMALL)

    assert {name: value.shape for name, value in convert_names(released).items()} == {
        name: value.shape for name, value in network.state_dict().items()
    }


def test_parameters_that_are_inflated_already_are_left_alone(flat):
    once = inflate(flat.state_dict(), how="mean")

    again = inflate(once)

    assert all(torch.equal(once[name], again[name]) for name in once)


def test_inflating_adds_two_taps_to_each_inflated_convolution():
    frames, size = 5, (96, 64)
    with torch.device("meta"):
        flat, tube = HRNet(**SMALL).eval(), HRNet3D(**SMALL).eval()
        single = count_model(flat, torch.empty(1, 3, *size))
        whole = count_model(tube, torch.empty(1, frames, 3, *size))
        wide = inflated_macs(flat, size)
    taps = [layer.weight.numel() for layer in tube.modules() if isinstance(layer, SpaceTimeConv)]

    assert whole.parameters - single.parameters == sum(taps) * 2 // 3
    assert whole.layer_macs == frames * (single.layer_macs + 2 * wide)
    assert whole.macs == whole.layer_macs


def inflated_macs(flat, size):
    """Count the multiply-adds of the 2D convolutions that are inflated in the 3D network."""
    total = 0

    def see(layer, given, out):
        nonlocal total
        total += layer.weight.numel() * out.shape[2:].numel()

    for name, layer in flat.named_modules():
        is_wide = isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (3, 3)
        if is_wide and name.partition(".")[0] in ("conv1", "conv2", "layer1", "transition1", "stage2"):
            layer.register_forward_hook(see)
    flat(torch.empty(1, 3, *size))
    return total


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameters", "giga"), [("hrnet3d_w32", 30.1, 109.3), ("hrnet3d_w48", 66.4, 209.4)])
def test_the_sizes_in_the_documentation_are_counted(name, parameters, giga):
    counts = count(name)

    assert counts.parameters / 1e6 == pytest.approx(parameters, abs=0.05)
    assert gflops(name, counts) == pytest.approx(giga, abs=0.05)


def some_window(present):
    torch.manual_seed(0)
    maps = torch.randn(2, 5, 3, 12, 10)
    return maps[:, 2], maps[:, [0, 1, 3, 4]], torch.zeros(2, 4), torch.tensor([present, present])


def trained():
    torch.manual_seed(1)
    head = TubeHead(3, width=4)
    torch.nn.init.normal_(head.out.weight)
    torch.nn.init.normal_(head.out.bias)
    return head


def test_an_untrained_head_changes_nothing():
    window = some_window([True] * 4)

    assert torch.equal(TubeHead(3)(*window), window[0])


def test_a_frame_without_neighbours_stays_as_it_is():
    window = some_window([False] * 4)

    assert torch.equal(trained()(*window), window[0])


def test_rows_of_absent_neighbours_are_not_looked_at():
    center, neighbors, seconds, present = some_window([True, False, True, False])
    other = torch.where(present[:, :, None, None, None], neighbors, torch.full_like(neighbors, float("nan")))

    assert torch.equal(trained()(center, neighbors, seconds, present), trained()(center, other, seconds, present))


def test_a_trained_head_looks_at_every_neighbour_that_is_there():
    center, neighbors, seconds, present = some_window([True] * 4)
    head = trained()

    changed = []
    for which in range(4):
        other = neighbors.clone()
        other[:, which] = torch.randn_like(other[:, which])
        changed.append(not torch.allclose(head(center, other, seconds, present), head(*some_window([True] * 4))))

    assert changed == [True] * 4


def test_a_constant_added_to_logits_says_nothing():
    center, neighbors, seconds, present = some_window([True] * 4)
    head = trained()

    shifted = head(center, neighbors + 7, seconds, present)

    assert torch.allclose(shifted, head(center, neighbors, seconds, present), atol=1e-4)
