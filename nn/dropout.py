"""Dropout: entries or channels that are left out at random, in training only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arguments import array
from .derived import derived, on_arrays
from .module import Module
from .random import Seed, generator

ALPHA = -1.7580993408473766
"""What SELU tends to far below 0: minus the product of its two constants."""


def dropout(x: Any, p: float = 0.5, training: bool = True, *, rng: Seed = None) -> Any:
    """Each entry is 0 with probability p, and else divided by 1 - p (Srivastava et al. 2014, JMLR 15).

    >>> import numpy as np
    >>> dropout(np.ones(6), p=0.5, rng=2)
    array([2., 2., 0., 0., 0., 0.])

    Args:
        x: of any shape. An infinite entry that is left out becomes NaN.
        p: the probability, from 0 to 1.
        training: nothing is left out if it is False.
        rng: a generator, or a seed for one; the generator of ``nn.manual_seed`` if None.

    Raises:
        ValueError: p is not a probability.
    """
    x = array(x)
    return _dropout("dropout", x, p, training, rng, x.shape)


def dropout2d(x: Any, p: float = 0.5, training: bool = True, *, rng: Seed = None) -> Any:
    """Each channel of each sample is 0 with probability p, and else divided by 1 - p.

    Tompson et al. 2015, arXiv:1411.4280.

    Args:
        x: of shape (N, C, H, W).
        p: the probability, from 0 to 1.
        training: nothing is left out if it is False.
        rng: a generator, or a seed for one; the generator of ``nn.manual_seed`` if None.

    Raises:
        ValueError: p is not a probability, or x not of this shape.
    """
    x = array(x)
    if len(x.shape) != 4:
        raise ValueError(f"dropout2d takes an input of shape (N, C, H, W), but was given {x.shape}")
    return _dropout("dropout2d", x, p, training, rng, (*x.shape[:2], 1, 1))


def alpha_dropout(x: Any, p: float = 0.5, training: bool = False, *, rng: Seed = None) -> Any:
    """Each entry is replaced with probability p, so that mean 0 and variance 1 stay what they are.

    What replaces it is the limit of SELU far below 0; all is then scaled and shifted (Klambauer et al. 2017,
    arXiv:1706.02515, section 3).

    Args:
        x: of any shape.
        p: the probability, from 0 to 1; at 1 all entries are 0.
        training: nothing is replaced if it is False.
        rng: a generator, or a seed for one; the generator of ``nn.manual_seed`` if None.

    Raises:
        ValueError: p is not a probability.
    """
    x = array(x)
    _check_probability("alpha_dropout", p)
    if not training or p == 0:
        return x
    kept = draw_kept(x.shape, p, generator(rng))
    return alpha_dropout_by_mask(x, kept, p=float(p), scale=_alpha_scale(p))


def _dropout(name: str, x: Any, p: float, training: bool, rng: Seed, shape: tuple[int, ...]) -> Any:
    """Dropout of x by a mask of a shape that broadcasts to its own."""
    _check_probability(name, p)
    if not training or p == 0:
        return x
    return dropout_by_mask(x, draw_kept(shape, p, generator(rng)), scale=float(1 / (1 - p)) if p < 1 else 0.0)


def _check_probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: the probability p is between 0 and 1, not {p}")


def _alpha_scale(p: float) -> float:
    """What makes the variance 1: that of a mixture of x, of variance 1, with a constant."""
    return float(1 / math.sqrt((1 - p) * (1 + p * ALPHA**2))) if p < 1 else 0.0


def draw_kept(shape: tuple[int, ...], p: float, rng: np.random.Generator) -> np.ndarray:
    """Independent booleans that are False with probability p, whatever they are used with.

    A uniform number is below p if its first byte is below that of p, or equal and the rest below. So one random byte
    is enough but for one in 256, which get 64 bits more; and nobody needs them where 256 p is an integer. The
    probability is p itself, rounded down to a multiple of 2^-72. For p = 1/2 single bits do.
    """
    n = math.prod(shape)
    if p == 1:
        return np.zeros(shape, bool)
    if p == 0.5:
        return np.unpackbits(_random_bytes(-(-n // 8), rng), count=n).view(bool).reshape(shape)
    first, rest = divmod(float(p) * 256, 1.0)
    drawn = _random_bytes(n, rng)
    kept = drawn >= np.uint8(first)
    if rest:
        ties = np.flatnonzero(drawn == np.uint8(first))
        kept[ties] = rng.integers(0, 1 << 64, len(ties), np.uint64) >= np.uint64(math.ldexp(rest, 64))
    return kept.reshape(shape)


def _random_bytes(n: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform bytes, the same on every machine, at the price of an eighth of as many words."""
    words = rng.integers(0, 1 << 64, -(-n // 8), np.uint64)
    return words.astype("<u8", copy=False).view(np.uint8)[:n]


def _masked(x: Any, kept: np.ndarray, *, scale: float) -> np.ndarray:
    """``x * kept * scale``, in place on the mask as floats; or by the factors of whole channels."""
    factor = kept.astype(np.result_type(x, np.float16))
    if kept.shape != x.shape:
        return x * (factor * scale)
    factor *= x
    factor *= scale
    return factor


@derived(forward=_masked, kind="elementwise")
def dropout_by_mask(x: Any, kept: np.ndarray, *, scale: float) -> Any:
    """``x * kept * scale`` for a mask that is drawn already, so it is constant: ``dx = g * kept * scale``."""
    return x * kept * scale


@on_arrays(lambda g, kept, scale: _masked(g, kept, scale=scale))
def _dropout_vjp(g: Any, kept: np.ndarray, scale: float) -> Any:
    return g * kept * scale


dropout_by_mask.gradient(x=_dropout_vjp)


@derived(kind="elementwise")
def alpha_dropout_by_mask(x: Any, kept: np.ndarray, *, p: float, scale: float) -> Any:
    """``scale * (x * kept + ALPHA * (~kept - p))`` for a mask that is False with probability p.

    The mean of ``~kept`` is p, so that of the whole is 0 if that of x is. It is affine in x: ``dx = g * kept * scale``.
    """
    return scale * (x * kept + ALPHA * ((~kept).astype(x.dtype) - p))


alpha_dropout_by_mask.gradient(x=_dropout_vjp)


class DropoutLayer(Module):
    """What the dropout layers have in common.

    Args:
        p: the probability to be left out.
        inplace: whether PyTorch may overwrite the input; here it changes nothing, as the tape may need that.
        rng: a generator, or a seed for one of the layer's own; the generator of ``nn.manual_seed`` if None.

    Raises:
        ValueError: p is not a probability.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Seed = None) -> None:
        _check_probability(type(self).__name__, p)
        self.p = p
        self.inplace = inplace
        self.rng = rng
        self._rng = None if rng is None else generator(rng)


class Dropout(DropoutLayer):
    """In training, entries are left out with probability p; see ``nn.functional.dropout``."""

    def forward(self, x: Any) -> Any:
        return dropout(x, self.p, self.training, rng=self._rng)


class Dropout2d(DropoutLayer):
    """In training, channels are left out with probability p; see ``nn.functional.dropout2d``."""

    def forward(self, x: Any) -> Any:
        return dropout2d(x, self.p, self.training, rng=self._rng)

    @property
    def expects(self) -> str:
        """The shape of the input."""
        return "(N, C, H, W)"


class AlphaDropout(DropoutLayer):
    """In training, entries are replaced with probability p, which keeps mean 0 and variance 1.

    See ``nn.functional.alpha_dropout``.
    """

    def forward(self, x: Any) -> Any:
        return alpha_dropout(x, self.p, self.training, rng=self._rng)
