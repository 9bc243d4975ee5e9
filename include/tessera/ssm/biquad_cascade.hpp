// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Channels of second-order sections in series, a differentiable recursive filter with a state:
//
//   H(z) = product over sections of (b0 + b1 z^-1 + b2 z^-2) / (1 + a1 z^-1 + a2 z^-2),
//
// each in transposed direct form II, y = b0 x + s1, s1 <- b1 x - a1 y + s2, s2 <- b2 x - a2 y. Backwards, each section
// filters the gradient in reverse time by the same 1 / A, from the last section to the first (as torchaudio's lfilter
// does for one filter; C.-Y. Yu and G. Fazekas, Singing Voice Synthesis Using Differentiable LPC, 2023): exact for the
// input, the coefficients and the state. Poles near the real axis cost digits, 1 / ((1 - radius) sin(angle)) at most;
// but sections never multiply into one polynomial, which of high order has no digits left.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/cascade_lanes.hpp>
#include <tessera/ssm/detail/section_model.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {

/// A sequence model (ssm/model.hpp) of channels, each with as many sections. The verbs, their shapes and errors are
/// those of detail/section_model.hpp: kernel, step, prefill, chunk, forward, backward, predicted_error.
template <class ScalarType>
class BiquadCascade : public detail::SectionModel<ScalarType, detail::CascadeLanes> {
  using Base = detail::SectionModel<ScalarType, detail::CascadeLanes>;

 public:
  using typename Base::Scalar;

  /// (channels, 5 sections): b0, b1, b2, a1, a2 of the first section, then of the second, ... Throws
  /// std::invalid_argument on another number of columns and on what is not finite.
  explicit BiquadCascade(RowMatrix<Scalar> coefficients) : Base("BiquadCascade", std::move(coefficients)) {}

  /// A filter for each channel; those with fewer sections than others get sections that pass everything.
  explicit BiquadCascade(const std::vector<CascadeForm>& forms) : BiquadCascade(coefficients_of(forms)) {}

  /// The filter of one channel. Throws std::invalid_argument on a channel that is not there.
  CascadeForm form(Index channel) const {
    require(channel >= 0 && channel < this->channels(), "BiquadCascade: expected a channel below {}, found {}",
            this->channels(), channel);
    CascadeForm form;
    const auto row = this->coefficients().row(channel).template cast<double>().eval();
    for (Index j = 0; j < row.size(); j += 5)
      form.sections.push_back({row[j], row[j + 1], row[j + 2], row[j + 3], row[j + 4]});
    return form;
  }

 private:
  static RowMatrix<Scalar> coefficients_of(const std::vector<CascadeForm>& forms) {
    std::size_t sections = 0;
    for (const CascadeForm& form : forms) sections = std::max(sections, form.sections.size());
    RowMatrix<Scalar> coefficients =
        RowMatrix<Scalar>::Zero(static_cast<Index>(forms.size()), 5 * static_cast<Index>(sections));
    for (Index c = 0; c < coefficients.rows(); ++c) {
      const std::vector<CascadeSection>& given = forms[static_cast<std::size_t>(c)].sections;
      for (std::size_t s = 0; s < sections; ++s) {
        const CascadeSection section = s < given.size() ? given[s] : CascadeSection();
        Scalar* place = coefficients.data() + c * coefficients.cols() + 5 * static_cast<Index>(s);
        const double values[5] = {section.b0, section.b1, section.b2, section.a1, section.a2};
        for (int j = 0; j < 5; ++j) place[j] = static_cast<Scalar>(values[j]);
      }
    }
    return coefficients;
  }
};

}  // namespace tessera::inline TESSERA_ISA
