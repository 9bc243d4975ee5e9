// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <cstdio>

#include <tessera/ssm/cascade_conversion.hpp>
#include <tessera/ssm/filter_report.hpp>

int main() {
  // [show]
  // Butterworth, order 4, cutoff at 0.2 of the Nyquist frequency: skip, b_1 ... b_4, a_1 ... a_4.
  tessera::DirectForm filter{0.00482434, Eigen::Vector4d(0.0307287, 0.0177826, 0.0243855, 0.0039204),
                             Eigen::Vector4d(-2.36951301, 2.31398841, -1.05466541, 0.18737949)};
  std::printf("%s\n", describe(tessera::filter_report(filter, {.length = 256})).c_str());

  const tessera::Certified<tessera::ModalForm> modes = tessera::to_modal(filter);
  const tessera::Certified<tessera::CascadeForm> sections = tessera::to_cascade(filter);
  std::printf("modes differ by %.1e, sections by %.1e\n", modes.certificate.residual, sections.certificate.residual);

  try {
    filter.denominator << -3.996, 5.988006, -3.988012, 0.996006;  // four poles around 0.999
    tessera::to_modal(filter);
  } catch (const tessera::NumericalError& error) {
    std::printf("%s\n", error.what());  // says by how much, and what to do instead
  }
  // [end]
  return modes.certificate.residual < 1e-12 && sections.certificate.residual < 1e-12 ? 0 : 1;
}
