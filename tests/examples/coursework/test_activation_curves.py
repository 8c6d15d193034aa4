"""The curves of activations: the tape finds the derivatives of textbooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import nn

from .conftest import COURSEWORK, load

(activation_curves,) = load("activation_curves", path=COURSEWORK)


def test_tape_and_formula_agree_and_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    picture = tmp_path / "curves.png"
    activation_curves.main(["--output", str(picture)])
    assert picture.read_bytes().startswith(b"\x89PNG")
    *rows, _ = capsys.readouterr().out.splitlines()
    differences = {name: float(difference) for name, difference in map(str.split, rows)}
    assert (
        {"ReLU", "LeakyReLU(0.01)", "Softplus(beta=1)", "GELU"} < differences.keys() == activation_curves.CURVES.keys()
    )
    assert max(differences.values()) < 1e-15


@pytest.mark.parametrize("output", ["no such folder/curves.png", "curves.unknown"])
def test_what_cannot_be_written_is_named(
    output: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activation_curves, "CURVES", {"ReLU": activation_curves.CURVES["ReLU"]})
    with pytest.raises(SystemExit):
        activation_curves.main(["--output", output])
    assert f"error: --output {output}: " in capsys.readouterr().err


def test_a_wrong_formula_differs_and_both_derivatives_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    monkeypatch.setattr(activation_curves, "Figure", lambda **options: figures.append(Figure(**options)) or figures[-1])
    wrong = activation_curves.Curve(nn.Sigmoid(), activation_curves.sigmoid)
    right = activation_curves.CURVES["Sigmoid"]
    differences = activation_curves.draw({"right": right, "wrong": wrong}, tmp_path / "curves.png")
    assert differences["right"] < 1e-15 and differences["wrong"] > 0.5
    (figure,) = figures
    assert [axes.get_title() for axes in figure.axes[:2]] == ["right", "wrong"]
    points = figure.axes[1].lines[1].get_xdata()
    value, formula, tape = (line.get_ydata() for line in figure.axes[1].lines[1:])  # after the axis of 0
    assert points[[0, -1]].tolist() == [-5, 5]
    np.testing.assert_allclose(formula, value, rtol=1e-14)  # which is what is wrong
    np.testing.assert_allclose(tape, value * (1 - value), atol=1e-15)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["value", "derivative, formula", "derivative, tape"]
