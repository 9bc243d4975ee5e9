// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A channel of S4 in the other forms of a filter. As a dense state space its matrices are real, with the real parts of
// the states before the imaginary parts; S4 has current timing and the forms delayed, hence C A and skip + C B in the
// place of C and skip. From there the conversions of ssm/state_space_conversion.hpp lead on. Modes of S4 exist when its
// sampled matrix has a basis of eigenvectors: HiPPO's matrices have none to speak of beyond order 16 or so, and are
// refused; those of trained models may have one.

#include <stdexcept>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/s4.hpp>
#include <tessera/ssm/state_space_conversion.hpp>

namespace tessera::inline TESSERA_ISA {

/// Channel `channel` as a state space of twice the modes: exact but for rounding. The infinite system; of a periodic
/// model it takes the recurrence's set-up. Throws std::out_of_range on another channel.
template <class Scalar>
StateSpaceForm to_state_space(const S4<Scalar>& model, Index channel) {
  if (channel < 0 || channel >= model.channels())
    raise<std::out_of_range>("to_state_space: expected a channel below {}, found {}", model.channels(), channel);
  const detail::DplrChannel<double> own = model.infinite(channel);
  const detail::DplrStep<double> step(own);
  StateSpaceForm form{step.dense(), detail::real_column(step.input), detail::real_row(own.output), own.skip};
  form.skip += form.c.dot(form.b);
  form.c = (form.c * form.a).eval();
  return form;
}

/// The modes of channel `channel`; the condition of the certificate is that of the eigenvectors. Throws as
/// to_state_space does, and NumericalError, with the figures, where the modes cancel one another.
template <class Scalar>
Certified<ModalForm> to_modal(const S4<Scalar>& model, Index channel, const ConversionOptions& options = {}) {
  return to_modal(to_state_space(model, channel), options);
}

}  // namespace tessera::inline TESSERA_ISA
