"""Mutants: registered rules that are wrong on purpose, to find out whether any test notices.

A mutant changes one thing about the rule of one argument of one primitive (see ``MUTATIONS``). While it is applied,
every call of the primitive pulls back by the wrong rule: those recorded before, too, on arrays, tensors and batches.
The pytest plugin's ``--grad-mutate`` runs a test suite against all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from ...batching import Batch
from ...dispatch import qualified_name, unwrap
from ...functional import gradients
from ...primitive import REGISTRY, Primitive, Pullback, Rule
from ...recorder import compile_recorder
from ...support import Support
from ...tape import Node, no_grad
from ...tensor import Tensor

FACTOR = 1.001
"""By how much the rules of mutants are "scaled"."""

MUTATIONS = {
    "scaled": f"the gradient is multiplied by {FACTOR}",
    "negated": "the gradient has the other sign",
    "missing": "the gradient is zero",
    "swapped": "two arguments get each other's gradient; where both need one, and by rules that differ",
    "not summed": "of a broadcast argument's gradients the first one is taken, not their sum",
    "tie dropped": "of several equal entries that share a gradient, none gets any",
    "output missing": "the cotangent of one output of several counts as zero",
}
"""What mutants do, by name."""

Partial = tuple[str, Callable, list, bool]
"""An argument, its rule, what was saved for it, and whether the rule multiplies by any: see ``Pullback.partials``."""


@dataclass(frozen=True, eq=False)
class Mutant:
    """A primitive that pulls back by a wrong rule while the mutant is ``applied()``.

    ``mutation`` is a key of ``MUTATIONS``; ``argument`` names the argument that it concerns, or both, or the output.
    The mutants of a primitive that works in place exist ``in_place`` too: then only the rule's form in place is wrong.
    """

    primitive: Primitive
    argument: str
    mutation: str
    mixin: type[Pullback]
    in_place: bool = False

    @property
    def name(self) -> str:
        """The primitive's name, in full."""
        return qualified_name(self.primitive.function)

    def __str__(self) -> str:
        return f"{self.name}, {self.argument}{' in place' if self.in_place else ''}: {self.mutation}"

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While this context lasts, the rule is wrong; in every thread."""
        form = self.primitive.form
        wrong = self.form(form)
        self.primitive.change_form(_mixed(WrongInPlace, form, wrong=wrong) if self.in_place else wrong)
        try:
            yield
        finally:
            self.primitive.change_form(form)

    def form(self, form: type[Pullback]) -> type[Pullback]:
        """The class of the wrong pull-backs, given that of the right ones."""
        return _mixed(self.mixin, form)


def mutants(registry: Mapping[Callable, Primitive] = REGISTRY) -> Iterator[Mutant]:
    """Every mutant of every primitive in a registry.

    >>> import numpy as np
    >>> [str(mutant) for mutant in mutants({np.exp: REGISTRY[np.exp]})]
    ['numpy.exp, x: scaled', 'numpy.exp, x: negated', 'numpy.exp, x: missing']
    """
    for primitive in list(registry.values()):
        shared = _arguments_with_ties(primitive) if primitive.kind == "select" else set()
        for argument in primitive.arguments:
            for mutation, result in RESULTS.items():
                wrong = _wrong(_to_rule(argument, result))
                yield Mutant(primitive, argument, mutation, wrong)
                if primitive.form.writes:
                    yield Mutant(primitive, argument, mutation, wrong, in_place=True)
            if primitive.broadcasts and (len(primitive.parameters) > 1 or primitive.listed):
                yield Mutant(primitive, argument, "not summed", _mixed(FirstSlice, Pullback, argument=argument))
            if argument in shared:
                yield Mutant(primitive, argument, "tie dropped", _wrong(_to_rule(argument, _drop_ties)))
        for pair in combinations(primitive.arguments, 2):
            if primitive.joint or not _same(*(primitive.rules[argument] for argument in pair)):
                yield Mutant(primitive, " and ".join(pair), "swapped", _wrong(_swap(*pair)))
        for k in _outputs(primitive) if primitive.multiple else ():
            yield Mutant(primitive, f"output {k}", "output missing", _wrong(_without_output(k)))


def _scale(rule: Callable, g: Any, *values: Any) -> Any:
    return FACTOR * rule(g, *values)


def _negate(rule: Callable, g: Any, *values: Any) -> Any:
    return -rule(g, *values)


def _zero(rule: Callable, g: Any, *values: Any) -> Any:
    return np.where(False, rule(g, *values), 0)


def _drop_ties(rule: Callable, g: Any, *values: Any) -> Any:
    """Entries that get a share of the cotangent, neither nothing nor all of it, get nothing."""
    shares = unwrap(rule(np.ones(g.shape), *unwrap(values)))
    return np.where((shares > 0) & (shares < 1), 0, rule(g, *values))


RESULTS: dict[str, Callable] = {"scaled": _scale, "negated": _negate, "missing": _zero}
"""What can be done to what a rule returns."""


def _to_rule(argument: str, result: Callable) -> Callable[[list[Partial]], list[Partial]]:
    """Change what the rule of an argument returns, or of each entry if that is a list."""

    def change(partials: list[Partial]) -> list[Partial]:
        return [
            (name, _around(result, rule) if name.partition("[")[0] == argument else rule, values, masked)
            for name, rule, values, masked in partials
        ]

    return change


def _around(result: Callable, rule: Callable) -> Callable:
    def wrong(g: Any, *values: Any) -> Any:
        return result(rule, g, *values)

    return wrong


def _swap(first: str, second: str) -> Callable[[list[Partial]], list[Partial]]:
    """Exchange the rules of two arguments, with what was saved for them, where both need a gradient."""
    others = {first: second, second: first}

    def change(partials: list[Partial]) -> list[Partial]:
        known = {name: rest for name, *rest in partials}
        if not known.keys() >= others.keys():
            return partials
        return [(name, *known[others.get(name, name)]) for name in known]  # type: ignore[misc]

    return change


def _without_output(k: int) -> Callable[[list[Partial]], list[Partial]]:
    """Take the cotangent of output ``k`` to be zero."""

    def without(rule: Callable, g: Any, *values: Any) -> Any:
        return rule((*g[:k], np.where(False, g[k], 0), *g[k + 1 :]), *values)

    def change(partials: list[Partial]) -> list[Partial]:
        return [(name, _around(without, rule), values, masked) for name, rule, values, masked in partials]

    return change


class WrongRule(Pullback):
    """Mixed into the class of a primitive's pull-backs: runs what ``change`` makes of the rules, one by one."""

    writes = False
    change: ClassVar[Callable[[list[Partial]], list[Partial]]]

    def partials(self, saved: tuple) -> list[Partial]:
        found = super().partials(saved)
        if self.primitive.joint:
            found = [(name, _part(name, rule), values, masked) for name, rule, values, masked in found]
        return type(self).change(found)

    def _compile(self) -> Callable:
        def run(g: Any, saved: tuple, parents: tuple) -> list:
            if self.primitive.multiple:
                g = g.filled()
            partials = zip(self.partials(saved), parents, strict=True)
            return [(parent, self.fit(rule(g, *values), parent, name)) for (name, rule, values, _), parent in partials]

        return run


