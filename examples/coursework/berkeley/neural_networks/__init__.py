"""The Berkeley layers homework: neural networks by their own forward and backward, on plain arrays.

Batches are rows; images are (N, height, width, channels). Weights are (inputs, outputs), biases (1, outputs), and the
gradients of both are sums over the batch. The mathematics is that of ``nn``: its gradients derived by hand.
"""
