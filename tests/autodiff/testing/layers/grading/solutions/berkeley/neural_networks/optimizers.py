class SGD:
    def __init__(self, lr, lr_scheduler="constant", momentum=0.0):
        self.lr = lr
        self.momentum = momentum
        self.cache = {}

    def update(self, param_name, param, param_grad, epoch=0):
        self.cache[param_name] = self.momentum * self.cache.get(param_name, 0) + self.lr * param_grad
        return param - self.cache[param_name]
