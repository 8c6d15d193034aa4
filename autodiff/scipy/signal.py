"""``scipy.signal`` for tensors: its convolutions and correlation.

>>> from autodiff.scipy.signal import fftconvolve
"""

from ..primitives.convolution import convolve, correlate, fftconvolve, oaconvolve

__all__ = ["convolve", "correlate", "fftconvolve", "oaconvolve"]
