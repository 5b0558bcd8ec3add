"""Correct a result from file to file: replay a log of edits, or do a few operations named on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from videopose.annotation.history import History
from videopose.annotation.log import check_result, read_log, sha256_of
from videopose.annotation.marks import edited_header
from videopose.annotation.operations import Operation, arguments
from videopose.annotation.poses import plan
from videopose.annotation.sheet import Sheet
from videopose.errors import InputError
from videopose.io.result import ResultHeader
from videopose.io.results import check_suffix, read_result, write_result
from videopose.workflows.outputs import check_output


def apply_edits(result: Path, edits: Path, output: Path, *, overwrite: bool = False) -> str:
    """Replay the log of an annotator onto a result and write what comes out as an ordinary result.

    The provenance says the log's checksum, and which keypoints of whom were placed by hand. Where every operation was
    undone again, the bytes are those of the result.

    Args:
        result: of `videopose run`; it is not touched.
        edits: `clip.poses.edits.jsonl`.
        output: where to write; the suffix chooses the format.
        overwrite: replace a file that is there.

    Returns:
        A sentence for the user.

    Raises:
        InputError: the output exists or is an input, or the edits are of another result.
        DatasetError: a file is damaged.
    """
    check_suffix(output)
    check_output(output, (result, edits), overwrite=overwrite)
    lines, _ = read_log(edits)
    if not lines:
        raise InputError(f"{edits}: holds no edits. Give the .edits.jsonl that videopose desk has written")
    check_result(lines, edits, result, sha256_of(result))
    history = History(Sheet.read(read_result(result)))
    history.replay(lines, str(edits))
    facts = {"log": edits.name, "sha256": sha256_of(edits), "operations": len(history.done)}
    header = edited_header(history.sheet, facts) if history.done else history.sheet.header
    _write(output, header, history.sheet)
    return f"{len(history.done)} operations applied"


def edit(result: Path, operations: Sequence[Operation], output: Path, *, overwrite: bool = False) -> str:
    """Do operations on a result and write what comes out.

    Args:
        result: of `videopose run`; it is not touched.
        operations: in the order in which they are done; the provenance lists them.
        output: where to write; the suffix chooses the format.
        overwrite: replace a file that is there.

    Returns:
        A sentence for the user.

    Raises:
        InputError: the output exists or is an input, or an operation cannot be done.
        DatasetError: the result is damaged.
    """
    check_suffix(output)
    check_output(output, (result,), overwrite=overwrite)
    sheet = Sheet.read(read_result(result))
    for operation in operations:
        sheet.apply(plan(sheet, operation))
    done = [{"op": each.op, **arguments(each)} for each in operations]
    header = edited_header(sheet, {"operations": done}) if done else sheet.header
    _write(output, header, sheet)
    return f"{len(done)} operations applied"


def _write(output: Path, header: ResultHeader, sheet: Sheet) -> None:
    with write_result(output, header) as writer:
        for record in sheet.records():
            writer.write(record)
