"""Fetching: resumed, verified, from mirrors, never half, and clear when something is wrong."""

import multiprocessing
import socket
import sys
from dataclasses import replace

import pytest
from file_server import serving, sha256

from videopose.errors import WeightsError
from videopose.models import download, store
from videopose.models.fetch import FetchOptions, fetch, take_in
from videopose.models.store import ENTRY, copy_out, find, read_entry
from videopose.models.weights import locate, verify
from videopose.models.zoo import Weights

CONTENT = bytes(range(256)) * 400
SIZE = len(CONTENT)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIDEOPOSE_OFFLINE", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home" / "weights"


@pytest.fixture
def site(home):
    with serving() as site:
        yield site


@pytest.fixture
def weights(site):
    address = site.put("/w.pth", CONTENT)
    return Weights("hrnet_w32.test", "w.pth", sha256=sha256(CONTENT), licence="Apache-2.0", origin=address)


def left_behind(home):
    """List the files of the store that are no whole weights, locks left out."""
    if not home.is_dir():
        return []
    kept = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return [path.relative_to(home).as_posix() for path in kept if len(path.parent.name) != 64]


def test_a_fetched_file_is_the_published_one_and_lies_under_its_checksum(weights, home):
    told, said = [], []

    path = fetch(weights, FetchOptions(said.append, lambda done, total: told.append((done, total))))

    assert path == home / sha256(CONTENT) / "w.pth"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (SIZE, SIZE)
    (line,) = said
    assert line == f"fetching hrnet_w32.test (w.pth, 102.4 kB, licence Apache-2.0) from {weights.origin}"
    assert read_entry(path.parent).origin == weights.origin
    assert left_behind(home) == []
    assert locate(weights) == path


def test_the_second_time_nothing_is_asked_or_said(weights, site):
    fetch(weights)
    said = []

    fetch(weights, FetchOptions(said.append))

    assert (len(site.asked), said) == (1, [])


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_connection_that_breaks_at_a_tenth_is_taken_up_in_the_same_call(weights, site, home, tenth):
    at = SIZE * tenth // 10
    site.breaks = [at]

    assert fetch(weights).read_bytes() == CONTENT

    assert site.asked == [("/w.pth", None), ("/w.pth", f"bytes={at}-")]
    assert left_behind(home) == []


def test_what_came_of_a_bad_connection_is_kept_for_the_next_call(weights, site, home):
    site.breaks = [SIZE // 10] * 100
    with pytest.raises(WeightsError, match=r"broke off after 51200 of 102400 bytes\).*run the same command again") as e:
        fetch(weights)
    assert "\n" not in str(e.value)
    assert left_behind(home) == ["partial/w.pth"]
    assert find(weights) is None

    assert fetch(weights).read_bytes() == CONTENT

    assert left_behind(home) == []
    assert site.asked[5] == ("/w.pth", "bytes=51200-")


def test_a_server_that_cannot_go_on_in_the_middle_sends_all_again(weights, site):
    site.breaks, site.takes_ranges = [1000], False

    assert fetch(weights).read_bytes() == CONTENT


def test_a_whole_part_left_behind_is_taken(weights, home):
    (home / "partial").mkdir(parents=True)
    (home / "partial" / "w.pth").write_bytes(CONTENT)

    assert fetch(weights).read_bytes() == CONTENT


def test_a_part_of_another_file_is_thrown_away_once(weights, site, home):
    (home / "partial").mkdir(parents=True)
    (home / "partial" / "w.pth").write_bytes(b"x" * 1000)

    assert fetch(weights).read_bytes() == CONTENT

    assert [wanted for _, wanted in site.asked] == ["bytes=1000-", None]


@pytest.mark.parametrize("published", ["0" * 64, "0" * 8])
def test_a_wrong_checksum_is_an_error_with_both_values(weights, home, published):
    shown = published if len(published) == 64 else f"{published}…"

    with pytest.raises(WeightsError, match=f"its sha256 is {sha256(CONTENT)}, the published one {shown}") as caught:
        fetch(replace(weights, sha256=published))

    assert "\n" not in str(caught.value)
    assert left_behind(home) == []
    assert find(replace(weights, sha256=published)) is None


def test_a_published_beginning_of_a_checksum_is_enough_and_the_whole_is_kept(weights):
    short = replace(weights, sha256=weights.sha256[:8])

    path = fetch(short)

    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(WeightsError, match=f"must be {weights.sha256}; delete the file and fetch it again"):
        verify(path, short)


def test_a_file_without_a_published_checksum_is_pinned_as_it_comes(weights):
    said = []
    unknown = replace(weights, sha256="")

    path = fetch(unknown, FetchOptions(said.append))

    assert "no checksum is published" in said[0]
    path.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=f"must be {weights.sha256}"):
        fetch(unknown)


@pytest.mark.parametrize("lie", [1, 5000])
def test_a_server_that_says_too_much_is_believed_only_where_a_checksum_says_that_all_is_there(weights, site, home, lie):
    site.lie = lie
    with pytest.raises(WeightsError, match=rf"deleted: the server said {SIZE + lie} bytes and sent {SIZE}"):
        fetch(replace(weights, sha256=""))
    assert left_behind(home) == []

    assert fetch(weights).read_bytes() == CONTENT


