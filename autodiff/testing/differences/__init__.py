"""Finite differences that know their error, and the verdict on a gradient by what they say."""
