#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the tessera authors
"""Each rule of check_layout.py reports the violation it is for, and nothing in a tree that keeps the rules."""

import pathlib
import tempfile
import unittest

from check_layout import LICENCE, Layout

HEADER = "\n".join([*LICENCE, "#pragma once", "", "// A header.", ""])
VERSION = HEADER + "".join(f"#define TESSERA_VERSION_{part} {n}\n" for part, n in
                           [("MAJOR", 1), ("MINOR", 2), ("PATCH", 3)]) + 'version = "1.2.3";\n'


class LayoutTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("include/tessera/core/version.hpp", VERSION)
        self.write("include/tessera/io/file.hpp", HEADER + "#include <vector>\n#include <tessera/core/version.hpp>\n")
        self.write("include/tessera/nn/linear.hpp", HEADER + "#include <tessera/io/file.hpp>\n")
        for test in ("core/version", "io/file", "nn/linear"):
            self.write(f"tests/{test}_test.cpp", "\n".join(LICENCE) + "\n")
        self.write("tests/snippets/first.cpp", "\n".join(LICENCE) + "\n\n// [show]\n  int x;\n\n  int y;\n// [end]\n")
        self.write("README.md", "<!-- shows: tests/snippets/first.cpp -->\n```cpp\nint x;\n\nint y;\n```\n")
        self.write("CHANGELOG.md", "# Changes\n\n## 1.2.3\n")
        self.write("CMakeLists.txt", "")
        Layout(self.root).umbrella(fix=True)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def violations(self, rule):
        layout = Layout(self.root)
        rule(layout)
        return layout.violations

    def expect(self, rule, text):
        found = self.violations(rule)
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_a_tree_that_keeps_the_rules_gives_no_violations(self):
        for rule in (Layout.arrows, Layout.umbrella, Layout.tests, Layout.marks, Layout.headers_rule, Layout.snippets,
                     Layout.version):
            self.assertEqual(self.violations(rule), [])

    def test_a_room_includes_only_rooms_below_it(self):
        self.write("include/tessera/io/file.hpp", HEADER + "#include <tessera/nn/linear.hpp>\n")
        self.expect(Layout.arrows, "room io must not include room nn")

    def test_a_room_keeps_its_details(self):
        self.write("include/tessera/io/detail/bits.hpp", HEADER)
        self.write("include/tessera/nn/linear.hpp", HEADER + "#include <tessera/io/detail/bits.hpp>\n")
        self.expect(Layout.arrows, "belongs to room io alone")

    def test_a_room_must_be_known(self):
        self.write("include/tessera/cellar/wine.hpp", HEADER)
        self.expect(Layout.arrows, "unknown room cellar")

    def test_little_is_included_from_outside(self):
        for name in ("Eigen/Dense", "unsupported/Eigen/CXX11/Tensor", "zlib.h", "random"):
            self.write("include/tessera/io/file.hpp", HEADER + f"#include <{name}>\n")
            self.expect(Layout.arrows, "is not for")

    def test_the_umbrella_names_every_header_once(self):
        self.write("include/tessera/io/csv.hpp", HEADER)
        self.expect(Layout.umbrella, "not up to date")

    def test_every_header_has_its_tests(self):
        self.write("include/tessera/io/csv.hpp", HEADER)
        self.expect(Layout.tests, "expected its tests in tests/io/csv_test.cpp")

    def test_nothing_is_left_for_later(self):
        self.write("tests/io/file_test.cpp", "// TO" + "DO: more\n")
        self.expect(Layout.marks, "unfinished")

    def test_headers_begin_alike(self):
        self.write("include/tessera/io/file.hpp", "\n".join(LICENCE) + "\n\n// A header.\n")
        self.expect(Layout.headers_rule, "#pragma once")

    def test_lines_are_not_too_long(self):
        self.write("tests/io/file_test.cpp", "\n".join([*LICENCE, "// " + "x" * 120]) + "\n")
        self.expect(Layout.headers_rule, "columns")

    def test_a_page_shows_what_is_compiled(self):
        self.write("README.md", "<!-- shows: tests/snippets/first.cpp -->\n```cpp\nint z;\n```\n")
        self.expect(Layout.snippets, "differs from tests/snippets/first.cpp")
        Layout(self.root).snippets(fix=True)
        self.assertEqual(self.violations(Layout.snippets), [])

    def test_a_page_shows_nothing_else(self):
        self.write("README.md", "```cpp\nint z;\n```\n")
        self.expect(Layout.snippets, "right before a block")

    def test_versions_agree(self):
        self.write("CHANGELOG.md", "# Changes\n\n## 1.2.2\n")
        self.expect(Layout.version, "expected the newest entry to be 1.2.3")


if __name__ == "__main__":
    unittest.main()