def test_a_server_that_says_too_little_does_not_give_the_published_file(weights, site, home):
    site.lie = -100

    with pytest.raises(WeightsError, match="did not give the published file, which was deleted"):
        fetch(weights)

    assert left_behind(home) == []


def test_a_size_that_is_not_the_published_one_is_refused_before_anything_is_sent(weights, home):
    with pytest.raises(WeightsError, match=r"the server says 102400 bytes, the published file has 5000"):
        fetch(replace(weights, bytes=5000))

    assert left_behind(home) == []


def test_a_server_that_says_no_size_cannot_fill_the_disk(weights, site, home, monkeypatch):
    site.says_length = False
    with pytest.raises(WeightsError, match="sends more than the 5000 bytes of the published file"):
        fetch(replace(weights, bytes=5000))
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) == 0

    assert fetch(weights).read_bytes() == CONTENT


def test_a_server_that_goes_on_elsewhere_is_refused(weights, site):
    site.breaks, site.start_lie = [1000], 7

    with pytest.raises(WeightsError, match="was asked for the bytes from 1000 on and sends those from 1007 on"):
        fetch(weights)


def test_the_mirror_is_taken_when_the_first_address_fails(weights, site, home):
    site.status["/gone.pth"] = 503
    said = []
    mirrored = replace(weights, origin=f"{site.address}/gone.pth", mirrors=(weights.origin,))

    path = fetch(mirrored, FetchOptions(said.append))

    assert path.read_bytes() == CONTENT
    assert said[0] == f"{site.address}/gone.pth: the server answers 503 Service Unavailable; trying {weights.origin}"
    assert read_entry(path.parent).origin == weights.origin


def test_the_mirror_goes_on_where_the_first_address_broke_off(weights, site):
    with serving() as other:
        other.put("/w.pth", CONTENT)
        other.breaks = [1000, 0, 0]

        fetch(replace(weights, origin=f"{other.address}/w.pth", mirrors=(weights.origin,)))

    assert site.asked == [("/w.pth", "bytes=1000-")]


def test_all_reasons_are_kept_when_no_address_gives_the_file(weights, site):
    gone = replace(weights, origin=f"{site.address}/a.pth", mirrors=("http://127.0.0.1:1/b.pth", "file:///etc/passwd"))

    with pytest.raises(WeightsError, match=r"a.pth: the server answers 404 Not Found; http://127.0.0.1:1/b.pth: .*"
                                           r"file:///etc/passwd: is no address of a web server") as caught:  # fmt: skip
        fetch(gone)

    assert "\n" not in str(caught.value)
    assert "copy what is in DIR to" in str(caught.value)


def test_a_redirect_to_another_host_is_followed_and_named(weights, site):
    said = []
    with serving() as front:
        front.redirects["/w.pth"] = weights.origin

        fetch(replace(weights, origin=f"{front.address}/w.pth"), FetchOptions(said.append))

    assert said[0].endswith(f"from {weights.origin}")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/w.pth"])
def test_a_redirect_out_of_the_web_is_refused(weights, site, target):
    site.redirects["/sent.pth"] = target

    with pytest.raises(
        WeightsError, match=r"sent.pth: (the server answers 302 .*not allowed|is sent on to .*no address of a web)"
    ):
        fetch(replace(weights, origin=f"{site.address}/sent.pth"))


def test_a_redirect_away_from_an_encrypted_connection_is_refused():
    request = download.urllib.request.Request("https://example.org/w.pth")

    with pytest.raises(download.DownloadError, match="http://example.org/w.pth, which is not encrypted"):
        download._Redirects().redirect_request(request, None, 302, "Found", {}, "http://example.org/w.pth")


