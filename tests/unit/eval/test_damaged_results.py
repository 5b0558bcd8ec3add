"""Two hundred damaged result files: a clear one-line error or a correct score, no traceback, no silent zero."""

import copy
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from videopose import catalog
from videopose.errors import VideoPoseError
from videopose.io.exchange.formats import read_table, write_table

posetrack, coco = catalog.protocol("posetrack"), catalog.protocol("coco")
DATA = Path(__file__).parents[2] / "data"
WRONG = ("text", "7", None, [], {}, True, -1, 10**25, 1.5, float("nan"), float("inf"), [[1]], {"a": 1})
NUM_DAMAGES = 50  # per format, of four


def _places(value, way=()):
    """List the ways to every entry of a document."""
    yield way
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _places(child, (*way, key))


def _parent(document, way):
    for step in way[:-1]:
        document = document[step]
    return document


def _frames_of(document):
    lists = (
        [document.get(key) for key in ("annolist", "images", "frames")] if isinstance(document, dict) else [document]
    )
    return next((each for each in lists if isinstance(each, list)), [])


def _damage(document, rng, kind):
    """Damage a document in one place; gives the text of the file."""
    document = copy.deepcopy(document)
    places = [way for way in _places(document) if way]
    way = rng.choice(places)
    shallow = rng.choice([each for each in places if len(each) <= 4])
    if kind == "truncate":
        text = json.dumps(document)
        return text[: rng.randrange(1, len(text))]
    if kind == "delete":
        parent = _parent(document, shallow)
        parent.pop(shallow[-1])
    elif kind in ("replace", "replace shallow"):
        way = way if kind == "replace" else shallow
        _parent(document, way)[way[-1]] = rng.choice(WRONG)
    elif kind == "shuffle":
        rng.shuffle(_frames_of(document))
    elif kind == "double":
        frames = _frames_of(document)
        frames.insert(rng.randrange(len(frames)), copy.deepcopy(rng.choice(frames)))
    elif kind == "longer":
        lists = [each for each in places if isinstance(_parent(document, (*each, 0)), list)]
        target = _parent(document, (*rng.choice(lists), 0))
        target.append(copy.deepcopy(target[0]) if target else 3)
    return json.dumps(document)


KINDS = (
    "truncate",
    "delete",
    "delete",
    "replace",
    "replace",
    "replace shallow",
    "shuffle",
    "double",
    "longer",
    "longer",
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """One sequence as PoseTrack 2017, 2018 and as our own result, and COCO results: format -> (document, score)."""
    folder = tmp_path_factory.mktemp("sources")
    with zipfile.ZipFile(DATA / "poseval" / "cases.zip") as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith("two_frame_sequence/")])
    case = folder / "two_frame_sequence"
    table = read_table(case / "pred" / "seq00.json")
    documents = {}
    for name in ("posetrack17", "posetrack18", "videopose"):
        write_table(table, folder / f"{name}.json", name)
        documents[name] = json.loads((folder / f"{name}.json").read_text())
    documents["coco"] = json.loads((DATA / "coco_scoring" / "coco_dt.json").read_text())[:40]
    return case / "gt", documents


def _score(name, truth, file):
    if name == "coco":
        return coco.score_files(DATA / "coco_scoring" / "coco_gt.json", file).numbers["AP50"] * 100
    return posetrack.score_folders(truth / "seq00.json", file, "corrected", workers=1, identities=False).numbers["ap"][
        "total"
    ]


def _score_or_say(score):
    """Return the score and "", or None and what the error says; any other exception goes through and fails the test."""
    try:
        return score(), ""
    except VideoPoseError as error:
        return None, str(error)


@pytest.mark.parametrize("name", ["posetrack17", "posetrack18", "videopose", "coco"])
def test_a_damaged_file_is_a_clear_error_or_a_correct_score(name, sources, tmp_path):
    truth, documents = sources
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(documents[name]))
    unharmed = _score(name, truth, whole)
    assert unharmed > 20
    refused = 0

    for seed in range(NUM_DAMAGES):
        rng = random.Random(f"{name}/{seed}")
        kind = KINDS[seed % len(KINDS)]
        file = tmp_path / f"{seed}.json"
        file.write_text(_damage(documents[name], rng, kind))
        score, said = _score_or_say(lambda file=file: _score(name, truth, file))
        if said:
            refused += 1
            assert str(file) in said, f"{kind} {seed}: does not name the file: {said}"
            assert "\n" not in said
            continue
        # One damaged entry of a few people costs something, but cannot cost everything.
        assert np.isfinite(score), f"{kind} {seed}"
        assert 0.4 * unharmed <= score <= 100 + 1e-9, f"{kind} {seed}: {score}, unharmed {unharmed}"

    assert refused > NUM_DAMAGES / 4


@pytest.mark.parametrize("name", ["posetrack17", "posetrack18"])
def test_the_kits_protocol_never_fails_with_a_traceback(name, sources, tmp_path):
    truth, documents = sources

    for seed in range(NUM_DAMAGES):
        file = tmp_path / f"{seed}.json"
        file.write_text(_damage(documents[name], random.Random(f"kit/{name}/{seed}"), KINDS[seed % len(KINDS)]))
        _, said = _score_or_say(
            lambda file=file: posetrack.score_folders(truth / "seq00.json", file, workers=1, identities=False)
        )
        assert not said or str(file) in said
