#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Which peers run here.

    works.py                 prints every peer with its version, or why it is missing
    works.py NAME            the same for one; exits with 1 if it is missing
"""

import importlib.metadata
import sys


def faiss():
    import faiss
    import numpy

    index = faiss.IndexFlatL2(2)
    index.add(numpy.zeros((3, 2), dtype=numpy.float32))
    index.search(numpy.zeros((1, 2), dtype=numpy.float32), 1)
    return f"{faiss.__version__} ({faiss.get_compile_options().strip()})"


def torch():
    import torch

    torch.from_numpy(torch.zeros(2).numpy())
    return torch.__version__


def vector_quantize_pytorch():
    import torch
    from vector_quantize_pytorch import FSQ, VectorQuantize

    FSQ(levels=[8, 5, 5, 5])(torch.zeros(1, 4, 4))[0].sum().backward
    VectorQuantize(dim=4, codebook_size=8)(torch.randn(1, 16, 4))
    return importlib.metadata.version("vector-quantize-pytorch")


def scipy():
    import numpy
    import scipy.fft

    scipy.fft.rfft(numpy.zeros(8, dtype=numpy.float32))
    return scipy.__version__


def ducc0():
    import ducc0
    import numpy

    ducc0.fft.c2c(numpy.zeros(8, dtype=numpy.complex64))
    return importlib.metadata.version("ducc0")


PEERS = {"faiss": faiss, "torch": torch, "vector-quantize-pytorch": vector_quantize_pytorch, "scipy": scipy,
         "ducc0": ducc0}


def probe(name):
    """(version, None), or (None, the reason why the peer is missing)."""
    try:
        return PEERS[name](), None
    except Exception as error:  # whatever a foreign package raises: the report shall name it
        return None, f"{type(error).__name__}: {error}".splitlines()[0]


def main():
    names = sys.argv[1:] or list(PEERS)
    missing = 0
    for name in names:
        version, reason = probe(name)
        missing += version is None
        print(f"{name}: {version}" if version else f"{name}: missing ({reason})")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
