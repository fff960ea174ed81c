"""A small convolutional network in numpy: forward, backward and Adam, for 4-d (batch, channel, height, width)
float32 arrays. Each layer keeps what its own backward pass needs; parameters and gradients are lists in step."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Conv3x3:
    """Cross-correlation with a 3x3 kernel, padding 1, stride 1, as ONNX's Conv with pads=[1,1,1,1]."""

    def __init__(self, channels_in, channels_out, rng):
        scale = np.sqrt(2.0 / (9 * channels_in))  # He initialisation
        self.weight = rng.normal(0, scale, (channels_out, channels_in, 3, 3)).astype(np.float32)
        self.bias = np.zeros(channels_out, np.float32)

    def _columns(self, x):
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (3, 3), axis=(2, 3))  # batch, channel, height, width, 3, 3
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * 9)

    def forward(self, x):
        self.shape = x.shape
        self.columns = self._columns(x)
        y = self.columns @ self.weight.reshape(len(self.bias), -1).T + self.bias
        return y.reshape(x.shape[0], x.shape[2], x.shape[3], -1).transpose(0, 3, 1, 2)

    def backward(self, grad):
        rows = grad.transpose(0, 2, 3, 1).reshape(-1, len(self.bias))
        self.gradients = [(rows.T @ self.columns).reshape(self.weight.shape), rows.sum(axis=0)]
        batch, channels, height, width = self.shape
        spread = (rows @ self.weight.reshape(len(self.bias), -1)).reshape(batch, height, width, channels, 3, 3)
        padded = np.zeros((batch, channels, height + 2, width + 2), np.float32)
        for i in range(3):
            for j in range(3):
                padded[:, :, i:i + height, j:j + width] += spread[..., i, j].transpose(0, 3, 1, 2)
        return padded[:, :, 1:-1, 1:-1]

    def parameters(self):
        return [self.weight, self.bias]


class Dense:
    """y = x W^T + b, as ONNX's Gemm with transB=1."""

    def __init__(self, size_in, size_out, rng):
        self.weight = rng.normal(0, np.sqrt(2.0 / size_in), (size_out, size_in)).astype(np.float32)
        self.bias = np.zeros(size_out, np.float32)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad):
        self.gradients = [grad.T @ self.x, grad.sum(axis=0)]
        return grad @ self.weight

    def parameters(self):
        return [self.weight, self.bias]


class Relu:
    gradients = []

    def forward(self, x):
        self.positive = x > 0
        return np.where(self.positive, x, np.float32(0))

    def backward(self, grad):
        return np.where(self.positive, grad, np.float32(0))

    def parameters(self):
        return []


class MaxPool2x2:
    """Windows of 2x2, stride 2. The gradient goes to the first maximum of each window."""

    gradients = []

    def forward(self, x):
        batch, channels, height, width = x.shape
        self.shape = x.shape
        windows = x.reshape(batch, channels, height // 2, 2, width // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        windows = windows.reshape(batch, channels, height // 2, width // 2, 4)
        self.winner = windows.argmax(axis=-1)
        return windows.max(axis=-1)

    def backward(self, grad):
        batch, channels, height, width = self.shape
        windows = np.zeros(grad.shape + (4,), np.float32)
        np.put_along_axis(windows, self.winner[..., None], grad[..., None], axis=-1)
        windows = windows.reshape(batch, channels, height // 2, width // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        return windows.reshape(self.shape)

    def parameters(self):
        return []


class Flatten:
    gradients = []

    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, grad):
        return grad.reshape(self.shape)

    def parameters(self):
        return []


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Adam:
    """Adam (Kingma and Ba 2015) with decoupled weight decay on everything that is not a bias."""

    def __init__(self, parameters, weight_decay):
        self.parameters = parameters
        self.weight_decay = weight_decay
        self.mean = [np.zeros_like(p) for p in parameters]
        self.square = [np.zeros_like(p) for p in parameters]
        self.step_count = 0

    def step(self, gradients, rate):
        self.step_count += 1
        bias1, bias2 = 1 - 0.9**self.step_count, 1 - 0.999**self.step_count
        for p, g, m, v in zip(self.parameters, gradients, self.mean, self.square):
            m += np.float32(0.1) * (g - m)
            v += np.float32(0.001) * (g * g - v)
            if p.ndim > 1:
                p -= np.float32(rate * self.weight_decay) * p
            p -= np.float32(rate / bias1) * m / (np.sqrt(v / np.float32(bias2)) + np.float32(1e-8))
