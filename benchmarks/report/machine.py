# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""What the figures were measured on."""

import datetime
import pathlib
import platform
import subprocess


def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ""


def describe(contexts):
    """`contexts`: what each benchmark program says of itself."""
    context = contexts.get("roof_benchmark", {})
    caches = [f"L{cache['level']} {cache['type']} {cache['size'] // 1024} KiB" for cache in context.get("caches", [])]
    return {
        "processor": processor(),
        "processors": context.get("num_cpus"),
        "caches": caches,
        "instruction_set": context.get("instruction_set"),
        "baseline_instruction_set": contexts.get("quantize_benchmark_baseline", {}).get("instruction_set"),
        "load": context.get("load_avg"),
        "system": platform.platform(),
        "compiler": first_line(["c++", "--version"]),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
