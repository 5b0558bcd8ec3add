"""Which runtime and which arithmetic networks get: by what is asked for and by the processor's instructions."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import torch

from videopose.config import InputPath, Options
from videopose.errors import ConfigError

RuntimeName = Literal["auto", "torch", "openvino", "onnxruntime"]
Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]


class RuntimeOptions(Options):
    """What runs the networks, and in which arithmetic."""

    runtime: RuntimeName = "auto"
    """auto = what is fastest on this processor, see `videopose env`; GPUs are torch's."""
    precision: Precision = "auto"
    """auto = bfloat16 where the processor is fast in it and the weights' card allows it, else float32. int8 = the pose
    network in int8, through OpenVINO and NNCF, its ranges taken from `calibration`; the others as with auto."""
    calibration: InputPath = ""
    """With `precision: int8`: the clip that ranges are taken from; a run's own, if none is named."""


AUTOMATIC = RuntimeOptions()


@dataclass(frozen=True)
class Row:
    """What is chosen on a processor.

    Attributes:
        runtime: what runs networks, if it is installed; else torch does.
        has_bfloat16: whether bfloat16 is faster than float32.
        reason: why, with what was measured (`docs/speed.md`).
    """

    runtime: Literal["torch", "openvino"]
    has_bfloat16: bool
    reason: str


TABLE = {
    "amx": Row("openvino", True, "as with AVX-512 BF16, whose instructions it has too; AMX itself was not measured"),
    "avx512_bf16": Row("openvino", True, "whole runs take .7 to .8 of the processor time they take with torch"),
    "avx512": Row("openvino", False, "OpenVINO in float32 takes .66 to .83 of torch's time in float32"),
    "avx2": Row("openvino", False, "OpenVINO in float32 takes .80 of torch's time in float32"),
    "neon": Row("openvino", False, "as with AVX2; not measured"),
    "other": Row("torch", False, "OpenVINO is not made for it"),
}
"""Instruction set of the processor -> choice; the best set first."""

_CAPS = {
    "AMX": "amx",
    "AVX512_CORE_BF16": "avx512_bf16",
    "AVX512_CORE_FP16": "avx512_bf16",
    "AVX512_CORE": "avx512",
    "AVX512_CORE_VNNI": "avx512",
    "AVX2": "avx2",
    "AVX2_VNNI": "avx2",
    "AVX2_VNNI_2": "avx2",
    "AVX": "other",
    "SSE41": "other",
}
"""Values of oneDNN's own variable, ONEDNN_MAX_CPU_ISA, which holds both runtimes to a lesser set."""


def instruction_set() -> str:
    """Return the best set of instructions, a key of `TABLE`, that networks may use here."""
    sets = list(TABLE)
    best = _of_the_processor()
    cap = _CAPS.get(os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper(), best)
    return max(best, cap, key=sets.index)


def _of_the_processor() -> str:
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "neon"
    has = (
        ("amx", torch.cpu._is_amx_tile_supported()),
        ("avx512_bf16", torch.cpu._is_avx512_bf16_supported()),
        ("avx512", torch.cpu._is_avx512_supported()),
        ("avx2", torch.cpu._is_avx2_supported()),
    )
    return next((name for name, there in has if there), "other")


@dataclass(frozen=True)
class Choice:
    """How networks are run.

    Attributes:
        runtime: torch, openvino or onnxruntime.
        version: of that runtime.
        instruction_set: a key of `TABLE`; empty on a GPU.
        precision: of networks whose card allows bfloat16, which are those that ship.
        published_precision: of all others.
        reason: why.
    """

    runtime: str
    version: str
    instruction_set: str
    precision: str
    published_precision: str
    reason: str

    def facts(self) -> dict[str, str]:
        """Return what of it results depend on."""
        facts = asdict(self)
        del facts["reason"]
        return facts

    def __str__(self) -> str:
        same = self.precision == self.published_precision
        arithmetic = self.precision if same else f"{self.precision}, {self.published_precision} where cards ask for it"
        where = f" on {self.instruction_set}" if self.instruction_set else ""
        return f"{self.runtime} {self.version} in {arithmetic}{where}: {self.reason}"


def choose(options: RuntimeOptions, device: torch.device) -> Choice:
    """Choose the runtime and the arithmetic.

    Raises:
        ConfigError: what is asked for is not installed, or cannot be had on the device.
    """
    if device.type != "cpu":
        return _on_gpu(options, device)
    found = instruction_set()
    row = TABLE[found]
    runtime, reason = _runtime(options, row)
    if options.precision == "int8" and runtime != "openvino":
        raise ConfigError(f"precision = int8: {runtime} has none. Install OpenVINO, and leave runtime out")
    if options.precision in ("auto", "int8"):
        precision, published = "bfloat16" if row.has_bfloat16 and runtime != "onnxruntime" else "float32", "float32"
    else:
        precision = published = options.precision
        reason += f"; {precision} was asked for"
    if (runtime, precision) in (("onnxruntime", "bfloat16"), ("onnxruntime", "float16"), ("openvino", "float16")):
        raise ConfigError(f"precision = {precision}: {runtime} has none on a CPU. Leave one of the two options out")
    return Choice(runtime, _version(runtime) or "", found, precision, published, reason)


def _runtime(options: RuntimeOptions, row: Row) -> tuple[str, str]:
    """Return the runtime on a CPU and why."""
    if options.runtime != "auto":
        if _version(options.runtime) is None:
            raise ConfigError(
                f"runtime = {options.runtime}: is not installed here. Run `pip install {options.runtime}`, "
                "or leave the option out"
            )
        return options.runtime, "asked for"
    if options.precision == "int8" and _version("openvino") is not None:
        return "openvino", "the pose network in int8 was asked for"
    if options.precision == "float16":
        return "torch", "no other runtime computes in float16 on a CPU"
    if row.runtime == "openvino" and _version("openvino") is None:
        return "torch", "OpenVINO, which is faster, is not installed (`pip install openvino`)"
    return row.runtime, row.reason


def _on_gpu(options: RuntimeOptions, device: torch.device) -> Choice:
    if options.runtime not in ("auto", "torch"):
        raise ConfigError(f"runtime = {options.runtime}: runs on the CPU alone. Leave it out, or give --device cpu")
    automatic = options.precision == "auto"
    is_fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
    own = ("bfloat16" if is_fast else "float32") if automatic else options.precision
    published = "float32" if automatic else options.precision
    return Choice("torch", torch.__version__, "", own, published, f"{device} is a GPU")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
