"""Parts, sizes, animations and contact sheets of a drawn result."""

import cv2
import numpy as np
import pytest
from builders import some_poses
from video_files import frame_image, write_video

from videopose.cli.main import main
from videopose.drawing.options import DrawOptions
from videopose.errors import InputError
from videopose.io import animation
from videopose.io.reader import open_video
from videopose.io.result import ResultHeader
from videopose.io.results import write_result
from videopose.skeletons import skeleton_named
from videopose.types import Frame, Record
from videopose.workflows.render import render
from videopose.workflows.sheet import contact_sheet

SIZE = (120, 160)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A clip of ten frames and a result of two people in each."""
    folder = tmp_path_factory.mktemp("drawn")
    clip = write_video(folder / "clip.mp4", num_frames=10, size_hw=SIZE)
    reader = open_video(clip)
    with write_result(folder / "r.json", ResultHeader(reader.info, skeleton_named("coco17"))) as writer:
        for frame in reader:
            writer.write(Record(Frame(frame.index, frame.time, None), poses=some_poses(2, seed=frame.index)))
    return clip, folder / "r.json"


def images_of(path):
    return [frame.image.permute(1, 2, 0).numpy() for frame in open_video(path)]


def test_a_part_and_every_second_of_its_frames(made, tmp_path):
    done = []
    render(*made, tmp_path / "o.mp4", frames=(2, 8), every=3, progress=lambda *each: done.append(each))

    frames = list(open_video(tmp_path / "o.mp4"))
    assert [round(frame.time, 3) for frame in frames] == [0, 0.12, 0.24]
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_a_part_that_is_not_in_the_result_is_refused(made, tmp_path):
    with pytest.raises(InputError, match=r"r\.json: holds none of the frames 50-60"):
        render(*made, tmp_path / "o.mp4", frames=(50, 60))
    with pytest.raises(InputError, match="every is 0 and width None; they must be at least 1 and 16"):
        render(*made, tmp_path / "o.mp4", every=0)


def test_a_width_is_that_of_what_is_written_and_people_follow(made, tmp_path):
    render(*made, tmp_path / "small.mp4", width=80)
    render(*made, tmp_path / "both.mp4", width=320, side_by_side=True)

    assert images_of(tmp_path / "small.mp4")[0].shape == (60, 80, 3)
    assert images_of(tmp_path / "both.mp4")[0].shape == (120, 320, 3)


def test_side_by_side_is_the_frame_and_the_frame_with_people(made, tmp_path):
    render(*made, tmp_path / "o.mp4", side_by_side=True)

    image = images_of(tmp_path / "o.mp4")[0].astype(int)
    assert image.shape == (120, 320, 3)
    assert np.abs(image[:, :160] - frame_image(0, SIZE)).mean() < 4
    assert np.abs(image[:, 160:] - frame_image(0, SIZE)).mean() > 4


def test_hidden_heads_are_hidden_in_both_halves(made, tmp_path):
    options = DrawOptions(draw="labels", blur_faces=True)
    render(*made, tmp_path / "o.mp4", side_by_side=True, drawing=options)
    render(*made, tmp_path / "plain.mp4", side_by_side=True, drawing=DrawOptions(draw="labels"))

    hidden, plain = (images_of(tmp_path / name)[0].astype(int) for name in ("o.mp4", "plain.mp4"))
    assert (np.abs(hidden - plain)[:, :160].max(-1) > 25).sum() > 20


@pytest.mark.parametrize("suffix", animation.SUFFIXES)
def test_an_animation_plays_at_the_clips_times_and_repeats(made, tmp_path, suffix):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed; pip install -e '.[test]'")
    place = tmp_path / f"o{suffix}"
    render(*made, place, frames=(2, 8), every=2)

    shown = image.open(place)
    assert (shown.n_frames, shown.size, shown.info["loop"]) == (4, (160, 120), 0)
    times = []
    for number in range(shown.n_frames):
        shown.seek(number)
        shown.load()
        times.append(shown.info["duration"])
    assert times[:3] == [80, 80, 80]
    assert np.abs(np.asarray(image.open(place).convert("RGB")).astype(int) - frame_image(2, SIZE)).mean() < 40


def test_an_animation_is_the_same_bytes_every_time(made, tmp_path):
    for name in ("a.gif", "b.gif", "a.webp", "b.webp"):
        render(*made, tmp_path / name)

    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_an_animation_that_should_be_a_video_is_refused_and_leaves_nothing(made, tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "MAX_BYTES", 3 * 120 * 160 * 4)

    with pytest.raises(InputError, match=r"is a video\. Choose fewer frames"):
        render(*made, tmp_path / "o.gif")
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_holds_frames_from_the_first_to_the_last(made, tmp_path):
    contact_sheet(*made, tmp_path / "sheet.png", columns=3, rows=2, width=488)

    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1].astype(int)
    assert sheet.shape == (2 * 120 + 4, 488, 3)
    for index, (top, left) in ((0, (0, 0)), (9, (124, 328))):
        tile = sheet[top : top + 120, left : left + 160]
        assert np.median(np.abs(tile - frame_image(index, SIZE))) < 8


def test_a_sheet_of_few_frames_is_small(made, tmp_path):
    contact_sheet(*made, tmp_path / "sheet.jpg", columns=3, rows=2, width=488, frames=(4, 5))

    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape == (120, 324, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 100, "width": 400}, "are no sheet. Choose a larger width or fewer columns"),
        ({"rows": 1000}, "are too high. Choose fewer rows"),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(made, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        contact_sheet(*made, tmp_path / "sheet.jpg", **options)


def test_a_sheet_is_an_image(made, tmp_path):
    with pytest.raises(InputError, match=r"sheet\.mp4: sheets are written as \.jpg, \.jpeg, \.png, \.webp"):
        contact_sheet(*made, tmp_path / "sheet.mp4")


def test_the_commands_draw_what_their_options_say(made, tmp_path, capsys):
    clip, result = map(str, made)
    plain, sides, sheet = (str(tmp_path / name) for name in ("plain.mp4", "sides.mp4", "sheet.png"))

    assert main(["render", clip, result, "-o", plain, "-q"]) == 0
    words = ["--draw", "skeleton,boxes", "--side-colours", "--scale", "2", "--min-score", "0.05", "--frames", "3-4"]
    assert main(["render", clip, result, "-o", sides, "-q", *words]) == 0
    assert main(["sheet", clip, result, "-o", sheet, "--blur-faces", "--columns", "2", "--width", "324"]) == 0

    assert capsys.readouterr().out.splitlines() == [plain, sides, sheet]
    assert len(images_of(sides)) == 2
    assert np.abs(images_of(plain)[3].astype(int) - images_of(sides)[0]).max() > 100


def test_a_layer_that_does_not_exist_is_answered_with_the_nearest(made, tmp_path, capsys):
    assert main(["render", *map(str, made), "-o", str(tmp_path / "o.mp4"), "--draw", "label"]) == 2
    assert "there is no layer 'label'. Did you mean labels?" in capsys.readouterr().err
    assert main(["run", str(made[0]), "--save", "--draw", "bones"]) == 2
    assert "there is no layer 'bones'" in capsys.readouterr().err
