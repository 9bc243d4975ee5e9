// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Whether the ways to run a model agree, on the model at hand with its trained weights: the kernel against the response
// of step to an impulse, chunks of a random signal cut at random against step, and step after a prefill against step
// from the start. A difference has a cause, which the model can be made to tell:
//
//   rounding     it is within 4 times what the model predicts, or all but vanishes when the model runs in double
//   truncation   the kernel is the response wrapped around its length, k[t] = sum over m of h[t + m L], or is so at lag
//   0
//                alone, as kernels made of spectra at the L roots of unity are unless the output parameters are
//                corrected
//   other        neither: the model is wrong

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/random.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/model.hpp>

namespace tessera {

struct VerifyOptions {
  Index length = 1024;     // taps of the kernel and samples of the random signal, at least 1
  Index splits = 3;        // ways of cutting the signal, at least 1
  std::uint64_t seed = 0;  // of the signal and of the cuts
};

/// Why the ways to run a model differ.
enum class Disagreement { none, rounding, truncation, other };

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Differences are relative to the largest tap of the kernel's row, or the largest sample of the output's channel.
struct Agreement {
  double kernel = 0;                      // against the response of step to an impulse
  double chunk = 0;                       // against step, the worst of all splits
  double prefill = 0;                     // step after it, against step from the start
  std::optional<double> stream;           // against step, if there was one to compare
  double predicted_error = 0;             // by the model
  std::optional<double> spectral_radius;  // where the model offers it
  Disagreement cause = Disagreement::none;
  std::string description;

  double worst() const { return std::max({kernel, chunk, prefill, stream.value_or(0)}); }
  /// Within 4 times what the model predicts.
  bool agrees() const { return worst() <= 4 * predicted_error; }
};

namespace detail {

/// One model under test. All in the model's scalar, compared in double.
template <SequenceModel Model>
class ModelVerifier {
 public:
  using Scalar = typename Model::Scalar;
  using Matrix = RowMatrix<Scalar>;

  ModelVerifier(const Model& model, const VerifyOptions& options) : model_(model), options_(options) {
    Random random(options.seed);
    signal_.resize(model.inputs(), options.length);
    for (Index i = 0; i < signal_.size(); ++i) signal_.data()[i] = static_cast<Scalar>(random.normal());
    stepped_ = steps(signal_);
  }

  const Matrix& signal() const { return signal_; }

  /// The outputs of step, sample by sample.
  Matrix steps(const Matrix& input) const {
    auto state = model_.initial_state();
    return steps(state, input);
  }

  /// Of the first `length` taps by step: rows as those of the kernel.
  Matrix response(Index length) const {
    const Index runs = Model::coupled ? model_.inputs() : 1, outputs = model_.outputs();
    Matrix taps(outputs * runs, length);
    for (Index run = 0; run < runs; ++run) {
      Matrix impulse = Matrix::Zero(model_.inputs(), length);
      if (length > 0 && Model::coupled) impulse(run, 0) = 1;
      if (length > 0 && !Model::coupled) impulse.col(0).setOnes();
      const Matrix heard = steps(impulse);
      for (Index o = 0; o < outputs; ++o) taps.row(o * runs + run) = heard.row(o);
    }
    return taps;
  }

  double chunk_difference() const {
    double worst = 0;
    for (Index split = 0; split < options_.splits; ++split) {
      Random random(options_.seed, static_cast<std::uint64_t>(split + 1));
      worst = std::max(worst, difference(stepped_, chunks(random)));
    }
    return worst;
  }

  /// The first part of the signal is prefilled, and the rest stepped through.
  double prefill_difference() const {
    Random random(options_.seed, 0x70726566);
    const Index cut = random.below(options_.length) / 2 + options_.length / 4, rest = options_.length - cut;
    auto state = model_.initial_state();
    const Matrix first = signal_.leftCols(cut), second = signal_.rightCols(rest);
    model_.prefill(state, constant(first));
    return difference(stepped_.rightCols(rest), steps(state, second), peaks(stepped_));
  }

  template <class Stream>
  double stream_difference(Stream&& stream) const {
    Matrix output(model_.outputs(), options_.length);
    output.setZero();
    stream(constant(signal_), Signals<Scalar>(output.data(), 1, output.rows(), output.cols()));
    return difference(stepped_, output);
  }

