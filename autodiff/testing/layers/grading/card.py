"""The report card: a line for each class, then what is wrong in detail, then the total."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

RIGHT, WRONG, UNCHECKED = "right", "WRONG", "could not be checked"

WIDTH = 120


@dataclass
class Findings:
    """What came of all the checks of one class.

    Attributes:
        right: what was checked and is as it should be.
        wrong: what is not: one line each, and whatever there is to say beyond it.
        unchecked: why something that matters could not be checked; then the class is not called right.
        notes: what the reader should know besides.
    """

    right: list[str] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Forget them all, before another attempt."""
        for found in (self.right, self.wrong, self.unchecked, self.notes):
            found.clear()

    @property
    def verdict(self) -> str:
        if self.wrong:
            return WRONG
        return RIGHT if self.right and not self.unchecked else UNCHECKED


@dataclass
class Grade:
    """The findings about one class of a file (``name`` is empty if they are about the file)."""

    file: str
    name: str
    findings: Findings

    @property
    def line(self) -> str:
        """The verdict and why."""
        found = self.findings
        if found.wrong:
            return f"{WRONG}: {'; '.join(line for line, _ in found.wrong)}"
        if found.verdict == RIGHT:
            return f"{RIGHT}: {'; '.join([', '.join(found.right), *found.notes])}"
        return f"{UNCHECKED}: {'; '.join(found.unchecked) or 'there is nothing to check'}"


def report_card(folder: str, grades: Sequence[Grade], passed_over: Sequence[str]) -> str:
    """All of it as text."""
    return "\n".join(_lines(folder, grades, passed_over))


def _lines(folder: str, grades: Sequence[Grade], passed_over: Sequence[str]) -> Iterator[str]:
    yield f"Report card of {folder}"
    files = max(len(grade.file) for grade in grades)
    names = max(len(grade.name) for grade in grades)
    for grade in grades:
        start = f"{grade.file.ljust(files)}  {grade.name.ljust(names)}  "
        width = max(40, WIDTH - len(start))
        if grade.findings.verdict == RIGHT:  # all that there is to read about it
            first, *rest = textwrap.wrap(grade.line, width, subsequent_indent="  ")
            yield from [start + first, *(" " * len(start) + line for line in rest)]
        else:
            yield start + textwrap.shorten(grade.line, width, placeholder=" ...")
    for grade in grades:
        if grade.findings.verdict == WRONG:
            yield from _diagnosis(grade)
        elif grade.findings.verdict == UNCHECKED and len(grade.line) > WIDTH - files - names - 4:
            yield f"\n{grade.name or grade.file} could not be checked"
            yield from (f"  {line}" for reason in grade.findings.unchecked for line in _wrapped(reason))
    counts = {verdict: sum(grade.findings.verdict == verdict for grade in grades) for verdict in VERDICTS}
    yield "\n" + ", ".join(f"{count} {verdict.lower()}" for verdict, count in counts.items())
    if passed_over:
        yield from textwrap.wrap(
            f"passed over, as bases of others or unlike any layer, loss, optimiser or model: {', '.join(passed_over)}",
            WIDTH,
        )


VERDICTS = (RIGHT, WRONG, UNCHECKED)


def _diagnosis(grade: Grade) -> Iterator[str]:
    yield f"\n{grade.name or grade.file} ({grade.file}) is wrong" if grade.name else f"\n{grade.file} is wrong"
    for line, details in grade.findings.wrong:
        yield textwrap.indent(details or line, "  ")
    if grade.findings.right:
        yield f"  right: {', '.join(grade.findings.right)}"
    for reason in grade.findings.unchecked:
        yield from (f"  {line}" for line in _wrapped(f"could not be checked: {reason}"))


def _wrapped(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in textwrap.wrap(line, WIDTH - 2, subsequent_indent="  ")]
