"""What happens beside the steps: the log, the checkpoints, the scores. Three small classes."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)


class CsvLog:
    """Rows of numbers in `log.csv`, and in TensorBoard where it is installed.

    Rows after the step a resumed run starts from are dropped, so that the log tells one story.
    """

    def __init__(self, folder: Path, *, start_step: int) -> None:
        self.path = folder / "log.csv"
        self._rows = [row for row in self._read() if int(row["step"]) <= start_step]
        self._write()
        self._board = _summary_writer(folder, purge_step=start_step)
        self._sums: dict[str, float] = {}
        self._count = 0
        self._since = time.monotonic()

    def _read(self) -> list[dict[str, str]]:
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def add(self, values: Mapping[str, float]) -> None:
        """Add one step's numbers to the running mean."""
        for key, value in values.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._count += 1

    def flush(self, step: int, samples: int, extra: Mapping[str, float]) -> dict[str, float]:
        """Write a row of means since the last one, with the speed; give it back."""
        now = time.monotonic()
        row = {key: total / max(1, self._count) for key, total in self._sums.items()}
        row |= {"samples_per_second": samples / max(1e-9, now - self._since), **extra}
        self._sums, self._count, self._since = {}, 0, now
        self.write(step, row)
        return row

    def write(self, step: int, row: Mapping[str, float]) -> None:
        """Append one row."""
        self._rows.append({"step": str(step), **{key: f"{value:.6g}" for key, value in row.items()}})
        self._write()
        for key, value in row.items():
            if self._board is not None:
                self._board.add_scalar(key, value, step)

    def _write(self) -> None:
        """Rewrite the small file whole: columns may appear late (scores), and a reader never sees half a row."""
        columns = list(dict.fromkeys(key for row in self._rows for key in row))
        part = self.path.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self._rows)
        part.replace(self.path)

    def close(self) -> None:
        """Write out what TensorBoard still holds back."""
        if self._board is not None:
            self._board.close()

    def restart_clock(self) -> None:
        """Exclude the time since the last row from the speed: an evaluation is not training."""
        self._since = time.monotonic()


def _summary_writer(folder: Path, *, purge_step: int):  # type: ignore[no-untyped-def]
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log.info("TensorBoard is not installed; log.csv has everything")
        return None
    return SummaryWriter(folder / "tensorboard", purge_step=purge_step)
