#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs train_codebook on vectors in files and checks what it writes.

    train_codebook_test.py PROGRAM FOLDER
"""

import ast
import json
import pathlib
import shutil
import struct
import sys

from program import fail, succeed

# Three groups of vectors far from each other: k-means with three codes has one best answer, their means.
GROUPS = [[(0, 0), (2, 0), (0, 2), (2, 2)], [(100, 0), (102, 2)], [(0, 100), (4, 100), (2, 103)]]
VECTORS = [vector for group in GROUPS for vector in group]
MEANS = [tuple(sum(axis) / len(group) for axis in zip(*group)) for group in GROUPS]


def write_npy(path, vectors):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(vectors)}, {len(vectors[0])}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    data = b"".join(struct.pack(f"<{len(vector)}f", *vector) for vector in vectors)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def read_npy(path, kind):
    """The shape and the numbers, of an array of that type."""
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10 : 10 + size].decode())
    assert header["descr"] == kind and not header["fortran_order"], header
    code = {"<f4": "f", "<i8": "q"}[kind]
    body = data[10 + size :]
    return header["shape"], struct.unpack(f"<{len(body) // struct.calcsize('<' + code)}{code}", body)


def check_outputs(folder):
    shape, codes = read_npy(folder / "codebook.npy", "<f4")
    assert shape == (3, 2), shape
    codes = [codes[2 * k : 2 * k + 2] for k in range(3)]
    expected = sorted(MEANS)
    assert all(abs(a - b) < 1e-4 for c, m in zip(sorted(codes), expected) for a, b in zip(c, m)), (codes, expected)
    shape, tokens = read_npy(folder / "tokens.npy", "<i8")
    assert shape == (len(VECTORS),), shape
    nearest = [min(range(3), key=lambda k: sum((a - b) ** 2 for a, b in zip(v, codes[k]))) for v in VECTORS]
    assert list(tokens) == nearest, (tokens, nearest)
    lines = (folder / "counts.csv").read_text().splitlines()
    assert [int(line.split(",")[1]) for line in lines[1:]] == [nearest.count(k) for k in range(3)], lines
    summary = json.loads((folder / "summary.json").read_text())
    distortion = sum((a - b) ** 2 for group, m in zip(GROUPS, MEANS) for v in group for a, b in zip(v, m)) / len(VECTORS)
    assert abs(summary["distortion"] - distortion) < 1e-4, (summary, distortion)
    assert summary["used_codes"] == 3 and summary["vectors"] == len(VECTORS) and summary["converged"], summary


def main():
    program, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_npy(folder / "vectors.npy", VECTORS)
    (folder / "vectors.csv").write_text("a,b\n" + "".join(f"{x},{y}\n" for x, y in VECTORS))
    for name in ("vectors.npy", "vectors.csv"):
        text = succeed(program, "--input", folder / name, "--output", folder / name[-3:], "--codebook-size", 3)
        assert "perplexity" in text, text
        check_outputs(folder / name[-3:])

    output = ("--output", folder / "none")
    write_npy(folder / "nan.npy", [(1, 2), (3, float("nan"))])
    fail("vector 1", program, *output, "--input", folder / "nan.npy")
    fail("expected a file named .npy or .csv", program, *output, "--input", folder / "vectors.txt")
    fail("absent.npy: cannot open it", program, *output, "--input", folder / "absent.npy")
    (folder / "bad.csv").write_text("1,2\n3,x\n")
    fail("bad.csv", program, *output, "--input", folder / "bad.csv")
    (folder / "empty.csv").write_text("")
    fail("kmeans: ", program, *output, "--input", folder / "empty.csv")
    fail("(--help shows the options)", program, "--codebook-size", 0)


if __name__ == "__main__":
    main()
