"""Primitives: functions with the vector-Jacobian products of their arguments, in a registry keyed by the function.

``defvjp`` reads the parameter names of each rule; from them follows what a call has to save. A ``Pullback`` is the
compiled form of a primitive's rules for one choice of arguments that need a gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .batching import Batch
from .broadcasting import unbroadcast
from .support import Support
from .tape import Leaf, Node

Kind = Literal["elementwise", "linear", "select", "mix"]
KINDS = ("elementwise", "linear", "select", "mix")

REGISTRY: dict[Callable, Primitive] = {}
"""Every differentiable function, and how."""

IMPLEMENTATIONS: dict[Callable, Callable] = {}
"""NumPy functions that are compositions of primitives, and the function to call for them."""

CONSTANTS: set[Callable] = set()
"""Functions with no derivative to speak of: on tensors they give plain arrays."""

REFUSED: dict[Callable, str] = {}
"""Functions that would lose the gradient of a tensor that requires grad, and why nothing else can be done."""

lent: dict[str, Any] = {}
"""What the layer of tensors lends this one: ``wrap`` to make a tensor, ``recording_function`` to record calls."""


def constant(*functions: Callable) -> None:
    """Declare functions that have no derivative to speak of: on tensors they give plain arrays."""
    CONSTANTS.update(functions)


def refuse(reason: str, *functions: Callable) -> None:
    """Declare functions that raise for a tensor that requires grad, and say why."""
    REFUSED.update(dict.fromkeys(functions, reason))


def implements(*functions: Callable) -> Callable[[Callable], Callable]:
    """Declare the decorated function, a composition of primitives, as what to call for NumPy functions on tensors."""

    def declare(implementation: Callable) -> Callable:
        for function in functions:
            IMPLEMENTATIONS[function] = implementation
        return implementation

    return declare


@dataclass(frozen=True)
class Rule:
    """A VJP rule and the names of what it needs besides the cotangent."""

    function: Callable
    needs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Primitive:
    """A differentiable function: how to run it on arrays, and the rule of each differentiable argument."""

    name: str
    function: Callable
    forward: Callable
    parameters: tuple[inspect.Parameter, ...]
    rules: dict[str, Rule]
    joint: Rule | None
    residuals: tuple[str, ...]
    kind: Kind
    broadcasts: bool
    multiple: bool
    views: bool
    listed: str | None
    constants: tuple[str, ...]
    form: type[Pullback]
    pullbacks: dict[tuple[bool, ...], Pullback] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The differentiable arguments, in the order of the signature."""
        return tuple(p.name for p in self.parameters if p.name in self.rules)

    def pullback(self, tracked: tuple[bool, ...]) -> Pullback:
        """The pull-back for the arguments that need a gradient, made once per choice."""
        if tracked not in self.pullbacks:
            names = tuple(name for name, needed in zip(self.arguments, tracked, strict=True) if needed)
            self.pullbacks[tracked] = self.form(self, names)
        return self.pullbacks[tracked]

    def change_form(self, form: type[Pullback]) -> None:
        """Make its pull-backs, also those that exist, instances of another class; for what watches or alters rules."""
        object.__setattr__(self, "form", form)
        for pullback in self.pullbacks.values():
            pullback.__class__ = form
            pullback.__dict__.pop("run", None)  # compiled anew, by the other class, when it is next called


