"""A short selection of the damaged inputs and kills that `make fuzz` tries; the same every time."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def _last_lines(*words, seconds):
    done = subprocess.run(
        [sys.executable, HERE / words[0], *words[1:]], capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.returncode, f"{done.stdout[-3000:]}\n{done.stderr[-500:]}"


def test_a_few_damaged_inputs_of_every_kind():
    code, said = _last_lines("fuzz.py", "--cases", "36", "--seed", "1", seconds=600)

    assert code == 0, said
    assert "all " in said


def test_a_few_kills():
    code, said = _last_lines("kills.py", "--kills", "3", seconds=300)

    assert code == 0, said
    assert "kills, 0 wrong" in said
