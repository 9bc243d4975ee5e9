// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/parameters_io.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include <tessera/nn/layer_norm.hpp>
#include <tessera/nn/linear.hpp>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// Two tensors of different rank, and their list.
template <class Scalar>
struct Model {
  RowMatrix<Scalar> weights;
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> bias;
  Parameters<Scalar> parameters;

  explicit Model(std::uint64_t seed, Index outputs = 3)
      : weights(random_normal<Scalar>(outputs, 2, seed)), bias(random_normal<Scalar>(outputs, 1, seed + 1)) {
    parameters.add("layer.weight", weights);
    parameters.add("layer.bias", bias);
  }
  Model(const Model&) = delete;  // the list would view the other's tensors
  Model& operator=(const Model&) = delete;
};

template <class Scalar>
bool same(const Model<Scalar>& a, const Model<Scalar>& b) {
  return a.weights == b.weights && a.bias == b.bias;
}

/// Reading `file` into a model throws FileError with `message`, and leaves the model as it was.
void check_refused(const Safetensors& file, const std::string& message) {
  Model<float> model(7);
  const Model<float> before(7);
  CHECK_THROWS_MESSAGE(FileError, read_parameters(file, model.parameters), message);
  CHECK(same(model, before));
}

}  // namespace

TEMPLATE_TEST_CASE("parameters come back from a file bit by bit, with their metadata", "", float, double) {
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  Model<TestType> saved(1), loaded(2);
  // Set and compared by its bits: -ffast-math lets the compiler take -0 for 0.
  using Bits = std::conditional_t<sizeof(TestType) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits minus_zero = Bits(1) << (8 * sizeof(Bits) - 1);
  std::memcpy(&saved.weights(0, 0), &minus_zero, sizeof(Bits));
  saved.weights(0, 1) = std::numeric_limits<TestType>::max();
  REQUIRE_FALSE(same(saved, loaded));
  save_parameters(path, saved.parameters, {{"kind", "test"}, {"sizes", "3 x 2"}});
  load_parameters(path, loaded.parameters);
  CHECK(same(saved, loaded));
  CHECK(std::memcmp(&loaded.weights(0, 0), &minus_zero, sizeof(Bits)) == 0);

  const Safetensors file = read_safetensors(path);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"kind", "test"}, {"sizes", "3 x 2"}});
  CHECK(file.tensor("layer.weight").shape == std::vector<Index>{3, 2});
  CHECK(file.tensor("layer.bias").shape == std::vector<Index>{3});
  CHECK(file.matrix<TestType>("layer.weight") == saved.weights);
}

TEST_CASE("a model of layers computes the same after saving and loading") {
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  Linear<float> linear({.inputs = 5, .outputs = 4}), other({.inputs = 5, .outputs = 4});
  LayerNorm<float> norm({.dimension = 4}), other_norm({.dimension = 4});
  const auto list = [](Linear<float>& layer, LayerNorm<float>& normalisation, auto& gradient, auto& norm_gradient) {
    Parameters<float> parameters;
    layer.add_to(parameters, "0", gradient);
    normalisation.add_to(parameters, "1", norm_gradient);
    return parameters;
  };
  auto gradient = linear.make_gradient();
  auto norm_gradient = norm.make_gradient();
  const Parameters<float> parameters = list(linear, norm, gradient, norm_gradient);
  std::uint64_t seed = 3;
  for (const auto& parameter : parameters) {
    const RowMatrix<float> values = random_normal<float>(1, static_cast<Index>(parameter.values.size()), seed++);
    std::copy_n(values.data(), values.size(), parameter.values.begin());
  }
  save_parameters(path, parameters);
  const Parameters<float> others = list(other, other_norm, gradient, norm_gradient);
  load_parameters(path, others);
  REQUIRE(others.count() == parameters.count());
  auto mine = others.begin();
  for (const auto& parameter : parameters) {
    CHECK(std::equal(parameter.values.begin(), parameter.values.end(), mine->values.begin(), mine->values.end()));
    ++mine;
  }
}

