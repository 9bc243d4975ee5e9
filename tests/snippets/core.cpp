// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/panel_product.hpp>
#include <tessera/core/random.hpp>
#include <tessera/core/thread_pool.hpp>

int main() {
  // [show]
  Eigen::MatrixXf columns_are_vectors(16, 1000);  // column-major: the features of a vector are contiguous
  tessera::Random random(/*seed=*/7, /*stream=*/0);
  for (float& x : columns_are_vectors.reshaped()) x = static_cast<float>(random.normal());

  const tessera::RowMatrix<float> weights = tessera::RowMatrix<float>::Ones(32, 16);
  const tessera::PanelMatrix<float> product(tessera::rows(weights));  // packed once, used often

  tessera::ThreadPool pool(2);  // threads come from the caller, and change no bit
  const auto batch = tessera::columns(columns_are_vectors);
  const auto serial = product.multiply(batch);
  const auto threaded = product.multiply(batch, pool);
  const auto one_row = product.multiply(batch.slice(5, 6));
  const bool same = serial == threaded && serial.row(5) == one_row.row(0);
  // [end]
  return same ? 0 : 1;
}
