# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""WAV files written and read with nothing but the standard library: the tests' own idea of a sound."""

import array
import struct
import sys


class Sound:
    """A list of samples for each channel."""

    def __init__(self, rate, channels):
        self.rate, self.channels = rate, channels

    @property
    def length(self):
        return len(self.channels[0])


def noise(length, seed, scale=0.5):
    """White, exact as 16-bit numbers, the same every time."""
    samples, state = [], 7919 * seed + 12345
    for _ in range(length):
        state = (state * 1103515245 + 12345) % 2**31
        samples.append(scale * ((state >> 8) % 4096 - 2048) / 2048)
    return samples


def encode(sample, kind):
    """The bytes of one sample: u8, i16, i24, i32, f32 or f64."""
    if kind == "u8":
        return struct.pack("<B", round(sample * 128) + 128)
    if kind == "i16":
        return struct.pack("<h", round(sample * 2**15))
    if kind == "i24":
        return struct.pack("<i", round(sample * 2**23))[:3]
    if kind == "i32":
        return struct.pack("<i", round(sample * 2**31))
    return struct.pack("<f" if kind == "f32" else "<d", sample)


def wav_bytes(sound, kind="f32"):
    size = {"u8": 1, "i16": 2, "i24": 3, "i32": 4, "f32": 4, "f64": 8}[kind]
    tag, count = (3 if kind[0] == "f" else 1), len(sound.channels)
    if kind == "f32":
        frames = array.array("f", bytes(4 * count * sound.length))
        for c, samples in enumerate(sound.channels):
            frames[c::count] = array.array("f", samples)
        if sys.byteorder == "big":
            frames.byteswap()
        data = frames.tobytes()
    else:
        data = b"".join(encode(sample, kind) for frame in zip(*sound.channels) for sample in frame)
    padding = b"\0" * (len(data) % 2)
    header = struct.pack("<HHIIHH", tag, count, sound.rate, sound.rate * count * size % 2**32, count * size, 8 * size)
    body = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", len(data)) + data + padding
    return b"RIFF" + struct.pack("<I", len(body)) + body


def write_wav(path, sound, kind="f32"):
    path.write_bytes(wav_bytes(sound, kind))


def read_float_wav(path):
    """Expects a WAV of 32-bit floats whose sizes are right."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE", path
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8, path
    place, chunks = 12, {}
    while place < len(data):
        name, size = struct.unpack("<4sI", data[place : place + 8])
        chunks[name] = data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    tag, count, rate, bytes_per_second, frame, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    assert (tag, frame, bits) == (3, 4 * count, 32) and bytes_per_second == rate * frame, (path, tag, frame, bits)
    frames = array.array("f", chunks[b"data"])
    if sys.byteorder == "big":
        frames.byteswap()
    assert len(frames) % count == 0, path
    return Sound(rate, [frames[c::count] for c in range(count)])
