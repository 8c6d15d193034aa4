"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, overload

from .module import Module


class Sequential(Module):
    """Each member applied to the result of the one before; named 0, 1, ... or by the keys of a mapping.

    >>> from nn import Linear, ReLU
    >>> Sequential(Linear(4, 3), ReLU(), Linear(3, 2))
    Sequential(
        Linear(in_features=4, out_features=3),
        ReLU(),
        Linear(in_features=3, out_features=2),
    )
    """

    @overload
    def __init__(self, members: Mapping[str, Module], /) -> None: ...
    @overload
    def __init__(self, *members: Module) -> None: ...
    def __init__(self, *members: Any) -> None:
        if len(members) == 1 and isinstance(members[0], Mapping):
            self.members = dict(members[0])
        else:
            self.members = {str(i): member for i, member in enumerate(members)}
        for name, member in self.members.items():
            if not isinstance(member, Module):
                raise TypeError(f"Sequential takes modules, but member {name} is {member!r}")

    def forward(self, x: Any) -> Any:
        for member in self.members.values():
            x = member(x)
        return x

    def named_entries(self) -> Iterator[tuple[str, Module]]:
        yield from self.members.items()

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.members.values())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(dict(list(self.members.items())[index]))
        return list(self.members.values())[index]

    def __repr__(self) -> str:
        numbered = list(self.members) == [str(i) for i in range(len(self))]
        lines = [repr(m) if numbered else f"{name!r}: {m!r}" for name, m in self.members.items()]
        body = "".join(f"\n{line},".replace("\n", "\n    ") for line in lines)
        if not lines:
            return "Sequential()"
        return f"Sequential({body}\n)" if numbered else f"Sequential({{{body}\n}})"