def _wrong(change: Callable) -> type[Pullback]:
    return _mixed(WrongRule, Pullback, change=staticmethod(change))


def _part(argument: str, joint: Callable) -> Callable:
    """One argument's share of a joint rule."""

    def rule(g: Any, *values: Any) -> Any:
        gradient = joint(g, *values)[argument]
        return gradient() if callable(gradient) else gradient

    return rule


class FirstSlice(Pullback):
    """Mixed into the class of a primitive's pull-backs: takes the first of the gradients of a broadcast argument."""

    argument: ClassVar[str]
    cut = False
    """Whether there ever was one."""

    def fit(self, gradient: Any, parent: Any, argument: str) -> Any:
        shape = np.shape(gradient)
        extra = len(shape) - len(parent.shape)
        if argument.partition("[")[0] == self.argument and shape != parent.shape and extra >= 0 and 0 not in shape:
            kept = [slice(1) if n == 1 else slice(None) for n in parent.shape]
            gradient = gradient[(*[0] * extra, *kept)]
            self.cut = True
        return super().fit(gradient, parent, argument)


class WrongInPlace(Pullback):
    """Mixed into the class of pull-backs that work in place: wrong where they do, right elsewhere."""

    wrong: ClassVar[type[Pullback]]

    def run_in_place(
        self, g: Any, saved: tuple, node: Node, support: Support | None, own: bool, cotangents: dict, owned: set
    ) -> tuple[Sequence, list]:
        return self.wrong(self.primitive, self.arguments).run_supported(g, saved, node, support)


