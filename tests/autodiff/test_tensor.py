"""The Tensor: what it refuses, what it never changes, and where it behaves as an array."""

import copy
import math
import pickle
import re

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.sparse
import scipy.sparse.linalg
import scipy.spatial.distance
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import autodiff
from autodiff import Tensor, no_grad


def leaf(value):
    return Tensor(value, requires_grad=True)


# What would lose a gradient


@pytest.mark.parametrize(
    ("lose", "reason"),
    [
        (np.asarray, "numpy.asarray would lose the gradient"),
        (lambda t: np.array([t, t]), "would lose the gradient"),
        (lambda t: np.float64(t), "would lose the gradient"),
        (float, "float.. would lose the gradient"),
        (int, "int.. would lose the gradient"),
        (bool, "bool.. would lose the gradient"),
        (complex, "complex.. would lose the gradient"),
        (math.exp, "float.. would lose the gradient"),
        (lambda t: t.numpy(), "numpy.. would lose the gradient"),
        (lambda t: t.tolist(), "tolist.. would lose the gradient"),
        (lambda t: np.zeros(1).__setitem__(0, t[0]), "would lose the gradient"),
        (lambda t: np.zeros(1).__setitem__(slice(None), t), "would lose the gradient"),
        (lambda t: np.zeros(1).dot(t), "would lose the gradient"),
        (lambda t: scipy.linalg.norm(t), "would lose the gradient"),
        (lambda t: np.add(np.ones(1), 1.0, out=t), "out="),
        (lambda t: np.add(t, 1.0, out=np.ones(1)), "numpy.add would lose the gradient.*out="),
        (lambda t: np.sum(t, out=np.ones(1)), "sum: out= is not supported"),
        (lambda t: np.poly(t), "numpy.poly would lose the gradient"),
        (lambda t: np.arctan2.reduce(t), "numpy.arctan2.reduce would lose the gradient"),
        (lambda t: np.put(np.ones(1), 0, t), "numpy.put would lose the gradient.*autodiff.tensor"),
        (lambda t: np.add(t, t, where=np.array([True])), "numpy.add would lose the gradient.*np.where"),
    ],
)
def test_what_would_lose_the_gradient_of_a_tracked_tensor_raises(lose, reason):
    with pytest.raises((TypeError, ValueError)) as caught:
        lose(leaf([1.0]))
    # NumPy puts a ValueError of its own in front of a refusal during an assignment
    shown = f"{caught.value} {caught.value.__cause__}"
    assert re.search(reason, shown), shown


@pytest.mark.parametrize(
    ("lose", "way_out"),
    [(np.asarray, "detach"), (lambda t: np.poly(t), "defvjp"), (lambda t: np.array([t, t]), "autodiff.array")],
)
def test_the_refusal_names_the_way_out(lose, way_out):
    with pytest.raises(TypeError, match=way_out):
        lose(leaf([[1.0]]))


WRITERS = [
    lambda t: np.copyto(t, 0.0),
    lambda t: np.put(t, 0, 5.0),
    lambda t: np.place(t, [True, False], 5.0),
    lambda t: np.putmask(t, [True, False], 5.0),
    lambda t: np.put_along_axis(t, np.array([0]), 5.0, 0),
    lambda t: np.add.at(t, 0, 5.0),
    lambda t: np.subtract.at(t, 0, 5.0),
]


@pytest.mark.parametrize("write", WRITERS)
def test_functions_that_write_into_a_tensor_leave_the_memory_that_others_see_alone(write):
    tensor = Tensor([1.0, 2.0])
    seen, detached = tensor.data, tensor.detach()
    write(tensor)
    np.testing.assert_array_equal(seen, [1.0, 2.0])
    np.testing.assert_array_equal(detached.data, [1.0, 2.0])
    assert not np.array_equal(tensor.data, seen)


@pytest.mark.parametrize("write", WRITERS)
def test_functions_that_write_into_a_leaf_or_a_view_are_refused_and_change_nothing(write):
    view = (leaf([[1.0, 2.0]]) * 1.0)[0]
    for tensor in (leaf([1.0, 2.0]), view):
        with pytest.raises(RuntimeError, match=r"on a leaf that requires grad|a view of another"):
            write(tensor)
        np.testing.assert_array_equal(tensor.data, [1.0, 2.0])


def test_methods_of_ufuncs_that_cannot_be_recorded_do_not_write_into_a_tensor():
    tensor = Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="numpy.multiply.at cannot write into a tensor"):
        np.multiply.at(tensor, 0, 5.0)
    np.testing.assert_array_equal(tensor.data, [1.0, 2.0])


