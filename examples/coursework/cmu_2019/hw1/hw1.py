"""CMU 11-785, homework 1, spring 2019, all in one module: a perceptron that owns its weights, and its training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

import nn
from nn import functional

Split = tuple[np.ndarray, np.ndarray]
"""Rows of inputs, and of labels one-hot."""


class Activation:
    """An elementwise layer of ``nn``, run by the gradient that was derived there by hand."""

    layer: nn.Module

    def __init__(self) -> None:
        self.state: np.ndarray | None = None
        self._hand = nn.by_hand(self.layer)

    def __call__(self, x: ArrayLike) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: ArrayLike) -> np.ndarray:
        """The value of each entry."""
        self.state = self._hand.forward(np.asarray(x, dtype=float))
        return self.state

    def derivative(self) -> np.ndarray | float:
        """The derivative of each entry: its gradient, if that of its value is 1."""
        return self._hand.backward(np.ones_like(self.state))


class Identity(Activation):
    """x itself; the derivative is the number 1.0, not an array."""

    layer = nn.Identity()

    def derivative(self) -> float:
        return 1.0


class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``."""

    layer = nn.Sigmoid()


class Tanh(Activation):
    """The hyperbolic tangent."""

    layer = nn.Tanh()


class ReLU(Activation):
    """``max(x, 0)``, with the derivative 0 at 0."""

    layer = nn.ReLU()


