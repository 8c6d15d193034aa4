"""LBFGS: PyTorch's iterates, the Wolfe conditions, and what holds when an evaluation fails."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Tensor
from optim import LBFGS
from optim.lbfgs import Trial, cubic_minimum, strong_wolfe, two_loops

WOLFE = {"line_search_fn": "strong_wolfe"}


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(x):
    return (x * x).sum() + x[0] * x[1] + 0.5 * x[2] * x[0] - 3 * x[2]


def run(optimizer, x, f, steps):
    """The values of x after each step, and how often the loss was evaluated."""
    evaluations, values = 0, []

    def closure():
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = f(x)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
        values.append(np.array(x.detach().numpy()))
    return values, evaluations


GENTLE = [
    (quadratic, {}),
    (quadratic, WOLFE),
    (quadratic, {"lr": 0.5, "max_iter": 3, "history_size": 2}),
    (quadratic, {**WOLFE, "lr": 0.3, "tolerance_change": 1e-3}),
    (quadratic, {**WOLFE, "lr": 30.0, "max_iter": 2}),
    (quadratic, {**WOLFE, "tolerance_grad": 0.1}),
    (quadratic, {**WOLFE, "lr": 30.0, "max_iter": 2, "tolerance_change": 3.0}),
    (rosenbrock, {"lr": 1e-3}),
    (rosenbrock, {"lr": 1e-3, "max_iter": 4, "history_size": 3}),
    (rosenbrock, {**WOLFE, "max_iter": 1}),
]
STEEP = [  # PyTorch's own float32 iterates move by 0.1 when their start moves by a unit in its last place
    (rosenbrock, {**WOLFE, "max_iter": 5, "history_size": 2}),
    (rosenbrock, {**WOLFE, "max_iter": 3, "max_eval": 5}),
    (rosenbrock, {**WOLFE, "max_iter": 4, "lr": 0.01}),
]


@pytest.mark.parametrize(
    ("f", "options", "dtype", "tolerance"),
    [(*case, "float64", 1e-11) for case in GENTLE + STEEP] + [(*case, "float32", 3e-6) for case in GENTLE],
)
def test_iterates_are_those_of_pytorch(f, options, dtype, tolerance):
    torch = pytest.importorskip("torch")
    start = np.linspace(-1, 1.5, 6).astype(dtype)
    x = Tensor(start.copy(), requires_grad=True)
    theirs = torch.tensor(start, requires_grad=True)
    found, evaluations = run(LBFGS([x], **options), x, f, steps=5)
    expected, their_evaluations = run(torch.optim.LBFGS([theirs], **options), theirs, f, steps=5)
    assert evaluations == their_evaluations and x.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_several_parameters_are_one_vector_as_in_pytorch():
    torch = pytest.importorskip("torch")
    start = [np.array([[1.0, -2.0]]), np.array(0.5), np.array([3.0])]
    ours = [Tensor(a.copy(), requires_grad=True) for a in start]
    theirs = [torch.tensor(a, requires_grad=True) for a in start]

    def closure_of(a, b, unused, optimizer):
        def closure():
            optimizer.zero_grad()
            loss = ((a * a).sum() - b) ** 2 + (a[0, 0] - b) ** 2
            loss.backward()
            return loss

        return closure

    for parameters, kind in ((ours, LBFGS), (theirs, torch.optim.LBFGS)):
        optimizer = kind(parameters, **WOLFE)
        optimizer.step(closure_of(*parameters, optimizer))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.data, other.detach().numpy(), atol=1e-9)
    assert ours[2].data[0] == 3.0 and ours[2].grad is None


@pytest.mark.parametrize("options", [WOLFE, {**WOLFE, "history_size": 5}])
def test_rosenbrocks_valley_is_descended(options):
    x = Tensor(np.array([-1.2, 1.0, 0.5, -1.0]), requires_grad=True)
    run(LBFGS([x], max_iter=100, **options), x, rosenbrock, steps=2)
    np.testing.assert_allclose(x.data, 1, atol=1e-5)


def test_a_quadratic_of_n_variables_takes_n_exact_steps():
    """With exact line searches L-BFGS makes the iterates of conjugate gradients (Nocedal and Wright, section 7.2)."""
    rng = np.random.default_rng(0)
    n = 6
    q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    a, x = q @ np.diag(np.arange(1.0, n + 1)) @ q.T, rng.normal(size=n)
    s, y = [], []
    for _ in range(n):
        g = a @ x
        p = two_loops(g, s, y, [1 / (u @ v) for u, v in zip(s, y)], 1.0)
        step = -(g @ p) / (p @ a @ p) * p
        s, y, x = [*s, step], [*y, a @ step], x + step
    assert np.abs(x).max() < 1e-10


def test_two_loops_multiply_by_the_bfgs_matrix():
    """H <- (I - rho s y') H (I - rho y s') + rho s s' (Nocedal and Wright, equation 6.17)."""
    rng = np.random.default_rng(1)
    s, y, g = rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), rng.normal(size=5)
    y *= np.sign(np.sum(s * y, axis=1))[:, np.newaxis]
    rho = (1 / np.sum(s * y, axis=1)).tolist()
    h = 0.7 * np.eye(5)
    for a, b, r in zip(s, y, rho):
        left = np.eye(5) - r * np.outer(a, b)
        h = left @ h @ left.T + r * np.outer(a, a)
    np.testing.assert_allclose(two_loops(g, s, y, rho, 0.7), -h @ g, rtol=1e-10)


