"""The command line of a student or grader: what it prints, and how it exits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autodiff.testing.__main__ import main

LAYERS = """\
import numpy as np


class MyLinear:
    def __init__(self, in_features, out_features):
        self.W = np.zeros((out_features, in_features))
        self.b = np.zeros((out_features, 1))

    def forward(self, A):
        print("forward", A.shape)
        self.A = A
        return A @ self.W.T + self.b.T

    def backward(self, dLdZ):
        self.dLdW = self.A.T @ dLdZ
        self.dLdb = dLdZ
        return dLdZ @ self.W


class Activation:
    def forward(self, x):
        raise NotImplementedError

    def backward(self, dy):
        raise NotImplementedError


class Sine(Activation):
    def forward(self, x):
        self.x = x
        return np.sin(x)

    def backward(self, dy):
        return dy * np.cos(self.x)


class Unwritten(Activation):
    pass


class CrossEntropy:
    def forward(self, Y, Y_hat):
        self.Y, self.Y_hat = Y, Y_hat
        return -np.sum(Y * np.log(Y_hat)) / len(Y)

    def backward(self):
        return -self.Y / (len(self.Y) * self.Y_hat)


class ByIndex:
    def forward(self, logits, target):
        self.logits, self.target = logits, target
        shifted = np.exp(logits)
        self.p = shifted / np.sum(shifted, axis=1, keepdims=True)
        return -np.mean(np.log(self.p[np.arange(len(target)), target]))

    def backward(self):
        gradient = self.p.copy()
        gradient[np.arange(len(self.target)), self.target] -= 1
        return gradient / len(self.target)


class Averaged:
    def __init__(self, in_feature, out_feature, weight_init_fn, bias_init_fn):
        self.K, self.c = weight_init_fn(in_feature, out_feature), bias_init_fn(out_feature)

    def forward(self, x):
        self.x = x
        return x @ self.K + self.c

    def backward(self, delta):
        self.gK = self.x.T @ delta / len(delta)
        self.gc = delta.mean(axis=0, keepdims=True)
        return delta @ self.K.T


class Crashing:
    def forward(self, x):
        return self.helper(x, np.ones((7, 7)))

    def helper(self, x, weight):
        return x @ weight


class CrashingLayer(Crashing):
    def backward(self, dy):
        return dy


class Secretive:
    def __init__(self, secret):
        self.secret = secret

    def forward(self, x):
        return self.secret * x

    def backward(self, dy):
        return self.secret * dy


class Product:
    def forward(self, a, b):
        self.a, self.b = a, b
        return a @ b

    def backward(self, dy):
        return dy @ self.b.T, self.a.T @ dy


def wave(x):
    return np.sin(x) * x


