"""State: what is in it, and that it is loaded as a whole or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
import optim
from autodiff import Tensor


def tied(parts: Any = nn, calls: Any = None) -> Any:
    """A matrix that is both an embedding's and the output's, as in language models, and a layer that is there twice."""

    class Tied(parts.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = parts.Linear(3, 3, bias=False)
            self.middle = parts.Sequential(parts.Linear(3, 3), parts.ReLU())
            self.middle.append(self.middle[0])
            self.output = parts.Linear(3, 3)
            self.output.weight = self.embedding.weight
            self.middle[0].register_buffer("calls", np.array(0) if calls is None else calls)

    return Tied()


def make() -> nn.Sequential:
    nn.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3, dtype=float), nn.Tanh(), nn.Linear(3, 2, dtype=float))


def copied(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.copy() for name, value in model.state_dict().items()}


def unchanged(model: nn.Module, before: dict[str, np.ndarray]) -> None:
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name], strict=True)


def test_state_is_read_only_and_training_does_not_change_it() -> None:
    model = make()
    state, before = model.state_dict(), copied(model)
    assert not any(array.flags.writeable for array in state.values())
    model(np.ones((1, 4))).sum().backward()
    optim.SGD(model.parameters(), lr=0.1).step()
    for name in state:
        np.testing.assert_array_equal(state[name], before[name])
        assert np.any(model.state_dict()[name] != before[name])


def test_loading_copies_and_casts() -> None:
    model, other = make(), make().float()
    given = {name: np.full(value.shape, 0.1, np.float64) for name, value in model.state_dict().items()}
    given["0.bias"] = Tensor(given["0.bias"], requires_grad=True)
    assert other.load_state_dict(given) == ([], [])
    assert model.load_state_dict(given) == ([], [])
    given["2.bias"][:] = 7
    np.testing.assert_array_equal(model[2].bias.data, [0.1, 0.1])
    assert all(np.all(value == np.float32(0.1)) and value.dtype == np.float32 for value in other.state_dict().values())


def test_every_problem_is_listed_and_nothing_has_changed() -> None:
    model = make()
    model.register_buffer("calls", np.array(0))
    model.register_buffer("scratch", np.zeros(1), persistent=False)
    before = copied(model)
    wrong: dict[str, Any] = {name: value + 1 for name, value in before.items()}
    wrong |= {"0.weight": np.zeros((1, 1)), "0.bias": np.zeros(3, complex), "calls": 1.5, "scratch": np.ones(1)}
    del wrong["2.bias"]
    with pytest.raises(ValueError) as caught:
        model.load_state_dict(wrong)
    assert str(caught.value) == (
        "load_state_dict of Sequential: calls has dtype float64, which is not cast to int64; "
        "0.weight has shape (1, 1), not (3, 4); 0.bias has dtype complex128, which is not cast to float64; "
        "2.bias is missing; scratch is not in the module"
    )
    unchanged(model, before)
    with pytest.raises(ValueError, match=r"0.weight has shape \(1, 1\)"):
        model.load_state_dict(wrong, strict=False)
    unchanged(model, before)


def test_not_strict_loads_what_is_there_and_says_what_is_not() -> None:
    model = make()
    found = model.load_state_dict({"0.bias": np.ones(3), "old": np.ones(1)}, strict=False)
    assert found.missing_keys == ["0.weight", "2.weight", "2.bias"] and found.unexpected_keys == ["old"]
    np.testing.assert_array_equal(model[0].bias.data, np.ones(3))


def test_buffers_of_no_axes_keep_their_dtype() -> None:
    model, other = tied(), tied()
    model.middle[0].calls = model.middle[0].calls + 2  # a NumPy scalar now
    state = model.state_dict()
    assert state["middle.0.calls"].shape == () and state["middle.0.calls"].dtype == np.int64
    other.load_state_dict(state)
    assert type(other.middle[0].calls) is np.ndarray and other.middle[2].calls == 2


def test_what_is_shared_is_listed_under_all_its_names_and_goes_back_and_forth_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = tied(), tied(torch.nn, torch.tensor(5))
    mine.load_state_dict(theirs.state_dict())
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert len(mine.state_dict()) == 9 and len(list(mine.parameters())) == 4
    assert mine.output.weight is mine.embedding.weight and mine.middle[0].calls == 5
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(mine.state_dict()[name], value.numpy())
    theirs.load_state_dict({name: torch.tensor(value) for name, value in mine.state_dict().items()})


def test_two_values_for_one_parameter_are_an_error_and_one_is_enough() -> None:
    model = tied()
    state, before = copied(model), copied(model)
    state["output.weight"] = state["output.weight"] + 1
    state["middle.2.calls"] = np.array(3)
    with pytest.raises(ValueError) as caught:
        model.load_state_dict(state)
    assert str(caught.value) == (
        "load_state_dict of Tied: middle.2.calls is shared with middle.0.calls, but has other values; "
        "output.weight is shared with embedding.weight, but has other values"
    )
    unchanged(model, before)
    del state["embedding.weight"], state["middle.0.calls"]
    assert model.load_state_dict(state).missing_keys == []
    np.testing.assert_array_equal(model.embedding.weight.data, state["output.weight"])
    assert model.middle[0].calls == 3


def test_nan_is_no_conflict_with_itself() -> None:
    model = tied()
    state = {name: value if "calls" in name else value * np.nan for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert np.isnan(model.output.weight.data).all()


def test_a_module_is_not_its_state() -> None:
    with pytest.raises(TypeError, match="takes arrays by path, as state_dict.. gives them, not a Sequential"):
        make().load_state_dict(make())


def test_two_entries_of_one_name_are_an_error() -> None:
    model = nn.Module()
    model.heads = {1: nn.Parameter([1.0]), "1": nn.Parameter([2.0])}
    with pytest.raises(ValueError, match="two entries of Module are called heads.1"):
        model.state_dict()


def test_paths_have_a_prefix() -> None:
    assert list(nn.Linear(2, 1).state_dict(prefix="model.")) == ["model.weight", "model.bias"]


def test_a_checkpoint_of_old_lacks_the_count_of_batches() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2))
    model(np.ones((3, 2)))
    state = nn.Sequential(nn.BatchNorm1d(2)).state_dict()
    del state["0.num_batches_tracked"]
    assert model.load_state_dict(state).missing_keys == []
    np.testing.assert_array_equal(model[0].running_mean, [0, 0])
    assert model[0].num_batches_tracked == 1
    del state["0.running_mean"]
    with pytest.raises(ValueError, match="0.running_mean is missing"):
        model.load_state_dict(state)
