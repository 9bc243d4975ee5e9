# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Transforms and convolutions of the peers, float32, one thread: the work of benchmarks/fft/."""

TABLE = 65521


def table_rows(data, rows, scalars, offset=0):
    """Numbers from a short table, as the benchmark programs take them."""
    import numpy

    table = data.matrix("queries", TABLE, 1).reshape(-1)
    return numpy.resize(numpy.roll(table, -offset), (rows, scalars))


def convolution_shape(shape):
    length, batch = (int(part) for part in shape.split("/"))
    return length, batch, 256 if length <= 65536 else 64 if length <= 262144 else 16


def signals_and_taps(data, shape):
    length, batch, channels = convolution_shape(shape)
    signals = table_rows(data, batch * channels, length).reshape(batch, channels, length)
    return signals, table_rows(data, channels, length, 31337), length


class Torch:
    name = "torch"

    def __init__(self):
        import torch

        self.torch = torch
        self.array = torch.from_numpy

    def fft(self, x):
        return self.torch.fft.fft(x)

    def rfft(self, x, n):
        return self.torch.fft.rfft(x, n=n)

    def irfft(self, x, n):
        return self.torch.fft.irfft(x, n=n)


class Scipy:
    name = "scipy"

    def __init__(self):
        import scipy.fft

        self.module = scipy.fft
        self.array = lambda x: x

    def fft(self, x):
        return self.module.fft(x, workers=1)

    def rfft(self, x, n):
        return self.module.rfft(x, n=n, workers=1)

    def irfft(self, x, n):
        return self.module.irfft(x, n=n, workers=1)


class Ducc:
    name = "ducc0"

    def __init__(self):
        import ducc0
        import numpy

        self.numpy = numpy
        self.module = ducc0.fft
        self.array = lambda x: x

    def fft(self, x):
        return self.module.c2c(x, axes=(-1,), nthreads=1)

    def rfft(self, x, n):
        if x.shape[-1] != n:
            padded = self.numpy.zeros((*x.shape[:-1], n), dtype=x.dtype)
            padded[..., :x.shape[-1]] = x
            x = padded
        return self.module.r2c(x, axes=(-1,), nthreads=1)

    def irfft(self, x, n):
        return self.module.c2r(x, axes=(-1,), lastsize=n, forward=False, inorm=2, nthreads=1)


def fourier(backend):
    def make(data, shape):
        length, rows = (int(part) for part in shape.split("/"))
        library = backend()
        samples = library.array(table_rows(data, rows, 2 * length).view("complex64"))
        return lambda: library.fft(samples)

    return make


def real_fourier(backend):
    def make(data, shape):
        length, rows = (int(part) for part in shape.split("/"))
        library = backend()
        samples = library.array(table_rows(data, rows, length))
        return lambda: library.rfft(samples, length)

    return make


def causal(backend):
    def make(data, shape):
        signals, taps, length = signals_and_taps(data, shape)
        library = backend()
        signals, size = library.array(signals), 2 * length
        spectrum = library.rfft(library.array(taps), size)
        return lambda: library.irfft(library.rfft(signals, size) * spectrum, size)[..., :length]

    return make


def causal_kernel(backend):
    def make(data, shape):
        signals, taps, length = signals_and_taps(data, shape)
        library = backend()
        signals, taps, size = library.array(signals), library.array(taps), 2 * length
        return lambda: library.irfft(library.rfft(signals, size) * library.rfft(taps, size), size)[..., :length]

    return make


def torch_causal_backward(data, shape):
    """Backward alone: the graph of one forward pass is kept."""
    signals, taps, length = signals_and_taps(data, shape)
    library = Torch()
    gradient = library.array(signals.copy())
    signals = library.array(signals).requires_grad_()
    taps = library.array(taps).requires_grad_()
    size = 2 * length
    output = library.irfft(library.rfft(signals, size) * library.rfft(taps, size), size)[..., :length]
    return lambda: library.torch.autograd.grad(output, (signals, taps), gradient, retain_graph=True)


def short_kernel_data(data, shape):
    length, taps = (int(part) for part in shape.split("/"))
    return table_rows(data, 64, length), table_rows(data, 64, taps, 31337)


def torch_short_kernel(data, shape):
    signals, taps = short_kernel_data(data, shape)
    torch = Torch().torch
    signals = torch.from_numpy(signals)[None]
    kernels = torch.from_numpy(taps[:, None, ::-1].copy())  # conv1d correlates
    pad = kernels.shape[-1] - 1
    return lambda: torch.nn.functional.conv1d(torch.nn.functional.pad(signals, (pad, 0)), kernels, groups=64)


def scipy_short_kernel(data, shape):
    import scipy.signal

    signals, taps = short_kernel_data(data, shape)
    return lambda: scipy.signal.oaconvolve(signals, taps, axes=-1)[..., :signals.shape[-1]]


def torch_online(data, shape):
    """The loop over all taps."""
    length, channels = (int(part) for part in shape.split("/"))
    torch = Torch().torch
    taps = torch.from_numpy(table_rows(data, channels, length)[:, ::-1] * (0.5 / length))
    history = torch.zeros((channels, length))

    def decode():
        result = torch.zeros(channels)
        for t in range(length):
            history[:, t] = result + 0.25
            result = (taps[:, length - 1 - t:] * history[:, :t + 1]).sum(-1)
        return result

    return decode


CASES = {
    backend.name: {"fourier": fourier(backend), "real_fourier": real_fourier(backend), "causal": causal(backend),
                   "causal_kernel": causal_kernel(backend)}
    for backend in (Torch, Scipy, Ducc)
}
CASES["torch"]["causal_backward"] = torch_causal_backward
CASES["torch"]["short_kernel"] = torch_short_kernel
CASES["torch"]["online"] = torch_online
CASES["scipy"]["short_kernel"] = scipy_short_kernel
