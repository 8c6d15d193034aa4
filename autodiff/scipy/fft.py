"""``scipy.fft`` for tensors."""
