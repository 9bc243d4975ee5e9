// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/file.hpp>

#include <filesystem>
#include <string>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

namespace {

using tessera::Bytes;
using tessera::FileError;
using tessera::read_file;
using tessera::write_file;
namespace testing = tessera::testing;
namespace filesystem = std::filesystem;

std::size_t entries(const filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : filesystem::directory_iterator(folder)) count += entry.exists() ? 1u : 1u;
  return count;
}

}  // namespace

TEST_CASE("what is written to a file is read from it", "[file]") {
  const testing::TemporaryFolder folder;
  for (const std::size_t size : {0u, 1u, 255u, 65536u, 200000u}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
    write_file(folder / "a", bytes);
    CHECK(read_file(folder / "a") == bytes);
    CHECK(read_file(folder / "a", size) == bytes);
  }
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a file that cannot be read is named, with the reason", "[file]") {
  const testing::TemporaryFolder folder;
  const std::string missing = (folder / "missing").string();
  CHECK(testing::message_of<FileError>([&] { read_file(missing); }) ==
        missing + ": cannot open it (No such file or directory)");
  CHECK(testing::message_of<FileError>([&] { read_file(folder.path()); }) ==
        folder.path().string() + ": cannot read it (Is a directory)");
  write_file(folder / "a", Bytes(10));
  CHECK(testing::message_of<FileError>([&] { read_file(folder / "a", 9); }) ==
        (folder / "a").string() + ": expected at most 9 bytes, found 10");
}

TEST_CASE("files without a size are read to their end", "[file]") {
  CHECK(read_file("/dev/null").empty());
  if (filesystem::exists("/proc/self/status")) CHECK(read_file("/proc/self/status").size() > 100);
  if (filesystem::exists("/dev/zero"))
    CHECK_THROWS_MESSAGE(FileError, read_file("/dev/zero", 100000),
                         "/dev/zero: expected at most 100000 bytes, found more");
}

TEST_CASE("a file that exists is replaced whole and keeps its permissions", "[file]") {
  const testing::TemporaryFolder folder;
  write_file(folder / "a", Bytes(1000, 1));
  const auto mode = filesystem::perms::owner_read | filesystem::perms::owner_write | filesystem::perms::group_read;
  filesystem::permissions(folder / "a", mode);
  write_file(folder / "a", Bytes(3, 2));
  CHECK(read_file(folder / "a") == Bytes(3, 2));
  CHECK(filesystem::status(folder / "a").permissions() == mode);
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a link stays a link, and its target is replaced", "[file]") {
  const testing::TemporaryFolder folder;
  filesystem::create_directory(folder / "other");
  write_file(folder / "other/a", Bytes(3, 1));
  filesystem::create_symlink("other/a", folder / "link");
  write_file(folder / "link", Bytes(2, 7));
  CHECK(filesystem::is_symlink(folder / "link"));
  CHECK(read_file(folder / "other/a") == Bytes(2, 7));
  filesystem::create_symlink("nowhere", folder / "dangling");
  CHECK_THROWS_MESSAGE(FileError, write_file(folder / "dangling", Bytes(1)), "cannot write it (a link to nothing)");
}

TEST_CASE("a file that cannot be written leaves what was there, and nothing else", "[file]") {
  const testing::TemporaryFolder folder;
  CHECK_THROWS_MESSAGE(FileError, write_file(folder / "no/such/folder/a", Bytes(1)), "cannot write it (No such file");
  CHECK_THROWS_MESSAGE(FileError, write_file(folder.path(), Bytes(1)), "cannot write it (Is a directory)");
  write_file(folder / "a", Bytes(3, 1));
  if (filesystem::exists("/dev/full")) {
    CHECK_THROWS_MESSAGE(FileError, write_file("/dev/full", Bytes(100000)),
                         "/dev/full: cannot write it (No space left");
    CHECK(filesystem::is_character_file("/dev/full"));
  }
  CHECK(read_file(folder / "a") == Bytes(3, 1));
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a temporary file that somebody left behind is not touched", "[file]") {
  const testing::TemporaryFolder folder;
  write_file(folder / "a.0.tmp", Bytes(5, 5));
  write_file(folder / "a", Bytes(3, 1));
  CHECK(read_file(folder / "a") == Bytes(3, 1));
  CHECK(read_file(folder / "a.0.tmp") == Bytes(5, 5));
  CHECK(entries(folder.path()) == 2);
}
