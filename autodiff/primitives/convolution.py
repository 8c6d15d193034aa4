"""Convolutions and correlations."""
