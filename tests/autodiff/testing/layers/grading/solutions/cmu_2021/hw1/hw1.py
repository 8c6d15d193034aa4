from itertools import pairwise

from linear import Linear


class MLP:
    def __init__(
        self,
        input_size,
        output_size,
        hiddens,
        activations,
        weight_init_fn,
        bias_init_fn,
        criterion,
        lr,
        momentum=0.0,
        num_bn_layers=0,
    ):
        sizes = [input_size, *hiddens, output_size]
        self.linear_layers = [Linear(n, m, weight_init_fn, bias_init_fn) for n, m in pairwise(sizes)]
        self.activations = activations
        self.criterion = criterion
        self.lr = lr
        self.momentum = momentum

    def forward(self, x):
        for linear, activation in zip(self.linear_layers, self.activations, strict=True):
            x = activation(linear(x))
        self.output = x
        return x

    def backward(self, labels):
        self.criterion(self.output, labels)
        delta = self.criterion.derivative()
        for linear, activation in zip(self.linear_layers[::-1], self.activations[::-1], strict=True):
            delta = linear.backward(delta * activation.derivative())

    def step(self):
        for layer in self.linear_layers:
            layer.momentum_W = self.momentum * layer.momentum_W - self.lr * layer.dW
            layer.momentum_b = self.momentum * layer.momentum_b - self.lr * layer.db
            layer.W = layer.W + layer.momentum_W
            layer.b = layer.b + layer.momentum_b
