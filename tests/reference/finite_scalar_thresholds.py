#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Prints the digests of tests/quantize/detail/fsq_thresholds_test.cpp: where the levels of every dialect begin.

The formulas are inverted by hand and evaluated by mpmath with 60 digits; each edge is rounded up to the smallest float
and the smallest double on its upper side. The digest is 64-bit FNV-1a over the bits, little-endian, levels ascending.
"""

import math
import struct

from mpmath import atanh, erfinv, floor, log, mp, mpf, sqrt, tan

mp.dps = 60
LEVELS = [*range(2, 65), 100, 257, 513, 1000]
EVEN_TIES = {"stable_codec", "ifsq", "sigmoid"}
RANGES = {"google": (2, 1000), "lucidrains": (3, 1000), "legacy_double_bound": (3, 1000), "cosyvoice": (3, 3)}


def lucidrains(height, offset, target):
    """The z with height tanh(z + shift) - offset = target."""
    return atanh((target + offset) / height) - atanh(offset / height)


def edge(dialect, levels, k):
    """Where level k begins."""
    top, offset = levels - 1, mpf(1 - levels % 2) / 2
    target = k - levels // 2 - mpf(1) / 2  # of round(...) in the dialects with an offset
    middle = mpf(2 * k - levels) / top     # of tanh in the symmetric dialects
    if dialect == "google":
        height = top * mpf(999) / 2000
        return atanh((target + offset) / height) - tan(offset / height)
    if dialect in ("lucidrains", "legacy_double_bound"):
        height = top * mpf(1001) / 2000
        once = lucidrains(height, offset, target)
        return once if dialect == "lucidrains" else lucidrains(height, offset, once)
    if dialect in ("symmetric", "stable_codec", "scale_round"):
        return atanh(middle)
    if dialect == "hard_clamp":
        return middle
    if dialect == "residual_hard_clamp":
        reach = mpf(levels) / top
        return reach * atanh(middle / reach)
    if dialect == "cosyvoice":
        return atanh((k - mpf(3) / 2) / mpf(0.9990000128746033))  # the double that published code multiplies with
    if dialect == "ifsq":
        return atanh(middle) / mpf("0.8")
    if dialect == "gaussian_cdf":
        return sqrt(mpf(2)) * erfinv(mpf(2 * k) / levels - 1)
    if dialect == "sigmoid":
        return log((k - mpf(1) / 2) / (top - k + mpf(1) / 2))
    raise ValueError(dialect)


def round_up(value, digits, smallest):
    """The smallest number of `digits` binary digits that is at least `value`, exactly; -0 for zero."""
    if value == 0:
        return -0.0
    exponent = max(math.frexp(float(value))[1] - digits, smallest)
    return float(-floor(-value / mpf(2) ** exponent) * mpf(2) ** exponent)


def threshold_bits(dialect, levels, k):
    value = edge(dialect, levels, k)
    if abs(value) < mpf(10) ** -50:
        value = mpf(0)
    if value == 0 and dialect in EVEN_TIES and k % 2 == 1:  # the tie goes to the lower level: the next number up
        return struct.pack("<I", 1), struct.pack("<Q", 1)
    return struct.pack("<f", round_up(value, 24, -149)), struct.pack("<d", round_up(value, 53, -1074))


def fnv1a(digest, data):
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest


def main():
    for dialect in ("google", "lucidrains", "legacy_double_bound", "symmetric", "stable_codec", "hard_clamp",
                    "residual_hard_clamp", "cosyvoice", "ifsq", "scale_round", "gaussian_cdf", "sigmoid"):
        smallest, largest = RANGES.get(dialect, (2, 65536))
        narrow = wide = 0xCBF29CE484222325
        for levels in LEVELS:
            if not smallest <= levels <= largest or (dialect == "scale_round" and levels % 2 == 0):
                continue
            for k in range(1, levels):
                as_float, as_double = threshold_bits(dialect, levels, k)
                narrow, wide = fnv1a(narrow, as_float), fnv1a(wide, as_double)
        print(f"    {{FsqDialect::{dialect}, 0x{narrow:016x}, 0x{wide:016x}}},")


if __name__ == "__main__":
    main()
