"""What would make networks faster, or results better, on the machine at hand."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from videopose.runtime.choice import TABLE, instruction_set


@dataclass(frozen=True)
class Machine:
    """What advice depends on.

    Attributes:
        instruction_set: of the processor, a key of `videopose.runtime.choice.TABLE`.
        cores: that this process may use.
        threads: that networks use.
        has_nvidia: whether an NVIDIA card is there, usable or not.
        has_cuda: whether torch can use one.
        is_cuda_build: whether torch was built for CUDA.
        packages: names of the optional packages that are installed.
        held_to: `ONEDNN_MAX_CPU_ISA`, if it is set.
    """

    instruction_set: str
    cores: int
    threads: int
    has_nvidia: bool
    has_cuda: bool
    is_cuda_build: bool
    packages: frozenset[str]
    held_to: str = ""


OPTIONAL = ("openvino", "pandas")


def this_machine() -> Machine:
    """Describe the machine this runs on."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        cores = os.cpu_count() or 1
    return Machine(
        instruction_set=instruction_set(),
        cores=cores,
        threads=torch.get_num_threads(),
        has_nvidia=Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None,
        has_cuda=torch.cuda.is_available(),
        is_cuda_build=torch.version.cuda is not None,
        packages=frozenset(name for name in OPTIONAL if find_spec(name) is not None),
        held_to=os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
    )


def advice(machine: Machine) -> list[str]:
    """Return what is worth doing, a line each, the greatest gain first; empty if there is nothing.

    Args:
        machine: as `this_machine` finds it.
    """
    lines = []
    if machine.has_nvidia and not machine.has_cuda:
        why = "its driver does not answer" if machine.is_cuda_build else "this torch is built without CUDA"
        lines.append(f"there is an NVIDIA card, but {why}: install a torch for its CUDA version, from pytorch.org")
    if machine.is_cuda_build and not machine.has_nvidia:
        lines.append("this torch is built for CUDA and there is no card: the CPU build takes gigabytes less")
    if not machine.has_cuda:
        row = TABLE[machine.instruction_set]
        if row.runtime == "openvino" and "openvino" not in machine.packages:
            lines.append(f"pip install openvino: {row.reason}")
        if machine.held_to:
            lines.append(f"ONEDNN_MAX_CPU_ISA={machine.held_to} holds the processor to fewer instructions: unset it")
        if machine.threads < machine.cores:
            used = f"networks use {machine.threads} of {machine.cores} cores"
            lines.append(f"{used}: unset OMP_NUM_THREADS, unless other work needs them")
        lines.append("--pipeline fast takes about two thirds of the time of default (docs/speed.md)")
    lines.append("--pipeline accurate, or a larger network (videopose models list), gives better keypoints")
    if "pandas" not in machine.packages:
        lines.append("pip install pandas: result.to_dataframe()")
    return lines
