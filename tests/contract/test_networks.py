"""What every runtime owes: torch's answer, for every network it takes, whatever shares the batch, in any thread."""

import logging
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from videopose.errors import ConfigError, WeightsError
from videopose.models import ARCHITECTURES, create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.runtime import cache
from videopose.runtime.choice import TABLE, RuntimeOptions, choose, instruction_set
from videopose.runtime.network import load_network
from videopose.skeletons import SKELETONS

CPU = torch.device("cpu")
SIZE = (64, 64)
RUNTIMES = ("torch", "openvino", "onnxruntime")
CLOSE = 2e-3
"""Of the largest output; sums in another order."""
QUICK = ("fpn_pose", "rtmdet_nano")
SAMPLE = ("deeppose_50", "fpn_detector", "hourglass_1", "hrnet_small", "rtmpose_t", "tinypose")
"""Small networks with every kind of layer; converting all there are takes a quarter of an hour."""


def cases():
    for name in (*QUICK, *SAMPLE):
        yield pytest.param(name, "openvino", marks=[] if name in QUICK else pytest.mark.slow, id=f"{name}-openvino")
    for name in QUICK:
        yield pytest.param(name, "onnxruntime", marks=pytest.mark.slow, id=f"{name}-onnxruntime")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return a function from an architecture's name to random weights of it."""
    folder = tmp_path_factory.mktemp("weights")

    def of(name, **facts):
        torch.manual_seed(0)
        entry = ARCHITECTURES[name]
        skeleton = entry.skeleton or "coco17" if entry.task == "pose" else ""
        keypoints = len(SKELETONS[skeleton]) if skeleton else None
        size = SIZE if not entry.takes_input_hw else entry.input_hw
        model = create_model(name, num_keypoints=keypoints, input_hw=size)
        card = Weights(f"{name}.random", "", skeleton=skeleton, codec=entry.codec, input_hw=size, **facts)
        path = folder / f"{name}.safetensors"
        save_weights(path, model.state_dict(), card)
        return Weights(**{**card.__dict__, "file": str(path)})

    return of


def needs(runtime):
    for package in {"torch": (), "openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnxscript")}[runtime]:
        pytest.importorskip(package, reason=f"{package} is not installed")


def pixels_for(weights, count):
    height, width = weights.input_hw
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8).permute(0, 3, 1, 2)


def answer(network, weights, pixels):
    from videopose.estimators.crops import network_input

    with torch.inference_mode():
        return network(network_input(pixels, weights.mean, weights.std, network))


