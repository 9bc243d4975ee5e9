#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Measures tessera, the limits of the machine and the peers in one run, and writes the report.

    benchmarks/report/run.py --build build/release --output benchmark-report [--quick] [--only REGEX]

Ours and the peers' take turns on every shape, in several rounds on the same data, one thread unless a column says
otherwise; the best round of each counts. Writes report.json, report.md and, where gnuplot is installed, plots.
The peers' environment is made by benchmarks/peers/setup; a peer that is missing is reported as missing.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

import compile_time
import goals
import machine
import plots
import tables
from measure import Peers, Programs, say
from sections import SECTIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build/release", help="a build folder with the benchmarks in it")
    parser.add_argument("--output", default="benchmark-report", help="where the report is written")
    parser.add_argument("--peers", default=ROOT / "build/peers", help="the peers' environment")
    parser.add_argument("--rounds", type=int, help="turns of each contender (default 3, or 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="one short turn each: a look, not a measurement")
    parser.add_argument("--only", default="", help="only the benchmarks whose name matches")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.seconds = 0.05 if arguments.quick else 0.2  # of one contender's turn
    return arguments


def write_data(programs, folder):
    folder.mkdir(parents=True, exist_ok=True)
    say("writing the data")
    subprocess.run([programs.path("benchmark_data"), folder], check=True)


def measure_roofs(programs, seconds, roofs):
    """Keeps the best rate of each limit: a limit is what the machine can do."""
    for name, found in programs.run("roof_benchmark", programs.names("roof_benchmark"), seconds).items():
        amount = found.get("flops") or found.get("bytes")
        roofs[name] = max(roofs.get(name, 0), amount / found["seconds"])


def contenders(section, shape):
    """(label, program, benchmark) of everything of ours that runs for a row."""
    yield "tessera", section.program, f"{section.kind}/{shape}"
    if section.eigen:
        yield "eigen", section.program, f"{section.kind}_eigen/{shape}"
    for suffix, _ in section.variants:
        yield suffix, section.program, f"{section.kind}{suffix}/{shape}"
    if section.share_of:
        yield "share_of", section.program, f"{section.share_of}/{shape}"
    for suffix, _ in section.builds:
        yield suffix, f"{section.program}{suffix}", f"{section.kind}/{shape}"
    for program, suffix, _ in section.programs:
        yield suffix, program, f"{section.kind}{suffix}/{shape}"


def turn_of_ours(programs, section, shape, seconds, row):
    by_program = {}
    for label, program, name in contenders(section, shape):
        by_program.setdefault(program, []).append((label, name))
    for program, entries in by_program.items():
        found = programs.run(program, [name for _, name in entries], seconds)
        for label, name in entries:
            if name in found:
                row["times"].setdefault(label, []).append(found[name]["seconds"])
                if label == "tessera":
                    row["work"] = {key: value for key, value in found[name].items() if key != "seconds"}


def turn_of_peers(peers, section, shape, seconds, row):
    for peer, kind, _ in section.peers:
        label = f"{peer} {kind}"
        if label in row["missing"]:
            continue
        found = peers.run(peer, f"{kind}/{shape}", seconds)
        if "missing" in found:
            row["missing"][label] = found["missing"]
            continue
        row["times"].setdefault(label, []).append(found["seconds"])
        if "agreement" in found:
            row["agreement"][label] = found["agreement"]


def measure_section(section, arguments, programs, peers):
    names = [name for name in programs.names(section.program) if name.startswith(section.kind + "/")]
    result = []
    for name in names:
        if not re.search(arguments.only, name):
            continue
        shape = name.removeprefix(section.kind + "/")
        row = {"name": name, "shape": shape, "times": {}, "work": {}, "missing": {}, "agreement": {}}
        for _ in range(arguments.rounds):
            turn_of_ours(programs, section, shape, arguments.seconds, row)
            turn_of_peers(peers, section, shape, arguments.seconds, row)
        row["best"] = {label: min(times) for label, times in row["times"].items()}
        say(f"  {name}: {tables.duration(row['best']['tessera'])}")
        result.append(row)
    return result


def measure_memory(programs, only):
    """Peak memory of searches that differ in the number of queries alone: what grows with N x K would show."""
    names = [name for name in programs.names("quantize_benchmark") if name.startswith("nearest_memory/")]
    runs = {name: programs.run("quantize_benchmark", [name], 0.05) for name in names if re.search(only, name)}
    return {name: run[name].get("peak_memory") for name, run in runs.items()}  # each in a process of its own


def main():
    arguments = parse_arguments()
    started = time.time()
    output = pathlib.Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    programs = Programs(arguments.build)
    if not programs.names("roof_benchmark"):
        sys.exit(f"run.py: expected the benchmark programs in {programs.folder}, found none; build them first "
                 "(they need Google Benchmark, in Debian and Ubuntu: libbenchmark-dev)")
    data = programs.folder / "data"
    write_data(programs, data)
    peers = Peers(pathlib.Path(arguments.peers) / "bin/python", ROOT / "benchmarks/peers", data)
    roofs = {}
    say("the limits of the machine")
    measure_roofs(programs, arguments.seconds, roofs)
    sections = []
    for section in SECTIONS:
        say(section.title)
        rows = measure_section(section, arguments, programs, peers)
        if rows:
            sections.append((section, rows))
    peers.close()
    measure_roofs(programs, arguments.seconds, roofs)
    report = {
        "machine": machine.describe(programs.context),
        "rounds": arguments.rounds,
        "quick": arguments.quick,
        "roofs": roofs,
        "peers": {name: {key: found[key] for key in ("version", "missing")} for name, found in peers.found.items()},
        "sections": {section.kind: {"title": section.title, "rows": rows} for section, rows in sections},
        "peak_memory": measure_memory(programs, arguments.only),
        "compile_seconds": {} if arguments.only else compile_time.measure(ROOT, 2 if arguments.quick else 5),
        "seconds": 0,
    }
    report["goals"] = goals.judge(report)
    report["seconds"] = round(time.time() - started)
    (output / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    pictures = plots.draw(report, output)
    (output / "report.md").write_text(tables.render(report, sections, pictures))
    say(f"the report: {output / 'report.md'}")


if __name__ == "__main__":
    main()
