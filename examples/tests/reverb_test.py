#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs reverb on small sounds and checks everything it promises.

    reverb_test.py PROGRAM FOLDER CASE     a case is contract, channels, files, room, or errors
"""

import json
import math
import pathlib
import shutil
import struct
import sys

import pictures
from program import fail, run, succeed
from sounds import Sound, noise, read_float_wav, wav_bytes, write_wav

KEYS = [
    "sample_rate", "input_samples", "impulse_samples", "block", "latency_samples", "real_time_factor",
    "worst_block_us", "mean_block_us", "max_difference",
]  # fmt: skip
FILES = ["impulse.wav", "spectrogram.png", "streamed.wav", "summary.json", "wet.wav"]


def convolution(dry, taps):
    """Straight from the definition, in double."""
    wet = [0.0] * (len(dry) + len(taps) - 1)
    for j, tap in enumerate(taps):
        if tap != 0:
            for n, sample in enumerate(dry):
                wet[n + j] += tap * sample
    return wet


def expected_wet(dry, room):
    """Channel by channel; a single channel goes with each of the other's."""
    count = max(len(dry.channels), len(room.channels))
    pick = lambda sound, c: sound.channels[c if len(sound.channels) > 1 else 0]
    return [convolution(pick(dry, c), pick(room, c)) for c in range(count)]


def check_sound(path, rate, channels):
    """Each sample is what is expected, rounded to a float: 2^-24 of it, and of the peak a little for the arithmetic."""
    sound = read_float_wav(path)
    assert sound.rate == rate and len(sound.channels) == len(channels), (path, sound.rate, len(sound.channels))
    peak = max(abs(sample) for samples in channels for sample in samples)
    for c, (found, expected) in enumerate(zip(sound.channels, channels)):
        assert len(found) == len(expected), (path, len(found), len(expected))
        for n, (a, b) in enumerate(zip(found, expected)):
            assert abs(a - b) <= abs(b) * 2**-24 + 1e-13 * peak, (path, c, n, a, b, peak)


