"""Functions of a whole matrix: exponential, logarithm, square root."""
