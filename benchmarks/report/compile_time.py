#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""How long a program that includes one header takes to compile, beside an empty one with Eigen's core.

    benchmarks/report/compile_time.py            prints seconds (processor time of the compiler at -O2, best of five)
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

EIGEN = "Eigen/Core"
HEADERS = (
    "tessera/quantize/finite_scalar.hpp",
    "tessera/quantize/nearest.hpp",
    "tessera/quantize/vector.hpp",
    "tessera/tessera.hpp",
)


def eigen_folder():
    """Where Eigen's headers are, by pkg-config or in the usual places."""
    try:
        flags = subprocess.run(["pkg-config", "--cflags-only-I", "eigen3"], capture_output=True, text=True, check=True)
        return [flag for flag in flags.stdout.split() if flag]
    except (OSError, subprocess.CalledProcessError):
        return [f"-I{path}" for path in ("/usr/include/eigen3", "/usr/local/include/eigen3") if os.path.isdir(path)]


def seconds(compiler, root, header, repeats):
    """Processor time of compiling an empty main function after `header`; None if it does not compile."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "unit.cpp"
        source.write_text(f"#include <{header}>\nint main() {{}}\n")
        command = [compiler, "-std=c++20", "-O2", f"-I{root}/include", *eigen_folder(), "-c", str(source), "-o",
                   f"{folder}/unit.o"]
        best = None
        for _ in range(repeats):
            before = os.times()
            done = subprocess.run(command, capture_output=True, env={**os.environ, "CCACHE_DISABLE": "1"}, check=False)
            after = os.times()
            if done.returncode != 0:
                return None
            spent = after.children_user + after.children_system - before.children_user - before.children_system
            best = spent if best is None else min(best, spent)
        return best


def measure(root, repeats=5):
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        return {}
    found = {header: seconds(compiler, root, header, repeats) for header in (EIGEN, *HEADERS)}
    return {header: time for header, time in found.items() if time is not None}


if __name__ == "__main__":
    for measured, time in measure(pathlib.Path(__file__).resolve().parents[2]).items():
        print(f"{time:6.2f}  {measured}", file=sys.stdout)
