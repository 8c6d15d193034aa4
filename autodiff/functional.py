"""Function transforms: gradients, products with Jacobians and Hessians, of functions on plain arrays.

A transform calls the function on tensors that form a boundary: they all have one position, the pass stops there, and
whatever is older is not visited. So transforms nest to any depth, and never touch the ``.grad`` of a leaf.

Arguments and results are arrays, numbers, or nested dicts, lists and tuples of them. Plain arguments give plain
results; a tensor gives tensors, which can be differentiated again, and so does any call within another transform. So
``grad(model)(x)`` for an array x is an array, though the model has parameters; to differentiate that gradient with
respect to these (a penalty on it, a differential equation), call it on ``Tensor(x)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .backward import pull
from .boundary import Call, Opaque, reaches, units
from .recorder import make_node, tensor_types, wrap
from .tape import Node, is_recording
from .tensor import Tensor
from .tree import flatten


def _call(f: Callable, args: tuple, kwargs: dict, argnums: int | tuple[int, ...], what: str) -> tuple[Call, Callable]:
    """Call ``f`` on boundary tensors; also returns how to arrange gradients like the arguments."""
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -len(args) <= i < len(args) for i in chosen):
        raise ValueError(f"{what}: argnums={argnums!r}, but the function was called with {len(args)} arguments")
    chosen = tuple(i % len(args) for i in chosen)
    leaves, build = flatten([args[i] for i in chosen])

    def run(tensors: list[Tensor]) -> Any:
        replaced = dict(zip(chosen, build(tensors), strict=True))
        return f(*[replaced.get(i, arg) for i, arg in enumerate(args)], **kwargs)

    call = Call(run, leaves, what)

    def arrange(gradients: list[Any]) -> Any:
        built = build(gradients)
        return built[0] if isinstance(argnums, int) else tuple(built)

    return call, arrange


def value_and_grad(f: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The function that returns ``f``'s value and its gradient with respect to the arguments ``argnums``.

    >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))

    Args:
        f: returns a single number, or, with ``has_aux``, a pair of it and anything else, which is handed through.
        argnums: an index, or a tuple of them for a tuple of gradients.
        has_aux: whether the value is ``(value, aux)``.

    Raises:
        ValueError: the value is not a single number, or there is no such argument.
        TypeError: an argument is not floating-point or complex.
    """

    @wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call, arrange = _call(f, args, kwargs, argnums, "grad")
        value, aux = call.result if has_aux else (call.result, None)
        if np.shape(value) != ():
            raise ValueError(
                f"grad: the function returned shape {np.shape(value)}, not a single number; reduce it (.sum()), or use "
                "elementwise_grad or jacobian"
            )
        gradient = arrange(call.pull([value], [None]))
        shown = call.show(value)
        return ((shown, _show_all(call, aux)), gradient) if has_aux else (shown, gradient)

    return transformed


def _show_all(call: Call, tree: Any) -> Any:
    leaves, build = flatten(tree)
    return build([call.show(leaf) for leaf in leaves])


