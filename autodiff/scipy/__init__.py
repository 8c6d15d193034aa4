"""SciPy's names for what records on tensors, whether SciPy itself dispatches it or not."""
