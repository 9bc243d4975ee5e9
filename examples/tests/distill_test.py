#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs distill on small kernels and checks everything it promises.

    distill_test.py PROGRAM FOLDER CASE     a case is contract, exact, body, room, refused, or errors
"""

import cmath
import json
import math
import pathlib
import shutil
import struct
import sys

from program import fail, run, succeed
from sounds import Sound, noise, read_float_wav, write_wav

METHODS = ["hankel", "prony", "aaa"]
MODEL_KEYS = ["skip", "biquads", "numerator", "denominator", "certificate"]
SUMMARY_KEYS = [
    "method", "order", "relative_error", "hankel_bound", "truncation_bound", "spectral_radius", "certificate",
    "real_time_factor",
]  # fmt: skip
SOUNDS = ["impulse.wav", "distilled.wav", "wet.wav", "convolved.wav"]


def floats(samples):
    """As a WAV of 32-bit floats keeps them."""
    return list(struct.unpack(f"<{len(samples)}f", struct.pack(f"<{len(samples)}f", *samples)))


def modes(length, rate_of_decay, frequencies, skip=0.3):
    """Damped cosines after a first tap of its own."""
    taps = [skip]
    for t in range(length - 1):
        taps.append(sum(math.exp(-rate_of_decay * (i + 1) * t) * math.cos(w * t + i) for i, w in enumerate(frequencies)))
    return floats(taps)


def norm(taps):
    return math.sqrt(sum(tap * tap for tap in taps))


def section_taps(b0, b1, a1, a2, length):
    """z^-1 (b0 + b1 z^-1) / (1 + a1 z^-1 + a2 z^-2), by its difference equation."""
    taps = [0.0] * length
    for t in range(1, length):
        taps[t] = (b0 if t == 1 else b1 if t == 2 else 0.0) - a1 * taps[t - 1] - (a2 * taps[t - 2] if t > 1 else 0.0)
    return taps


def kernel_of_biquads(model, length):
    taps = [model["skip"]] + [0.0] * (length - 1)
    for section in model["biquads"]:
        for t, tap in enumerate(section_taps(*section["b"], *section["a"], length)):
            taps[t] += tap
    return taps


def kernel_of_polynomials(model, length):
    numerator, denominator = model["numerator"], model["denominator"]
    taps = [model["skip"]]
    for t in range(1, length):
        tap = numerator[t - 1] if t <= len(numerator) else 0.0
        taps.append(tap - sum(a * taps[t - 1 - j] for j, a in enumerate(denominator[: t - 1])))
    return taps


def magnitudes(model):
    """Of all poles."""
    for section in model["biquads"]:
        a1, a2 = section["a"]
        root = cmath.sqrt(a1 * a1 - 4 * a2)
        yield from (abs((-a1 + root) / 2), abs((-a1 - root) / 2))


def check_model(folder, entry, taps):
    """One model against the kernel and its row of the summary. Returns its own kernel."""
    model = json.loads((folder / f"{entry['method']}_{entry['order']}.json").read_text())
    assert list(model) == MODEL_KEYS and list(entry) == SUMMARY_KEYS, (list(model), list(entry))
    assert model["skip"] == taps[0], model["skip"]
    states = 0
    for section in model["biquads"]:
        assert sorted(section) == ["a", "b"] and len(section["a"]) == len(section["b"]) == 2, section
        states += 1 if section["a"][1] == 0 and section["b"][1] == 0 else 2
    assert states <= entry["order"], (states, entry)
    found = kernel_of_biquads(model, len(taps))
    peak = max(map(abs, found))
    error = norm([a - b for a, b in zip(found, taps)]) / norm(taps)
    # The sections differ from the modes by 1e-6 of the peak at most, usually by 1e-12.
    assert math.isclose(error, entry["relative_error"], rel_tol=1e-6, abs_tol=1e-9), (error, entry)
    radius = max(magnitudes(model), default=0)
    assert math.isclose(radius, entry["spectral_radius"], rel_tol=1e-7) and entry["spectral_radius"] < 1, (radius, entry)
    assert 0 <= model["certificate"] == entry["certificate"] <= 1e-6, entry
    assert (model["numerator"] is None) == (model["denominator"] is None), model
    if model["numerator"] is not None:
        assert len(model["numerator"]) == len(model["denominator"]) == states, (states, entry)
        other = kernel_of_polynomials(model, len(taps))
        assert max(abs(a - b) for a, b in zip(other, found)) <= 1e-6 * peak, entry
    assert entry["real_time_factor"] > 0, entry
    return found


def check_run(folder, taps, orders, methods, refused=()):
    """Everything that a run wrote. Returns the rows of the summary by name."""
    names = [f"{method}_{order}" for method in methods for order in orders]
    names = [name for name in names if name not in refused]
    expected = [f"{name}.json" for name in names] + SOUNDS + ["spectrogram.png", "summary.json"]
    there = [path.name for path in folder.iterdir()]
    assert sorted(there) in (sorted(expected), sorted(expected + ["errors.png"])), there  # there may be no gnuplot
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary) == ["models"], summary
    rows = {f"{row['method']}_{row['order']}": row for row in summary["models"]}
    assert list(rows) == names, list(rows)
    kernels = {name: check_model(folder, row, taps) for name, row in rows.items()}
    for name, row in rows.items():
        check_bounds(row, len(taps))
    best = min(rows, key=lambda name: rows[name]["relative_error"])
    impulse, distilled = (read_float_wav(folder / name) for name in ("impulse.wav", "distilled.wav"))
    assert list(impulse.channels[0]) == taps and len(impulse.channels) == 1
    peak = max(map(abs, taps))
    assert max(abs(a - b) for a, b in zip(distilled.channels[0], kernels[best])) < 1e-6 * peak, best
    wet, convolved = (read_float_wav(folder / name) for name in ("wet.wav", "convolved.wav"))
    assert wet.length == convolved.length and wet.rate == convolved.rate == impulse.rate
    assert (folder / "spectrogram.png").read_bytes()[1:4] == b"PNG", folder
    return rows


def check_bounds(row, taps):
    if row["method"] != "hankel":
        assert row["hankel_bound"] is None and row["truncation_bound"] is None, row
        return
    assert row["hankel_bound"] >= 0, row
    if taps > 2000:
        assert row["truncation_bound"] is None, row
        return
    assert row["truncation_bound"] >= 2 * row["hankel_bound"], row
    assert row["relative_error"] <= row["truncation_bound"] + 1e-12, row


def convolution(dry, taps):
    """The first samples, straight from the definition."""
    return [sum(taps[j] * dry[t - j] for j in range(min(t + 1, len(taps)))) for t in range(len(dry))]


def distill(program, folder, name, taps, orders, method="all", rate=8000, dry=None, refused=()):
    """A run on these taps, checked. Returns its rows."""
    kernel, speech, output = folder / f"{name}.wav", folder / f"{name}-dry.wav", folder / name
    dry = dry or noise(400, 3)
    write_wav(kernel, Sound(rate, [taps]))
    write_wav(speech, Sound(rate, [dry]))
    succeed(program, "--impulse", kernel, "--input", speech, "--output", output, "--orders", ",".join(map(str, orders)),
            "--method", method)  # fmt: skip
    rows = check_run(output, taps, orders, METHODS if method == "all" else [method], refused)
    wet, convolved = (read_float_wav(output / file).channels[0] for file in ("wet.wav", "convolved.wav"))
    expected = convolution(dry, taps)
    peak = max(map(abs, expected))
    assert max(abs(a - b) for a, b in zip(convolved, expected)) < 1e-6 * peak, name
    best = min(rows.values(), key=lambda row: row["relative_error"])
    model = json.loads((output / f"{best['method']}_{best['order']}.json").read_text())
    expected = convolution(dry, kernel_of_biquads(model, len(dry)))
    assert max(abs(a - b) for a, b in zip(wet, expected)) < 1e-5 * peak, name
    return rows


def contract(program, folder):
    """All methods and each alone, on kernels of no small order."""
    taps = [sample * math.exp(-0.01 * t) for t, sample in enumerate(noise(300, 1))]
    rows = distill(program, folder, "all", floats(taps), [1, 2, 5, 16, 40])
    for method in METHODS:
        errors = [rows[f"{method}_{order}"]["relative_error"] for order in (1, 2, 5, 16, 40)]
        assert all(a > b for a, b in zip(errors, errors[1:])), (method, errors)
        distill(program, folder, method, floats(taps), [1, 2, 5, 16, 40], method)
        for path in (folder / method).glob(f"{method}_*.json"):
            assert path.read_bytes() == (folder / "all" / path.name).read_bytes(), path.name
    # Again, to the byte, but for what time was measured.
    succeed(program, "--impulse", folder / "all.wav", "--input", folder / "all-dry.wav", "--output", folder / "again",
            "--orders", "1,2,5,16,40")  # fmt: skip
    for path in (folder / "again").iterdir():
        if path.name not in ("summary.json", "errors.png"):
            assert path.read_bytes() == (folder / "all" / path.name).read_bytes(), path.name
    # The shortest kernel for an order; one channel of several; a sound of another rate.
    distill(program, folder, "short", floats(taps[:12]), [5])
    write_wav(folder / "two.wav", Sound(8000, [floats(taps), noise(300, 2)]))
    write_wav(folder / "fast.wav", Sound(12000, [noise(600, 3)]))
    succeed(program, "--impulse", folder / "two.wav", "--input", folder / "fast.wav", "--output", folder / "two",
            "--orders", 4)  # fmt: skip
    check_run(folder / "two", floats(taps), [4], METHODS)
    assert read_float_wav(folder / "two" / "wet.wav").length == 400
    # A tone keeps its pitch and its level when its rate changes.
    tone = [0.5 * math.sin(0.05 * t) for t in range(12000)]
    write_wav(folder / "tone.wav", Sound(12000, [tone]))
    write_wav(folder / "click.wav", Sound(8000, [[0.0] * 2 + [1.0] + [0.0] * 30]))
    succeed(program, "--impulse", folder / "click.wav", "--input", folder / "tone.wav", "--output", folder / "click",
            "--orders", 2)  # fmt: skip
    tone = read_float_wav(folder / "click" / "convolved.wav").channels[0]
    for t in range(500, 7500, 97):
        assert abs(tone[t] - 0.5 * math.sin(0.075 * (t - 2))) < 1e-3, (t, tone[t])


def exact(program, folder):
    """Systems of a finite order are found, up to the rounding of taps to floats."""
    for length, frequencies in ((200, [0.3, 1.1]), (64, [0.2, 0.9, 2.0]), (3000, [0.25, 0.5, 1.4, 2.6])):
        taps = modes(length, 0.002, frequencies)
        order = 2 * len(frequencies)
        rows = distill(program, folder, f"exact-{length}", taps, [order])
        for method in ("prony", "aaa"):
            assert rows[f"{method}_{order}"]["relative_error"] < 1e-6, rows
        if length == 3000:  # the others end before they have decayed, which truncation of a silent end does not like
            assert rows[f"hankel_{order}"]["relative_error"] < 2e-2, rows
        # Polynomials of so few poles are good.
        model = json.loads((folder / f"exact-{length}" / f"prony_{order}.json").read_text())
        assert model["numerator"] is not None, model
    # A single real pole.
    taps = floats([1.0] + [0.5**t for t in range(40)])
    rows = distill(program, folder, "real", taps, [1])
    for method in METHODS:
        model = json.loads((folder / "real" / f"{method}_1.json").read_text())
        assert len(model["biquads"]) == 1, model
        section = model["biquads"][0]
        assert section["b"][1] == 0 and section["a"][1] == 0, section
        assert math.isclose(section["a"][0], -0.5, rel_tol=1e-6), section
    # A kernel of one tap needs no poles.
    distill(program, folder, "tap", [0.5] + [0.0] * 20, [2])


def body(program, folder):
    """The struck body made up, at the rate and length promised, by default with the recordings."""
    write_wav(folder / "dry.wav", Sound(16000, [noise(2000, 1)]))
    orders = [8, 64, 220]
    succeed(program, "--input", folder / "dry.wav", "--output", folder / "body", "--orders", "8,64,220", "--method",
            "prony")  # fmt: skip
    made = read_float_wav(folder / "body" / "impulse.wav")
    assert made.rate == 16000 and made.length == 8000, (made.rate, made.length)
    rows = check_run(folder / "body", list(made.channels[0]), orders, ["prony"])
    # Energy 1 and the noise, which is not orthogonal to the modes: 1e-3 / sqrt(8000) of them, times a normal deviate.
    assert math.isclose(norm(made.channels[0]), 1, rel_tol=1e-4)
    # A hundred modes are 200 poles: what is left above them is the noise, 60 dB down.
    assert 0.5e-3 < rows["prony_220"]["relative_error"] < 1.2e-3, rows
    assert rows["prony_8"]["relative_error"] > rows["prony_64"]["relative_error"] > 10e-3, rows
    # The seed decides.
    for seed in (0, 7):
        succeed(program, "--input", folder / "dry.wav", "--output", folder / f"seed-{seed}", "--orders", 2, "--method",
                "aaa", "--seed", seed)  # fmt: skip
    same, other = (read_float_wav(folder / f"seed-{seed}" / "impulse.wav").channels[0] for seed in (0, 7))
    assert same == made.channels[0] and other != same
    words = pathlib.Path("/usr/share/sounds/alsa/Front_Left.wav")
    if not words.exists():
        fail("Front_Left.wav: expected a recording of the package alsa-utils", program, "--output", folder / "speech")
        return
    text = succeed(program, "--orders", 8, "--output", folder / "speech")
    assert "8 recordings" in text and "real-time factor" in text, text
    wet = read_float_wav(folder / "speech" / "wet.wav")
    assert wet.rate == 16000 and 10 < wet.length / 16000 < 30, wet.length


def room(program, folder):
    """A room has no small order: the error is high, and said to be."""
    taps = floats([sample * math.exp(-0.002 * t) for t, sample in enumerate(noise(2500, 9))])
    rows = distill(program, folder, "room", taps, [8, 32])
    for row in rows.values():
        assert 0.5 < row["relative_error"] < 1, row
        assert row["truncation_bound"] is None, row


def refused(program, folder):
    """Poles that coincide are no modes: such models are left out, each with a line, and what is there is right."""
    delay = [0.0, 0.0, 0.0, 1.0] + [0.0] * 30
    double = floats([0.0] + [(t + 1) * 0.9**t for t in range(60)])  # rounding may split its poles far enough
    for name, taps, order in (("delay", delay, 3), ("double", double, 2)):
        kernel, dry, output = folder / f"{name}.wav", folder / "dry.wav", folder / name
        write_wav(kernel, Sound(8000, [taps]))
        write_wav(dry, Sound(8000, [noise(50, 1)]))
        output.mkdir()
        (output / f"hankel_{order}.json").write_text("of an earlier run")
        done = run(program, "--impulse", kernel, "--input", dry, "--output", output, "--orders", order)
        assert done.returncode == 0, done.stderr
        lines = [line.split() for line in done.stderr.splitlines() if f"of order {order} is left out: " in line]
        check_run(output, taps, [order], METHODS, [f"{line[0]}_{order}" for line in lines])
        assert name != "delay" or lines[0][0] == "hankel", lines


def errors(program, folder):
    good, dry, none = folder / "good.wav", folder / "dry.wav", folder / "none"
    write_wav(good, Sound(8000, [noise(50, 1)]))
    write_wav(dry, Sound(8000, [noise(50, 2)]))
    bad = lambda expected, *more: fail(expected, program, "--input", dry, "--output", none, *more)

    # Files
    bad("absent.wav: cannot open it", "--impulse", folder / "absent.wav")
    (folder / "text.wav").write_text("no sound")
    bad("text.wav: expected a sound", "--impulse", folder / "text.wav")
    write_wav(folder / "value.wav", Sound(8000, [[0.0, math.nan, 0.0]]))
    bad("value.wav: expected finite samples, found nan at sample 1 of channel 0", "--impulse", folder / "value.wav")
    write_wav(folder / "silent.wav", Sound(8000, [[0.0] * 50]))
    bad("silent.wav: expected a kernel, found silence", "--impulse", folder / "silent.wav", "--orders", 3)
    bad("good.wav: expected at least 52 taps for order 25, found 50", "--impulse", good, "--orders", "3,25,4")
    write_wav(folder / "long.wav", Sound(8000, [noise(2**17 + 1, 1)]))
    bad("long.wav: expected at most 131072 taps, found 131073", "--impulse", folder / "long.wav", "--orders", 2)
    fail("text.wav: expected a sound", program, "--impulse", good, "--input", folder / "text.wav", "--orders", 2,
         "--output", none)  # fmt: skip
    write_wav(folder / "odd.wav", Sound(2**31 - 1, [noise(50, 2)]))
    fail("expected a sound of at most", program, "--impulse", good, "--input", folder / "odd.wav", "--orders", 2,
         "--output", none)  # fmt: skip
    fail("cannot make this folder", program, "--impulse", good, "--input", dry, "--orders", 2, "--output", good)

    # The command line
    for orders in ("0", "-3", "x", "8,", ",8", "8,,9", "8,8", "513", "8 9", "1.5", "99999999999999999999"):
        bad("--orders: expected different numbers from 1 to 512", "--impulse", good, f"--orders={orders}")
    assert not none.exists()
    for words in (("--method", "magic"), ("--orders",), ("--orders=",), ("--seed", -1), ("--unknown", 1), ("--input",), ("extra",)):
        fail("(--help shows the options)", program, *words)
    text = run(program, "--help").stdout
    for word in ("--impulse", "--input", "--orders", "--method", "--output", "--seed", "alsa-utils", "hankel"):
        assert word in text, text


def main():
    program, folder, case = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cases = {"contract": contract, "exact": exact, "body": body, "room": room, "refused": refused, "errors": errors}
    cases[case](program, folder)


if __name__ == "__main__":
    main()
