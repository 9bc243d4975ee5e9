# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Small PNGs written and read with nothing but the standard library: the tests' own idea of a picture."""

import struct
import zlib


class Picture:
    """Rows of bytes, three per pixel."""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows


def drawn(width, height, shift=0):
    """Smooth colours, a few edges and some texture, the same every time."""
    rows = []
    state = 12345 + shift
    for y in range(height):
        row = bytearray()
        for x in range(width):
            state = (state * 1103515245 + 12345) % 2**31
            noise = (state >> 16) % 16
            inside = (x - 40 - shift) ** 2 + (y - 30) ** 2 < 400
            row += bytes((60 + 120 * inside + noise, (2 * x + shift) % 200 + noise, (3 * y) % 180 + noise))
        rows.append(bytes(row))
    return Picture(width, height, rows)


def write_png(path, picture):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in picture.rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def paeth(a, b, c):
    """The predictor of the PNG specification, section 9.4."""
    p = a + b - c
    distances = (abs(p - a), abs(p - b), abs(p - c))
    return (a, b, c)[distances.index(min(distances))]


def unfilter(kind, line, above):
    """Undoes one of the five filters of the PNG specification, section 9.2."""
    row = bytearray()
    for i, byte in enumerate(line):
        a = row[i - 3] if i >= 3 else 0
        b = above[i]
        c = above[i - 3] if i >= 3 else 0
        row.append((byte + (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) % 256)
    return bytes(row)


def read_png(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    place, packed = 8, b""
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", body[:10])
            assert (depth, colours) == (8, 2), (depth, colours)
        if kind == b"IDAT":
            packed += body
        place += 12 + size
    plain = zlib.decompress(packed)
    stride = 3 * width + 1
    rows, above = [], bytes(3 * width)
    for y in range(height):
        line = plain[y * stride : (y + 1) * stride]
        above = unfilter(line[0], line[1:], above)
        rows.append(above)
    return Picture(width, height, rows)


def mean_squared_error(a, b):
    assert (a.width, a.height) == (b.width, b.height), "expected pictures of one size"
    total = sum((p - q) ** 2 for row, other in zip(a.rows, b.rows) for p, q in zip(row, other))
    return total / (3 * a.width * a.height)
