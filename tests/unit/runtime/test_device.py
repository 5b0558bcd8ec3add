"""One choice of where networks compute, for runs and for training."""

import pytest
import torch

from videopose.errors import InputError
from videopose.runtime.device import choose_device
from videopose.training.loop import make_fabric
from videopose.training.options import LoopOptions


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_without_a_gpu_the_processor_computes(no_gpu, name):
    assert choose_device(name) == torch.device("cpu")
    assert make_fabric(LoopOptions(steps=1, device=name)).device.type == "cpu"


@pytest.mark.parametrize("choose", [choose_device, lambda name: make_fabric(LoopOptions(steps=1, device=name))])
def test_a_gpu_that_is_not_there_is_an_error_in_runs_and_in_training(no_gpu, choose):
    with pytest.raises(InputError, match="device 'cuda': no CUDA GPU was found. Leave --device out to use the CPU"):
        choose("cuda")


@pytest.mark.parametrize("name", ["gpu", "cpu:0", "cuda:", "cuda:one"])
def test_a_name_nobody_knows_is_an_error(name):
    with pytest.raises(InputError, match=f"device '{name}' is unknown. Give auto, cpu, cuda or cuda:1"):
        choose_device(name)
