"""Install the wheel into fresh environments of several Pythons and use it: `make lanes`. Needs the package index.

For each Python that is there: a venv, PyTorch's CPU build and the wheel, the commands a newcomer types. For one that is
not: whether its wheels resolve. Prints a row for each and ends with 1 if one fails.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
UNWANTED = ("matplotlib", "pandas", "nvidia")
"""Beginnings of names of packages that must not come along; those for CUDA only where its index cannot be reached."""
USED = """
import json, av, numpy as np, videopose
from importlib.metadata import distributions
with av.open("clip.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
    for shade in (40, 120, 200):
        file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((240, 320, 3), shade, np.uint8), format="rgb24")))
    file.mux(stream.encode(None))
one = videopose.run("clip.mp4", "clip.poses.json", pipeline="fast", overrides=["detector.source=frame"])
assert [frame.index for frame in one] == [0, 1, 2]
print(json.dumps(sorted(each.metadata["Name"].lower() for each in distributions())))
"""


def done(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program; its end is judged by whoever asks."""
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, cwd=cwd)


def wheel_of(folder: Path) -> Path:
    """Build the wheel."""
    built = done(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
    if built.returncode:
        sys.exit(built.stderr)
    return next(folder.glob("*.whl"))


def interpreter(version: str) -> str | None:
    """Find a Python that runs, not only a name that stands for one."""
    for name in (f"python{version}", *sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))):
        found = shutil.which(name)
        if (
            found
            and done(
                found, "-c", f"import sys; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})"
            ).returncode
            == 0
        ):
            return found
    return None


def installed(python: str, wheel: Path, folder: Path) -> str:
    """Install into a fresh venv, use it, and say what that took."""
    if (made := done(python, "-m", "venv", folder)).returncode:
        return f"FAILED: venv: {made.stderr.strip()[-200:]}"
    inside = folder / "bin/python"
    is_small = done(inside, "-m", "pip", "install", "--quiet", "torch", "--index-url", CPU_INDEX).returncode == 0
    if (put := done(inside, "-m", "pip", "install", "--quiet", wheel)).returncode:
        return f"FAILED: pip install {wheel.name}: {put.stderr.strip()[-300:]}"
    used = done(inside, "-P", "-c", USED, cwd=folder)
    if used.returncode:
        return f"FAILED: {used.stderr.strip()[-300:]}"
    for words in (("-m", "videopose", "--version"), ("-m", "videopose", "env"), ("-m", "videopose", "run", "--help")):
        if (said := done(inside, "-P", *words, cwd=folder)).returncode:
            return f"FAILED: {' '.join(words)}: {said.stderr.strip()[-200:]}"
    names = json.loads(used.stdout)
    came = [name for name in names if name.startswith(UNWANTED) and (is_small or not name.startswith("nvidia"))]
    if came:
        return f"FAILED: {', '.join(came)} came along"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    build = "CPU" if is_small else "default"
    return f"installed and used; {len(names)} packages, {size / 1e6:.0f} MB with the {build} build of torch"


def resolved(version: str, wheel: Path, folder: Path) -> str:
    """Ask whether every dependency has a wheel for a Python that is not here."""
    asked = done(
        sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--only-binary=:all:", "--python-version",
        version, "--implementation", "cp", "--platform", "manylinux_2_28_x86_64", "--platform",
        "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64", "--target", folder, "--extra-index-url",
        CPU_INDEX, wheel,
    )  # fmt: skip
    return (
        f"FAILED: does not resolve: {asked.stderr.strip()[-300:]}" if asked.returncode else "resolves (not installed)"
    )


def main() -> int:
    """Go through all Pythons."""
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        wheel = wheel_of(Path(temporary) / "dist")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
        for version in sys.argv[1:] or PYTHONS:
            python, folder = interpreter(version), Path(temporary) / f"venv{version}"
            said = installed(python, wheel, folder) if python else resolved(version, wheel, folder)
            shutil.rmtree(folder, ignore_errors=True)
            print(f"Python {version}: {said}", flush=True)
            failed |= said.startswith("FAILED")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
