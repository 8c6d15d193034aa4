import numpy as np

FUNCTIONS = {
    "relu": (lambda z: z * (z > 0), lambda z: 1.0 * (z > 0)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "identity": (lambda z: z, lambda z: np.ones(z.shape)),
}


class MLP:
    def __init__(
        self,
        linear_1_in_features,
        linear_1_out_features,
        f_function,
        linear_2_in_features,
        linear_2_out_features,
        g_function,
    ):
        self.f, self.df = FUNCTIONS[f_function]
        self.g, self.dg = FUNCTIONS[g_function]
        self.parameters = {
            "W1": np.random.normal(size=(linear_1_out_features, linear_1_in_features)),
            "b1": np.random.normal(size=linear_1_out_features),
            "W2": np.random.normal(size=(linear_2_out_features, linear_2_in_features)),
            "b2": np.random.normal(size=linear_2_out_features),
        }
        self.grads = {f"dJd{name}": np.zeros(array.shape) for name, array in self.parameters.items()}
        self.cache = {}

    def forward(self, x):
        z1 = x @ self.parameters["W1"].T + self.parameters["b1"]
        z2 = self.f(z1) @ self.parameters["W2"].T + self.parameters["b2"]
        self.cache = {"x": x, "z1": z1, "z2": z2}
        return self.g(z2)

    def backward(self, dJdy_hat):
        dz2 = dJdy_hat * self.dg(self.cache["z2"])
        dz1 = dz2 @ self.parameters["W2"] * self.df(self.cache["z1"])
        self.grads["dJdW2"] = dz2.T @ self.f(self.cache["z1"])
        self.grads["dJdb2"] = dz2.sum(axis=0)
        self.grads["dJdW1"] = dz1.T @ self.cache["x"]
        self.grads["dJdb1"] = dz1.sum(axis=0)


def mse_loss(y, y_hat):
    return np.mean((y_hat - y) ** 2), 2 * (y_hat - y) / y.size


def bce_loss(y, y_hat):
    loss = -np.mean(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))
    return loss, (y_hat - y) / (y_hat * (1 - y_hat)) / y.size
