"""Runs killed at random and typed again: `python tests/fuzz/kills.py [--kills 200] [--seed 0]`.

Half of the kills come after a random time, half before a random change of the file system. After each the old result
is there, the new one or none; in the end the new one, byte for byte that of a run nobody stopped, and nothing else.
"""

import argparse
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "e2e")]

import fake_recipe
import numpy as np
from test_kill_points import Killer
from video_files import write_video

from videopose.cli.main import main

OLD = b"an older result"


def _run(words, killer_folder, at):
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        sys.stdout = sys.stderr = nowhere
        if at:
            Killer(killer_folder, at)
        os._exit(main(words))


class Scene:
    """A clip, a command line, and a folder for its result."""

    def __init__(self, folder):
        fake_recipe.install()
        os.chdir(folder)
        clip = write_video(folder / "clip.mp4", num_frames=200, options={"bf": "0"})
        self.folder = folder / "results"
        self.words = ["run", str(clip), "-o", "results/out.json", "-q"]
        self.words += ["--pipeline", str(fake_recipe.config_file(folder))]
        self.out = self.folder / "out.json"
        self.clear(overwrite=False)
        start = time.monotonic()
        assert self.run(self.words) == 0
        self.seconds, self.right = time.monotonic() - start, self.out.read_bytes()

    def clear(self, *, overwrite):
        """Begin with nothing, or with an older result."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        if overwrite:
            self.out.write_bytes(OLD)

    def run(self, words, *, at=0, after=None):
        """Run a command line, killed before its n-th change or after a time; return its exit code."""
        process = multiprocessing.get_context("fork").Process(target=_run, args=(words, self.folder, at))
        process.start()
        process.join(after)
        if process.exitcode is None:
            process.kill()
            process.join()
        return process.exitcode

    def trial(self, rng):
        """Kill a run once or twice and go on; return how many kills met it alive, and what is wrong."""
        overwrite = bool(rng.random() < 0.5)
        self.clear(overwrite=overwrite)
        words = [*self.words, *(["--overwrite"] if overwrite else [])]
        met = 0
        for _ in range(int(rng.integers(1, 3))):
            at, after = (int(rng.integers(1, 45)), None) if rng.random() < 0.5 else (0, rng.uniform(0, self.seconds))
            met += self.run(words, at=at, after=after) == -signal.SIGKILL
            between = self.out.read_bytes() if self.out.exists() else None
            if between not in (OLD if overwrite else None, None, self.right):
                return met, f"a half result between (change {at}, {after} s)"
        code = self.run(words)
        if code or self.out.read_bytes() != self.right:
            return met, f"exit {code}, another result at the end (change {at}, {after} s)"
        left = sorted(path.name for path in self.folder.iterdir() if path != self.out)
        return met, f"left behind: {left}" if left else None


def kill(kills, seed, report=print):
    """Kill runs until that many kills have met one alive; return kills and what was wrong."""
    rng = np.random.default_rng(seed)
    back, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="kills"))
    met = wrong = 0
    try:
        scene = Scene(folder)
        while met < kills:
            more, problem = scene.trial(rng)
            met += more
            if problem:
                wrong += 1
                report(problem)
    finally:
        os.chdir(back)
        shutil.rmtree(folder)
    return met, wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    start = time.monotonic()
    met, wrong = kill(asked.kills, asked.seed, lambda text: print(text, flush=True))
    print(f"{met} kills, {wrong} wrong, {time.monotonic() - start:.0f} s")
    sys.exit(int(wrong > 0))
