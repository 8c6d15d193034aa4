"""Layers as students of several courses write them, in each course's layout; and wrong ones, each with one mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf


class Linear:
    """CMU 2025: W (out, in), b (out, 1), both zeros at first."""

    def __init__(self, in_features: int, out_features: int, debug: bool = False) -> None:
        self.W = np.zeros((out_features, in_features))
        self.b = np.zeros((out_features, 1))
        self.debug = debug

    def forward(self, A: Any) -> Any:
        self.A = A
        self.N = A.shape[0]
        self.Ones = np.ones((self.N, 1))
        return self.A @ self.W.T + self.Ones @ self.b.T

    def backward(self, dLdZ: Any) -> Any:
        dLdA = dLdZ @ self.W
        self.dLdW = dLdZ.T @ self.A
        self.dLdb = dLdZ.T @ self.Ones
        if self.debug:
            self.dLdA = dLdA
        return dLdA


class Identity:
    def forward(self, Z: Any) -> Any:
        self.A = Z
        return self.A

    def backward(self, dLdA: Any) -> Any:
        return np.ones(self.A.shape) * dLdA


class Sigmoid:
    def forward(self, Z: Any) -> Any:
        self.A = 1 / (1 + np.exp(-Z))
        return self.A

    def backward(self, dLdA: Any) -> Any:
        return dLdA * (self.A - self.A * self.A)


class Tanh:
    def forward(self, Z: Any) -> Any:
        self.A = (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z))
        return self.A

    def backward(self, dLdA: Any) -> Any:
        return dLdA * (1 - self.A * self.A)


class ReLU:
    def forward(self, Z: Any) -> Any:
        self.A = np.maximum(Z, 0)
        return self.A

    def backward(self, dLdA: Any) -> Any:
        return np.where(self.A > 0, dLdA, 0)


class GELU:
    def forward(self, Z: Any) -> Any:
        self.Z = Z
        self.A = 0.5 * Z * (1 + erf(Z / np.sqrt(2)))
        return self.A

    def backward(self, dLdA: Any) -> Any:
        Z = self.Z
        return dLdA * (0.5 * (1 + erf(Z / np.sqrt(2))) + Z / np.sqrt(2 * np.pi) * np.exp(-(Z**2) / 2))


class Softmax:
    def forward(self, Z: Any) -> Any:
        exponentials = np.exp(Z - np.max(Z, axis=1, keepdims=True))
        self.A = exponentials / np.sum(exponentials, axis=1, keepdims=True)
        return self.A

    def backward(self, dLdA: Any) -> Any:
        dLdZ = np.zeros(dLdA.shape)
        for i, a in enumerate(self.A):
            jacobian = np.diag(a) - np.outer(a, a)
            dLdZ[i] = dLdA[i] @ jacobian
        return dLdZ


class MSELoss:
    def forward(self, A: Any, Y: Any) -> Any:
        self.A, self.Y = A, Y
        self.N, self.C = A.shape
        return np.sum((A - Y) * (A - Y)) / (self.N * self.C)

    def backward(self) -> Any:
        return 2 * (self.A - self.Y) / (self.N * self.C)


class CrossEntropyLoss:
    def forward(self, A: Any, Y: Any) -> Any:
        self.A, self.Y = A, Y
        self.N, self.C = A.shape
        self.softmax = np.exp(A) / np.sum(np.exp(A), axis=1, keepdims=True)
        return np.sum(-Y * np.log(self.softmax)) / self.N

    def backward(self) -> Any:
        return (self.softmax - self.Y) / self.N


class BatchNorm1d:
    def __init__(self, num_features: int, alpha: float = 0.9) -> None:
        self.alpha = alpha
        self.eps = 1e-8
        self.BW = np.ones((1, num_features))
        self.Bb = np.zeros((1, num_features))
        self.dLdBW = np.zeros((1, num_features))
        self.dLdBb = np.zeros((1, num_features))
        self.running_M = np.zeros((1, num_features))
        self.running_V = np.ones((1, num_features))

    def forward(self, Z: Any, eval: bool = False) -> Any:
        self.Z, self.N = Z, Z.shape[0]
        if eval:
            return self.BW * (Z - self.running_M) / np.sqrt(self.running_V + self.eps) + self.Bb
        self.M = np.mean(Z, axis=0, keepdims=True)
        self.V = np.mean((Z - self.M) ** 2, axis=0, keepdims=True)
        self.NZ = (Z - self.M) / np.sqrt(self.V + self.eps)
        self.BZ = self.BW * self.NZ + self.Bb
        self.running_M = self.alpha * self.running_M + (1 - self.alpha) * self.M
        self.running_V = self.alpha * self.running_V + (1 - self.alpha) * self.V
        return self.BZ

    def backward(self, dLdBZ: Any) -> Any:
        self.dLdBb = np.sum(dLdBZ, axis=0, keepdims=True)
        self.dLdBW = np.sum(dLdBZ * self.NZ, axis=0, keepdims=True)
        dLdNZ = dLdBZ * self.BW
        scale = 1 / np.sqrt(self.V + self.eps)
        dLdV = -0.5 * np.sum(dLdNZ * (self.Z - self.M), axis=0, keepdims=True) * scale**3
        dLdM = -np.sum(dLdNZ, axis=0, keepdims=True) * scale
        return dLdNZ * scale + dLdV * 2 / self.N * (self.Z - self.M) + dLdM / self.N


class UnbiasedBatchNorm1d(BatchNorm1d):
    """With the unbiased variance, forward and backward alike: another function, with its right gradient."""

    def forward(self, Z: Any, eval: bool = False) -> Any:
        self.Z, self.N = Z, Z.shape[0]
        self.M = np.mean(Z, axis=0, keepdims=True)
        self.V = np.sum((Z - self.M) ** 2, axis=0, keepdims=True) / (self.N - 1)
        self.NZ = (Z - self.M) / np.sqrt(self.V + self.eps)
        return self.BW * self.NZ + self.Bb

    def backward(self, dLdBZ: Any) -> Any:
        self.dLdBb = np.sum(dLdBZ, axis=0, keepdims=True)
        self.dLdBW = np.sum(dLdBZ * self.NZ, axis=0, keepdims=True)
        scale = self.BW / np.sqrt(self.V + self.eps)
        return scale * (dLdBZ - self.dLdBb / self.N - self.NZ * self.dLdBW / (self.N - 1))


class MLP1:
    """CMU 2025: a chain of layers, whose parameters are in its members."""

    def __init__(self) -> None:
        self.layers = [Linear(3, 2), ReLU(), Linear(2, 2), ReLU()]

    def forward(self, A: Any) -> Any:
        for layer in self.layers:
            A = layer.forward(A)
        return A

    def backward(self, dLdA: Any) -> Any:
        for layer in reversed(self.layers):
            dLdA = layer.backward(dLdA)
        return dLdA


class MeanLinear:
    """CMU 2021: W (in, out), b (1, out), gradients averaged over the batch."""

    def __init__(self, in_feature: int, out_feature: int, weight_init_fn: Any, bias_init_fn: Any) -> None:
        self.W = weight_init_fn(in_feature, out_feature)
        self.b = bias_init_fn(out_feature)
        self.dW = None
        self.db = None

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W + self.b

    def backward(self, delta: Any) -> Any:
        self.dW = self.x.T @ delta / len(self.x)
        self.db = np.mean(delta, axis=0, keepdims=True)
        return delta @ self.W.T


class StateSigmoid:
    """CMU 2021: an activation with its derivative."""

    def forward(self, x: Any) -> Any:
        self.state = 1 / (1 + np.exp(-x))
        return self.state

    def derivative(self) -> Any:
        return self.state * (1 - self.state)


class StateIdentity:
    def forward(self, x: Any) -> Any:
        self.state = x
        return x

    def derivative(self) -> Any:
        return 1.0


class SoftmaxCrossEntropy:
    """CMU 2021: a criterion gives each row's loss; its derivative is that of their sum."""

    def forward(self, x: Any, y: Any) -> Any:
        self.labels = y
        highest = np.max(x, axis=1, keepdims=True)
        total = highest + np.log(np.sum(np.exp(x - highest), axis=1, keepdims=True))
        self.softmax = np.exp(x - total)
        return -np.sum(y * (x - total), axis=1)

    def derivative(self) -> Any:
        return self.softmax - self.labels


