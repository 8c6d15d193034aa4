"""The tape, without NumPy: cotangents are floats, pull-backs are stubs."""

import asyncio
import gc
import sys
import threading
import weakref

import numpy as np
import pytest

from autodiff import Tape, Tensor, current_tape, enable_grad, is_recording, no_grad, set_grad_enabled
from autodiff.tape import Leaf, Node, current, next_position, propagate


class Scale:
    """The pull-back of ``sum(weight * parent)``."""

    selects = writes = False

    def __init__(self, *weights, visited=None):
        self.name, self.weights, self.visited = "scale", weights, visited

    def run(self, g, saved, parents):
        if self.visited is not None:
            self.visited.append(self)
        return [(parent, g * weight) for parent, weight in zip(parents, self.weights)]


def node(pullback, *parents):
    made = Node()
    made.pullback, made.parents, made.saved = pullback, parents, ()
    made.position, made.shape, made.dtype = next_position(), (), float
    made.code, made.offset, made.tape = sys._getframe().f_code, 0, current.get()
    return made


def test_a_diamond_sums_both_paths_and_visits_each_node_once():
    visited = []
    leaf = Leaf()
    top = node(Scale(2.0, visited=visited), leaf)
    left, right = node(Scale(3.0, visited=visited), top), node(Scale(5.0, visited=visited), top)
    bottom = node(Scale(1.0, 10.0, visited=visited), left, right)
    assert propagate({bottom: 1.0}) == {leaf: 2.0 * (3.0 + 50.0)}
    assert visited == [bottom.pullback, right.pullback, left.pullback, top.pullback]


def test_the_same_parent_twice_gets_both_shares():
    leaf = Leaf()
    assert propagate({node(Scale(2.0, 3.0), leaf, leaf): 1.0}) == {leaf: 5.0}
    inner = node(Scale(1.0), leaf)
    assert propagate({node(Scale(2.0, 3.0), inner, inner): 1.0}) == {leaf: 5.0}


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_agree_with_the_sum_over_paths(seed):
    rng = np.random.default_rng(seed)
    leaves = [Leaf() for _ in range(3)]
    nodes, exact = list(leaves), [np.eye(3)[i] for i in range(3)]
    for _ in range(30):
        chosen = rng.integers(0, len(nodes), size=rng.integers(1, 4))
        weights = [float(w) for w in rng.integers(-3, 4, size=len(chosen))]
        nodes.append(node(Scale(*weights), *[nodes[i] for i in chosen]))
        exact.append(sum(w * exact[i] for w, i in zip(weights, chosen)))
    found = propagate({nodes[-1]: 1.0})
    assert [found.get(leaf, 0.0) for leaf in leaves] == list(exact[-1])


def test_nodes_that_no_cotangent_reaches_are_not_visited():
    visited, leaf = [], Leaf()
    used, unused = node(Scale(1.0), leaf), node(Scale(1.0, visited=visited), leaf)
    propagate({node(Scale(1.0), used): 1.0})
    assert visited == [] and unused.saved == ()


def test_what_lies_at_or_below_the_floor_is_not_visited_and_keeps_its_cotangent():
    leaf = Leaf()
    old = node(Scale(2.0), leaf)
    new = node(Scale(3.0), old)
    assert propagate({new: 1.0}, floor=old.position) == {old: 3.0}


def test_a_released_node_says_so_and_what_to_do():
    leaf = Leaf()
    top = node(Scale(2.0), leaf)
    propagate({top: 1.0}, retain_graph=True)
    propagate({top: 1.0})
    with pytest.raises(RuntimeError, match="already released.*retain_graph=True"):
        propagate({top: 1.0})


def test_the_tape_holds_what_some_tensor_needs_and_nothing_else():
    before = len(current_tape())
    x = Tensor(1.0, requires_grad=True)
    y = np.exp(x) * 2
    assert len(current_tape()) == before + 2
    del y
    assert len(current_tape()) == before


def test_nothing_is_freed_by_the_garbage_collector_for_there_are_no_cycles():
    gc.collect()
    gc.disable()
    try:
        x = Tensor(np.ones(3), requires_grad=True)
        y = np.sin(x) * x
        z = y.sum()
        gone = [weakref.ref(t._node) for t in (y, z)]
        z.backward(create_graph=True)
        g = x.grad
        gone += [weakref.ref(g._node), weakref.ref(g)]
        x.grad = None
        del y, z, g
        assert [ref() for ref in gone] == [None] * 4
    finally:
        gc.enable()


def test_a_tape_lists_what_is_recorded_inside_it_and_so_does_the_one_outside():
    x = Tensor(1.0, requires_grad=True)
    with Tape() as tape:
        y = np.exp(x)
        assert current_tape() is tape
        z = y * x
    after = z + 1
    assert [n.pullback.name for n in tape] == ["exp", "multiply"]
    positions = [n.position for n in current_tape()]
    assert positions == sorted(positions) and after._node.position in positions and y._node.position in positions


def test_printing_a_tape_shows_a_table_with_the_callers_line():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with Tape() as tape:
        y = np.exp(x)
        line = sys._getframe().f_lineno - 1
    rows = str(tape).splitlines()
    assert rows[0].split() == ["position", "primitive", "output", "inputs", "saved", "bytes", "recorded", "at"]
    cells = rows[1].split()
    assert cells[1:4] == ["exp", "float64[2,", "3]"]
    assert "48" in cells and cells[-1] == f"{__file__}:{line}"
    assert y.shape == (2, 3)


