// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/vector_file.hpp>

#include <bit>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::CodebookLearning;
using tessera::FileError;
using tessera::GradientEstimator;
using tessera::Index;
using tessera::LossReduction;
using tessera::Metric;
using tessera::RowMatrix;
using tessera::rows;
using tessera::Safetensors;
using tessera::VectorQuantizer;
using tessera::VectorQuantizerOptions;
namespace testing = tessera::testing;

/// A quantizer some steps into its training.
template <class Scalar>
VectorQuantizer<Scalar> trained(VectorQuantizerOptions options = {}) {
  options.dimension = 3;
  options.codebook_size = 7;
  VectorQuantizer<Scalar> quantizer(options);
  for (std::uint64_t step = 0; step < 3 && options.learning == CodebookLearning::moving_average; ++step) {
    const auto batch = testing::random_normal<Scalar>(20, 3, step + 1);
    quantizer.update(rows(batch), quantizer.encode(rows(batch)));
  }
  return quantizer;
}

template <class Scalar>
void check_same(const VectorQuantizer<Scalar>& a, const VectorQuantizer<Scalar>& b) {
  CHECK(a.options().dimension == b.options().dimension);
  CHECK(a.options().codebook_size == b.options().codebook_size);
  CHECK(a.options().metric == b.options().metric);
  CHECK(a.options().learning == b.options().learning);
  CHECK(a.options().decay == b.options().decay);
  CHECK(a.options().pseudo_count == b.options().pseudo_count);
  CHECK(a.options().commitment_weight == b.options().commitment_weight);
  CHECK(a.options().codebook_weight == b.options().codebook_weight);
  CHECK(a.options().reduction == b.options().reduction);
  CHECK(a.options().estimator == b.options().estimator);
  CHECK(a.options().seed == b.options().seed);
  CHECK(a.codebook().options().decay == b.codebook().options().decay);
  CHECK(a.codebook().options().pseudo_count == b.codebook().options().pseudo_count);
  CHECK(a.codebook().options().metric == b.codebook().options().metric);
  CHECK(a.codebook().codes() == b.codebook().codes());
  CHECK(a.codebook().averages().counts == b.codebook().averages().counts);
  CHECK(a.codebook().averages().sums == b.codebook().averages().sums);
  CHECK(a.codebook().averages().weights == b.codebook().averages().weights);
}

/// The content of a saved quantizer, with one thing left out or put in the place of another.
struct Content {
  Safetensors original;

  Safetensors without(const std::string& name) const {
    Safetensors changed("changed");
    for (const auto& [key, tensor] : original.tensors()) {
      if (key != name) changed.insert(key, tensor);
    }
    for (const auto& [key, value] : original.metadata()) {
      if (key != name) changed.set_metadata(key, value);
    }
    return changed;
  }
  template <class T>
  Safetensors with(const std::string& name, std::vector<Index> shape, const std::vector<T>& values) const {
    Safetensors changed = without(name);
    changed.add<T>(name, std::move(shape), std::span<const T>(values));
    return changed;
  }
  Safetensors with(const std::string& name, const std::string& value) const {
    Safetensors changed = original;
    changed.set_metadata(name, value);
    return changed;
  }
};

Content content_of(const VectorQuantizer<float>& quantizer) {
  Content content;
  tessera::add_vector_quantizer(content.original, quantizer, "vq");
  return content;
}

}  // namespace

TEMPLATE_TEST_CASE("a quantizer comes back from its file to the bit", "[vector_file]", float, double) {
  const testing::TemporaryFolder folder;
  const VectorQuantizerOptions all_options[] = {
      {},
      {.metric = Metric::cosine, .decay = 0.1, .pseudo_count = 0.3},
      {.learning = CodebookLearning::gradient,
       .commitment_weight = 1.0 / 3,
       .codebook_weight = 1e-300,
       .reduction = LossReduction::mean_over_vectors,
       .estimator = GradientEstimator::rotation_trick,
       .seed = ~std::uint64_t{0}},
      {.metric = Metric::cosine, .learning = CodebookLearning::frozen, .seed = 1}};
  for (const VectorQuantizerOptions& options : all_options) {
    const VectorQuantizer<TestType> quantizer = trained<TestType>(options);
    const auto path = folder / "quantizer.safetensors";
    tessera::save_vector_quantizer(path, quantizer);
    VectorQuantizer<TestType> loaded = tessera::load_vector_quantizer<TestType>(path);
    check_same(quantizer, loaded);

    // It goes on as if nothing had happened, and saving it again gives the same file.
    const auto batch = testing::random_normal<TestType>(40, 3, 9);
    CHECK(loaded.encode(rows(batch)) == quantizer.encode(rows(batch)));
    if (options.learning == CodebookLearning::moving_average) {
      auto continued = quantizer;
      continued.update(rows(batch), continued.encode(rows(batch)));
      loaded.update(rows(batch), loaded.encode(rows(batch)));
      check_same(continued, loaded);
    }
    const auto again = folder / "again.safetensors";
    tessera::save_vector_quantizer(again, tessera::load_vector_quantizer<TestType>(path));
    CHECK(tessera::read_file(again) == tessera::read_file(path));
  }
}

