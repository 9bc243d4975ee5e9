// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A vector quantizer in a safetensors file, to the bit: options, codes and averages. Tensors `NAME.codes` (K, D),
// `NAME.counts` (K), `NAME.sums` (K, D), `NAME.weights` (K), `NAME.numbers` (decay, pseudo-count, beta, gamma) and
// `NAME.seed`; metadata `NAME.kind` ("vector_quantizer"), `NAME.metric`, `NAME.learning`, `NAME.reduction` and
// `NAME.estimator`. The file may hold other things too, so that one file is a whole model.

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/io/safetensors.hpp>
#include <tessera/quantize/vector.hpp>

namespace tessera::inline TESSERA_ISA {

/// Adds a quantizer to the content of a file under a name. Throws std::invalid_argument, before anything is added, when
/// the name is taken.
template <class Scalar>
void add_vector_quantizer(Safetensors& file, const VectorQuantizer<Scalar>& quantizer,
                          const std::string& name = "quantizer") {
  for (const char* part : {".codes", ".counts", ".sums", ".weights", ".numbers", ".seed"}) {
    require(!file.contains(name + part), "add_vector_quantizer: expected a new name, found '{}' twice", name + part);
  }
  const VectorQuantizerOptions& options = quantizer.options();
  const CodebookAverages& averages = quantizer.codebook().averages();
  file.add(name + ".codes", quantizer.codebook().codes());
  file.add(name + ".counts", averages.counts);
  file.add(name + ".sums", averages.sums);
  file.add(name + ".weights", averages.weights);
  const double numbers[] = {options.decay, options.pseudo_count, options.commitment_weight, options.codebook_weight};
  file.add<double>(name + ".numbers", {4}, numbers);
  const std::uint64_t seed[] = {options.seed};
  file.add<std::uint64_t>(name + ".seed", {1}, seed);
  file.set_metadata(name + ".kind", "vector_quantizer");
  file.set_metadata(name + ".metric", metric_name(options.metric));
  file.set_metadata(name + ".learning", learning_name(options.learning));
  file.set_metadata(name + ".reduction", reduction_name(options.reduction));
  file.set_metadata(name + ".estimator", estimator_name(options.estimator));
}

namespace detail {

/// The value whose name stands in the metadata under `key`.
template <class Value, class Name>
Value named_value(const Safetensors& file, const std::string& key, std::initializer_list<Value> values, Name name_of) {
  const std::string& found = file.metadata(key);
  for (const Value value : values) {
    if (found == name_of(value)) return value;
  }
  raise<FileError>("{}: expected a known '{}', found '{}'", file.source(), key, found);
}

/// A tensor of doubles of one axis, `size` long.
inline std::vector<double> file_numbers(const Safetensors& file, const std::string& name, Index size) {
  std::vector<double> values = file.values<double>(name);
  if (file.tensor(name).shape != std::vector<Index>{size}) {
    raise<FileError>("{}: expected '{}' of {} numbers, found another shape", file.source(), name, size);
  }
  return values;
}

template <class Scalar>
VectorQuantizerOptions file_options(const Safetensors& file, const std::string& name) {
  VectorQuantizerOptions options;
  const std::vector<double> numbers = file_numbers(file, name + ".numbers", 4);
  options.decay = numbers[0];
  options.pseudo_count = numbers[1];
  options.commitment_weight = numbers[2];
  options.codebook_weight = numbers[3];
  const std::vector<std::uint64_t> seed = file.values<std::uint64_t>(name + ".seed");
  if (seed.size() != 1) raise<FileError>("{}: expected one '{}.seed', found {}", file.source(), name, seed.size());
  options.seed = seed[0];
  options.metric = named_value(file, name + ".metric", {Metric::squared_euclidean, Metric::cosine}, metric_name);
  options.learning = named_value(
      file, name + ".learning",
      {CodebookLearning::moving_average, CodebookLearning::gradient, CodebookLearning::frozen}, learning_name);
  options.reduction = named_value(file, name + ".reduction",
                                  {LossReduction::mean_over_scalars, LossReduction::mean_over_vectors}, reduction_name);
  options.estimator =
      named_value(file, name + ".estimator", {GradientEstimator::straight_through, GradientEstimator::rotation_trick},
                  estimator_name);
  return options;
}

}  // namespace detail

/// The quantizer that was added under a name. Throws FileError when something is missing, of another scalar type or
/// shape, or outside its range.
template <class Scalar>
VectorQuantizer<Scalar> read_vector_quantizer(const Safetensors& file, const std::string& name = "quantizer") {
  const std::string& kind = file.metadata(name + ".kind");
  if (kind != "vector_quantizer") {
    raise<FileError>("{}: expected '{}' to be a vector_quantizer, found '{}'", file.source(), name, kind);
  }
  const VectorQuantizerOptions options = detail::file_options<Scalar>(file, name);
  const RowMatrix<Scalar> codes = file.matrix<Scalar>(name + ".codes");
  const RowMatrix<double> sums = file.matrix<double>(name + ".sums");
  if (file.tensor(name + ".codes").shape.size() != 2 ||
      file.tensor(name + ".sums").shape != file.tensor(name + ".codes").shape) {
    raise<FileError>("{}: expected '{}.codes' and '{}.sums' of one shape (K, D), found others", file.source(), name,
                     name);
  }
  const std::vector<double> counts = detail::file_numbers(file, name + ".counts", codes.rows());
  const std::vector<double> weights = detail::file_numbers(file, name + ".weights", codes.rows());
  const auto vector = [](const std::vector<double>& values) {
    return Eigen::VectorXd(Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Index>(values.size())));
  };
  try {
    VectorQuantizer<Scalar> quantizer(rows(codes), options);
    quantizer.codebook().set_state(rows(codes), {vector(counts), sums, vector(weights)});
    return quantizer;
  } catch (const std::invalid_argument& error) {
    raise<FileError>("{}: '{}' is not a quantizer ({})", file.source(), name, error.what());
  }
}

/// Saves a quantizer as a file of its own: all or nothing.
template <class Scalar>
void save_vector_quantizer(const std::filesystem::path& path, const VectorQuantizer<Scalar>& quantizer) {
  Safetensors file;
  add_vector_quantizer(file, quantizer);
  write_safetensors(path, file);
}

/// Loads what save_vector_quantizer saved. Throws FileError when the file cannot be read, is not well-formed, or fails
/// as in read_vector_quantizer.
template <class Scalar>
VectorQuantizer<Scalar> load_vector_quantizer(const std::filesystem::path& path) {
  return read_vector_quantizer<Scalar>(read_safetensors(path));
}

}  // namespace tessera::inline TESSERA_ISA
