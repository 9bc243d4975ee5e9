#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Checks the rules of the house that need no compiler.

    check_layout.py RULE...           the rules named, or all of them
    check_layout.py --fix umbrella    rewrites tessera.hpp
    check_layout.py --fix snippets    copies the snippets into the pages that show them

Prints one line per violation, as file:line: what is wrong, and exits with 1 if there are any.
"""

import argparse
import pathlib
import re
import sys

# The rooms each room may include, besides itself and core. A room not named here may include core alone.
ARROWS = {
    "core": set(),
    "fft": set(),
    "estimators": set(),
    "simplex": set(),
    "io": set(),
    "text": {"io"},
    "nn": {"simplex", "io"},
    "quantize": {"estimators", "nn", "io"},
    "ssm": {"fft", "nn", "io"},
    "mcmc": {"fft", "io", "text"},
    "sequence": {"nn", "simplex", "text", "quantize", "ssm", "fft", "mcmc"},
}

# What the headers may include from outside the standard library and tessera, and which headers or rooms alone may.
OUTSIDE = {
    "Eigen/Core": None,
    "fmt/core.h": None,
    "Eigen/Eigenvalues": {"ssm/"},
    "Eigen/LU": {"ssm/"},
    "Eigen/QR": {"ssm/"},
    "Eigen/SVD": {"ssm/"},
    "unsupported/Eigen/MatrixFunctions": {"ssm/"},
    "unsupported/Eigen/CXX11/Tensor": {"core/tensor.hpp"},
    "unsupported/Eigen/CXX11/ThreadPool": {"core/eigen_executor.hpp"},
}

# Standard headers that cost every user too much compile time, or whose results differ between vendors.
UNWANTED = {"iostream", "regex", "random", "functional", "format"}

# Headers that tessera.hpp leaves out, because they need more than Eigen/Core and fmt.
OPTIONAL = {"core/eigen_executor.hpp"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LICENCE = ["// SPDX-License-Identifier: MIT", "// Copyright (c) 2026 the tessera authors"]
MARKS = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
MAX_HEADER_LINES = 600
MAX_COLUMNS = 120

# In a page, a comment before a block of C++ names the file that the block shows; `// [show]` and `// [end]` in that
# file enclose the part shown (without them: all but the licence lines).
SNIPPET = re.compile(r"<!-- shows: (\S+) -->\n```cpp\n(.*?)```", re.S)
CPP_BLOCK = re.compile(r"^```(?:cpp|c\+\+)\s*$", re.M)


class Layout:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.include = self.root / "include" / "tessera"
        self.violations = []

    def report(self, path, line, text):
        self.violations.append(f"{path.relative_to(self.root)}:{line}: {text}")

    def headers(self):
        return sorted(path for path in self.include.rglob("*.hpp") if path.name != "tessera.hpp")

    def public_headers(self):
        return [path for path in self.headers() if "detail" not in path.relative_to(self.include).parts[:-1]]

    def sources(self):
        """Every file a reader may open."""
        folders = ["include", "tests", "examples", "benchmarks", "scripts", "cmake", "docs", ".ci"]
        suffixes = {".hpp", ".cpp", ".py", ".sh", ".md", ".cmake", ".txt", ".in", ""}
        for folder in folders:
            for path in sorted((self.root / folder).rglob("*")):
                if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                    yield path
        yield from sorted(self.root.glob("*.md"))
        yield self.root / "CMakeLists.txt"

    def includes(self, path):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match[1], match[2]

    # ---- the rules ----

    def arrows(self):
        """Rooms include only the rooms below them, nobody's detail but their own, and little from outside."""
        for path in self.headers():
            name = path.relative_to(self.include)
            if len(name.parts) == 1:
                self.report(path, 1, "expected every header but tessera.hpp in a room")
                continue
            room = name.parts[0]
            if room not in ARROWS:
                self.report(path, 1, f"unknown room {room}: its arrows are to be written into ARROWS")
                continue
            for number, bracket, included in self.includes(path):
                self.check_include(path, name, room, number, bracket, included)

    def check_include(self, path, name, room, number, bracket, included):
        if bracket == '"':
            self.report(path, number, f'expected <tessera/...>, found "{included}"')
        elif included.startswith("tessera/"):
            target = pathlib.PurePosixPath(included).parts[1:]
            if not self.include.joinpath(*target).is_file():
                self.report(path, number, f"includes <{included}>, which does not exist")
            elif target[0] not in ARROWS[room] | {room, "core"}:
                self.report(path, number, f"room {room} must not include room {target[0]} (<{included}>)")
            elif "detail" in target[:-1] and target[0] != room:
                self.report(path, number, f"<{included}> belongs to room {target[0]} alone")
        elif "/" in included or included.endswith(".h"):
            allowed = OUTSIDE.get(included, set())
            known = allowed is None or str(name) in allowed or f"{room}/" in allowed
            if not known and not included.endswith("intrin.h"):
                self.report(path, number, f"<{included}> is not for this header")
        elif included in UNWANTED:
            self.report(path, number, f"<{included}> is not for headers")

    def umbrella_text(self):
        rooms = {}
        for path in self.public_headers():
            name = path.relative_to(self.include)
            if str(name) not in OPTIONAL:
                rooms.setdefault(name.parts[0], []).append(str(name))
        lines = [*LICENCE, "#pragma once", ""]
        lines += ["// Everything, for convenience. A program that minds its compile time includes what it uses."]
        for room in sorted(rooms, key=list(ARROWS).index):
            lines += [""] + [f"#include <tessera/{name}>" for name in rooms[room]]
        return "\n".join(lines) + "\n"

    def umbrella(self, fix=False):
        """tessera.hpp includes every public header."""
        path = self.include / "tessera.hpp"
        if fix:
            path.write_text(self.umbrella_text())
        elif not path.is_file() or path.read_text() != self.umbrella_text():
            self.report(path, 1, "not up to date; tests/layout/check_layout.py --fix umbrella rewrites it")

    def tests(self):
        """Every public header that holds code has its test file, and every test file of a room its header."""
        for path in self.public_headers():
            name = path.relative_to(self.include)
            test = self.root / "tests" / name.parent / f"{name.stem}_test.cpp"
            if not test.is_file():
                self.report(path, 1, f"expected its tests in {test.relative_to(self.root)}")

    def marks(self):
        """Nothing is left for later in the sources."""
        for path in self.sources():
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if MARKS.search(line):
                    self.report(path, number, f"unfinished: {line.strip()}")

    def headers_rule(self):
        """Headers begin alike, and stay readable."""
        for path in [*self.headers(), self.include / "tessera.hpp"]:
            lines = path.read_text().splitlines()
            if lines[:3] != [*LICENCE, "#pragma once"]:
                self.report(path, 1, "expected the two licence lines and #pragma once")
            if len(lines) > 4 and not lines[4].startswith("//") and path.name != "tessera.hpp":
                self.report(path, 5, "expected a paragraph saying what the header computes")
            if len(lines) > MAX_HEADER_LINES:
                self.report(path, 1, f"expected at most {MAX_HEADER_LINES} lines, found {len(lines)}")
        for path in self.sources():
            if path.suffix in {".hpp", ".cpp"}:
                self.check_lines(path)

    def check_lines(self, path):
        lines = path.read_text().splitlines()
        if lines[:2] != LICENCE:
            self.report(path, 1, "expected the two licence lines")
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS:
                self.report(path, number, f"expected at most {MAX_COLUMNS} columns, found {len(line)}")
            if line != line.rstrip() or "\t" in line:
                self.report(path, number, "tab, or space at the end of the line")

    def pages(self):
        return [*sorted(self.root.glob("*.md")), *sorted((self.root / "docs").rglob("*.md"))]

    def snippet_text(self, source):
        text = source.read_text()
        shown = re.search(r"^[ \t]*// \[show\]\n(.*?)^[ \t]*// \[end\]$", text, re.S | re.M)
        text = shown[1] if shown else "\n".join(text.splitlines()[2:])
        lines = [line.rstrip() for line in text.strip("\n").splitlines()]
        indent = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
        return "".join(line[indent:] + "\n" for line in lines)

    def snippets(self, fix=False):
        """Every block of C++ in a page shows a file that the tests compile, letter by letter."""
        for path in self.pages():
            text = path.read_text()
            if fix:
                path.write_text(SNIPPET.sub(self.replace_snippet, text))
                continue
            shown = {match.start(2) for match in SNIPPET.finditer(text)}
            for match in CPP_BLOCK.finditer(text):
                if match.end() + 1 not in shown:
                    line = text.count("\n", 0, match.start()) + 1
                    self.report(path, line, "expected `<!-- shows: FILE -->` right before a block of C++")
            for match in SNIPPET.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                source = self.root / match[1]
                if not re.match(r"(tests/snippets|examples)/", match[1]) or not source.is_file():
                    self.report(path, line, f"expected a file of tests/snippets/ or examples/, found {match[1]}")
                elif match[2] != self.snippet_text(source):
                    self.report(path, line, f"differs from {match[1]}; check_layout.py --fix snippets copies it")

    def replace_snippet(self, match):
        source = self.root / match[1]
        text = self.snippet_text(source) if source.is_file() else match[2]
        return f"<!-- shows: {match[1]} -->\n```cpp\n{text}```"

    def version(self):
        """The header's version is one, and the newest in the changelog (CMake reads the header)."""
        path = self.include / "core" / "version.hpp"
        text = path.read_text()
        numbers = [re.search(rf"TESSERA_VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
        version = ".".join(match[1] for match in numbers if match)
        if f'version = "{version}"' not in text:
            self.report(path, 1, f"expected the text of the version to be {version}")
        changelog = self.root / "CHANGELOG.md"
        newest = re.search(r"^## (\S+)", changelog.read_text(), re.M)
        if newest is None or newest[1] != version:
            self.report(changelog, 1, f"expected the newest entry to be {version}")


RULES = {
    "arrows": Layout.arrows,
    "umbrella": Layout.umbrella,
    "tests": Layout.tests,
    "marks": Layout.marks,
    "headers": Layout.headers_rule,
    "snippets": Layout.snippets,
    "version": Layout.version,
}
FIXES = {"umbrella": Layout.umbrella, "snippets": Layout.snippets}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rules", nargs="*", metavar="RULE", help=", ".join(RULES))
    parser.add_argument("--fix", action="store_true", help="put it right instead: " + ", ".join(FIXES))
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    arguments = parser.parse_args()
    known = FIXES if arguments.fix else RULES
    unknown = [rule for rule in arguments.rules if rule not in known]
    if unknown:
        parser.error(f"expected a rule of {', '.join(known)}, found {unknown[0]}")
    layout = Layout(arguments.root)
    for rule in arguments.rules or known:
        known[rule](layout, fix=True) if arguments.fix else known[rule](layout)
    print("\n".join(layout.violations) or "nothing to report")
    return 1 if layout.violations else 0


if __name__ == "__main__":
    sys.exit(main())
