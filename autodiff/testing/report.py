"""What a check of gradients reports: how much of it could decide anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class GradientReport:
    """How many comparisons were made, how many of them could decide anything, and why the others could not."""

    what: str = ""
    checked: int = 0
    conclusive: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """The share of comparisons that were conclusive; 1 if there was nothing to compare."""
        return self.conclusive / self.checked if self.checked else 1.0

    def __str__(self) -> str:
        lines = [f"{self.what}: none wrong, {self.conclusive} of {self.checked} comparisons conclusive"]
        return "\n  ".join([*lines, *self.notes])


watchers: list[Callable[[GradientReport], None]] = []
"""Who is told of each check that has come to an end without an error."""


def announce(report: GradientReport) -> GradientReport:
    """Tell the watchers of a report; returns it."""
    for watch in watchers:
        watch(report)
    return report
