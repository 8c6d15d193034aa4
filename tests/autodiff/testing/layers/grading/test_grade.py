"""Folders of solutions: right ones of five courses pass, and wrong ones are diagnosed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SOLUTIONS, Grading

RIGHT = {
    "cmu_2025": {
        "Linear": "right: 3 gradients (W, b summed), values",
        "Identity": "right: 1 gradient, values",
        "Sigmoid": "right: 1 gradient, values",
        "Tanh": "right: 1 gradient, values",
        "ReLU": "right: 1 gradient, values",
        "GELU": "right: 1 gradient, values",
        "Softmax": "right: 1 gradient, values",
        "MSELoss": "right: 1 gradient, values",
        "CrossEntropyLoss": "right: 1 gradient, values; it overflows for logits near 1000; LogSumExp does not",
        "BatchNorm1d": "right: 3 gradients (BW, Bb summed), values, running statistics, evaluation",
        "SGD": "right: 3 steps with no momentum, 3 steps with momentum 0.9",
        "MLP4": "right: 11 gradients (W, b summed), values",
    },
    "cmu_2021": {
        "Identity": "right: 1 gradient, values",
        "Sigmoid": "right: 1 gradient, values",
        "SoftmaxCrossEntropy": "right: 1 gradient, values",
        "Linear": "right: 3 gradients (W, b averaged), values",
        "MLP": "right: 4 gradients (W, b averaged), step with momentum; "
        "backward does not return the gradient of x; values not compared",
    },
    "cmu_2019": {
        "BatchNorm": "right: 3 gradients (gamma, beta summed), values, running statistics, evaluation; "
        "gradients of gamma, beta are 1-D, as in 2019",
    },
    "berkeley": {
        "Linear": "right: 1 gradient, values",
        "Sigmoid": "right: 1 gradient, values",
        "ReLU": "right: 1 gradient, values",
        "SoftMax": "right: 1 gradient, values",
        "FullyConnected": "right: 3 gradients (W, b summed), values",
        "CrossEntropy": "right: 1 gradient, values",
        "SGD": "right: 3 steps with no momentum, 3 steps with momentum 0.9",
    },
    "nyu_2022": {
        "MLP": "right: 4 gradients (W1, b1, W2, b2 summed); "
        "backward does not return the gradient of x; values not compared",
        "mse_loss": "right: 1 gradient, values",
        "bce_loss": "right: 1 gradient, values",
    },
}


@pytest.mark.parametrize("course", RIGHT)
def test_right_solutions_of_five_courses_pass(grades: Grading, course: str) -> None:
    assert {name: grade.line for name, grade in grades(course).items()} == RIGHT[course]


def test_a_model_is_given_the_parts_of_its_own_course(grades: Grading, tmp_path: Path) -> None:
    for course in ("berkeley", "cmu_2021"):
        shutil.copytree(SOLUTIONS / course, tmp_path / course)
    assert grades(tmp_path)["MLP"].line == RIGHT["cmu_2021"]["MLP"]


@pytest.mark.parametrize("shape", [(2, 3), (4, 5), (3, 3), (1, 2)])
@pytest.mark.parametrize("course", ["cmu_2025", "cmu_2021"])
def test_a_right_layer_is_right_whatever_the_shape(
    written: Grading, course: str, shape: tuple[int, int]
) -> None:  # of 2 rows a mean is a half; 5 features make a square of W; of 1 row the mean is the sum
    (file,) = (SOLUTIONS / course).rglob("linear.py")
    grade = written(linear=file.read_text(), shape=shape)["Linear"]
    assert grade.line.startswith("right: 3 gradients (W, b ") and grade.line.endswith("), values")


def test_an_input_that_suits_no_value_is_not_held_against_backward(written: Grading) -> None:
    source = (SOLUTIONS / "nyu_2022/mlp.py").read_text()
    line = written(mlp=source, shape=(4, 1))["bce_loss"].line  # a probability of one class is 1
    assert line.startswith("could not be checked: the value is not finite")


def test_a_transposed_gradient_is_diagnosed(grades: Grading) -> None:
    found = grades("transposed")
    assert found["Sigmoid"].line == "right: 1 gradient, values"
    assert found["Linear"].line == "WRONG: dLdW is transposed"


def test_a_missing_factor_of_1_over_n_is_diagnosed_in_forward_backward_and_in_one_of_two_parameters(
    grades: Grading,
) -> None:
    found = grades("missing_1_over_n")
    assert found["MSELoss"].line == "WRONG: the value of forward is off by a factor of N = 4"
    assert found["CrossEntropyLoss"].line == "WRONG: gradient of A is off by a factor of N = 4"
    assert (
        found["Linear"].line
        == "WRONG: dW is averaged over the batch, but db is not: a factor of 1/N is missing or too much"
    )


def test_an_unbiased_variance_is_diagnosed_though_the_gradient_fits_it(grades: Grading) -> None:
    (grade,) = grades("unbiased_variance").values()
    assert grade.line == (
        "WRONG: the value of forward has the unbiased variance (N-1 = 3); the biased one is asked for (N = 4); "
        "running_V has the unbiased variance (N-1); the biased one is asked for"
    )
    assert grade.findings.right == ["3 gradients (BW, Bb summed)", "evaluation"]


@pytest.mark.parametrize(
    "course, insist, line",
    [
        ("cmu_2021/mytorch", "mean", "right: 3 gradients (W, b averaged), values"),
        ("cmu_2021/mytorch", "sum", "WRONG: dW is off by a factor of 1/N = 1/4; db is off by a factor of 1/N = 1/4"),
        (
            "transposed",
            "mean",
            "WRONG: dLdW is transposed, and is off by a factor of N = 4; dLdb is off by a factor of N = 4",
        ),
    ],
)
def test_a_convention_can_be_insisted_on(grades: Grading, course: str, insist: str, line: str) -> None:
    assert grades(course, insist)["Linear"].line == line


@pytest.mark.parametrize(
    "new, line",
    [
        ("(self.x.T @ delta).T / len(delta)", "WRONG: dW is transposed"),
        (
            "(self.x.T @ delta).T",
            "WRONG: dW is transposed; "
            "db is averaged over the batch, but dW is not: a factor of 1/N is missing or too much",
        ),
        ("np.sin(self.x.T @ delta)", "WRONG: dW is wrong"),
    ],
)
def test_a_mixture_of_conventions_is_seen_beside_other_mistakes(mutant: Callable, new: str, line: str) -> None:
    assert mutant("cmu_2021/mytorch/linear.py", "Linear", "self.x.T @ delta / len(delta)", new) == line


def test_gradients_of_a_batch_norm_are_sums_even_where_others_are_means(grades: Grading) -> None:
    assert grades("cmu_2019", "mean")["BatchNorm"].line.startswith("right: 3 gradients (gamma, beta summed)")


LAYER = """
import numpy as np


