#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Times the peers on the data that benchmark_data wrote, one thread.

    run.py --data FOLDER --list          prints what is there: one JSON line with the peers and their cases
    run.py --data FOLDER                 serves: each line of standard input is a request
                                             {"case": "faiss nearest/1024/8/16384", "seconds": 0.3}
                                         and each answer one JSON line: {"seconds": of one run} or {"missing": why}
    run.py --data FOLDER --case CASE     the same for one case

A case is a peer and the name of a benchmark. The process lives for a whole report, so that ours and theirs take turns.
`agreement` in an answer is the share of tokens equal to tessera's.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # before the first import of a peer
    os.environ[variable] = "1"

import argparse
import json
import pathlib
import sys
import time

import signals
import state_space
import works


class Data:
    """The arrays on disk, read when first asked for."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def matrix(self, role, dimension, count):
        import numpy

        array = numpy.load(self.folder / f"{role}_{dimension}.npy", mmap_mode="r")
        if len(array) < count:
            raise ValueError(f"expected {count} rows in {role}_{dimension}.npy, found {len(array)}")
        return numpy.array(array[:count])

    def tokens(self, name):
        import numpy

        path = self.folder / f"tokens_{name.replace('/', '_')}.npy"
        return numpy.load(path).reshape(-1) if path.exists() else None


class Case:
    """What is timed, and the tokens it yields, if it yields any."""

    def __init__(self, run, tokens=None, seconds=None):
        self.run = run
        self.tokens = tokens
        self.seconds = seconds  # for a peer that measures itself: a function returning the time of one run


def numbers(text):
    return [int(part) for part in text.split("/")]


# ----------------------------------------------------------------------------------------------------------- faiss


def faiss_nearest(data, shape):
    import faiss

    codes, dimension, count = numbers(shape)
    index = faiss.IndexFlatL2(dimension)
    index.add(data.matrix("codebook", dimension, codes))
    queries = data.matrix("queries", dimension, count)
    return Case(lambda: index.search(queries, 1), lambda: index.search(queries, 1)[1])


def faiss_nearest_one(data, shape):
    import faiss

    codes, dimension = numbers(shape)
    index = faiss.IndexFlatL2(dimension)
    index.add(data.matrix("codebook", dimension, codes))
    query = data.matrix("queries", dimension, 1)
    return Case(lambda: index.search(query, 1))


def faiss_kmeans_iteration(data, shape):
    import faiss

    codes, dimension, count = numbers(shape)
    samples = data.matrix("queries", dimension, count)

    def seconds():
        iterations = 6
        clustering = faiss.Kmeans(dimension, codes, niter=iterations, min_points_per_centroid=1,
                                  max_points_per_centroid=count, seed=1)
        clustering.train(samples)
        ends = [step["time"] for step in clustering.iteration_stats]
        return (ends[-1] - ends[0]) / (iterations - 1)  # the first iteration carries the start

    return Case(None, seconds=seconds)


# --------------------------------------------------------------------------------------------------------- PyTorch


def torch_nearest(data, shape):
    import torch

    codes, dimension, count = numbers(shape)
    codebook = torch.from_numpy(data.matrix("codebook", dimension, codes))
    queries = torch.from_numpy(data.matrix("queries", dimension, count))

    def run():
        return torch.cdist(queries, codebook).argmin(-1)

    return Case(run, lambda: run().numpy())


def torch_nearest_one(data, shape):
    import torch

    codes, dimension = numbers(shape)
    codebook = torch.from_numpy(data.matrix("codebook", dimension, codes))
    query = torch.from_numpy(data.matrix("queries", dimension, 1))
    return Case(lambda: torch.cdist(query, codebook).argmin(-1))


class TorchScalar:
    """The published formula: round(half tanh(z + shift) - offset), tokens by mixed radix."""

    def __init__(self, levels):
        import torch

        self.torch = torch
        self.levels = torch.tensor(levels, dtype=torch.float32)
        self.half = (self.levels - 1) * (1 + 1e-3) / 2
        self.offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        self.shift = torch.atanh(self.offset / self.half)
        self.width = torch.div(self.levels, 2, rounding_mode="floor")
        self.basis = torch.cumprod(torch.tensor([1] + levels[:-1]), 0)

    def codes(self, latents):
        bounded = (latents + self.shift).tanh() * self.half - self.offset
        return (bounded + (bounded.round() - bounded).detach()) / self.width

    def tokens(self, codes):
        return ((codes * self.width + self.width) * self.basis).sum(-1).to(self.torch.int32)


def scalar_case(data, shape):
    import torch

    text, count = shape.split("/")
    levels = [int(level) for level in text.split("-")]
    return levels, torch.from_numpy(data.matrix("latents", len(levels), int(count)))


def torch_fsq_encode(data, shape):
    import torch

    levels, latents = scalar_case(data, shape)
    quantizer = TorchScalar(levels)

    def run():
        with torch.no_grad():
            return quantizer.tokens(quantizer.codes(latents))

    return Case(run, lambda: run().numpy())


def torch_fsq_training(data, shape):
    import torch

    levels, latents = scalar_case(data, shape)
    quantizer = TorchScalar(levels)
    gradient = torch.from_numpy(data.matrix("gradient", len(levels), len(latents)))

    def run():
        leaf = latents.detach().requires_grad_()
        codes = quantizer.codes(leaf)
        quantizer.tokens(codes.detach())
        codes.backward(gradient)
        return leaf.grad

    return Case(run)


def torch_ema_update(data, shape):
    """Counts and sums by index_add, one decayed step with smoothing: no one-hot matrix."""
    import torch

    codes, dimension, count = numbers(shape)
    codebook = torch.from_numpy(data.matrix("codebook", dimension, codes))
    queries = torch.from_numpy(data.matrix("queries", dimension, count))
    tokens = torch.cdist(queries, codebook).argmin(-1)
    sizes, sums = torch.ones(codes), codebook.clone()

    def run():
        counts = torch.bincount(tokens, minlength=codes).float()
        totals = torch.zeros_like(sums).index_add_(0, tokens, queries)
        sizes.lerp_(counts, 0.01)
        sums.lerp_(totals, 0.01)
        total = sizes.sum()
        smoothed = (sizes + 1e-5) / (total + codes * 1e-5) * total
        torch.div(sums, smoothed[:, None], out=codebook)

    return Case(run)


def torch_linear(data, shape):
    import torch

    outputs, inputs, count = numbers(shape)
    weights = torch.from_numpy(data.matrix("weights", inputs, outputs))
    bias = torch.zeros(outputs)
    batch = torch.from_numpy(data.matrix("queries", inputs, count))

    def run():
        with torch.no_grad():
            return torch.nn.functional.linear(batch, weights, bias)

    return Case(run)


def torch_linear_training(data, shape):
    import torch

    outputs, inputs, count = numbers(shape)
    weights = torch.from_numpy(data.matrix("weights", inputs, outputs)).requires_grad_()
    bias = torch.zeros(outputs, requires_grad=True)
    batch = torch.from_numpy(data.matrix("queries", inputs, count)).requires_grad_()
    gradient = torch.from_numpy(data.matrix("gradient", outputs, count))

    def run():
        weights.grad = bias.grad = batch.grad = None
        torch.nn.functional.linear(batch, weights, bias).backward(gradient)

    return Case(run)


def torch_gelu(data, shape):
    import torch

    dimension, count = numbers(shape)
    batch = torch.from_numpy(data.matrix("queries", dimension, count))

    def run():
        with torch.no_grad():
            return torch.nn.functional.gelu(batch, approximate="tanh")

    return Case(run)


def torch_layer_norm(data, shape):
    import torch

    dimension, count = numbers(shape)
    batch = torch.from_numpy(data.matrix("queries", dimension, count))
    scale, shift = torch.ones(dimension), torch.zeros(dimension)

    def run():
        with torch.no_grad():
            return torch.nn.functional.layer_norm(batch, (dimension,), scale, shift)

    return Case(run)


# ----------------------------------------------------------------------------------------- vector-quantize-pytorch


def vqp_fsq_encode(data, shape):
    import torch
    from vector_quantize_pytorch import FSQ

    levels, latents = scalar_case(data, shape)
    quantizer = FSQ(levels=levels).eval()

    def run():
        with torch.no_grad():
            return quantizer(latents[None])[1]

    return Case(run, lambda: run().numpy())


def vqp_fsq_training(data, shape):
    import torch
    from vector_quantize_pytorch import FSQ

    levels, latents = scalar_case(data, shape)
    quantizer = FSQ(levels=levels).train()
    gradient = torch.from_numpy(data.matrix("gradient", len(levels), len(latents)))[None]

    def run():
        leaf = latents[None].detach().requires_grad_()
        quantizer(leaf)[0].backward(gradient)
        return leaf.grad

    return Case(run)


def vqp_vector_quantizer(data, shape):
    from vector_quantize_pytorch import VectorQuantize
    import torch

    codes, dimension, count = numbers(shape)
    quantizer = VectorQuantize(dim=dimension, codebook_size=codes, decay=0.99, rotation_trick=False)
    quantizer.codebook = torch.from_numpy(data.matrix("codebook", dimension, codes))
    return quantizer, torch.from_numpy(data.matrix("queries", dimension, count))[None]


def vqp_vq_encode(data, shape):
    import torch

    quantizer, queries = vqp_vector_quantizer(data, shape)
    quantizer.eval()

    def run():
        with torch.no_grad():
            return quantizer(queries)[1]

    return Case(run, lambda: run().numpy())


def vqp_vq_training(data, shape):
    """Forward with losses and the EMA step, then backward."""
    import torch

    quantizer, queries = vqp_vector_quantizer(data, shape)
    quantizer.train()
    gradient = torch.from_numpy(data.matrix("gradient", queries.shape[-1], queries.shape[1]))[None]

    def run():
        leaf = queries.detach().requires_grad_()
        codes, _, loss = quantizer(leaf)
        torch.autograd.backward([codes, loss.sum()], [gradient, None])
        return leaf.grad

    return Case(run)


CASES = {
    "faiss": {
        "nearest": faiss_nearest,
        "nearest_one": faiss_nearest_one,
        "kmeans_iteration": faiss_kmeans_iteration,
    },
    "torch": {
        "nearest": torch_nearest,
        "nearest_one": torch_nearest_one,
        "fsq_encode": torch_fsq_encode,
        "fsq_training": torch_fsq_training,
        "ema_update": torch_ema_update,
        "linear": torch_linear,
        "linear_training": torch_linear_training,
        "gelu": torch_gelu,
        "layer_norm": torch_layer_norm,
    },
    "vector-quantize-pytorch": {
        "fsq_encode": vqp_fsq_encode,
        "fsq_training": vqp_fsq_training,
        "vq_encode": vqp_vq_encode,
        "vq_training": vqp_vq_training,
    },
}


def of_signals(make):
    return lambda data, shape: Case(make(data, shape))


def of_state_space(make):
    """Some run on fewer channels than they are asked for, and say by how many times more the whole takes."""

    def case(data, shape):
        made = make(data, shape)
        if not isinstance(made, tuple):
            return Case(made)
        run, scale = made
        return Case(run, seconds=lambda: scale * mean_time(run, 0.3))

    return case


for _peer, _cases in signals.CASES.items():
    CASES.setdefault(_peer, {}).update({kind: of_signals(make) for kind, make in _cases.items()})
for _peer, _cases in state_space.CASES.items():
    CASES.setdefault(_peer, {}).update({kind: of_state_space(make) for kind, make in _cases.items()})


def single_threaded():
    try:
        import faiss

        faiss.omp_set_num_threads(1)
    except ImportError:
        pass
    try:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(1)
    except ImportError:
        pass


def mean_time(run, budget):
    """One run to warm up; then as many as fill `budget` seconds, at least two."""
    run()
    runs = 0
    start = time.perf_counter()
    while runs < 2 or time.perf_counter() - start < budget:
        run()
        runs += 1
    return (time.perf_counter() - start) / runs


class Server:
    def __init__(self, data):
        self.data = data
        self.name = None
        self.case = None

    def answer(self, request):
        try:
            return self.measure(request["case"], request.get("seconds", 0.3))
        except Exception as error:  # whatever a peer raises: the report names it and goes on
            return {"missing": f"{type(error).__name__}: {error}".splitlines()[0]}

    def measure(self, name, budget):
        answer = {}
        if name != self.name:
            peer, _, rest = name.partition(" ")
            kind, _, shape = rest.partition("/")
            self.name, self.case = None, None  # its memory first
            self.case = CASES[peer][kind](self.data, shape)
            self.name = name
            answer |= self.agreement(rest)
        answer["seconds"] = self.case.seconds() if self.case.seconds else mean_time(self.case.run, budget)
        return answer

    def agreement(self, name):
        expected = self.data.tokens(name) if self.case.tokens else None
        if expected is None:
            return {}
        return {"agreement": float((self.case.tokens().reshape(-1) == expected).mean())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder that benchmark_data filled")
    parser.add_argument("--list", action="store_true", help="print the peers and their cases")
    parser.add_argument("--case", help="measure one case")
    arguments = parser.parse_args()
    if arguments.list:
        found = {name: works.probe(name) for name in works.PEERS}
        print(json.dumps({name: {"version": version, "missing": reason, "cases": sorted(CASES[name])}
                          for name, (version, reason) in found.items()}))
        return
    single_threaded()
    server = Server(Data(arguments.data))
    if arguments.case:
        print(json.dumps(server.answer({"case": arguments.case})))
        return
    for line in sys.stdin:
        print(json.dumps(server.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
