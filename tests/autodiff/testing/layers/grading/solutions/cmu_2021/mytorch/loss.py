import numpy as np


class Criterion:
    def __call__(self, x, y):
        return self.forward(x, y)

    def forward(self, x, y):
        raise NotImplementedError

    def derivative(self):
        raise NotImplementedError


class SoftmaxCrossEntropy(Criterion):
    def forward(self, x, y):
        self.labels = y
        highest = np.max(x, axis=1, keepdims=True)
        total = highest + np.log(np.sum(np.exp(x - highest), axis=1, keepdims=True))
        self.softmax = np.exp(x - total)
        return -np.sum(y * (x - total), axis=1)

    def derivative(self):
        return self.softmax - self.labels