class {name}:
    def __init__(self{arguments}):
        {init}

    def forward(self, x):
        {forward}

    def backward(self, dy):
        {backward}
"""


def layer(name: str, **parts: str) -> str:
    usual = {"arguments": "", "init": "pass", "forward": "return 2 * x", "backward": "return 2 * dy"}
    return LAYER.format(name=name, **(usual | parts))


def test_layers_of_unknown_names_have_their_gradients_checked(grades: Grading, written: Grading) -> None:
    found = written(mine=layer("Double") + layer("Triple", backward="return 3.4 * dy"))
    assert found["Double"].line == "right: 1 gradient; values not compared"
    assert found["Triple"].line == "WRONG: gradient of x is off by the constant factor 1.7"


MISBEHAVING = {
    "Endless": (
        layer("Endless", forward="while True: pass"),
        "could not be checked: takes more than 0.5 s: an endless loop? else allow more with --time-limit",
    ),
    "Catching": (
        layer(
            "Catching", forward="\n        ".join(["while True:", "  try: x = x", "  except: pass", "  else: x = x"])
        ),
        "could not be checked: takes more than 0.5 s",
    ),
    "Loud": (layer("Loud", forward="print('here'); return 2 * x"), "right: 1 gradient"),
    "Leaving": (layer("Leaving", forward="raise SystemExit(0)"), "could not be checked: Leaving.forward(x (4, 3))"),
    "Sigmoid": (
        layer("Sigmoid", forward="return 1 / (1 + np.exp(-z))"),
        "WRONG: Sigmoid.forward(x (4, 3)) raised NameError: name 'z' is not defined",
    ),
    "Strange": (
        layer("Strange", forward="return z"),
        "could not be checked: Strange.forward(x (4, 3)) raised NameError",
    ),
    "Unwritten": (
        layer("Unwritten", backward="raise NotImplementedError"),
        "could not be checked: NotImplementedError",
    ),
    "Single": (
        layer("Single", forward="return (2 * x).astype(np.float32)"),
        "WRONG: forward returns float32 for float64: that leaves too few digits to check its gradients",
    ),
    "Named": (layer("Named", arguments=", name"), "right: 1 gradient"),
    "Empty": (layer("Empty", forward="return None"), "could not be checked: forward of Empty returned nothing"),
    "ReLU": (layer("ReLU", forward="return None"), "could not be checked: forward of ReLU returned nothing"),
    "Tanh": (
        "class Tanh:\n    def forward(self, x):\n        return x\n",
        "could not be checked: it has no backward or derivative",
    ),
    "Secretive": (
        layer("Secretive", arguments=", secret"),
        "could not be checked: Secretive needs secret, which cannot be guessed; try it alone: --init",
    ),
    "Learning": (
        layer("Learning", init="self.stretch = np.ones(3)", forward="return x * self.stretch").replace("2 * dy", "dy"),
        "could not be checked: no gradient found for stretch",
    ),
    "Blind": (
        layer("Blind", forward="return 0 * x", backward="return 0 * dy"),
        "could not be checked: zero at this point, which hides errors: gradient of x",
    ),
    "Linear": (
        layer("Linear", init="self.W = np.ones((3, 2)); self.dW = None", forward="return x @ self.W").replace(
            "2 * dy", "None"
        ),
        "WRONG: dW is missing: backward does not compute it; backward does not return the gradient of x",
    ),
    "Adam": (
        "class Adam:\n    def __init__(self, model, lr):\n        pass\n\n    def step(self):\n        pass\n",
        "could not be checked: there is a formula for SGD only",
    ),
    "Abstract": (
        "import abc\n" + layer("Abstract(abc.ABC)") + "\n    @abc.abstractmethod\n    def save(self): ...\n",
        "could not be checked: TypeError: Can't instantiate abstract class Abstract",
    ),
    "Tensors": ("torch = None\n" + layer("Tensors"), "could not be checked: it computes with PyTorch's tensors"),
}


def test_whatever_a_class_does_is_reported_and_the_others_are_graded(
    written: Grading, capfd: pytest.CaptureFixture[str]
) -> None:
    found = written(seconds=0.5, **{name.lower(): source for name, (source, _) in MISBEHAVING.items()})
    lines = {name: grade.line[: len(MISBEHAVING[name][1])] for name, grade in found.items()}
    assert lines == {name: line for name, (_, line) in MISBEHAVING.items()}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "parts, line",
    [
        (
            {"backward": "return (2 * dy).astype(np.float32)"},
            "WRONG: gradient of x is right to seven digits only: something is computed in float32",
        ),
        (
            {"forward": "x -= x.mean(); return 2 * x"},
            "WRONG: forward changes x in place; work on a copy; gradient of x",
        ),
    ],
)
def test_the_cause_is_named_before_its_consequences(written: Grading, parts: dict[str, str], line: str) -> None:
    assert written(mine=layer("Mine", **parts))["Mine"].line.startswith(line)


NORMALISING = """
import numpy as np