LINES = {
    "a parabola": lambda t, a, module: (t - a) ** 2,
    "a quartic": lambda t, a, module: (t - a) ** 4 + 0.1 * (t - a) ** 2,
    "waves": lambda t, a, module: 0.05 * t**2 - a * t + 0.2 * a * module.sin(4 * t),
    "a wall": lambda t, a, module: -(a + 0.5) * t + module.exp(t - a - 1),
    "a long slope": lambda t, a, module: -t / (t * t + 2 + 100 * a),
}


@pytest.mark.parametrize("lr", [0.01, 0.3, 2.0])
@pytest.mark.parametrize("a", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("name", sorted(LINES.keys() - {"a parabola"}))  # where rounding decides which way to go
def test_line_search_takes_pytorchs_steps(name, a, lr):
    torch = pytest.importorskip("torch")
    x, theirs = Tensor([0.0], requires_grad=True), torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
    options = {**WOLFE, "lr": lr, "max_iter": 2, "max_eval": 25}
    found, evaluations = run(LBFGS([x], **options), x, lambda t: LINES[name](t, a, np).sum(), 2)
    peer = torch.optim.LBFGS([theirs], **options)
    expected, their_evaluations = run(peer, theirs, lambda t: LINES[name](t, a, torch).sum(), 2)
    assert evaluations == their_evaluations
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_line_search_compares_a_point_with_the_one_before_from_the_third_on_as_pytorchs_does():
    steep = -1.0
    script = iter([(-1.0, steep), (-0.5, steep), (-3.0, 0.0)])
    start = Trial(0.0, 0.0, np.zeros(0), steep)
    found, tries = strong_wolfe(lambda t: Trial(t, (now := next(script))[0], np.zeros(0), now[1]), start, 1, 1e-9, 9)
    assert found.f == -3.0 and tries == 3


@given(st.sampled_from(sorted(LINES)), st.floats(0.05, 5), st.floats(1e-3, 10))
def test_line_search_ends_at_a_point_with_the_strong_wolfe_conditions(name, a, first):
    def phi(t):
        x = Tensor(t, requires_grad=True)
        value = LINES[name](x, a, np)
        value.backward()
        tried.append(t)
        return Trial(t, value.item(), x.grad.data, x.grad.item())

    tried = []
    start = phi(0.0)
    assert start.slope < 0
    tried.clear()
    found, tries = strong_wolfe(phi, start, first, 1e-12, 50)
    assert found.f <= start.f + 1e-4 * found.t * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)
    assert tries == len(tried) and found.t in tried


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.1, 2), st.floats(-1, 1), st.floats(0.2, 3))
def test_cubic_interpolation_finds_the_minimum_of_a_cubic(b, c, a, left, width):
    """a t^3 + b t^2 + c t has its minimum at the larger root of its derivative."""
    trials = [
        Trial(t, a * t**3 + b * t**2 + c * t, np.zeros(0), 3 * a * t**2 + 2 * b * t + c) for t in (left, left + width)
    ]
    found = cubic_minimum(*trials, left, left + width)
    assert found == cubic_minimum(*reversed(trials), left, left + width)
    root = b * b - 3 * a * c
    if abs(root) > 1e-6:
        exact = (-b + np.sqrt(root)) / (3 * a) if root > 0 else left + width / 2
        assert found == pytest.approx(np.clip(exact, left, left + width), abs=1e-5)


