"""The tables of ``cases_*.py`` as one: ``PAIRS`` by derived function, and ``LAYERS``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from .cases import Layer, Pair

PAIRS: dict[Any, Pair] = {}
LAYERS: list[Layer] = []

for path in sorted(Path(__file__).parent.glob("cases_*.py")):
    table = importlib.import_module(f"{__package__}.{path.stem}")
    twice = [function.__name__ for function in PAIRS.keys() & table.PAIRS.keys()]
    assert not twice, f"{path.name} has calls of {twice}, which have some already"
    PAIRS.update(table.PAIRS)
    LAYERS += table.LAYERS
