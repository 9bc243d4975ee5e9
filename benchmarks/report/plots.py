# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Pictures of the report, by gnuplot where it is installed."""

import shutil
import subprocess

from measure import say
from sections import SECTIONS

PLOTS = {kind: f"{kind}.png" for kind in ("nearest", "fsq_encode", "causal", "fourier", "real_fourier")}


def contenders(section):
    yield "tessera", "tessera"
    if section.eigen:
        yield "eigen", "Eigen"
    for _, suffix, head in section.programs:
        yield suffix, head
    for peer, kind, head in section.peers:
        yield f"{peer} {kind}", head


def script(section, rows, picture):
    """Bars per shape: how many times as long as tessera each contender takes."""
    found = [(label, head) for label, head in contenders(section) if any(label in row["best"] for row in rows)]
    lines = []
    for row in rows:
        cells = [f"{row['best'][label] / row['best']['tessera']:.4g}" if label in row["best"] else "?"
                 for label, _ in found]
        lines.append(" ".join([f'"{row["shape"]}"', *cells]))
    bars = []
    for column, (_, head) in enumerate(found, start=2):
        names = ":xtic(1)" if column == 2 else ""
        bars.append(f'$data using {column}{names} title "{head}"')
    return "\n".join([
        'set terminal pngcairo size 1100,520 font "sans,11"',
        f'set output "{picture}"',
        f'set title "{section.title}: time, tessera = 1"',
        "set style data histogram",
        "set style fill solid 0.85",
        "set logscale y",
        "set grid ytics",
        "set yrange [0.5:*]",
        "set xtics rotate by -30",
        f'set xlabel "{section.shape}"',
        "set key outside top",
        'set datafile missing "?"',
        "$data << end", *lines, "end",
        "plot " + ", ".join(bars) + ", 1 notitle lc rgb 'black'",
        ""])


def draw(report, output):
    """The names of the pictures written."""
    if shutil.which("gnuplot") is None:
        say("no plots: gnuplot is not installed (Debian, Ubuntu: gnuplot-nox)")
        return []
    drawn = []
    for section in SECTIONS:
        rows = report["sections"].get(section.kind, {}).get("rows")
        if section.kind not in PLOTS or not rows:
            continue
        done = subprocess.run(["gnuplot"], input=script(section, rows, output / PLOTS[section.kind]), text=True,
                              capture_output=True, check=False)
        if done.returncode == 0:
            drawn.append(PLOTS[section.kind])
        else:
            say(f"no plot of {section.kind}: {done.stderr.strip().splitlines()[-1:]}")
    return drawn
