"""Nothing of NumPy is forgotten, and what people reach for has a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff.scipy
from autodiff import Tensor
from autodiff.dispatch import qualified_name
from autodiff.primitive import IMPLEMENTATIONS, REFUSED, REGISTRY

from .coverage import LISTS, NAMESPACES, dispatching, tables
from .test_documentation import README

FUNCTIONS = dict(item for namespace in NAMESPACES for item in dispatching(namespace))

# fmt: off
REACHED_FOR = {
    np: """
        add subtract multiply divide power float_power negative positive reciprocal square sqrt cbrt abs fabs exp exp2
        expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh sinc
        hypot logaddexp logaddexp2 maximum minimum fmax fmin clip mod remainder fmod copysign ldexp deg2rad
        rad2deg nan_to_num where select piecewise interp polyval
        sum mean prod max min ptp var std median quantile percentile average nansum nanmean nanprod nanmax nanmin nanvar
        nanstd cumsum cumprod diff gradient trapezoid cov corrcoef
        take take_along_axis put_along_axis stack
        reshape ravel transpose swapaxes moveaxis squeeze expand_dims broadcast_to broadcast_arrays atleast_1d
        atleast_2d atleast_3d flip fliplr flipud roll rot90 concatenate hstack vstack dstack column_stack block split
        array_split hsplit vsplit pad tile repeat diag diagonal trace tril triu meshgrid sort partition unique append
        insert delete apply_along_axis outer kron cross vander convolve correlate
        matmul dot vdot inner tensordot einsum matrix_transpose vecdot""",
    np.lib.stride_tricks: "sliding_window_view",
    np.linalg: """
        multi_dot matrix_power solve inv pinv lstsq det slogdet cholesky qr svd svdvals eig eigvals eigh eigvalsh norm
        cond""",
    np.fft: """
        fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn fftshift ifftshift""",
    autodiff.scipy.linalg: """
        expm sqrtm logm lu solve_triangular cho_solve solve_banded toeplitz block_diag""",
    autodiff.scipy.fft: "dct dst",
    autodiff.scipy.special: """
        erf erfc erfcx erfinv erfcinv erfi dawsn ndtr ndtri log_ndtr gamma gammaln loggamma rgamma digamma psi
        polygamma multigammaln zeta poch beta betaln betainc gammainc gammaincc expit logit log_expit exprel cosm1 xlogy
        xlog1py entr rel_entr kl_div huber pseudo_huber boxcox boxcox1p i0 i0e i1 i1e iv ive j0 j1 jv jn y0 y1 yv yn k0
        k1 kv spence exp1 expi expn sici lambertw ellipk ellipe stdtr eval_legendre eval_hermite eval_chebyt softmax
        log_softmax logsumexp""",
}
"""The functions that users of NumPy, SciPy and the other libraries differentiate most."""

METHODS = [
    np.add.reduce, np.multiply.reduce, np.maximum.reduce, np.minimum.reduce, np.logaddexp.reduce,
    np.add.accumulate, np.multiply.accumulate, np.maximum.accumulate, np.minimum.accumulate, np.logaddexp.accumulate,
    np.add.reduceat, np.add.at, np.subtract.at,
]
# fmt: on

STEPS = "sign floor ceil round heaviside argmax argmin argsort nonzero searchsorted equal less isnan".split()
"""What gives a plain array, for want of a derivative."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_numpy_is_in_exactly_one_list(name: str) -> None:
    found = [title for title, functions in LISTS.items() if FUNCTIONS[name] in functions]
    assert len(found) == 1, f"{name} is in {found or 'no list'}"


def differentiable(function: Any) -> bool:
    return any(f in REGISTRY or f in IMPLEMENTATIONS for f in (function, getattr(function, "__wrapped__", None)))


@pytest.mark.parametrize("namespace", REACHED_FOR, ids=lambda module: module.__name__)
def test_what_people_reach_for_records(namespace: Any) -> None:
    for name in REACHED_FOR[namespace].split():
        function = getattr(namespace, name)
        if namespace.__name__.startswith("autodiff"):
            assert name in namespace.__all__
        else:
            assert differentiable(function), name


def test_methods_of_ufuncs_record() -> None:
    assert [qualified_name(method) for method in METHODS if not differentiable(method)] == []


@pytest.mark.parametrize("name", STEPS)
def test_steps_give_plain_arrays(name: str) -> None:
    function = getattr(np, name)
    x = Tensor([0.5, -1.5], requires_grad=True)
    result = function(x, 0.0) if name in ("heaviside", "searchsorted", "equal", "less") else function(x)
    assert not isinstance(result, Tensor)


X = Tensor(np.ones(3), requires_grad=True)
CALLS = {np.poly: (X,), np.polyfit: (X, X, 1), np.histogram: (X,), np.histogram_bin_edges: (X,), np.histogramdd: (X,)}
CALLS |= dict.fromkeys((np.save, np.savetxt, np.savez, np.savez_compressed), ("nowhere", X))


@pytest.mark.parametrize("function", REFUSED, ids=qualified_name)
def test_refused_functions_raise_and_give_their_reason(function: Callable) -> None:
    with pytest.raises(TypeError, match="would lose the gradient") as caught:
        function(*CALLS.get(function, (X, X)))
    assert qualified_name(function) in str(caught.value)
    assert REFUSED[function] in str(caught.value)


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.partition(" |")[0].strip("| "))
def test_readme_has_the_tables_of_what_is_covered(table: str) -> None:
    """``python -m tests.coverage`` prints them anew."""
    assert table in README
