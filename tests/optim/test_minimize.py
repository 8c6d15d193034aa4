"""SciPy's minimisers with the tape's derivatives: the same solutions, in the caller's structure, whatever happens."""

from __future__ import annotations

import threading
import weakref
from collections import namedtuple

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import nn
import optim
from autodiff import Tensor, custom_gradient, grad, no_grad
from autodiff.testing.strategies import arrays, lattice, shapes
from optim.minimize import METHODS, WITHOUT_SECOND

SECOND = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr", "dogleg", "trust-exact"]
GRADIENT = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", *SECOND]
EVERY = ["Nelder-Mead", "Powell", "COBYLA", "COBYQA", *GRADIENT]
BOUNDED = ["Nelder-Mead", "Powell", "COBYLA", "COBYQA", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]
OPTIONS = {"COBYLA": {"rhobeg": 0.1}, "COBYQA": {"final_tr_radius": 1e-7}, "TNC": {"maxfun": 1000}}
START = np.array([1.3, 0.7])


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def barrier(x):
    """Has its minimum at 0.02, and is NaN for negative x, where steps along its steep gradient lead."""
    with np.errstate(all="ignore"):
        return np.sum(50 * x - np.log(x))


@pytest.mark.parametrize("method", EVERY)
def test_every_method_finds_the_minimum_of_rosenbrocks_function(method):
    result = optim.minimize(rosenbrock, START, method, options=OPTIONS.get(method))
    np.testing.assert_allclose(result.x, [1, 1], atol=2e-2 if method == "COBYLA" else 1e-3)
    assert result.success is True and type(result.fun) is float and result.nonfinite == 0
    assert result.fun == rosenbrock(result.x)
    if method in GRADIENT:
        np.testing.assert_allclose(result.jac, scipy.optimize.rosen_der(result.x), atol=1e-10)


@pytest.mark.parametrize("bounds", [None, [(-2, 0.5), (0.3, None)]], ids=["free", "bounded"])
@pytest.mark.parametrize("method", EVERY)
def test_solution_is_that_of_scipy_with_derivatives_written_by_hand(method, bounds):
    ours, theirs = {}, {}
    if bounds is not None:
        if method not in BOUNDED:
            return
        ours = theirs = {"bounds": bounds}
    if method in GRADIENT:
        theirs = {**theirs, "jac": scipy.optimize.rosen_der}
    if METHODS[method.lower()].second == "hessp":
        theirs["hessp"] = scipy.optimize.rosen_hess_prod
    elif METHODS[method.lower()].second == "hess":
        theirs["hess"] = scipy.optimize.rosen_hess
    start, options = START if bounds is None else np.array([0.3, 0.5]), OPTIONS.get(method)
    found = optim.minimize(rosenbrock, start, method, options=options, **ours)
    expected = scipy.optimize.minimize(rosenbrock, start, method=method, options=options, **theirs)
    np.testing.assert_allclose(found.x, expected.x, atol={"COBYLA": 1e-2, "trust-constr": 1e-4}.get(method, 1e-5))
    assert abs(found.nfev - expected.nfev) <= max(1, 0.1 * expected.nfev)
    assert bounds is None or (-2 <= found.x[0] <= 0.5 and found.x[1] >= 0.3)


def test_best_point_seen_is_the_answer_where_scipy_ends_at_another():
    bounds, start = [(-2, 0.5), (0.3, None)], np.array([0.2, 0.8])
    theirs = scipy.optimize.minimize(rosenbrock, start, method="Powell", bounds=bounds)
    seen = []
    ours = optim.minimize(lambda x: seen.append(rosenbrock(x)) or seen[-1], start, "Powell", bounds=bounds)
    assert ours.fun == min(value.item() for value in seen) < theirs.fun - 1


@pytest.mark.parametrize("method", GRADIENT)
def test_loss_is_evaluated_once_for_each_point_whatever_derivatives_are_taken_there(method):
    points = []

    def loss(x):
        points.append(tuple(x.data.tolist()))
        return rosenbrock(x)

    result = optim.minimize(loss, START, method, options={"maxiter": 15} if method != "TNC" else None)
    again = len(points) - len(set(points))
    assert again <= (1 if method in ("SLSQP", "TNC") else 0) + (method == "Newton-CG")
    assert len(points) <= result.nfev + 1