def test_cubic_through_one_point_is_no_division_by_zero():
    flat = Trial(1.0, 2.0, np.zeros(0), 0.0)
    assert cubic_minimum(flat, flat, 0.0, 3.0) == 1.5
    assert cubic_minimum(flat, flat._replace(t=2.0), 1.0, 2.0) == 1.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transport", ["state_dict", "pickle", "deepcopy"])
@pytest.mark.parametrize("options", [{"lr": 1e-3, "max_iter": 3}, {**WOLFE, "max_iter": 2, "history_size": 3}])
def test_training_goes_on_bit_for_bit_from_saved_state(options, transport, dtype):
    start = np.linspace(-1, 1.5, 6).astype(dtype)
    whole = Tensor(start.copy(), requires_grad=True)
    expected, _ = run(LBFGS([whole], **options), whole, rosenbrock, steps=8)
    half = Tensor(start.copy(), requires_grad=True)
    first = LBFGS([half], **options)
    run(first, half, rosenbrock, steps=4)
    if transport == "state_dict":
        half = Tensor(half.data.copy(), requires_grad=True)
        second = LBFGS([half], lr=7)
        second.load_state_dict(first.state_dict())
    else:
        second = copy.deepcopy(first) if transport == "deepcopy" else pickle.loads(pickle.dumps(first))
        half = second.param_groups[0]["params"][0]
    found, _ = run(second, half, rosenbrock, steps=4)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in expected[4:]]
    assert repr(second) == repr(first)


def test_state_is_plain_and_keyed_by_the_first_parameter():
    x = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = LBFGS([("x", x), ("y", Tensor(1.0, requires_grad=True))], lr=1e-3, max_iter=3, history_size=2)
    assert optimizer.state_dict()["state"] == {}
    run(optimizer, x, rosenbrock, steps=2)
    (name, state), *others = optimizer.state_dict()["state"].items()
    assert name == "x" and not others
    assert {key: np.shape(value) for key, value in state.items() if isinstance(value, np.ndarray)} == {
        "g": (3,), "p": (3,), "s": (2, 3), "y": (2, 3), "rho": (2,),
    }  # fmt: skip
    numbers = {key: type(value) for key, value in state.items() if not isinstance(value, np.ndarray)}
    assert numbers == {"n_iter": int, "func_evals": int, "t": float, "gamma": float}
    assert state["n_iter"] == 4 and state["func_evals"] == 6


def test_a_step_at_a_minimum_changes_nothing_and_its_state_can_be_loaded():
    x = Tensor([0.0, 0.0], requires_grad=True)
    optimizer = LBFGS([x])
    values, evaluations = run(optimizer, x, lambda x: (x * x).sum(), steps=2)
    assert evaluations == 2 and not np.any(values)
    LBFGS([x]).load_state_dict(optimizer.state_dict())


def test_a_state_without_pairs_can_be_loaded():
    x = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = LBFGS([x], lr=1e-3, max_iter=1)
    run(optimizer, x, rosenbrock, steps=1)
    assert len(optimizer.state["0"]["rho"]) == 0
    other = Tensor(x.data.copy(), requires_grad=True)
    resumed = LBFGS([other])
    resumed.load_state_dict(optimizer.state_dict())
    found, expected = (run(o, p, rosenbrock, steps=2)[0] for o, p in ((resumed, other), (optimizer, x)))
    assert np.array_equal(found, expected)


def failing_closure(optimizer, x, at, fail):
    """A closure that returns ``fail(loss, x)`` from one of its evaluations."""
    evaluations = 0

    def closure():
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return fail(loss, x) if evaluations == at else loss

    return closure


def interrupt(loss, x):
    raise KeyboardInterrupt


def give_a_nan_gradient(loss, x):
    x.grad = np.full_like(x.data, np.nan)
    return loss


def return_inf(loss, x):
    return np.inf


