"""The outer edge: commands found lazily, errors into messages and exit codes."""

import os
import resource
import subprocess
import sys

import pytest

import videopose
from videopose.cli.main import COMMANDS, cli, main

HELP_SECONDS = 0.3
"""Longer than this and a command line feels slow. Measured as time on the processor: others may be busy with it."""


def test_help_is_quick_and_loads_no_torch():
    code = (
        "import sys; from videopose.cli.main import main; status = main(['--help'])\n"
        "assert not {'torch', 'numpy', 'av', 'cv2', 'pydantic'} & set(sys.modules), sorted(sys.modules)\n"
        "sys.exit(status)"
    )
    before = _seconds_of_children()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout
    assert _seconds_of_children() - before < HELP_SECONDS


def _seconds_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_importing_the_package_loads_no_torch():
    code = "import sys, videopose; videopose.__version__; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_command_there_is_has_help(capsys):
    for name in cli.list_commands(None):
        assert name in COMMANDS
        assert main([name, "--help"]) == 0
        assert f"videopose {name}" in capsys.readouterr().out


def test_the_package_runs_as_a_module():
    def call(*words):
        command = [sys.executable, "-m", "videopose", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    version, wrong = call("--version"), call("rnu")

    assert (version.returncode, version.stdout) == (0, f"videopose, version {videopose.__version__}\n")
    assert wrong.returncode == 2
    assert "Usage: videopose [OPTIONS]" in wrong.stderr
    assert "Did you mean run?" in wrong.stderr


def test_an_unknown_command_names_the_nearest(capsys):
    assert main(["rnu"]) == 2

    assert "there is no command 'rnu'. Did you mean run?" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys):
    assert main(["run", "clip.mp4", "--colour"]) == 2

    assert "No such option" in capsys.readouterr().err


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0

    assert videopose.__version__ in capsys.readouterr().out


def test_a_bug_keeps_its_traceback(monkeypatch, tmp_path):
    (tmp_path / "clip.mp4").touch()

    def broken(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr("videopose.workflows.run.run", broken)

    with pytest.raises(ZeroDivisionError):
        main(["run", str(tmp_path / "clip.mp4")])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "there/clip.mp4"), "there/clip.mp4: Permission denied"),
        (OSError(28, "No space left on device"), "clip.mp4: No space left on device"),
        (RecursionError("maximum recursion depth exceeded"), "clip.mp4: is nested too deeply"),
        (MemoryError(), "clip.mp4: needs more memory than there is"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "clip.mp4: holds text that cannot be read"),
    ],
)
def test_what_no_check_has_met_is_one_line_with_the_file(error, said, tmp_path, monkeypatch, capsys):
    def broken(*arguments, **options):
        raise error

    (tmp_path / "clip.mp4").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("videopose.workflows.run.run", broken)

    with pytest.raises(type(error)):  # in tests the net is off
        main(["run", "clip.mp4"])
    monkeypatch.delenv("VIDEOPOSE_TRACEBACKS")
    with pytest.raises(type(error)):
        main(["run", "clip.mp4", "--debug"])
    capsys.readouterr()
    assert main(["run", "clip.mp4"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"Error: {said}")
    assert printed.count("\n") == 1


def test_output_into_a_pipe_that_is_closed_ends_without_a_word():
    code = "import sys; from videopose.cli.main import main; sys.exit(main(['run', 'x.mp4', '--print-config']))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key != "VIDEOPOSE_TRACEBACKS"},
    ) as done:
        done.stdout.close()
        said = done.stderr.read()

    assert said == b""
    assert done.returncode == 1


def test_env_says_what_optional_packages_change(capsys):
    assert main(["env"]) == 0

    printed = capsys.readouterr().out
    assert f"videopose {videopose.__version__}" in printed
    assert "torch 2." in printed
    assert "optional decord: " in printed
    assert "optional mmcv: " in printed


def test_public_names_are_there():
    assert {"run", "read_result", "Run"} <= set(dir(videopose))
    assert callable(videopose.run)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        _ = videopose.walk


@pytest.mark.parametrize("words", [["run", "no\x1b]0;owned\x07such.mp4"], ["no\x1b[31msuch"], ["eval", "\x1b[31mx"]])
def test_what_a_terminal_would_obey_is_shown_as_a_code(words, capsys):
    assert main(words) in (1, 2)

    said = capsys.readouterr().err
    assert "\\x1b" in said
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in said)


def test_the_shell_completes_commands_and_options():
    def completed(words):
        environment = {**os.environ, "_VIDEOPOSE_COMPLETE": "bash_complete", "COMP_WORDS": words}
        environment["COMP_CWORD"] = str(len(words.split()) - 1)
        done = subprocess.run(
            [sys.executable, "-c", "from videopose.cli.main import main; main([])"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert completed("videopose ren") == {"render"}
    assert {"--side-colours", "--side-by-side"} <= completed("videopose render --si")
