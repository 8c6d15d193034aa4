import numpy as np

from neural_networks.activations import initialize_activation


class FullyConnected:
    def __init__(self, n_out, activation, weight_init="xavier_uniform"):
        self.n_in = None
        self.n_out = n_out
        self.activation = initialize_activation(activation)
        self.parameters = {}
        self.gradients = {}
        self.cache = {}

    def _init_parameters(self, X_shape):
        self.n_in = X_shape[1]
        bound = np.sqrt(6 / (self.n_in + self.n_out))
        W = np.random.uniform(-bound, bound, size=(self.n_in, self.n_out))
        self.parameters = {"W": W, "b": np.zeros((1, self.n_out))}
        self.gradients = {name: np.zeros(array.shape) for name, array in self.parameters.items()}

    def forward(self, X):
        if self.n_in is None:
            self._init_parameters(X.shape)
        Z = X @ self.parameters["W"] + self.parameters["b"]
        self.cache = {"X": X, "Z": Z}
        return self.activation(Z)

    def backward(self, dLdY):
        dZ = self.activation.backward(self.cache["Z"], dLdY)
        self.gradients["W"] = self.cache["X"].T @ dZ
        self.gradients["b"] = dZ.sum(axis=0, keepdims=True)
        return dZ @ self.parameters["W"].T