@pytest.mark.parametrize("call", [lambda x: x * 2, lambda x: 2 - x, lambda x: np.tanh(x), lambda x: x.sum()])
def test_a_node_knows_the_line_of_its_call_by_operator_method_and_dispatch(call):
    y = call(Tensor([1.0], requires_grad=True))
    assert y._node.location() == f"{__file__}:{call.__code__.co_firstlineno}"


def test_modes_nest_as_context_managers_and_return_to_what_was():
    mode = no_grad()
    with mode:
        with enable_grad():
            assert is_recording()
        with mode, set_grad_enabled(True), mode:
            assert not is_recording()
        assert not is_recording()
    assert is_recording()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_recording()


def test_one_mode_object_can_be_entered_in_many_tasks_and_threads_at_once():
    mode = no_grad()

    async def task(delay, outer):
        with outer:
            before = is_recording()
            with mode:
                for _ in range(delay):
                    await asyncio.sleep(0)
                inside = is_recording()
            return before, inside, is_recording()

    async def main():
        outers = [enable_grad(), no_grad(), enable_grad(), no_grad()]
        return await asyncio.gather(*(task(delay, outer) for delay, outer in zip((3, 1, 1, 4), outers, strict=True)))

    assert asyncio.run(main()) == [(True, False, True), (False, False, False)] * 2


def test_a_tape_inside_no_grad_records_nothing():
    x = Tensor(1.0, requires_grad=True)
    with no_grad(), Tape() as tape:
        kept = x * 2
        assert current_tape() is tape and not is_recording()
        with enable_grad():
            recorded = x * 3
    assert not kept.requires_grad and recorded.requires_grad and list(tape) == [recorded._node]


def test_tapes_may_be_entered_in_any_order_and_again():
    x, outermost = Tensor(1.0, requires_grad=True), current_tape()
    with Tape() as a, outermost, Tape() as b, a:
        y = x * 2
    assert list(a) == [y._node] and y._node in list(outermost)
    with b:
        z = x * 3
    assert list(b) == [z._node] and current_tape() is outermost


def test_a_decorated_function_runs_in_the_mode():
    assert not no_grad()(is_recording)()
    with no_grad():
        assert enable_grad()(is_recording)()


def test_a_decorated_generator_has_the_mode_only_while_its_own_code_runs():
    seen = []

    @no_grad()
    def numbers():
        try:
            while True:
                seen.append(is_recording())
                try:
                    yield is_recording()
                except KeyError:
                    seen.append(is_recording())
        finally:
            seen.append(is_recording())

    generator = numbers()
    for step in (lambda: next(generator), lambda: generator.send(1), lambda: generator.throw(KeyError())):
        assert step() is False
        assert is_recording()
    generator.close()
    assert is_recording() and seen == [False] * len(seen) and len(seen) >= 5


def test_a_decorated_generator_closes_and_returns_as_it_would_undecorated():
    @no_grad()
    def numbers():
        received = yield 1
        return received

    generator = numbers()
    assert next(generator) == 1
    with pytest.raises(StopIteration) as stop:
        generator.send("answer")
    assert stop.value.value == "answer"
    generator = numbers()
    next(generator)
    with pytest.raises(ValueError, match="thrown"):
        generator.throw(ValueError("thrown"))
    assert is_recording()


def test_a_decorated_coroutine_and_concurrent_tasks_keep_their_modes_apart():
    @no_grad()
    async def quiet():
        before = is_recording()
        await asyncio.sleep(0)
        return before, is_recording()

    async def loud():
        await asyncio.sleep(0)
        return is_recording()

    async def main():
        return await asyncio.gather(quiet(), loud(), quiet(), loud())

    assert asyncio.run(main()) == [(False, False), True, (False, False), True]


def test_decorating_an_async_generator_is_refused():
    async def generator():
        yield 1

    with pytest.raises(TypeError, match="async generator"):
        no_grad()(generator)


def test_a_thread_starts_recording_whatever_its_parent_does():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_recording()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_hundred_thousand_calls_in_a_row_need_no_recursion():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    y = x
    for _ in range(100_000):
        y = y + 1.0
    del y  # released without a backward pass


def test_eight_threads_at_the_smallest_switch_interval_compute_right_gradients():
    interval, wrong = sys.getswitchinterval(), []

    def work(seed):
        rng = np.random.default_rng(seed)
        for turn in range(20):
            x = Tensor(rng.normal(size=3), requires_grad=True)
            with no_grad():
                constant = np.sin(x)
            y = x
            for _ in range(10):
                y = np.sin(y) * 1.5
            (y * constant).sum().backward(create_graph=True)
            first = x.grad
            x.grad = None
            first.sum().backward()
            if constant.requires_grad or not np.isfinite(x.grad.data).all() or first.shape != (3,):
                wrong.append(seed)
            z, derivative = x.data, np.ones(3)
            for _ in range(10):
                derivative, z = derivative * 1.5 * np.cos(z), 1.5 * np.sin(z)
            if not np.allclose(first.data, derivative * np.sin(x.data), rtol=1e-12):
                wrong.append(seed)
            if turn % 5 == 0:  # it looks for the nodes among all objects there are
                str(current_tape())

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