class StackOfLinears:
    """CMU 2019: lists of arrays."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.W = [rng.normal(size=(3, 4)), rng.normal(size=(4, 2))]
        self.b = [np.zeros((1, 4)), np.zeros((1, 2))]
        self.dW = [np.zeros((3, 4)), np.zeros((4, 2))]
        self.db = [np.zeros(4), np.zeros(2)]

    def forward(self, x: Any) -> Any:
        self.states = [x]
        for W, b in zip(self.W, self.b, strict=True):
            self.states.append(np.tanh(self.states[-1] @ W + b))
        return self.states[-1]

    def backward(self, delta: Any) -> Any:
        for i in (1, 0):
            delta = delta * (1 - self.states[i + 1] ** 2)
            self.dW[i] = self.states[i].T @ delta
            self.db[i] = delta.sum(axis=0, keepdims=True)
            delta = delta @ self.W[i].T
        return delta


class BerkeleyReLU:
    """Berkeley: backward takes the input and the gradient of the output."""

    def forward(self, Z: Any) -> Any:
        return np.maximum(Z, 0)

    def backward(self, Z: Any, dY: Any) -> Any:
        return dY * (Z > 0)


class FullyConnected:
    """Berkeley: parameters are made by the first forward."""

    def __init__(self, n_out: int) -> None:
        self.n_out = n_out
        self.n_in: int | None = None
        self.activation = BerkeleyReLU()
        self.parameters: dict[str, Any] = {}
        self.gradients: dict[str, Any] = {}
        self.cache: dict[str, Any] = {}

    def _init_parameters(self, X_shape: tuple[int, int]) -> None:
        self.n_in = X_shape[1]
        self.parameters = {
            "W": np.random.uniform(-1, 1, size=(self.n_in, self.n_out)),
            "b": np.zeros((1, self.n_out)),
        }
        self.gradients = {"W": np.zeros((self.n_in, self.n_out)), "b": np.zeros((1, self.n_out))}

    def forward(self, X: Any) -> Any:
        if self.n_in is None:
            self._init_parameters(X.shape)
        Z = X @ self.parameters["W"] + self.parameters["b"]
        self.cache = {"X": X, "Z": Z}
        return self.activation.forward(Z)

    def backward(self, dLdY: Any) -> Any:
        dZ = self.activation.backward(self.cache["Z"], dLdY)
        self.gradients["W"] = self.cache["X"].T @ dZ
        self.gradients["b"] = dZ.sum(axis=0, keepdims=True)
        return dZ @ self.parameters["W"].T


class BerkeleyCrossEntropy:
    """Berkeley: the label first, probabilities second; the gradient is that of the second."""

    def forward(self, Y: Any, Y_hat: Any) -> Any:
        return -np.sum(Y * np.log(Y_hat)) / len(Y)

    def backward(self, Y: Any, Y_hat: Any) -> Any:
        return -Y / (len(Y) * Y_hat)


class NyuMLP:
    """NYU: dicts ``parameters`` and ``grads``, whose keys differ; backward returns nothing."""

    def __init__(self) -> None:
        rng = np.random.default_rng(4)
        self.parameters = {
            "W1": rng.normal(size=(4, 3)),
            "b1": rng.normal(size=4),
            "W2": rng.normal(size=(2, 4)),
            "b2": rng.normal(size=2),
        }
        self.grads = {f"dJd{name}": np.zeros(value.shape) for name, value in self.parameters.items()}
        self.cache: dict[str, Any] = {}

    def forward(self, x: Any) -> Any:
        p = self.parameters
        z = x @ p["W1"].T + p["b1"]
        self.cache = {"x": x, "z": z, "h": np.maximum(z, 0)}
        return self.cache["h"] @ p["W2"].T + p["b2"]

    def backward(self, dJdy_hat: Any) -> None:
        c = self.cache
        self.grads["dJdW2"] = dJdy_hat.T @ c["h"]
        self.grads["dJdb2"] = dJdy_hat.sum(axis=0)
        dJdz = dJdy_hat @ self.parameters["W2"] * (c["z"] > 0)
        self.grads["dJdW1"] = dJdz.T @ c["x"]
        self.grads["dJdb1"] = dJdz.sum(axis=0)


class Value:
    """A parameter that carries its gradient."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.grad = np.zeros_like(data)