@pytest.mark.parametrize("method", GRADIENT)
def test_no_graph_of_an_earlier_point_is_alive_when_the_loss_is_called(method):
    alive = weakref.WeakSet()

    def loss(x):
        assert not alive
        value = rosenbrock(x)
        alive.add(value)
        return value

    result = optim.minimize(loss, START, method)
    assert result.nfev > 5 and not alive


@pytest.mark.parametrize("method", SECOND)
def test_quadratics_are_solved_by_the_exact_hessian(method):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(6, 6))
    hessian, target = a @ a.T + np.eye(6), rng.normal(size=6)

    def loss(p):
        d = np.concatenate([p["w"].reshape(-1), p["b"][np.newaxis]]) - target
        return 0.5 * d @ hessian @ d + 3.0

    options = {"gtol": 1e-8} if method.startswith("trust") else {"xtol": 1e-10} if method == "Newton-CG" else None
    result = optim.minimize(loss, {"w": np.zeros((5, 1)), "b": 0.0}, method, options=options)
    np.testing.assert_allclose(np.append(result.x["w"], result.x["b"]), target, atol=1e-5)
    assert result.nit < 40


@pytest.mark.parametrize("method", WITHOUT_SECOND)
def test_methods_that_can_do_without_second_derivatives_do_without(method):
    @custom_gradient
    def square_with_a_gradient_that_cannot_be_differentiated(x):
        return np.sum(x * x), lambda g: g * 2 * np.asarray(x)

    result = optim.minimize(square_with_a_gradient_that_cannot_be_differentiated, START, method, hessp=False)
    np.testing.assert_allclose(result.x, 0, atol=1e-4)
    with pytest.raises(TypeError):
        optim.minimize(square_with_a_gradient_that_cannot_be_differentiated, START, method)


Pair = namedtuple("Pair", "left right")
leaves = st.one_of(st.floats(-3, 3), arrays(shapes(max_dims=2, max_side=2), lattice(-3, 3)))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.tuples(inner, inner),
        st.builds(Pair, inner, inner),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
    ),
    max_leaves=4,
)


def flat(tree):
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in flat(item)]
    return [leaf for item in tree for leaf in flat(item)] if isinstance(tree, (list, tuple)) else [tree]


def skeleton(tree):
    if isinstance(tree, dict):
        return {key: skeleton(item) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree), [skeleton(item) for item in tree]
    return np.shape(tree), isinstance(tree, float)


@given(trees)
def test_nested_structures_come_back_as_they_went_in(tree):
    if not sum(np.size(leaf) for leaf in flat(tree)):
        return
    tree_before = [np.array(leaf) for leaf in flat(tree)]

    def loss(other):
        assert skeleton(other) == skeleton_of_tensors
        return sum(np.sum((leaf - 0.5) ** 2) for leaf in flat(other))

    def without_numbers(part):
        if isinstance(part, dict):
            return {key: without_numbers(item) for key, item in part.items()}
        if isinstance(part, tuple) and isinstance(part[0], type):
            return part[0], [without_numbers(item) for item in part[1]]
        return part[0], False

    skeleton_of_tensors = without_numbers(skeleton(tree))
    result = optim.minimize(loss, tree, "BFGS")
    assert skeleton(result.x) == skeleton(result.jac) == skeleton(tree)
    for leaf, before, found in zip(flat(tree), tree_before, flat(result.x), strict=True):
        np.testing.assert_array_equal(leaf, before)
        np.testing.assert_allclose(found, 0.5, atol=1e-5)
        assert not np.may_share_memory(leaf, found)


def network(dtype=np.float64):
    nn.manual_seed(0)
    nn.set_default_dtype(dtype)
    try:
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    finally:
        nn.set_default_dtype(np.float32)


def mean_squared_error(model, dtype=np.float64):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 3)).astype(dtype)
    y = np.tanh(x[:, :1] - x[:, 1:2])
    return lambda: nn.functional.mse_loss(model(x), y)


@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG", "trust-ncg", "SLSQP"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_modules_are_trained_in_place(dtype, method):
    model = network(dtype)
    loss = mean_squared_error(model, dtype)
    before = loss().item()
    first = model[0].weight.data
    result = optim.minimize(loss, model, method)
    assert result.fun < 1e-3 * before and result.fun == loss().item()
    state = model.state_dict()
    assert list(result.x) == list(result.jac) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(result.x[name], value, strict=True)
        assert value.dtype == dtype and not np.may_share_memory(result.x[name], value)
    assert all(p.grad is None for p in model.parameters())
    assert first is not model[0].weight.data


