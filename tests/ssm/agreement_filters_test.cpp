// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/biquad_cascade.hpp>

#include <complex>
#include <vector>

#include <tessera/ssm/cascade_conversion.hpp>
#include <tessera/ssm/parallel_biquads.hpp>
#include <tessera/ssm/parallel_conversion.hpp>
#include <tessera/ssm/transfer_function.hpp>

#include "ssm/agreement.hpp"
#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"

using namespace tessera;
using namespace tessera::testing;

TEMPLATE_TEST_CASE("sections in parallel and in cascade agree with themselves", "[agreement]", float, double) {
  const ModalParameters parameters = agreement_modes(DiagonalPoles::lin, true);
  std::vector<ParallelForm> parallel;
  std::vector<CascadeForm> cascade;
  for (const Index c : {1, 2}) {  // steps 0.01 and 0.1
    parallel.push_back(to_parallel(agreement_filter(parameters, c)).form);
    cascade.push_back(to_cascade(agreement_filter(parameters, c)).form);
  }
  checked(ParallelBiquads<TestType>(parallel), agreement_bound<TestType>);
  checked(BiquadCascade<TestType>(cascade), agreement_bound<TestType>);
}

TEMPLATE_TEST_CASE("transfer functions with poles apart agree with themselves", "[agreement]", float, double) {
  // 64 poles at equal angles, 0.98 to 0.99 in size: a quotient of that order that has its digits. Those of S4D have
  // not.
  ModalForm form{0.5, Eigen::VectorXcd(32), Eigen::VectorXcd(32)};
  SplitMix random(2);
  for (Index n = 0; n < 32; ++n) {
    form.poles[n] = std::polar(random.uniform(0.98, 0.99), 3.141592653589793 * (static_cast<double>(n) + 0.5) / 32);
    form.residues[n] = {random.normal(), random.normal()};
  }
  checked(RationalTransferFunction<TestType>({to_direct_form(form).form}), agreement_bound<TestType>);
}