def test_what_numpy_refuses_to_write_changes_nothing():
    tensor = leaf([1.0, 2.0]) * 1.0
    before = tensor._node
    for write in (
        lambda: np.put(tensor, 2, 5.0),
        lambda: np.place(tensor, [True], 5.0),
        lambda: np.copyto(tensor, 1j),
        lambda: np.copyto(tensor, np.ones(3)),
        lambda: np.fill_diagonal(tensor, 5.0),
        lambda: np.add.at(tensor, 2, 5.0),
        lambda: tensor.__setitem__(2, 5.0),
    ):
        with pytest.raises((IndexError, ValueError, TypeError)):
            write()
        assert tensor._node is before
        np.testing.assert_array_equal(tensor.data, [1.0, 2.0])


@pytest.mark.parametrize(
    ("lose", "message"),
    [
        (lambda t: scipy.linalg.norm(t), "^scipy.linalg.norm does not record"),
        (lambda t: scipy.special.logsumexp(t), "call autodiff.scipy.special.logsumexp instead"),
        (lambda t: scipy.signal.fftconvolve(t, t), "call autodiff.scipy.signal.fftconvolve instead"),
        (lambda t: scipy.special.factorial(t), "^scipy.special.factorial does not record.*defvjp"),
        (lambda t: scipy.stats.norm.logpdf(t), "^scipy.stats.*logpdf does not record"),
        (lambda t: scipy.spatial.distance.pdist(t), "^scipy.spatial.distance.pdist does not record"),
        (lambda t: scipy.sparse.linalg.cg(np.eye(1), t[0]), "scipy.sparse.linalg.*does not record"),
        (lambda t: scipy.ndimage.sobel(t), "^scipy.ndimage.sobel does not record"),
    ],
)
def test_functions_of_scipy_that_do_not_record_are_named_with_what_to_call_instead(lose, message):
    with pytest.raises(TypeError, match=message):
        lose(leaf([[1.0]]))


def test_an_untracked_tensor_goes_wherever_an_array_goes():
    t = Tensor([4.0])
    assert float(t[0]) == 4.0 and int(t[0]) == 4 and bool(t) and math.sqrt(t[0]) == 2.0
    assert np.asarray(t) is t.data
    assert np.linalg.norm(t) == 4.0
    assert [1, 2, 3][Tensor(np.array(1))] == 2


def test_item_formatting_and_repr_are_allowed():
    t = leaf(2.5)
    assert t.item() == 2.5 and f"{t:.2f}" == "2.50" and f"{t}" == "2.5"
    assert repr(leaf([1.0])) == "Tensor([1.], requires_grad=True)"
    assert repr(leaf([1.0]) * 2) == "Tensor([2.], from=multiply)"
    assert repr(Tensor(np.ones(1, np.float32))) == "Tensor([1.], dtype=float32)"


@pytest.mark.parametrize("data", [3, [True], np.arange(3)])
def test_only_floating_and_complex_tensors_can_require_a_gradient(data):
    with pytest.raises(TypeError, match=r"floating-point|3\.0"):
        leaf(data)


@pytest.mark.parametrize("data", ["text", [object()], np.ma.array([1.0], mask=[True])])
def test_a_tensor_holds_numbers_only(data):
    with pytest.raises(TypeError):
        Tensor(data)


def test_a_masked_array_cannot_be_an_operand():
    with pytest.raises(TypeError, match="mask"):
        Tensor([1.0]) + np.ma.array([1.0], mask=[True])


# Where it behaves as an array


@pytest.mark.parametrize("other", [2, 2.0, np.float64(2), np.array([2.0, 3.0]), [2.0, 3.0], Tensor([2.0, 3.0])])
def test_operators_take_numbers_arrays_and_lists_on_either_side(other):
    x = np.array([1.0, 4.0])
    plain = np.asarray(other)
    for operate in (
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / b,
        lambda a, b: a**b,
        lambda a, b: a % b,
    ):
        np.testing.assert_array_equal(operate(leaf(x), other).data, operate(x, plain))
        np.testing.assert_array_equal(operate(other, leaf(x)).data, operate(plain, x))


def test_a_foreign_operand_has_its_own_say():
    class Foreign:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "foreign"

    assert leaf(1.0) + Foreign() == "foreign"
    with pytest.raises(TypeError):
        leaf(1.0) + object()


def test_python_numbers_never_change_the_dtype():
    x = leaf(np.ones(2, np.float32))
    assert ((x * 2.0 + 1) ** 2 / 3.0).dtype == np.float32