@pytest.mark.parametrize(
    ("spell", "structure"),
    [
        (lambda a, b: [a, b], lambda x: x),
        (lambda a, b: (a, b), lambda x: x),
        (lambda a, b: iter([a, b]), lambda x: x),
        (lambda a, b: {"a": a, "b": [b]}, lambda x: [x["a"], x["b"][0]]),
        (lambda a, b: [("a", a), ("b", b)], lambda x: [x["a"], x["b"]]),
    ],
    ids=["list", "tuple", "iterator", "dict", "pairs"],
)
def test_tensors_are_changed_in_place_however_they_are_given(spell, structure):
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor(3.0, requires_grad=True)
    a.grad = kept = Tensor([7.0, 7.0])
    result = optim.minimize(lambda: ((a - 1) ** 2).sum() + (b - a[0]) ** 2, spell(a, b))
    np.testing.assert_allclose(a.data, [1, 1], atol=1e-5)
    np.testing.assert_allclose(b.data, 1, atol=1e-5)
    for tensor, found in zip((a, b), structure(result.x), strict=True):
        np.testing.assert_array_equal(found, tensor.data, strict=True)
    assert a.grad is kept


def test_frozen_parameters_stay_as_they_are_and_unused_ones_have_gradient_zero():
    model = network()
    model[0].weight.requires_grad = False
    frozen = model[0].weight.data
    unused = nn.Parameter([5.0])
    model[2].unused = unused
    result = optim.minimize(mean_squared_error(model), model)
    assert model[0].weight.data is frozen and unused.data[0] == 5.0
    np.testing.assert_array_equal(result.x["0.weight"], frozen)
    assert not result.jac["0.weight"].any() and not result.jac["2.unused"].any() and result.jac["2.weight"].any()


@pytest.mark.parametrize("method", sorted({*SECOND} - {"dogleg", "trust-exact"}))
def test_unused_parameters_stay_where_second_derivatives_are_taken(method):
    start = {"used": np.array([2.0, -1.0]), "unused": np.array([5.0])}
    result = optim.minimize(lambda p: np.sum((p["used"] - 1) ** 4 + p["used"] ** 2), start, method)
    assert result.x["unused"] == 5.0 and result.jac["unused"] == 0.0
    np.testing.assert_allclose(result.x["used"], [0.41024, 0.41024], atol=1e-2)


@pytest.mark.parametrize("method", sorted({*EVERY} - {*BOUNDED}))
def test_methods_that_ignore_bounds_refuse_them(method):
    with pytest.raises(ValueError, match=f"{method} ignores bounds; methods that respect them are Nelder-Mead, Powell"):
        optim.minimize(rosenbrock, START, method, bounds=(0, 1))


def test_recording_is_on_in_the_loss_whatever_it_is_outside_and_losses_may_differentiate():
    with no_grad():
        assert optim.minimize(lambda x: (x - 1) ** 2, 0.0).success
        inner = optim.minimize(lambda x: grad(lambda y: (y - x) ** 2)(0.0) ** 2 + (x - 1) ** 2, 0.0, "Newton-CG")
        outer = optim.minimize(lambda x: grad(lambda y: (y - x) ** 2)(0.0) ** 2 + (x - 1) ** 2, 0.0, "Powell")
    assert inner.x == pytest.approx(0.2) and outer.x == pytest.approx(0.2, abs=1e-3)


BOUNDS = {
    "a pair for all": ((0.0, 1.0), [1, 1, 0, 0]),
    "one side": ((None, 1.0), [1, 1, -3, -4]),
    "a list of bounds": ([(0, None), None], [2, 3, -3, -4]),
    "a pair for one": ([None, (-3.5, np.inf)], [2, 3, -3, -3.5]),
    "arrays": ([(np.array([0, 0]), np.array([1, 2])), None], [1, 2, -3, -4]),
    "one pair for each entry": ([[(None, 1), (0, 2)], None], [1, 2, -3, -4]),
    "SciPy's": (scipy.optimize.Bounds(-1, 2.5), [2, 2.5, -1, -1]),
    "equal ones": ([(0.5, 0.5), None], [0.5, 0.5, -3, -4]),
    "all equal": ((0.5, 0.5), [0.5, 0.5, 0.5, 0.5]),
    "none that matter": ((None, None), [2, 3, -3, -4]),
}


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "trust-constr"])
@pytest.mark.parametrize("spelling", BOUNDS)
def test_bounds_may_be_spelled_in_many_ways(spelling, method):
    bounds, expected = BOUNDS[spelling]
    if method == "trust-constr" and "equal" in spelling:
        return
    target = [np.array([2.0, 3.0]), np.array([[-3.0], [-4.0]])]

    def loss(p):
        return sum(np.sum((a - b) ** 2) for a, b in zip(p, target, strict=True))

    result = optim.minimize(loss, [np.zeros(2), np.zeros((2, 1))], method, bounds=bounds)
    np.testing.assert_allclose(np.concatenate([part.ravel() for part in result.x]), expected, atol=2e-3)


