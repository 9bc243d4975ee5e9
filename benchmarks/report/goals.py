# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""What the library sets out to reach, and whether this run reached it."""

import limits
import sections
from compile_time import EIGEN

FAISS, TORCH = f"{sections.FAISS} nearest", f"{sections.TORCH} nearest"


def rows(report, kind):
    return report["sections"].get(kind, {}).get("rows", [])


def dimension(row):
    return int(row["shape"].split("/")[1])


def codes(row):
    return int(row["shape"].split("/")[0])


def share(report, kind, limit, row):
    return limits.share(report["roofs"], limit, row)


def ratio(row, label):
    return row["best"][label] / row["best"]["tessera"] if label in row["best"] else None


def worst(goal, least, values):
    """A goal that every value be at least `least`: values are (shape, number), number None where it is missing."""
    values = [(shape, number) for shape, number in values if number is not None]
    if not values:
        return {"goal": goal, "measured": "not measured", "met": None}
    shape, number = min(values, key=lambda value: value[1])
    return {"goal": goal, "measured": f"least {number:.2f} ({shape})", "met": number >= least}


def search_goals(report):
    found = rows(report, "nearest")

    def shares(choose):
        return [(row["shape"], share(report, "nearest", "flops", row)) for row in found if choose(dimension(row))]

    def ratios(label, choose):
        return [(row["shape"], ratio(row, label)) for row in found if choose(dimension(row))]

    yield worst("nearest code, D >= 32: at least 0.70 of the FMA peak", 0.70, shares(lambda d: d >= 32))
    yield worst("nearest code, D = 8 and 16: at least 0.55 of the FMA peak", 0.55, shares(lambda d: d in (8, 16)))
    yield worst("nearest code, D <= 64: at least 1.2 times as fast as faiss", 1.2, ratios(FAISS, lambda d: d <= 64))
    yield worst("nearest code, D > 64: not behind faiss", 1.0, ratios(FAISS, lambda d: d > 64))
    yield worst("nearest code, D <= 16: at least 5 times as fast as PyTorch's cdist + argmin", 5.0,
                ratios(TORCH, lambda d: d <= 16))


def scalar_goals(report):
    encode = rows(report, "fsq_encode")
    yield worst("FSQ encode: at least 0.6 of the copy bandwidth", 0.6,
                [(row["shape"], share(report, "fsq_encode", "copy", row)) for row in encode])
    yield worst("FSQ encode: at least 50 times as fast as PyTorch's eager formula", 50.0,
                [(row["shape"], ratio(row, f"{sections.TORCH} fsq_encode")) for row in encode])


def training_goals(report):
    # Stated as search over update, so that more is better as everywhere.
    updates = [row for row in rows(report, "ema_update") if codes(row) >= 1024 and dimension(row) >= 8]
    yield worst("EMA update, K >= 1024 and D >= 8: the search takes at least 10 times as long", 10.0,
                [(row["shape"], ratio(row, "share_of")) for row in updates])
    yield worst("k-means iteration: not slower than faiss", 1.0,
                [(row["shape"], ratio(row, f"{sections.FAISS} kmeans_iteration"))
                 for row in rows(report, "kmeans_iteration")])


def convolution_goals(report):
    """One example, kernel spectra given."""
    found = {int(row["shape"].split("/")[0]): row for row in rows(report, "causal") if row["shape"].endswith("/1")}
    usual = [row for length, row in found.items() if 1024 <= length <= 65536]
    longest = [row for length, row in found.items() if length == 2**20]

    def fftw(row):
        ratios = [ratio(row, label) for label in ("_fftw", "_fftw_rows")]
        return min((value for value in ratios if value is not None), default=None)

    def slowdown(label):
        return [(row["shape"], None if ratio(row, label) is None else 1 / ratio(row, label))
                for row in found.values()]

    name = "causal convolution, 1024 to 65536 samples"
    yield worst(f"{name}: at least 2 times as fast as FFTW in its better mode", 2.0,
                [(row["shape"], fftw(row)) for row in usual])
    yield worst(f"{name}: at least 4 times as fast as PyTorch", 4.0,
                [(row["shape"], ratio(row, f"{sections.TORCH} causal")) for row in usual])
    yield worst(f"{name}: at least 10 times as fast as Eigen's FFT", 10.0,
                [(row["shape"], ratio(row, "eigen")) for row in usual])
    yield worst("causal convolution, 2^20 samples: at least 1.5 times as fast as FFTW", 1.5,
                [(row["shape"], fftw(row)) for row in longest])
    yield worst("causal convolution, -O2 -march=x86-64-v3: at least 0.71 of the native build's speed", 0.71,
                slowdown("_v3"))
    yield worst("streaming convolution of 16384 taps: at least 20 times as fast as the direct sum", 20.0,
                [(row["shape"], ratio(row, "eigen")) for row in rows(report, "streaming")
                 if row["shape"].startswith("16384/")])
    yield worst("causal convolution, -O2 without -march: not slower than Eigen's FFT in the native build", 1.0,
                [(row["shape"], row["best"]["eigen"] / row["best"]["_baseline"])
                 for row in found.values() if "eigen" in row["best"] and "_baseline" in row["best"]])


def memory_goal(report):
    """Between two searches in the same codebook, an N x K table would add (N2 - N1) K floats."""
    goal = "no memory that grows as N x K"
    found = [(name, peak) for name, peak in report["peak_memory"].items() if peak]
    if len(found) < 2:
        return {"goal": goal, "measured": "not measured", "met": None}
    (first, small), (second, large) = found[0], found[-1]
    k, _, n1 = (int(part) for part in first.split("/")[1:])
    n2 = int(second.split("/")[-1])
    table = 4 * k * (n2 - n1)
    return {"goal": goal, "met": large - small < table / 20,
            "measured": f"from {n1} to {n2} queries in {k} codes the peak grew by {(large - small) / 2**20:.1f} MiB; "
                        f"a table would add {table / 2**20:.0f} MiB"}


def compile_goal(report):
    goal = "finite_scalar.hpp compiles in at most 1.5 s more than <Eigen/Core>"
    times = report["compile_seconds"]
    header = "tessera/quantize/finite_scalar.hpp"
    if header not in times or EIGEN not in times:
        return {"goal": goal, "measured": "not measured", "met": None}
    more = times[header] - times[EIGEN]
    return {"goal": goal, "measured": f"{more:.2f} s more ({times[header]:.2f} s)", "met": more < 1.5}


def judge(report):
    return [*scalar_goals(report), *search_goals(report), *training_goals(report),
            *convolution_goals(report), memory_goal(report),
            compile_goal(report)]
