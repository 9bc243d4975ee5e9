# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""What is compared: one section per operation, one row per shape."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Section:
    """`kind` names the benchmark: its rows are the shapes in which `program` has `kind`/<shape>."""

    title: str
    kind: str
    shape: str  # what the numbers in a row's name are
    program: str = "quantize_benchmark"
    limit: str = ""  # "flops", "read" or "copy": the roof that bounds it
    eigen: bool = False  # `kind`_eigen/<shape> does the same in Eigen written the obvious way
    peers: tuple = ()  # of (peer, its benchmark, the head of its column)
    variants: tuple = ()  # of (suffix of `kind`, head of the column): the same work done otherwise by tessera
    share_of: str = ""  # another benchmark of the same shape, of whose time this one's share is stated
    builds: tuple = ()  # of (suffix of `program`, head of the column): the same built otherwise
    programs: tuple = ()  # of (program, suffix of `kind`, head of the column): peers that are programs of their own
    per: str = ""  # what the counter `items` counts: time is also stated for each
    note: str = ""


FAISS, TORCH, VQP = "faiss", "torch", "vector-quantize-pytorch"
SCIPY, DUCC = "scipy", "ducc0"
PEERS = (FAISS, TORCH, VQP, SCIPY, DUCC)

BASELINE = (("_baseline", "without -march"),)
FFT_BUILDS = (("_v3", "-O2 -march=x86-64-v3"), ("_baseline", "-O2"))
FFTW = "fftw_benchmark"

