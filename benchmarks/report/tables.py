# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""The report as Markdown."""

import limits
from compile_time import EIGEN


def duration(seconds):
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def table(head, lines):
    text = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(text + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def times(row, label):
    """How many times as long as tessera a contender takes."""
    if label in row["best"]:
        return f"{row['best'][label] / row['best']['tessera']:.2f}x"
    return "missing" if label in row["missing"] else "-"


def speed_up(row, label):
    return f"{row['best']['tessera'] / row['best'][label]:.2f}x" if label in row["best"] else "-"


def columns(section, roofs):
    """(head, function of a row) of each column of a section."""
    yield section.shape, lambda row: row["shape"].replace("/", " / ")
    yield "tessera", lambda row: duration(row["best"]["tessera"])
    if section.per:
        yield f"per {section.per}", lambda row: duration(row["best"]["tessera"] / row["work"]["items"])
    if section.limit:
        unit = "GFLOP/s" if section.limit == "flops" else "GB/s"
        yield unit, lambda row: f"{(limits.rate(section.limit, row) or 0) / 1e9:.1f}"
        yield "of the limit", lambda row: f"{100 * (limits.share(roofs, section.limit, row) or 0):.0f} %"
    if section.eigen:
        yield "Eigen", lambda row: times(row, "eigen")
    for _, suffix, head in section.programs:
        yield head, lambda row, suffix=suffix: times(row, suffix)
    for peer, kind, head in section.peers:
        label = f"{peer} {kind}"
        yield head, lambda row, label=label: times(row, label)
    for suffix, head in section.variants:
        if suffix == "_threads":
            yield f"{head}, speed-up", lambda row, suffix=suffix: speed_up(row, suffix)
        else:
            yield head, lambda row, suffix=suffix: times(row, suffix)
    if section.share_of:
        yield ("share of the search" if section.share_of == "nearest" else "share of the forward pass"), lambda row: (
            f"{100 * row['best']['tessera'] / row['best']['share_of']:.1f} %" if "share_of" in row["best"] else "-")
    for suffix, head in section.builds:
        yield head, lambda row, suffix=suffix: times(row, suffix)


def render_section(section, rows, roofs):
    found = list(columns(section, roofs))
    text = [f"## {section.title}\n", section.note + "\n" if section.note else ""]
    text.append(table([head for head, _ in found], [[cell(row) for _, cell in found] for row in rows]))
    equal = {}
    for row in rows:
        for label, value in row["agreement"].items():
            equal[label] = min(equal.get(label, 1.0), value)
    if equal:
        shares = ", ".join(f"{label.split()[0]} {100 * value:.4f} %" for label, value in equal.items())
        text.append(f"Tokens equal to tessera's, worst row: {shares}.\n")
    missing = {label: reason for row in rows for label, reason in row["missing"].items()}
    for label, reason in missing.items():
        text.append(f"Missing: {label} ({reason}).\n")
    return "\n".join(part for part in text if part)


def render_machine(report):
    machine = report["machine"]
    load = machine["load"][0] if machine["load"] else 0
    lines = [
        f"- Processor: {machine['processor']}, {machine['processors']} processors; {'; '.join(machine['caches'])}",
        f"- Instruction set: {machine['instruction_set']}; without -march: {machine['baseline_instruction_set']}",
        f"- System: {machine['system']}; {machine['compiler']}",
        f"- {machine['date']}, {report['seconds']} s, best of {report['rounds']} rounds; load at the start {load:.1f}",
    ]
    for name, peer in report["peers"].items():
        lines.append(f"- {name}: {peer['version'] or 'missing: ' + peer['missing']}")
    return "\n".join(lines) + "\n"


def render_roofs(roofs):
    lines = []
    for name, rate in roofs.items():
        unit = "GFLOP/s" if name.startswith("fma/") else "GB/s"
        lines.append([name, f"{rate / 1e9:.1f} {unit}"])
    return table(["limit", "one thread"], lines)


def render_goals(goals):
    verdict = {True: "yes", False: "NO", None: "-"}
    lines = [[goal["goal"], goal["measured"], verdict[goal["met"]]] for goal in goals]
    return table(["goal", "measured", "reached"], lines)


def render_compile(times_by_header):
    base = times_by_header.get(EIGEN, 0)
    return table(["header", "seconds at -O2", "more than Eigen/Core"],
                 [[header, f"{time:.2f}", f"{time - base:+.2f}"] for header, time in times_by_header.items()])


def render(report, sections, pictures):
    text = ["# tessera: benchmark report\n"]
    if report["quick"]:
        text.append("A quick look: one short turn each. Run without --quick for figures to rely on.\n")
    text.append(render_machine(report))
    text.append("Columns named after a peer or a variant say how many times as long it takes as tessera in the first "
                "column: more than 1 means tessera is faster. One thread unless the column says otherwise.\n")
    text += ["## Goals\n", render_goals(report["goals"]), "## Limits of this machine\n", render_roofs(report["roofs"])]
    text += [f"![{name}]({name})\n" for name in pictures]
    text += [render_section(section, rows, report["roofs"]) for section, rows in sections]
    if report["peak_memory"]:
        text += ["## Memory\n", table(["search: codes/dimension/queries", "peak of the program"],
                                      [[name.removeprefix("nearest_memory/"), f"{(peak or 0) / 2**20:.1f} MiB"]
                                       for name, peak in report["peak_memory"].items()])]
    if report["compile_seconds"]:
        text += ["## Compile time\n", render_compile(report["compile_seconds"])]
    return "\n".join(text)
