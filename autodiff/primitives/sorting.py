"""Sorting, order statistics and what follows from them."""