  /// The largest difference of a row relative to the largest entry of its first, or to 1 where that is 0. Not finite
  /// when an entry is not.
  static double difference(const Matrix& a, const Matrix& b) { return difference(a, b, peaks(a)); }
  static double difference(const Matrix& a, const Matrix& b, const Eigen::VectorXd& peaks) {
    double worst = 0;
    for (Index i = 0; i < a.rows(); ++i) {
      if (!all_finite(a.data() + i * a.cols(), a.cols()) || !all_finite(b.data() + i * b.cols(), b.cols()))
        return std::numeric_limits<double>::infinity();
      double row = 0;
      for (Index j = 0; j < a.cols(); ++j)
        row = std::max(row, std::abs(static_cast<double>(a(i, j)) - static_cast<double>(b(i, j))));
      worst = std::max(worst, row / (peaks[i] > 0 ? peaks[i] : 1));
    }
    return worst;
  }

  static Eigen::VectorXd peaks(const Matrix& rows) {
    if (rows.cols() == 0) return Eigen::VectorXd::Zero(rows.rows());
    return rows.cwiseAbs().rowwise().maxCoeff().template cast<double>();
  }

 private:
  static Signals<const Scalar> constant(const Matrix& rows) { return {rows.data(), 1, rows.rows(), rows.cols()}; }

  Matrix steps(typename Model::State& state, const Matrix& input) const {
    std::vector<Scalar> in(static_cast<std::size_t>(model_.inputs())), out(static_cast<std::size_t>(model_.outputs()));
    Matrix output(model_.outputs(), input.cols());
    for (Index t = 0; t < input.cols(); ++t) {
      for (Index i = 0; i < input.rows(); ++i) in[static_cast<std::size_t>(i)] = input(i, t);
      model_.step(state, in.data(), out.data());
      for (Index o = 0; o < output.rows(); ++o) output(o, t) = out[static_cast<std::size_t>(o)];
    }
    return output;
  }

  /// Pieces of 1 to about a quarter of the signal, short ones more often; an empty one among them.
  Matrix chunks(Random& random) const {
    Matrix output(model_.outputs(), options_.length);
    auto state = model_.initial_state();
    for (Index done = 0, piece = 0; done < options_.length; done += piece) {
      const Index limit = std::max<Index>(2, options_.length >> (2 + random.below(8)));
      piece = std::min(random.below(limit), options_.length - done);
      const Matrix input = signal_.middleCols(done, piece);
      Matrix part(model_.outputs(), piece);
      model_.chunk(state, constant(input), Signals<Scalar>(part.data(), 1, part.rows(), piece));
      output.middleCols(done, piece) = part;
    }
    return output;
  }

