"""Embeddings: rows of a table that is learnt."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike

from autodiff import Tensor

from .arguments import array, untracked
from .derived import derived
from .module import Module
from .parameter import Parameter
from .random import Seed, generator


def embedding(x: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """``weight[x]``, the rows of a table by their indices.

    Args:
        x: integers of any shape, from 0 to V - 1.
        weight: the table, of shape (V, D).
        padding_idx: a row that gets no gradient; counted from the end if negative.

    Returns:
        An array of shape (*x.shape, D).

    Raises:
        TypeError: indices that are not integers.
        ValueError: an index without a row, or a table that is not (V, D).
    """
    if len(weight.shape) != 2:
        raise ValueError(f"embedding takes a weight of shape (V, D), but was given {weight.shape}")
    x = array(x)
    check_indices(x.data if isinstance(x, Tensor) else x, len(weight))
    x = untracked("embedding", "x", x)
    return embedding_of_rows(x, weight, padding=_row("embedding", padding_idx, len(weight)))


def check_indices(x: np.ndarray, rows: int) -> None:
    """Raise for indices that are not integers or not those of rows, and show the first of them."""
    if x.dtype.kind not in "iu":
        raise TypeError(
            f"embedding takes integer indices, but those of shape {x.shape} are {x.dtype}, e.g. "
            f"{x.flat[0] if x.size else 'empty'}; convert them with .astype(int)"
        )
    if x.size and (x.min() < 0 or x.max() >= rows):
        place = np.unravel_index(np.argmax((x < 0) | (x >= rows)), x.shape)
        raise ValueError(
            f"embedding: the index {x[place]} at {tuple(map(int, place))} is not one of the {rows} rows "
            f"0 ... {rows - 1}"
        )


def _row(name: str, padding_idx: int | None, rows: int) -> int | None:
    """The row from 0 on, or None."""
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"{name}: padding_idx={padding_idx} is not one of the {rows} rows")
    return padding_idx if padding_idx is None else padding_idx % rows


@derived
def embedding_of_rows(x: np.ndarray, weight: Any, *, padding: int | None = None) -> Any:
    """``weight[x]``, that is ``S @ weight`` for the matrix S with a single 1 in each row i, in column ``x[i]``.

    So ``dweight = S.T @ g``: each row of the table gets the sum of the gradients of the places where it was taken, as a
    product with a sparse matrix (in float32 at least). The row ``padding`` is constant: its column of S is left out.
    """
    if padding is not None and isinstance(weight, Tensor):
        constant = np.arange(len(weight)) == padding
        weight = np.where(constant[:, None], weight.detach(), weight)
    return np.take(weight, x.astype(np.intp, copy=False), axis=0)


def _embedding_of_weight(g: Any, x: np.ndarray, weight_shape: tuple[int, int], padding: int | None) -> Any:
    n = math.prod(x.shape)
    rows = x.reshape(n).astype(np.intp, copy=False)
    starts = np.arange(n + 1)
    if padding is not None:
        taken = rows != padding
        rows, starts = rows[taken], np.append(0, np.cumsum(taken))
    transposed = scipy.sparse.csc_array((np.ones(len(rows), g.dtype), rows, starts), shape=(weight_shape[0], n))
    return transposed @ g.reshape(n, weight_shape[1])


embedding_of_rows.gradient(weight=_embedding_of_weight)


class Embedding(Module):
    """A table of vectors, looked up by index; see ``nn.functional.embedding``.

    The parameter ``weight`` (num_embeddings, embedding_dim) is drawn from a standard normal distribution.

    >>> import numpy as np
    >>> layer = Embedding(10, 3, padding_idx=0)
    >>> layer(np.array([[1, 2, 0, 0]])).shape
    (1, 4, 3)

    Args:
        num_embeddings: how many rows the table has.
        embedding_dim: how long a row is.
        padding_idx: a row that is 0 at first and gets no gradient; counted from the end if negative.
        dtype: that of the table; float32 unless ``set_default_dtype`` says otherwise.
        rng: what the table is drawn with: a generator or a seed; the generator of ``nn.manual_seed`` if None.

    Raises:
        ValueError: a negative size, or ``padding_idx`` is not a row.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: DTypeLike | None = None,
        rng: Seed = None,
    ) -> None:
        if num_embeddings < 0 or embedding_dim < 0:
            raise ValueError(f"Embedding({num_embeddings}, {embedding_dim}): sizes are not negative")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _row("Embedding", padding_idx, num_embeddings)
        self.dtype = dtype
        weight = generator(rng).standard_normal((num_embeddings, embedding_dim))
        if self.padding_idx is not None:
            weight[self.padding_idx] = 0
        self.weight = Parameter(weight, dtype=dtype)

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> Self:
        """A layer with this table, of shape (num_embeddings, embedding_dim), in its dtype.

        >>> Embedding.from_pretrained(np.array([[1.0, 2.0], [3.0, 4.0]]))(np.array([1]))
        Tensor([[3., 4.]])

        Args:
            embeddings: the table.
            freeze: whether it stays as it is, instead of being learnt.
            padding_idx: a row that gets no gradient; counted from the end if negative.

        Raises:
            ValueError: the table has another number of axes, or ``padding_idx`` is not a row.
        """
        table = array(embeddings)
        if len(table.shape) != 2:
            raise ValueError(f"Embedding.from_pretrained takes a table of shape (V, D), but was given {table.shape}")
        rows, columns = table.shape
        layer = cls(0, columns, dtype=table.dtype)  # without rows nothing is drawn
        layer.num_embeddings, layer.padding_idx = rows, _row("Embedding.from_pretrained", padding_idx, rows)
        layer.weight = Parameter(table, requires_grad=not freeze, dtype=table.dtype)
        return layer

    def forward(self, x: Any) -> Any:
        return embedding(x, self.weight, self.padding_idx)

    @property
    def expects(self) -> str:
        """The values of the input, whose shape is free."""
        return f"integers from 0 to {self.num_embeddings - 1}"
