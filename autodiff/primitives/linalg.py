"""Products: matmul and what follows from it, einsum, and constant sparse matrices.

Complex cotangents follow the convention of the whole library, ``g -> g @ J`` without conjugation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from string import ascii_letters, ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..primitive import defvjp, implements, lent
from ..tensor import Tensor


def matmul_x_vjp(g: Any, y: Any, x_shape: tuple[int, ...]) -> Any:
    """The cotangent of ``x`` in ``x @ y``; the engine sums it over the axes along which ``x`` was broadcast."""
    if y.ndim == 2:
        return g @ y.T if len(x_shape) > 1 else y @ g
    if len(x_shape) == 1:
        return g * y if y.ndim == 1 else np.matvec(y, g)
    return g.reshape(*g.shape, 1) * y if y.ndim == 1 else g @ y.mT


def matmul_y_vjp(g: Any, x: Any, y_shape: tuple[int, ...]) -> Any:
    """The cotangent of ``y`` in ``x @ y``; the engine sums it over the axes along which ``y`` was broadcast."""
    if x.ndim == 1:
        return g * x if len(y_shape) == 1 else x.reshape(-1, 1) * g.reshape(*g.shape[:-1], 1, g.shape[-1])
    if len(y_shape) > 2:
        return x.mT @ g
    if x.ndim > 2:  # one matrix for the whole batch: its gradient is one product, not one for each to be summed
        x, g = x.reshape(prod(x.shape[:-1]), x.shape[-1]), g.reshape(prod(x.shape[:-1]), *y_shape[1:])
    return x.T @ g


defvjp(np.matmul, x=matmul_x_vjp, y=matmul_y_vjp)


def as_operand(value: Any) -> Any:
    """A tensor or array as it is, anything else as an array."""
    return value if hasattr(value, "ndim") else np.asarray(value)


def _owned(product: Any) -> Any:
    """A product brought into its shape, which to the user is no view of anything."""
    if isinstance(product, Tensor):
        product._view = None
    return product


def conjugate(x: Any) -> Any:
    """The complex conjugate, which costs nothing for real numbers."""
    return np.conj(x) if x.dtype.kind == "c" else x


implements(np.linalg.matmul)(lambda x1, x2, /: np.matmul(x1, x2))


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """``numpy.dot``: the last axis of ``a`` with the second-to-last (or only) axis of ``b``."""
    a, b = as_operand(a), as_operand(b)
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    return np.matmul(a, b) if b.ndim <= 2 else tensordot(a, b, axes=(-1, -2))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """``numpy.inner``: the last axis of ``a`` with the last axis of ``b``."""
    a, b = as_operand(a), as_operand(b)
    return np.multiply(a, b) if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, axes=(-1, -1))


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """``numpy.vdot``: the sum of ``conj(a) * b`` over all entries."""
    return np.matmul(conjugate(as_operand(a)).reshape(-1), as_operand(b).reshape(-1))


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """``numpy.outer``: the products of all entries of ``a`` with all entries of ``b``."""
    return np.multiply(as_operand(a).reshape(-1, 1), as_operand(b).reshape(1, -1))


@implements(np.linalg.outer)
def outer_of_vectors(x1: Any, x2: Any, /) -> Any:
    """``numpy.linalg.outer``, which takes vectors only."""
    x1, x2 = as_operand(x1), as_operand(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"numpy.linalg.outer takes 1-d arrays, not shapes {x1.shape} and {x2.shape}; use numpy.outer")
    return outer(x1, x2)


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """``numpy.tensordot``: one matrix product, of the operands with the contracted axes brought together."""
    a, b = as_operand(a), as_operand(b)
    if isinstance(axes, (int, np.integer)):
        axes = range(a.ndim - axes, a.ndim), range(axes)
    summed_a, summed_b = normalize_axis_tuple(axes[0], a.ndim), normalize_axis_tuple(axes[1], b.ndim)
    lengths, others = [a.shape[i] for i in summed_a], [b.shape[i] for i in summed_b]
    if lengths != others:
        raise ValueError(
            f"tensordot: axes {summed_a} of shape {a.shape} have lengths {lengths}, "
            f"axes {summed_b} of shape {b.shape} have {others}; they must be equal"
        )
    kept_a = tuple(i for i in range(a.ndim) if i not in summed_a)
    kept_b = tuple(i for i in range(b.ndim) if i not in summed_b)
    shape_a, shape_b = [a.shape[i] for i in kept_a], [b.shape[i] for i in kept_b]
    left = np.transpose(a, kept_a + summed_a).reshape(prod(shape_a), prod(lengths))
    right = np.transpose(b, summed_b + kept_b).reshape(prod(lengths), prod(shape_b))
    return _owned(np.matmul(left, right).reshape([*shape_a, *shape_b]))


implements(np.linalg.tensordot)(lambda x1, x2, /, *, axes=2: tensordot(x1, x2, axes))


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """``numpy.kron``: every entry of ``a`` times the whole of ``b``, in blocks."""
    a, b = as_operand(a), as_operand(b)
    ndim = max(a.ndim, b.ndim)
    shape_a, shape_b = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    blocks = a.reshape([n for m in shape_a for n in (m, 1)]) * b.reshape([n for m in shape_b for n in (1, m)])
    return _owned(blocks.reshape([m * n for m, n in zip(shape_a, shape_b)]))


@implements(np.matvec)
def matvec(x1: Any, x2: Any) -> Any:
    """``numpy.matvec``: the matrices of ``x1``, on its last two axes, times the vectors of ``x2``, on its last."""
    x1, x2 = as_operand(x1), as_operand(x2)
    product = np.matmul(x1, x2.reshape(*x2.shape, 1))
    return _owned(product.reshape(product.shape[:-1]))


@implements(np.vecmat)
def vecmat(x1: Any, x2: Any) -> Any:
    """``numpy.vecmat``: the conjugated vectors of ``x1`` times the matrices of ``x2``."""
    x1, x2 = conjugate(as_operand(x1)), as_operand(x2)
    product = np.matmul(x1.reshape(*x1.shape[:-1], 1, x1.shape[-1]), x2)
    return _owned(product.reshape([*product.shape[:-2], product.shape[-1]]))


@implements(np.vecdot)
def vecdot(x1: Any, x2: Any) -> Any:
    """``numpy.vecdot``: the sum of ``conj(x1) * x2`` over the last axis."""
    x2 = as_operand(x2)
    product = vecmat(x1, x2.reshape(*x2.shape, 1))
    return _owned(product.reshape(product.shape[:-1]))


@implements(np.linalg.vecdot)
def vecdot_over_axis(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """``numpy.linalg.vecdot``: the sum of ``conj(x1) * x2`` over ``axis`` of both."""
    return vecdot(np.moveaxis(as_operand(x1), axis, -1), np.moveaxis(as_operand(x2), axis, -1))


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """``numpy.linalg.multi_dot``: the product of a chain of matrices, in the order that needs the fewest operations.

    The first and the last may be vectors. The order is found by dynamic programming (Cormen et al., Introduction to
    Algorithms, section 15.2).
    """
    arrays = [as_operand(a) for a in arrays]
    if len(arrays) < 2:
        raise ValueError(f"multi_dot takes at least two arrays, not {len(arrays)}")
    if any(a.ndim != 2 for a in arrays[1:-1]) or not all(a.ndim in (1, 2) for a in (arrays[0], arrays[-1])):
        raise ValueError(f"multi_dot takes matrices (the ends may be vectors), not shapes {[a.shape for a in arrays]}")
    count = len(arrays)
    sizes = [arrays[0].shape[0] if arrays[0].ndim == 2 else 1, *(a.shape[0] for a in arrays[1:])]
    sizes.append(arrays[-1].shape[-1] if arrays[-1].ndim == 2 else 1)
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(count)}  # cost, where to split
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )

    def product(i: int, j: int) -> Any:
        split = best[i, j][1]
        return arrays[i] if i == j else np.matmul(product(i, split), product(split + 1, j))

    return product(0, count - 1)


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """``numpy.linalg.matrix_power``, by repeated squaring; a negative power is one of the inverse."""
    a = as_operand(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"matrix_power takes square matrices on the last two axes, not an array of shape {a.shape}")
    if n < 0:
        return matrix_power(np.linalg.inv(a), -n)
    if n == 0:
        return np.linalg.matrix_power(np.zeros(a.shape, a.dtype), 0)  # the identity, whatever the matrix
    if n == 3:
        return np.matmul(np.matmul(a, a), a)
    result, square = None, a  # products in NumPy's order, for its last bit
    while n:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else np.matmul(result, square)
        if n:
            square = np.matmul(square, square)
    return result


OPTIMIZED_EINSUM = 2**16
"""Products in a gradient from which on finding a better order (10 us) takes less time than it saves."""


@implements(np.einsum)
def einsum(*operands: Any, optimize: Any = False, dtype: Any = None, order: str = "K", casting: str = "safe") -> Any:
    """``numpy.einsum``: subscripts and operands, or each operand followed by the list of its integer labels.

    Gradients are contracted in an order of their own where the arrays are large, whatever ``optimize`` says.
    """
    if isinstance(operands[0], str):
        subscripts, given = operands[0], operands[1:]
    else:
        subscripts, given = subscripts_of_lists(operands)
    arrays = [as_operand(a) for a in given]
    terms, output = explicit_terms(subscripts, [a.shape for a in arrays])
    for i, term in enumerate(terms):
        terms[i], arrays[i] = take_diagonals(term, arrays[i])
    subscripts = f"{','.join(terms)}->{output}"
    keywords = dict(dtype=dtype, order=order, casting=casting)
    if len(arrays) == 1:
        return rearrange(subscripts, arrays[0], **keywords)
    return contract(subscripts, arrays, optimize, **keywords)


def subscripts_of_lists(operands: tuple) -> tuple[str, tuple]:
    """The form ``einsum(a, [0, 1], b, [1, 2], [0, 2])``, as a string of subscripts and the operands."""
    letters = ascii_uppercase + ascii_lowercase  # the order of characters is that of the numbers

    def term(labels: Sequence[Any]) -> str:
        return "".join("..." if label is Ellipsis else letters[label] for label in labels)

    inputs = ",".join(term(labels) for labels in operands[1::2])
    arrays = operands[0::2]
    if len(operands) % 2:
        return f"{inputs}->{term(operands[-1])}", arrays[:-1]
    return inputs, arrays


def explicit_terms(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """The terms of the operands and the output, with letters in place of ellipses and of an output left out."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum({subscripts!r}): subscripts for {len(terms)} operands, but {len(shapes)} were given")
    if not arrow:
        output = "".join(sorted(c for c in set(inputs) if c.isalpha() and inputs.count(c) == 1))
        output = "..." + output if "..." in inputs else output
    hidden = [len(shape) - len(term.replace("...", "")) for term, shape in zip(terms, shapes)]
    for term, shape, count in zip(terms, shapes, hidden):
        if count < 0 or count > 0 and "..." not in term:
            raise ValueError(f"einsum({subscripts!r}): the term {term!r} for an operand of shape {shape}")
    width = max(hidden)
    if width and "..." not in output:
        raise ValueError(
            f"einsum({subscripts!r}): the output needs an ellipsis for the axes that the inputs' ones hide"
        )
    letters = "".join(c for c in ascii_letters if c not in subscripts)[:width]
    filled = [term.replace("...", letters[width - count :]) for term, count in zip(terms, hidden)]
    return filled, output.replace("...", letters)


