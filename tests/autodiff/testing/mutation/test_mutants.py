"""Mutants are wrong in just the way they say, wherever a rule is run; and ``check_primitive`` notices them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import autodiff
from autodiff import Tensor, defvjp, gradients
from autodiff.primitive import REGISTRY, Primitive
from autodiff.testing import check_primitive
from autodiff.testing.mutation.mutants import FACTOR, MUTATIONS, Mutant, mutants, watched

NAMED = {primitive.name: function for function, primitive in REGISTRY.items()}
MATRIX, VECTOR, OTHER = [[4.0, 1.0], [2.0, 5.0]], [2.0, 3.0], [5.0, -7.0]


def mutant_of(function: Callable, argument: str, mutation: str, in_place: bool = False) -> Mutant:
    for mutant in mutants({function: REGISTRY[function]}):
        if (mutant.argument, mutant.mutation, mutant.in_place) == (argument, mutation, in_place):
            return mutant
    raise LookupError(f"{function} has no mutant {argument}: {mutation}")


def pulled_back(f: Callable, *args: Any, create_graph: bool = False) -> list[np.ndarray]:
    """The gradients of the sum of what ``f`` gives."""
    tensors = [Tensor(np.array(a, dtype=float), requires_grad=True) for a in args]
    return [g.data for g in gradients([np.sum(f(*tensors))], tensors, create_graph=create_graph)]


def recorded(f: Callable, *args: Any) -> list[np.ndarray]:
    return pulled_back(f, *args, create_graph=True)


def side_by_side(f: Callable, *args: Any) -> list[np.ndarray]:
    """The same from the rows of the Jacobian, which are pulled back as one batch."""
    jacobians = autodiff.jacobian(lambda *xs: np.reshape(f(*xs), -1), tuple(range(len(args))))
    return [np.asarray(j).sum(axis=0) for j in jacobians(*[np.array(a, dtype=float) for a in args])]


def written(x: Any, value: Any) -> Any:
    x = 2 * x
    x[0] = value
    return x


# fmt: off
FORMS = {
    "plain":           (np.multiply,       "x",       np.multiply,                     (VECTOR, OTHER)),
    "of a constant":   (np.divide,         "x",       lambda x: x / np.array(OTHER),   (VECTOR,)),
    "joint":           (np.linalg.solve,   "b",       lambda b, a: np.linalg.solve(a, b), (VECTOR, MATRIX)),
    "of a list":       (np.stack,          "arrays",  lambda x: np.stack([x, OTHER]),  (VECTOR,)),
    "of a reduction":  (np.std,            "a",       np.std,                          (VECTOR,)),
    "reading":         (operator.getitem,  "a",       lambda x: x[0] + x[0] * x[1],    (VECTOR,)),
    "writing":         (NAMED["setitem"],  "value",   lambda value, x: written(x, value), (3.0, VECTOR)),
    "several outputs": (np.linalg.slogdet, "a",       lambda x: np.linalg.slogdet(x)[1], (MATRIX,)),
}
# fmt: on
"""For each form of rule: a primitive, its argument, and a function of that first of all, with a point."""


@pytest.mark.parametrize("way", [pulled_back, recorded, side_by_side])
@pytest.mark.parametrize("form", FORMS)
def test_a_scaled_rule_scales_the_gradient_of_its_argument_alone_while_applied(form: str, way: Callable) -> None:
    function, argument, f, args = FORMS[form]
    right, *others = way(f, *args)
    with mutant_of(function, argument, "scaled").applied():
        wrong, *same = way(f, *args)
    assert_allclose(wrong, FACTOR * right, rtol=1e-15)
    assert_array_equal(way(f, *args)[0], right)
    for a, b in zip(same, others, strict=True):
        assert_array_equal(a, b)


def test_a_graph_recorded_before_is_pulled_back_wrongly_and_one_recorded_meanwhile_rightly_after() -> None:
    x = Tensor(VECTOR, requires_grad=True)
    before = np.sum(np.sin(x))
    with mutant_of(np.sin, "x", "negated").applied():
        before.backward()
        meanwhile = np.sum(np.sin(x))
    assert_array_equal(x.grad.data, -np.cos(VECTOR))
    x.grad = None
    meanwhile.backward()
    assert_array_equal(x.grad.data, np.cos(VECTOR))


def test_a_primitive_of_three_arguments_is_wrong_for_choices_of_them_first_made_meanwhile() -> None:
    triple = defvjp(lambda x, y, z: x * y * z, x=lambda g, y, z: g * y * z, y=lambda g: g, z=lambda g: g)
    try:
        with mutant_of(triple.__wrapped__, "x", "scaled").applied():
            wrong = pulled_back(lambda x: triple(x, 3.0, 5.0), 2.0)
        assert wrong == [FACTOR * 15]
        assert pulled_back(lambda x: triple(x, 3.0, 5.0), 2.0) == [15]
    finally:
        del REGISTRY[triple.__wrapped__]


def test_an_error_leaves_the_rules_right() -> None:
    with pytest.raises(KeyboardInterrupt), mutant_of(np.exp, "x", "missing").applied():
        raise KeyboardInterrupt
    assert pulled_back(np.exp, 0.0) == [1]


def test_missing_gradients_are_zeros_even_if_they_would_be_infinite() -> None:
    with np.errstate(divide="ignore"), mutant_of(np.sqrt, "x", "missing").applied():
        assert_array_equal(pulled_back(np.sqrt, [0.0, 1.0])[0], [0, 0])


def test_swapped_rules_give_each_argument_the_gradient_of_the_other_where_both_need_one() -> None:
    with mutant_of(np.multiply, "x and y", "swapped").applied():
        assert_array_equal(pulled_back(np.multiply, VECTOR, OTHER), [VECTOR, OTHER])
        assert_array_equal(pulled_back(lambda x: x * np.array(OTHER), VECTOR), [OTHER])
    right = pulled_back(np.linalg.solve, MATRIX, np.eye(2))
    with mutant_of(np.linalg.solve, "a and b", "swapped").applied():
        assert_array_equal(pulled_back(np.linalg.solve, MATRIX, np.eye(2)), right[::-1])


def test_rules_that_say_the_same_are_not_swapped() -> None:
    with pytest.raises(LookupError):
        mutant_of(np.add, "x and y", "swapped")
    assert mutant_of(np.subtract, "x and y", "swapped")


def test_an_unsummed_gradient_is_the_first_of_those_of_a_broadcast_argument() -> None:
    with mutant_of(np.multiply, "x", "not summed").applied():
        assert_array_equal(pulled_back(np.multiply, 1.0, VECTOR)[0], 2)
        assert_array_equal(pulled_back(np.multiply, [1.0], [VECTOR, OTHER])[0], [2])
        assert_array_equal(pulled_back(np.multiply, OTHER, VECTOR)[0], VECTOR)
        assert_array_equal(pulled_back(np.multiply, 1.0, np.ones(0))[0], 0)
        assert_array_equal(pulled_back(np.multiply, VECTOR, 1.0)[1], 5)


def test_a_dropped_tie_loses_the_gradient_of_equal_entries_alone() -> None:
    with mutant_of(np.max, "a", "tie dropped").applied():
        for way in (pulled_back, recorded):
            assert_array_equal(way(lambda x: np.max(x, axis=1), [[1.0, 1.0], [1.0, 2.0]])[0], [[0, 0], [0, 1]])
    with mutant_of(np.maximum, "y", "tie dropped").applied():
        assert_array_equal(pulled_back(np.maximum, [1.0, 2.0], [1.0, 3.0]), [[0.5, 0], [0, 1]])


@pytest.mark.parametrize("function", [np.take, np.where, np.nanmean, operator.getitem])
def test_what_shares_no_cotangent_among_equal_entries_has_no_tie_to_drop(function: Callable) -> None:
    assert "tie dropped" not in {mutant.mutation for mutant in mutants({function: REGISTRY[function]})}


def test_a_missing_output_sends_no_gradient_and_the_others_do() -> None:
    def eigen(k: int) -> Callable:
        return lambda x: np.linalg.eigh(x)[k] * np.arange(1.0, 3.0)

    symmetric = [[2.0, 1.0], [1.0, 3.0]]
    vectors = pulled_back(eigen(1), symmetric)
    with mutant_of(np.linalg.eigh, "output 0", "output missing").applied():
        assert_array_equal(pulled_back(eigen(0), symmetric), np.zeros((1, 2, 2)))
        assert_array_equal(pulled_back(eigen(1), symmetric), vectors)


def test_a_rule_that_is_wrong_in_place_is_right_elsewhere() -> None:
    for function, argument, f, args in (FORMS["reading"], FORMS["writing"]):
        (right, *_), (taped, *_) = pulled_back(f, *args), recorded(f, *args)
        with mutant_of(function, argument, "scaled", in_place=True).applied():
            assert_allclose(pulled_back(f, *args)[0], FACTOR * right, rtol=1e-15)
            assert_array_equal(recorded(f, *args)[0], taped)


def test_structural_zeros_stay_zeros_under_a_scaled_rule() -> None:
    with np.errstate(divide="ignore"), mutant_of(np.log, "x", "scaled").applied():
        for way in (pulled_back, recorded):
            assert_array_equal(way(lambda x: np.where(x > 0, np.log(x), 0), [0.0, 1.0])[0], [0, FACTOR])


def test_every_argument_of_every_primitive_has_its_mutants() -> None:
    found: dict[Primitive, list[Mutant]] = {}
    for mutant in mutants():
        found.setdefault(mutant.primitive, []).append(mutant)
    assert {mutant.mutation for own in found.values() for mutant in own} == set(MUTATIONS)
    for primitive in REGISTRY.values():
        for mutation in ("scaled", "negated", "missing"):
            arguments = {m.argument for m in found[primitive] if m.mutation == mutation}
            assert arguments == set(primitive.arguments)
        if primitive.multiple:
            assert sum(m.mutation == "output missing" for m in found[primitive]) >= 2
        assert any(m.in_place for m in found[primitive]) == primitive.form.writes


def effects_on(function: Callable, f: Callable, *args: Any) -> set[str]:
    """The mutants that would have changed a gradient, while the gradient of ``f`` is what it always is."""
    effects: set[Mutant] = set()
    called: set[tuple[Primitive, str]] = set()
    right = pulled_back(f, *args)
    with watched(mutants({function: REGISTRY[function]}), effects, called):
        for found, expected in zip(pulled_back(f, *args), right, strict=True):
            assert_array_equal(found, expected)
    assert {primitive for primitive, _ in called} == {REGISTRY[function]}
    return {str(mutant).partition(", ")[2] for mutant in effects}


def test_a_watch_notes_the_mutants_that_would_change_a_gradient() -> None:
    every = {f"{argument}: {mutation}" for argument in "xy" for mutation in ("scaled", "negated", "missing")}
    swapped = {"x and y: swapped"}
    assert effects_on(np.multiply, np.multiply, VECTOR, OTHER) == every | swapped
    assert effects_on(np.multiply, np.multiply, VECTOR, VECTOR) == every
    assert effects_on(np.multiply, np.multiply, 1.0, OTHER) == every | swapped | {"x: not summed"}
    assert effects_on(np.multiply, lambda x: x * 0.0, VECTOR) == set()
    assert effects_on(np.max, np.max, VECTOR) == {"a: scaled", "a: negated", "a: missing"}
    assert "a: tie dropped" in effects_on(np.max, np.max, [1.0, 1.0])


def test_a_watch_sees_what_works_in_place_and_what_masks() -> None:
    function, _, f, args = FORMS["reading"]
    kinds = ("scaled", "negated", "missing")
    assert effects_on(function, f, *args) == {f"a{place}: {kind}" for place in ("", " in place") for kind in kinds}
    assert "y: not summed" in effects_on(np.divide, lambda x, y: np.where(x > 2, x / y, 0), VECTOR, 2.0)


SAMPLE = [
    np.multiply, np.hypot, np.maximum, np.max, np.sum, np.concatenate, np.linalg.eigh, operator.getitem,
    NAMED["setitem"], NAMED["_qr"],
]  # fmt: skip
"""Primitives of each form: plain, broadcasting, selecting, of lists, of several outputs, in place. Of joint ones, whose
mutants take check_primitive long, one made for the purpose."""


SEVERAL = np.array([0.5, 2.0, 0.25, 3.0])
BROADCAST = [(np.array(0.75), SEVERAL), (SEVERAL, np.array(0.75))]
"""Calls with a broadcast argument, which are drawn too seldom to rely on."""


def unnoticed(function: Callable) -> list[str]:
    """The mutants that check_primitive says nothing about."""
    found = []
    for mutant in mutants({function: REGISTRY[function]}):
        with mutant.applied():
            try:
                for args in BROADCAST if mutant.mutation == "not summed" else [()]:
                    check_primitive(function, *args)
                found.append(str(mutant))
            except AssertionError:
                pass
    return found


@pytest.mark.parametrize("function", SAMPLE, ids=[REGISTRY[function].name for function in SAMPLE])
def test_every_mutant_of_a_sample_of_primitives_is_noticed(function: Callable) -> None:
    assert unnoticed(function) == []


def test_every_mutant_of_a_joint_rule_is_noticed() -> None:
    def joint(g: Any, x: Any, y: Any) -> dict:
        return {"x": g * y * y, "y": lambda: 2 * g * x * y}

    product = defvjp(lambda x, y: x * y * y, joint=joint, joint_arguments=("x", "y"), broadcasts=True).__wrapped__
    try:
        assert len(list(mutants({product: REGISTRY[product]}))) == 9
        assert unnoticed(product) == []
    finally:
        del REGISTRY[product]