def defvjp(
    function: Callable,
    *,
    names: Sequence[str] | None = None,
    forward: Callable | None = None,
    kind: Kind | None = None,
    broadcasts: bool | None = None,
    joint: Callable | None = None,
    joint_arguments: Sequence[str] = (),
    residuals: Sequence[str] = (),
    multiple: bool = False,
    views: bool = False,
    listed: str | None = None,
    constants: Sequence[str] = (),
    form: type[Pullback] | None = None,
    **rules: Callable,
) -> Callable:
    """Teach the tape a function: for each differentiable argument, the rule for its vector-Jacobian product.

    A rule maps the cotangent ``g`` of the output to that of its argument. Its other parameters name what it needs: an
    argument's value (``x``), only its shape (``x_shape``), the output (``out``) or a static parameter (``axis``); that
    and nothing else is kept from the call. Rules are plain NumPy, so they are differentiable themselves.

    >>> import scipy.special
    >>> _ = defvjp(scipy.special.gammaln, x=lambda g, x: g * scipy.special.digamma(x))

    Args:
        function: what is called: a NumPy function or any ufunc, which then record when called on a tensor, or a
            function of your own.
        names: the names of its parameters; a ufunc's default to x, y, z, others are read from the signature.
        forward: what runs on the arrays, where that is not ``function`` itself; its signature counts.
        kind: what becomes of structural zeros. "elementwise" (a ufunc's default) keeps them; "linear" moves entries
            about with non-negative weights; "select" leaves entries out; "mix" (the default) drops the knowledge.
        broadcasts: whether the engine undoes broadcasting of the arguments (a ufunc's default).
        joint: one rule for all ``joint_arguments``, for gradients that share work: it returns a dict by argument name,
            of gradients or, for those that may not be needed, of functions without parameters.
        residuals: names of intermediate results that ``forward`` returns after its output, for the rules to use.
        multiple: whether the function has several outputs; then ``g`` and ``out`` are tuples.
        views: whether the output may be a view of an argument.
        listed: the argument that is a list of arrays. Its rule is also given the index ``i`` of the entry it is for,
            and takes the list (or the shapes) under the argument's name.
        constants: array arguments without a gradient, which may be tensors all the same.
        form: the class of its pull-backs, for a rule that works in place on what the pass owns.

    Returns:
        What to call: ``function`` itself if NumPy dispatches it, else a function that records.

    Raises:
        TypeError: a rule names something that the function does not have.

    A broadcasting primitive's gradients are summed to their argument's shape, and every gradient is cast to its
    argument's dtype, by the engine.
    """
    ufunc = isinstance(function, np.ufunc)
    entrywise = ufunc and getattr(function, "signature", None) is None and not multiple
    parameters = _parameters(function, forward or function, names)
    name = getattr(function, "__name__", type(function).__name__)
    if kind is None:
        kind = "elementwise" if entrywise else "mix"
    if kind not in KINDS:
        raise TypeError(f"defvjp({name}): kind is one of {', '.join(KINDS)}, not {kind!r}")
    if multiple and kind != "mix":
        raise TypeError(f"defvjp({name}): the kind of a function with several outputs is 'mix', not {kind!r}")
    known = {p.name for p in parameters}
    available = known | {f"{n}_shape" for n in known} | {"out", *residuals}
    if joint is not None:
        if rules:
            raise TypeError(f"defvjp({name}): the joint rule gives all gradients, also those of {', '.join(rules)}")
        rules = dict.fromkeys(joint_arguments, joint)
    if not rules:
        raise TypeError(f"defvjp({name}) was given no rule: write argument=rule, with an argument of {sorted(known)}")
    if listed is not None and set(rules) != {listed}:
        raise TypeError(f"defvjp({name}): next to the list {listed} no other argument can have a rule")
    if not known.issuperset(constants):
        raise TypeError(f"defvjp({name}): constants={list(constants)}; its arguments are {sorted(known)}")
    for argument, rule in rules.items():
        if argument not in known:
            raise TypeError(f"defvjp({name}) has a rule for {argument!r}; its arguments are {sorted(known)}")
        if not callable(rule):
            raise TypeError(f"defvjp({name}): the rule of {argument} is {rule!r}, which cannot be called")
    described = {
        argument: Rule(rule, _needs(name, argument, rule, available, listed == argument))
        for argument, rule in rules.items()
    }
    REGISTRY[function] = Primitive(
        name=name,
        function=function,
        forward=forward or function,
        parameters=parameters,
        rules=described,
        joint=described[joint_arguments[0]] if joint is not None else None,
        residuals=tuple(residuals),
        kind=kind,
        broadcasts=ufunc if broadcasts is None else broadcasts,
        multiple=multiple,
        views=views,
        listed=listed,
        constants=tuple(constants),
        form=form or (ListPullback if listed else JointPullback if joint else Pullback),
    )
    return lent["recording_function"](REGISTRY[function])


def _parameters(function: Callable, forward: Callable, names: Sequence[str] | None) -> tuple[inspect.Parameter, ...]:
    if names is None and forward is function and isinstance(function, np.ufunc):
        names = ("x", "y", "z", "w", "v", "u")[: function.nin]
    if names is not None:
        return tuple(inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names)
    try:
        parameters = tuple(inspect.signature(forward).parameters.values())
    except ValueError as error:
        raise TypeError(f"{forward!r} has no signature to read; pass names=(...)") from error
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{forward!r} takes *{parameter.name}; give a forward= with every parameter named")
    return parameters