def test_bounds_of_a_module_go_by_name():
    model = network()
    optim.minimize(mean_squared_error(model), model, bounds={"0.weight": (-0.1, 0.1), "2.bias": (0.3, None)})
    assert np.abs(model[0].weight.data).max() <= 0.1 and model[2].bias.data >= 0.3
    assert np.abs(model[2].weight.data).max() > 0.1


@given(st.floats(-2, 2), st.floats(0, 1), st.sampled_from(["L-BFGS-B", "TNC", "SLSQP"]))
def test_bounds_hold_exactly_at_every_point_also_for_float32(low, width, method):
    high = low + width
    floats = np.float32([low, high]).astype(float)
    narrow = np.nextafter(np.float32(low), np.float32(9)) >= high

    def loss():
        value = float(x.data[0])
        assert low <= value <= high or (narrow and min(abs(value - floats)) < 1e-6)
        return ((x - 7) ** 2).sum()

    x = Tensor(np.zeros(1, np.float32), requires_grad=True)
    optim.minimize(loss, [x], method, bounds=(low, high))
    assert x.dtype == np.float32 and x.data[0] == pytest.approx(high, abs=1e-4)


@pytest.mark.parametrize("method", EVERY)
def test_points_where_the_loss_is_not_finite_are_stepped_back_from(method):
    x = Tensor([2.0, 3.0], requires_grad=True)
    seen = []

    def loss():
        value = barrier(x)
        seen.append(value.item())
        return value

    result = optim.minimize(loss, [x], method, options=OPTIONS.get(method))
    bad = int(np.sum(~np.isfinite(seen)))
    assert bad > 0 and result.nonfinite == bad and f"not finite at {bad} points" in result.message
    assert result.success and np.isfinite(x.data).all()
    np.testing.assert_allclose(x.data, 0.02, rtol=5e-3)
    assert result.fun == np.nanmin(seen) == loss().item()


@pytest.mark.parametrize("method", EVERY)
def test_a_loss_that_is_finite_only_at_the_start_leaves_the_parameters_there(method):
    start = np.array([2.0, 3.0])
    x = Tensor(start, requires_grad=True)
    with np.errstate(all="ignore"):
        result = optim.minimize(lambda: (x * x).sum() / (x.data == start).all(), [x], method)
    assert result.fun == 13 and x.data.tolist() == [2.0, 3.0] and result.nonfinite > 0
    assert result.success is False or method not in GRADIENT


def test_a_gradient_that_is_not_finite_counts_as_a_point_that_is_not():
    with np.errstate(all="ignore"):
        result = optim.minimize(lambda x: np.sqrt(np.maximum(x, 0)).sum() + 2 * (x[0] - 0.2) ** 2, np.array([0.5]))
    assert np.isfinite(result.x).all() and np.isfinite(result.jac).all()


@pytest.mark.parametrize("method", GRADIENT)
def test_a_search_along_a_wrong_gradient_fails_and_says_so(method):
    @custom_gradient
    def wrong(x):
        return np.sum(x * x), lambda g: -2 * g * x

    x = Tensor([1.0, 2.0], requires_grad=True)
    result = optim.minimize(lambda: wrong(x), [x], method, options={"maxiter": 20} if method != "TNC" else None)
    assert result.success is False and result.message and result.fun <= 5 and result.fun == wrong(x).item()


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt, StopIteration])
@pytest.mark.parametrize("method", EVERY)
def test_an_exception_in_the_loss_leaves_the_best_point_seen(method, kind):
    x = Tensor(START, requires_grad=True)
    seen = []

    def loss():
        if len(seen) == 7:
            raise kind("on purpose")
        value = rosenbrock(x)
        seen.append((value.item(), x.data.tolist()))
        return value

    with pytest.raises(kind, match="on purpose"):
        optim.minimize(loss, [x], method)
    assert x.data.tolist() == min(seen)[1]
    assert START.tolist() == [1.3, 0.7]


