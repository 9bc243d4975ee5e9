# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""The roof over each figure."""

import math


def roof_name(roofs, limit, work):
    """Which measured limit bounds `work`; for memory, the one of the size nearest to the bytes touched."""
    if limit == "flops":
        return "fma/float" if "fma/float" in roofs else None
    sizes = [name for name in roofs if name.startswith(f"{limit}/")]
    if not sizes or not work.get("bytes"):
        return None
    return min(sizes, key=lambda name: abs(math.log(int(name.split("/")[1]) / work["bytes"])))


def rate(limit, row):
    """Operations or bytes per second that tessera reached, or None."""
    amount = row["work"].get("flops" if limit == "flops" else "bytes")
    return amount / row["best"]["tessera"] if limit and amount and "tessera" in row["best"] else None


def share(roofs, limit, row):
    """Of its limit, or None."""
    name = roof_name(roofs, limit, row["work"]) if limit else None
    reached = rate(limit, row)
    return reached / roofs[name] if name and reached else None