def _needs(name: str, argument: str, rule: Callable, available: set[str], listed: bool) -> tuple[str, ...]:
    first, *needs = inspect.signature(rule).parameters or ("nothing",)
    if first == "nothing":
        raise TypeError(f"defvjp({name}): the rule of {argument} takes no cotangent; write lambda g, ...: ...")
    if listed:
        if needs[:1] != ["i"]:
            raise TypeError(f"defvjp({name}): the rule of the list {argument} takes (g, i, ...), not ({first}, ...)")
        needs = needs[1:]
    unknown = [need for need in needs if need not in available]
    if unknown:
        raise TypeError(
            f"defvjp({name}): the rule of {argument} asks for {', '.join(unknown)}; it can have {sorted(available)}"
        )
    return tuple(needs)


class Pullback:
    """The rules of one primitive for the ``arguments`` that need a gradient, as one compiled function.

    ``needs`` names what a node saves for it, in order. ``run(g, saved, parents)`` gives each
    parent with its cotangent, of its shape and dtype.
    """

    run: Callable[[Any, Any, tuple], Any]
    writes = False
    """Whether it has a ``run_in_place``."""

    def __init__(self, primitive: Primitive, arguments: tuple[str, ...]) -> None:
        self.primitive = primitive
        self.arguments = arguments
        self.name = primitive.name
        self.kind = primitive.kind
        self.selects = primitive.kind == "select"
        self._placed: list[tuple[str, Callable, list[int]]] | None = None
        self.needs = tuple(dict.fromkeys(need for argument in arguments for need in primitive.rules[argument].needs))
        self.recomputes = any(need in primitive.residuals for need in self.needs)
        if self.recomputes:  # gradients of higher order need the residuals as functions of the arguments
            self.needs = tuple(dict.fromkeys((*(p.name for p in primitive.parameters), *self.needs)))

    def __getattr__(self, name: str) -> Any:
        if name != "run":
            raise AttributeError(name)
        self.run = self._compile()  # on first use: importing the library compiles nothing
        return self.run

    def _compile(self) -> Callable:
        rules = self.primitive.rules
        namespace: dict[str, Any] = {"_fit": self.fit}
        lines = ["def run(_g, _saved, _parents):"]  # names that no argument has
        if self.primitive.multiple:
            lines.append("    _g = _g.filled()")
        if self.needs:
            lines.append(f"    {', '.join(self.needs)}, = _saved")
        lines.append(f"    {', '.join(f'{a}_node' for a in self.arguments)}, = _parents")
        for a in self.arguments:
            namespace[f"{a}_rule"] = rules[a].function
            lines += [
                f"    {a}_g = {a}_rule({', '.join(('_g', *rules[a].needs))})",
                "    try:",
                f"        if {a}_g.shape != {a}_node.shape or {a}_g.dtype is not {a}_node.dtype:",
                f"            {a}_g = _fit({a}_g, {a}_node, {a!r})",
                "    except AttributeError:",
                f"        {a}_g = _fit({a}_g, {a}_node, {a!r})",
            ]
        lines.append(f"    return {', '.join(f'({a}_node, {a}_g)' for a in self.arguments)},")
        exec(compile("\n".join(lines), f"<pull-back of {self.name}>", "exec"), namespace)
        return namespace["run"]

    def fit(self, gradient: Any, parent: Node | Leaf, argument: str) -> Any:
        """Bring what a rule returned to its argument's shape and dtype, or say what is wrong with it."""
        if gradient is None or isinstance(gradient, (tuple, list, dict)):
            raise TypeError(f"the rule of {self.name} for {argument} returned {gradient!r}, not a gradient")
        if not hasattr(gradient, "shape"):
            gradient = np.asarray(gradient)
        if gradient.shape != parent.shape:
            if not self.primitive.broadcasts:
                raise ValueError(
                    f"the rule of {self.name} for {argument} returned a gradient of shape {gradient.shape} "
                    f"for an argument of shape {parent.shape}"
                )
            try:
                gradient = unbroadcast(gradient, parent.shape)
            except ValueError as error:
                raise ValueError(f"the rule of {self.name} for {argument}: {error}") from None
        if gradient.dtype != parent.dtype:
            if gradient.dtype.kind == "c" and parent.dtype.kind != "c":
                gradient = gradient.real
            gradient = gradient.astype(parent.dtype)
        return gradient

    def partials(self, saved: tuple) -> list[tuple[str, Callable, list, bool]]:
        """For each argument: its name, its rule, what was saved for it, and whether the rule multiplies by any."""
        return [
            (argument, rule, [saved[k] for k in places], bool(places))
            for argument, rule, places in self._rules_by_place()
        ]

    def _rules_by_place(self) -> list[tuple[str, Callable, list[int]]]:
        if self._placed is None:
            rules = [(argument, self.primitive.rules[argument]) for argument in self.arguments]
            self._placed = [(a, rule.function, [self.needs.index(n) for n in rule.needs]) for a, rule in rules]
        return self._placed

    def run_supported(self, g: Any, saved: tuple, node: Node, support: Support | None) -> tuple[Sequence, list]:
        """``run``, and the support of each gradient given that of ``g``; a rule's infinities outside it are zeros.

        Outside the support g is zero, so on plain arrays there is nothing to mask where all of the gradient is finite.
        When the pass itself is recorded, the mask belongs to what is differentiated next, and is always applied.
        """
        kind = self.kind
        if kind == "elementwise" and support is not None:
            return self._run_masked(g, saved, node, support)
        if kind == "mix" or (support is None and kind != "select"):
            return self.run(g, saved, node.parents), [None] * len(node.parents)
        return self.run(g, saved, node.parents), self.moved(support, node)

    def moved(self, support: Support | None, node: Node) -> list[Support]:
        """The support of each gradient of a rule that moves entries about, given that of the cotangent."""
        shape, saved = node.shape, node.saved  # which the node may release before anybody asks for the mask
        sources = () if support is None else (support,)
        move = self._move_mask
        return [Support(sources, move, k, saved, shape, parent) for k, parent in enumerate(node.parents)]

    def _run_masked(self, g: Any, saved: tuple, node: Node, support: Support) -> tuple[Sequence, list]:
        """``run_supported`` for an elementwise primitive, given the support of ``g``."""
        shape, parents = node.shape, node.parents
        for parent in parents:
            if parent.shape != shape:
                return self._run_masked_apart(g, saved, parents, support)
        pairs = self.run(g, saved, parents)
        for i, masked in enumerate(self.multiplies):
            if masked and not _all_finite(pairs[i][1]):
                parent, gradient = pairs[i]
                pairs = (*pairs[:i], (parent, np.where(support.mask(), gradient, 0)), *pairs[i + 1 :])
        return pairs, [support] * len(pairs)

    def _run_masked_apart(self, g: Any, saved: tuple, parents: tuple, support: Support) -> tuple[Sequence, list]:
        """The same where arguments were broadcast: a gradient is masked before it is summed to its argument's shape."""
        pairs: list = []
        parts: list = []
        for (argument, rule, values, masked), parent in zip(self.partials(saved), parents, strict=True):
            gradient = rule(g, *values)
            if masked and not _all_finite(gradient):
                gradient = np.where(support.mask(), gradient, 0)
            pairs.append((parent, self.fit(gradient, parent, argument)))
            parts.append(Support((support,), _unbroadcast_mask, parent.shape))
        return pairs, parts

    @cached_property
    def multiplies(self) -> list[bool]:
        """Whether each rule multiplies g by something, which may be infinite: whether it needs anything at all."""
        return [bool(places) for _, _, places in self._rules_by_place()]

    def _move_mask(self, k: int, saved: tuple, shape: tuple, parent: Any, mask: Any = None) -> Any:
        """Where a linear rule with non-negative weights can send anything but zero: where it sends the mask itself."""
        argument, rule, values, _ = self.partials(saved)[k]
        ones = np.ones(shape) if mask is None else mask.astype(float)
        return self.fit(rule(ones, *values), parent, argument) != 0

    def lift(self, node: Node) -> tuple:
        """What a node saved, with tensors in place of the values that depend on something tracked."""
        wrap = lent["wrap"]
        sources = dict(zip(self.arguments, node.parents, strict=True))
        values = dict(zip(self.needs, node.saved, strict=True))  # type: ignore[arg-type]
        lifted = {name: wrap(value, sources[name]) if name in sources else value for name, value in values.items()}
        if self.recomputes:
            parameters = self.primitive.parameters
            taken = [lifted[p.name] for p in parameters if p.kind is not p.KEYWORD_ONLY]
            named = {p.name: lifted[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
            results = self.primitive.forward(*taken, **named)
            lifted.update(zip(self.primitive.residuals, results[1:], strict=True))
        if "out" in lifted:
            lifted["out"] = lift_output(values["out"], node)
        return tuple(lifted[name] for name in self.needs)


class JointPullback(Pullback):
    """One rule for all arguments; it returns a dict of gradients, or of functions that compute them on demand."""

    def _compile(self) -> Callable:
        joint, arguments, name = self.primitive.joint, self.arguments, self.name
        assert joint is not None
        positions = [self.needs.index(need) for need in joint.needs]

        def run(g: Any, saved: tuple, parents: tuple) -> list:
            gradients = joint.function(g, *[saved[i] for i in positions])
            if not isinstance(gradients, dict):
                raise TypeError(f"the joint rule of {name} returned {type(gradients).__name__}, not a dict by argument")
            pairs = []
            for argument, parent in zip(arguments, parents, strict=True):
                if argument not in gradients:
                    raise TypeError(f"the joint rule of {name} returned no gradient for {argument}")
                gradient = gradients[argument]
                if callable(gradient):
                    gradient = gradient()
                pairs.append((parent, self.fit(gradient, parent, argument)))
            return pairs

        return run

    def run_supported(self, g: Any, saved: tuple, node: Node, support: Support | None) -> tuple[Sequence, list]:
        return self.run(g, saved, node.parents), [None] * len(node.parents)


class ListPullback(Pullback):
    """The rule of an argument that is a list of arrays; a node saves the indices that are tracked, then the needs."""

    def partials(self, saved: tuple) -> list[tuple[str, Callable, list, bool]]:
        tracked, *values = saved
        listed = self.primitive.listed
        assert listed is not None
        rule = self.primitive.rules[listed].function
        return [(f"{listed}[{i}]", rule, [i, *values], True) for i in tracked]

    def _compile(self) -> Callable:
        def run(g: Any, saved: tuple, parents: tuple) -> list:
            partials = zip(self.partials(saved), parents, strict=True)
            return [
                (parent, self.fit(rule(g, *values), parent, argument))
                for (argument, rule, values, _), parent in partials
            ]

        return run

    def lift(self, node: Node) -> tuple:
        wrap = lent["wrap"]
        tracked, *values = node.saved  # type: ignore[misc]
        lifted = dict(zip(self.needs, values, strict=True))
        if (listed := self.primitive.listed) in lifted:
            lifted[listed] = list(lifted[listed])
            for i, parent in zip(tracked, node.parents, strict=True):
                lifted[listed][i] = wrap(lifted[listed][i], parent)
        if "out" in lifted:
            lifted["out"] = lift_output(lifted["out"], node)
        return (tracked, *(lifted[name] for name in self.needs))


class Cotangents(dict):
    """The cotangents of a call with several outputs, by index; a missing one is zero."""

    __slots__ = ("shapes", "dtypes")

    def __init__(self, node: Any, known: dict[int, Any]) -> None:
        super().__init__(known)
        self.shapes, self.dtypes = node.shape, node.dtype

    def __add__(self, other: Cotangents) -> Cotangents:
        total = Cotangents.__new__(Cotangents)
        total.update(self)
        total.shapes, total.dtypes = self.shapes, self.dtypes
        for i, g in other.items():
            total[i] = total[i] + g if i in total else g
        return total

    __iadd__ = __add__

    def filled(self) -> tuple:
        """All of them, those that nobody sent as zeros."""
        forms = enumerate(zip(self.shapes, self.dtypes, strict=True))
        return tuple(self[i] if i in self else np.zeros(shape, dtype) for i, (shape, dtype) in forms)


class OutputPullback:
    """From one output of several to the call that made them all."""

    selects = writes = False

    def __init__(self, name: str, index: int) -> None:
        self.name = f"{name}[{index}]"
        self.index = index

    def run(self, g: Any, saved: tuple, parents: tuple) -> tuple:
        return ((parents[0], Cotangents(parents[0], {self.index: g})),)

    def run_supported(self, g: Any, saved: tuple, node: Node, support: Support | None) -> tuple[tuple, list]:
        return self.run(g, saved, node.parents), [None]

    def lift(self, node: Node) -> tuple:
        return ()


def lift_output(out: Any, node: Node) -> Any:
    """An output as a tensor, or each of several."""
    return lent["outputs"](out, node, 1) if isinstance(out, tuple) else lent["wrap"](out, node)


def _all_finite(g: Any) -> bool:
    """Whether a sum of squares is finite, in one pass of BLAS; an overflow counts as a no, and so does a tensor."""
    if type(g) is Batch:
        g = g.stack
    if type(g) is np.ndarray:
        flat = g.reshape(-1)
        g = flat.dot(flat)
    elif not isinstance(g, np.generic):
        return False
    return bool(g - g == 0)


def _unbroadcast_mask(shape: tuple[int, ...], mask: Any) -> Any:
    return unbroadcast(mask.astype(float), shape) != 0
