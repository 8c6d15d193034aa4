"""Dropout: how often, what of, from which generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

import nn
from nn.dropout import draw_kept
from nn.functional import alpha_dropout, dropout, dropout2d

N = 1 << 18


@pytest.mark.parametrize("p", [0.01, 1 / 256, 0.1, 0.25, 0.3, 0.5, 0.7, 0.999])
def test_entries_are_left_out_with_the_probability_and_independently(p: float) -> None:
    kept = draw_kept((N,), p, np.random.default_rng(0))
    assert binomtest(N - int(kept.sum()), N, p).pvalue > 1e-3
    for lag in (1, 8, 64):
        both = int((~kept[lag:] & ~kept[:-lag]).sum())
        assert binomtest(both, N - lag, p * p).pvalue > 1e-3


def test_a_probability_that_is_off_by_a_two_hundredth_would_be_noticed() -> None:
    kept = draw_kept((N,), 26 / 256, np.random.default_rng(0))  # 0.1 rounded to bytes
    assert binomtest(N - int(kept.sum()), N, 0.1).pvalue < 1e-3


class Scripted:
    """A generator that gives the words it was made with."""

    def __init__(self, *words: list[int]) -> None:
        self.words = list(words)

    def integers(self, low: int, high: int, size: int, dtype: type) -> np.ndarray:
        assert (low, high, dtype) == (0, 1 << 64, np.uint64)
        found = np.array(self.words.pop(0), np.uint64)
        assert len(found) == size
        return found


def test_where_the_first_byte_does_not_decide_64_more_bits_do() -> None:
    p = 0.1  # 25.6 / 256, so a first byte of 25 is a tie
    first = int.from_bytes([24, 25, 25, 26, 0, 255, 25, 25], "little")
    threshold = int((25.6 % 1) * 2.0**64) + 1
    rng: Any = Scripted([first], [0, threshold - 10000, threshold + 10000, (1 << 64) - 1])
    assert draw_kept((8,), p, rng).tolist() == [False, False, False, True, False, True, True, True]


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_the_same_seed_draws_the_same_mask_for_every_dtype_and_context(p: float) -> None:
    x = np.ones((5, 7))
    expected = dropout(x, p, rng=3) != 0
    assert 0 < expected.sum() < x.size
    for dtype in (np.float16, np.float32):
        out = dropout(x.astype(dtype), p, rng=3)
        assert out.dtype == dtype
        np.testing.assert_array_equal(out != 0, expected)
    nn.manual_seed(3)
    np.testing.assert_array_equal(nn.Dropout(p)(x) != 0, expected)


def test_a_layer_with_a_seed_goes_on_from_it_and_leaves_the_common_generator_alone() -> None:
    x = np.ones(64)
    nn.manual_seed(0)
    before = nn.get_rng_state()
    first, second = nn.Dropout(rng=1), nn.Dropout(rng=np.random.default_rng(1))
    draws = [[layer(x) for _ in range(3)] for layer in (first, second)]
    np.testing.assert_array_equal(*draws)
    assert not np.array_equal(draws[0][0], draws[0][1])
    assert nn.get_rng_state() == before


def test_channels_are_left_out_as_a_whole() -> None:
    out = dropout2d(np.ones((20, 30, 2, 3)), 0.3, rng=0)
    assert set(np.unique(out)) == {0.0, 1 / 0.7}
    np.testing.assert_array_equal(out, np.broadcast_to(out[:, :, :1, :1], out.shape))
    assert binomtest(int((out[:, :, 0, 0] == 0).sum()), 600, 0.3).pvalue > 1e-3


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(p: float) -> None:
    x = np.random.default_rng(0).normal(size=N)
    out = alpha_dropout(x, p, training=True, rng=0)
    assert abs(out.mean()) < 0.01 and abs(out.var() - 1) < 0.01
    assert np.unique(out, return_counts=True)[1].max() == N - int(draw_kept((N,), p, np.random.default_rng(0)).sum())


def test_alpha_dropout_maps_as_pytorch_does() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=1000)
    theirs = torch.nn.functional.alpha_dropout(torch.tensor(x), 0.3, training=True).numpy()
    mine = alpha_dropout(x, 0.3, training=True, rng=0)
    kept = draw_kept(x.shape, 0.3, np.random.default_rng(0))
    values, counts = np.unique(theirs, return_counts=True)
    dropped = values[counts.argmax()]
    np.testing.assert_allclose(mine[~kept], dropped, rtol=1e-12)
    both = kept & ~np.isclose(theirs, dropped)
    np.testing.assert_allclose(mine[both], theirs[both], rtol=1e-12)


@pytest.mark.parametrize("function", [dropout, dropout2d, alpha_dropout])
def test_all_may_be_left_out_and_nothing(function: Any) -> None:
    x = np.ones((2, 3, 2, 2))
    np.testing.assert_array_equal(function(x, 1.0, True), np.zeros_like(x))
    assert function(x, 0.0, True) is x
    assert function(x, 0.3, False) is x


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
@pytest.mark.parametrize("layer", [nn.Dropout, nn.Dropout2d, nn.AlphaDropout])
def test_what_is_no_probability_is_refused(layer: Any, p: float) -> None:
    with pytest.raises(ValueError, match=f"{layer.__name__}: the probability p is between 0 and 1, not {p}"):
        layer(p)
    with pytest.raises(ValueError, match="between 0 and 1"):
        alpha_dropout(np.ones(3), p)


def test_channels_need_an_image() -> None:
    with pytest.raises(ValueError, match=r"expects \(N, C, H, W\).*was given \(4, 3\)"):
        nn.Dropout2d()(np.ones((4, 3)))