class Criterion:
    """Called with logits x and labels y, both of shape (N, C), it keeps them, and the losses that it returns."""

    def __init__(self) -> None:
        self.logits: np.ndarray | None = None
        self.labels: np.ndarray | None = None
        self.loss: np.ndarray | None = None

    def __call__(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        return self.forward(x, y)

    def forward(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """The loss of each row, (N,)."""
        raise NotImplementedError

    def derivative(self) -> np.ndarray:
        """The gradient of the sum of the losses by x, (N, C)."""
        raise NotImplementedError


class SoftmaxCrossEntropy(Criterion):
    """``-sum(y log softmax(x))`` of each row, with the derivative ``softmax(x) - y``.

    That closed form is what the exercise asks for, even for labels that do not sum to 1. The gradient of ``nn`` is
    the true one, ``softmax(x) sum(y) - y``: the same for all others.
    """

    def forward(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        self.logits, self.labels = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        self.loss = functional.cross_entropy(self.logits, self.labels, reduction="none")
        return self.loss

    def derivative(self) -> np.ndarray:
        return functional.softmax(self.logits, dim=1) - self.labels


class BatchNorm:
    """``out = gamma norm + beta``, where ``norm = (x - mean) / sqrt(var + eps)``, with the biased variance of a batch.

    Evaluation takes ``running_mean`` and ``running_var`` instead. These are averages by the exercise's rule,
    ``running = alpha * running + (1 - alpha) * batch``, of the biased variance too, where ``nn`` and PyTorch average
    the unbiased one. The gradients dgamma and dbeta, of shape (C,), are summed over the batch.
    """

    def __init__(self, fan_in: int, alpha: float = 0.9) -> None:
        self.alpha = alpha
        self.eps = 1e-8
        self.x: np.ndarray | None = None
        self.norm: np.ndarray | None = None
        self.out: np.ndarray | None = None
        self.mean = np.zeros((1, fan_in))
        self.var = np.ones((1, fan_in))
        self.gamma = np.ones((1, fan_in))
        self.dgamma = np.zeros(fan_in)
        self.beta = np.zeros((1, fan_in))
        self.dbeta = np.zeros(fan_in)
        self.running_mean = np.zeros((1, fan_in))
        self.running_var = np.ones((1, fan_in))
        self._hand = nn.by_hand(functional.batch_norm)

    def __call__(self, x: ArrayLike, eval: bool = False) -> np.ndarray:
        return self.forward(x, eval)

    def forward(self, x: ArrayLike, eval: bool = False) -> np.ndarray:
        """The result (N, C) for x of shape (N, C)."""
        self.x = np.asarray(x, dtype=float)
        mean, var = (self.running_mean[0], self.running_var[0]) if eval else (None, None)  # None: those of the batch
        gamma, beta = (np.ravel(a).astype(float) for a in (self.gamma, self.beta))
        self.norm = functional.batch_norm(self.x, mean, var, eps=self.eps)
        self.out = self._hand.forward(self.x, mean, var, gamma, beta, eps=self.eps)
        if not eval:
            self.mean, self.var = self.x.mean(axis=0, keepdims=True), self.x.var(axis=0, keepdims=True)
            self.running_mean = self.alpha * self.running_mean + (1 - self.alpha) * self.mean
            self.running_var = self.alpha * self.running_var + (1 - self.alpha) * self.var
        return self.out

    def backward(self, delta: ArrayLike) -> np.ndarray:
        """The gradient of x (N, C) for that of the result (N, C)."""
        self._hand.backward(delta)
        dx, _, _, self.dgamma, self.dbeta = self._hand.input_gradients
        return dx


def random_normal_weight_init(d0: int, d1: int) -> np.ndarray:
    """Standard normal numbers of ``np.random``, of shape (d0, d1)."""
    return np.random.normal(size=(d0, d1))


def zeros_bias_init(d: int) -> np.ndarray:
    """Zeros of shape (1, d)."""
    return np.zeros((1, d))


class MLP:
    """Linear layers, each followed by batch normalisation, if it is one of the first, and by its activation.

    It owns their parameters: lists W of shapes (in, out) and b of (1, out), with gradients dW and db of (in, out) and
    (out,); and ``bn_layers``.

    Args:
        input_size: the length of a row of the input.
        output_size: the number of classes.
        hiddens: the sizes of the hidden layers; there may be none.
        activations: one for each linear layer.
        weight_init_fn: gives the initial W of a linear layer, called with its input's and its output's length.
        bias_init_fn: gives the initial b, called with its output's length.
        criterion: a loss for each row of logits.
        lr: the learning rate.
        momentum: that of W and b; gamma and beta have none.
        num_bn_layers: how many of the linear layers, from the input, are followed by batch normalisation.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        hiddens: Sequence[int],
        activations: Sequence[Activation],
        weight_init_fn: Callable,
        bias_init_fn: Callable,
        criterion: Criterion,
        lr: float,
        momentum: float = 0.0,
        num_bn_layers: int = 0,
    ) -> None:
        self.train_mode = True
        self.num_bn_layers = num_bn_layers
        self.bn = num_bn_layers > 0
        self.nlayers = len(hiddens) + 1
        self.input_size = input_size
        self.output_size = output_size
        self.activations = activations
        self.criterion = criterion
        self.lr = lr
        self.momentum = momentum
        sizes = [input_size, *hiddens, output_size]
        self.W, self.b = [], []
        for n, m in pairwise(sizes):
            self.W.append(np.array(weight_init_fn(n, m), dtype=float))
            self.b.append(np.array(bias_init_fn(m), dtype=float).reshape(1, m))
        self.bn_layers = [BatchNorm(size) for size in sizes[1 : 1 + num_bn_layers]]
        self.momentum_W = [np.zeros_like(W) for W in self.W]
        self.momentum_b = [np.zeros_like(b) for b in self.b]
        self._hands = [nn.by_hand(functional.linear) for _ in self.W]
        self.zero_grads()

    def __call__(self, x: ArrayLike) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: ArrayLike) -> np.ndarray:
        """The logits (N, output_size) for an input of shape (N, input_size)."""
        x = np.asarray(x, dtype=float)
        for i, (W, b, activation) in enumerate(zip(self.W, self.b, self.activations, strict=True)):
            x = self._hands[i].forward(x, np.asarray(W, dtype=float).T, np.ravel(b).astype(float))
            if i < self.num_bn_layers:
                x = self.bn_layers[i](x, eval=not self.train_mode)
            x = activation(x)
        self.output = x
        return x

    def backward(self, labels: ArrayLike) -> np.ndarray:
        """The gradient of the input; dW and db are those of W and b, averaged over the batch."""
        self.criterion(self.output, labels)
        delta = self.criterion.derivative()
        for i in reversed(range(self.nlayers)):
            delta = delta * self.activations[i].derivative()
            if i < self.num_bn_layers:
                delta = self.bn_layers[i].backward(delta)
            self._hands[i].backward(delta)
            delta, dW, db = self._hands[i].input_gradients
            self.dW[i], self.db[i] = dW.T / len(delta), db / len(delta)
        return delta

    def zero_grads(self) -> None:
        """Set the gradients of all parameters to 0."""
        self.dW = [np.zeros_like(W) for W in self.W]
        self.db = [np.zeros(b.size) for b in self.b]
        for norm in self.bn_layers:
            norm.dgamma, norm.dbeta = np.zeros(norm.gamma.size), np.zeros(norm.beta.size)

    def step(self) -> None:
        """``d = momentum d - lr dW`` and ``W += d`` for W and b, ``gamma -= lr dgamma`` for gamma and beta.

        Here the exercise keeps steps, which include the learning rate, where ``optim.SGD`` keeps averaged gradients.
        """
        for i in range(self.nlayers):
            self.momentum_W[i] = self.momentum * self.momentum_W[i] - self.lr * self.dW[i]
            self.momentum_b[i] = self.momentum * self.momentum_b[i] - self.lr * self.db[i]
            self.W[i] = self.W[i] + self.momentum_W[i]
            self.b[i] = self.b[i] + self.momentum_b[i]
        for norm in self.bn_layers:
            norm.gamma = norm.gamma - self.lr * norm.dgamma
            norm.beta = norm.beta - self.lr * norm.dbeta

    def train(self) -> None:
        """Normalise by the statistics of each batch from now on."""
        self.train_mode = True

    def eval(self) -> None:
        """Normalise by the running statistics from now on."""
        self.train_mode = False

    def error(self, labels: np.ndarray) -> int:
        """How many rows of the last output have another class highest than their labels."""
        return int(np.sum(np.argmax(self.output, axis=1) != np.argmax(labels, axis=1)))

    def total_loss(self, labels: ArrayLike) -> float:
        """The sum of the losses of the last output."""
        return float(np.sum(self.criterion(self.output, labels)))


def get_training_stats(
    mlp: MLP, dset: Sequence[Split], nepochs: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train an MLP; the mean losses and the shares of errors in training, then in validation, one value an epoch.

    Each epoch goes through the training set in a new order, drawn by ``np.random``: after the same ``np.random.seed``
    it is the same. The figures of training are those of the batches as they were trained on, those of validation are
    taken after the epoch, in evaluation mode. Four calls for one epoch do what one call for four does.

    Args:
        mlp: is changed, and left in evaluation mode.
        dset: the splits for training and validation (and the test, which is not looked at).
        nepochs: how many times to go through the training set.
        batch_size: how many rows to train on at a time.

    Returns:
        training_losses, training_errors, validation_losses, validation_errors
    """
    (trainx, trainy), (valx, valy), *_ = dset
    training, validation = np.zeros((2, nepochs)), np.zeros((2, nepochs))
    for epoch in range(nepochs):
        mlp.train()
        order = np.random.permutation(len(trainx))
        for start in range(0, len(trainx), batch_size):
            rows = order[start : start + batch_size]
            mlp.zero_grads()
            mlp.forward(trainx[rows])
            mlp.backward(trainy[rows])
            mlp.step()
            training[:, epoch] += mlp.total_loss(trainy[rows]), mlp.error(trainy[rows])
        mlp.eval()
        for start in range(0, len(valx), batch_size):
            batch = slice(start, start + batch_size)
            mlp.forward(valx[batch])
            validation[:, epoch] += mlp.total_loss(valy[batch]), mlp.error(valy[batch])
    return (*(training / len(trainx)), *(validation / len(valx)))
