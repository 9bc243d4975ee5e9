// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/signal.hpp>

#include <type_traits>

#include <unsupported/Eigen/CXX11/Tensor>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
using tessera::RowMatrix;
using tessera::Signals;
using tessera::signals;
namespace testing = tessera::testing;

}  // namespace

TEST_CASE("rows of a matrix are channels of one example", "[signal]") {
  RowMatrix<float> matrix = testing::random_normal<float>(3, 5, 1);
  const Signals<float> all = signals(matrix);
  CHECK(all.batch() == 1);
  CHECK(all.channels() == 3);
  CHECK(all.length() == 5);
  for (Index c = 0; c < 3; ++c) {
    for (Index n = 0; n < 5; ++n) CHECK(&all(0, c)[n] == &matrix(c, n));
  }
  const Signals<float> block = signals(matrix.block(1, 2, 2, 3));
  CHECK(block(0, 1) == &matrix(2, 2));
  CHECK(block.channel_stride() == 5);

  const RowMatrix<float>& constant = matrix;
  CHECK(std::is_same_v<decltype(signals(constant)), Signals<const float>>);
  Eigen::VectorXf one = Eigen::VectorXf::Ones(4);
  CHECK(signals(one).channels() == 4);
  Eigen::RowVectorXf row = Eigen::RowVectorXf::Ones(4);
  CHECK(signals(row).length() == 4);
}

TEST_CASE("the axes of a row-major tensor are batch, channels and time", "[signal]") {
  Eigen::Tensor<double, 3, Eigen::RowMajor> tensor(2, 3, 4);
  const Signals<double> view = signals(tensor);
  for (Index b = 0; b < 2; ++b) {
    for (Index c = 0; c < 3; ++c) {
      for (Index n = 0; n < 4; ++n) CHECK(view(b, c) + n == &tensor(b, c, n));
    }
  }
  CHECK(view.slice(1, 2)(0, 2) == view(1, 2));
  Eigen::Tensor<double, 2, Eigen::RowMajor> example(3, 4);
  CHECK(signals(example).batch() == 1);
  CHECK(signals(example)(0, 2) == &example(2, 0));
  Eigen::Tensor<double, 3> column_major(1, 1, 4);
  CHECK(signals(column_major).length() == 4);
}

TEST_CASE("a view of mutable signals is one of constant signals", "[signal]") {
  float data[24] = {};
  const Signals<float> view(data, 2, 3, 4);
  const Signals<const float> constant = view;
  CHECK(constant(1, 2) == data + 20);
  CHECK(constant.batch_stride() == 12);
  CHECK_FALSE(view.empty());
  CHECK(Signals<float>(data, 0, 3, 4).empty());
  CHECK(Signals<float>().empty());
  // Batches inside channels: (channels, batch, time) in memory.
  const Signals<float> turned(data, 2, 3, 4, 4, 8);
  CHECK(turned(1, 2) == data + 20);
  const Signals<float> late = view.window(1, 3);
  CHECK(late(1, 2) == view(1, 2) + 1);
  CHECK(late.length() == 2);
  CHECK(late.batch() == view.batch());
  CHECK(late.channels() == view.channels());
  CHECK(view.window(4, 4).empty());
  CHECK_THROWS_AS(view.window(3, 2), std::invalid_argument);
}

TEST_CASE("signals that are not contiguous in time, or overlap, are refused", "[signal]") {
  float data[24] = {};
  Eigen::MatrixXf column_major(2, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, signals(column_major),
                       "signals: expected the samples of a channel to be contiguous, found them 2 apart in a 2 x 3 "
                       "matrix");
  Eigen::Tensor<float, 3> tensor(2, 3, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, signals(tensor),
                       "found them 6 apart in a column-major 2 x 3 x 4 tensor; store it row-major, time last");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Signals<float>(data, -1, 3, 4),
                       "Signals: expected non-negative sizes, found batch -1, channels 3 and length 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Signals<float>(data, 1, 3, 4, 12, 3),
                       "Signals: expected a channel stride of at least the length 4, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Signals<float>(data, 2, 3, 4, 11, 4),
                       "Signals: expected a batch stride of at least the 12 samples of an example, found 11");
}