sine = Sine()
"""


@pytest.fixture(autouse=True)
def _imports_are_forgotten() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in a folder that has LAYERS in layers.py; gives the exit code and what was printed."""
    (tmp_path / "layers.py").write_text(LAYERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as exit:  # argparse
            code = int(exit.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return command


def test_a_wrong_layer_is_explained_on_one_screen(run: Command) -> None:
    code, out, err = run("layers.py:MyLinear", "--shape", "4,3")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == 'guessed: MyLinear(in_features=3, out_features=5); say otherwise with --init "..."'
    assert lines[1] == "check_layer: MyLinear is wrong"
    assert "dLdW is transposed" in lines
    assert "dLdb is not summed over the batch" in lines
    assert len(lines) < 24
    assert max(map(len, lines)) < 120
    assert out.isascii()


def test_a_right_layer_exits_with_0(run: Command) -> None:
    code, out, err = run("layers.py:Sine", "--shape", "4,3")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "Sine is right"


def test_a_module_is_found_by_its_name_too(run: Command) -> None:
    assert run("layers:Sine", "--shape", "4,3")[0] == 0


def test_a_function_is_checked_on_the_tape(run: Command) -> None:
    code, out, _ = run("layers.py:wave", "--shape", "5")
    assert code == 0
    assert "gradient of x  (5,)" in out


@pytest.mark.parametrize("init", ["in_features=3, out_features=2", "3, 2", "*np.array([3, 2])"])
def test_arguments_of_the_constructor_can_be_given(run: Command, init: str) -> None:
    code, out, _ = run("layers.py:MyLinear", "--shape", "4,3", "--init", init)
    assert code == 1
    assert "guessed" not in out
    assert "by hand it has the shape (3, 2), not (2, 3)" in out


def test_an_argument_that_cannot_be_guessed_is_asked_for(run: Command) -> None:
    code, out, err = run("layers.py:Secretive", "--shape", "4,3")
    assert (code, out) == (2, "")
    assert err == 'not checked: Secretive needs secret; say what to make, e.g. --init "secret=..."\n'
    assert run("layers.py:Secretive", "--shape", "4,3", "--init", "secret=2.0")[0] == 0
    code, _, err = run("layers.py:Secretive", "--shape", "4,3", "--init", "secret=unknown")
    assert code == 2
    assert err == "not checked: --init 'secret=unknown': NameError: name 'unknown' is not defined\n"


def test_initial_values_parameters_and_conventions_can_be_named(run: Command) -> None:
    arguments = ["layers.py:Averaged", "--shape", "4,3", "--parameters", "K=gK,c=gc"]
    code, out, _ = run(*arguments, "--parameter-gradients", "mean")
    assert code == 0
    assert "weight_init_fn=normally distributed, bias_init_fn=normally distributed" in out
    code, out, _ = run(*arguments)
    assert code == 1
    assert "gK is off by a factor of 1/N = 1/4" in out
    assert "note: if the exercise wants means over the batch, say parameter_gradients='mean'" in out


def test_labels_are_recognised_by_their_name_and_drawn_as_asked(run: Command) -> None:
    code, out, _ = run("layers.py:CrossEntropy", "--shape", "4,3", "--values", "probabilities")
    assert code == 0
    assert out.splitlines()[:2] == [
        "guessed: Y holds one-hot labels; say otherwise with --labels",
        "guessed: backward returns the gradient of Y_hat; say otherwise with --argnum",
    ]
    assert "gradient of Y_hat  (4, 3)" in out
    assert run("layers.py:ByIndex", "--shape", "4,3", "--labels", "index")[0] == 0
    assert (
        "--labels is not used, since there is one input"
        in run("layers.py:Sine", "--shape", "3", "--labels", "float")[1]
    )
    code, out, _ = run("layers.py:CrossEntropy", "--shape", "4,3", "--values", "probabilities", "--argnum", "0")
    assert code == 1
    assert "gradient of Y holds the gradient of Y_hat" in out


def test_inputs_are_probabilities_where_others_give_no_finite_value(run: Command) -> None:
    code, out, _ = run("layers.py:CrossEntropy", "--shape", "4,3")
    assert code == 0
    assert "guessed: inputs are probabilities, others gave no finite value; say otherwise with --values" in out
    code, _, err = run("layers.py:CrossEntropy", "--shape", "4,3", "--values", "normal")
    assert code == 2
    assert "check_layer: CrossEntropy could not be checked" in err
    assert "note: the value is not finite" in err
    _, out, _ = run("layers.py", "--shape", "4,3", "--values", "normal")
    assert "CrossEntropy   not checked: the value is not finite; try --values or --seed" in out.splitlines()


def test_an_object_of_the_file_can_be_named(run: Command) -> None:
    assert run("layers.py:sine", "--shape", "3")[0] == 0


@pytest.mark.parametrize("shape", ["1", "4,1", "(4, 3)", "[2,3,]"])
def test_a_shape_may_be_written_as_a_tuple_and_have_sides_of_1(run: Command, shape: str) -> None:
    code, out, _ = run("layers.py:Sine", "--shape", shape)
    sides = [side for side in shape.strip("()[]").replace(" ", "").split(",") if side]
    assert code == 0 and f"gradient of x  ({', '.join(sides)}{',' if len(sides) == 1 else ''})" in out


def test_a_second_input_has_a_shape_of_its_own(run: Command) -> None:
    code, out, _ = run("layers.py:Product", "--shape", "4,3", "--shape", "3,2")
    assert code == 0
    assert "gradient of b  (3, 2)" in out


def test_an_exception_of_the_students_own_is_shown_with_its_line_and_without_a_traceback(run: Command) -> None:
    code, out, err = run("layers.py:CrashingLayer", "--shape", "4,3")
    assert (code, err) == (1, "")
    first, second = out.splitlines()
    assert first.startswith("Crashing.forward(x (4, 3)) raised ValueError: matmul: ")
    line = 1 + LAYERS.splitlines().index("        return x @ weight")
    assert second == f"  layers.py, line {line}: return x @ weight"


def test_a_layer_that_gives_nothing_is_not_checked(run: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text(
        "class Empty:\n    def forward(self, x): ...\n\n    def backward(self, dy):\n        return dy\n"
    )
    code, out, err = run("empty.py:Empty", "--shape", "3")
    assert (code, out) == (2, "")
    assert err.startswith("not checked: forward of Empty returned nothing, not real numbers; pass forward=")


def test_without_a_name_every_layer_of_the_file_has_a_line(run: Command) -> None:
    code, out, err = run("layers.py", "--shape", "4,3", "--labels", "one-hot", "--values", "probabilities")
    assert (code, err) == (1, "")
    summary = {line.split()[0]: line.partition("  ")[2].strip() for line in out.splitlines()}
    assert list(summary) == [
        "MyLinear",
        "Sine",
        "Unwritten",
        "CrossEntropy",
        "ByIndex",
        "Averaged",
        "CrashingLayer",
        "Secretive",
        "Product",
    ]
    assert summary["MyLinear"] == "WRONG: dLdW is transposed; dLdb is not summed over the batch"
    assert summary["Sine"] == summary["CrossEntropy"] == "right: 1 gradient"
    assert summary["Unwritten"] == "not checked: NotImplementedError, it is not written yet"
    assert summary["Secretive"] == 'not checked: Secretive needs secret; say what to make, e.g. --init "secret=..."'
    assert max(map(len, out.splitlines())) <= 120


def test_a_base_class_that_is_written_has_a_line_too(run: Command, tmp_path: Path) -> None:
    sine = next(part for part in LAYERS.split("\n\n\n") if part.startswith("class Sine"))
    parts = ["import numpy as np", sine.replace("(Activation)", ""), "class Wave(Sine): ...\n"]
    (tmp_path / "waves.py").write_text("\n\n\n".join(parts))
    assert run("waves.py", "--shape", "4,3") == (0, "Sine  right: 1 gradient\nWave  right: 1 gradient\n", "")


def test_the_worst_of_several_outcomes_is_the_exit_code(run: Command, tmp_path: Path) -> None:
    parts = LAYERS.split("\n\n\n")
    files = {"right.py": ["Sine"], "unknown.py": ["Sine", "Secretive"], "wrong.py": ["Sine", "Secretive", "MyLinear"]}
    codes = {}
    for file, classes in files.items():
        chosen = [part for part in parts if part.split()[1].split("(")[0].rstrip(":") in [*classes, "Activation"]]
        (tmp_path / file).write_text("\n\n\n".join(["import numpy as np", *chosen]))
        codes[file] = run(file, "--shape", "4,3")[0]
    assert codes == {"right.py": 0, "unknown.py": 2, "wrong.py": 1}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["none.py:MyLinear", "--shape", "4,3"], "there is no file 'none.py'"),
        (["no.such.module:MyLinear", "--shape", "4,3"], "there is no file or module 'no.such.module'"),
        (["layers.py:Other", "--shape", "4,3"], "layers.py has no class or function Other; it has MyLinear, "),
        (["empty.py", "--shape", "4,3"], "empty.py defines no class with forward and backward"),
        (["layers.py:Sine"], "say what --shape the input has, e.g. --shape 4,3 "),
        ([".", "--init", "3"], "--init is for one class; grade the folder without it, then say file.py:Class"),
        (["empty"], "empty has no class that looks like a layer, loss, optimiser or model"),
        (["no_such_folder"], "there is no folder .*no_such_folder; say what --shape the input has"),
        (["layers.py:Sine", "--shape", "4x3"], "'4x3' is not a shape such as 4,3"),
        (["layers.py:Sine", "--shape", "0,3"], "'0,3' is not a shape such as 4,3"),
        (["layers.py:Sine", "--shape", "3", "--parameters", "W"], "'W' is not a list such as W=dLdW,b=dLdb"),
        (
            ["layers.py:ByIndex", "--shape", "3", "--labels", "index"],
            r"needs predictions of shape \(N, C\), not \(3,\)",
        ),
    ],
)
def test_bad_usage_exits_with_2_and_says_what_is_wrong(
    run: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "empty").mkdir()
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(err)