TEST_CASE("several quantizers and other things share a file", "[vector_file]") {
  const auto first = trained<float>({.seed = 1});
  const auto second = trained<double>({.metric = Metric::cosine, .seed = 2});
  Safetensors file("model");
  const auto weights = testing::random_normal<float>(2, 3, 3);
  file.add("encoder.weight", weights);
  file.set_metadata("note", "anything");
  tessera::add_vector_quantizer(file, first, "coarse");
  tessera::add_vector_quantizer(file, second, "fine");
  const Safetensors read = tessera::parse_safetensors(tessera::format_safetensors(file), "model");
  check_same(tessera::read_vector_quantizer<float>(read, "coarse"), first);
  check_same(tessera::read_vector_quantizer<double>(read, "fine"), second);
  CHECK(read.matrix<float>("encoder.weight") == weights);
  CHECK(read.matrix<float>("coarse.codes") == first.codebook().codes());
  CHECK(read.metadata("coarse.kind") == "vector_quantizer");
  CHECK(read.metadata("fine.metric") == "cosine");

  CHECK_THROWS_AS(tessera::read_vector_quantizer<double>(read, "coarse"), FileError);
  CHECK_THROWS_AS(tessera::read_vector_quantizer<float>(read, "fine"), FileError);
  CHECK_THROWS_AS(tessera::read_vector_quantizer<float>(read, "encoder"), FileError);
  CHECK_THROWS_AS(tessera::read_vector_quantizer<float>(read), FileError);
}

TEST_CASE("a name that is taken is refused before anything is added", "[vector_file]") {
  const auto quantizer = trained<float>();
  for (const char* taken : {"vq.codes", "vq.seed", "vq.weights"}) {
    Safetensors file("model");
    file.add(taken, testing::random_normal<float>(1, 1, 1));
    CHECK(
        testing::throws_exactly<std::invalid_argument>([&] { tessera::add_vector_quantizer(file, quantizer, "vq"); }));
    CHECK(file.tensors().size() == 1);
    CHECK(file.metadata().empty());
  }
  Safetensors file("model");
  tessera::add_vector_quantizer(file, quantizer, "vq");
  const auto before = tessera::format_safetensors(file);
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::add_vector_quantizer(file, trained<float>({.seed = 5}), "vq"),
                       "vq");
  CHECK(tessera::format_safetensors(file) == before);
}

TEST_CASE("files cut short, or longer, are file errors", "[vector_file]") {
  const testing::TemporaryFolder folder;
  const auto path = folder / "quantizer.safetensors";
  tessera::save_vector_quantizer(path, trained<float>());
  const tessera::Bytes bytes = tessera::read_file(path);
  const auto loads = [&](std::span<const std::uint8_t> content) {
    tessera::write_file(path, content);
    try {
      tessera::load_vector_quantizer<float>(path);
      return true;
    } catch (const FileError&) {
      return false;
    }
  };
  Index survived = 0;
  const auto step = static_cast<std::size_t>(testing::effort(1, 7));
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    survived += loads(std::span(bytes).first(size)) ? 1 : 0;
  }
  CHECK(survived == 0);
  tessera::Bytes longer = bytes;
  longer.push_back(0);
  CHECK_FALSE(loads(longer));
  CHECK(loads(bytes));
  CHECK_THROWS_AS(tessera::load_vector_quantizer<float>(folder / "nothing"), FileError);
  CHECK_THROWS_AS(tessera::load_vector_quantizer<double>(path), FileError);
}

TEST_CASE("a flipped bit gives a file error or a valid quantizer, never anything else", "[vector_file]") {
  Safetensors file("model");
  tessera::add_vector_quantizer(file, trained<float>({.metric = Metric::cosine}));
  const tessera::Bytes bytes = tessera::format_safetensors(file);
  testing::SplitMix random(4);
  Index refused = 0, accepted = 0;
  for (Index repetition = 0; repetition < testing::effort(3000, 500); ++repetition) {
    tessera::Bytes broken = bytes;
    for (Index flips = 1 + random.below(3); flips > 0; --flips) {
      broken[static_cast<std::size_t>(random.below(static_cast<Index>(bytes.size())))] ^=
          static_cast<std::uint8_t>(1u << random.below(8));
    }
    try {
      const auto quantizer =
          tessera::read_vector_quantizer<float>(tessera::parse_safetensors(broken, "broken"), "quantizer");
      ++accepted;
      REQUIRE(quantizer.codebook_size() == 7);
      REQUIRE(tessera::all_finite(rows(quantizer.codebook().codes())));
    } catch (const FileError&) {
      ++refused;
    }
  }
  CHECK(refused > 100);
  CHECK(accepted > 100);
}

