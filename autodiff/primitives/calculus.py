"""Differences, interpolation, polynomials and integration on grids."""
