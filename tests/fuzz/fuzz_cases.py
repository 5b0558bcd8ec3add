"""One damaged input, one command line, and what must hold of the answer, for every kind of file that is read."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import yaml
from fuzz_damage import changed_document, damaged_bytes, damaged_json, damaged_lines
from safetensors import safe_open
from safetensors.torch import save_file

from videopose.io.results import read_result

KINDS = ("video", "folder", "results", "boxes", "config", "weights", "exchange", "scores", "journal")


@dataclass
class Case:
    """A command line to try.

    Attributes:
        words: of the command line.
        real: whether it asks for the real recipes; otherwise for the one without networks.
        clip: whose frames a result must have, if it is one of a run over all frames.
        whole: whether the clip is undamaged: then nothing may be missing or refused.
        expected: path and bytes of the result that is right, for a run that goes on.
    """

    words: list
    real: bool = False
    clip: Path | None = None
    whole: bool = False
    expected: tuple | None = None


def make_case(kind, number, seed, inputs, folder):
    """Write the input of a case into an empty folder and say what to do with it."""
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    return globals()[f"_{kind}"](rng, inputs, folder)


def _pick(rng, items):
    return items[int(rng.integers(0, len(items)))]


def _damaged_copy(rng, path, folder):
    target = folder / f"bad{path.suffix}"
    how = {".json": damaged_json, ".txt": damaged_lines, ".csv": damaged_lines}.get(path.suffix, damaged_bytes)
    target.write_bytes(how(rng, path.read_bytes()))
    return target


def _video(rng, inputs, folder):
    good = _pick(rng, inputs["video"])
    clip = folder / f"clip{good.suffix}"
    is_whole = rng.random() < 0.15
    clip.write_bytes(good.read_bytes() if is_whole else damaged_bytes(rng, good.read_bytes()))
    words = ["run", clip, "-o", folder / "out.json", "-q"]
    if rng.random() < 0.7:
        return Case(words, clip=clip, whole=is_whole)
    more = [
        ["--frames", "5-9"], ["--frames", "20-"], ["--every", "3"], ["--start", "0.3", "--end", "0.6"], ["--strict"],
        ["--backend", "opencv"], ["--frames", "0-0"], ["--stream", "0"], ["--start", "-1"], ["--frames", "30-40"],
    ]  # fmt: skip
    return Case(words + _pick(rng, more))


def _folder(rng, inputs, folder):
    images = folder / "images"
    shutil.copytree(inputs["folder"][0], images)
    for path in sorted(images.iterdir()):
        if rng.random() < 0.4:
            path.write_bytes(damaged_bytes(rng, path.read_bytes()))
    odd = images / _pick(
        rng, ["._0.png", "x.png", "img_9999.png", "a b\n.jpg", "Thumbs.db", "é\udcff.png", "0.gif", "1.tif"]
    )
    kind = _pick(rng, ["none", "none", "empty", "text", "folder", "pipe", "loop", "copy"])
    if kind == "empty":
        odd.touch()
    elif kind == "text":
        odd.write_text("no frame_image")
    elif kind == "folder":
        odd.mkdir()
    elif kind == "pipe":
        os.mkfifo(odd)
    elif kind == "loop":
        odd.symlink_to(odd.name)
    elif kind == "copy":
        shutil.copy(_pick(rng, sorted(inputs["folder"][0].iterdir())), odd)
    clip = images if rng.random() < 0.7 else images / _pick(rng, ["*", "*.png", "img_*", "[", "*.xyz"])
    more = _pick(
        rng,
        [
            [],
            [],
            ["--keep-holes"],
            ["--frame-rate", "0"],
            ["--frame-rate", _pick(rng, ["1e-9", "1e-300", "1e300", "0.001", "1000"])],
            ["--strict"],
        ],
    )
    return Case(["run", clip, "-o", folder / "out.json", "-q", *more])


def _results(rng, inputs, folder):
    bad = _damaged_copy(rng, _pick(rng, inputs["results"]), folder)
    clip = inputs["video"][1]
    out = folder / f"out{_pick(rng, ['.json', '.parquet', '.csv'])}"
    lines = [
        ["track", bad, "-o", out], ["track", bad, "-o", out, "--set", "smoothing.method=none"],
        ["render", clip, bad, "-o", folder / "out.mp4", "-q"], ["convert", bad, "-o", out, "--to", "videopose"],
        ["convert", bad, "-o", folder / "out.json", "--to", "coco"],
        ["run", clip, "-o", bad, "-q"],
    ]  # fmt: skip
    return Case(_pick(rng, lines), real=True)


def _boxes(rng, inputs, folder):
    bad = _damaged_copy(rng, _pick(rng, inputs["boxes"]), folder)
    return Case(["run", inputs["video"][1], "-o", folder / "out.json", "-q", "--boxes", bad])


def _config(rng, inputs, folder):
    good = _pick(rng, inputs["config"])
    words = ["run", "clip.mp4", "--pipeline"] if good.stem.startswith("pipelines") else ["train", "--data", ".", ""]
    bad = folder / "bad.yaml"
    choice = rng.random()
    if choice < 0.6:
        odd = changed_document(rng, yaml.safe_load(good.read_text()))
        bad.write_bytes(json.dumps(odd).encode() if rng.random() < 0.5 else _as_yaml(odd))
    elif choice < 0.8:
        bad.write_bytes(damaged_bytes(rng, good.read_bytes()))
    else:
        bombs = b"".join(b"%c: &%c [*%c,*%c]\n" % (k + 1, k + 1, k, k) for k in range(98, 120))
        texts = [
            b"a: &a [x,x]\nb: &b [*a,*a]\n" + bombs, b"base: bad.yaml\n", b"base: /etc/passwd\n", b"- 1\n",
            b"? [a]\n: b\n", b"!!python/object:os.system {}\n", b"recipe: topdown\nrecipe: tubes\n", b"1: 2\n",
            b"a: " + b"[" * 5000, b"\xff\xfe", b"{" * 100_000, b"a: 1_0\n: 3", b"recipe: 2020-99-99\n",
            b"pose: {min_score: " + b"9" * 6000 + b"}\n", b"recipe: !!binary x\n", b"%YAML 9.9\n---\n",
        ]  # fmt: skip
        bad.write_bytes(_pick(rng, texts))
    if words[0] == "train":
        return Case(["train", bad, "--data", folder, "--print-config"], real=True)
    return Case([*words, bad, "--print-config"], real=True)


def _as_yaml(document):
    try:
        return yaml.safe_dump(document).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, ValueError):
        return b"a: \x00"


def _weights(rng, inputs, folder):
    good = _pick(rng, inputs["weights"])
    bad = folder / f"bad{good.suffix}"
    if good.suffix == ".safetensors" and rng.random() < 0.8:
        with safe_open(good, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            card = json.loads(file.metadata()["videopose"])
        text = json.dumps(changed_document(rng, card))
        save_file(state, bad, metadata={"videopose": text})
    else:
        bad.write_bytes(damaged_bytes(rng, good.read_bytes()))
    words = ["run", inputs["video"][1], "-o", folder / "out.json", "-q", "--single-person", "--frames", "0-0"]
    return Case([*words, "--set", "pose.model=fpn_pose", "--set", f"pose.weights={bad}"], real=True)


def _exchange(rng, inputs, folder):
    bad = _damaged_copy(rng, _pick(rng, inputs["exchange"]), folder)
    name = _pick(rng, ["videopose", "coco", "posetrack18", "mot", "posetrack17", "crowdpose"])
    out = folder / f"out.{'txt' if name == 'mot' else 'json'}"
    words = ["convert", bad, "-o", out, "--to", name]
    choice = rng.random()
    if choice < 0.15:
        words += ["--clip", inputs["video"][1]]
    elif choice < 0.3:
        words = ["annotate", "propagate", inputs["video"][1], bad, "-o", folder / "out.json", "--set", "head=none"]
    return Case(words)


def _scores(rng, inputs, folder):
    by_name = {path.stem: path for path in inputs["exchange"]}
    pairs = {"coco": inputs["scores"], "posetrack": [by_name["posetrack18"]] * 2, "mot": [by_name["mot"]] * 2}
    protocol = _pick(rng, list(pairs))
    files = list(pairs[protocol])
    turn = int(rng.integers(0, 2))
    files[turn] = _damaged_copy(rng, files[turn], folder)
    return Case(["eval", protocol, "--truth", files[0], "--predictions", files[1]])


def _journal(rng, inputs, folder):
    """Break a run off, damage what it has left, and go on: the result is the one of a run that was never stopped."""
    clip, right, partial = inputs["journal"]
    out = folder / "out.json"
    left = out.with_name("out.json.partial")
    shutil.copytree(partial, left)
    for path in sorted(left.iterdir()):
        choice = rng.random()
        if choice < 0.3 and path.stat().st_size:
            path.write_bytes(damaged_bytes(rng, path.read_bytes()))
        elif choice < 0.4:
            path.unlink()
        elif choice < 0.5:
            content = path.read_bytes()
            _pick(rng, sorted(left.iterdir())).write_bytes(content)
    return Case(["run", clip, "-o", out, "-q"], expected=(out, right))


def wrong_with(case, answer, before, folder):
    """Say what is wrong with an answer, None if nothing is."""
    said = [line for line in answer.err.splitlines() if not line.startswith(("note: ", "Warning: "))]
    after = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    if answer.code not in (0, 1, 2):
        return f"exit {answer.code}"
    is_listed = "--print-config" in case.words  # every wrong option has its line
    if answer.code == 1 and (not said or not said[0].startswith("Error: ") or (len(said) > 1 and not is_listed)):
        return f"exit 1 with {len(said)} lines: {answer.err[-300:]!r}"
    if answer.code:
        if case.whole or (case.expected and "written by" not in answer.err and "holds" not in answer.err):
            return f"good input refused: {answer.err[-200:]}"
        left = [name for name in after if name not in before and not name.startswith("out.json.partial")]
        return f"left behind: {left}" if left else None
    half = [name for name in after if name.endswith((".part", ".partial", ".lock", ".gone")) and name not in before]
    if half:
        return f"left behind: {half}"
    if case.expected and case.expected[0].read_bytes() != case.expected[1]:
        return "another result than that of a run that was never stopped"
    result = next((folder / name for name in after if name.startswith("out.") and name not in before), None)
    if result is not None and case.words[0] in ("run", "track"):
        return _frames_wrong(case, result)
    return None


def _frames_wrong(case, path):
    result = read_result(path)
    indices = [record.frame.index for record in result]
    if case.clip is None:
        return None
    gaps = sorted(index for gap in result.header.gaps for index in range(gap.first, gap.last + 1))
    if sorted(indices + gaps) != list(range(len(indices) + len(gaps))):
        return f"frames and gaps are no numbers from 0 on: {len(indices)} frames, gaps {gaps[:20]}"
    plain = plain_decode(case.clip)
    if not len(indices) <= plain <= len(indices) + len(gaps) or (case.whole and gaps):
        return f"{len(indices)} frames and {len(gaps)} in gaps; a plain decode gives {plain} pictures"
    return None


def plain_decode(path):
    """Count the pictures that come out of the decoder, whatever is said on the way."""
    count = 0
    with av.open(f"file:{path}", metadata_errors="replace") as container:
        stream = max(container.streams.video, key=lambda each: (each.frames, -each.index))
        packets = container.demux(stream)
        failures = 0
        while failures < 50:
            try:
                packet = next(packets)
                count += len(packet.decode())
            except (StopIteration, EOFError):
                break
            except av.error.FFmpegError:
                failures += 1
    return count
