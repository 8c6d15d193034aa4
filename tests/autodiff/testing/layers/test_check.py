"""``check_layer`` passes the layers of several courses, and names what is wrong with wrong ones."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import scipy.special

import nn
from autodiff import Tensor, defvjp
from autodiff.primitive import REGISTRY
from autodiff.testing import check_layer, report
from nn.derived import DERIVED, derived
from nn.functional import kl_div, linear, mse_loss, relu

from . import student_layers as student

rng = np.random.default_rng(1)
X = rng.normal(size=(4, 3))
LABELS = np.eye(3)[[0, 2, 1, 1]]
WEIGHTS = rng.normal(size=(2, 3))
PROBABILITIES = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)


def draw_weights(n_in: int, n_out: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(n_in, n_out))


def zero_bias(n: int) -> np.ndarray:
    return np.zeros((1, n))


RIGHT = {
    "linear": (student.Linear(3, 2), X),
    "linear that keeps its gradients": (student.Linear(3, 2, debug=True), X),
    "identity": (student.Identity(), X),
    "sigmoid": (student.Sigmoid(), X),
    "tanh": (student.Tanh(), X),
    "relu": (student.ReLU(), X),
    "relu at 0": (student.ReLU(), np.array([[0.0, 1.0, -1.0]])),
    "gelu": (student.GELU(), X),
    "gelu of one dimension": (student.GELU(), X[0]),
    "softmax": (student.Softmax(), X),
    "mse": (student.MSELoss(), X, LABELS),
    "cross-entropy": (student.CrossEntropyLoss(), X, LABELS),
    "batch norm": (student.BatchNorm1d(3), X),
    "batch norm by the unbiased variance": (student.UnbiasedBatchNorm1d(3), X),
    "layers within a layer": (student.MLP1(), X),
    "derivative()": (student.StateSigmoid(), X),
    "derivative() is a number": (student.StateIdentity(), X),
    "a criterion's derivative()": (student.SoftmaxCrossEntropy(), X, LABELS),
    "lists of parameters": (student.StackOfLinears(), X),
    "backward of x and dy": (student.BerkeleyReLU(), X),
    "lazily made parameters": (student.FullyConnected(5), X),
    "dicts of parameters and of gradients with other names": (student.NyuMLP(), X),
    "weight.grad": (student.AccumulatingLinear(3, 2), X),
    "dropout": (student.Dropout(0.3), X),
    "dropout with a generator of its own": (student.Dropout(0.3, np.random.default_rng(0)), X),
    "a loop": (student.LoopedScale(3), X),
    "two inputs": (student.Bilinear(), X, LABELS),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_passes(name: str) -> None:
    layer, *inputs = RIGHT[name]
    report = check_layer(layer, *inputs)
    assert {row.verdict for row in report.rows} == {"right"}
    assert report.share == 1
    assert max(row.error for row in report.rows) < 1e-9


WRONG = {
    "transposed": (student.TransposedWeight(3, 2), X, "dLdW is transposed"),
    "transposed in a square": (student.TransposedWeight(3, 3), X, "dLdW is transposed"),
    "not summed": (student.UnsummedBias(3, 2), X, "dLdb is not summed over the batch"),
    "shape of a column": (student.FlatBias(3, 2), X, "dLdb has the right entries in the wrong shape"),
    "shape with an axis too many": (
        student.RowShapedBias(3, 2),
        X,
        "bias.grad has the right entries in the wrong shape\n  by hand it has the shape (1, 2), not (2,)",
    ),
    "forgotten": (student.ForgottenBias(3, 2), X, "gradient of b is missing: backward does not compute it"),
    "sign": (student.WrongSign(), X, "gradient of Z has the wrong sign"),
    "derivative missing": (
        student.DerivativeMissing(),
        X,
        "gradient of Z is dy unchanged: the layer's own derivative is missing",
    ),
    "chain rule missing": (
        student.ChainRuleMissing(),
        X,
        "gradient of Z is not multiplied by dy: the chain rule is missing",
    ),
    "1.001": (student.SlightlyOff(), X, "gradient of Z is off by the constant factor 1.001"),
    "loss without 1/(N C)": (student.UndividedLoss(), (X, LABELS), "gradient of A is off by a factor of N*C = 12"),
    "loss without 2": (student.HalvedLoss(), (X, LABELS), "gradient of A is off by a factor of 1/2"),
    "mean and variance as constants": (
        student.StatisticsAsConstants(3),
        X,
        "gradient of Z is off by a linear function of Z in each column: the terms through the mean and the variance "
        "are missing",
    ),
    "mean as a constant": (
        student.MeanAsConstant(3),
        X,
        "gradient of Z is off by a constant in each column: a term through the mean is missing",
    ),
    "variance as a constant": (
        student.VarianceAsConstant(3),
        X,
        "gradient of Z is off by a multiple of Z - mean in each column: the variance's term is missing",
    ),
    "gamma missing": (student.GammaMissing(3), X, "gradient of Z lacks the factor BW"),
    "softmax by entries": (
        student.DiagonalSoftmax(),
        X,
        "gradient of Z is off by a multiple of the output in each row: the term through the normalising sum is missing",
    ),
    "below 0": (student.LeakyWithoutSlope(), X, "gradient of x is wrong only where x <= 0 (2 of 12 entries)"),
    "swapped": (student.SwappedGradients(), (X, X + 1), "gradient of x holds the gradient of y"),
    "x overwritten": (student.OverwritesInput(), X, "backward changes Z in place; work on a copy"),
    "dy overwritten": (student.OverwritesCotangent(), X, "backward changes dy in place; work on a copy"),
    "parameter overwritten": (student.OverwritesParameter(3, 2), X, "backward changes W in place; work on a copy"),
    "added twice": (student.DoubledAccumulation(3, 2), X, "weight.grad is off by a factor of 2\n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_layer_fails_and_is_told_what_is_wrong(name: str) -> None:
    layer, inputs, diagnosis = WRONG[name]
    with pytest.raises(AssertionError) as failure:
        check_layer(layer, *(inputs if isinstance(inputs, tuple) else (inputs,)))
    assert diagnosis in str(failure.value)
    assert "no simple relation" not in str(failure.value)


def test_a_failure_shows_the_table_and_the_first_wrong_entry_three_ways() -> None:
    with pytest.raises(AssertionError) as failure:
        check_layer(student.TransposedWeight(2, 2), np.array([[0.5, -1.0], [0.25, 2.0], [1.0, 1.0]]))
    assert str(failure.value) == (
        "check_layer: TransposedWeight is wrong\n"
        "gradient       shape   entry   by hand     tape        differences  rel. error  verdict\n"
        "gradient of A  (3, 2)  [0, 0]  -0.0687949  -0.0687949  -0.0687949   0e+00       right\n"
        "dLdW           (2, 2)  [0, 1]  0.321768    0.619446    0.619446     1e+00       WRONG\n"
        "dLdb           (2, 1)  [0, 0]  0.230483    0.230483    0.230483     0e+00       right\n"
        "\n"
        "dLdW is transposed\n"
        "  first wrong entry (of 2 in 4): [0, 1]\n"
        "  by hand 0.3217676526, tape 0.6194457066, differences 0.6194457066 +- 2e-10"
    )


def test_a_forward_that_does_not_run_on_tensors_has_no_column_for_the_tape_and_says_why() -> None:
    found = check_layer(student.LoopedScale(3), X)
    assert [row.tape for row in found.rows] == [None, None]
    assert found.notes[0].startswith("forward does not run on tensors, so there is no column for the tape: TypeError: ")
    assert "  -     1.4826       " in str(found)


def test_a_forward_that_does_something_else_on_tensors_has_no_column_for_the_tape() -> None:
    class TwoFaced(student.Sigmoid):
        def forward(self, Z: Any) -> Any:
            return super().forward(Z) if isinstance(Z, np.ndarray) else Z * 2

    found = check_layer(TwoFaced(), X)
    assert found.rows[0].tape is None
    assert found.notes[0].endswith("forward gives another value on tensors than on arrays")


def test_a_relation_that_explains_one_cotangent_only_is_no_explanation() -> None:
    class Fickle(student.Identity):
        def backward(self, dLdA: Any) -> Any:
            return dLdA * (2 + int(1000 * abs(dLdA[0, 0])))

    with pytest.raises(AssertionError, match="gradient of Z is wrong, and no simple relation explains it"):
        check_layer(Fickle(), X)


class Planted:
    """Another layer, whose gradient of the input is off in one entry by a relative error."""

    def __init__(self, layer: Any, entry: int, error: float) -> None:
        self.layer, self.entry, self.error = layer, entry, error

    def forward(self, x: Any) -> Any:
        return self.layer.forward(x)

    def backward(self, dy: Any) -> Any:
        dx = np.array(self.layer.backward(dy))
        dx.flat[self.entry] *= 1 + self.error
        return dx


@pytest.mark.parametrize("layer", [student.Sigmoid(), student.Softmax(), student.LoopedScale(3)])
@pytest.mark.parametrize("entry", [0, 5, 11])
def test_an_error_of_a_millionth_in_one_entry_is_found_and_named(layer: Any, entry: int) -> None:
    with pytest.raises(AssertionError, match=r"is (right but for|wrong only) .*1 of 12 entries") as failure:
        check_layer(Planted(layer, entry, 1e-6), X)
    assert f"first wrong entry (of 1 in 12): {[entry // 3, entry % 3]}" in str(failure.value)


def test_an_error_below_what_differences_can_tell_is_found_by_the_tape() -> None:
    with pytest.raises(AssertionError, match="right but for 1 of 12 entries"):
        check_layer(Planted(student.Tanh(), 4, 2e-9), X)
    assert check_layer(Planted(student.Tanh(), 4, 1e-12), X)


def test_a_kink_at_one_entry_does_not_hide_a_small_error_at_another() -> None:
    class Floor:
        def forward(self, x: Any) -> Any:
            self.x = x
            return np.exp(np.maximum(x, 1.0))

        def backward(self, dy: Any) -> Any:
            return dy * np.exp(self.x) * np.where(self.x == 1, 0.5, self.x > 1)

    x = np.array([1.0, 2.0, 0.5, 1.5])
    assert check_layer(Floor(), x).rows[0].verdict == "right"
    with pytest.raises(AssertionError, match=r"first wrong entry \(of 1 in 4\): \[3\]"):
        check_layer(Planted(Floor(), 3, 5e-9), x)


@pytest.mark.parametrize("seed", range(6))
def test_a_gradient_that_cancels_but_for_its_last_digits_is_not_called_wrong(seed: int) -> None:
    x = 10 * np.random.default_rng(seed).normal(size=(2, 3))  # two rows normalise to -1 and 1, wherever they are
    assert check_layer(student.BatchNorm1d(3), x, seed=seed, min_conclusive=0).rows[0].verdict != "WRONG"


@pytest.mark.parametrize("layer", [student.Linear(50, 30), student.LoopedScale(50)])
def test_of_large_arrays_a_subset_is_compared_with_differences_and_a_single_wrong_entry_is_found_still(
    layer: Any,
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 50))
    found = check_layer(layer, x, entries=20)
    assert found.checked < 200
    with pytest.raises(AssertionError, match=r"first wrong entry \(of 1 in \d+\): \[0, 33\]"):
        check_layer(Planted(layer, 33, 1e-2), x, entries=20)


def test_parameters_that_are_zero_at_first_are_varied_and_others_are_not() -> None:
    class ZeroBlind(student.Linear):
        def backward(self, dLdZ: Any) -> Any:
            return super().backward(dLdZ) * np.sum(self.W == 0)  # the wrong gradient is right for W = 0

    with pytest.raises(AssertionError, match="gradient of A is all zeros"):
        check_layer(ZeroBlind(3, 2), X)


def test_other_parameters_stay_as_they_are_but_for_the_steps_of_differences() -> None:
    class Trained(student.Linear):
        def forward(self, A: Any) -> Any:
            assert isinstance(self.W, Tensor) or np.abs(self.W - WEIGHTS).max() < 0.1
            return super().forward(A)

    layer = Trained(3, 2)
    layer.W = WEIGHTS.copy()
    check_layer(layer, X)
    np.testing.assert_array_equal(layer.W, WEIGHTS)
    assert not hasattr(layer, "A")  # the layer itself never ran


def test_gradients_that_are_zero_everywhere_are_noted_since_they_hide_errors() -> None:
    found = check_layer(student.ReLU(), -np.abs(X))
    assert found.notes == ["zero at this point, which hides errors: gradient of Z; try other inputs or seeds"]


def test_nothing_but_the_report_is_left_behind() -> None:
    before, beside = np.random.get_state()[1].copy(), random.getstate()
    x, generator = X.copy(), np.random.default_rng(0)
    layer = student.Dropout(0.3, generator)
    check_layer(layer, x)
    check_layer(student.Dropout(0.5), x)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert random.getstate() == beside
    assert generator.bit_generator.state == np.random.default_rng(0).bit_generator.state
    np.testing.assert_array_equal(x, X)
    assert vars(layer) == {"p": 0.3, "generator": generator}


def test_what_is_found_does_not_depend_on_numpys_global_generator() -> None:
    found = []
    state = np.random.get_state()
    for seed in (1, 2):
        np.random.seed(seed)
        found.append(str(check_layer(student.Dropout(0.425), X)))
    np.random.set_state(state)
    assert found[0] == found[1]


def test_accumulating_gradients_are_noted_and_right() -> None:
    found = check_layer(student.AccumulatingLinear(3, 2), X)
    assert found.notes == ["backward adds to weight.grad, bias.grad: called twice, it doubles them"]


DERIVED_CALLS = [
    (linear, (X, WEIGHTS, X[0, :2]), {}),
    (linear, (X, WEIGHTS), {}),
    (relu, (np.array([0.0, 1.0, -1.0]),), {}),
    (mse_loss, (X, LABELS), {"reduction": "sum"}),
    (kl_div, (X, PROBABILITIES), {"reduction": "none"}),
]


@pytest.mark.parametrize("function, args, options", DERIVED_CALLS, ids=lambda value: getattr(value, "__name__", ""))
def test_derived_functions_have_three_columns_that_agree(function: Any, args: tuple, options: dict) -> None:
    found = check_layer(function, *args, options=options)
    names = list(function.signature.parameters)[: len(args)]
    assert [row.label for row in found.rows] == [f"gradient of {name}" for name in names]
    assert all(row.verdict == "right" and row.by_hand is not None and row.tape is not None for row in found.rows)


@pytest.mark.parametrize(
    "module, inputs",
    [
        (nn.Linear(3, 2), (X,)),
        (nn.Linear(3, 2, bias=False), (X,)),
        (nn.ReLU(), (X,)),
        (nn.Sigmoid(), (X,)),
        (nn.Tanh(), (X,)),
        (nn.GELU(), (X,)),
        (nn.MSELoss(), (X, LABELS)),
        (nn.CrossEntropyLoss(), (X, np.array([0, 1, 2, 1]))),
        (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), (X,)),
    ],
    ids=repr,
)
def test_modules_are_checked_with_their_parameters_and_left_as_they_were(module: nn.Module, inputs: tuple) -> None:
    before = {name: p.data.copy() for name, p in module.named_parameters()}
    found = check_layer(module, *inputs)
    labels = [row.label for row in found.rows]
    assert labels[-len(before) or len(labels) :] == [f"gradient of {name}" for name in before]
    assert {row.verdict for row in found.rows} == {"right"}
    for name, parameter in module.named_parameters():
        assert parameter.grad is None
        assert parameter.dtype == np.float32
        np.testing.assert_array_equal(parameter.data, before[name])


def test_a_parameter_that_is_frozen_is_not_checked() -> None:
    module = nn.Linear(3, 2)
    module.weight.requires_grad = False
    assert [row.label for row in check_layer(module, X).rows] == ["gradient of x", "gradient of bias"]


def test_a_derived_function_with_a_wrong_gradient_is_told_from_one_with_a_wrong_expression() -> None:
    before = dict(REGISTRY)
    broken = defvjp(lambda x: np.sin(x), x=lambda g, x: g * np.sin(x))
    wrong_by_hand = derived(lambda x: np.sin(x))
    wrong_on_tape = derived(lambda x: broken(x))
    try:
        wrong_by_hand.gradient(x=lambda g, x: g * np.sin(x))
        wrong_on_tape.gradient(x=lambda g, x: g * np.cos(x))
        with pytest.raises(AssertionError, match=r"gradient of x is wrong, and no simple relation explains it"):
            check_layer(wrong_by_hand, X)
        with pytest.raises(AssertionError, match=r"right\n\ngradient of x: by differences, the tape is wrong here"):
            check_layer(wrong_on_tape, X)
    finally:
        DERIVED.remove(wrong_by_hand)
        DERIVED.remove(wrong_on_tape)
        REGISTRY.clear()
        REGISTRY.update(before)


def test_a_forward_that_differs_from_the_expression_is_told() -> None:
    before = dict(REGISTRY)
    shifted = derived(lambda x: np.sin(x), forward=lambda x: np.sin(x) + 1)
    try:
        shifted.gradient(x=lambda g, x: g * np.cos(x))
        with pytest.raises(AssertionError, match="by its expression <lambda> has another value than forward gives"):
            check_layer(shifted, X)
    finally:
        DERIVED.remove(shifted)
        REGISTRY.clear()
        REGISTRY.update(before)


def test_a_plain_function_of_tensors_is_checked_on_the_tape() -> None:
    found = check_layer(lambda x, y: np.sin(x) * y, X, LABELS)
    assert [(row.label, row.by_hand, row.verdict) for row in found.rows] == [
        ("gradient of x", None, "right"),
        ("gradient of y", None, "right"),
    ]
    assert [row.label for row in check_layer(scipy.special.erf, X).rows] == ["gradient of x"]
    assert [row.label for row in check_layer(np.exp, X).rows] == ["gradient of x"]
    with pytest.raises(AssertionError, match="gradient of x is off by a factor of 1/2"):
        check_layer(lambda x: x.detach() * x, X)


def test_a_convention_of_averaged_parameter_gradients_is_an_option_for_all_or_some() -> None:
    layer = student.MeanLinear(3, 2, draw_weights, zero_bias)
    assert check_layer(layer, X, parameter_gradients="mean").rows[1].label == "dW"
    with pytest.raises(AssertionError, match=r"dW is off by a factor of 1/N = 1/4\n(.*\n)*note: .*'mean'"):
        check_layer(layer, X)
    with pytest.raises(AssertionError) as failure:
        check_layer(layer, X, parameter_gradients={"W": "mean"})
    assert "dW is" not in str(failure.value)
    assert "db is off by a factor of 1/N = 1/4" in str(failure.value)
    with pytest.raises(AssertionError, match="dLdW is off by a factor of N = 4"):
        check_layer(student.Linear(3, 2), X, parameter_gradients="mean")
    with pytest.raises(ValueError, match=r"a dict of these by parameter \(W, b\), not 'w': 'mean'"):
        check_layer(layer, X, parameter_gradients={"w": "mean"})


def test_a_kink_accepts_what_lies_between_and_notes_where_hand_and_tape_choose_differently() -> None:
    class HalfAtZero(student.ReLU):
        def backward(self, dLdA: Any) -> Any:
            return dLdA * np.heaviside(self.A, 1.0)

    x = np.array([[0.0, 1.0]])
    found = check_layer(HalfAtZero(), x)
    assert found.rows[0].kink
    assert "  kink  " in str(found)
    assert found.notes == ["gradient of Z: hand and tape differ at a kink, both within the one-sided derivatives"]

    class TwoAtZero(student.ReLU):
        def backward(self, dLdA: Any) -> Any:
            return dLdA * np.where(self.A == 0, 2.0, 1.0)

    with pytest.raises(AssertionError, match=r"wrong only where Z <= 0|wrong only where Z == 0"):
        check_layer(TwoAtZero(), x)


def test_a_layer_that_refuses_values_outside_its_domain_is_checked_within() -> None:
    class Log:
        def forward(self, x: Any) -> Any:
            if np.any(x <= 0):
                raise ValueError("x <= 0")
            self.x = x
            return np.log(x)

        def backward(self, dy: Any) -> Any:
            return dy / self.x

    check_layer(Log(), np.array([1e-3, 0.5]))


def test_what_cannot_be_decided_is_no_success() -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError, match="could not be checked") as failure:
        check_layer(student.Sigmoid(), np.full(3, np.nan))
    assert "only 0 of 1 comparisons were conclusive" in str(failure.value)
    assert "note: the value is not finite" in str(failure.value)


@pytest.mark.parametrize(
    "error, message, arguments",
    [
        (TypeError, r"make one first: check_layer\(Linear\(\.\.\.\), \.\.\.\)", (student.Linear, X)),
        (TypeError, "it needs forward", (3.0, X)),
        (TypeError, "no floating-point input .* write 3.0 for 3", (student.ReLU(), np.arange(3))),
        (ValueError, "forward of Unseeded gives other values each time", (student.Unseeded(), X)),
        (TypeError, "returned no tensor but ndarray", (lambda x: x.data, X)),
        (TypeError, "returned complex numbers; check_grads", (lambda x: x * 1j, X)),
    ],
)
def test_what_cannot_be_checked_says_what_to_do(error: type[Exception], message: str, arguments: tuple) -> None:
    with pytest.raises(error, match=message):
        check_layer(*arguments)


def test_integer_inputs_are_not_differentiated_but_parameters_are() -> None:
    found = check_layer(student.Linear(3, 2), np.arange(12).reshape(4, 3))
    assert [row.label for row in found.rows] == ["dLdW", "dLdb"]


def test_watchers_are_told_of_a_check_that_passed() -> None:
    told: list[Any] = []
    report.watchers.append(told.append)
    try:
        passed = check_layer(student.Sigmoid(), X)
        with pytest.raises(AssertionError):
            check_layer(student.WrongSign(), X)
    finally:
        report.watchers.remove(told.append)
    assert told == [passed]
    assert (passed.what, passed.checked, passed.conclusive) == ("Sigmoid", 24, 24)


def test_a_long_report_fits_one_screen() -> None:
    class Chain(student.MLP1):
        def __init__(self) -> None:
            self.layers = [student.Linear(2, 2) for _ in range(8)]

        def backward(self, dLdA: Any) -> Any:
            dLdA = super().backward(dLdA)
            for layer in self.layers:
                layer.dLdW = -layer.dLdW
                layer.dLdb = -layer.dLdb
            return dLdA

    with pytest.raises(AssertionError) as failure:
        check_layer(Chain(), X[:, :2])
    assert len(str(failure.value).splitlines()) <= 40
    assert "and 12 more wrong gradients" in str(failure.value)


def test_several_outputs_are_checked_together_and_indices_among_them_left_out() -> None:
    found = check_layer(lambda x: {"a": np.sin(x), "b": [x * x, np.argmax(x)]}, X)
    assert [(row.label, row.verdict) for row in found.rows] == [("gradient of x", "right")]


def test_what_differences_cannot_tell_is_said() -> None:
    found = check_layer(student.BatchNorm1d(3), np.random.default_rng(0).normal(size=(2, 3)))
    assert [row.verdict for row in found.rows] == ["unsure", "right", "right"]  # of two rows all gradients cancel
    assert 0.5 <= found.share < 1
    assert "note: gradient of Z: differences cannot tell in 8 comparisons, e.g. at [0, 1]" in str(found)
    with pytest.raises(AssertionError, match="could not be checked"):
        check_layer(student.BatchNorm1d(3), np.random.default_rng(0).normal(size=(2, 3)), min_conclusive=0.9)


def test_tensors_are_taken_for_arrays() -> None:
    assert check_layer(student.Sigmoid(), Tensor(X)).rows[0].verdict == "right"
