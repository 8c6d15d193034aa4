"""What has a gradient, as the tables of the README: ``python -m tests.coverage`` prints them from the registry."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np

import autodiff.scipy
import nn
from autodiff.dispatch import qualified_name
from autodiff.primitive import CONSTANTS, IMPLEMENTATIONS, REFUSED, REGISTRY

NAMESPACES = (np, np.linalg, np.fft, np.lib.stride_tricks)

LISTS: dict[str, dict | set] = {
    "primitive": REGISTRY,
    "composition": IMPLEMENTATIONS,
    "constant": CONSTANTS,
    "refused": REFUSED,
}


def dispatching(namespace: ModuleType) -> Iterator[tuple[str, Callable]]:
    """The public functions of a NumPy namespace that a tensor can take over: ufuncs, and those of its protocol."""
    for name in sorted(dir(namespace)):
        function = getattr(namespace, name)
        if not name.startswith("_") and (isinstance(function, np.ufunc) or hasattr(function, "_implementation")):
            yield f"{namespace.__name__}.{name}", function


def area(function: Callable) -> str:
    """The file of tables that a differentiable function is declared in."""
    if function in REGISTRY:
        declared = next(iter(REGISTRY[function].rules.values())).function
    else:
        declared = IMPLEMENTATIONS[function]
    module = inspect.unwrap(declared).__module__
    return module.removeprefix("autodiff.primitives.") if module.startswith("autodiff.") else ""


def differentiable() -> dict[str, list[str]]:
    """By area, the names of NumPy's functions that record, methods of ufuncs among them."""
    found = defaultdict(set)
    public: dict[Callable, str] = {}
    for namespace in NAMESPACES:
        for name, function in dispatching(namespace):
            if function not in public or name.endswith(f".{function.__name__}"):  # an alias, or its own name
                public[function] = name
    for function in {*REGISTRY, *IMPLEMENTATIONS}:
        method_of = getattr(function, "__self__", None)
        if function in public:
            found[area(function)].add(_short(public[function]))
        elif isinstance(method_of, np.ufunc) and method_of in public:
            found[area(function)].add(_short(qualified_name(function)))
    return {name: sorted(found[name]) for name in sorted(found)}


def _short(name: str) -> str:
    return name.removeprefix("numpy.")


def scipys() -> dict[str, list[str]]:
    """By module, SciPy's names that record."""
    modules = {name: getattr(autodiff.scipy, name) for name in autodiff.scipy.__all__}
    return {f"autodiff.scipy.{name}": sorted(module.__all__) for name, module in modules.items()}


def layers() -> dict[str, list[str]]:
    """By file, the layers, losses and containers of ``nn``."""
    found = defaultdict(list)
    for name in nn.__all__:
        value = getattr(nn, name)
        if isinstance(value, type) and issubclass(value, nn.Module) and value is not nn.Module:
            found[value.__module__.split(".")[1]].append(name)
    return {f"nn.{file}": sorted(names) for file, names in sorted(found.items())}


def refused() -> dict[str, list[str]]:
    """By reason, the functions that raise for a tensor that requires grad."""
    found = defaultdict(list)
    for function, reason in REFUSED.items():
        found[reason].append(_short(qualified_name(function)))
    return {reason: sorted(names) for reason, names in found.items()}


def table(headings: tuple[str, str], rows: dict[str, list[str]]) -> str:
    lines = [f"| {headings[0]} | {headings[1]} |", "|---|---|"]
    lines += [f"| {key} | {' '.join(f'`{name}`' for name in names)} |" for key, names in rows.items()]
    return "\n".join(lines)


def tables() -> list[str]:
    """The tables as the README has them."""
    return [
        table(("NumPy, by file of rules", "Functions"), differentiable()),
        table(("SciPy, under its own names", "Functions"), scipys()),
        table(("Refused, for the reason that", "Functions"), refused()),
        table(("`nn`, by file or folder", "Layers and losses"), layers()),
    ]


if __name__ == "__main__":
    print("\n\n".join(tables()))