class AccumulatingLinear:
    """In PyTorch's manner: ``weight.grad`` grows with each backward."""

    def __init__(self, n_in: int, n_out: int) -> None:
        self.weight = Value(np.zeros((n_out, n_in)))
        self.bias = Value(np.zeros(n_out))

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.weight.data.T + self.bias.data

    def backward(self, dy: Any) -> Any:
        self.weight.grad = self.weight.grad + dy.T @ self.x
        self.bias.grad = self.bias.grad + dy.sum(axis=0)
        return dy @ self.weight.data


class Dropout:
    """Draws its mask from NumPy's global generator, or from one of its own."""

    def __init__(self, p: float, generator: np.random.Generator | None = None) -> None:
        self.p = p
        self.generator = generator

    def forward(self, x: Any) -> Any:
        draws = np.random.rand(*x.shape) if self.generator is None else self.generator.random(x.shape)
        self.mask = (draws > self.p) / (1 - self.p)
        return x * self.mask

    def backward(self, dy: Any) -> Any:
        return dy * self.mask


class LoopedScale:
    """Written with a loop into a plain array, which does not run on tensors."""

    def __init__(self, n: int) -> None:
        self.gamma = np.ones(n)

    def forward(self, x: Any) -> Any:
        self.x = x
        y = np.zeros(x.shape)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                y[i, j] = float(x[i, j]) * float(self.gamma[j])
        return y

    def backward(self, dy: Any) -> Any:
        self.dgamma = (dy * self.x).sum(axis=0)
        return dy * self.gamma


