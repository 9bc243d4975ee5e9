# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Sequence kernels and recurrences of the peers, float32, one thread: the work of benchmarks/ssm/.

PyTorch's kernels are written as their papers have them: RTF (Parnichkun et al. 2024) by a quotient of transforms, S4D
(Gu et al. 2022) by a Vandermonde matrix of exponentials, S4 (Gu et al. 2021) by Cauchy sums and the Woodbury identity.
"""

import math

CHANNELS = 256
STREAMS = 16
TABLE = 65521


def table_rows(data, rows, scalars, offset=0):
    """Numbers from a short table, as the benchmark programs take them."""
    import numpy

    table = data.matrix("queries", TABLE, 1).reshape(-1)
    return numpy.resize(numpy.roll(table, -offset), (rows, scalars))


def kernel_shape(shape):
    length, order = (int(part) for part in shape.split("/"))
    return length, order


def torch_rtf(data, shape):
    """Parameters and the kernel as a function of nothing."""
    import torch

    length, order = kernel_shape(shape)
    a = torch.from_numpy(table_rows(data, CHANNELS, order) * (0.5 / order)).requires_grad_()
    b = torch.from_numpy(table_rows(data, CHANNELS, order, 31337).copy()).requires_grad_()
    skip = torch.ones(CHANNELS, requires_grad=True)

    def kernel():
        numerator = torch.nn.functional.pad(b, (1, 0))
        denominator = torch.nn.functional.pad(a, (1, 0), value=1.0)
        quotient = torch.fft.rfft(numerator, n=length) / torch.fft.rfft(denominator, n=length)
        return torch.fft.irfft(quotient + skip[:, None], n=length)

    return kernel, (a, b, skip)


def diagonal_parameters(data, order, channels):
    """S4D-Lin and steps spread over [1e-3, 1e-1]: half the order as pairs."""
    import torch

    modes = order // 2
    log_step = torch.linspace(math.log(1e-3), math.log(1e-1), channels).requires_grad_()
    log_decay = torch.full((channels, modes), math.log(0.5)).requires_grad_()
    frequency = (math.pi * torch.arange(modes)).repeat(channels, 1).requires_grad_()
    output = torch.from_numpy(table_rows(data, channels, 2 * modes).copy()).reshape(channels, modes, 2)
    return log_step, log_decay, frequency, output.requires_grad_()


def fewer_channels(length, order):
    """S4D and S4 write matrices of channels x modes x length: large ones run on fewer channels, and are scaled."""
    channels = CHANNELS
    while channels > 1 and channels * (order // 2) * length > 1 << 26:
        channels //= 2
    return channels


def torch_s4d(data, shape):
    import torch

    length, order = kernel_shape(shape)
    channels = fewer_channels(length, order)
    log_step, log_decay, frequency, output = diagonal_parameters(data, order, channels)

    def kernel():
        step = torch.exp(log_step)[:, None]
        poles = -torch.exp(log_decay) + 1j * frequency
        steps = poles * step
        weights = torch.view_as_complex(output) * (torch.exp(steps) - 1.0) / poles
        powers = torch.exp(steps[..., None] * torch.arange(length))
        return 2 * torch.einsum("hn,hnl->hl", weights, powers).real

    return kernel, (log_step, log_decay, frequency, output), CHANNELS / channels


def torch_s4(data, shape):
    import torch

    length, order = kernel_shape(shape)
    channels = fewer_channels(length, 4 * order)
    log_step, log_decay, frequency, output = diagonal_parameters(data, order, channels)
    low_rank = (0.1 * torch.from_numpy(table_rows(data, channels, order, 777).copy())).reshape(channels, -1, 2)
    inputs = torch.from_numpy(table_rows(data, channels, order, 999).copy()).reshape(channels, -1, 2)
    low_rank.requires_grad_()
    inputs.requires_grad_()

    def kernel():
        step = torch.exp(log_step)[:, None]
        poles = (-torch.exp(log_decay) + 1j * frequency) * step
        p, b, c = (torch.view_as_complex(x) for x in (low_rank, inputs, output))
        poles, b, p, q, c = (torch.cat((x, y), -1) for x, y in (
            (poles, poles.conj()), (b, b.conj()), (p, p.conj()), (p.conj(), p), (c, c.conj())))
        nodes = torch.exp(-2j * math.pi * torch.arange(length // 2 + 1) / length)
        z = 2 * (1 - nodes) / (1 + nodes)
        cauchy = 1 / (z[None, None] - poles[..., None])
        sums = [(x * y * step)[:, None] @ cauchy for x, y in ((c, b), (c, p), (q, b), (q, p))]
        cb, cp, qb, qp = (x[:, 0] for x in sums)
        spectrum = 2 / (1 + nodes) * (cb - cp * qb / (1 + qp))
        return torch.fft.irfft(spectrum, n=length)

    return kernel, (log_step, log_decay, frequency, output, low_rank, inputs), CHANNELS / channels


def forward(make):
    """The time of all channels, where fewer were run."""

    def case(data, shape):
        import torch

        kernel, _, *scale = make(data, shape)

        def run():
            with torch.no_grad():
                return kernel()

        return (run, scale[0]) if scale else run

    return case


def backward(make):
    """Backward alone: the graph of one forward pass is kept."""

    def case(data, shape):
        import torch

        kernel, parameters, *scale = make(data, shape)
        taps = kernel()
        gradient = torch.ones_like(taps)

        def run():
            return torch.autograd.grad(taps, parameters, gradient, retain_graph=True)

        return (run, scale[0]) if scale else run

    return case


def filter_shape(shape):
    order, block = (int(part) for part in shape.split("/"))
    return order, block


def scipy_lfilter(data, shape):
    """Blocks of 16 channels with one filter, the state kept."""
    import numpy
    import scipy.signal

    order, block = filter_shape(shape)
    numerator = table_rows(data, 1, order + 1)[0]
    denominator = numpy.concatenate(([1.0], table_rows(data, 1, order, 31337)[0] * 0.5 / order)).astype("float32")
    samples, state = table_rows(data, STREAMS, block), numpy.zeros((STREAMS, order), dtype="float32")

    def run():
        nonlocal state
        result, state = scipy.signal.lfilter(numerator, denominator, samples, axis=-1, zi=state)
        return result

    return run


def scipy_sosfilt(data, shape):
    """Blocks of 16 channels through one cascade of order / 2 sections, the state kept."""
    import numpy
    import scipy.signal

    order, block = filter_shape(shape)
    sections = order // 2
    angles = math.pi * (numpy.arange(sections) + 0.5) / sections
    cascade = numpy.zeros((sections, 6), dtype="float32")
    cascade[:, 0], cascade[:, 1] = 1, 0.1
    cascade[:, 3], cascade[:, 4], cascade[:, 5] = 1, -2 * 0.9 * numpy.cos(angles), 0.81
    samples, state = table_rows(data, STREAMS, block), numpy.zeros((sections, STREAMS, 2), dtype="float32")

    def run():
        nonlocal state
        result, state = scipy.signal.sosfilt(cascade, samples, axis=-1, zi=state)
        return result

    return run


CASES = {
    "torch": {
        "rtf_kernel": forward(torch_rtf), "rtf_backward": backward(torch_rtf),
        "s4d_kernel": forward(torch_s4d), "s4d_backward": backward(torch_s4d),
        "s4_kernel": forward(torch_s4), "s4_backward": backward(torch_s4),
    },
    "scipy": {"filter_direct": scipy_lfilter, "filter_cascade": scipy_sosfilt},
}
