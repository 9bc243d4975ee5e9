#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs tokenize_image on small pictures and checks everything it promises.

    tokenize_image_test.py PROGRAM FOLDER CASE     a case is fsq, vq, vq-ema, vq-rotation, all, or errors
"""

import json
import math
import pathlib
import shutil
import sys

import pictures
from program import fail, succeed

KEYS = {
    "quantizer", "requested_size", "levels", "codebook_size", "used_codes", "perplexity", "psnr_db", "bits_per_pixel",
    "file_bytes", "tokens", "tokens_per_second_encode", "train_seconds", "seed",
}  # fmt: skip
LEVELS = {16: [4, 4], 64: [8, 8]}


def check_summary(summary, folder, picture, patch):
    """The numbers of a run against its files and the picture."""
    assert set(summary) == KEYS, set(summary) ^ KEYS
    size = summary["codebook_size"]
    expected_levels = LEVELS[summary["requested_size"]] if summary["quantizer"] == "fsq" else []
    assert summary["levels"] == expected_levels, summary
    assert size == summary["requested_size"], summary  # true of the sizes above
    count = -(-picture.width // patch) * -(-picture.height // patch)
    assert summary["tokens"] == count, summary
    assert 1 <= summary["used_codes"] <= min(size, count), summary
    assert 1 <= summary["perplexity"] <= summary["used_codes"] + 1e-9, summary
    bits = count * math.log2(size)
    assert math.isclose(summary["bits_per_pixel"], bits / (picture.width * picture.height), rel_tol=1e-12), summary
    assert summary["file_bytes"] == (folder / "tokens.tsr").stat().st_size, summary
    assert bits / 8 <= summary["file_bytes"] <= 1.01 * bits / 8 + 200, summary
    assert summary["tokens_per_second_encode"] > 0 and summary["train_seconds"] > 0, summary
    reconstruction = pictures.read_png(folder / "reconstruction.png")
    error = pictures.mean_squared_error(picture, reconstruction)
    assert math.isclose(summary["psnr_db"], 10 * math.log10(255**2 / error), rel_tol=1e-12), (summary, error)


def check_decode(program, folder):
    """From the two files alone, elsewhere, the same picture to the bit."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for name in ("model.safetensors", "tokens.tsr"):
        shutil.copy(folder / name, elsewhere / name)
    succeed(program, "decode", "--model", elsewhere / "model.safetensors", "--tokens", elsewhere / "tokens.tsr",
            "--output", elsewhere / "out.png")  # fmt: skip
    assert (elsewhere / "out.png").read_bytes() == (folder / "reconstruction.png").read_bytes()


def check_encode(program, folder, input_path, picture):
    """The picture of the training gives the tokens of the training; a new one decodes to its own size, cropped."""
    model = folder / "model.safetensors"
    succeed(program, "encode", "--model", model, "--input", input_path, "--tokens", folder / "again.tsr")
    assert (folder / "again.tsr").read_bytes() == (folder / "tokens.tsr").read_bytes()
    other = pictures.drawn(53, 31, shift=17)
    pictures.write_png(folder / "other.png", other)
    succeed(program, "encode", "--model", model, "--input", folder / "other.png", "--tokens", folder / "other.tsr")
    succeed(program, "decode", "--model", model, "--tokens", folder / "other.tsr", "--output", folder / "other-out.png")
    decoded = pictures.read_png(folder / "other-out.png")
    assert (decoded.width, decoded.height) == (other.width, other.height)
    assert picture.width != other.width


def single(program, folder, quantizer):
    picture = pictures.drawn(101, 67)  # sides that 8 does not divide
    pictures.write_png(folder / "input.png", picture)
    run = folder / "run"
    succeed(program, "--input", folder / "input.png", "--output", run, "--quantizer", quantizer, "--codebook-size", 64,
            "--steps", 60, "--seed", 3)  # fmt: skip
    summary = json.loads((run / "summary.json").read_text())
    check_summary(summary, run, picture, 8)
    assert summary["quantizer"] == quantizer and summary["seed"] == 3, summary
    # The mean colour alone gives about 13 dB here: training must have done something, even this short.
    assert summary["psnr_db"] > 14, summary
    check_decode(program, run)
    check_encode(program, run, folder / "input.png", picture)


