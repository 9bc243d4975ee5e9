// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Channels of second-order sections side by side,
//
//   H(z) = skip + sum over sections of z^-1 (b0 + b1 z^-1) / (1 + a1 z^-1 + a2 z^-2):
//
// the real form of a modal system, two states and four multiply-adds a sample for each pair of poles. A section keeps
// v[t] = u[t] - a1 v[t-1] - a2 v[t-2]; backwards, the gradient of the output is filtered in reverse time by the same
// section. It runs faster than a cascade, as sections do not wait for one another; a multiple pole has no such form,
// and poles that almost coincide have residues that cancel.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/parallel_lanes.hpp>
#include <tessera/ssm/detail/section_model.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {

/// A sequence model (ssm/model.hpp) of channels, each with as many sections. The verbs, their shapes and errors are
/// those of detail/section_model.hpp: kernel, step, prefill, chunk, forward, backward, predicted_error. The state of a
/// section is v[t-1] and v[t-2].
template <class ScalarType>
class ParallelBiquads : public detail::SectionModel<ScalarType, detail::ParallelLanes> {
  using Base = detail::SectionModel<ScalarType, detail::ParallelLanes>;

 public:
  using typename Base::Scalar;

  /// (channels, 4 sections + 1): b0, b1, a1, a2 of the first section, then of the second, ..., at last skip. Throws
  /// std::invalid_argument on another number of columns and on what is not finite.
  explicit ParallelBiquads(RowMatrix<Scalar> coefficients) : Base("ParallelBiquads", std::move(coefficients)) {}

  /// A filter for each channel; those with fewer sections than others get sections of zeros.
  explicit ParallelBiquads(const std::vector<ParallelForm>& forms) : ParallelBiquads(coefficients_of(forms)) {}

  /// The filter of one channel. Throws std::invalid_argument on a channel that is not there.
  ParallelForm form(Index channel) const {
    require(channel >= 0 && channel < this->channels(), "ParallelBiquads: expected a channel below {}, found {}",
            this->channels(), channel);
    const auto row = this->coefficients().row(channel).template cast<double>().eval();
    ParallelForm form;
    for (Index j = 0; j + 4 < row.size(); j += 4) form.sections.push_back({row[j], row[j + 1], row[j + 2], row[j + 3]});
    form.skip = row[row.size() - 1];
    return form;
  }

 private:
  static RowMatrix<Scalar> coefficients_of(const std::vector<ParallelForm>& forms) {
    std::size_t sections = 0;
    for (const ParallelForm& form : forms) sections = std::max(sections, form.sections.size());
    RowMatrix<Scalar> coefficients =
        RowMatrix<Scalar>::Zero(static_cast<Index>(forms.size()), 4 * static_cast<Index>(sections) + 1);
    for (Index c = 0; c < coefficients.rows(); ++c) {
      Scalar* place = coefficients.data() + c * coefficients.cols();
      const ParallelForm& form = forms[static_cast<std::size_t>(c)];
      for (const ParallelSection& section : form.sections) {
        const double values[4] = {section.b0, section.b1, section.a1, section.a2};
        for (const double value : values) *place++ = static_cast<Scalar>(value);
      }
      coefficients(c, coefficients.cols() - 1) = static_cast<Scalar>(form.skip);
    }
    return coefficients;
  }
};

}  // namespace tessera::inline TESSERA_ISA