def _mixed(mixin: type[Pullback], form: type[Pullback], **attributes: Any) -> type[Pullback]:
    return type(mixin.__name__, (mixin, form), attributes)


def _same(first: Rule, second: Rule) -> bool:
    """Whether two rules say the same, in the same words, of the same values."""
    return first.needs == second.needs and _words(first.function) == _words(second.function)


def _words(function: Callable) -> Any:
    """The code of a function, or itself if it may hold more than its code shows."""
    code = getattr(function, "__code__", None)
    return function if code is None or code.co_freevars else (code.co_code, code.co_consts, code.co_names)


FILLERS = (0, [0], 0.5)
"""What is tried for parameters without a gradient or a default, to see what a primitive does."""


def _arguments_with_ties(primitive: Primitive) -> set[str]:
    """The arguments among whose entries equal ones, but no others, get shares of a cotangent between 0 and 1."""
    found = set()
    for filler in FILLERS:
        ties = _shared(primitive, np.ones(5), 0.0, filler)
        found |= ties - _shared(primitive, np.arange(5.0), 5.0, filler)
    return found


def _shared(primitive: Primitive, values: np.ndarray, apart: float, filler: Any) -> set[str]:
    """The arguments of which entries get a share of a cotangent of ones; each is ``apart`` from the one before."""
    tensors = {name: Tensor(values + k * apart, requires_grad=True) for k, name in enumerate(primitive.arguments)}
    try:
        out = compile_recorder(primitive)(**_filled_in(primitive, tensors, filler))
        parts = gradients([out], list(tensors.values()), [np.ones(out.shape)])
    except Exception:  # whatever a function says of arguments that do not suit it
        return set()
    return {name for name, part in zip(tensors, parts, strict=True) if np.any((part.data > 0) & (part.data < 1))}


def _outputs(primitive: Primitive) -> list[int]:
    """The outputs that can have a cotangent, of those that the primitive has for a matrix, a vector or a number."""
    for values in (np.diag([1.0, 2.0, 3.0]), np.arange(1.0, 4.0), np.float64(2.0)):
        for filler in FILLERS:
            try:
                result = primitive.forward(**_filled_in(primitive, dict.fromkeys(primitive.arguments, values), filler))
                outputs = result[0] if primitive.residuals else result
                return [k for k, out in enumerate(outputs) if np.asarray(out).dtype.kind in "fc"]
            except Exception:  # as above
                continue
    return [0, 1]


def _filled_in(primitive: Primitive, arguments: dict[str, Any], filler: Any) -> dict[str, Any]:
    """Values for the parameters of a primitive that need one."""
    needed = [p for p in primitive.parameters if p.default is p.empty or p.name in arguments]
    return {p.name: arguments.get(p.name, filler) for p in needed}


