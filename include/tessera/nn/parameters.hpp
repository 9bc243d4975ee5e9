// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What an optimiser, an averager or a file sees of a model: a list of named tensors, each with its values, its
// gradient and its shape. The list views memory that the layers and their gradients own; both must outlive it and must
// not be resized meanwhile.

#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {

/// One named tensor of a model. `gradients` is empty for a tensor that is not trained.
template <class Scalar>
struct Parameter {
  std::string name;
  std::vector<Index> shape;  // row-major order of `values`
  std::span<Scalar> values;
  std::span<Scalar> gradients;
};

/// The parameters of a model, in the order they were added. Names are unique.
template <class Scalar>
class Parameters {
 public:
  /// Adds a tensor. Throws std::invalid_argument when the name is taken, when the shape's product is not the number of
  /// values, or when there are gradients but not one per value.
  void add(Parameter<Scalar> parameter) {
    Index product = 1;
    for (const Index extent : parameter.shape) product *= extent;
    const auto values = static_cast<Index>(parameter.values.size());
    require(find(parameter.name) == nullptr, "Parameters: expected a new name, found '{}' twice", parameter.name);
    require(product == values, "Parameters: expected {} values for the shape of '{}', found {}", product,
            parameter.name, values);
    require(parameter.gradients.empty() || parameter.gradients.size() == parameter.values.size(),
            "Parameters: expected {} gradients for '{}', found {}", values, parameter.name, parameter.gradients.size());
    size_ += values;
    tensors_.push_back(std::move(parameter));
  }

  /// Adds a matrix (row-major, or a vector) and its gradient.
  template <class Matrix>
  void add(std::string name, Matrix& values, Matrix& gradients) {
    require(gradients.size() == values.size(), "Parameters: expected {} gradients for '{}', found {}", values.size(),
            name, gradients.size());
    add({std::move(name), shape_of(values), span_of(values), span_of(gradients)});
  }

  /// Adds a matrix that is saved and loaded but not trained.
  template <class Matrix>
  void add(std::string name, Matrix& values) {
    add({std::move(name), shape_of(values), span_of(values), {}});
  }

  /// The tensor of that name, or null.
  const Parameter<Scalar>* find(const std::string& name) const {
    for (const auto& tensor : tensors_) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }

  /// Scalars in all tensors together.
  Index size() const { return size_; }
  /// Number of tensors.
  Index count() const { return static_cast<Index>(tensors_.size()); }

  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }

 private:
  template <class Matrix>
  static std::vector<Index> shape_of(const Matrix& matrix) {
    static_assert(Matrix::IsRowMajor || Matrix::IsVectorAtCompileTime, "Parameters: expected a row-major matrix");
    if constexpr (Matrix::IsVectorAtCompileTime) {
      return {matrix.size()};
    } else {
      return {matrix.rows(), matrix.cols()};
    }
  }

  template <class Matrix>
  static std::span<Scalar> span_of(Matrix& matrix) {
    return {matrix.data(), static_cast<std::size_t>(matrix.size())};
  }

  std::vector<Parameter<Scalar>> tensors_;
  Index size_ = 0;
};

}  // namespace tessera::inline TESSERA_ISA