def test_an_exception_at_the_start_leaves_everything_as_it_was():
    x = Tensor(START, requires_grad=True)
    with pytest.raises(ZeroDivisionError):
        optim.minimize(lambda: 1 / 0, [x], bounds=(5, 6))
    assert x.data is START


@pytest.mark.parametrize("method", EVERY)
def test_callback_sees_each_iterate_in_the_callers_structure_and_may_stop(method):
    iterates = []

    def callback(result):
        assert result.fun == pytest.approx(rosenbrock(result.x["x"]))
        iterates.append(result)
        if len(iterates) == 2:
            raise StopIteration

    result = optim.minimize(lambda p: rosenbrock(p["x"]), {"x": START}, method, callback=callback)
    assert len(iterates) == 2 and result.nit == 2
    assert result.success is False and result.message == "`callback` raised `StopIteration`."
    assert result.fun <= min(seen.fun for seen in iterates)


@pytest.mark.parametrize("method", EVERY)
def test_callback_that_returns_true_ends_the_run_and_one_that_returns_anything_else_does_not(method):
    calls = []
    evaluations = []

    def loss(x):
        evaluations.append(x)
        return rosenbrock(x)

    result = optim.minimize(loss, START, method, callback=lambda r: calls.append(r) or np.bool_(len(calls) == 3))
    assert len(calls) == result.nit == 3 and len(evaluations) == result.nfev
    assert result.success is False and result.message == "`callback` returned True." and result.status == 99
    assert optim.minimize(rosenbrock, START, method, options=OPTIONS.get(method), callback=lambda r: r.fun + 1).success


@pytest.mark.parametrize("retain_graph", [False, True])
@pytest.mark.parametrize("gradient", [None, np.ones(2)])
@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG"])
def test_a_loss_that_calls_backward_is_told_not_to(method, gradient, retain_graph):
    w = Tensor([1.0, 2.0], requires_grad=True)
    w.grad = gradient

    def loss():
        value = (w * w).sum()
        value.backward(retain_graph=retain_graph)
        return value

    with pytest.raises(
        ValueError, match=r"minimize: the loss set .grad of a parameter; it is not to call backward\(\)"
    ):
        optim.minimize(loss, [w], method)
    assert w.data.tolist() == [1.0, 2.0]


