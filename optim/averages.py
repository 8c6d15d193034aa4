"""Averages of a model's parameters over training, which often do better than the last ones.

B. T. Polyak and A. B. Juditsky, Acceleration of stochastic approximation by averaging, SIAM Journal on Control and
Optimization 30(4), 1992; stochastic weight averaging: P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov and
A. G. Wilson, Averaging weights leads to wider optima and better generalization, 2018, arXiv:1803.05407. The names are
those of ``torch.optim.swa_utils``.

A model is an ``nn.Module``, or anything that has the methods of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np

from autodiff import Tensor, no_grad

from . import schedules
from .optimizer import Optimizer
from .packs import BLOCK, fastest_add
from .scheduler import FactorLR, per_group
from .schedules import Strategy

AvgFn = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
MultiAvgFn = Callable[[list[np.ndarray], list[np.ndarray], int], None]


def get_ema_avg_fn(decay: float = 0.999) -> AvgFn:
    """The exponential moving average of one array: ``decay * averaged + (1 - decay) * current``."""
    _check_decay(decay)
    return partial(_ema, decay)


def get_swa_avg_fn() -> AvgFn:
    """The mean of one array over all times: ``averaged + (current - averaged) / (num_averaged + 1)``."""
    return _swa


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAvgFn:
    """The exponential moving averages of many arrays, in place: ``averaged += (1 - decay) * (current - averaged)``."""
    _check_decay(decay)
    return partial(_ema_of_all, decay)


def get_swa_multi_avg_fn() -> MultiAvgFn:
    """The means of many arrays over all times, in place: ``averaged += (current - averaged) / (num_averaged + 1)``."""
    return _swa_of_all


class AveragedModel:
    """A copy of a model whose parameters are averages of the model's, as they were at each ``update_parameters``.

    It is called as the model is. Whatever else a model has is the copy's: ``averaged.named_parameters()`` has the
    model's names (PyTorch's begin with ``module.``).

    >>> import numpy as np
    >>> from nn import Linear
    >>> model = Linear(1, 1, bias=False)
    >>> mean = AveragedModel(model)
    >>> for w in (1.0, 2.0, 6.0):
    ...     model.weight.data = np.array([[w]], np.float32)
    ...     mean.update_parameters(model)
    >>> mean.module.weight.item()
    3.0

    Args:
        model: is copied; the averages begin with its parameters at the first ``update_parameters``.
        avg_fn: ``avg_fn(averaged, current, n_averaged)`` returns the new average of one array: ``get_ema_avg_fn()``.
        multi_avg_fn: writes those of many arrays into the first of its two lists, which is faster:
            ``get_ema_multi_avg_fn()``. If neither is given, all times count the same: ``get_swa_multi_avg_fn()``.
        use_buffers: whether the model's buffers are averaged too, and not only copied; whole numbers are copied always.

    Attributes:
        module: the copy.
        n_averaged: how many times are averaged.
    """

    def __init__(
        self,
        model: Any,
        avg_fn: AvgFn | None = None,
        multi_avg_fn: MultiAvgFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel takes avg_fn or multi_avg_fn, not both")
        self.module = deepcopy(model)
        self.n_averaged = 0
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "module" or name.startswith("__"):  # asked for by copy and pickle, before there is a module
            raise AttributeError(name)
        return getattr(self.module, name)

    def train(self, mode: bool = True) -> Self:
        """Put the copy into training, or out of it."""
        self.module.train(mode)
        return self

    def eval(self) -> Self:
        """Put the copy out of training: dropout and batch norm behave otherwise then."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether the averages require gradients."""
        self.module.requires_grad_(requires_grad)
        return self

    def update_parameters(self, model: Any) -> None:
        """Take in the parameters that ``model`` has now.

        Raises:
            ValueError: they have other names or shapes than the averages; nothing has changed then.
        """
        pairs = self._pairs(model)
        buffers = self._buffer_pairs(model)
        own, theirs = [a.writable() for a, _ in pairs], [p.data for _, p in pairs]
        for (a, _), array in zip(pairs, own):
            if array is not a.data:
                array[...] = a.data
        averaged = [(m, name, getattr(m, name).copy(), b) for m, name, b in buffers if self.use_buffers and _floats(b)]
        if self.n_averaged == 0:
            for array, p in zip(own, theirs):
                array[...] = p
            averaged = []
        else:
            self._average(own + [array for _, _, array, _ in averaged], theirs + [b for *_, b in averaged])
        for (a, _), array in zip(pairs, own):
            a.data = array
        for module, name, b in buffers:
            setattr(module, name, b.copy())
        for module, name, array, _ in averaged:
            setattr(module, name, array)
        self.n_averaged += 1

    @contextmanager
    def swapped_into(self, model: Any) -> Iterator[Any]:
        """A block in which ``model`` has the averages for parameters and buffers, to evaluate it; no copy is made.

        It has its own again afterwards, also after an error. It is not to be trained in the block.
        """
        self._swap(model)
        try:
            yield model
        finally:
            self._swap(model)

    def state_dict(self) -> dict[str, np.ndarray]:
        """``n_averaged``, and the state of the copy with paths that begin with ``module.``, as in PyTorch."""
        own = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        return {"n_averaged": np.array(self.n_averaged), **own}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned.

        Raises:
            ValueError: it does not fit; nothing has changed then.
        """
        count = np.asarray(state_dict.get("n_averaged"))
        if count.shape or count.dtype.kind not in "iu" or count < 0:
            raise ValueError(f"load_state_dict of AveragedModel: n_averaged is {count}, not a count")
        own = {name: value for name, value in state_dict.items() if name != "n_averaged"}
        unknown = [name for name in own if not name.startswith("module.")]
        if unknown:
            raise ValueError(f"load_state_dict of AveragedModel: there is no {', '.join(unknown)}")
        self.module.load_state_dict({name.removeprefix("module."): value for name, value in own.items()})
        self.n_averaged = int(count)

    def _average(self, own: list[np.ndarray], theirs: list[np.ndarray]) -> None:
        if self.avg_fn is None:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(own, theirs, self.n_averaged)
            return
        new = [self.avg_fn(array, current, self.n_averaged) for array, current in zip(own, theirs)]
        for array, value in zip(own, new):
            array[...] = value

    def _pairs(self, model: Any) -> list[tuple[Tensor, Tensor]]:
        """The parameters here and those of the model."""
        own, theirs = dict(self.module.named_parameters()), dict(model.named_parameters())
        if own.keys() != theirs.keys() or any(a.shape != theirs[name].shape for name, a in own.items()):
            shapes, given = ({name: p.shape for name, p in side.items()} for side in (own, theirs))
            differing = {name: side for side in (shapes, given) for name in side if shapes.get(name) != given.get(name)}
            names = ", ".join(f"{name} ({shapes.get(name)} and {given.get(name)})" for name in differing)
            raise ValueError(f"AveragedModel: the averages and the model have different parameters: {names}")
        return [(own[name], theirs[name]) for name in own]

    def _buffer_pairs(self, model: Any) -> list[tuple[Any, str, np.ndarray]]:
        """For each buffer the module here that has it, its name, and the model's array."""
        return [
            (own, name, np.asarray(getattr(module, name)))
            for own, module in zip(self.module.modules(), model.modules())
            for name in module.own_buffers()
        ]

    def _swap(self, model: Any) -> None:
        for a, p in self._pairs(model):
            a.data, p.data = p.data, a.data
        for own, module in zip(self.module.modules(), model.modules()):
            for name in module.own_buffers():
                mine, other = getattr(own, name), getattr(module, name)
                setattr(own, name, other)
                setattr(module, name, mine)