def grad(f: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The gradient of ``f``: a function of the same arguments. Nests: ``grad(grad(f))``.

    With ``has_aux`` it returns ``(gradient, aux)``. Arguments and errors as for ``value_and_grad``. For tensors that
    are on the tape already, see ``gradients``.

    >>> grad(grad(np.sin))(0.5) == -np.sin(0.5)
    np.True_
    """

    @wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = value_and_grad(f, argnums, has_aux)(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def elementwise_grad(f: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The derivative, entry by entry, of a function that acts on each entry alone.

    >>> elementwise_grad(np.sqrt)(np.array([1.0, 4.0]))
    array([0.5 , 0.25])
    """

    @wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        call, arrange = _call(f, args, kwargs, argnums, "elementwise_grad")
        return arrange(call.pull([call.result], [np.ones(np.shape(call.result))]))

    return transformed


def vjp(f: Callable, *primals: Any) -> tuple[Any, Callable[[Any], tuple]]:
    """The value of ``f`` and its vector-Jacobian product, ``g -> (g @ df/dx for each primal)``, callable repeatedly.

    >>> value, pull_back = vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
    >>> pull_back(np.array([1.0, 1.0]))
    (array([3., 3.]), np.float64(3.0))

    ``g`` has the structure and shapes of the value; the result is a tuple with the structure of the primals.
    """
    call, arrange = _call(f, primals, {}, tuple(range(len(primals))), "vjp")
    outputs, build = flatten(call.result)

    def pull_back(g: Any) -> tuple:
        cotangents, _ = flatten(g)
        if len(cotangents) != len(outputs):
            raise ValueError(f"vjp: {len(cotangents)} cotangents for {len(outputs)} outputs")
        return arrange(call.pull(outputs, cotangents, retain_graph=True))

    return build([call.show(output) for output in outputs]), pull_back


def jvp(f: Callable, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """The value of ``f`` and its Jacobian-vector product: the derivative along ``tangents``.

    The vector-Jacobian product ``u -> u @ J`` is linear in u, so its own derivative along the tangents is ``J @ v``.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals and {len(tangents)} tangents; there must be one for each")
    value, pull_back = vjp(f, *primals)
    leaves, build = flatten(value)
    directions, _ = flatten(list(tangents))

    def along(u: Any) -> Any:
        pulled, _ = flatten(list(pull_back(u)))
        return sum((np.sum(g * v) for g, v in zip(pulled, directions, strict=True)), start=np.float64(0.0))

    zeros = [np.zeros(leaf.shape, leaf.dtype) for leaf in leaves]
    products, _ = flatten(grad(along)(build([zero[()] if zero.ndim == 0 else zero for zero in zeros])))
    return value, build(products)


def jacobian(f: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The Jacobian of ``f``: for an output and an argument, an array of shape ``output.shape + argument.shape``.

    Nested outputs give the output's structure, with the arguments' structure inside. Rows are computed side by side
    where all that is called allows it, with one backward pass each where not.

    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        call, arrange = _call(f, args, kwargs, argnums, "jacobian")
        outputs, build = flatten(call.result)
        blocks = []
        for output in outputs:
            shape = np.shape(output)
            if np.size(output) == 0 or not reaches(output, call.position):
                columns: list[Any] = [np.zeros((np.size(output), *inner), dtype) for inner, dtype in call.shapes]
            elif call.nested:
                rows = [call.pull([output], [unit], retain_graph=True) for unit in units(output)]
                columns = [np.stack(column) for column in zip(*rows, strict=True)]
            else:
                columns = call.pull_rows(output)
            shaped = [c.reshape(shape + inner) for c, (inner, _) in zip(columns, call.shapes, strict=True)]
            blocks.append(arrange([c[()] if c.ndim == 0 else c for c in shaped]))
        return build(blocks)

    return transformed


def hessian(f: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The Hessian of a function of a single number's value: the Jacobian of its gradient.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable, primals: tuple, vectors: tuple) -> tuple:
    """The product of ``f``'s Hessian with ``vectors``, as a tuple like ``primals``, without forming the Hessian.

    ``H v`` is the gradient of ``<grad f(x), v>``.

    >>> hvp(lambda x: x[0] ** 2 * x[1], (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    (array([4., 2.]),)
    """
    if len(primals) != len(vectors):
        raise ValueError(f"hvp: {len(primals)} primals and {len(vectors)} vectors; there must be one for each")
    every = tuple(range(len(primals)))
    directions, _ = flatten(list(vectors))

    def along(*args: Any) -> Any:
        gradients, _ = flatten(grad(f, every)(*args))
        return sum((np.sum(g * v) for g, v in zip(gradients, directions, strict=True)), start=np.float64(0.0))

    return grad(along, every)(*primals)


def gradients(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    cotangents: Any = None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """The gradients of tensors with respect to others that are on the tape already; no ``.grad`` is touched.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * x
    >>> gradients(y.sum(), y)
    Tensor([1., 1.])

    Args:
        outputs: a tensor or a list of them.
        inputs: a tensor or a list of them; leaves or computed ones.
        cotangents: one for each output; 1 by default for single numbers.
        retain_graph, create_graph: as in ``backward``.
        allow_unused: whether an input that the outputs do not depend on gives None instead of an error.

    Raises:
        RuntimeError: an input requires no grad, or the outputs do not depend on it.
    """
    results = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    sources = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    given = [cotangents] if isinstance(outputs, Tensor) else list(cotangents or [None] * len(results))
    for i, source in enumerate(sources):
        if source._node is None:
            raise RuntimeError(f"gradients: input {i} requires no grad")
    nodes = [source._node for source in sources]
    found = pull(
        results,
        given,
        floor=min(node.position for node in nodes),
        retain_graph=retain_graph,
        create_graph=create_graph,
        wanted=frozenset(node for node in nodes if isinstance(node, Node)),
        what="gradients",
    )
    if not allow_unused and (unused := [i for i, node in enumerate(nodes) if node not in found]):
        raise RuntimeError(f"gradients: the outputs do not depend on the inputs {unused}; or pass allow_unused=True")
    answers = [None if node not in found else wrap(found[node], None) for node in nodes]
    if not create_graph:
        answers = [None if answer is None else Tensor(answer.data.copy()) for answer in answers]
    return answers[0] if isinstance(inputs, Tensor) else answers


def stop_gradient(tree: Any) -> Any:
    """The same values, as constants: every tensor in nested containers detached.

    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    leaves, build = flatten(tree)
    return build([leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves])


class _Custom(Opaque):
    """The gradient that a function brought along."""

    def __init__(self, name: str, function: Callable, places: list[int], kwargs: dict) -> None:
        super().__init__(name)
        self._function, self._places, self._kwargs = function, places, kwargs

    def run(self, g: Any, saved: Any, parents: tuple) -> Sequence:
        gradient, args = saved
        given = gradient(g)
        given = given if isinstance(given, (tuple, list)) else (given,)
        if len(given) != len(args):
            raise TypeError(f"the gradient of {self.name} returned {len(given)} values for {len(args)} arguments")
        pairs = []
        for parent, i in zip(parents, self._places, strict=True):
            value = given[i]
            if value is None or np.shape(value) != parent.shape:
                shown = "None" if value is None else f"a gradient of shape {np.shape(value)}"
                raise ValueError(
                    f"the gradient of {self.name} returned {shown} for argument {i} of shape {parent.shape}"
                )
            value = value if type(value) in tensor_types else np.asarray(value)
            pairs.append((parent, value if value.dtype == parent.dtype else value.astype(parent.dtype)))
        return pairs

    def lift(self, node: Node) -> Any:
        _, args = node.saved or ((), ())
        lifted = list(args)
        for i, parent in zip(self._places, node.parents, strict=True):
            lifted[i] = wrap(lifted[i], parent)
        return self._function(*lifted, **self._kwargs)[1], args


def custom_gradient(f: Callable) -> Callable:
    """A function that brings its own gradient: ``f(*args)`` returns ``(value, gradient)``.

    ``gradient(g)`` takes the cotangent of the value and returns that of each argument (a tuple if there are several).
    For gradients of higher order ``f`` runs again on tensors, so it and its gradient are written in plain NumPy.

    >>> @custom_gradient
    ... def log1pexp(x):
    ...     e = np.exp(x)
    ...     return np.log1p(e), lambda g: g * (1 - 1 / (1 + e))
    >>> grad(log1pexp)(100.0)
    np.float64(1.0)

    Raises, from the backward pass:
        TypeError: not one gradient for each argument.
        ValueError: a gradient is None or has another shape than its argument.
    """

    @wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        arrays = [a._data if isinstance(a, Tensor) else a for a in args]
        value, gradient = f(*arrays, **kwargs)
        if not any(isinstance(a, Tensor) for a in args):
            return value
        out = np.asarray(value)
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a._node is not None]
        if not places or not is_recording():
            return wrap(out, None)
        pullback = _Custom(getattr(f, "__name__", "a function"), f, places, kwargs)
        parents = tuple(args[i]._node for i in places)
        return wrap(out, make_node(pullback, parents, (gradient, arrays), out, out.shape, out.dtype, 2))

    return wrapped
