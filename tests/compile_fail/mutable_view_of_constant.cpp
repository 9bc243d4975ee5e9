// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Constness travels: constant data is not written through a view.
// expect: conversion from .*Batch<const float>|no viable conversion|could not convert

#include <tessera/core/batch.hpp>

void use(const tessera::RowMatrix<float>& matrix) {
#if defined(MISTAKE)
  tessera::Batch<float> view = tessera::rows(matrix);
#else
  tessera::Batch<const float> view = tessera::rows(matrix);
#endif
  static_cast<void>(view);
}