class Model:
    def __init__(self):
        self.b, self.db = np.zeros((1, 3)), None
        self.gamma, self.dgamma = np.ones((1, 3)), None

    def forward(self, x):
        # the value of a bias is not used, as if the mean were subtracted without a rounding error
        self.x, self.norm = x, (x - x.mean(axis=0) + 0 * self.b) / 2
        return self.gamma * self.norm

    def backward(self, dy):
        self.db, self.dgamma = 0 * self.b, (dy * self.norm).sum(axis=0, keepdims=True)
        return self.gamma * (dy - dy.mean(axis=0)) / 2
"""


@pytest.mark.parametrize(
    "scale, line",
    [
        ("gamma", "right: 3 gradients (gamma summed); values not compared"),
        ("stretch", "could not be checked: zero at this point, which hides errors: db; try other inputs or seeds"),
    ],
)
def test_only_a_bias_before_a_batch_norm_may_have_no_gradient(written: Grading, scale: str, line: str) -> None:
    assert written(mine=NORMALISING.replace("gamma", scale))["Model"].line == line


def test_a_mistake_at_the_first_point_is_not_forgotten_at_others_that_are_tried_for_a_zero(written: Grading) -> None:
    source = layer(
        "Shift",
        init="self.b, self.db = np.zeros(3), None",
        forward="self.x = x; return x + 0 * self.b",
        backward="self.db = 0 * self.b; return dy * (2 if self.x[0, 0] < 0.15 else 1)",  # so it is for the first seed
    )
    assert written(mine=source)["Shift"].line.startswith("WRONG: gradient of x is off by a factor of 2")


def test_gradients_of_weights_with_names_of_several_kinds_are_noted(mutant: Callable) -> None:
    line = mutant("cmu_2025/mytorch/nn/linear.py", "Linear", "self.dLdb", "self.db")
    assert line == "right: 3 gradients (W, b summed), values; gradients have names of several kinds: dLdW, db"


@pytest.mark.parametrize("wrong", ["2 * self.forward(x)", "None"])
def test_a_layer_that_can_be_called_gives_the_value_of_forward_then(mutant: Callable, wrong: str) -> None:
    line = mutant("cmu_2021/mytorch/linear.py", "Linear", "return self.forward(x)", f"return {wrong}")
    assert line == "WRONG: calling it gives another value than forward"


def test_gradients_that_are_added_up_from_call_to_call_are_noted(mutant: Callable) -> None:
    line = mutant("cmu_2025/mytorch/nn/linear.py", "Linear", "self.dLdb =", "self.dLdb = getattr(self, 'dLdb', 0) +")
    assert line == ("right: 3 gradients (W, b summed), values; backward adds to dLdb: called twice, it doubles them")


def test_base_classes_that_cannot_be_checked_are_left_out(written: Grading) -> None:
    base = layer("Layer", forward="raise NotImplementedError")
    derived = "\n\nclass Double(Layer):\n    def forward(self, x):\n        return 2 * x\n"
    assert list(written(mine=base + derived)) == ["Double"]


def convolution(axes: str, divisor: str = "1") -> str:
    """A convolution with windows of a single entry, channels second; ``axes`` has a letter for each of the others."""
    return layer(
        f"Conv{len(axes)}d",
        arguments=", in_channels, out_channels, kernel_size=1",
        init="self.W = np.ones((out_channels, in_channels))",
        forward=f"self.x = x; return np.einsum('oc,nc{axes}->no{axes}', self.W, x)",
        backward=f"self.dW = np.einsum('no{axes},nc{axes}->oc', dy, self.x) / {divisor}; "
        f"return np.einsum('oc,no{axes}->nc{axes}', self.W, dy)",
    )


@pytest.mark.parametrize("axes", ["s", "ij"])
def test_channels_come_second_for_convolutions_that_are_told_their_number(written: Grading, axes: str) -> None:
    (grade,) = written(conv=convolution(axes)).values()
    assert grade.line == "right: 2 gradients (W summed); values not compared"


@pytest.mark.parametrize(
    "divisor, line", [("len(dy)", "right: 2 gradients (W averaged); "), ("2", "WRONG: dW is off by a factor of 1/2")]
)
def test_a_convolution_may_average_over_the_batch(written: Grading, divisor: str, line: str) -> None:
    assert written(conv=convolution("s", divisor))["Conv1d"].line.startswith(line)


def test_sequences_are_given_to_pools_of_one_dimension(written: Grading) -> None:
    source = layer(
        "Pool1d",
        forward="n, c, self.length = x.shape; return x.mean(axis=2)",
        backward="return np.ones(self.length) * dy[:, :, None] / self.length",
    )
    assert written(pooling=source)["Pool1d"].line == "right: 1 gradient; values not compared"


def test_images_are_given_to_convolutions_and_pools(written: Grading) -> None:
    source = layer("Pool2D", forward="self.sizes = x.shape; return x.mean(axis=(1, 2))").replace(
        "2 * dy", "np.ones(self.sizes) * dy[:, None, None] / (self.sizes[1] * self.sizes[2])"
    )
    assert written(pooling=source)["Pool2D"].line == "right: 1 gradient; values not compared"
