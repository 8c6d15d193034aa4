"""Hypothesis strategies for what gradients, or any numerical code, should be tested on.

Every ``shape`` may itself be a strategy. Values come from a lattice, on which two are equal or well apart. All arrays
are of float64, but for Hermitian ones; take ``x.astype(...)`` or ``layouts(x)`` of them as needed.

==============================  ==================================================
strategy                        what it draws
==============================  ==================================================
``lattice``                     numbers: multiples of 1/64, and points of stress
``arrays``                      arrays with independent entries
``distinct_arrays``             arrays without ties
``tied_arrays``                 arrays with ties everywhere
``shapes``                      shapes, from 0-d
``broadcastable_shapes``        shapes that broadcast together
``gufunc_shapes``               shapes of arguments and results by a signature
``axes``                        what a reduction takes as ``axis``
``indices``                     every kind of index
``layouts``                     the same values in other memory
``matrices``                    matrices, square or not, of small condition number
``symmetric_matrices``          symmetric matrices
``hermitian_matrices``          complex Hermitian matrices
``triangular_matrices``         lower or upper triangular matrices
``orthogonal_matrices``         matrices with orthonormal columns or rows
``positive_definite_matrices``  symmetric matrices with positive eigenvalues
``ill_conditioned_matrices``    matrices of a given condition number
``low_rank_matrices``           matrices of a given rank
``probability_vectors``         what sums to 1, with zeros by option
``logits``                      what a softmax is taken of, with -inf by option
``convolution_geometries``      input, kernel, stride, padding, dilation, groups
``programs``                    random functions, as source text
==============================  ==================================================

``FAR`` and ``STRESS`` are points for ``lattice``, ``KINDS`` and ``FUNCTIONAL`` kinds of steps for ``programs``.
"""

from ..program import Program
from .geometry import ConvolutionGeometry, convolution_geometries
from .indices import indices
from .layouts import layouts
from .matrices import (
    hermitian_matrices,
    ill_conditioned_matrices,
    low_rank_matrices,
    matrices,
    orthogonal_matrices,
    positive_definite_matrices,
    symmetric_matrices,
    triangular_matrices,
)
from .probabilities import logits, probability_vectors
from .programs import FUNCTIONAL, KINDS, programs
from .shapes import GufuncShapes, Shape, axes, broadcastable_shapes, gufunc_shapes, shapes
from .values import FAR, PER_UNIT, STRESS, arrays, distinct_arrays, lattice, tied_arrays

__all__ = [
    "FAR",
    "FUNCTIONAL",
    "KINDS",
    "PER_UNIT",
    "STRESS",
    "ConvolutionGeometry",
    "GufuncShapes",
    "Program",
    "Shape",
    "arrays",
    "axes",
    "broadcastable_shapes",
    "convolution_geometries",
    "distinct_arrays",
    "gufunc_shapes",
    "hermitian_matrices",
    "ill_conditioned_matrices",
    "indices",
    "lattice",
    "layouts",
    "logits",
    "low_rank_matrices",
    "matrices",
    "orthogonal_matrices",
    "positive_definite_matrices",
    "probability_vectors",
    "programs",
    "shapes",
    "symmetric_matrices",
    "tied_arrays",
    "triangular_matrices",
]
