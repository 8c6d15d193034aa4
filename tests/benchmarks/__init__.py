"""Benchmarks against hand-written NumPy and the peers; see ``python -m tests.benchmarks --help``."""