def test_comparisons_and_steps_give_plain_arrays():
    x = leaf([1.0, -2.0])
    for found in (x > 0, x == x, np.sign(x), np.floor(x), np.argmax(x), x.argmax(), x // 2):
        assert not isinstance(found, Tensor)


def test_a_tensor_hashes_by_identity_and_knows_its_shape():
    x, y = leaf(np.ones((2, 3))), leaf(np.ones((2, 3)))
    assert len({x, y}) == 2
    assert (x.shape, x.ndim, x.size, len(x), x.T.shape, x.mT.shape) == ((2, 3), 2, 6, 2, (3, 2), (3, 2))
    assert [row.shape for row in x] == [(3,), (3,)]
    with pytest.raises(TypeError, match="0-d"):
        iter(leaf(1.0))


def test_the_reduce_method_of_a_ufunc_is_its_reduction():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(np.add.reduce(x).data, [4.0, 6.0])
    np.testing.assert_array_equal(np.maximum.reduce(x, axis=1).data, [2.0, 4.0])


def test_the_reduce_method_with_axis_none_reduces_all_axes():
    x = leaf(np.arange(6.0).reshape(2, 3))
    assert np.add.reduce(x, axis=None).item() == 15.0
    np.testing.assert_array_equal(np.add.reduce(x).data, [3.0, 5.0, 7.0])


@pytest.mark.parametrize("form", ["csr_array", "csc_array", "coo_array", "csr_matrix"])
def test_a_constant_sparse_matrix_times_a_tensor_works(form):
    dense = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    matrix = getattr(scipy.sparse, form)(dense)
    x = leaf(np.arange(3.0))
    y = matrix @ x
    y.backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(y.data, dense @ x.data)
    np.testing.assert_array_equal(x.grad.data, [1.0, 30.0, 2.0])
    z = leaf(np.arange(2.0))
    (z @ matrix).backward(np.ones(3))
    np.testing.assert_array_equal(z.grad.data, dense.sum(axis=1))


def test_array_is_the_differentiable_spelling_of_np_array():
    x = leaf([1.0, 2.0])
    autodiff.array([[x[0] ** 2, x[1]], [1.0, x[0] * x[1]]]).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [4.0, 2.0])
    with pytest.raises(ValueError, match="shapes"):
        autodiff.array([x, x[0]])


def test_tensor_copies_and_Tensor_shares():
    a = np.ones(2)
    assert not np.shares_memory(autodiff.tensor(a).data, a)
    assert Tensor(a).data is a


# Leaves


def test_leaves_pickle_and_copy_deeply_and_computed_tensors_do_not():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    for other in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert other.requires_grad and other.is_leaf
        np.testing.assert_array_equal(other.data, x.data)
        np.testing.assert_array_equal(other.grad.data, x.grad.data)
        assert not np.shares_memory(other.data, x.data)
    with pytest.raises(TypeError, match="leaf"):
        pickle.dumps(x * 2)


def test_a_copy_of_a_leaf_has_a_gradient_of_its_own():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(twin.grad.data, x.grad.data)
        assert not np.shares_memory(twin.grad.data, x.grad.data)
        with no_grad():
            twin[0] = 5.0
        np.testing.assert_array_equal(x.data, [1.0, 2.0])


def test_requires_grad_can_be_switched_on_leaves_only():
    x = Tensor([1.0])
    assert x.requires_grad_().requires_grad and x.is_leaf
    x.requires_grad = False
    assert not x.requires_grad
    y = leaf([1.0]) * 2
    with pytest.raises(RuntimeError, match="detach"):
        y.requires_grad = False


def test_assigning_grad_and_data_checks_their_shapes():
    x = leaf([1.0, 2.0])
    x.grad = [3.0, 4.0]
    assert isinstance(x.grad, Tensor)
    with pytest.raises(ValueError, match=r"\(1,\)"):
        x.grad = [1.0]
    with pytest.raises(RuntimeError, match="retain_grad"):
        (x * 2).grad = [1.0, 1.0]
    y = x * 2
    with pytest.raises(ValueError, match="compute a new tensor"):
        y.data = [1.0]
    with pytest.raises(ValueError, match=r"grad = None first"):
        x.data = np.ones(3)
    x.grad = None
    x.data = np.ones(3)
    (x * 2).sum().backward()
    assert x.grad.shape == (3,)


# Assignment and memory


def test_an_update_under_no_grad_keeps_the_leaf():
    w = leaf([1.0, 2.0])
    (w * w).sum().backward()
    with no_grad():
        w -= 0.5 * w.grad
        w[0] = 7.0
    assert w.is_leaf and w.requires_grad
    np.testing.assert_array_equal(w.data, [7.0, 0.0])


@pytest.mark.parametrize("change", [lambda w: w.__setitem__(0, 1.0), lambda w: w.__iadd__(1.0)])
def test_a_recorded_change_of_a_leaf_raises(change):
    with pytest.raises(RuntimeError, match="leaf that requires grad"):
        change(leaf([1.0]))


