"""Who asks for a tensor's array: the function of SciPy that a program called, for an error that names it."""

from __future__ import annotations

import sys
from importlib import import_module
from types import FrameType, ModuleType


def scipy_function(frame: FrameType | None) -> str | None:
    """The public name of the outermost SciPy function around a frame, like ``scipy.linalg.expm``; None if none is."""
    found = None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("scipy."):
            name = frame.f_code.co_qualname.removesuffix(".__call__")
            packages = [package for package in _public_packages(module) if hasattr(package, name.partition(".")[0])]
            if packages:
                found = f"{packages[0].__name__}.{name}"
            else:  # a decorator's wrapper, or something that is not public itself
                found = found or "this function of SciPy"
        elif module.partition(".")[0] not in ("numpy", "autodiff"):
            break
        frame = frame.f_back
    return found


def _public_packages(module: str) -> list[ModuleType]:
    """The modules, innermost first, that a module of SciPy lies in, up to the first private one from outside."""
    parts = module.split(".")
    public = next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))
    return [sys.modules[".".join(parts[:i])] for i in range(public, 1, -1)]


def way_out(name: str) -> str:
    """What to do instead of calling a function of SciPy: call the one of ``autodiff.scipy``, if there is one."""
    package, _, function = name.rpartition(".")
    try:
        ours = import_module(f"autodiff.{package}").__all__
    except ModuleNotFoundError:
        ours = []
    if function in ours:
        return f"call autodiff.{name} instead"
    return "teach the tape with autodiff.defvjp, or pass .detach()"
