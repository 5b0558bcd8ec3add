"""Whatever is wrong with what a command is given, it says so in one line and leaves nothing behind."""

import pytest
from video_files import cut, damage_packets, write_audio, write_video

from videopose.io.results import read_result


def no_index(folder):
    return cut(write_video(folder / "bad.mp4"), 0.6)


def cut_off(folder):
    return cut(write_video(folder / "bad.mp4", num_frames=60, muxer={"movflags": "faststart"}), 0.6)


def empty(folder):
    (folder / "bad.mp4").touch()


def text(folder):
    (folder / "bad.mp4").write_text("not a video " * 100)


def only_sound(folder):
    write_audio(folder / "bad.mp4")


def nothing(folder):
    pass


def no_images(folder):
    (folder / "bad.mp4").mkdir()


def unreadable(folder):
    (folder / "bad.mp4").symlink_to(folder / "bad.mp4")


def undecodable(folder):
    damage_packets(write_video(folder / "bad.mp4", num_frames=4, options={"bf": "0"}), range(4))


BAD_CLIPS = [
    (no_index, "cut off: the index an mp4 or mov ends with is missing"),
    (cut_off, "the file is cut off after frame"),
    (empty, r"the file is empty (0 bytes). Copy or record it again"),
    (text, "not a video (Invalid data"),
    (only_sound, "it has no video stream, only audio. Give a file with images in it"),
    (nothing, "no such file. Check the path"),
    (no_images, "a folder without images"),
    (unreadable, "cannot be read ("),
    (undecodable, "none of its frames can be decoded"),
]


def assert_one_line(done, begin, message):
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(begin)
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("run", "bad.mp4", "-q"), ("render", "bad.mp4", "clip.poses.json", "-q"), ("bench", "bad.mp4")]
)
@pytest.mark.parametrize(("make", "message"), BAD_CLIPS, ids=[make.__name__ for make, _ in BAD_CLIPS])
def test_a_bad_clip_is_one_line_and_leaves_nothing(command, clip, words, make, message):
    assert command("run", clip, "-q").code == 0
    make(command.folder)
    before = sorted(command.folder.iterdir())

    done = command(*words)

    assert_one_line(done, "Error: bad.mp4: ", message)
    assert sorted(command.folder.iterdir()) == before


def damaged(content):
    def make(path, whole):
        path.write_bytes(content(whole))

    return make


BAD_RESULTS = {
    "missing": (lambda path, whole: None, "cannot be read (No such file or directory). Check the path"),
    "folder": (lambda path, whole: path.mkdir(), "cannot be read (Is a directory). Check the path"),
    "unreadable": (lambda path, whole: path.symlink_to(path), "cannot be read ("),
    "empty": (damaged(lambda whole: b""), "bad.json: "),
    "text": (damaged(lambda whole: b"Dear diary"), "bad.json: "),
    "bytes": (damaged(lambda whole: bytes(range(256))), "bad.json: "),
    "cut off": (damaged(lambda whole: whole[: len(whole) // 2]), "bad.json: "),
    "another schema": (damaged(lambda whole: whole.replace(b"videopose/1", b"videopose/9")), "not 'videopose/1'"),
}


@pytest.mark.parametrize(
    "words", [("track", "bad.json", "-o", "new.json"), ("render", "clip.mp4", "bad.json", "-o", "new.mp4", "-q")]
)
@pytest.mark.parametrize(("make", "message"), BAD_RESULTS.values(), ids=list(BAD_RESULTS))
def test_a_bad_result_is_one_line_and_leaves_nothing(command, clip, words, make, message):
    assert command("run", clip, "-o", "good.json", "-q").code == 0
    make(command.folder / "bad.json", (command.folder / "good.json").read_bytes())
    before = sorted(command.folder.iterdir())

    done = command(*words)

    assert_one_line(done, "Error: ", message)
    assert sorted(command.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("bench", "clip.mp4", "--frames", "0"), 2, "0 is not in the range x>=1"),
        (("bench", "clip.mp4", "--threads", "-1"), 2, "-1 is not in the range x>=0"),
        (("bench", "clip.mp4", "-o", "clip.mp4"), 1, "clip.mp4: the numbers are written as JSON"),
        (("bench", "clip.mp4", "-o", "nowhere/a.json"), 1, "there is no folder nowhere. Make it"),
        (("bench", "--pipeline", "fats"), 1, "Did you mean fast?"),
        (("track", "good.json", "-o", "new.xml"), 1, "new.xml: results are written as .json, .parquet, .csv"),
        (("track", "good.json", "-o", "nowhere/new.json"), 1, "nowhere/new.json: there is no folder nowhere. Make it"),
        (("render", "clip.mp4", "good.json", "-o", "new.wmv"), 1, "new.wmv: overlays are written as .mp4, .mov, .mkv"),
        (("render", "clip.mp4", "good.json", "--frame-rate", "5"), 1, "a video file has its own timestamps"),
    ],
)
def test_a_bad_option_says_what_to_do(command, clip, words, code, message):
    assert command("run", clip, "-o", "good.json", "-q").code == 0

    done = command(*words)

    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert sorted(path.name for path in command.folder.iterdir()) == ["clip.mp4", "good.json"]
    assert len(list(read_result("good.json"))) == 40


def test_a_clip_whose_name_leaves_no_room_for_the_result_s_is_one_line(command, clip):
    name = "n" * 251 + ".mp4"
    clip.rename(clip.with_name(name))

    done = command("run", name, "-q")

    assert_one_line(done, "Error: ", "the result's name would be too long. Choose a shorter one with -o")
