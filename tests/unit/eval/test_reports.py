import base64
import importlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from videopose import catalog
from videopose.cli.main import main

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with zipfile.ZipFile(DATA / "poseval" / "cases.zip") as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith("plain/")])
    return folder / "plain"


@pytest.fixture(scope="module")
def page(case, tmp_path_factory):
    """A full report of the case, with images, as files."""
    folder = tmp_path_factory.mktemp("page")
    images = folder / "images"
    for sequence in ("seq00", "seq01", "seq02"):
        target = images / "images" / "plain" / sequence
        target.mkdir(parents=True)
        for number in range(10):
            cv2.imwrite(str(target / f"{number:08d}.jpg"), np.full((360, 640, 3), 90, np.uint8))
    code = main(
        ["eval", "posetrack", "--truth", str(case / "gt"), "--predictions", str(case / "pred"), "--protocol",
         "corrected", "--bootstrap", "20", "-o", str(folder / "r.json"), "--html", str(folder / "r.html"),
         "--images", str(images), "--compare", str(case / "gt")]
    )  # fmt: skip
    assert code == 0
    return folder


def test_the_terminal_shows_the_fields_columns(case, capsys):
    code = main(["eval", "posetrack", "--truth", str(case / "gt"), "--predictions", str(case / "pred")])

    said = capsys.readouterr().out
    assert code == 0
    assert re.search(r"PoseTrack \(poseval\) +Head +Shou +Elb +Wri +Hip +Knee +Ankl +Total", said)
    assert re.search(r"^AP( +\d+\.\d){8}$", said, re.MULTILINE)
    assert re.search(r"^MOTA( +\d+\.\d){8}$", said, re.MULTILINE)


def test_the_document_has_every_measure_by_keypoint(page):
    document = json.loads((page / "r.json").read_text())

    assert document["protocol"] == "corrected"
    assert set(document["sequences"]) == {"seq00", "seq01", "seq02"}
    for measure in ("ap", "precision", "recall", "mota", "motp", "idf1", "hota"):
        assert len(document[measure]) == 16, measure
        assert {"head_bottom", "total"} <= set(document[measure])
    low, high = document["intervals"]["ap"]
    assert low <= document["ap"]["total"] <= high
    assert {each["rule"] for each in document["differences"]} >= {"last_frame"}
    assert document["explanation"]["worst_frames"][0]["wrong_keypoints"] > 0


def test_the_second_set_is_compared_on_the_same_draws(page):
    comparison = json.loads((page / "r.json").read_text())["comparison"]

    assert comparison["ap"]["difference"] == pytest.approx(
        100 - json.loads((page / "r.json").read_text())["ap"]["total"]
    )
    assert comparison["ap"]["not_better"] == 0  # the second set is the truth itself


def test_the_page_needs_no_network_and_shows_the_worst_frames(page):
    text = (page / "r.html").read_text()

    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "<script" not in text
    images = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    assert len(images) == 12
    assert cv2.imdecode(np.frombuffer(base64.b64decode(images[0]), np.uint8), cv2.IMREAD_COLOR).shape[1] == 420


@pytest.mark.slow
def test_the_page_opens_in_a_real_browser(page):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium is installed (apt-get install chromium)")

    shot = page / "shot.png"
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,3000", f"--screenshot={shot}",
         "--virtual-time-budget=2000", f"file://{page / 'r.html'}"],
        capture_output=True, timeout=120, check=False, text=True,
    )  # fmt: skip
    dom = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"file://{page / 'r.html'}"],
        capture_output=True, timeout=120, check=True, text=True,
    )  # fmt: skip

    assert shot.is_file(), done.stderr
    image = cv2.imread(str(shot))
    assert image.std() > 10  # something is drawn
    assert dom.stdout.count("<polyline") == 15
    assert "Precision over recall" in dom.stdout


@pytest.mark.parametrize("protocol", ["coco", "crowdpose"])
def test_coco_reports(protocol, tmp_path, capsys):
    code = main(
        ["eval", "coco", "--protocol", protocol, "--truth", str(DATA / "coco_scoring" / f"{protocol}_gt.json"),
         "--predictions", str(DATA / "coco_scoring" / f"{protocol}_dt.json"), "-o", str(tmp_path / "r.json"),
         "--bootstrap", "10"]
    )  # fmt: skip

    assert code == 0
    assert "AP" in capsys.readouterr().out
    document = json.loads((tmp_path / "r.json").read_text())
    assert 0 < document["AP"] < 1
    assert document["intervals"]["AP"][0] <= document["intervals"]["AP"][1]


def test_box_reports(tmp_path, capsys):
    truth, found = (str(DATA / "coco_scoring" / f"coco_{side}.json") for side in ("gt", "dt"))

    code = main(["eval", "boxes", "--truth", truth, "--predictions", found, "--min-side", "20", "--bootstrap", "5"])

    assert code == 0
    assert "95 % interval" in capsys.readouterr().out


def test_mot_reports(case, tmp_path, capsys):
    for side in ("gt", "pred"):
        assert main(["convert", str(case / side), "-o", str(tmp_path / side), "--to", "mot"]) == 0

    code = main(
        ["eval", "mot", "--truth", str(tmp_path / "gt"), "--predictions", str(tmp_path / "pred"), "--from", "mot",
         "--bootstrap", "5", "-o", str(tmp_path / "r.json"), "--workers", "1"]
    )  # fmt: skip

    assert code == 0
    assert "MOT, counts" in capsys.readouterr().out
    assert set(json.loads((tmp_path / "r.json").read_text())["sequences"]) == {"seq00", "seq01", "seq02"}


