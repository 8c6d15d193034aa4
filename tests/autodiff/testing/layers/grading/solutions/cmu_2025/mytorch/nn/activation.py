import numpy as np
from scipy.special import erf


class Identity:
    def forward(self, Z):
        self.A = Z
        return self.A

    def backward(self, dLdA):
        return dLdA * np.ones(self.A.shape)


class Sigmoid:
    def forward(self, Z):
        self.A = 1 / (1 + np.exp(-Z))
        return self.A

    def backward(self, dLdA):
        return dLdA * (self.A - self.A * self.A)


class Tanh:
    def forward(self, Z):
        self.A = (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z))
        return self.A

    def backward(self, dLdA):
        return dLdA * (1 - self.A * self.A)


class ReLU:
    def forward(self, Z):
        self.A = np.maximum(0, Z)
        return self.A

    def backward(self, dLdA):
        return np.where(self.A > 0, dLdA, 0)


class GELU:
    def forward(self, Z):
        self.Z = Z
        return 0.5 * Z * (1 + erf(Z / np.sqrt(2)))

    def backward(self, dLdA):
        density = np.exp(-(self.Z**2) / 2) / np.sqrt(2 * np.pi)
        return dLdA * (0.5 * (1 + erf(self.Z / np.sqrt(2))) + self.Z * density)


class Softmax:
    def forward(self, Z):
        powers = np.exp(Z - Z.max(axis=1, keepdims=True))
        self.A = powers / powers.sum(axis=1, keepdims=True)
        return self.A

    def backward(self, dLdA):
        dLdZ = np.zeros(dLdA.shape)
        for i, a in enumerate(self.A):
            dLdZ[i] = dLdA[i] @ (np.diag(a) - np.outer(a, a))
        return dLdZ
