"""The desk in a real browser: exact frames, every operation by keys alone, two tabs, sub-pixel drags, a real task."""

import contextlib
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from annotation_builders import header, save, walkers
from desk_server import SIZE, blocks, served, write_case, write_clip
from video_files import damage_packets

from videopose.annotation.history import History
from videopose.annotation.log import log_of, read_log
from videopose.annotation.sheet import Sheet
from videopose.io.reader import open_video
from videopose.io.results import read_result

pytest.importorskip("starlette", reason="the desk is not installed (pip install 'videopose[desk]')")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (pip install selenium)")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1280,800", "--force-device-scale-factor=1",
)  # fmt: skip
LONG = 60
"""Seconds after which something is not going to happen."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium with its chromedriver is installed (apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with contextlib.closing(_Closing(webdriver.Chrome(options=options, service=Service(driver)))) as closing:
        closing.browser.set_script_timeout(LONG)
        yield closing.browser


class _Closing:
    def __init__(self, browser):
        self.browser = browser

    def close(self):
        self.browser.quit()


@contextlib.contextmanager
def page(browser, clip, result):
    """Serve a result and open its page; nothing may be written to the console, no request may leave the machine."""
    with served(clip, result) as client:
        browser.get_log("browser"), browser.get_log("performance")
        browser.get(client.serving.address)
        _until_ready(browser)
        yield client
        assert noted(browser) == []
        sent = [each["message"] for each in browser.get_log("performance")
                if '"Network.requestWillBeSent"' in each["message"]]  # fmt: skip
        assert sent
        assert all(f'"url":"http://127.0.0.1:{client.port}/' in each or '"url":"blob:' in each for each in sent)
        browser.get("about:blank")


def noted(browser):
    """What stands in the console, but for advice on how this test should read pixels."""
    return [each["message"] for each in browser.get_log("browser") if "willReadFrequently" not in each["message"]]


def _until_ready(browser):
    WebDriverWait(browser, LONG).until(lambda each: each.execute_script("return document.body.dataset.ready"))
    settled(browser)


def settled(browser):
    """Wait until every edit is answered and the page shows what follows from it."""
    browser.execute_async_script(
        "const done = arguments[0];"
        "const open = () => document.getElementById('dialog').open;"
        "(async () => { let last; do { last = desk.edits.last; if (!open()) await desk.busy;"
        " await last.catch(() => {}); await desk.refreshing; }"
        " while (last !== desk.edits.last || desk.edits.waiting); done(); })();"
    )


def press(browser, *keys):
    """Press keys one after the other, each a text or a pair of modifiers and a text."""
    for each in keys:
        chain = ActionChains(browser, duration=0)
        *held, key = each if isinstance(each, tuple) else (each,)
        for modifier in held:
            chain.key_down(modifier)
        chain.send_keys(key)
        for modifier in reversed(held):
            chain.key_up(modifier)
        chain.perform()
        time.sleep(0.03)
        settled(browser)


def go(browser, frame):
    browser.execute_async_script("desk.go(arguments[0]).then(arguments[1])", frame)


def number_on_screen(browser, points):
    """Read the blocks back from the canvas."""
    bits = browser.execute_script(
        "const pen = desk.view.image.getContext('2d');"
        "return arguments[0].map(([x, y]) => { const [px, py] = desk.view.toScreen(x, y);"
        " return pen.getImageData(Math.round(px), Math.round(py), 1, 1).data[1]; })",
        points,
    )
    return sum(1 << bit for bit, level in enumerate(bits) if level > 128)


def block_middles(turns=0):
    """The middles of the blocks in the displayed image, when it is turned by quarter turns."""
    height, width = SIZE
    mark = np.zeros(SIZE, int)
    for bit in range(12):
        mark[height // 8, bit * (width // 12) + width // 24] = bit + 1
    shown = np.rot90(mark, turns)
    return [[int(each[0]) for each in reversed(np.nonzero(shown == bit + 1))] for bit in range(12)]


def number_in(image, points):
    """Read the blocks back from a (3, H, W) image."""
    return sum(1 << bit for bit, (x, y) in enumerate(points) if image[1, y, x] > 128)


def _folder(path):
    import cv2

    path.mkdir()
    for number in range(60):
        cv2.imwrite(str(path / f"{number:04d}.png"), blocks(number)[..., ::-1])
    return path


CLIPS = {
    "plain, with B-frames": lambda folder: write_clip(folder / "clip.mp4", 60, options={"bf": "3", "g": "60"}),
    "variable frame rate": lambda folder: write_clip(
        folder / "clip.mkv", 60, times=np.cumsum(np.random.default_rng(0).uniform(0.02, 0.2, 60))
    ),
    "rotated": lambda folder: write_clip(folder / "clip.mp4", 60, rotation=90),
    "damaged": lambda folder: damage_packets(write_clip(folder / "clip.mp4", 60), [13, 31, 32]),
    "avi": lambda folder: write_clip(folder / "clip.avi", 60, codec="mpeg4"),
    "folder": lambda folder: _folder(folder / "images"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLIPS)
def test_the_canvas_shows_the_very_frame_after_random_jumps(browser, tmp_path, kind):
    clip = CLIPS[kind](tmp_path)
    info = open_video(clip).info
    result = save(tmp_path / "clip.poses.json", walkers(60, size_hw=info.size_hw), header(60, size_hw=info.size_hw))
    points = block_middles(info.rotation // 90)
    # Behind a damaged packet a decoder patches images up until the next key frame: the reader's are the truth there.
    truth = {each.index: number_in(each.image.numpy(), points) for each in open_video(clip)}
    assert sum(number == frame for frame, number in truth.items()) >= (60 if kind != "damaged" else 35)
    random.seed(1)
    missing = 0
    with served(clip, result) as client:
        browser.get(client.serving.address)
        _until_ready(browser)
        for _ in range(35):
            frame = random.randrange(60)
            go(browser, frame)
            if kind == "damaged" and not browser.execute_script("return Boolean(desk.view.bitmap)"):
                missing += 1
                assert "cannot be shown" in browser.find_element(By.ID, "notice").text
                continue
            assert number_on_screen(browser, points) == truth[frame]
    assert (missing > 0) == (kind == "damaged")


def test_frames_step_and_jump_by_keys(browser, tmp_path):
    clip, result = write_case(tmp_path)
    points = block_middles()
    with page(browser, clip, result):
        for keys, frame in (
            (["f"] * 3, 3), ([Keys.ARROW_RIGHT], 4), (["d"], 3), ([(Keys.CONTROL, Keys.ARROW_RIGHT)], 13),
            ([Keys.END], 39), ([(Keys.CONTROL, Keys.ARROW_LEFT)], 29),
            ([(Keys.CONTROL, Keys.SHIFT, Keys.ARROW_LEFT)], 0),
            ([(Keys.CONTROL, "j")], None), (["17", Keys.ENTER], 17), (["j"], None), (["0.5s", Keys.ENTER], 12),
        ):  # fmt: skip
            press(browser, *keys)
            if frame is not None:
                WebDriverWait(browser, LONG).until(
                    lambda each, at=frame: each.execute_script("return desk.shown") == at
                )
                assert number_on_screen(browser, points) == frame
        press(browser, Keys.SPACE)
        WebDriverWait(browser, LONG).until(lambda each: each.execute_script("return desk.shown") == 39)


def replayed(result):
    history = History(Sheet.read(read_result(result)))
    history.replay(read_log(log_of(result))[0], "log")
    return history


def assert_screen_is(browser, history):
    """Compare every frame the page holds with a state."""
    frames = browser.execute_async_script(
        "const done = arguments[0];"
        "(async () => { const out = [];"
        " for (let i = 0; i < desk.state.frames; i += 1) out.push(await desk.people.fetch(i)); done(out); })();"
    )
    for frame, people in enumerate(frames):
        rows = history.sheet.rows_of(frame)
        assert [each["id"] for each in people] == history.sheet.track_id[rows].tolist(), frame
        for each, row in zip(people, rows, strict=True):
            np.testing.assert_allclose(each["k"], history.sheet.keypoints[row].reshape(-1), atol=0.006)
            assert each["v"] == history.sheet.visibility[row].tolist()
            assert each["ok"] == int(history.sheet.accepted[row])


@pytest.mark.slow
def test_every_operation_by_keys_alone_and_the_log_is_what_the_screen_shows(browser, tmp_path):
    clip, result = write_case(tmp_path)
    with page(browser, clip, result):
        go(browser, 5)
        press(browser, "1", "2", "x")  # swap the two that were chosen
        go(browser, 20)
        press(browser, "3", (Keys.SHIFT, "s"))  # split
        press(browser, "3", (Keys.SHIFT, "m"))  # nothing is remembered yet: 3 is merged into the other chosen one
        press(browser, "2", "1", "]")
        go(browser, 10)
        press(browser, "[", (Keys.SHIFT, "x"))  # swap over 10-20
        press(browser, "1", Keys.ESCAPE, "1", ".", (Keys.SHIFT, Keys.ARROW_RIGHT), (Keys.SHIFT, Keys.ARROW_DOWN))
        press(browser, "v", "v", "v", ",", "v")  # keypoints: hidden, absent, seen
        go(browser, 12)
        press(browser, "2", Keys.DELETE, "p")  # remove, and copy the pose of the frame before
        go(browser, 14)
        press(browser, "2", "]")
        go(browser, 11)
        press(browser, "[", "i", Keys.ESCAPE)  # interpolate 11-14
        go(browser, 30)
        press(browser, "1", Keys.DELETE, "a")  # remove, and add from a neighbour
        press(browser, "k", "2", (Keys.SHIFT, "k"))  # accept the frame, and a person everywhere
        go(browser, 33)
        press(browser, "1", "]")
        go(browser, 31)
        press(browser, "[", "g", Keys.ESCAPE)  # propagate 31-33
        press(browser, "1", "e", "44", Keys.ENTER)  # rename
        press(browser, (Keys.CONTROL, "z"), (Keys.CONTROL, "z"), (Keys.CONTROL, Keys.SHIFT, "z"))
        press(browser, "m", "2", (Keys.SHIFT, "2"))  # remember; call the chosen one as the second line
        go(browser, 35)
        press(browser, "1", (Keys.SHIFT, Keys.DELETE))  # remove everywhere
        done = replayed(result)
        assert_screen_is(browser, done)
        ops = {line.op for line in read_log(log_of(result))[0]}
        assert ops >= {
            "swap", "split", "merge", "move", "visibility", "delete", "copy_previous", "interpolate", "add", "accept",
            "propagate", "undo", "redo",
        }, ops  # fmt: skip
        browser.refresh()
        _until_ready(browser)
        assert_screen_is(browser, done)
        for _ in range(len(done.done)):
            press(browser, (Keys.CONTROL, "z"))
        assert_screen_is(browser, History(Sheet.read(read_result(result))))
        assert not browser.find_element(By.ID, "undo").is_enabled()


def test_a_merge_of_people_who_are_both_there_asks_who_is_right(browser, tmp_path):
    clip, result = write_case(tmp_path)
    with page(browser, clip, result):
        browser.execute_script(
            "desk.choose(1); import('/page/actions.js').then((all) => all.edit(desk, 'merge', {keep: 1, other: 2}))"
        )
        WebDriverWait(browser, LONG).until(lambda each: each.find_element(By.ID, "dialog").is_displayed())
        assert "Both 1 and 2 are there in frames 0\u201339" in browser.find_element(By.ID, "dialog").text
        browser.find_elements(By.CSS_SELECTOR, "#dialog button")[1].click()
        WebDriverWait(browser, LONG).until(lambda each: each.execute_script("return desk.edits.seq") == 1)
        settled(browser)
        assert replayed(result).sheet.people(3).track_id.tolist() == [1, 3]
        # What the page was told, and why: the browser notes the 422 of the question itself.
        (note,) = noted(browser)
        assert "422" in note


def test_dragging_at_zoom_eight_moves_by_parts_of_a_pixel(browser, tmp_path):
    clip, result = write_case(tmp_path)
    with page(browser, clip, result):
        go(browser, 9)
        before = replayed(result).sheet.people(9).keypoints[1, 9]
        place = browser.execute_script(
            "desk.choose(2, 9); desk.view.zoom(8 / desk.view.scale, 400, 200);"
            "const p = desk.person(); desk.view.centre(0, 0);"
            "const [x, y] = desk.view.toScreen(p.k[27], p.k[28]); desk.view.pan(300 - x, 150 - y);"
            "return desk.view.toScreen(p.k[27], p.k[28])"
        )
        overlay = browser.find_element(By.ID, "overlay")
        width, height = overlay.size["width"], overlay.size["height"]
        chain = ActionChains(browser, duration=50)
        chain.move_to_element_with_offset(overlay, round(place[0] - width / 2), round(place[1] - height / 2))
        chain.click_and_hold().move_by_offset(9, 0).move_by_offset(10, -13).release().perform()
        settled(browser)
        after = replayed(result).sheet.people(9).keypoints[1, 9]

    np.testing.assert_allclose(after[:2] - before[:2], [19 / 8, -13 / 8], atol=0.011)
    assert after[2] == 1


@pytest.mark.slow
def test_two_tabs_edit_at_once_and_come_to_the_same_state(browser, tmp_path):
    clip, result = write_case(tmp_path)
    with page(browser, clip, result) as client:
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        second = browser.current_window_handle
        browser.get(f"http://127.0.0.1:{client.port}/")
        _until_ready(browser)
        burst = (
            "const send = (op, args) => desk.edits.send('/api/edits', {op, args});"
            "for (let i = 0; i < 6; i += 1) send('swap', {a: arguments[0], b: 3, first: arguments[0] + 5 * i});"
        )
        for handle, person in ((second, 1), (first, 2)):
            browser.switch_to.window(handle)
            browser.execute_script(burst, person)
        for handle in (second, first):
            browser.switch_to.window(handle)
            settled(browser)
        assert len(read_log(log_of(result))[0]) == 13
        for handle in (second, first):
            browser.switch_to.window(handle)
            browser.execute_async_script("desk.edits.poll().then(arguments[0])")
            settled(browser)
            assert_screen_is(browser, replayed(result))
        browser.switch_to.window(second)
        # Stale posts are answered with 409, which the browser notes in its console.
        assert all("409" in each for each in noted(browser))
        browser.close()
        browser.switch_to.window(first)
        assert all("409" in each for each in noted(browser))


def test_switched_ids_are_mended_with_two_presses_each(browser, tmp_path):
    records, switches = walkers(60, 4, size_hw=SIZE), [(8, 1, 2), (19, 3, 4), (27, 1, 3), (41, 2, 4), (52, 1, 4)]
    true = [record.poses.track_id.tolist() for record in records]
    for at, a, b in switches:
        for record in records[at:]:
            ids = record.poses.track_id
            ids[:] = [{a: b, b: a}.get(each, each) for each in ids.tolist()]
    clip, result = write_case(tmp_path, records, 60)
    presses = 0
    with page(browser, clip, result):
        while any(each["kind"] == "exchange" for each in browser.execute_script("return desk.doubts")):
            press(browser, "n", "x")
            presses += 2
            assert presses <= 2 * len(switches)
        lines = read_log(log_of(result))[0]
        assert sum(line.presses for line in lines) == presses == 2 * len(switches)
    assert [record.poses.track_id.tolist() for record in replayed(result).sheet.records()] == true


def test_the_help_is_the_table_of_keys_and_keys_can_be_changed(browser, tmp_path):
    clip, result = write_case(tmp_path)
    with page(browser, clip, result):
        press(browser, "?")
        titles = browser.execute_async_script(
            "const done = arguments[0];import('/page/keys.js').then((all) => done(all.TABLE.map((each) => each.title)))"
        )
        text = browser.find_element(By.ID, "dialog").text
        assert all(title in text for title in titles)
        button = browser.find_element(By.CSS_SELECTOR, '[aria-label="Change the key of: next frame"]')
        button.click()
        ActionChains(browser).send_keys("q").perform()
        time.sleep(0.1)
        ActionChains(browser).send_keys(Keys.ESCAPE).perform()
        press(browser, "q", "q", "f")
        assert browser.execute_script("return desk.frame") == 2
        browser.execute_script("localStorage.clear()")


def test_themes_have_readable_contrast(browser, tmp_path):
    clip, result = write_case(tmp_path)
    with page(browser, clip, result):
        for least in (4.5, 4.5, 7.0):
            ratios = browser.execute_script(
                "const part = (text) => text.match(/\\d+/g).slice(0, 3).map(Number).map((c) => c / 255)"
                ".map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);"
                "const light = (text) => part(text).reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);"
                "const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);"
                "const back = getComputedStyle(document.querySelector('aside')).backgroundColor;"
                "return ['h2', '#line', '#saved', 'li small', '#where'].map((each) => document.querySelector(each))"
                ".filter((each) => each).map((each) => ratio(light(getComputedStyle(each).color), light(back)))"
            )
            assert min(ratios) >= least
            press(browser, "t")
        browser.execute_script("localStorage.clear()")


def test_a_labels_file_comes_in_and_a_copy_goes_out(browser, tmp_path):
    clip, result = write_case(tmp_path)
    with page(browser, clip, result) as client:
        labels = Path(tmp_path / "labels.json")
        labels.write_bytes(client_get(client, browser, "/api/export/coco"))
        press(browser, (Keys.CONTROL, "o"))
        browser.find_element(By.CSS_SELECTOR, "#dialog input").send_keys(str(labels))
        browser.find_element(By.CSS_SELECTOR, "#dialog .first").click()
        WebDriverWait(browser, LONG).until(lambda each: each.execute_script("return desk.edits.seq") == 1)
        settled(browser)
        assert "120 labelled people taken" in browser.find_element(By.ID, "toasts").text
        assert replayed(result).sheet.accepted.all()
        press(browser, "s")
        assert "120 accepted" in browser.find_element(By.ID, "dialog").text
        press(browser, Keys.ESCAPE)


def client_get(client, browser, path):
    client.cookie = "; ".join(f"{each['name']}={each['value']}" for each in browser.get_cookies())
    status, text = client.get(path)
    assert status == 200
    return text
