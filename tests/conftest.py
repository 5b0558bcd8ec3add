"""Seeds for every test, and the folder of shared data where it is present."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(os.environ.get("VIDEOPOSE_SHARED", Path(__file__).parents[2] / "shared"))


os.environ["VIDEOPOSE_TRACEBACKS"] = "1"  # the command line's last net would hide bugs


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the documents in tests/golden anew")


@pytest.fixture(autouse=True)
def _seeded():
    """Return every test the same random state, and fail none for what the one before it drew."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - third-party code still draws from the global state
    torch = __import__("sys").modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _networks_of_tests(tmp_path_factory):
    """Keep networks that tests convert out of the user's cache, and convert each once a session."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
            patch.setenv(name, str(tmp_path_factory.mktemp("cache")))
        for name in ("VIDEOPOSE_HOME", "VIDEOPOSE_STORES"):
            patch.delenv(name, raising=False)
        patch.setenv("VIDEOPOSE_OFFLINE", "1")  # `file_server` plays the internet where one is needed
        yield


@pytest.fixture(scope="session")
def shared_dir():
    """Return `../shared`, or skip with a reason."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent; set VIDEOPOSE_SHARED to the folder of shared data")
    return SHARED