@pytest.mark.parametrize(
    "source, message",
    [
        ("def f(:\n", "SyntaxError: "),
        ("import numpy as np\nnp.ones(3) @ np.ones(4)\n", "importing it raised ValueError: matmul: "),
        ("import nothing_of_this_name\n", "importing it raised ModuleNotFoundError: "),
        ("raise SystemExit(3)\n", "importing it raised SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_be_imported_is_shown_with_its_line(
    run: Command, tmp_path: Path, source: str, message: str
) -> None:
    (tmp_path / "broken.py").write_text(source)
    code, out, err = run("broken.py:Layer", "--shape", "4,3")
    assert (code, err) == (1, "")
    assert message in out
    assert f"broken.py, line {len(source.splitlines())}: {source.splitlines()[-1]}" in out
    code, out, err = run("broken.py", "--shape", "4,3")
    assert (code, err) == (1, "") and out.startswith(f"broken.py  {message}")


def test_a_file_in_a_package_is_imported_as_a_part_of_it(run: Command, tmp_path: Path) -> None:
    folder = tmp_path / "mytorch" / "nn"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").write_text("")
    (folder / "base.py").write_text("def double(x):\n    return 2 * x\n")
    (folder / "layer.py").write_text(
        "from .base import double\n\n\nclass Double:\n"
        "    def forward(self, x):\n        return double(x)\n\n"
        "    def backward(self, dy):\n        return double(dy)\n"
    )
    assert run("mytorch/nn/layer.py:Double", "--shape", "3")[0] == 0


def test_a_file_named_like_a_module_that_is_loaded_is_imported_all_the_same(run: Command, tmp_path: Path) -> None:
    (tmp_path / "types.py").write_text(LAYERS)
    assert run("types.py:Sine", "--shape", "3")[0] == 0


def test_a_folder_is_graded_with_a_line_for_each_class_the_diagnoses_and_a_total(run: Command) -> None:
    code, out, err = run(".")
    assert (code, err) == (1, "")
    card, diagnosis, *_ = out.split("\n\n")
    assert card.splitlines()[0] == "Report card of ."
    assert (
        card.splitlines()[1] == "layers.py  MyLinear       WRONG: dLdW is transposed; dLdb is not summed over the batch"
    )
    assert diagnosis.splitlines()[:2] == [
        "MyLinear (layers.py) is wrong",
        "  gradient       shape   entry   by hand  tape     differences  rel. error  verdict",
    ]
    assert out.splitlines()[-2:] == [
        "2 right, 1 wrong, 6 could not be checked",
        "passed over, as bases of others or unlike any layer, loss, optimiser or model: Crashing, Activation",
    ]
    assert max(map(len, out.splitlines())) <= 120


def test_the_worst_grade_of_a_folder_is_the_exit_code(run: Command, tmp_path: Path) -> None:
    codes = {}
    for name in ("Sine", "Secretive", "MyLinear"):
        chosen = [part for part in LAYERS.split("\n\n\n") if part.split()[1].partition("(")[0].rstrip(":") == name]
        folder = tmp_path / f"only_{name}"
        folder.mkdir()
        (folder / f"{name}.py").write_text("\n\n\n".join(["import numpy as np", "class Activation: ...", *chosen]))
        codes[name] = run(folder.name)[0]
    assert codes == {"Sine": 0, "Secretive": 2, "MyLinear": 1}


def test_the_command_is_python_m_autodiff_testing(tmp_path: Path) -> None:
    (tmp_path / "my_layers.py").write_text(LAYERS)
    root = Path(__file__).parents[3]
    command = [sys.executable, "-W", "error", "-m", "autodiff.testing", "my_layers.py:MyLinear", "--shape", "4,3"]
    process = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (1, "")
    assert "dLdW is transposed" in process.stdout


def test_help_shows_an_example(run: Command) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "python -m autodiff.testing my_layers.py:MyLinear --shape 4,3" in out
