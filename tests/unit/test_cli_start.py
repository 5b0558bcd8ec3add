"""What is wrong with a command line is said before the large libraries are imported."""

import subprocess
import sys

COMMAND = """
import sys
from videopose.cli.main import main
code = main(["run", "nothere.mp4"])
print(code, sorted({"torch", "scipy", "pyarrow", "av"} & set(sys.modules)))
"""


def test_a_clip_that_is_not_there_is_said_without_importing_torch():
    done = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "1 []"
    assert "nothere.mp4: no such file. Check the path" in done.stderr
