"""Tests of gradients: finite differences with an error estimate, and checks against them.

``autodiff.testing.strategies`` generates arrays, layouts and indices for Hypothesis; import it by its name.
"""