@contextmanager
def watched(candidates: Iterable[Mutant], effects: set[Mutant], called: set[tuple[Primitive, str]]) -> Iterator[None]:
    """Note the mutants that would have changed a gradient of what is run in this context.

    Args:
        candidates: the mutants to look for.
        effects: where to put them; what is in there already is not looked for again, until it is taken out.
        called: where to put the primitives, and names of arguments, whose rules are called at all.
    """
    by_primitive: dict[Primitive, list[Mutant]] = {}
    for mutant in candidates:
        by_primitive.setdefault(mutant.primitive, []).append(mutant)
    forms = {primitive: primitive.form for primitive in by_primitive}
    try:
        for primitive, own in by_primitive.items():
            observer = _Observer(forms[primitive], own, effects, called)
            primitive.change_form(_mixed(Watching, forms[primitive], observer=observer))
        yield
    finally:
        for primitive, form in forms.items():
            primitive.change_form(form)


class Watching(Pullback):
    """Mixed into the class of a primitive's pull-backs: shows each call to an observer before it is run."""

    observer: ClassVar[_Observer]

    def _compile(self) -> Callable:
        run = super()._compile()

        def observed(g: Any, saved: tuple, parents: tuple) -> Any:
            self.observer.look(self, g, saved, parents)
            return run(g, saved, parents)

        return observed

    def _run_masked_apart(self, g: Any, saved: tuple, parents: tuple, support: Support) -> tuple[Sequence, list]:
        self.observer.look(self, g, saved, parents)  # this alone does without ``run``
        return super()._run_masked_apart(g, saved, parents, support)

    def run_in_place(self, g: Any, saved: tuple, node: Node, *others: Any) -> tuple[Sequence, list]:
        self.observer.look(self, g, saved, node.parents, in_place=True)
        return super().run_in_place(g, saved, node, *others)  # type: ignore[misc]


class _Observer:
    """Which mutants of one primitive make a difference to a call."""

    def __init__(
        self, form: type[Pullback], own: list[Mutant], effects: set[Mutant], called: set[tuple[Primitive, str]]
    ) -> None:
        self.form, self.own, self.effects, self.called = form, own, effects, called
        self.twins: dict[tuple, Pullback] = {}
        self.uncut: set[tuple] = set()  # the shapes of calls without a broadcast argument, by mutant

    def look(self, pullback: Pullback, g: Any, saved: tuple, parents: tuple, in_place: bool = False) -> None:
        """Find out, for one call, which of the mutants that have shown no effect yet have one."""
        self.called.update((pullback.primitive, argument) for argument in pullback.arguments)
        shapes = (pullback.arguments, getattr(g, "shape", None), *[parent.shape for parent in parents])
        left = [
            mutant
            for mutant in self.own
            if mutant not in self.effects and mutant.in_place <= in_place and (mutant, shapes) not in self.uncut
        ]
        if not left:
            return
        with no_grad(), np.errstate(all="ignore"):
            try:
                right = self._run(None, pullback, g, saved, parents)
            except Exception:  # which the pass itself will meet
                return
            for mutant in left:
                if self._differs(mutant, right, pullback, g, saved, parents):
                    self.effects.add(mutant)
                elif not getattr(self.twins[mutant, pullback.arguments], "cut", True):
                    self.uncut.add((mutant, shapes))

    def _differs(
        self, mutant: Mutant, right: list[np.ndarray], pullback: Pullback, g: Any, saved: tuple, parents: tuple
    ) -> bool:
        try:
            wrong = self._run(mutant, pullback, g, saved, parents)
        except Exception:  # a rule that raises is a difference, of whatever type it is
            return True
        return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(right, wrong, strict=True))

    def _run(self, mutant: Mutant | None, pullback: Pullback, g: Any, saved: tuple, parents: tuple) -> list[np.ndarray]:
        """The gradients that a mutant gives, or that the unchanged rules do."""
        key = (mutant, pullback.arguments)
        if key not in self.twins:
            form = self.form if mutant is None else mutant.form(self.form)
            self.twins[key] = form(pullback.primitive, pullback.arguments)
        pairs = self.twins[key].run(g, saved, parents)
        return [found.stack if isinstance(found, Batch) else np.asarray(unwrap(found)) for _, found in pairs]
