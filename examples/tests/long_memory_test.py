#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs long_memory on a short delay: orders from the delay on learn it, lower ones do not.

    long_memory_test.py PROGRAM FOLDER
"""

import json
import pathlib
import shutil
import sys

from program import fail, succeed


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    task = ["--length", 256, "--delay", 40, "--orders", "8,48", "--steps", 400, "--batch", 4, "--output", folder]
    printed = succeed(program, *task)
    assert "reflection" in printed and "spectral radius" in printed, printed
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["delay"] == 40 and summary["length"] == 256 and len(summary["runs"]) == 8
    error = {(run["start"], run["order"]): run["rmse"] for run in summary["runs"]}
    for start in ("zeros", "l1"):  # an answer of zeros has 0.5
        assert error[start, 48] < 0.1 < 0.4 < error[start, 8], error
    for run in summary["runs"]:
        assert run["start"] != "l1" or run["spectral_radius"] < 1, run
        assert run["start"] != "zeros" or run["recurrence_difference"] < 1e-6, run

    # The same seed, the same results.
    before = [(run["rmse"], run["curve"]) for run in summary["runs"]]
    succeed(program, *task)
    again = json.loads((folder / "summary.json").read_text())
    assert before == [(run["rmse"], run["curve"]) for run in again["runs"]]

    fail("less than the length", program, "--length", 100, "--delay", 100, "--orders", "8", "--output", folder)
    fail("below the length", program, "--length", 100, "--delay", 10, "--orders", "100", "--output", folder)
    fail("--steps", program, "--steps", 0)


if __name__ == "__main__":
    main()
