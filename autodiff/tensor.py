"""The Tensor: an array, the node that made it, and NumPy's protocols, so that NumPy functions record on it."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .backward import HookHandle, backward, hooked
from .callers import scipy_function, way_out
from .dispatch import call_ufunc, dispatch, unwrap
from .memory import TEMPORARY, sole_owner
from .primitive import REGISTRY, lent
from .recorder import compile_recorder, foreign, namespace, plain_types, tensor_types, wrap
from .tape import Leaf, Node, recording


class Recorded:
    """A method of Tensor that is a primitive's recorder, compiled and put in its place on first use."""

    def __init__(self, function: Callable, **form: Any) -> None:
        self.function, self.form = function, form

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Any, owner: type) -> Any:
        recorder = compile_recorder(REGISTRY[self.function], **self.form)
        setattr(self.owner, self.name, recorder)
        return recorder if instance is None else recorder.__get__(instance, owner)


def _operator(function: Callable) -> Any:
    return Recorded(function, operator=True)


def _reflected(function: Callable) -> Any:
    return Recorded(function, operator=True, reflected=True)


def _is_sparse(value: Any) -> bool:
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "tocsr")


def _times_sparse(tensor: Tensor, other: Any) -> Any:
    return dispatch[lent["sparse_matmul"]](other.T, tensor.T).T if _is_sparse(other) else NotImplemented


def _sparse_times(tensor: Tensor, other: Any) -> Any:
    return dispatch[lent["sparse_matmul"]](other, tensor) if _is_sparse(other) else NotImplemented


def _comparison(function: np.ufunc) -> Callable:
    def compare(self: Tensor, other: Any) -> Any:
        if type(other) in tensor_types:
            other = other._data
        elif type(other) not in plain_types and (other := foreign(other)) is NotImplemented:
            return NotImplemented
        return function(self._data, other)

    return compare


