"""What ``check_layer`` reports: a table of gradients, what is wrong with them, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..report import GradientReport

DETAILED = 4
"""Of how many wrong gradients the first wrong entry is shown: a report fits on one screen."""


@dataclass
class Row:
    """What was found about one gradient: the entry with the largest error, or the first wrong one, three ways.

    ``verdict`` is "right", "WRONG", "missing" or "unsure"; ``error`` is relative to ``largest``, the gradient's largest
    entry.
    """

    label: str
    shape: tuple[int, ...]
    verdict: str = "right"
    error: float = np.nan
    largest: float = np.nan
    index: tuple[int, ...] | None = None
    by_hand: float | None = None
    tape: float | None = None
    differences: float | None = None
    uncertainty: float = 0.0
    kink: bool = False
    wrong: int = 0
    found_shape: tuple[int, ...] | None = None
    explanation: str | None = None

    @property
    def failed(self) -> bool:
        return self.verdict in ("WRONG", "missing")


@dataclass
class LayerReport(GradientReport):
    """The result of ``check_layer``; its ``str`` is a table with a row for each gradient."""

    rows: list[Row] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    min_conclusive: float = 0.0

    @property
    def wrong(self) -> bool:
        """Whether a gradient is wrong, or something else."""
        return bool(self.defects) or any(row.failed for row in self.rows)

    @property
    def failed(self) -> bool:
        """The same, or too little could be decided."""
        return self.wrong or self.share < self.min_conclusive

    def __str__(self) -> str:
        lines = _table(
            ["gradient", "shape", "entry", "by hand", "tape", "differences", "rel. error", "verdict"],
            [
                [
                    row.label,
                    str(row.shape),
                    "-" if row.index is None else str(list(row.index)),
                    *(_number(value) for value in (row.by_hand, row.tape)),
                    "kink" if row.kink else _number(row.differences),
                    "-" if np.isnan(row.error) else f"{row.error:.0e}",
                    row.verdict,
                ]
                for row in self.rows
            ],
        )
        failed = [row for row in self.rows if row.failed]
        for row in failed[:DETAILED]:
            lines += ["", *_failure(row)]
        if failed[DETAILED:]:
            lines.append(f"\nand {len(failed) - DETAILED} more wrong gradients")
        lines += [f"\n{defect}" for defect in self.defects]
        if self.share < self.min_conclusive:
            lines.append(
                f"\nonly {self.conclusive} of {self.checked} comparisons were conclusive; check at other points, or "
                f"pass a lower min_conclusive than {self.min_conclusive}"
            )
        shown = self.notes[:6] + ([f"... and {len(self.notes) - 6} more"] if len(self.notes) > 6 else [])
        return "\n".join([*lines, *(f"note: {note}" for note in shown)])


def _table(heading: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [heading, *rows]) for i in range(len(heading))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [heading, *rows]]


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.6g}"


def _failure(row: Row) -> Iterator[str]:
    """What is wrong with a gradient, as sentences."""
    yield f"{row.label} {row.explanation or 'is wrong, and no simple relation explains it'}"
    if row.found_shape is not None:
        yield f"  by hand it has the shape {row.found_shape}, not {row.shape}"
    if row.index is not None:
        values = {"by hand": row.by_hand, "tape": row.tape, "differences": row.differences}
        shown = [f"{name} {value:.10g}" for name, value in values.items() if value is not None]
        error = "" if row.differences is None else f" +- {row.uncertainty:.0e}"
        yield f"  first wrong entry (of {row.wrong} in {int(np.prod(row.shape))}): {list(row.index)}"
        yield f"  {', '.join(shown)}{error}"
