// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Vector quantization written from the equations, in long double and with one-hot matrices, for squared Euclidean
// distances:
//
//     commitment = beta sum |z - c|^2 / M,    codebook = gamma sum |c - z|^2 / M,    M = N D or N,
//     N_k <- d N_k + (1 - d) n_k,    m_k <- d m_k + (1 - d) s_k,    c_k <- (m_k + p c_k) / (N_k + p) where n_k > 0.

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/mask.hpp>

#include "reference/nearest.hpp"

namespace tessera::testing {

using Wide = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The rows of a matrix that a mask lets count.
template <class Matrix>
Matrix present_rows(const Matrix& matrix, const MaskArray& mask) {
  Matrix present(mask.count(), matrix.cols());
  for (Index i = 0, j = 0; i < matrix.rows(); ++i) {
    if (mask[i]) present.row(j++) = matrix.row(i);
  }
  return present;
}

/// sum |z_i - c_(token i)|^2 over the vectors whose token is not -1.
template <class Scalar>
long double sum_of_squares(const RowMatrix<Scalar>& batch, const RowMatrix<Scalar>& codes, const Tokens<>& tokens) {
  long double sum = 0;
  for (Index i = 0; i < batch.rows(); ++i) {
    if (tokens(i, 0) < 0) continue;
    for (Index d = 0; d < batch.cols(); ++d) {
      const long double difference =
          static_cast<long double>(batch(i, d)) - static_cast<long double>(codes(tokens(i, 0), d));
      sum += difference * difference;
    }
  }
  return sum;
}

/// A codebook and its moving averages.
struct NaiveCodebook {
  Wide codes;
  Wide sums = Wide::Zero(codes.rows(), codes.cols());
  Wide counts = Wide::Zero(codes.rows(), 1);

  template <class Scalar>
  void update(const RowMatrix<Scalar>& batch, const Tokens<>& tokens, long double decay, long double pseudo = 0) {
    Wide one_hot = Wide::Zero(batch.rows(), codes.rows());
    for (Index i = 0; i < batch.rows(); ++i) one_hot(i, tokens(i, 0)) = 1;
    const Wide received = one_hot.colwise().sum().transpose();
    counts = decay * counts + (1 - decay) * received;
    sums = decay * sums + (1 - decay) * (one_hot.transpose() * batch.template cast<long double>());
    for (Index k = 0; k < codes.rows(); ++k) {
      if (received(k, 0) > 0) codes.row(k) = (sums.row(k) + pseudo * codes.row(k)) / (counts(k, 0) + pseudo);
    }
  }
};

/// 2^entropy of the tokens that are not -1.
inline long double naive_perplexity(const Tokens<>& tokens, Index codebook_size) {
  std::vector<long double> counts(static_cast<std::size_t>(codebook_size), 0.0L);
  long double total = 0, entropy = 0;
  for (Index i = 0; i < tokens.size(); ++i) {
    if (tokens.data()[i] < 0) continue;
    ++counts[static_cast<std::size_t>(tokens.data()[i])];
    ++total;
  }
  for (const long double count : counts) {
    if (count > 0) entropy -= count / total * std::log2(count / total);
  }
  return std::exp2(entropy);
}

}  // namespace tessera::testing
