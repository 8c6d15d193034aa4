"""The report card as text."""

from __future__ import annotations

from autodiff.testing.layers.grading.card import Findings, Grade, report_card

LONG = "its constructor takes " + "one thing after another, " * 5 + "and then it stops"


def test_the_card_has_lines_diagnoses_and_a_total() -> None:
    grades = [
        Grade("linear.py", "Linear", Findings(right=["1 gradient"], wrong=[("dW is transposed", "table\n\nof dW")])),
        Grade("loss.py", "MSELoss", Findings(right=["1 gradient", "values"], notes=["by the way"] * 8)),
        Grade("model.py", "", Findings(unchecked=[LONG])),
    ]
    assert report_card("mytorch", grades, ["Dataset"]).splitlines() == [
        "Report card of mytorch",
        "linear.py  Linear   WRONG: dW is transposed",
        "loss.py    MSELoss  right: 1 gradient, values" + 6 * "; by the way" + ";",
        "                      by the way; by the way",
        "model.py            could not be checked: its constructor takes one thing after another,"
        " one thing after another, ...",
        "",
        "Linear (linear.py) is wrong",
        "  table",
        "",
        "  of dW",
        "  right: 1 gradient",
        "",
        "model.py could not be checked",
        "  its constructor takes" + 3 * " one thing after another," + " one thing after",
        "    another, one thing after another, and then it stops",
        "",
        "1 right, 1 wrong, 1 could not be checked",
        "passed over, as bases of others or unlike any layer, loss, optimiser or model: Dataset",
    ]


def test_the_reason_why_something_could_not_be_checked_is_shown_in_full_once() -> None:
    for words in range(1, 40):
        reason = f"it {'really ' * words}is"
        line, *rest = report_card("", [Grade("a.py", "Layer", Findings(unchecked=[reason]))], []).splitlines()[1:]
        whole = line == f"a.py  Layer  could not be checked: {reason}"
        assert whole or line.endswith(" ...")
        assert (rest[:2] == ["", "Layer could not be checked"]) is not whole
        assert max(map(len, [line, *rest])) <= 120


def test_what_could_not_be_checked_is_never_called_right() -> None:
    assert Findings().verdict == "could not be checked"
    assert Findings(right=["values"], unchecked=["evaluation"]).verdict == "could not be checked"
    assert Findings(right=["values"], unchecked=["evaluation"], wrong=[("dW is wrong", "")]).verdict == "WRONG"
    assert Findings(right=["values"], notes=["by the way"]).verdict == "right"
