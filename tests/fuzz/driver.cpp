// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Stands in for libFuzzer where the compiler has none: runs a fuzz target on a fixed sequence of inputs, the same on
// every machine. The inputs are the files of the corpus, random bytes, and corpus files cut short, overwritten or
// extended in a few places.
//
//   token_file_fuzz RUNS [FOLDER]

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "support/random_matrix.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;
using tessera::testing::SplitMix;

std::vector<Bytes> read_corpus(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

std::size_t below(SplitMix& random, std::size_t count) {
  return static_cast<std::size_t>(random.below(static_cast<Eigen::Index>(count)));
}

Bytes random_bytes(SplitMix& random) {
  Bytes bytes(below(random, 257));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.bits());
  return bytes;
}

/// The bytes that parsers trip over: the ends of the ranges, beside plain random ones.
std::uint8_t nasty_byte(SplitMix& random) {
  constexpr std::uint8_t ends[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
  return random.below(2) == 0 ? ends[random.below(6)] : static_cast<std::uint8_t>(random.bits());
}

Bytes mutated(Bytes bytes, SplitMix& random) {
  for (Eigen::Index change = random.below(4); change >= 0 && !bytes.empty(); --change) {
    const std::size_t at = below(random, bytes.size());
    switch (random.below(5)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), nasty_byte(random));
        break;
      case 2:
        bytes.insert(bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        bytes[at] = nasty_byte(random);
        break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char* argv[]) {
  const long runs = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1000;
  std::vector<Bytes> corpus;
  if (argc > 2) corpus = read_corpus(argv[2]);
  for (const Bytes& bytes : corpus) LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  LLVMFuzzerTestOneInput(nullptr, 0);
  SplitMix random(1);
  for (long run = 0; run < runs; ++run) {
    const bool from_corpus = !corpus.empty() && random.below(4) != 0;
    const Bytes bytes = from_corpus ? mutated(corpus[below(random, corpus.size())], random) : random_bytes(random);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%ld inputs after %zu of the corpus\n", runs, corpus.size());
  return 0;
}