class Bilinear:
    """Two inputs, with the gradients of both."""

    def forward(self, x: Any, y: Any) -> Any:
        self.x, self.y = x, y
        return x * y

    def backward(self, dz: Any) -> Any:
        return dz * self.y, dz * self.x


class TransposedWeight(Linear):
    def backward(self, dLdZ: Any) -> Any:
        dLdA = super().backward(dLdZ)
        self.dLdW = self.dLdW.T
        return dLdA


class UnsummedBias(Linear):
    def backward(self, dLdZ: Any) -> Any:
        dLdA = super().backward(dLdZ)
        self.dLdb = dLdZ
        return dLdA


class FlatBias(Linear):
    def backward(self, dLdZ: Any) -> Any:
        dLdA = super().backward(dLdZ)
        self.dLdb = self.dLdb.T
        return dLdA


class RowShapedBias(AccumulatingLinear):
    def backward(self, dy: Any) -> Any:
        dx = super().backward(dy)
        self.bias.grad = dy.sum(axis=0, keepdims=True)
        return dx


class ForgottenBias(Linear):
    def backward(self, dLdZ: Any) -> Any:
        self.dLdW = dLdZ.T @ self.A
        return dLdZ @ self.W


class WrongSign(Sigmoid):
    def backward(self, dLdA: Any) -> Any:
        return -super().backward(dLdA)


class DerivativeMissing(Sigmoid):
    def backward(self, dLdA: Any) -> Any:
        return dLdA


class ChainRuleMissing(Sigmoid):
    def backward(self, dLdA: Any) -> Any:
        return self.A - self.A * self.A


class SlightlyOff(Sigmoid):
    def backward(self, dLdA: Any) -> Any:
        return 1.001 * super().backward(dLdA)


class UndividedLoss(MSELoss):
    def backward(self) -> Any:
        return 2 * (self.A - self.Y)


class HalvedLoss(MSELoss):
    def backward(self) -> Any:
        return (self.A - self.Y) / (self.N * self.C)


class StatisticsAsConstants(BatchNorm1d):
    def backward(self, dLdBZ: Any) -> Any:
        super().backward(dLdBZ)
        return dLdBZ * self.BW / np.sqrt(self.V + self.eps)


class MeanAsConstant(BatchNorm1d):
    def backward(self, dLdBZ: Any) -> Any:
        scale = self.BW / np.sqrt(self.V + self.eps)
        return super().backward(dLdBZ) + scale * self.dLdBb / self.N


class VarianceAsConstant(BatchNorm1d):
    def backward(self, dLdBZ: Any) -> Any:
        scale = self.BW / np.sqrt(self.V + self.eps)
        return super().backward(dLdBZ) + scale * self.NZ * self.dLdBW / self.N


class GammaMissing(BatchNorm1d):
    def backward(self, dLdBZ: Any) -> Any:
        return super().backward(dLdBZ) / self.BW


class DiagonalSoftmax(Softmax):
    def backward(self, dLdA: Any) -> Any:
        return dLdA * self.A


class LeakyWithoutSlope:
    """The slope below 0 is forgotten in backward."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.where(x > 0, x, 0.01 * x)

    def backward(self, dy: Any) -> Any:
        return np.where(self.x > 0, dy, 0)


class SwappedGradients(Bilinear):
    def backward(self, dz: Any) -> Any:
        dx, dy = super().backward(dz)
        return dy, dx


class OverwritesInput(ReLU):
    def forward(self, Z: Any) -> Any:
        self.Z = Z
        return super().forward(Z)

    def backward(self, dLdA: Any) -> Any:
        dLdZ = super().backward(dLdA)
        self.Z *= 2
        return dLdZ


class OverwritesCotangent(ReLU):
    def backward(self, dLdA: Any) -> Any:
        dLdA[self.A <= 0] = 0
        return dLdA


class OverwritesParameter(Linear):
    def backward(self, dLdZ: Any) -> Any:
        dLdA = super().backward(dLdZ)
        self.W -= 0.1 * self.dLdW
        return dLdA


class DoubledAccumulation(AccumulatingLinear):
    def backward(self, dy: Any) -> Any:
        super().backward(dy)
        return super().backward(dy)


class Unseeded:
    def forward(self, x: Any) -> Any:
        return x * np.random.default_rng().random(x.shape)

    def backward(self, dy: Any) -> Any:
        return dy
