"""Damaged inputs of every kind, from a seed: `python tests/fuzz/fuzz.py [--cases 1080] [--seed 0] [--kinds video …]`.

Every command line must end within 60 s with a result, what is missing in it listed, or with one line; never in a
traceback, a crash or a half-written file. Prints each case that does not, and a table.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "e2e")]
os.environ["VIDEOPOSE_TRACEBACKS"] = "1"  # the last net is off: what it would catch counts

import fake_recipe
from fuzz_cases import KINDS, make_case, wrong_with
from fuzz_inputs import make_all
from video_files import write_video

from videopose import catalog
from videopose.cli.main import main

SECONDS = 60
"""A command that takes longer hangs."""
SHARES = {
    "video": 6,
    "folder": 2,
    "results": 3,
    "boxes": 3,
    "config": 2,
    "weights": 2,
    "exchange": 4,
    "scores": 2,
    "journal": 1,
}
"""Of the cases, by kind."""
_RECIPE = catalog.recipe


class Commands:
    """Runs command lines in this process."""

    def __init__(self, config):
        self.config = config

    def __call__(self, *words, real=False):
        """Return exit code, stdout and stderr; tracebacks pass through."""
        words = [os.fspath(word) for word in words]
        catalog.recipe = _RECIPE if real else lambda name: fake_recipe
        if words[0] == "run" and not real:
            words += ["--pipeline", str(self.config)]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        return SimpleNamespace(code=code, out=out.getvalue(), err=err.getvalue())


def prepare(folder):
    """Write the good inputs; what is the same for all cases."""
    command = Commands(fake_recipe.config_file(folder))
    inputs = make_all(folder, command)
    clip = write_video(folder / "long.mp4", num_frames=140)
    out = folder / "long.json"
    command("run", clip, "-o", out, "-q")
    inputs["journal"] = (clip, out.read_bytes(), _broken_off(command, clip, folder / "off.json"))
    return command, inputs


def _broken_off(command, clip, out):
    """Return the journal of a run that was stopped after its second chunk."""
    from videopose.workflows import running

    post, running.WriteResult = running.WriteResult, _Stops
    try:
        command("run", clip, "-o", out, "-q")
    except InterruptedError:
        pass
    finally:
        running.WriteResult = post
    return out.with_name(out.name + ".partial")


class _Stops:
    def __init__(self, *arguments, **options):
        pass

    def __call__(self, records):
        for number, record in enumerate(records):
            if number == 130:
                raise InterruptedError
            yield record


def work(pipe, folder):
    """Answer (kind, number, seed) with what is wrong, until the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
    os.environ["PYTHONWARNINGS"] = "ignore"
    command, inputs = prepare(Path(folder))
    pipe.send(None)
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(try_case(*pipe.recv(), command, inputs))


def try_case(kind, number, seed, command, inputs):
    """Run one case; return what is wrong (None if nothing), the exit code and what was said."""
    folder = Path(tempfile.mkdtemp(prefix="case"))
    back = Path.cwd()
    words = None
    try:
        case = make_case(kind, number, seed, inputs, folder)
        words = " ".join(map(ascii, map(str, case.words)))
        before = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        os.chdir(folder)
        answer = command(*case.words, real=case.real)
        wrong = wrong_with(case, answer, before, folder)
        return (f"{wrong}   [{words}]" if wrong else None), answer.code, answer.err
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        places = traceback.extract_tb(error.__traceback__)[-4:]
        path = " > ".join(f"{Path(place.filename).name}:{place.lineno}" for place in places)
        return f"{path}: {type(error).__name__}: {str(error)[:200]}   [{words}]", -1, ""
    finally:
        os.chdir(back)
        shutil.rmtree(folder, ignore_errors=True)


class Worker:
    """A process that tries cases, started anew when one hangs or takes it down."""

    def __init__(self):
        self._process = None

    def _start(self):
        self.folder = tempfile.mkdtemp(prefix="fuzz")
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=work, args=(other, self.folder), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()

    def close(self):
        """End the process and remove its files."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            shutil.rmtree(self.folder, ignore_errors=True)
        self._process = None

    def __call__(self, kind, number, seed):
        """Try one case; return what is wrong, the exit code and what was said."""
        if self._process is None:
            self._start()
        self._pipe.send((kind, number, seed))
        try:
            if self._pipe.poll(SECONDS):
                return self._pipe.recv()
            wrong = f"no answer within {SECONDS} s"
        except EOFError:
            self._process.join()
            wrong = f"the process died (exit {self._process.exitcode})"
        self.close()
        return wrong, -1, ""


def numbers_of(cases, kinds):
    """Share a number of cases out to the kinds: kind and number of each case."""
    total = sum(SHARES[kind] for kind in kinds)
    return [(kind, number) for kind in kinds for number in range(-(-cases * SHARES[kind] // total))]


def fuzz(cases, seed, kinds=KINDS, report=print):
    """Try many cases; return by kind how many there were, ended well, were refused, and were wrong."""
    worker = Worker()
    counts = {kind: [0, 0, 0, 0] for kind in kinds}
    try:
        for kind, number in numbers_of(cases, kinds):
            wrong, code, _ = worker(kind, number, seed)
            counts[kind][0] += 1
            counts[kind][3 if wrong else 1 if code == 0 else 2] += 1
            if wrong:
                report(f"{kind} {number}: {wrong}")
    finally:
        worker.close()
    return counts


def _main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1080)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--only", type=int, help="this number of the kind")
    asked = parser.parse_args()
    start = time.monotonic()
    if asked.only is not None:
        print(*Worker()(asked.kinds[0], asked.only, asked.seed), sep="\n")
        return 0
    counts = fuzz(asked.cases, asked.seed, asked.kinds, lambda text: print(text, flush=True))
    print(f"{'kind':10} {'cases':>6} {'done':>6} {'refused':>8} {'wrong':>6}")
    for kind, row in (*counts.items(), ("all", [sum(column) for column in zip(*counts.values(), strict=True)])):
        print(f"{kind:10} {row[0]:6} {row[1]:6} {row[2]:8} {row[3]:6}")
    print(f"{time.monotonic() - start:.0f} s")
    return int(any(row[3] for row in counts.values()))


if __name__ == "__main__":
    sys.exit(_main())