TEST_CASE("something missing is a file error that names it", "[vector_file]") {
  const Content content = content_of(trained<float>());
  check_same(tessera::read_vector_quantizer<float>(content.original, "vq"), trained<float>());
  for (const char* part : {"codes", "counts", "sums", "weights", "numbers", "seed", "kind", "metric", "learning",
                           "reduction", "estimator"}) {
    const std::string name = std::string("vq.") + part;
    CAPTURE(name);
    CHECK_THROWS_MESSAGE(FileError, tessera::read_vector_quantizer<float>(content.without(name), "vq"), name);
  }
}

TEST_CASE("other types, shapes, names and ranges are file errors", "[vector_file]") {
  const Content content = content_of(trained<float>());
  const auto refused = [](const Safetensors& file) {
    return testing::throws_exactly<FileError>([&] { tessera::read_vector_quantizer<float>(file, "vq"); });
  };
  CHECK_FALSE(refused(content.original));
  CHECK(refused(content.with("vq.codes", {7, 3}, std::vector<double>(21, 1.0))));
  CHECK(refused(content.with("vq.codes", {6, 3}, std::vector<float>(18, 1.0f))));
  CHECK(refused(content.with("vq.codes", {7, 2}, std::vector<float>(14, 1.0f))));
  CHECK(refused(content.with("vq.codes", {21}, std::vector<float>(21, 1.0f))));
  CHECK(refused(content.with("vq.codes", {0, 3}, std::vector<float>())));
  CHECK(refused(content.with("vq.codes", {7, 0}, std::vector<float>())));
  CHECK(refused(content.with("vq.counts", {6}, std::vector<double>(6, 1.0))));
  CHECK(refused(content.with("vq.counts", {7}, std::vector<float>(7, 1.0f))));
  CHECK(refused(content.with("vq.counts", {7, 1}, std::vector<double>(7, 1.0))));
  CHECK(refused(content.with("vq.counts", {7}, std::vector<double>(7, -1.0))));
  CHECK(refused(content.with("vq.sums", {3, 7}, std::vector<double>(21, 1.0))));
  CHECK(refused(content.with("vq.sums", {7, 3}, std::vector<float>(21, 1.0f))));
  CHECK(refused(content.with("vq.weights", {7}, std::vector<double>(7, 1.5))));
  CHECK(refused(content.with("vq.weights", {7}, std::vector<double>(7, -0.5))));
  CHECK(refused(content.with("vq.weights", {8}, std::vector<double>(8, 0.5))));
  CHECK(refused(content.with("vq.numbers", {4}, std::vector<double>{1.0, 0, 0.25, 1})));
  CHECK(refused(content.with("vq.numbers", {4}, std::vector<double>{0.9, -1, 0.25, 1})));
  CHECK(refused(content.with("vq.numbers", {4}, std::vector<double>{0.9, 0, -0.25, 1})));
  CHECK(refused(content.with("vq.numbers", {4}, std::vector<double>{0.9, 0, 0.25, -1})));
  CHECK(refused(content.with("vq.numbers", {3}, std::vector<double>{0.9, 0, 0.25})));
  CHECK_FALSE(refused(content.with("vq.numbers", {4}, std::vector<double>{0.9, 0, 0.25, 1})));
  CHECK(refused(content.with("vq.seed", {2}, std::vector<std::uint64_t>{1, 2})));
  CHECK(refused(content.with("vq.seed", {1}, std::vector<double>{1.0})));
  for (const char* part : {"kind", "metric", "learning", "reduction", "estimator"}) {
    CHECK(refused(content.with(std::string("vq.") + part, "something")));
    CHECK(refused(content.with(std::string("vq.") + part, "")));
  }

  auto values = content.original.values<float>("vq.codes");
  values[5] = std::bit_cast<float>(std::uint32_t{0x7fc00000});
  CHECK(refused(content.with("vq.codes", {7, 3}, values)));
  auto sums = content.original.values<double>("vq.sums");
  sums[5] = std::bit_cast<double>(std::uint64_t{0x7ff0000000000000});
  CHECK(refused(content.with("vq.sums", {7, 3}, sums)));
  auto counts = content.original.values<double>("vq.counts");
  counts[2] = sums[5];
  CHECK(refused(content.with("vq.counts", {7}, counts)));

  const Content cosine = content_of(trained<float>({.metric = Metric::cosine}));
  auto zero = cosine.original.values<float>("vq.codes");
  zero[3] = zero[4] = zero[5] = 0;  // a code without a direction
  CHECK(refused(cosine.with("vq.codes", {7, 3}, zero)));
}
