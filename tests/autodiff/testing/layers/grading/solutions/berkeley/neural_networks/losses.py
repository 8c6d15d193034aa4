import numpy as np


class CrossEntropy:
    def __init__(self, name="cross_entropy"):
        self.name = name

    def __call__(self, Y, Y_hat):
        return self.forward(Y, Y_hat)

    def forward(self, Y, Y_hat):
        return -np.sum(Y * np.log(Y_hat)) / len(Y)

    def backward(self, Y, Y_hat):
        return -Y / (len(Y) * Y_hat)