def take_diagonals(term: str, array: Any) -> tuple[str, Any]:
    """Take the diagonal over the axes that share a letter."""
    while repeated := next((c for c in term if term.count(c) > 1), None):
        first, last = term.index(repeated), term.rindex(repeated)
        if array.shape[first] != array.shape[last]:
            raise ValueError(
                f"einsum: axes of lengths {array.shape[first]} and {array.shape[last]} are both {repeated!r}"
            )
        array = np.diagonal(array, axis1=first, axis2=last)
        term = term[:first] + term[first + 1 : last] + term[last + 1 :] + repeated
    return term, array


def contraction_vjp(
    g: Any, i: int, subscripts: str, operands: Sequence[Any], operands_shape: Sequence[tuple], optimize: Any = False
) -> Any:
    """The cotangent of one operand of a contraction: the contraction of ``g`` with the others.

    Along axes that none of them has, or that the operand was broadcast from, it is constant or summed.
    """
    inputs, _, output = subscripts.partition("->")
    terms, shapes, arrays = inputs.split(","), list(operands_shape), list(operands)
    own, shape = terms[i], shapes[i]
    terms[i], shapes[i], arrays[i] = output, g.shape, g
    lengths: dict[str, int] = {}
    for letter, n in zip("".join(terms), (n for others in shapes for n in others), strict=True):
        lengths[letter] = n if lengths.get(letter, 1) == 1 else lengths[letter]
    kept = "".join(letter for letter, n in zip(own, shape) if n == lengths.get(letter) != 1)
    planned = optimize if isinstance(optimize, str) else optimize is not False
    planned = planned or prod(lengths.values()) > OPTIMIZED_EINSUM
    gradient = np.einsum(f"{','.join(terms)}->{kept}", *arrays, optimize=planned)
    if len(kept) == len(own):
        return gradient
    return np.broadcast_to(gradient.reshape([n if letter in kept else 1 for letter, n in zip(own, shape)]), shape)


def einsum_of_several(
    subscripts: str, operands: Sequence[Any], optimize: Any, dtype: Any, order: Any, casting: Any
) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize, dtype=dtype, order=order, casting=casting)


def einsum_of_one(subscripts: str, a: Any, dtype: Any, order: Any, casting: Any) -> Any:
    return np.einsum(subscripts, a, dtype=dtype, order=order, casting=casting)


contract = defvjp(einsum_of_several, listed="operands", operands=contraction_vjp)
rearrange = defvjp(
    einsum_of_one,
    kind="linear",
    views=True,
    a=lambda g, subscripts, a_shape: contraction_vjp(g, 0, subscripts, [None], [a_shape]),
)


def sparse_product(matrix: Any, x: Any) -> Any:
    """A constant ``scipy.sparse`` matrix times a dense vector or matrix."""
    if matrix.ndim != 2:
        raise ValueError(f"only a 2-d sparse array can be multiplied with a tensor, not one of shape {matrix.shape}")
    return matrix @ x


sparse_matmul: Callable = defvjp(sparse_product, x=lambda g, matrix: sparse_matmul(matrix.T, g))
lent["sparse_matmul"] = sparse_product
