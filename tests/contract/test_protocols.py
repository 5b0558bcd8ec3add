"""What every scoring protocol keeps to: perfection scores highest, nobody found is no crash, options are checked."""

import importlib
import json
import pkgutil
from dataclasses import replace

import numpy as np
import pytest

from videopose import catalog
from videopose.cli.main import main
from videopose.config import Options, validate
from videopose.errors import ConfigError, UnknownNameError
from videopose.io.exchange.formats import write_table
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.skeletons import skeleton_named

FORMAT = "posetrack18"
SKELETON = skeleton_named("posetrack15")


def protocols_of_the_library():
    """Find every module beside the protocols that offers one."""
    package = importlib.import_module("videopose.eval.protocols")
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return {module.__name__.rpartition(".")[2]: module.PROTOCOL for module in modules if hasattr(module, "PROTOCOL")}


PROTOCOLS = protocols_of_the_library()


def options_for(protocol):
    """Defaults, and the example of what has none."""
    fields = protocol.options.model_fields
    return protocol.options(**{name: field.examples[0] for name, field in fields.items() if field.is_required()})


def two_people(seed):
    """Two people on their way through four images, whole, with boxes, heads and ids."""
    random = np.random.default_rng(seed)
    frame, person = (part.ravel() for part in np.meshgrid(np.arange(4), np.arange(2), indexing="ij"))
    shape = random.uniform(0, [60, 150], (2, len(SKELETON), 2))
    xy = (100 + shape[person] + np.stack([200 * person + 5 * frame, 3 * frame], 1)[:, None]).round(2)
    low, high = xy.min(axis=1), xy.max(axis=1)
    frames = [
        FrameEntry(name=f"images/{number:06d}.jpg", number=number, size_hw=(480, 640), labelled=True)
        for number in (1, 2, 3, 4)
    ]
    return make_table(
        "seq", SKELETON, frames, frame, xy=xy, keypoint_score=np.full(xy.shape[:2], 0.9),
        visibility=np.full(xy.shape[:2], 2), score=np.full(8, 0.9), xyxy=np.concatenate([low, high], axis=1),
        head_xyxy=np.concatenate([low, low + 30], axis=1), track_id=person + 1, area=(high - low).prod(axis=1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Truth of two sequences, and predictions: the truth itself, and nobody."""
    folder = tmp_path_factory.mktemp("protocols")
    for number in (1, 2):
        truth = replace(two_people(number), name=f"seq{number}")
        for name, table in {"truth": truth, "perfect": truth, "nobody": truth[:0]}.items():
            (folder / name).mkdir(exist_ok=True)
            write_table(table, folder / name / f"seq{number}.json", FORMAT)
    return folder


def files(folders, name, predictions):
    """Paths of both sides: folders, or a file where a protocol reads no folders."""
    sides = folders / "truth", folders / predictions
    return [side / "seq1.json" for side in sides] if name in ONE_FILE else list(sides)


ONE_FILE = ("boxes", "coco")
"""Protocols over images, whose sets are one file."""


def test_the_catalog_offers_the_protocols_and_nothing_else():
    assert set(catalog.protocol_names()) == set(PROTOCOLS)
    for name, protocol in PROTOCOLS.items():
        assert catalog.protocol(name).PROTOCOL is protocol
        assert protocol.name == name
    with pytest.raises(UnknownNameError, match=r"no protocol is named 'tables'\. Known: boxes"):
        catalog.protocol("tables")
    with pytest.raises(UnknownNameError, match=r"no protocol is named 'posetrak'\. Did you mean posetrack\?"):
        catalog.protocol("posetrak")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_perfect_predictions_give_the_top_score(name, folders):
    protocol = PROTOCOLS[name]

    scored = protocol.score(*files(folders, name, "perfect"), options_for(protocol))

    per_cent = {name: scored.factor * value for name, value in scored.headline.items()}
    assert next(iter(per_cent.values())) == pytest.approx(100)
    assert all(value <= 100 + 1e-9 or np.isnan(value) for value in per_cent.values())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_nobody_found_scores_lowest(name, folders):
    protocol = PROTOCOLS[name]

    scored = protocol.score(*files(folders, name, "nobody"), options_for(protocol), explain=True)

    lowest = next(iter(scored.headline.values()))
    assert lowest == 0 or np.isnan(lowest)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_unit_counted_once_gives_the_headline(name, folders):
    protocol = PROTOCOLS[name]

    scored = protocol.score(*files(folders, name, "perfect"), options_for(protocol))

    assert scored.num_units >= 2
    again = scored.recount()(np.ones(scored.num_units, np.int64))
    assert list(again) == list(scored.headline)
    np.testing.assert_allclose(list(again.values()), list(scored.headline.values()), rtol=1e-9)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_option_is_documented_and_a_wrong_one_names_the_nearest(name):
    model = PROTOCOLS[name].options

    assert issubclass(model, Options)
    for option, field in model.model_fields.items():
        assert field.description, f"{name}.{option} has no line of documentation"
        assert field.examples or not field.is_required(), f"{name}.{option} has neither default nor example"
        with pytest.raises(ConfigError, match=rf"a test: {option}x is not an option. Did you mean {option}\?"):
            validate(model, {f"{option}x": None}, source="a test")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_a_command_with_its_options(name, folders, tmp_path, capsys):
    truth, found = files(folders, name, "perfect")
    required = options_for(PROTOCOLS[name]).model_dump(exclude_unset=True)
    own = [word for option, value in required.items() for word in (f"--{option}", str(value))]

    code = main(
        ["eval", name, "--truth", str(truth), "--predictions", str(found), *own, "--bootstrap", "3", "--compare",
         str(files(folders, name, "nobody")[1]), "-o", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    )  # fmt: skip

    assert code == 0
    assert "Second minus first" in capsys.readouterr().out
    assert {"intervals", "comparison"} <= json.loads((tmp_path / "r.json").read_text()).keys()
    assert "<table>" in (tmp_path / "r.html").read_text()
    assert main(["eval", name, "--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"--{option.replace('_', '-')} " in said for option in PROTOCOLS[name].options.model_fields)
