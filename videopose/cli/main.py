"""`videopose`: finds the commands, and is the outer edge where errors become messages and exit codes.

Exit 0: done. 1: something the user can act on, said in one message. 2: the command line is wrong. 130: stopped by
Ctrl-C. Anything else is a bug and keeps its traceback, but for what the machine or a hostile file brings about and no
check has met: that becomes one line too, unless `--debug` or `VIDEOPOSE_TRACEBACKS` (set for the tests) asks for all.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from videopose import __version__
from videopose.cli.memory import reuse_memory
from videopose.errors import VideoPoseError, nearest_name

COMMANDS = (
    "run", "track", "desk", "edit", "annotate", "render", "sheet", "report", "eval", "convert", "frames", "angles",
    "plot", "submission", "models", "train", "bench", "demo", "env",
)  # fmt: skip
"""In the order in which `--help` lists them; each lives in `cli/<name>.py` as `command`."""

TRACEBACKS = "VIDEOPOSE_TRACEBACKS"
"""Environment variable: set, unforeseen errors of the machine keep their traceback, so that tests see every bug."""


class _Commands(click.Group):
    """A group that imports a command's file when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if (Path(__file__).parent / f"{name}.py").exists()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"videopose.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            ctx.fail(f"there is no command {args[0]!r}. {nearest_name(args[0], known)}")
        return super().resolve_command(ctx, args)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show where an error comes from, and log more. May stand anywhere.")
@click.version_option(__version__, prog_name="videopose")
def cli(debug: bool) -> None:
    """Offline video pose estimation and tracking: a video in, every person's keypoints and id out."""
    set_up_process(debug=debug)


def set_up_process(*, debug: bool = False) -> None:
    """Set what holds for a whole process of ours, be it the command's or one of its workers': memory, and the log."""
    reuse_memory()
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_printable_record)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = ["--debug"] * debug + [word for word in words if word != "--debug"]
    try:
        return int(cli.main(words, prog_name="videopose", standalone_mode=False) or 0)
    except VideoPoseError as error:
        if debug:
            raise
        click.echo(f"Error: {printable(message_of(error))}", err=True)
        return 1
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        said = io.StringIO()
        error.show(file=said)
        click.echo(printable(said.getvalue()), err=True, nl=False)
        return error.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except (OSError, RecursionError, MemoryError, UnicodeError) as error:
        if debug or os.environ.get(TRACEBACKS):
            raise
        return _last_net(error, words)


def _last_net(error: Exception, words: Sequence[str]) -> int:
    """Describe in one line what no check has met: a right that is missing, a full disk, a file nested without end."""
    if isinstance(error, BrokenPipeError) and error.filename is None:  # whoever read the output has read enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, OSError):
        what = error.strerror or str(error) or type(error).__name__
    elif isinstance(error, RecursionError):
        what = "is nested too deeply"
    elif isinstance(error, MemoryError):
        what = "needs more memory than there is"
    else:
        what = f"holds text that cannot be read or written ({error})"
    line = " ".join(f"Error: {_files_meant(error, words)}: {what}. --debug shows where".split())
    click.echo(printable(line), err=True)
    return 1


def _files_meant(error: Exception, words: Sequence[str]) -> str:
    """Return the file an error is about; where it does not say, the files on the command line."""
    named = getattr(error, "filename", None)
    if isinstance(named, bytes | str | os.PathLike):
        return os.fsdecode(named)
    there = [word for word in words[1:] if not word.startswith("-") and "\0" not in word and os.path.lexists(word)]
    return ", ".join(there) or " ".join(word for word in words if word != "--debug")


def printable(text: str) -> str:
    """Show what a terminal would obey rather than print, such as an escape in a file's name, as its code."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else _escape(sign) for sign in text)


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def _printable_record(record: logging.LogRecord) -> bool:
    record.msg, record.args = printable(record.getMessage()), ()
    return True


def message_of(error: VideoPoseError) -> str:
    """Return an error's message, with the stage it arose in where that is known."""
    notes = getattr(error, "__notes__", [])
    return f"{error} ({'; '.join(notes)})" if notes else str(error)


if __name__ == "__main__":
    sys.exit(main())