def test_callback_sees_what_scipys_callback_sees():
    ours, theirs = [], []
    optim.minimize(rosenbrock, START, "BFGS", callback=lambda result: ours.append(result.x))
    scipy.optimize.minimize(
        rosenbrock, START, jac=scipy.optimize.rosen_der, method="BFGS", callback=lambda x: theirs.append(x)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("method", EVERY)
def test_a_callback_costs_no_evaluation_of_the_loss(method):
    def evaluations(callback):
        calls = []
        optim.minimize(lambda x: calls.append(0) or rosenbrock(x), START, method, callback=callback)
        return len(calls)

    assert evaluations(lambda result: None) == evaluations(None)


def test_too_many_iterations_are_told_in_the_result_only():
    result = optim.minimize(rosenbrock, START, options={"maxiter": 2})
    assert result.success is False and result.nit == 2 and "LIMIT" in result.message


def test_points_of_all_iterations_come_in_the_callers_structure():
    result = optim.minimize(lambda p: rosenbrock(p["x"]), {"x": START}, "BFGS", options={"return_all": True})
    assert result.allvecs[0]["x"].tolist() == START.tolist()
    np.testing.assert_array_equal(result.allvecs[-1]["x"], result.x["x"])


def test_threads_minimise_side_by_side():
    found = {}

    def work(i):
        found[i] = optim.minimize(lambda x: ((x - i) ** 2).sum(), np.zeros(3)).x

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_allclose(found[i], i, atol=1e-5)


W = Tensor([1.0, 2.0], requires_grad=True)
MISTAKES = {
    "unknown method": (dict(method="Adam"), ValueError, r"unknown method 'Adam'; there are Nelder-Mead, "),
    "method of another type": (dict(method=3), ValueError, "unknown method 3"),
    "ignored bounds": (dict(method="BFGS", bounds=(0, 1)), ValueError, "BFGS ignores bounds; .* Nelder-Mead"),
    "needed products": (dict(method="trust-ncg", hessp=False), ValueError, "trust-ncg needs hessp=True"),
    "crossed bounds": (dict(bounds=(2, 1)), ValueError, r"bounds of parameter 0 at \(0,\) are 2.0 and 1.0"),
    "NaN in bounds": (dict(bounds=(np.nan, 1)), ValueError, "nan and 1.0"),
    "bounds of another shape": (dict(bounds=(np.ones(3), None)), ValueError, r"shape \(3,\), the parameter has \(2,\)"),
    "bounds of another structure": (dict(bounds=[None, None, None]), ValueError, "or a list of 1 bounds, not"),
    "bounds that are no pair": (
        dict(bounds=[(1, 2, 3)]),
        ValueError,
        r"of parameter 0 are a pair \(low, high\), or a list of 2 pairs, not \(1, 2, 3\)",
    ),
    "bounds of a matrix in a list": (
        dict(parameters=[np.ones((1, 2))], bounds=[[(0, 1)] * 2]),
        ValueError,
        r"of parameter 0 are a pair \(low, high\), not \[\(0, 1\), \(0, 1\)\]",
    ),
    "bounds by name for a list": (dict(bounds={"w": (0, 1)}), ValueError, "or a list of 1 bounds"),
    "unknown name": (
        dict(parameters={"w": W}, bounds={"v": (0, 1)}),
        ValueError,
        r"bounds for \['v'\], but the parameters are \['w'\]",
    ),
    "bounds without names": (dict(parameters={"w": W}, bounds=3), ValueError, "a dict by name, not 3"),
    "a loss with entries": (dict(loss=lambda: W * W), ValueError, r"a Tensor of shape \(2,\)"),
    "a complex loss": (dict(loss=lambda: (W * 1j).sum()), ValueError, "complex128"),
    "a loss that is no function": (dict(loss=None), TypeError, "minimize: the loss is a function, not None"),
    "a callback that is no function": (dict(callback=3), TypeError, "minimize: the callback is a function, not 3"),
    "options that are no dict": (dict(options=5), TypeError, "options is a dict of L-BFGS-B's options, not 5"),
    "no loss": (dict(loss=lambda: None), ValueError, "a NoneType"),
    "a loss cut off the tape": (dict(loss=lambda: W.data.sum()), ValueError, "depends on none of the parameters"),
    "NaN at the start": (dict(loss=lambda: W.sum() * np.nan), ValueError, "the loss is nan at the start"),
    "infinite slope at the start": (
        dict(loss=lambda: np.sqrt(W - 1).sum()),
        ValueError,
        r"gradient of parameter 0 is not finite at the start \(inf at \(0,\)\)",
    ),
    "no parameters": (dict(parameters=[]), ValueError, "no parameters"),
    "no parameters in a module": (dict(parameters=nn.ReLU()), ValueError, "no parameters"),
    "nothing to change": (dict(parameters=[Tensor([1.0])]), ValueError, "none of the parameters requires a gradient"),
    "empty parameters": (dict(parameters=np.zeros((0, 3))), ValueError, "all of them are empty"),
    "the same twice": (dict(parameters={"a": W, "b": W}), ValueError, r"parameter b is there twice \(also as a\)"),
    "names twice": (dict(parameters=[("a", W), ("a", Tensor(1.0))]), ValueError, "the same name"),
    "paths twice": (dict(parameters={"a.b": 1.0, "a": {"b": 2.0}}), ValueError, "the same name"),
    "a masked array": (dict(parameters=np.ma.masked_array([1.0], [True])), TypeError, "masked"),
    "computed": (dict(parameters=[W * 2]), ValueError, "parameter 0 was computed"),
    "integers": (dict(parameters=np.arange(3)), TypeError, "parameter 0 is int64, not floating-point; write 3.0 for 3"),
    "complex numbers": (
        dict(parameters=[1j]),
        TypeError,
        "parameter 0 is complex128, .* give real and imaginary parts",
    ),
    "None": (dict(parameters={"a": [1.0, None]}), TypeError, "minimize: parameter a.1 cannot be changed: .*NoneType"),
    "None among tensors": (
        dict(parameters=[W, None]),
        TypeError,
        "minimize: parameter 1 cannot be changed: .*NoneType",
    ),
    "tensors and arrays": (dict(parameters={"a": [W, 1.0]}), TypeError, "parameter a.1 is a float; give tensors or"),
    "NaN in parameters": (
        dict(parameters={"a": [1.0, np.array([[0.0, np.nan]])]}),
        ValueError,
        r"parameter a.1 is not finite \(nan at \(0, 1\)\)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_errors_that_show_the_value_and_change_nothing(mistake):
    given, error, message = MISTAKES[mistake]
    before = W.data
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        optim.minimize(**{"loss": lambda: (W * W).sum(), "parameters": [W], **given})
    assert W.data is before and before.tolist() == [1.0, 2.0]
