"""``autodiff.scipy.linalg``: SciPy's names, signatures and values, with gradients."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from numpy.lib import NumpyVersion

from autodiff import Tensor
from autodiff.scipy import linalg
from autodiff.testing import check_grads

A = np.array([[2.0, -1.0, 0.5], [0.25, 3.0, 1.0], [-0.5, 0.75, 2.5]])
B = np.array([[1.0, 2.0], [-0.5, 1.5], [2.0, 0.25]])
S = A + A.T + 2 * np.eye(3)
PAIR = np.stack([A, S])
SYMMETRIC = {"cho_factor", "cholesky", "eigh", "eigvalsh"}
"""Functions that read one triangle, whose gradients are shared by both."""

# fmt: off
CALLS: dict[str, list[tuple[tuple, dict]]] = {
    "block_diag":       [((A, B[0], B), {})],
    "cho_factor":       [((S,), {"lower": True}), ((S,), {})],
    "cholesky":         [((S,), {}), ((S,), {"lower": True})],
    "det":              [((A,), {})],
    "eigh":             [((S,), {}), ((S,), {"lower": False}), ((S,), {"eigvals_only": True})],
    "eigvals":          [((A,), {})],
    "eigvalsh":         [((S,), {}), ((S,), {"lower": False})],
    "expm":             [((A,), {})],
    "inv":              [((A,), {}), ((S,), {"assume_a": "pos"}), ((A,), {"assume_a": "upper triangular"})],
    "logm":             [((A,), {})],
    "lu":               [((A,), {}), ((B,), {"permute_l": True}), ((B.T,), {"p_indices": True}), ((PAIR,), {})],
    "lu_factor":        [((A,), {})],
    "norm":             [((A,), {}), ((A, 1), {}), ((A,), {"ord": np.inf, "axis": 1, "keepdims": True})],
    "pinv":             [((B,), {}), ((B,), {"rtol": 1e-3}), ((A,), {"return_rank": True})],
    "qr":               [((A,), {}), ((B,), {"mode": "economic"}), ((A,), {"mode": "r"})],
    "solve":            [((A, B), {}), ((A, B[:, 0]), {"transposed": True}), ((A, B), {"assume_a": "sym"}),
                         ((A, B), {"assume_a": "sym", "lower": True}), ((S, B), {"assume_a": "pos"}),
                         ((A, B), {"assume_a": "her"}), ((A, B), {"assume_a": "lower triangular"}),
                         ((A, B), {"assume_a": "upper triangular"}), ((A, B), {"assume_a": "diagonal"}),
                         ((A, B), {"assume_a": "tridiagonal"}), ((A, B), {"assume_a": "gen"})],
    "solve_banded":     [],
    "solve_sylvester":  [((A, S, A), {})],
    "solve_triangular": [((A, B), {}), ((A, B[:, 0]), {"trans": "T", "lower": True, "unit_diagonal": True})],
    "sqrtm":            [((A,), {})],
    "svd":              [((A,), {}), ((B,), {"full_matrices": False}), ((B,), {"compute_uv": False})],
    "svdvals":          [((B,), {})],
    "toeplitz":         [((B[:, 0],), {}), ((B[:, 0], A[0]), {}), ((B[0], np.array([[1.0, 5.0, 6.0]])), {})],
}
WITH_A_PAIR = {"cho_solve", "lu_solve", "solve_banded"}  # their first argument is a tuple
# fmt: on

if NumpyVersion(scipy.__version__) < "1.17.0":  # before it takes several dimensions for stacks, and knows assume_a
    CALLS["toeplitz"].pop()
    CALLS["inv"] = CALLS["inv"][:1]

each_call = pytest.mark.parametrize(
    ("name", "args", "keywords"),
    [(name, *call) for name, calls in CALLS.items() for call in calls],
    ids=[f"{name}-{'-'.join(map(str, keywords.values()))}" for name, calls in CALLS.items() for _, keywords in calls],
)


def listed(outputs: Any) -> list:
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def test_every_function_has_a_call_to_check():
    assert {*CALLS, *WITH_A_PAIR} == set(linalg.__all__)


@pytest.mark.parametrize("name", linalg.__all__)
def test_parameters_are_scipys_in_scipys_order(name):
    ours, scipys = (list(inspect.signature(getattr(module, name)).parameters) for module in (linalg, scipy.linalg))
    late = {"disp", "blocksize", "assume_a"}  # that versions of SciPy have, or no longer, in some functions
    expected = [p for p in scipys if p not in late]
    assert [p for p in ours if p in scipys and p not in late] == [p for p in expected if p in ours]
    assert name == "eigvalsh" or set(expected) <= set(ours)


@each_call
def test_values_are_scipys(name, args, keywords):
    tensors = [Tensor(x, requires_grad=True) if isinstance(x, np.ndarray) else x for x in args]
    ours, expected = getattr(linalg, name)(*tensors, **keywords), getattr(scipy.linalg, name)(*args, **keywords)
    assert isinstance(ours, tuple) == isinstance(expected, tuple)
    for x, y in zip(listed(ours), listed(expected), strict=True):
        x = getattr(x, "data", x)
        if name == "cho_factor" and np.ndim(y) == 2:  # SciPy leaves the other triangle undefined
            y = np.tril(y) if keywords else np.triu(y)
        np.testing.assert_allclose(np.abs(x), np.abs(y), rtol=1e-12, atol=1e-13)


@each_call
def test_plain_arrays_give_plain_arrays(name, args, keywords):
    assert not any(isinstance(x, Tensor) for x in listed(getattr(linalg, name)(*args, **keywords)))


@pytest.mark.parametrize("name", sorted({*CALLS} - {"solve_banded"}))
def test_gradients_are_those_of_the_differences(name):
    for args, keywords in CALLS[name]:

        def f(*args, keywords=keywords):
            args = [(x + x.T) / 2 for x in args] if name in SYMMETRIC else args
            outputs = listed(getattr(linalg, name)(*args, **keywords))
            return [x * np.conj(x) for x in outputs if isinstance(x, Tensor) or np.asarray(x).dtype.kind in "fc"]

        check_grads(f, *args, entries=2, directions=1, min_conclusive=0.4)


@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("b", [B, B[:, 0]], ids=["matrix", "vector"])
def test_factored_systems_are_solved_as_scipy_solves_them(trans, b):
    swapped = A[[2, 0, 1]]  # pivots more than one row
    pair = scipy.linalg.lu_factor(swapped)
    np.testing.assert_allclose(linalg.lu_solve(pair, b, trans), scipy.linalg.lu_solve(pair, b, trans), rtol=1e-14)
    check_grads(lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans), swapped, b, min_conclusive=0.9)
    with pytest.raises(ValueError, match=r"lu_solve: expected one matrix of factors, not shape \(2, 3, 3\)"):
        linalg.lu_solve((np.stack([A, A]), pair[1]), b)


@pytest.mark.parametrize("lower", [False, True])
def test_cholesky_factors_solve_systems(lower):
    check_grads(lambda a, b: linalg.cho_solve(linalg.cho_factor(a + a.T, lower), b), S, B, min_conclusive=0.9)
    factors = scipy.linalg.cho_factor(S, lower)
    np.testing.assert_array_equal(linalg.cho_solve(factors, B), scipy.linalg.cho_solve(factors, B))


def test_the_triangle_that_a_structure_leaves_unread_has_no_gradient():
    tensor = Tensor(A + np.triu(np.full((3, 3), 99.0), 1), requires_grad=True)
    linalg.solve(tensor, B, lower=True, assume_a="sym").sum().backward()
    assert not np.triu(tensor.grad.data, 1).any()
    assert tensor.grad.data[np.tril_indices(3)].all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: linalg.eigh(a, S), "scipy.linalg.eigh: b cannot be differentiated"),
        (lambda a: linalg.eigvalsh(a, subset_by_index=[0, 1]), "scipy.linalg.eigh: subset_by_index cannot be"),
        (lambda a: linalg.eigvals(a, homogeneous_eigvals=True), "homogeneous_eigvals cannot be differentiated"),
        (lambda a: linalg.qr(a, pivoting=True), "scipy.linalg.qr: pivoting cannot be differentiated"),
        (lambda a: linalg.qr(a[:, :2]), "qr: mode='complete' of a tall matrix"),
        (lambda a: linalg.qr(a[:, :2], mode="r"), "mode='r' of a tall matrix"),
        (lambda a: linalg.pinv(a, atol=1e-3), "scipy.linalg.pinv: atol cannot be differentiated"),
        (lambda a: linalg.solve(a, B, assume_a="round"), "round is not a recognized matrix structure"),
        (lambda a: linalg.block_diag(a, a[None]), "dimension greater than 2"),
    ],
)
def test_what_cannot_be_differentiated_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(Tensor(S, requires_grad=True))


@pytest.mark.parametrize("name", ["cho_factor", "lu", "lu_factor"])
def test_factors_of_nan_are_refused_unless_nobody_checks(name):
    with pytest.raises(ValueError, match="infs or NaNs"):
        getattr(linalg, name)(Tensor(A * np.nan, requires_grad=True))