  const Model& model_;
  VerifyOptions options_;
  Matrix signal_, stepped_;
};

/// Whether a kernel of this length is the response folded at it, or at lag 0 alone, to a twentieth of the difference.
template <SequenceModel Model>
bool is_folded(const Model& model, const ModelVerifier<Model>& verifier,
               const RowMatrix<typename Model::Scalar>& kernel, const Agreement& agreement) {
  const Index length = kernel.cols(), folds = std::clamp<Index>((Index{1} << 18) / length, 2, 64);
  const auto response = verifier.response(folds * length);
  RowMatrix<typename Model::Scalar> folded = response.leftCols(length), lag = folded;
  for (Index m = 1; m < folds; ++m) folded += response.middleCols(m * length, length);
  lag.col(0) += response.col(length);
  const double allowed = std::max(4 * model.predicted_error(length), 0.05 * agreement.kernel);
  return ModelVerifier<Model>::difference(folded, kernel) <= allowed ||
         ModelVerifier<Model>::difference(lag, kernel) <= allowed;
}

template <SequenceModel Model>
Agreement differences(const Model& model, const ModelVerifier<Model>& verifier, const VerifyOptions& options) {
  Agreement agreement;
  const RowMatrix<typename Model::Scalar> kernel = model.kernel(options.length),
                                          response = verifier.response(options.length);
  require(kernel.rows() == response.rows() && kernel.cols() == response.cols(),
          "verify: expected a kernel {} x {}, found {} x {}", response.rows(), response.cols(), kernel.rows(),
          kernel.cols());
  agreement.kernel = ModelVerifier<Model>::difference(response, kernel);
  agreement.chunk = verifier.chunk_difference();
  agreement.prefill = verifier.prefill_difference();
  agreement.predicted_error = model.predicted_error(options.length);
  if constexpr (requires {
                  { model.spectral_radius() } -> std::convertible_to<double>;
                })
    agreement.spectral_radius = model.spectral_radius();
  return agreement;
}

/// The differences when the model runs in double, of models that can be cast and are not in double already.
template <SequenceModel Model>
std::optional<Agreement> differences_in_double(const Model& model, const VerifyOptions& options) {
  if constexpr (std::is_same_v<typename Model::Scalar, float> && requires { model.template cast<double>(); }) {
    const auto wide = model.template cast<double>();
    return differences(wide, ModelVerifier(wide, options), options);
  } else {
    return std::nullopt;
  }
}

/// Whether each difference that is more than predicted falls to a thousandth in double. A stream cannot be cast.
inline bool is_rounding(const Agreement& found, const std::optional<Agreement>& wide) {
  const double allowed = 4 * found.predicted_error;
  if (!wide || found.stream.value_or(0) > allowed) return false;
  const auto falls = [&](double narrow_one, double wide_one) {
    return narrow_one <= allowed || (is_finite(wide_one) && wide_one <= 1e-3 * narrow_one);
  };
  return falls(found.kernel, wide->kernel) && falls(found.chunk, wide->chunk) && falls(found.prefill, wide->prefill);
}

template <SequenceModel Model>
void find_cause(const Model& model, const ModelVerifier<Model>& verifier, const VerifyOptions& options,
                Agreement& found) {
  const double worst = found.worst(), allowed = 4 * found.predicted_error;
  const auto conclude = [&](Disagreement cause, std::string description) {
    found.cause = cause;
    found.description = std::move(description);
  };
  if (!is_finite(worst)) return conclude(Disagreement::other, "a kernel or an output is not finite");
  if (worst == 0) return conclude(Disagreement::none, "all ways to run the model are equal to the bit");
  const std::string predicted = fmt::format("4 times the {:.2g} that the model predicts", found.predicted_error);
  const std::string largest = fmt::format("the largest difference is {:.2g} of the peak, ", worst);
  if (found.agrees()) return conclude(Disagreement::rounding, largest + "within " + predicted);
  const bool kernel_alone = std::max({found.chunk, found.prefill, found.stream.value_or(0)}) <= allowed;
  if (kernel_alone && is_folded(model, verifier, model.kernel(options.length), found))
    return conclude(
        Disagreement::truncation,
        fmt::format("{}and the kernel is the response wrapped around its length of {}", largest, options.length));
  const std::optional<Agreement> wide = differences_in_double(model, options);
  const std::string in_double = wide ? fmt::format(", and {:.2g} in double", wide->worst()) : std::string();
  conclude(is_rounding(found, wide) ? Disagreement::rounding : Disagreement::other,
           largest + "more than " + predicted + in_double);
}

struct NoStream {};

}  // namespace detail

/// Runs all of it. `stream`, if given, is called once with the random signal (1, inputs, samples) and an output (1,
/// outputs, samples) to fill; it must begin with an empty past and add no latency. Throws std::invalid_argument on
/// options out of range, and on a kernel of another shape than promised.
template <SequenceModel Model, class Stream = detail::NoStream>
Agreement verify(const Model& model, const VerifyOptions& options = {}, Stream&& stream = {}) {
  require(options.length >= 1, "verify: expected a length of at least 1, found {}", options.length);
  require(options.splits >= 1, "verify: expected at least 1 split, found {}", options.splits);
  const detail::ModelVerifier<Model> verifier(model, options);
  Agreement agreement = detail::differences(model, verifier, options);
  if constexpr (!std::is_same_v<std::remove_cvref_t<Stream>, detail::NoStream>)
    agreement.stream = verifier.stream_difference(std::forward<Stream>(stream));
  detail::find_cause(model, verifier, options, agreement);
  return agreement;
}

}  // namespace tessera::inline TESSERA_ISA