@pytest.mark.parametrize("arguments", [["pck", "--convention", "posetrack"], ["pcp"]])
def test_single_person_reports(arguments, case, tmp_path, capsys):
    truth = str(case / "gt" / "seq00.json")

    code = main(["eval", *arguments, "--truth", truth, "--predictions", truth, "--html", str(tmp_path / "r.html")])

    assert code == 0
    assert "100.0" in capsys.readouterr().out
    assert "<table>" in (tmp_path / "r.html").read_text()


COCO = tuple(str(DATA / "coco_scoring" / f"coco_{side}.json") for side in ("gt", "dt"))


@pytest.mark.parametrize("protocol", ["coco", "boxes"])
def test_image_protocols_compare_two_sets_on_the_same_draws(protocol, tmp_path):
    truth, found = COCO
    entries = json.loads(Path(found).read_text())
    for entry in entries:
        entry["keypoints"] = [0.0] * len(entry["keypoints"])
        entry["bbox"] = [0.0, 0.0, 1.0, 1.0]
    (tmp_path / "worse.json").write_text(json.dumps(entries))

    code = main(
        ["eval", protocol, "--truth", truth, "--predictions", found, "--compare", str(tmp_path / "worse.json"),
         "--bootstrap", "10", "-o", str(tmp_path / "r.json")]
    )  # fmt: skip

    assert code == 0
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["comparison"]["AP"]["difference"] == pytest.approx(-document["AP"], abs=0.02)
    assert document["comparison"]["AP"]["not_better"] == 1


@pytest.mark.parametrize(
    ("arguments", "headline"), [(["pck", "--convention", "posetrack"], "mean"), (["pcp"], "strict"), (["mot"], "hota")]
)
def test_folders_of_sequences_get_intervals_and_a_comparison(arguments, headline, case, tmp_path, capsys):
    truth, found = (str(case / side) for side in ("gt", "pred"))
    if arguments == ["mot"]:
        for side in ("gt", "pred"):
            assert main(["convert", str(case / side), "-o", str(tmp_path / side), "--to", "mot"]) == 0
        truth, found = str(tmp_path / "gt"), str(tmp_path / "pred")

    code = main(
        ["eval", *arguments, "--truth", truth, "--predictions", found, "--compare", truth, "--bootstrap", "20",
         "-o", str(tmp_path / "r.json")]
    )  # fmt: skip

    assert code == 0
    assert re.search("Second minus first +change +low +high +not better %", capsys.readouterr().out)
    document = json.loads((tmp_path / "r.json").read_text())
    low, high = document["intervals"][headline]
    value = document[headline]["total"] if arguments == ["pcp"] else document[headline]
    assert low <= value <= high
    assert document["comparison"][headline]["difference"] == pytest.approx(100 - value)
    assert document["comparison"][headline]["not_better"] == 0


def test_pck_has_the_fields_columns(case, capsys):
    truth = str(case / "gt")

    code = main(["eval", "pck", "--convention", "posetrack", "--truth", truth, "--predictions", truth])

    said = capsys.readouterr().out
    assert code == 0
    assert re.search(r"PCKh@0.5 +Head +Shou +Elb +Wri +Hip +Knee +Ankl +Mean +AUC\n-+\n( +100\.0){9}\n", said)


def test_the_format_of_the_truth_can_be_named_for_every_protocol(case, capsys):
    code = main(
        ["eval", "posetrack", "--truth", str(case / "gt"), "--predictions", str(case / "pred"), "--from", "coco"]
    )

    assert code == 1
    assert "seq00.json has no key 'annotations'" in capsys.readouterr().err


def test_a_negative_threshold_is_refused(case, capsys):
    truth = str(case / "gt")

    code = main(["eval", "pck", "--convention", "lsp", "--truth", truth, "--predictions", truth, "--alpha", "-1"])

    assert code == 2
    assert "-1.0 is not in the range x>0" in capsys.readouterr().err


def test_a_wrong_protocol_is_one_line(case, capsys):
    code = main(
        ["eval", "posetrack", "--truth", str(case / "gt"), "--predictions", str(case / "pred"), "--protocol", "kit"]
    )

    assert code == 1
    assert "no protocol is named 'kit'. Known: corrected, poseval." in capsys.readouterr().err


def test_missing_predictions_are_one_line(case, tmp_path, capsys):
    code = main(["eval", "posetrack", "--truth", str(case / "gt"), "--predictions", str(tmp_path)])

    assert code == 1
    assert "has no predictions named seq00.json" in capsys.readouterr().err


def test_a_score_without_a_layout_of_its_own_is_shown_by_its_headline():
    report = catalog.evaluation("reports.build")

    class Scored(importlib.import_module("videopose.eval.protocols.base").Scored):
        num_units = 3
        headline: ClassVar = {"share": 2.0}
        factor = 10.0

        def recount(self):
            return lambda times: {"share": float(times.mean()) + 1}

    text = report.as_text(report.build(Scored(), repeats=5, other=Scored()))

    assert re.search(r"share\n-+\n +20\.0\n", text)
    assert re.search(r"share +20\.0 +20\.0\n\nSecond minus first", text)


def test_what_cannot_be_said_is_null_in_json():
    report = catalog.evaluation("reports.build")

    text = report.as_json(report.Report("", {"a": float("nan"), "b": [1.0, float("inf")]}, ()))

    assert json.loads(text) == {"a": None, "b": [1.0, None]}


@pytest.mark.parametrize("name", ["../secret.jpg", "inside/../../secret.jpg", "/etc/hostname", "link.jpg", "a\0b.jpg"])
def test_images_come_from_the_folder_only(name, tmp_path):
    thumbnails = sys.modules[catalog.evaluation("reports.build").__package__ + ".thumbnails"]
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "good.jpg").write_bytes(b"x")

    assert thumbnails._inside(folder, name) is None
    assert thumbnails._inside(folder, "good.jpg") == folder / "good.jpg"
