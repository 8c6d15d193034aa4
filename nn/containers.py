"""Modules made of modules: their members are attributes, called 0, 1, ... or as the keys of a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from operator import index as as_index
from typing import Any, Self, overload

from .module import Module
from .representation import enclosed, nested


class Container(Module):
    """What containers share. A member is any attribute that is itself a module, in the order of assignment."""

    def _members(self) -> dict[str, Module]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def _replace(self, members: Mapping[str, Module]) -> None:
        """Have these members instead; all of them, or an error and no change."""
        earlier = self._members()
        for name in earlier:
            del vars(self)[name]
        try:
            for name, member in members.items():
                self._check_name(name)
                if not isinstance(member, Module):
                    raise TypeError(f"{type(self).__name__} takes modules, but member {name} is {member!r}")
        except (KeyError, TypeError):
            vars(self).update(earlier)
            raise
        vars(self).update(members)

    def __len__(self) -> int:
        return len(self._members())


class Numbered(Container):
    """What ``Sequential`` and ``ModuleList`` share: the protocol of a list."""

    def __iter__(self) -> Iterator[Module]:
        return iter([value for value in vars(self).values() if isinstance(value, Module)])

    def __contains__(self, module: object) -> bool:
        return any(member is module for member in self)

    def _set_list(self, members: Iterable[tuple[str, Module]]) -> None:
        """Have these members instead. If all were numbered, so are these; else a nameless one gets a free number."""
        members = list(members)
        names = [name for name, _ in members]
        if list(self._members()) == _numbers(len(self)):
            names = _numbers(len(names))
        for place, name in enumerate(names):
            if not name:
                names[place] = next(number for number in map(str, count(place)) if number not in names)
        self._replace({name: module for name, (_, module) in zip(names, members, strict=True)})

    def _named(self) -> list[tuple[str, Module]]:
        return list(self._members().items())

    def _place(self, index: Any) -> int:
        place, size = as_index(index), len(self)
        if not -size <= place < size:
            raise IndexError(f"{type(self).__name__} has {size} members, no member {place}")
        return place

    def __setitem__(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} takes modules, but member {index} would be {module!r}")
        vars(self)[list(self._members())[self._place(index)]] = module

    def __delitem__(self, index: int | slice) -> None:
        members = self._named()
        del members[index if isinstance(index, slice) else self._place(index)]
        self._set_list(members)

    def append(self, module: Module) -> Self:
        """Add a member at the end; returns the container."""
        return self.extend([module])

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add members at the end; returns the container."""
        self._set_list([*self._named(), *(("", module) for module in modules)])
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a member before the one at ``index``, as a list does; returns the container."""
        members = self._named()
        members.insert(index, ("", module))
        self._set_list(members)
        return self

    def pop(self, index: int = -1) -> Module:
        """Remove the member at ``index``, and return it."""
        module = list(self)[self._place(index)]
        del self[index]
        return module


class Sequential(Numbered):
    """Each member applied to the result of the one before; named 0, 1, ... or by the keys of a mapping.

    >>> from nn import Linear, ReLU
    >>> model = Sequential(Linear(4, 3), ReLU(), Linear(3, 2))
    >>> model
    Sequential(
        Linear(in_features=4, out_features=3),
        ReLU(),
        Linear(in_features=3, out_features=2),
    )
    >>> len(model[:2]), model[-1] is model[2]
    (2, True)
    """

    @overload
    def __init__(self, members: Mapping[str, Module], /) -> None: ...
    @overload
    def __init__(self, *members: Module) -> None: ...
    def __init__(self, *members: Any) -> None:
        if len(members) == 1 and isinstance(members[0], Mapping):
            self._replace(members[0])
        else:
            self.extend(members)

    def forward(self, x: Any) -> Any:
        for member in self:
            x = member(x)
        return x

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module:
        """A member, or a Sequential of some, which keep their names as in PyTorch."""
        if isinstance(index, slice):
            return Sequential(dict(list(self._members().items())[index]))
        return list(self)[self._place(index)]

    def __add__(self, other: Sequential) -> Sequential:
        """The members of both, numbered."""
        return Sequential(*self, *other) if isinstance(other, Sequential) else NotImplemented

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(other) if isinstance(other, Sequential) else NotImplemented

    def __mul__(self, times: int) -> Sequential:
        """The same members several times, numbered; they share their parameters, as they are no copies."""
        if not isinstance(times, int):
            return NotImplemented
        if times < 1:
            raise ValueError(f"a Sequential is multiplied by a positive number, not {times}")
        return Sequential(*[*self] * times)

    __rmul__ = __mul__

    def _shown(self) -> str:
        members = self._members()
        if list(members) == _numbers(len(members)):
            return enclosed("", map(repr, members.values()), "")
        return nested(members)


class ModuleList(Numbered):
    """A list of modules, each registered by its index. A plain list in an attribute does the same.

    >>> from nn import Linear
    >>> layers = ModuleList(Linear(4, 4) for _ in range(3))
    >>> layers
    ModuleList([
        *(Linear(in_features=4, out_features=4) for _ in range(3)),
    ])
    >>> [name for name, _ in layers.append(Linear(4, 1)).named_parameters()][-2:]
    ['3.weight', '3.bias']
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module:
        modules = list(self)
        return ModuleList(modules[index]) if isinstance(index, slice) else modules[self._place(index)]

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, modules: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *modules])

    def _shown(self) -> str:
        return nested(list(self)) if len(self) else ""


class ModuleDict(Container):
    """A dict of modules, each registered by its key. A plain dict in an attribute does the same.

    >>> from nn import Linear, ReLU
    >>> heads = ModuleDict({"a": Linear(4, 1)})
    >>> heads["act"] = ReLU()
    >>> heads
    ModuleDict({
        'a': Linear(in_features=4, out_features=1),
        'act': ReLU(),
    })
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self._replace(dict(modules))

    def __getitem__(self, key: str) -> Module:
        return self._members()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members())

    def __contains__(self, key: object) -> bool:
        return key in self._members()

    def keys(self) -> Iterable[str]:
        """The keys, in the order of insertion."""
        return self._members().keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._members().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Keys and modules."""
        return self._members().items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace members: all of them, or an error and no change."""
        self._replace({**self._members(), **dict(modules)})

    def pop(self, key: str) -> Module:
        """Remove the member, and return it."""
        module = self[key]
        del vars(self)[key]
        return module

    def clear(self) -> None:
        """Remove all members."""
        self._replace({})

    def _shown(self) -> str:
        return nested(self._members()) if len(self) else ""


def _numbers(count: int) -> list[str]:
    return [str(i) for i in range(count)]
