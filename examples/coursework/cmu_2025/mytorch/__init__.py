"""CMU 11-785, homework 1 part 1, spring 2025: layers with ``forward`` and ``backward``, on ``nn`` and ``optim``."""

from . import nn, optim

__all__ = ["nn", "optim"]