def test_earlier_uses_of_a_tensor_stay_correct_after_an_assignment():
    x, v = leaf([1.0, 2.0, 3.0]), leaf(10.0)
    y = x * 1.0
    before = y * y
    y[1] = v
    y += x
    (before.sum() + (y * y).sum()).backward()
    total = np.array([2.0, 12.0, 6.0])
    np.testing.assert_array_equal(x.grad.data, 2 * x.data + 2 * total + [2 * 2.0, 0.0, 2 * 6.0])
    assert v.grad.item() == 24.0


def test_a_loop_fills_an_array():
    x = leaf(1.5)
    powers = Tensor(np.zeros(4))
    powers[0] = 1.0
    for i in range(1, 4):
        powers[i] = powers[i - 1] * x
    powers.sum().backward()
    np.testing.assert_allclose(x.grad.item(), 1 + 2 * 1.5 + 3 * 1.5**2)


def test_assigning_through_a_view_raises_and_shows_the_spelling_with_one_index():
    y = leaf(np.ones((2, 3))) * 1
    row = y[0]
    with pytest.raises(RuntimeError, match=r"x\[i, 1\] = "):
        row[1] = 5.0
    with pytest.raises(RuntimeError, match="view"):
        y[0][1] = 5.0
    with pytest.raises(RuntimeError, match="view"):
        row += 1.0
    y[0] += 5.0
    y[:, 1] *= 2.0
    np.testing.assert_array_equal(y.data, [[6.0, 12.0, 6.0], [1.0, 2.0, 1.0]])


@pytest.mark.parametrize("product", [np.vecdot, np.inner, np.kron, np.dot])
def test_a_product_that_was_brought_into_its_shape_is_no_view(product):
    x = leaf(np.ones((2, 2)))
    y = product(x, x)
    y += 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, autodiff.grad(lambda x: product(x, x).sum())(x.data))


def test_an_in_place_operation_keeps_shape_and_dtype_or_refuses():
    x = Tensor(np.ones(2, np.float32))
    x += leaf(np.ones(2))
    assert x.dtype == np.float32
    with pytest.raises(ValueError, match="in-place add"):
        x += leaf(np.ones((3, 2)))
    n = Tensor(np.ones(2, int))
    with pytest.raises(TypeError):
        n += 0.5


@given(st.data())
def test_programs_with_assignment_agree_with_always_copying(data):
    """Tensors, arrays of the caller and saved values are never changed through another name."""
    arrays = [np.arange(4.0), np.ones(4)]
    kept = [a.copy() for a in arrays]
    tensors = [Tensor(arrays[0]), Tensor(arrays[1]), Tensor(arrays[0])]
    model = [a.copy() for a in (arrays[0], arrays[1], arrays[0])]
    weights = leaf(np.full(4, 2.0))
    recorded = []
    for _ in range(data.draw(st.integers(1, 12))):
        i, j = data.draw(st.integers(0, len(tensors) - 1)), data.draw(st.integers(0, len(tensors) - 1))
        step = data.draw(st.sampled_from(["set", "add", "scale", "detach", "clone", "hold", "use", "mul"]))
        if step == "set":
            k = data.draw(st.integers(0, 3))
            tensors[i][k] = tensors[j][0]
            model[i] = model[i].copy()
            model[i][k] = model[j][0]
        elif step == "add":
            tensors[i] += tensors[j]
            model[i] = model[i] + model[j]
        elif step == "scale":
            tensors[i] *= 0.5
            model[i] = model[i] * 0.5
        elif step in ("detach", "clone"):
            tensors.append(getattr(tensors[i], step)())
            model.append(model[i].copy())
        elif step == "hold":
            arrays.append(tensors[i].data)
            kept.append(tensors[i].data.copy())
        elif step == "mul":
            tensors.append(tensors[i] * weights)
            model.append(model[i] * 2.0)
        else:
            recorded.append((weights * tensors[i].detach(), model[i].copy()))
    for t, expected in zip(tensors, model, strict=True):
        np.testing.assert_array_equal(t.data, expected)
    for a, expected in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(a, expected)
    for y, factor in recorded:
        np.testing.assert_array_equal(autodiff.gradients(y.sum(), weights).data, factor)


def test_an_assignment_costs_no_copy_where_nobody_else_sees_the_memory():
    x = Tensor(np.zeros(4))
    x.data = np.array([1.0, 2.0, 3.0, 4.0])
    address = x.data.__array_interface__["data"][0]
    x[1] = 5.0
    x += 1.0
    assert x.data.__array_interface__["data"][0] == address
    y = x.detach()
    x[0] = 0.0
    assert x.data.__array_interface__["data"][0] != address and y.data[0] == 2.0