@pytest.mark.parametrize("options", [{"lr": 1e-3}, WOLFE], ids=["fixed", "wolfe"])
@pytest.mark.parametrize("at", [1, 2, 4, 9])
@pytest.mark.parametrize(
    ("fail", "error", "message"),
    [
        (interrupt, KeyboardInterrupt, None),
        (give_a_nan_gradient, ValueError, "the gradient of parameter x is not finite"),
        (return_inf, ValueError, "the loss is inf"),
    ],
)
def test_a_failed_evaluation_ends_the_step_as_after_the_iteration_before(fail, error, message, at, options):
    x = Tensor(np.array([-1.2, 1.0, 0.5]), requires_grad=True)
    optimizer = LBFGS([("x", x)], **options)
    closure = failing_closure(optimizer, x, at, fail)
    with pytest.raises(error, match=message):
        optimizer.step(closure)
    iterations = optimizer.state.get("x", {}).get("n_iter", 0)

    y = Tensor(np.array([-1.2, 1.0, 0.5]), requires_grad=True)
    other = LBFGS([("x", y)], **options)
    if iterations:
        other.param_groups[0]["max_iter"] = iterations
        other.param_groups[0]["max_eval"] = 100
        run(other, y, rosenbrock, steps=1)
    assert x.data.tobytes() == y.data.tobytes()
    for key in ("p", "t", "g", "s", "y", "rho", "gamma"):
        np.testing.assert_array_equal(optimizer.state.get("x", {}).get(key), other.state.get("x", {}).get(key))

    skipping = LBFGS([("x", y)], nonfinite="skip", **options)
    y.data = np.array([-1.2, 1.0, 0.5])
    if fail is not interrupt:
        closure = failing_closure(skipping, y, at, fail)
        skipping.step(closure)
        assert skipping.skipped and y.data.tobytes() == x.data.tobytes()
        run(skipping, y, rosenbrock, steps=1)
        assert not skipping.skipped


def test_nonfinite_values_may_be_ignored():
    x = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = LBFGS([x], nonfinite="ignore", max_iter=1)
    closure = failing_closure(optimizer, x, 1, give_a_nan_gradient)
    optimizer.step(closure)
    assert np.isnan(x.data).all()


def test_a_step_returns_the_first_loss_and_writes_only_where_nobody_else_sees():
    start = np.array([1.0, 2.0])
    x = Tensor(start, requires_grad=True)
    optimizer = LBFGS([x], **WOLFE)
    closure = failing_closure(optimizer, x, 0, interrupt)
    assert optimizer.step(closure).item() == 100.0
    held = x.data
    copied = held.copy()
    optimizer.step(closure)
    assert start.tolist() == [1.0, 2.0] and held.tobytes() == copied.tobytes()


def test_a_parameter_that_has_changed_its_shape_needs_a_new_optimiser():
    x = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = LBFGS([x])
    run(optimizer, x, rosenbrock, steps=1)
    x.grad, x.data = None, np.ones(3)
    with pytest.raises(ValueError, match="have 3 entries, but had 2"):
        run(optimizer, x, rosenbrock, steps=1)


X = Tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LBFGS([]), ValueError, "no parameters"),
        (lambda: LBFGS([X, X]), ValueError, "twice"),
        (lambda: LBFGS([X], lr=-1), ValueError, "lr .*-1"),
        (lambda: LBFGS([X], max_iter=0), ValueError, "max_iter is a positive integer, not 0"),
        (lambda: LBFGS([X], history_size=0), ValueError, "history_size is a positive integer, not 0"),
        (lambda: LBFGS([X], max_eval=1.5), ValueError, "max_eval is a positive integer, not 1.5"),
        (lambda: LBFGS([X], tolerance_grad=np.nan), ValueError, "tolerance_grad .*nan"),
        (lambda: LBFGS([X], line_search_fn="armijo"), ValueError, "not 'armijo'"),
        (lambda: LBFGS([{"params": [X]}, {"params": [Tensor(1.0)]}]), ValueError, "one group"),
        (lambda: LBFGS([X]).add_param_group({"params": [Tensor(1.0)]}), ValueError, "one group"),
        (lambda: LBFGS([X]).step(), TypeError, "pass a closure"),
        (lambda: load({"n_iter": 3}), ValueError, r"the state of 0 has \['n_iter'\], not"),
        (lambda: load({"p": np.zeros(3)}, keep=True), ValueError, r"p of 0 has shape \(3,\), not \(1,\)"),
        (lambda: load({"s": np.zeros((1, 1))}, keep=True), ValueError, r"s of 0 has shape \(1, 1\), not \(2, 1\)"),
    ],
)
def test_mistakes_are_errors_that_show_the_value(call, error, message):
    with pytest.raises(error, match=message):
        call()


def load(changes, keep=False):
    """Load a state with changes into a new optimiser."""
    x = Tensor([1.0], requires_grad=True)
    optimizer = LBFGS([x], lr=0.1, max_iter=3, max_eval=9)
    run(optimizer, x, lambda x: (x**4).sum() - x[0], steps=1)
    saved = optimizer.state_dict()
    assert saved["state"]["0"]["s"].shape == (2, 1)
    saved["state"] = {"0": {**(saved["state"]["0"] if keep else {}), **changes}}
    LBFGS([x]).load_state_dict(saved)
