"""`videopose env`: what a bug report needs."""

from __future__ import annotations

import click

_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "av",
    "filterpy",
    "pydantic",
    "PyYAML",
    "click",
    "tqdm",
    "pyarrow",
    "safetensors",
)

_OPTIONAL = {
    "decord": "a third decoder, --backend decord; nothing needs it",
    "mmcv": "a faster deformable convolution on GPUs; the one that ships gives the same numbers",
    "lightning-fabric": "`videopose train`; nothing else needs it",
    "starlette": "`videopose desk`, with uvicorn; nothing else needs it",
    "ray": "workers on a cluster, --cluster ray; nothing else needs it",
    "openvino": "runs networks faster than torch on most CPUs; without it torch runs them",
    "onnxruntime": "another runtime, runtime=onnxruntime; nothing needs it",
    "nncf": "precision=int8 and `videopose models quantize`; nothing else needs it",
}


@click.command("env", short_help="Print what a bug report needs, and what would help here.")
def command() -> None:
    """Print what a bug report needs: versions, machine, optional packages; and what would make it faster or better."""
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import av
    import torch

    from videopose import __version__
    from videopose.runtime.advice import advice, this_machine
    from videopose.runtime.choice import AUTOMATIC, TABLE, choose, instruction_set

    def found(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    click.echo(f"videopose {__version__}")
    click.echo(f"python {platform.python_version()}, {platform.platform()}")
    for package in _PACKAGES:
        click.echo(f"{package} {found(package) or 'NOT FOUND: install videopose again'}")
    libraries = ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in av.library_versions.items())
    click.echo(f"FFmpeg inside PyAV: {libraries}")
    click.echo(f"CPU: {_cpu_name() or platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    click.echo(f"GPU: {', '.join(gpus) if gpus else 'none found; networks run on the CPU'}")
    click.echo(f"networks on the CPU: {choose(AUTOMATIC, torch.device('cpu'))}")
    for name, row in TABLE.items():
        arithmetic = "bfloat16 where a card allows it" if row.has_bfloat16 else "float32"
        here = " (this processor)" if name == instruction_set() else ""
        click.echo(f"  {name}{here}: {row.runtime} in {arithmetic}; {row.reason}")
    for package, use in _OPTIONAL.items():
        click.echo(f"optional {package}: {found(package) or 'not found'} ({use})")
    click.echo("faster or better here:")
    for line in advice(this_machine()):
        click.echo(f"  {line}")


def _cpu_name() -> str | None:
    """Read the processor's name where Linux keeps it."""
    from pathlib import Path

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)