@pytest.mark.parametrize(("name", "runtime"), list(cases()))
def test_a_runtime_gives_torchs_answer(weights, name, runtime):
    needs(runtime)
    card = weights(name)
    pixels = pixels_for(card, 3)
    plain = answer(load_network(card, CPU, precision="float32", runtime="torch"), card, pixels)
    network = load_network(card, CPU, precision="float32", runtime=runtime)
    found = answer(network, card, pixels)

    assert (network.device, network.brings_threads) == (CPU, False)
    assert len(found) == len(plain)
    for ours, theirs in zip(found, plain, strict=True):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() <= CLOSE * theirs.abs().max()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_answer_does_not_depend_on_who_shares_the_batch_or_on_the_thread(weights, precision):
    needs("openvino")
    card = weights("fpn_pose")
    network, pixels = load_network(card, CPU, precision=precision, runtime="openvino"), pixels_for(card, 5)
    whole = answer(network, card, pixels)[0]
    parts = {}

    def work(row):
        for _ in range(5):
            parts[row] = answer(network, card, pixels[row : row + 1])[0]

    threads = [threading.Thread(target=work, args=(row,)) for row in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert torch.equal(torch.cat([parts[row] for row in range(5)]), whole)


def test_a_detector_takes_images_of_any_size(weights):
    needs("openvino")
    card = weights("rtmdet_nano")
    ours, plain = (load_network(card, CPU, precision="float32", runtime=name) for name in ("openvino", "torch"))
    for size in ((64, 96), (160, 32)):
        pixels = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
        for one, other in zip(answer(ours, card, pixels), answer(plain, card, pixels), strict=True):
            assert (one - other).abs().max() <= CLOSE * other.abs().max()


FORKED = """
import os, sys, torch
import videopose.runtime.workers  # which tells torch to compute in one thread there
from videopose.models.zoo import weights_named
from videopose.runtime.network import load_network
network = load_network(weights_named("fpn_pose.default"), torch.device("cpu"), runtime="openvino")
pixels = torch.zeros(1, 256, 192, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
before = network(pixels)[0]
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(network(pixels)[0], before) else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_compiles_the_network_anew():
    needs("openvino")
    assert subprocess.run([sys.executable, "-c", FORKED], timeout=300, check=False).returncode == 0


def test_what_a_runtime_does_not_take_stays_in_torch(weights, caplog):
    needs("openvino")
    caplog.set_level(logging.INFO, "videopose.runtime")
    network = load_network(weights("refiner"), CPU, precision="float32", runtime="openvino")

    assert type(network).__name__ == "TorchNetwork"
    assert caplog.messages == ["refiner.random stays in torch: openvino takes pose networks and detectors"]


def test_a_runtime_that_is_not_installed_says_so(monkeypatch):
    monkeypatch.setattr("videopose.runtime.choice._version", lambda package: None if package == "openvino" else "1")
    monkeypatch.setattr("videopose.runtime.choice.instruction_set", lambda: "avx2")
    with pytest.raises(ConfigError, match="runtime = openvino: is not installed here. Run `pip install openvino`"):
        choose(RuntimeOptions(runtime="openvino"), CPU)
    chosen = choose(RuntimeOptions(), CPU)

    assert chosen.runtime == "torch"
    assert "is not installed (`pip install openvino`)" in chosen.reason


@pytest.mark.parametrize("found", TABLE)
def test_the_table_says_what_is_chosen_and_why(monkeypatch, found):
    monkeypatch.setattr("videopose.runtime.choice.instruction_set", lambda: found)
    monkeypatch.setattr("videopose.runtime.choice._version", lambda package: "1")
    chosen = choose(RuntimeOptions(), CPU)

    assert (chosen.runtime, chosen.reason) == (TABLE[found].runtime, TABLE[found].reason)
    assert chosen.precision == ("bfloat16" if TABLE[found].has_bfloat16 else "float32")
    assert chosen.published_precision == "float32"
    assert choose(RuntimeOptions(precision="float32"), CPU).precision == "float32"
    assert "; bfloat16 was asked for" in str(choose(RuntimeOptions(precision="bfloat16"), CPU))


@pytest.mark.parametrize(("cap", "most"), [("AVX2", "avx2"), ("AVX512_CORE_VNNI", "avx512"), ("SSE41", "other")])
def test_onednns_own_cap_holds_for_the_choice_too(monkeypatch, cap, most):
    monkeypatch.setattr("videopose.runtime.choice._of_the_processor", lambda: "avx512_bf16")
    assert instruction_set() in ("avx512_bf16", most)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    assert instruction_set() == most


@pytest.mark.parametrize(
    ("values", "device", "message"),
    [
        ({"runtime": "openvino"}, "cuda", "runtime = openvino: runs on the CPU alone. Leave it out"),
        ({"runtime": "openvino", "precision": "float16"}, "cpu", "precision = float16: openvino has none on a CPU"),
        ({"runtime": "onnxruntime", "precision": "bfloat16"}, "cpu", "precision = bfloat16: onnxruntime has none"),
    ],
)
def test_what_cannot_be_had_says_so(monkeypatch, values, device, message):
    monkeypatch.setattr("videopose.runtime.choice._version", lambda package: "1")
    with pytest.raises(ConfigError, match=message):
        choose(RuntimeOptions(**values), torch.device(device))


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_damaged_exported_file_says_so(tmp_path, runtime):
    needs(runtime)
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07no network")
    card = Weights("fpn_pose.mine", str(tmp_path / "bad.onnx"))
    with pytest.raises(WeightsError, match=r"bad.onnx: not a readable .*file; export it again"):
        load_network(card, CPU, runtime=runtime)


class TestCache:
    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path))
        cache._say_once.cache_clear()

    def test_a_network_is_made_once(self):
        made = [cache.cached("a", lambda: b"network") for _ in range(2)]
        again = cache.cached("a", lambda: pytest.fail("made again"))

        assert (made, again) == ([b"network"] * 2, b"network")

    def test_a_damaged_file_is_made_again_and_that_is_said_once(self, caplog):
        cache.cached("a", lambda: b"network")
        path = cache.cache_folder() / "a.network"
        path.write_bytes(path.read_bytes()[:-1] + b"?")

        assert cache.cached("a", lambda: b"network") == b"network"
        assert cache.cached("a", lambda: pytest.fail("made again")) == b"network"
        assert caplog.messages == [f"{path}: is damaged; the network is converted again"]

    def test_where_nothing_can_be_kept_the_network_lives_in_memory(self, tmp_path, caplog):
        (tmp_path / "networks").write_text("a file where the folder should be")

        assert [cache.cached(key, lambda: b"network") for key in "ab"] == [b"network"] * 2
        assert len(caplog.messages) <= 2
        assert "they are made again each time" in caplog.messages[-1]

    def test_what_was_not_used_for_longest_goes_first(self, monkeypatch):
        monkeypatch.setattr(cache, "MOST_BYTES", 2 * (32 + 100))
        for age, key in enumerate("abc"):
            cache.cached(key, lambda: b"x" * 100)
            path = cache.cache_folder() / f"{key}.network"
            if path.exists():
                os.utime(path, (1000 + age, 1000 + age))
        cache.cached("d", lambda: b"x" * 100)

        kept = sorted(path.stem for path in cache.cache_folder().iterdir())
        assert kept == ["c", "d"]

    def test_the_key_tells_weights_inputs_and_versions_apart(self, weights):
        card, other = weights("fpn_pose"), weights("fpn_pose", mean=(0.0, 0.0, 0.0))
        keys = [
            cache.network_key(card, "openvino", "1", None),
            cache.network_key(card, "openvino", "2", None),
            cache.network_key(card, "onnxruntime", "1", None),
            cache.network_key(card, "openvino", "1", (32, 32)),
            cache.network_key(other, "openvino", "1", None),
            cache.network_key(weights("hrnet_small"), "openvino", "1", None),
        ]

        assert len(set(keys)) == len(keys)


def test_random_pixels_are_enough_to_tell_networks_apart(weights):
    card = weights("fpn_pose")
    out = answer(load_network(card, CPU, precision="float32", runtime="torch"), card, pixels_for(card, 2))[0]
    assert not np.allclose(out[0], out[1])


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="signals are another thing here")
def test_a_signal_after_a_network_was_dropped_in_another_thread_is_only_a_signal(weights):
    needs("openvino")
    card = weights("fpn_pose")
    network = [load_network(card, CPU, precision="float32", runtime="openvino")]
    answer(network[0], card, pixels_for(card, 1))
    dropping = threading.Thread(target=network.clear)
    dropping.start()
    dropping.join()

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
