# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Runs tessera's benchmark programs and the peers, one case at a time."""

import json
import pathlib
import re
import subprocess
import sys

import sections

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


class Programs:
    """The benchmark programs of a build folder (Google Benchmark)."""

    def __init__(self, build):
        self.folder = pathlib.Path(build) / "benchmarks"
        self.context = {}
        self._names = {}

    def path(self, program):
        return self.folder / program

    def names(self, program):
        """The benchmarks of a program, without what Google Benchmark appends; empty if it is not built."""
        if program not in self._names:
            self._names[program] = []
            if self.path(program).exists():
                listed = subprocess.run([self.path(program), "--benchmark_list_tests"], check=True,
                                        capture_output=True, text=True)
                self._names[program] = [plain(line) for line in listed.stdout.split()]
        return self._names[program]

    def run(self, program, names, seconds):
        """{name: {"seconds", counter: rate...}} of the named benchmarks."""
        wanted = [name for name in names if name in self.names(program)]
        if not wanted:
            return {}
        choice = "|".join(re.escape(name).replace("\\-", "-") for name in wanted)
        command = [self.path(program), f"--benchmark_filter=^({choice})(/real_time|/manual_time|/iterations:1)*$",
                   f"--benchmark_min_time={seconds}", "--benchmark_format=json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        report = json.loads(done.stdout)
        self.context[program] = report["context"]
        return {plain(entry["name"]): figures(entry) for entry in report["benchmarks"]}


def plain(name):
    return re.sub(r"(/real_time|/manual_time|/iterations:\d+)+$", "", name)


def figures(entry):
    """The time of one iteration, and the amounts of work in it (Google Benchmark gives their rates)."""
    unit = UNITS[entry["time_unit"]]
    result = {"seconds": entry["real_time"] * unit}
    for counter in ("flops", "bytes", "items"):
        if counter in entry:
            clock = "real_time" if entry["name"].endswith(("/real_time", "/manual_time")) else "cpu_time"
            result[counter] = entry[counter] * entry[clock] * unit
    if "peak_memory" in entry:
        result["peak_memory"] = entry["peak_memory"]
    return result


class Peers:
    """The Python process in which the peers run; says of each peer that is not there why it is missing."""

    def __init__(self, python, folder, data):
        self.process = None
        self.found = {}
        script = pathlib.Path(folder) / "run.py"
        if not pathlib.Path(python).exists():
            reason = f"no environment at {python}; benchmarks/peers/setup makes it"
            self.found = {name: {"version": None, "missing": reason, "cases": []}
                          for name in sections.PEERS}
            return
        command = [str(python), str(script), "--data", str(data)]
        listed = subprocess.run(command + ["--list"], check=True, capture_output=True, text=True)
        self.found = json.loads(listed.stdout)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def run(self, peer, name, seconds):
        """{"seconds": ...} or {"missing": why}."""
        known = self.found[peer]
        if known["missing"]:
            return {"missing": known["missing"]}
        if self.process is None or self.process.poll() is not None:
            return {"missing": "the peers' process has ended"}
        print(json.dumps({"case": f"{peer} {name}", "seconds": seconds}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"missing": "the peers' process has ended"}

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def say(text):
    print(text, file=sys.stderr, flush=True)