def test_the_environment_s_proxy_is_used(weights, site, monkeypatch):
    monkeypatch.setenv("http_proxy", site.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    site.files["http://elsewhere.invalid/w.pth"] = CONTENT

    fetch(replace(weights, origin="http://elsewhere.invalid/w.pth"))

    assert site.asked == [("http://elsewhere.invalid/w.pth", None)]


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(weights, home, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)

    with pytest.raises(WeightsError, match="0 MB are needed and 0 MB free. Make room, or choose another folder"):
        fetch(weights)

    assert left_behind(home) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_a_disk_that_fills_up_is_one_clear_line(weights, home):
    (home / "partial").mkdir(parents=True)
    (home / "partial" / "w.pth").symlink_to("/dev/full")

    with pytest.raises(WeightsError, match=r"cannot be written \(No space left on device\). Make room") as caught:
        fetch(weights)

    assert "\n" not in str(caught.value)
    assert find(weights) is None


def test_a_disk_that_fills_up_at_the_last_step_leaves_no_half_folder(weights, home, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_to_disk", full)
    with pytest.raises(WeightsError, match="No space left on device"):
        fetch(weights)
    monkeypatch.undo()

    assert [each.name for each in home.iterdir()] == ["partial"]


def _fetch_in_a_process(weights, answers):
    said = []
    path = fetch(weights, FetchOptions(said.append))
    answers.put((str(path), path.read_bytes() == CONTENT, said))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked here")
def test_two_processes_fetch_a_file_once(weights, site):
    site.seconds = 0.4
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_fetch_in_a_process, args=(weights, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    got = [answers.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()

    assert len({path for path, _, _ in got}) == 1
    assert all(whole for _, whole, _ in got)
    assert len(site.asked) == 1
    assert ["hrnet_w32.test: another process is fetching it; waiting"] in [said for _, _, said in got]


def test_offline_opens_no_connection_and_says_what_to_copy_where(weights, home, monkeypatch):
    monkeypatch.setenv("VIDEOPOSE_OFFLINE", "1")
    monkeypatch.setattr(socket, "socket", None)

    with pytest.raises(
        WeightsError, match=r"VIDEOPOSE_OFFLINE is set: no connection was opened; on a machine with"
    ) as e:
        fetch(weights)

    assert f"copy what is in DIR to {home}; or download {weights.origin} into that folder" in str(e.value)


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_offline_can_be_switched_off(weights, monkeypatch, value):
    monkeypatch.setenv("VIDEOPOSE_OFFLINE", value)

    assert fetch(weights).read_bytes() == CONTENT


def test_what_one_machine_fetched_another_one_runs_without_a_network(weights, site, tmp_path, monkeypatch):
    copied = copy_out(fetch(weights), tmp_path / "stick")
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("VIDEOPOSE_OFFLINE", "1")
    (tmp_path / "other").mkdir()
    (tmp_path / "stick").rename(tmp_path / "other" / "weights")

    found = fetch(weights)

    assert found == tmp_path / "other" / "weights" / copied.parent.name / "w.pth"
    assert len(site.asked) == 1


def test_shared_stores_are_searched_first_and_not_written_to(weights, site, home, tmp_path, monkeypatch):
    shared = tmp_path / "lab"
    copy_out(fetch(weights), shared)
    before = sorted(shared.rglob("*"))
    monkeypatch.setenv(
        "VIDEOPOSE_STORES", f"{tmp_path / 'nowhere'}:{shared}" if sys.platform != "win32" else str(shared)
    )

    assert fetch(weights).is_relative_to(shared)
    assert sorted(shared.rglob("*")) == before

    other = replace(weights, name="hrnet_w32.other", file="o.pth", sha256=sha256(b"o"), origin=site.put("/o.pth", b"o"))
    assert fetch(other).is_relative_to(home)


def test_a_file_put_there_by_hand_is_found_and_checked(weights, site, home):
    home.mkdir(parents=True)
    (home / "w.pth").write_bytes(CONTENT)

    assert fetch(weights) == home / "w.pth"

    (home / "w.pth").write_bytes(b"another")
    with pytest.raises(WeightsError, match=f"its sha256 is {sha256(b'another')}, but must be {weights.sha256}"):
        fetch(weights)
    assert site.asked == []


def test_a_licence_that_forbids_commercial_use_has_to_be_accepted(weights, site):
    private = replace(weights, licence="CC-BY-NC-4.0")
    with pytest.raises(WeightsError, match=r"CC-BY-NC-4.0, forbids commercial use; .*--accept-licence"):
        fetch(private)
    assert site.asked == []

    assert fetch(private, FetchOptions(accept_licence=True)).read_bytes() == CONTENT


def test_weights_without_an_address_that_lasts_say_where_their_authors_offer_them(weights):
    by_hand = replace(weights, origin="", page="https://example.org/authors")

    with pytest.raises(
        WeightsError, match=r"https://example.org/authors: download it there, then `videopose models add"
    ):
        fetch(by_hand)


def test_a_file_fetched_by_hand_is_taken_in_if_it_is_the_published_one(weights, tmp_path):
    (tmp_path / "mine.pth").write_bytes(CONTENT)
    (tmp_path / "wrong.pth").write_bytes(b"x")

    with pytest.raises(WeightsError, match=r"wrong.pth: is not the published w.pth: its sha256 is"):
        take_in(tmp_path / "wrong.pth", weights)
    with pytest.raises(WeightsError, match="no.pth: no such file"):
        take_in(tmp_path / "no.pth", weights)

    assert take_in(tmp_path / "mine.pth", weights).read_bytes() == CONTENT
    assert (tmp_path / "mine.pth").is_file()


def test_a_folder_whose_entry_is_lost_is_still_found_by_its_checksum(weights):
    path = fetch(weights)
    (path.parent / ENTRY).write_text("{")

    assert fetch(weights) == path


def test_a_store_that_cannot_be_written_to_is_one_line(weights, home):
    home.parent.mkdir()
    home.write_text("a file stands where the folder should be")

    with pytest.raises(WeightsError, match="environment variable VIDEOPOSE_HOME") as caught:
        fetch(weights)

    assert "\n" not in str(caught.value)


def test_shipped_weights_have_nothing_to_fetch():
    with pytest.raises(WeightsError, match="has no address to fetch from"):
        fetch(Weights("fpn_pose.default", "pose.safetensors", origin="package"))