def compared(program, folder):
    picture = pictures.drawn(96, 80)
    pictures.write_png(folder / "input.png", picture)
    common = ("--input", folder / "input.png", "--codebook-size", 16, "--patch", 5, "--steps", 10)
    succeed(program, *common, "--output", folder / "all")
    runs = json.loads((folder / "all" / "summary.json").read_text())["runs"]
    assert [run["quantizer"] for run in runs] == ["fsq", "vq", "vq-ema", "vq-rotation"], runs
    for run in runs:
        here = folder / "all" / f"{run['quantizer']}_16"
        assert json.loads((here / "summary.json").read_text()) == run
        check_summary(run, here, picture, 5)
        check_decode(program, here)
    for name in ("reconstruction.png", "comparison.png"):
        pictures.read_png(folder / "all" / name)
    # Alone or among others, early or late: the same model.
    succeed(program, *common, "--quantizer", "vq-ema", "--output", folder / "one")
    model = (folder / "one" / "model.safetensors").read_bytes()
    assert model == (folder / "all" / "vq-ema_16" / "model.safetensors").read_bytes()


def errors(program, folder):
    good = folder / "good.png"
    pictures.write_png(good, pictures.drawn(64, 48))
    train = (program, "--quantizer", "fsq", "--codebook-size", 16, "--steps", 2)
    model, tokens = folder / "a" / "model.safetensors", folder / "a" / "tokens.tsr"
    succeed(*train, "--input", good, "--output", folder / "a")
    succeed(*train, "--input", good, "--output", folder / "b", "--seed", 1)

    # Pictures
    output = ("--output", folder / "none")
    pictures.write_png(folder / "thin.png", pictures.drawn(64, 7))
    fail("at least 8 x 8 pixels, the size of a patch, found 64 x 7", *train, *output, "--input", folder / "thin.png")
    fail("absent.png: cannot open it", *train, *output, "--input", folder / "absent.png")
    (folder / "text.png").write_text("no picture")
    fail("text.png: expected a picture (PNG or JPEG)", *train, *output, "--input", folder / "text.png")
    (folder / "cut.png").write_bytes(good.read_bytes()[:300])
    fail("cut.png: expected a picture that can be decoded", *train, *output, "--input", folder / "cut.png")
    photograph = pathlib.Path("/usr/share/xplanet/images/earth.jpg")
    if photograph.exists():
        (folder / "cut.jpg").write_bytes(photograph.read_bytes()[:100000])
        fail("cut.jpg: expected the whole of a JPEG", *train, *output, "--input", folder / "cut.jpg")
    fail("cannot read it", *train, *output, "--input", folder)
    assert not (folder / "none").exists()

    # The command line
    for words in (("--steps", 0), ("--patch", 0), ("--patch", 65), ("--codebook-size", 1), ("--quantizer", "none"),
                  ("--unknown", 1), ("--seed", -1), ("decode", "--model", model)):  # fmt: skip
        fail("(--help shows the options)", program, *words)
    fail("cannot make this folder", *train, "--input", good, "--output", good)

    # Files
    out = ("--output", folder / "out.png")
    decode = (program, "decode", "--model", model, *out, "--tokens")
    fail("expected tokens of fsq", *decode, folder / "b" / "tokens.tsr")
    (folder / "cut.tsr").write_bytes(tokens.read_bytes()[:-5])
    fail("cut.tsr: expected the checksum", *decode, folder / "cut.tsr")
    (folder / "empty.tsr").write_bytes(b"")
    fail("empty.tsr: ", *decode, folder / "empty.tsr")
    fail("expected a token file", *decode, good)
    (folder / "cut.safetensors").write_bytes(model.read_bytes()[:-4])
    fail("cut.safetensors: ", program, "decode", "--model", folder / "cut.safetensors", *out, "--tokens", tokens)
    fail("good.png: ", program, "decode", "--model", good, *out, "--tokens", tokens)
    fail("at least 8 x 8", program, "encode", "--model", model, "--input", folder / "thin.png", "--tokens",
         folder / "out.tsr")  # fmt: skip
    assert not (folder / "out.png").exists() and not (folder / "out.tsr").exists()


def main():
    program, folder, case = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if case == "all":
        compared(program, folder)
    elif case == "errors":
        errors(program, folder)
    else:
        single(program, folder, case)


if __name__ == "__main__":
    main()