@no_grad()
def update_bn(loader: Iterable[Any], model: Any) -> None:
    """Compute the statistics of all batch norms anew, as the mean over the batches in ``loader``.

    An averaged model has the parameters, but not the activations, of any model that was trained.

    Args:
        loader: inputs of the model, or tuples or lists whose first entry is one.
        model: its batch norms are the modules whose class, or one it derives from, is called BatchNorm... Each module
            is in training, or not, afterwards as before.

    Raises:
        ValueError: the loader has no batches. After this, or an error of the model, the statistics are the old ones.
    """
    modules = [*model.modules()]
    norms: list[Any] = [module for module in modules if _is_batch_norm(module)]
    if not norms:
        return
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    old = [{name: getattr(norm, name) for name in statistics} for norm in norms]
    momenta, training = [norm.momentum for norm in norms], [module.training for module in modules]
    batches = 0
    try:
        for norm in norms:
            norm.momentum = None  # the mean of all batches
            norm.running_mean = np.zeros_like(norm.running_mean)
            norm.running_var = np.ones_like(norm.running_var)
            norm.num_batches_tracked = np.zeros_like(norm.num_batches_tracked)
        model.train()
        for batch in loader:
            batches += 1
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
        if not batches:
            raise ValueError("update_bn was given a loader without batches; perhaps it was used up before")
    except BaseException:
        for norm, values in zip(norms, old):
            for name, value in values.items():
                setattr(norm, name, value)
        raise
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
        for module, mode in zip(modules, training):
            module.training = mode