TEST_CASE("what is written depends on the parameters alone") {
  const TemporaryFolder folder;
  const Model<float> model(4), twin(4);
  save_parameters(folder / "a", model.parameters, {{"b", "2"}, {"a", "1"}});
  save_parameters(folder / "b", twin.parameters, {{"a", "1"}, {"b", "2"}});
  CHECK(read_file(folder / "a") == read_file(folder / "b"));
}

TEST_CASE("an empty list and empty tensors are saved and loaded") {
  const TemporaryFolder folder;
  const Parameters<float> none;
  save_parameters(folder / "none", none);
  load_parameters(folder / "none", none);
  Model<float> model(5, 0), loaded(6, 0);
  save_parameters(folder / "zero", model.parameters);
  load_parameters(folder / "zero", loaded.parameters);
  CHECK(read_safetensors(folder / "zero").tensor("layer.weight").shape == std::vector<Index>{0, 2});
}

TEST_CASE("a file that holds more is read from but not loaded") {
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const Model<float> saved(1);
  Safetensors file;
  file.add("other", random_normal<double>(2, 2, 1));
  add_parameters(file, saved.parameters);
  Model<float> read(2), loaded(2);
  const Model<float> before(2);
  read_parameters(file, read.parameters);
  CHECK(same(read, saved));
  write_safetensors(path, file);
  CHECK_THROWS_MESSAGE(FileError, load_parameters(path, loaded.parameters),
                       path.string() + ": expected the tensors of the model only, found 'other'");
  CHECK(same(loaded, before));
}

TEST_CASE("a tensor that is missing, or of another shape or type, is refused and nothing changes") {
  const Model<float> model(1);
  Safetensors missing("model"), shape("model"), rank("model"), type("model");
  missing.add("layer.weight", model.weights);
  check_refused(missing, "model: expected a tensor 'layer.bias', found none");

  shape.add("layer.weight", model.weights);  // good: it must not be taken over before the other is seen
  shape.add("layer.bias", random_normal<float>(1, 4, 2));
  check_refused(shape, "model: expected 'layer.bias' of shape (3), found (1 x 4)");

  rank.add("layer.weight", RowMatrix<float>(model.weights.transpose()));
  rank.add("layer.bias", model.bias);
  check_refused(rank, "model: expected 'layer.weight' of shape (3 x 2), found (2 x 3)");

  type.add("layer.weight", RowMatrix<double>(model.weights.cast<double>()));
  type.add("layer.bias", model.bias);
  check_refused(type, "model: expected 'layer.weight' of type F32, found F64");
}

TEST_CASE("values that are not finite are neither written nor read") {
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  Model<float> broken(1);
  broken.bias[2] = std::numeric_limits<float>::quiet_NaN();
  Safetensors file("model");
  CHECK_THROWS_MESSAGE(std::invalid_argument, add_parameters(file, broken.parameters),
                       "add_parameters: expected finite values of 'layer.bias', found nan at vector 0, component 2");
  CHECK(file.tensors().empty());
  CHECK_THROWS_MESSAGE(std::invalid_argument, save_parameters(path, broken.parameters), "values of 'layer.bias'");
  CHECK_FALSE(std::filesystem::exists(path));

  file.add("layer.weight", broken.weights);
  file.add("layer.bias", broken.bias);
  check_refused(file, "model: expected finite values of 'layer.bias', found others");
}

TEST_CASE("a name that is taken is refused before anything is added") {
  const Model<float> model(1);
  Safetensors file("model");
  file.add("layer.bias", model.bias);
  CHECK_THROWS_MESSAGE(std::invalid_argument, add_parameters(file, model.parameters),
                       "add_parameters: expected a new name, found 'layer.bias' twice");
  CHECK(file.tensors().size() == 1);
}

TEST_CASE("files that are missing, cut short or of something else are refused and nothing changes") {
  const TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  Model<float> model(8);
  const Model<float> before(8);
  CHECK_THROWS_AS(load_parameters(path, model.parameters), FileError);
  save_parameters(path, Model<float>(9).parameters);
  const Bytes whole = read_file(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_file(path, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    REQUIRE_THROWS_AS(load_parameters(path, model.parameters), FileError);
  }
  CHECK(same(model, before));
  write_file(path, whole);
  load_parameters(path, model.parameters);
  CHECK(same(model, Model<float>(9)));
}
