"""``scipy.special`` for tensors: its ufuncs, handed through as they are, and the functions it does not dispatch.

>>> from autodiff.scipy.special import erf, logsumexp
"""

from scipy.special import (
    betaln,
    digamma,
    entr,
    erf,
    erfc,
    erfcinv,
    erfinv,
    expit,
    gamma,
    gammaln,
    kl_div,
    log_expit,
    logit,
    ndtr,
    ndtri,
    psi,
    rel_entr,
    rgamma,
    xlog1py,
    xlogy,
)

from ..primitives.special import log_softmax, logsumexp, polygamma, softmax, spherical_jn

__all__ = [
    "betaln",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfinv",
    "expit",
    "gamma",
    "gammaln",
    "kl_div",
    "log_expit",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "rel_entr",
    "rgamma",
    "softmax",
    "spherical_jn",
    "xlog1py",
    "xlogy",
]