class SWALR(FactorLR):
    """Takes the rates, from what they are at its first step, to ``swa_lr`` in ``anneal_epochs`` steps, and keeps them.

    Args:
        optimizer: what the rates are for.
        swa_lr: the rate, or that of each group, in the end.
        anneal_epochs: the steps on the way; 0 to jump.
        anneal_strategy: along a cosine ("cos") or in a straight line ("linear").
        last_epoch: the last epoch that is over, to go on after it; -1 to begin.
    """

    swa_lrs: list[float]
    anneal_epochs: int
    anneal_strategy: Strategy

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Strategy = "cos",
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(anneal_epochs, Integral) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs is a whole number of at least 0, not {anneal_epochs!r}")
        self.swa_lrs = per_group("SWALR", optimizer, "swa_lr", swa_lr)
        self.anneal_epochs = anneal_epochs
        self.anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def floors(self) -> list[float]:
        return self.swa_lrs

    def factor_at(self, t: int) -> float:
        return schedules.interpolate(t, (1.0, 0.0), [self.anneal_epochs], self.anneal_strategy)

    def _take_over(self) -> None:
        """Go on from the rates that are there."""
        self.last_epoch = -1
        self.step()


def move(averaged: list[np.ndarray], current: list[np.ndarray], weight: float) -> None:
    """``averaged += weight * (current - averaged)`` for each pair, in blocks that stay in the cache."""
    scratch: dict[np.dtype, np.ndarray] = {}
    for average, array in zip(averaged, current):
        if not (average.flags.c_contiguous and array.flags.c_contiguous):
            average += weight * (array - average)
            continue
        if average.dtype not in scratch:
            scratch[average.dtype] = np.empty(BLOCK // average.itemsize, average.dtype)
        space = scratch[average.dtype]
        a, x = average.reshape(-1), array.reshape(-1)
        for i in range(0, a.size, space.size):
            part = a[i : i + space.size]
            difference = np.subtract(x[i : i + space.size], part, out=space[: part.size])
            fastest_add(average.dtype, difference)(part, weight, difference)


def _ema(decay: float, averaged: np.ndarray, current: np.ndarray, num_averaged: int) -> np.ndarray:
    return decay * averaged + (1 - decay) * current


def _swa(averaged: np.ndarray, current: np.ndarray, num_averaged: int) -> np.ndarray:
    return averaged + (current - averaged) / (num_averaged + 1)


def _ema_of_all(decay: float, averaged: list[np.ndarray], current: list[np.ndarray], num_averaged: int) -> None:
    move(averaged, current, 1 - decay)


def _swa_of_all(averaged: list[np.ndarray], current: list[np.ndarray], num_averaged: int) -> None:
    move(averaged, current, 1 / (num_averaged + 1))


def _is_batch_norm(module: Any) -> bool:
    """By its class, or one that it derives from; the name tells, as this package knows no layers."""
    named = any(kind.__name__.startswith("BatchNorm") for kind in type(module).__mro__)
    return named and module.running_mean is not None


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is a number in [0, 1], not {decay!r}")


def _floats(buffer: np.ndarray) -> bool:
    return buffer.dtype.kind == "f"
