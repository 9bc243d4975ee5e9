#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs kernel_zoo on a slow sine, which memories of every order recall.

    kernel_zoo_test.py PROGRAM FOLDER
"""

import json
import math
import pathlib
import shutil
import sys

from program import fail, succeed
from sounds import Sound, write_wav


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sine = [0.5 * math.sin(2 * math.pi * 10 * t / 8000) for t in range(2000)]
    write_wav(folder / "in.wav", Sound(8000, [sine]))
    printed = succeed(program, "--input", folder / "in.wav", "--output", folder / "out", "--order", 16)
    assert "LegS" in printed and "FouT" in printed, printed
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert summary["samples"] == 2000 and summary["sample_rate"] == 8000
    error = {(memory["measure"], memory["order"]): memory["relative_error"] for memory in summary["memories"]}
    assert error["LegS", 32] < 0.05 and error["LegT", 16] < 0.05, error

    fail("even order", program, "--order", 7, "--output", folder / "out")
    fail("missing.wav", program, "--input", folder / "missing.wav", "--output", folder / "out")


if __name__ == "__main__":
    main()