def check_run(folder, dry, room, block):
    """Everything that a run wrote. Returns the summary."""
    assert sorted(path.name for path in folder.iterdir()) == FILES, list(folder.iterdir())
    wet = expected_wet(dry, room)
    check_sound(folder / "wet.wav", dry.rate, wet)
    check_sound(folder / "streamed.wav", dry.rate, wet)
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary) == KEYS, summary
    assert summary["sample_rate"] == dry.rate and summary["block"] == block, summary
    assert summary["input_samples"] == dry.length and summary["impulse_samples"] == room.length, summary
    assert summary["latency_samples"] == 0, summary
    assert 0 <= summary["max_difference"] <= 1e-6, summary
    # The factor is the mean over the blocks, times their number, over the length of the wet sound.
    assert 0 < summary["mean_block_us"] <= summary["worst_block_us"], summary
    length = dry.length + room.length - 1
    seconds = summary["mean_block_us"] * 1e-6 * -(-length // block)
    assert math.isclose(summary["real_time_factor"], seconds * dry.rate / length, rel_tol=1e-9), summary
    assert (folder / "spectrogram.png").read_bytes()[1:4] == b"PNG", folder
    return summary


def convolve(program, folder, name, dry, room, block=256, kind="f32"):
    """A run on these two sounds, checked."""
    dry_path, room_path, output = folder / f"{name}.wav", folder / f"{name}-room.wav", folder / name
    write_wav(dry_path, dry, kind)
    write_wav(room_path, room, kind)
    succeed(program, "--input", dry_path, "--impulse", room_path, "--output", output, "--block", block)
    check_sound(output / "impulse.wav", room.rate, room.channels)
    return check_run(output, dry, room, block)


def bright(pixels):
    """Where pixels of a panel glow, from 0 at its first to 1 at its last; white margins around it are left out."""
    last = max(i for i, pixel in enumerate(pixels) if pixel != b"\xff\xff\xff")
    first = max((i + 1 for i in range(last) if pixels[i] == b"\xff\xff\xff"), default=0)
    return [(i - first) / (last - first) for i in range(first, last) if pixels[i][0] > 150]


def check_line(places, expected, width):
    assert places, "expected a line, found nothing bright"
    middle = (min(places) + max(places)) / 2
    assert abs(middle - expected) < 0.01 and max(places) - min(places) < width, (places, expected)


def check_picture(program, folder):
    """Dry above wet, time to the right, frequency upward from 0 to half the rate."""
    # A click in a room with an echo: one line of all frequencies above, two below.
    picture = pictured(program, folder, "click", [0.0] * 2000 + [0.5] + [0.0] * 1999, [1.0] + [0.0] * 3999 + [0.5])
    for part in (0.15, 0.25, 0.4):
        dry, wet = (bright(row_of(picture, int((half + part) * picture.height))) for half in (0, 0.5))
        check_line(dry, 0.25, 0.1)
        check_line([x for x in wet if x < 0.5], 0.25, 0.1)
        check_line([x for x in wet if x >= 0.5], 0.75, 0.1)
    # A tone of 1000 Hz: a line at a quarter of the height.
    tone = [math.cos(2 * math.pi * n / 8) for n in range(4000)]
    picture = pictured(program, folder, "tone", tone, [0.5])
    column = [row[3 * (picture.width // 2) :][:3] for row in picture.rows]
    half = picture.height // 2
    check_line(bright(column[:half]), 0.75, 0.05)
    check_line(bright(column[half : half + int(0.46 * picture.height)]), 0.75, 0.05)


def row_of(picture, y):
    return [picture.rows[y][3 * x : 3 * x + 3] for x in range(picture.width)]


def pictured(program, folder, name, dry, taps):
    write_wav(folder / f"{name}.wav", Sound(8000, [dry]))
    write_wav(folder / f"{name}-taps.wav", Sound(8000, [taps]))
    output = folder / f"{name}-picture"
    succeed(program, "--input", folder / f"{name}.wav", "--impulse", folder / f"{name}-taps.wav", "--output", output)
    return pictures.read_png(output / "spectrogram.png")


def contract(program, folder):
    """Lengths from a single sample on, in blocks of all kinds; the results do not depend on the blocks."""
    for dry_length, taps, block in ((1, 1, 1), (1, 5, 2), (7, 1, 256), (3, 40, 5), (100, 33, 17), (900, 500, 64)):
        convolve(program, folder, f"{dry_length}-{taps}", Sound(8000, [noise(dry_length, 1)]),
                 Sound(8000, [noise(taps, 2)]), block)  # fmt: skip

    dry, room = folder / "900-500.wav", folder / "900-500-room.wav"
    for block in (1, 3, 4096, 10**9):
        succeed(program, "--input", dry, "--impulse", room, "--block", block, "--output", folder / "again")
        for name in ("wet.wav", "streamed.wav", "impulse.wav", "spectrogram.png"):
            assert (folder / "again" / name).read_bytes() == (folder / "900-500" / name).read_bytes(), (block, name)

    # Louder than full scale: nothing is normalised, nothing clipped.
    convolve(program, folder, "loud", Sound(8000, [noise(50, 3, scale=1)]), Sound(8000, [[8.0, -16.0, 8.0]]))
    # A response that takes nearly all of the sound away: what is left must be right all the same.
    low = [0.9 * math.cos(2 * math.pi * 3 * n / 4000) for n in range(4000)]
    low = list(struct.unpack("<4000f", struct.pack("<4000f", *low)))
    convolve(program, folder, "cancelled", Sound(8000, [low]), Sound(8000, [[1.0, -2.0, 1.0]]))
    check_picture(program, folder)
    # Silence.
    summary = convolve(program, folder, "silent", Sound(8000, [[0.0] * 100]), Sound(8000, [noise(20, 4)]))
    assert summary["max_difference"] == 0, summary


def channels(program, folder):
    one, two, three = ([noise(300, seed) for seed in range(count)] for count in (1, 2, 3))
    rooms = {count: [noise(90, 10 + seed) for seed in range(count)] for count in (1, 2, 3)}
    for dry in (one, two, three):
        for count in {1, len(dry)}:
            convolve(program, folder, f"{len(dry)}x{count}", Sound(44100, dry), Sound(44100, rooms[count]))
    convolve(program, folder, "1x2", Sound(44100, one), Sound(44100, rooms[2]))
    convolve(program, folder, "1x3", Sound(44100, one), Sound(44100, rooms[3]), block=7)
    for dry, count in ((two, 3), (three, 2)):
        write_wav(folder / "dry.wav", Sound(44100, dry))
        write_wav(folder / "room.wav", Sound(44100, rooms[count]))
        fail(f"room.wav: expected 1 channel or the {len(dry)} of the input, found {count}", program, "--input",
             folder / "dry.wav", "--impulse", folder / "room.wav", "--output", folder / "none")  # fmt: skip
    assert not (folder / "none").exists()


def files(program, folder):
    """Formats, rates, and a sound that takes more than one transform."""
    for kind, rate in (("u8", 8000), ("i16", 11025), ("i24", 96000), ("i32", 22050), ("f64", 44100), ("f32", 1)):
        scale = 0.5 if kind == "u8" else 1
        dry = [[round(sample * 128) / 128 for sample in noise(60, seed, scale=0.9)] for seed in (1, 2)]
        convolve(program, folder, kind, Sound(rate, dry), Sound(rate, [[0.5 * scale, 0.25, 0.0, -0.125]]), kind=kind)

    # More than 2^20 samples. Three taps far from each other need no long loops.
    length, taps = 1_300_000, [0.0] * 30_000
    taps[0], taps[12_345], taps[29_999] = 1.0, -0.5, 0.25
    convolve(program, folder, "long", Sound(8000, [noise(length, 5)]), Sound(8000, [taps]), block=1000)


def energy(samples):
    return sum(sample * sample for sample in samples)


def check_room(room, rate):
    """The synthetic room against what is said of it."""
    assert room.length == 2 * rate, room.length
    for samples in room.channels:
        assert math.isclose(energy(samples), 1, rel_tol=1e-5), energy(samples)
        assert math.isclose(samples[0] ** 2, 0.25, rel_tol=1e-5), samples[0]
        assert all(sample == 0 for sample in samples[1 : rate // 100]), "expected a gap after the direct sound"
        tenth = rate // 10
        powers = [energy(samples[i * tenth + 1 : (i + 1) * tenth]) for i in range(20)]
        # 20 dB in the loss of the slowest octave (1.8 s for 60 dB), three times over; no less, whatever the noise.
        assert powers[6] < 0.02 * powers[0] and powers[12] < 0.02 * powers[6] and powers[18] < 0.1 * powers[12], powers
        # High frequencies go first: the power of differences falls faster.
        differences = [b - a for a, b in zip(samples[1:], samples[2:])]
        brightness = [energy(differences[i * tenth : (i + 1) * tenth - 1]) / powers[i] for i in range(20)]
        assert brightness[5] < 0.5 * brightness[0] and brightness[15] < 0.5 * brightness[5], brightness


def room(program, folder):
    rate = 8000
    write_wav(folder / "dry.wav", Sound(rate, [noise(40, 1), noise(40, 2)]))
    for seed in (0, 7, 2**64 - 1):
        output = folder / f"seed-{seed}"
        succeed(program, "--input", folder / "dry.wav", "--output", output, "--seed", seed)
        made = read_float_wav(output / "impulse.wav")
        check_room(made, rate)
        assert made.channels[0] != made.channels[1]
        check_run(output, Sound(rate, [noise(40, 1), noise(40, 2)]), made, 256)
    succeed(program, "--input", folder / "dry.wav", "--output", folder / "again", "--seed", 7)
    for name in ("wet.wav", "streamed.wav", "impulse.wav", "spectrogram.png"):
        same = (folder / "again" / name).read_bytes()
        assert same == (folder / "seed-7" / name).read_bytes(), name
        assert same != (folder / "seed-0" / name).read_bytes(), name
    # The default seed is 0, and a mono sound stays mono.
    write_wav(folder / "mono.wav", Sound(rate, [noise(40, 1)]))
    succeed(program, "--input", folder / "mono.wav", "--output", folder / "mono")
    mono = read_float_wav(folder / "mono" / "impulse.wav")
    assert mono.channels == read_float_wav(folder / "seed-0" / "impulse.wav").channels[:1]
    # Rates for which no octave or hardly one is left.
    for rate in (1, 100, 192000):
        write_wav(folder / "dry.wav", Sound(rate, [[0.5, 0.25]]))
        succeed(program, "--input", folder / "dry.wav", "--output", folder / f"rate-{rate}")
        made = read_float_wav(folder / f"rate-{rate}" / "impulse.wav")
        assert made.length == 2 * rate and math.isclose(energy(made.channels[0]), 1, rel_tol=1e-5), rate
    speech(program, folder)


def speech(program, folder):
    """Without arguments: the distribution's recordings, or what to install."""
    words = pathlib.Path("/usr/share/sounds/alsa/Front_Left.wav")
    if not words.exists():
        fail("Front_Left.wav: expected a recording of the package alsa-utils", program, "--output", folder / "speech")
        return
    text = succeed(program, "--output", folder / "speech")
    assert "real-time factor" in text and "8 recordings" in text, text
    summary = json.loads((folder / "speech" / "summary.json").read_text())
    assert summary["impulse_samples"] == 2 * summary["sample_rate"], summary
    assert 10 < summary["input_samples"] / summary["sample_rate"] < 30, summary
    assert summary["max_difference"] <= 1e-6 and summary["block"] == 256, summary
    wet = read_float_wav(folder / "speech" / "wet.wav")
    assert wet.length == summary["input_samples"] + summary["impulse_samples"] - 1, wet.length
    assert 0.05 < max(map(abs, wet.channels[0])) < 2, "expected a sound that is neither faint nor deafening"


def errors(program, folder):
    good, other, none = folder / "good.wav", folder / "other.wav", folder / "none"
    sound = Sound(8000, [noise(50, 1)])
    write_wav(good, sound)
    write_wav(other, Sound(8001, [noise(5, 2)]))
    bad = lambda expected, path, *more: [
        fail(expected, program, "--input", path, *more, "--output", none),
        fail(expected, program, "--input", good, "--impulse", path, *more, "--output", none),
    ]
    fail("other.wav: expected the rate of the input, 8000 samples per second, found 8001", program, "--input", good,
         "--impulse", other, "--output", none)  # fmt: skip

    # Files
    bad("absent.wav: cannot open it", folder / "absent.wav")
    bad("cannot read it", folder)
    (folder / "text.wav").write_text("no sound")
    bad("text.wav: expected a sound", folder / "text.wav")
    (folder / "nothing.wav").write_bytes(b"")
    bad("nothing.wav: expected a sound", folder / "nothing.wav")
    write_wav(folder / "empty.wav", Sound(8000, [[]]))
    bad("empty.wav: expected samples, found none", folder / "empty.wav")
    (folder / "cut.wav").write_bytes(wav_bytes(sound)[:-20])
    bad("cut.wav: expected a WAV of 244 bytes, found 224", folder / "cut.wav")
    (folder / "header.wav").write_bytes(wav_bytes(sound)[:30])
    bad("header.wav: ", folder / "header.wav")
    for value in (math.nan, math.inf, -math.inf):
        write_wav(folder / "value.wav", Sound(8000, [[0.0, 0.0, 0.0], [0.0, value, 0.0]]))
        bad(f"value.wav: expected finite samples, found {value} at sample 1 of channel 1", folder / "value.wav")
    hostile = bytearray(wav_bytes(sound))
    hostile[22:24] = b"\0\0"  # no channels
    (folder / "hostile.wav").write_bytes(hostile)
    bad("hostile.wav: expected a sound", folder / "hostile.wav")
    write_wav(folder / "huge.wav", Sound(8000, [[1e30]]))
    fail("expected a wet sound that 32-bit floats hold", program, "--input", folder / "huge.wav", "--impulse",
         folder / "huge.wav", "--output", none)  # fmt: skip
    write_wav(folder / "fast.wav", Sound(2**31 - 1, [[1.0, 0.5]]))
    fail("expected a rate of 1 to", program, "--input", folder / "fast.wav", "--output", none)
    fail("cannot make this folder", program, "--input", good, "--output", good)
    assert not none.exists()

    # A program that wrote to a pipe did not know its sizes: what is there is a sound.
    piped = bytearray(wav_bytes(sound))
    piped[4:8] = piped[40:44] = b"\xff\xff\xff\xff"
    (folder / "piped.wav").write_bytes(piped)
    succeed(program, "--input", folder / "piped.wav", "--impulse", good, "--output", folder / "piped")
    check_run(folder / "piped", sound, sound, 256)

    # The command line
    for words in (("--block", 0), ("--block", -3), ("--block", "x"), ("--block", 1.5), ("--seed", -1), ("--unknown", 1),
                  ("--input",), ("extra",)):  # fmt: skip
        fail("(--help shows the options)", program, *words)
    text = run(program, "--help").stdout
    for word in ("--input", "--impulse", "--output", "--block", "--seed", "alsa-utils"):
        assert word in text, text


def main():
    program, folder, case = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    {"contract": contract, "channels": channels, "files": files, "room": room, "errors": errors}[case](program, folder)


if __name__ == "__main__":
    main()
