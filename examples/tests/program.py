# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs a program and says what it did."""

import subprocess


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def succeed(*command):
    done = run(*command)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def fail(expected, *command):
    """Expects a code that is not zero and one line that holds `expected`."""
    done = run(*command)
    assert done.returncode in (1, 2), f"{command} ended with {done.returncode}: {done.stdout} {done.stderr}"
    assert expected in done.stderr, f"expected '{expected}' in: {done.stderr}"
    assert done.stderr.count("\n") == 1, f"expected one line, found: {done.stderr}"