def _method(function: Callable) -> Callable:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return dispatch[function](self, *args, **kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"NumPy's ``{function.__name__}`` of this tensor."
    return method


def _in_place(function: np.ufunc) -> Callable:
    def update(self: Tensor, other: Any) -> Any:
        if type(other) not in tensor_types and type(other) not in plain_types:
            other = foreign(other)
            if other is NotImplemented:
                return NotImplemented
        bound = sys.getrefcount(self) > TEMPORARY
        return self._update(function, other, bound)

    return update


class Tensor:
    """An array whose operations are recorded, so that ``backward`` can find the gradient with respect to it.

    NumPy's functions and operators work on tensors as on arrays. The memory of ``data`` is shared, not copied, until
    something is assigned; an assignment writes in place only where nobody else can see the memory.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.])

    Args:
        data: anything ``numpy.asarray`` takes, or a tensor.
        requires_grad: whether gradients with respect to it are wanted.
        dtype: NumPy's; that of ``data`` by default.

    Raises:
        TypeError: integers, booleans, strings, objects or masked arrays are asked to require a gradient.
    """

    __slots__ = ("_data", "_node", "_view", "__weakref__")

    _data: np.ndarray
    _node: Any
    _view: str | None

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        self._data = _as_data(data, dtype)
        self._node = None
        if requires_grad:
            self.requires_grad = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        tensor_types.add(cls)

    # What it is

    @property
    def data(self) -> np.ndarray:
        """The array itself, not a copy. Assigning replaces it, without a record."""
        return self._data

    @data.setter
    def data(self, value: ArrayLike | Tensor) -> None:
        array = _as_data(value, None)
        if isinstance(self._node, Leaf):
            _require_differentiable(array)
            if self._node.grad is not None and (array.shape, array.dtype) != (self.shape, self.dtype):
                raise ValueError(
                    f"the data of shape {self.shape} and dtype {self.dtype} was replaced by {array.shape}, "
                    f"{array.dtype} while its gradient is kept; set .grad = None first"
                )
            self._node.shape, self._node.dtype = array.shape, array.dtype
        elif self._node is not None and (array.shape, array.dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"the data of a computed tensor of shape {self.shape} and dtype {self.dtype} was replaced by "
                f"{array.shape}, {array.dtype}; compute a new tensor instead"
            )
        self._data = array

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can reach this tensor."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self._node is None:
            _require_differentiable(self._data)
            self._node = Leaf(self._data.shape, self._data.dtype)
        elif not value:
            if isinstance(self._node, Node):
                raise RuntimeError("only a leaf can stop requiring grad; use .detach() for a computed tensor")
            self._node = None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set ``requires_grad``, and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return not isinstance(self._node, Node)

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated by ``backward``, or None; only leaves and tensors with ``retain_grad`` have one."""
        leaf = self._node if type(self._node) is Leaf else self._leaf()
        return None if leaf is None else leaf.grad

    @grad.setter
    def grad(self, value: Tensor | ArrayLike | None) -> None:
        leaf = self._leaf()
        if value is not None:
            if leaf is None:
                raise RuntimeError("only a leaf that requires grad keeps a gradient; use .retain_grad() first")
            value = value if isinstance(value, Tensor) else Tensor(value)
            if value.shape != self.shape or value.dtype != self.dtype:
                raise ValueError(
                    f"a gradient of shape {value.shape}, {value.dtype} was assigned to a tensor of shape "
                    f"{self.shape}, {self.dtype}"
                )
        if leaf is not None:
            leaf.grad = value

    def _leaf(self) -> Leaf | None:
        if isinstance(self._node, Node):
            return getattr(self._node.pullback, "retained", None)
        return self._node

    shape = property(lambda self: self._data.shape, doc="The lengths of its axes.")
    ndim = property(lambda self: self._data.ndim, doc="The number of its axes.")
    size = property(lambda self: self._data.size, doc="The number of its entries.")
    dtype = property(lambda self: self._data.dtype, doc="The type of its entries.")
    nbytes = property(lambda self: self._data.nbytes, doc="The memory of its entries, in bytes.")
    itemsize = property(lambda self: self._data.itemsize, doc="The memory of one entry, in bytes.")

    @property
    def T(self) -> Tensor:
        """The tensor with its axes in reverse order."""
        return dispatch[np.transpose](self)

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two axes swapped."""
        return dispatch[np.swapaxes](self, -1, -2)

    @property
    def real(self) -> Tensor:
        """The real part."""
        return dispatch[np.real](self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return dispatch[np.imag](self)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self._data)))

    def __contains__(self, value: Any) -> bool:
        return unwrap(value) in self._data

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        body = np.array2string(self._data, separator=", ", prefix=f"{type(self).__name__}(")
        notes = "" if self._data.dtype in (np.float64, np.int64, np.bool_) else f", dtype={self._data.dtype}"
        if isinstance(self._node, Node):
            notes += f", from={self._node.pullback.name}"
        elif self._node is not None:
            notes += ", requires_grad=True"
        return f"{type(self).__name__}({body}{notes})"

    def __format__(self, spec: str) -> str:
        return format(self._data[()], spec) if self.ndim == 0 else format(repr(self), spec)

    # Leaving the tape

    def item(self, *index: Any) -> Any:
        """The only entry (or the one at ``index``) as a Python number."""
        return self._data.item(*index)

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        self._refuse_if_tracked("tolist()")
        return self._data.tolist()

    def numpy(self) -> np.ndarray:
        """The array, not a copy; refuses a tensor that requires grad."""
        self._refuse_if_tracked("numpy()")
        return self._data

    def detach(self) -> Tensor:
        """A tensor of the same memory that is cut off the tape."""
        return wrap(self._data, None)

    def clone(self) -> Tensor:
        """A recorded copy, in memory of its own."""
        return dispatch[np.copy](self)

    def _refuse_if_tracked(self, what: str) -> None:
        if self._node is not None:
            raise TypeError(
                f"{what} would lose the gradient of a tensor that requires grad; use .detach() first, or a function "
                "that records (NumPy's, with np.stack or autodiff.array instead of np.array for a list of tensors)"
            )

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if sys._getframe(1).f_globals.get("__name__", "").startswith("scipy.sparse._"):
            holder = np.empty((), dtype=object)  # tells scipy.sparse to leave `matrix @ tensor` to __rmatmul__
            holder[()] = self
            return holder
        if self._node is not None and (caller := scipy_function(sys._getframe(1))) is not None:
            raise TypeError(
                f"{caller} does not record, and would lose the gradient of a tensor that requires grad; "
                f"{way_out(caller)}"
            )
        self._refuse_if_tracked("numpy.asarray")
        return np.array(self._data, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        self._refuse_if_tracked("float()")
        return float(self._data)

    def __int__(self) -> int:
        self._refuse_if_tracked("int()")
        return int(self._data)

    def __complex__(self) -> complex:
        self._refuse_if_tracked("complex()")
        return complex(self._data)

    def __bool__(self) -> bool:
        self._refuse_if_tracked("bool()")
        return bool(self._data)

    def __index__(self) -> int:
        return operator.index(self._data)

    def __reduce__(self) -> Any:
        if isinstance(self._node, Node):
            raise TypeError("only a leaf can be pickled or copied deeply; .detach() this computed tensor first")
        gradient = None if self.grad is None else self.grad._data.copy()
        return _rebuild, (type(self), self._data, self.requires_grad, gradient)

    def __deepcopy__(self, memo: dict) -> Tensor:
        rebuild, (cls, data, requires_grad, gradient) = self.__reduce__()
        memo[id(self)] = tensor = rebuild(cls, data.copy(), requires_grad, gradient)
        return tensor

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            return dispatch[ufunc](*inputs)
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        if kwargs and kwargs.get("out") is not None:
            raise TypeError(f"{function.__name__}: out= is not supported with tensors; use the returned tensor")
        for kind in types:
            if kind not in tensor_types and not issubclass(kind, np.ndarray):
                return NotImplemented
        kwargs.pop("out", None)
        return dispatch[function](*args, **kwargs)

    # Operators: the fast spelling of NumPy's functions

    __add__, __radd__, __iadd__ = _operator(np.add), _reflected(np.add), _in_place(np.add)
    __sub__, __rsub__, __isub__ = _operator(np.subtract), _reflected(np.subtract), _in_place(np.subtract)
    __mul__, __rmul__, __imul__ = _operator(np.multiply), _reflected(np.multiply), _in_place(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _operator(np.divide), _reflected(np.divide), _in_place(np.divide)
    __pow__, __rpow__, __ipow__ = _operator(np.power), _reflected(np.power), _in_place(np.power)
    __mod__, __rmod__ = _operator(np.remainder), _reflected(np.remainder)
    __neg__, __pos__, __abs__ = _operator(np.negative), _operator(np.positive), _operator(np.absolute)
    __lt__, __le__, __gt__ = map(_comparison, (np.less, np.less_equal, np.greater))
    __ge__, __eq__, __ne__ = map(_comparison, (np.greater_equal, np.equal, np.not_equal))  # type: ignore[assignment]
    __floordiv__ = _comparison(np.floor_divide)
    __matmul__ = Recorded(np.matmul, operator=True, otherwise=_times_sparse)
    __rmatmul__ = Recorded(np.matmul, operator=True, reflected=True, otherwise=_sparse_times)
    __getitem__ = Recorded(operator.getitem)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    # ndarray's methods: the same primitives

    sum, prod, mean = Recorded(np.sum), Recorded(np.prod), Recorded(np.mean)
    var, std, max, min = Recorded(np.var), Recorded(np.std), Recorded(np.max), Recorded(np.min)

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """NumPy's ``reshape``; the shape as a tuple or as separate integers."""
        return dispatch[np.reshape](self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> Tensor:
        """NumPy's ``transpose``; the axes as a tuple or as separate integers."""
        chosen = None if not axes else axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return dispatch[np.transpose](self, chosen)

    def astype(self, dtype: DTypeLike) -> Any:
        """The tensor in another dtype; to integers or booleans, a plain array."""
        target = np.dtype(dtype)
        return dispatch[np.astype](self, target) if target.kind in "fc" else self._data.astype(target)

    def flatten(self, order: str = "C") -> Tensor:
        """A copy in one dimension."""
        return self.reshape(-1, order=order).clone()

    # Assignment

    def __setitem__(self, index: Any, value: Any) -> None:
        self.write(lent["assign"], index, value, "x[i] = v")

    def write(self, function: Callable, index: Any, value: Any, what: str) -> None:
        """Change entries: ``function(data, value, index, in_place)``, recorded if this tensor or the value is tracked.

        The memory is written to where nobody else can see it, else a changed copy takes its place.

        Raises:
            RuntimeError: this is a leaf that requires grad, or a view; ``what`` names the operation.
        """
        self._refuse_view(f"{what} on", f"x[i][{_show_index(index)}] = ...", f"x[i, {_show_index(index)}] = ...")
        tracked = recording.get() is not None and (
            self._node is not None or isinstance(value, Tensor) and value._node is not None
        )
        in_place = sole_owner(self)
        if not tracked:
            self._data = function(self._data, unwrap(value), unwrap(index), in_place)
            return
        self._refuse_leaf(what)
        if self._node is None:
            _require_differentiable(self._data)
        result = dispatch[function](self, value, unwrap(index), in_place)
        self._data, self._node = result._data, result._node

    def _update(self, function: np.ufunc, other: Any, bound: bool) -> Tensor:
        if bound:
            self._refuse_view("updating", "row = x[i]; row += v", "x[i] += v")
        tracked = recording.get() is not None and (
            self._node is not None or isinstance(other, Tensor) and other._node is not None
        )
        if not tracked:
            target = self.writable()
            self._data = function(self._data, unwrap(other), out=target)
            return self
        self._refuse_leaf("x += y")
        result = dispatch[function](self, other)
        if result.shape != self.shape:
            raise ValueError(
                f"in-place {function.__name__}: an operand of shape {np.shape(unwrap(other))} makes {result.shape} of "
                f"a tensor of shape {self.shape}; write x = x + y"
            )
        if result.dtype != self.dtype:
            if not np.can_cast(result.dtype, self.dtype, "same_kind"):
                raise TypeError(f"in-place {function.__name__}: {result.dtype} cannot be cast to {self.dtype}")
            result = result.astype(self.dtype)
        self._data, self._node = result._data, result._node
        return self

    def writable(self) -> np.ndarray:
        """The array to write a new value of this tensor into: its own where nobody else can see it, else a new one.

        An optimiser computes into it under ``no_grad`` and assigns the result to ``data``.
        """
        return self._data if sole_owner(self) else np.empty_like(self._data)

    def _refuse_leaf(self, what: str) -> None:
        if isinstance(self._node, Leaf):
            raise RuntimeError(
                f"{what} on a leaf that requires grad: its own gradient would be lost; "
                "update it under no_grad(), or work on x.clone()"
            )

    def _refuse_view(self, what: str, wrong: str, right: str) -> None:
        view = getattr(self, "_view", None)
        if view is None or self._data.base is None:
            return
        raise RuntimeError(
            f"{what} a tensor that is a view of another (made by {view}) would not write through to it: "
            f"instead of {wrong} write {right}, or take a .clone() first"
        )

    # Gradients

    def backward(
        self, gradient: ArrayLike | Tensor | None = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf below it: all of them, or none if anything fails.

        Args:
            gradient: the cotangent of this tensor, of its shape; 1 by default for a single number.
            retain_graph: keep what the graph saved, for another backward pass over it.
            create_graph: record the pass itself, so that the gradients can be differentiated; implies retaining.

        Raises:
            RuntimeError: the tensor requires no grad, has several entries and no ``gradient`` was given, or its graph
                was released by an earlier pass.
            ValueError: ``gradient`` has another shape.
        """
        backward([self], [gradient], retain_graph=retain_graph, create_graph=create_graph)

    def retain_grad(self) -> None:
        """Keep the gradient of a computed tensor in ``.grad`` too."""
        if self._node is None:
            raise RuntimeError("retain_grad() on a tensor that requires no grad")
        if isinstance(self._node, Node):
            place = hooked(self._node)
            if place.retained is None:
                place.retained = Leaf(self.shape, self.dtype)
                self._node.parents += (place.retained,)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> HookHandle:
        """Have ``hook(gradient)`` called with this tensor's gradient in each backward pass; it may return another.

        Returns a handle whose ``remove()`` takes the hook off again.
        """
        if self._node is None:
            raise RuntimeError("register_hook() on a tensor that requires no grad")
        target = self._node if isinstance(self._node, Leaf) else hooked(self._node)
        if target.hooks is None:
            target.hooks = {}
        return HookHandle(target.hooks, hook)


for _name in (
    "all any argmax argmin argpartition argsort compress conj conjugate cumprod cumsum diagonal dot nonzero ptp "
    "ravel repeat round searchsorted squeeze swapaxes take trace clip"
).split():
    setattr(Tensor, _name, _method(getattr(np, _name)))


def _as_data(data: Any, dtype: DTypeLike | None) -> np.ndarray:
    if isinstance(data, Tensor):
        data = data._data
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("a Tensor cannot hold a masked array: its mask would be lost; use .filled() first")
    array = np.asarray(data, dtype=dtype)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"a Tensor holds numbers, not {array.dtype} (given a {type(data).__name__})")
    return array


def _require_differentiable(array: np.ndarray) -> None:
    if array.dtype.kind not in "fc":
        raise TypeError(
            f"only floating-point and complex tensors can require a gradient, not {array.dtype}; "
            "write 3.0 for 3, or convert with dtype=float"
        )


def _rebuild(cls: type, data: np.ndarray, requires_grad: bool, gradient: np.ndarray | None) -> Tensor:
    tensor: Tensor = object.__new__(cls)
    tensor._data, tensor._node = data, None
    if requires_grad:
        tensor.requires_grad = True
        tensor.grad = gradient
    return tensor


def _show_index(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(map(_show_index, index))
    if isinstance(index, slice):
        start, stop, step = ("" if part is None else part for part in (index.start, index.stop, index.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "..." if index is Ellipsis else repr(unwrap(index))


namespace["Tensor"] = Tensor
tensor_types.add(Tensor)