SECTIONS = [
    Section(
        "Nearest code", "nearest", "codes/dimension/queries", limit="flops", eigen=True, builds=BASELINE,
        peers=((FAISS, "nearest", "faiss IndexFlatL2"), (TORCH, "nearest", "PyTorch cdist + argmin"),
               (VQP, "vq_encode", "vector-quantize-pytorch")),
        variants=(("_threads", "two threads"), ("_double", "in double"), ("_cosine", "cosine")),
        note="Ours is the certified search: exact, lowest index on ties. The operations counted are the 2 K D N of the "
             "products alone."),
    Section(
        "Nearest code, one vector a call", "nearest_one", "codes/dimension", limit="read", eigen=True,
        peers=((FAISS, "nearest_one", "faiss IndexFlatL2"), (TORCH, "nearest_one", "PyTorch cdist + argmin")),
        note="The limit is reading a codebook of that size once. The peers' times contain their Python call."),
    Section(
        "FSQ encode", "fsq_encode", "levels/vectors", limit="copy", eigen=True, builds=BASELINE,
        peers=((TORCH, "fsq_encode", "PyTorch, the formula"), (VQP, "fsq_encode", "vector-quantize-pytorch")),
        variants=(("_threads", "two threads"),),
        note="float32 in, int32 tokens out; the limit is a copy that moves as many bytes."),
    Section(
        "FSQ forward and backward", "fsq_training", "levels/vectors", eigen=True,
        peers=((TORCH, "fsq_training", "PyTorch, the formula"), (VQP, "fsq_training", "vector-quantize-pytorch")),
        note="Codes, tokens, and the gradient through the bounding function."),
    Section(
        "VQ encode", "vq_encode", "codes/dimension/vectors", limit="flops",
        peers=((VQP, "vq_encode", "vector-quantize-pytorch"),),
        note="VectorQuantizer::encode: the search with the checks of its input."),
    Section(
        "VQ training step", "vq_training", "codes/dimension/vectors",
        peers=((VQP, "vq_training", "vector-quantize-pytorch"),),
        note="Forward with losses, EMA update of the codebook, backward."),
    Section(
        "EMA update of a codebook", "ema_update", "codes/dimension/vectors", eigen=True, share_of="nearest",
        peers=((TORCH, "ema_update", "PyTorch, index_add"),),
        note="Statistics of a batch whose tokens are known, and one decayed step. The search of the same shape is the "
             "nearest-code search above."),
    Section(
        "k-means iteration", "kmeans_iteration", "codes/dimension/vectors", share_of="nearest",
        peers=((FAISS, "kmeans_iteration", "faiss Kmeans"),),
        note="Assignment of every vector and new means."),
    Section(
        "Linear layer, inference", "linear", "outputs/inputs/rows", program="nn_benchmark", limit="flops", eigen=True,
        peers=((TORCH, "linear", "PyTorch"),), variants=(("_threads", "two threads"),),
        note="The product with a fixed order of summation; Eigen and PyTorch promise no bits."),
    Section(
        "Linear layer, forward and backward", "linear_training", "outputs/inputs/rows", program="nn_benchmark",
        limit="flops", peers=((TORCH, "linear_training", "PyTorch"),)),
    Section("GELU", "gelu", "dimension/rows", program="nn_benchmark", limit="copy", eigen=True,
            peers=((TORCH, "gelu", "PyTorch"),)),
    Section("Layer norm", "layer_norm", "dimension/rows", program="nn_benchmark", limit="copy", eigen=True,
            peers=((TORCH, "layer_norm", "PyTorch"),)),
    Section("Random normal numbers", "normal", "count", program="core_benchmark",
            variants=(("_standard", "std::normal_distribution"),),
            note="Keyed by seed and stream, the same on every machine."),
    Section("Check for non-finite numbers", "all_finite", "dimension/vectors", program="core_benchmark", limit="read",
            eigen=True),
    Section("Order-independent sums", "grid_sums", "dimension/vectors", program="core_benchmark", limit="read",
            eigen=True,
            note="Sums of a batch on a power-of-two grid, the same bits for every split and order."),
    Section(
        "Causal convolution", "causal", "length/batch", program="fft_benchmark", limit="flops", eigen=True,
        programs=((FFTW, "_fftw_rows", "FFTW, by channel"), (FFTW, "_fftw", "FFTW, batched")),
        peers=((TORCH, "causal", "PyTorch"), (SCIPY, "causal", "SciPy"), (DUCC, "causal", "ducc")),
        variants=(("_threads", "two threads"),), builds=FFT_BUILDS,
        note="256 channels (64 at 262144 samples, 16 at 1048576), a kernel each as long as the signals, spectra given. "
             "The operations counted are those of two real transforms of twice the length, whatever computes them."),
    Section(
        "Causal convolution, kernel spectra in the call", "causal_kernel", "length/batch", program="fft_benchmark",
        programs=((FFTW, "_fftw_rows", "FFTW, by channel"),),
        peers=((TORCH, "causal_kernel", "PyTorch"), (SCIPY, "causal_kernel", "SciPy"))),
    Section(
        "Causal convolution, backward", "causal_backward", "length/batch", program="fft_benchmark", share_of="causal",
        peers=((TORCH, "causal_backward", "PyTorch"),), note="Gradients of input and kernel."),
    Section(
        "Complex transform", "fourier", "length/rows", program="fft_benchmark", limit="flops", eigen=True,
        programs=((FFTW, "_fftw", "FFTW, batched"), (FFTW, "_fftw_rows", "FFTW, by row")),
        peers=((TORCH, "fourier", "PyTorch"), (SCIPY, "fourier", "SciPy"), (DUCC, "fourier", "ducc")),
        variants=(("_threads", "two threads"),), builds=FFT_BUILDS),
    Section(
        "Real transform", "real_fourier", "length/rows", program="fft_benchmark", limit="flops", eigen=True,
        programs=((FFTW, "_fftw", "FFTW, batched"), (FFTW, "_fftw_rows", "FFTW, by row")),
        peers=((TORCH, "real_fourier", "PyTorch"), (SCIPY, "real_fourier", "SciPy"), (DUCC, "real_fourier", "ducc"))),
    Section(
        "Causal convolution, kernels shorter than signals", "short_kernel", "length/taps", program="fft_benchmark",
        limit="copy", per="sample", variants=(("_threads", "two threads"),),
        peers=((TORCH, "short_kernel", "PyTorch conv1d"), (SCIPY, "short_kernel", "SciPy oaconvolve")),
        note="64 channels, a kernel each. Up to 32 taps are summed directly, more go through blocks (overlap-save)."),
    Section(
        "Online convolution: decoding", "online", "taps/channels", program="fft_benchmark", eigen=True,
        per="sample of a channel", variants=(("_threads", "two threads"), ("_streaming", "partitioned")),
        peers=((TORCH, "online", "PyTorch"),),
        note="As many samples as taps, each made of the results before it. Eigen's and PyTorch's are the loop over all "
             "taps."),
    Section(
        "Streaming convolution, one call", "streaming", "taps/block", program="fft_benchmark", eigen=True,
        per="sample of a channel", builds=FFT_BUILDS,
        note="8 channels, a kernel each, no latency. Eigen's is the direct sum, a dot product for each sample."),
    Section(
        "Kernel of rational transfer functions", "rtf_kernel", "length/order", program="ssm_benchmark", per="tap",
        peers=((TORCH, "rtf_kernel", "PyTorch"),),
        variants=(("_exact", "truncated, not periodic"), ("_threads", "two threads")),
        note="256 channels. The time hardly depends on the order."),
    Section(
        "Kernel of rational transfer functions, backward", "rtf_backward", "length/order", program="ssm_benchmark",
        share_of="rtf_kernel", peers=((TORCH, "rtf_backward", "PyTorch"),)),
    Section(
        "Kernel of S4D", "s4d_kernel", "length/order", program="ssm_benchmark", limit="flops", eigen=True,
        peers=((TORCH, "s4d_kernel", "PyTorch"),), variants=(("_threads", "two threads"),),
        note="256 channels, zero-order hold; an order of n is n / 2 pairs of conjugate modes. PyTorch's matrix of "
             "exponentials is made of fewer channels where it is large, and its time scaled."),
    Section(
        "Kernel of S4D, backward", "s4d_backward", "length/order", program="ssm_benchmark", share_of="s4d_kernel",
        peers=((TORCH, "s4d_backward", "PyTorch"),)),
    Section(
        "Kernel of S4", "s4_kernel", "length/order", program="ssm_benchmark",
        peers=((TORCH, "s4_kernel", "PyTorch"),), variants=(("_threads", "two threads"),),
        note="256 channels, diagonal plus rank one, C as it is trained. PyTorch's as for S4D."),
    Section(
        "Kernel of S4, backward", "s4_backward", "length/order", program="ssm_benchmark", share_of="s4_kernel",
        peers=((TORCH, "s4_backward", "PyTorch"),)),
    Section(
        "Recurrence, direct form", "filter_direct", "order/block", program="ssm_benchmark", limit="flops",
        per="sample of a channel", peers=((SCIPY, "filter_direct", "SciPy lfilter"),),
        note="16 channels, state kept from block to block. SciPy's times contain the Python call, and its one filter "
             "is shared by the channels."),
    Section(
        "Recurrence, second-order sections", "filter_cascade", "order/block", program="ssm_benchmark", limit="flops",
        per="sample of a channel", peers=((SCIPY, "filter_cascade", "SciPy sosfilt"),),
        variants=(("_parallel", "side by side"), ("_modal", "complex modes")),
        note="16 channels, as above; in cascade, and as many sections or modes side by side."),
    Section(
        "Prefill of a direct form", "prefill", "length/order", program="ssm_benchmark", per="sample of a channel",
        variants=(("_stepped", "sample by sample"),), note="16 channels: the state after so many samples."),
]
