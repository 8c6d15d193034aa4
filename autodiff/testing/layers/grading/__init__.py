"""Grading a folder of exercises: what is in it, whether it is right, and a report card."""
