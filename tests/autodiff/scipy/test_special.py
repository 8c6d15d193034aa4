"""The names and signatures of ``autodiff.scipy.special``."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy import special as scipys

from autodiff.scipy import special

# fmt: off
WANTED = """
    erf erfc erfcx erfinv erfcinv erfi dawsn ndtr ndtri log_ndtr gamma gammaln loggamma rgamma gammasgn digamma psi
    polygamma multigammaln zeta poch beta betaln betainc gammainc gammaincc expit logit log_expit exprel cosm1 xlogy
    xlog1py entr rel_entr kl_div huber pseudo_huber boxcox boxcox1p i0 i0e i1 i1e iv ive j0 j1 jv jn y0 y1 yv yn k0 k1
    kv spence exp1 expi expn sici lambertw ellipk ellipe stdtr eval_legendre eval_hermite eval_chebyt softmax
    log_softmax logsumexp
""".split()
# fmt: on


def test_every_function_that_people_reach_for_is_public():
    assert set(WANTED) <= set(special.__all__)


@pytest.mark.parametrize("name", special.__all__)
def test_a_ufunc_is_scipys_and_another_function_has_its_parameters(name):
    ours, theirs = getattr(special, name), getattr(scipys, name)
    if isinstance(theirs, np.ufunc):
        assert ours is theirs
    else:
        assert list(inspect.signature(ours).parameters) == [
            p for p in inspect.signature(theirs).parameters if p != "out"
        ]
