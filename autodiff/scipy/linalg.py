"""``scipy.linalg`` for tensors."""
