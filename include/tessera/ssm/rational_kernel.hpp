// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The taps of rational transfer functions, and the gradients of their coefficients: the plan behind
// ssm/transfer_function.hpp, for those who take many kernels of one length, as training does.
//
// Periodic (KernelTruncation::periodic), as models are trained (Parnichkun et al., State-free inference of state-space
// models: the transfer function approach, 2024, equation 9): with FFTs of `length` points,
//
//   k = h_0 delta + F^-1(F(0, b_1, ..., b_n) / F(1, a_1, ..., a_n)),
//   b-bar_j = F^-1(G conj(1 / A))_j,   a-bar_j = -F^-1(G conj(B / A^2))_j,   h_0-bar = g_0,   G = F(g), g = k-bar.
//
// Time and memory do not depend on the order, coefficients beyond the length are folded. The response wraps around:
// k[0] = h_0 + h_L. Exact: k[0] = h_0, and after it the power series b / A, by a recursion (O(n L), each lane a
// channel), by blocks (O(L log n)), by Newton's iteration (O(L log L)), or by a division with the numerator of the
// truncated response (ssm/truncated_numerator.hpp). All but the last hold for unstable poles and poles on the unit
// circle too.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/ssm/detail/quotient_ring.hpp>
#include <tessera/ssm/detail/rational_engine.hpp>
#include <tessera/ssm/truncation_mode.hpp>

namespace tessera {

/// In what numbers a kernel of floats is computed; one of doubles always is in doubles.
enum class SpectrumPrecision {
  automatic,        // divisions: in floats where the predicted error allows that; series: in doubles
  same,             // in floats
  double_precision  // in doubles, rounded once
};

enum class KernelMethod {
  automatic,        // periodic: division; exact: recursion up to order 64, else block_extension
  division,         // of spectra
  recursion,        // exact only
  block_extension,  // exact only
  newton            // exact only
};

struct RationalKernelOptions {
  KernelTruncation truncation = KernelTruncation::exact;
  KernelMethod method = KernelMethod::automatic;
  SpectrumPrecision precision = SpectrumPrecision::automatic;
  double error_limit = 1e-4;  // > 0: predicted errors of floats above it are avoided by doubles (automatic precision)
  Index slots = 1;            // tasks that may run at once, at least 1
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

template <class Scalar>
class RationalTransferFunction;

/// Where gradients go, summed over the channels that share a denominator, in their order.
template <class Scalar>
struct RationalGradients {
  Batch<Scalar> numerator = {};    // (channels, order)
  Batch<Scalar> denominator = {};  // (groups, order)
  Batch<Scalar> skip = {};         // (1, channels)
};

/// The plan, with its memory. Calls allocate nothing, but for shared denominators the first time, and for the
/// numerators of an exact kernel by division. A channel has the same bits whatever the others are and for any number of
/// threads.
template <class Scalar>
class RationalKernel {
 public:
  using Parameters = detail::RationalParameters<Scalar>;
  using Gradients = RationalGradients<Scalar>;

  /// Throws std::invalid_argument unless length >= 1, order >= 0, the options are in range and the method is one of
  /// the truncation.
  RationalKernel(Index length, Index order, const RationalKernelOptions& options = {})
      : length_(length), order_(order), options_(options), method_(checked_method(length, order, options)) {
    detail::EngineParts parts;
    parts.length = length;
    parts.order = periodic() ? order : std::min(order, length - 1);
    counted_ = parts.order;
    parts.points = method_ != KernelMethod::division ? 0 : periodic() ? length : points_for(length - 1);
    parts.recursion = method_ == KernelMethod::recursion;
    parts.newton = method_ == KernelMethod::newton;
    parts.series = !periodic() && !parts.recursion;
    const bool both = method_ == KernelMethod::division && options.precision == SpectrumPrecision::automatic;
    if (both || !wide()) same_ = Same(parts, options.slots);
    if (wide_exists && (both || wide())) wide_ = Wide(parts, options.slots);
    reserve(0);
  }

  Index length() const { return length_; }
  Index order() const { return order_; }
  /// The method that `automatic` stands for.
  KernelMethod method() const { return method_; }

  /// The taps, (channels, length). Throws std::invalid_argument on another order or shape; NumericalError where a pole
  /// is at a node of a division (it names node and magnitude) and where taps leave the range of Scalar: other rows may
  /// then have been written.
  void taps_into(const RationalTransferFunction<Scalar>& model, Batch<Scalar> taps, Execution execution = {}) {
    const Parameters parameters = model.parameters();
    check_model(parameters);
    check_rows("taps", taps.count(), taps.dimension(), parameters.channels(), length_);
    if (method_ == KernelMethod::division) {
      for_quotients(parameters, execution, [&](auto& engine, const auto& items, Index slot) {
        division_taps(engine, parameters, items, taps, engine.slot(slot));
        for (Index i = 0; i < items.count; ++i) finish(parameters, items.channels[i], taps[items.channels[i]]);
      });
    } else {
      wide() ? series_taps(wide_, parameters, taps, execution) : series_taps(same_, parameters, taps, execution);
    }
  }

  /// Gradients of the parameters from those of the taps, both (channels, length); `taps` are what taps_into gave (a
  /// periodic kernel does without them). Throws as taps_into does.
  void backward_into(const RationalTransferFunction<Scalar>& model, Batch<const Scalar> taps,
                     Batch<const Scalar> grad_taps, const Gradients& gradients, Execution execution = {}) {
    const Parameters parameters = model.parameters();
    check_model(parameters);
    check_rows("grad_taps", grad_taps.count(), grad_taps.dimension(), parameters.channels(), length_);
    if (!periodic()) check_rows("taps", taps.count(), taps.dimension(), parameters.channels(), length_);
    check_rows("grad_numerator", gradients.numerator.count(), gradients.numerator.dimension(), parameters.channels(),
               order_);
    check_rows("grad_denominator", gradients.denominator.count(), gradients.denominator.dimension(),
               parameters.groups(), order_);
    check_rows("grad_skip", gradients.skip.count(), gradients.skip.dimension(), 1, parameters.channels());
    const bool share = parameters.groups() < parameters.channels();
    if (share) of_channels_.resize(parameters.channels(), order_);
    const Batch<Scalar> denominators = share ? rows(of_channels_) : gradients.denominator;
    if (periodic()) {
      for_quotients(parameters, execution, [&](auto& engine, const auto& items, Index slot) {
        division_gradients(engine, parameters, items, grad_taps, {gradients.numerator, denominators},
                           engine.slot(slot));
      });
    } else {
      const Rows series{taps, grad_taps, gradients.numerator, denominators};
      wide() ? series_gradients(wide_, parameters, series, execution)
             : series_gradients(same_, parameters, series, execution);
    }
    for (Index c = 0; c < parameters.channels(); ++c) gradients.skip[0][c] = grad_taps[c][0];
    if (share) sum_groups(parameters, gradients.denominator);
  }

 private:
  using Same = detail::RationalEngine<Scalar>;
  using Wide = detail::RationalEngine<double>;
  static constexpr bool wide_exists = !std::is_same_v<Scalar, double>;
  static constexpr Index most = simd::lanes<float>;  // channels that any engine takes at once

  bool periodic() const { return options_.truncation == KernelTruncation::periodic; }
  bool automatic() const { return wide_exists && options_.precision == SpectrumPrecision::automatic; }
  /// Whether the wide engine does everything.
  bool wide() const {
    return wide_exists && (options_.precision == SpectrumPrecision::double_precision ||
                           (automatic() && method_ != KernelMethod::division));
  }

  // ---- division ----

  /// Channels whose taps one engine makes, and the reciprocals of their denominators.
  template <class Work>
  struct Items {
    Index channels[most] = {};
    const Work* inverses[most] = {};
    Index count = 0;
  };

  struct Gradient {
    Batch<Scalar> numerator;
    Batch<Scalar> denominator;
  };

  Index block() const { return std::max(same_.at_once(), wide_.at_once()); }

  void reserve(Index groups) {
    same_.reserve(block(), groups);
    wide_.reserve(block(), groups);
  }

  /// body(engine, items, slot) for all channels: in blocks with their denominators, or, where channels share these,
  /// with all denominators first.
  template <class Body>
  void for_quotients(const Parameters& parameters, Execution execution, Body&& body) {
    const Index channels = parameters.channels(), groups = parameters.groups(), size = block();
    const auto blocks = [&](Index count, auto&& of_block) {
      detail::for_slots((count + size - 1) / size, options_.slots, execution,
                        [&](Index i, Index slot) { of_block(i * size, std::min(size, count - i * size), slot); });
    };
    if (groups < channels) {
      reserve(groups);
      in_doubles_.resize(static_cast<std::size_t>(groups));
      const auto memory = [&](auto& engine, Index, Index group) { return engine.shared(group); };
      blocks(groups, [&](Index first, Index count, Index slot) {
        invert(parameters, first, count, slot, memory, in_doubles_.data() + first);
      });
      blocks(channels, [&](Index first, Index count, Index slot) {
        unsigned char in_doubles[most] = {};
        for (Index i = 0; i < count; ++i) {
          in_doubles[i] = in_doubles_[static_cast<std::size_t>(parameters.group(first + i))];
        }
        quotients(parameters, first, count, slot, memory, in_doubles, body);
      });
    } else {
      blocks(channels, [&](Index first, Index count, Index slot) {
        unsigned char in_doubles[most] = {};
        const auto memory = [&](auto& engine, Index s, Index c) { return engine.inverse(engine.slot(s), c - first); };
        invert(parameters, first, count, slot, memory, in_doubles);
        quotients(parameters, first, count, slot, memory, in_doubles, body);
      });
    }
  }

  /// Reciprocals of denominators first, first + 1, ..., in Scalar where they are good enough in it, else in doubles.
  template <class Memory>
  void invert(const Parameters& parameters, Index first, Index count, Index slot, Memory&& memory,
              unsigned char* in_doubles) {
    std::fill_n(in_doubles, count, static_cast<unsigned char>(wide()));
    if (!wide()) invert_with(same_, parameters, first, count, slot, memory, in_doubles, automatic());
    if constexpr (wide_exists) {
      if (wide_.exists()) invert_with(wide_, parameters, first, count, slot, memory, in_doubles, false);
    }
  }

  /// Those whose mark is the engine's. With a second engine to come, marks for it what is not good enough.
  template <class Work, class Memory>
  void invert_with(detail::RationalEngine<Work>& engine, const Parameters& parameters, Index first, Index count,
                   Index slot, Memory&& memory, unsigned char* in_doubles, bool second) {
    for_marked(engine, count, in_doubles, [&](const Index* items, Index taken) {
      detail::DelayPolynomial<Scalar> denominators[most];
      Work* inverses[most] = {};
      double smallest[most] = {};
      for (Index i = 0; i < taken; ++i) {
        denominators[i] = {parameters.denominator[first + items[i]], counted_, 1, true};
        inverses[i] = memory(engine, slot, first + items[i]);
      }
      engine.division().invert(denominators, taken, inverses, smallest, engine.slot(slot).division);
      for (Index i = 0; i < taken; ++i) {
        const double error = predicted(denominators[i], smallest[i], std::numeric_limits<Work>::epsilon());
        if (second) {
          in_doubles[items[i]] = is_finite(error) && error <= options_.error_limit ? 0 : 1;
        } else if (!is_finite(error) || error >= 1) {
          complain(engine.division(), inverses[i], smallest[i], first + items[i]);
        }
      }
    });
  }

  template <class Memory, class Body>
  void quotients(const Parameters& parameters, Index first, Index count, Index slot, Memory&& memory,
                 const unsigned char* in_doubles, Body&& body) {
    const auto with = [&](auto& engine) {
      for_marked(engine, count, in_doubles, [&](const Index* items, Index taken) {
        Items<typename std::remove_reference_t<decltype(engine)>::WorkScalar> chosen;
        chosen.count = taken;
        for (Index i = 0; i < taken; ++i) {
          chosen.channels[i] = first + items[i];
          chosen.inverses[i] = memory(engine, slot, parameters.group(first + items[i]));
        }
        body(engine, chosen, slot);
      });
    };
    if (same_.exists()) with(same_);
    if constexpr (wide_exists) {
      if (wide_.exists()) with(wide_);
    }
  }

  /// body(items, taken) for those of `count` items that are marked for the engine, as many as it takes at once.
  template <class Work, class Body>
  void for_marked(const detail::RationalEngine<Work>& engine, Index count, const unsigned char* in_doubles,
                  Body&& body) const {
    const bool doubles = wide_exists && std::is_same_v<Work, double>;
    Index items[most] = {}, taken = 0;
    for (Index i = 0; i < count; ++i) {
      if ((in_doubles[i] != 0) == doubles) items[taken++] = i;
      if (taken == engine.at_once() || (i + 1 == count && taken > 0)) body(items, std::exchange(taken, 0));
    }
  }

  /// epsilon ||a||_1 / min |A|: how far a quotient is off, relative to its largest value.
  static double predicted(const detail::DelayPolynomial<Scalar>& denominator, double smallest, double epsilon) {
    double norm = 1;
    for (Index j = 0; j < denominator.count; ++j) norm += std::abs(static_cast<double>(denominator.coefficients[j]));
    return smallest > 0 ? epsilon * norm / smallest : std::numeric_limits<double>::max();
  }

  template <class Work>
  [[noreturn]] void complain(const detail::RationalDivision<Work>& division, const Work* inverse, double smallest,
                             Index group) const {
    raise<NumericalError>(
        "RationalKernel: expected no pole at a node, found |A| = {:.1e} at node {} of {} for denominator {}; an exact "
        "kernel by recursion or block_extension does not need A there",
        smallest, division.weakest_node(inverse), division.points(), group);
  }

  template <class Work>
  void division_taps(detail::RationalEngine<Work>& engine, const Parameters& parameters, const Items<Work>& items,
                     Batch<Scalar> taps, typename detail::RationalEngine<Work>::Slot& slot) const {
    Scalar* outputs[most] = {};
    if (periodic()) {
      detail::DelayPolynomial<Scalar> numerators[most];
      for (Index i = 0; i < items.count; ++i) {
        numerators[i] = {parameters.numerator[items.channels[i]], order_, 1, false};
        outputs[i] = taps[items.channels[i]];
      }
      engine.division().divide(numerators, items.inverses, items.count, length_, outputs, slot.division);
      return;
    }
    detail::DelayPolynomial<double> numerators[most];
    std::vector<Eigen::VectorXd> truncated(static_cast<std::size_t>(items.count));
    for (Index i = 0; i < items.count; ++i) {
      Eigen::VectorXd& numerator = truncated[static_cast<std::size_t>(i)];
      numerator = truncate(parameters, items.channels[i], engine.division().points());
      numerators[i] = {numerator.data(), counted_, 0, false};
      outputs[i] = taps[items.channels[i]] + 1;
    }
    if (length_ > 1) {
      engine.division().divide(numerators, items.inverses, items.count, length_ - 1, outputs, slot.division);
    }
  }

  /// The numerator of the first `points` taps after lag 0.
  Eigen::VectorXd truncate(const Parameters& parameters, Index channel, Index points) const {
    if (counted_ == 0) return {};
    using Row = Eigen::Map<const Eigen::VectorX<Scalar>>;
    const Eigen::VectorXd numerator = Row(parameters.numerator[channel], counted_).template cast<double>();
    const Eigen::VectorXd denominator =
        Row(parameters.denominator[parameters.group(channel)], counted_).template cast<double>();
    return detail::truncated(numerator, denominator, points);
  }

  template <class Work>
  void division_gradients(detail::RationalEngine<Work>& engine, const Parameters& parameters, const Items<Work>& items,
                          Batch<const Scalar> grad_taps, const Gradient& gradient,
                          typename detail::RationalEngine<Work>::Slot& slot) const {
    detail::DelayPolynomial<Scalar> numerators[most];
    const Scalar* grads[most] = {};
    Scalar *grad_numerators[most] = {}, *grad_denominators[most] = {};
    for (Index i = 0; i < items.count; ++i) {
      const Index c = items.channels[i];
      numerators[i] = {parameters.numerator[c], order_, 1, false};
      grads[i] = grad_taps[c];
      grad_numerators[i] = gradient.numerator[c];
      grad_denominators[i] = gradient.denominator[c];
    }
    engine.division().gradients(numerators, items.inverses, order_, grads, items.count, grad_numerators,
                                grad_denominators, slot.division);
  }

  // ---- series ----

  struct Rows {
    Batch<const Scalar> taps;
    Batch<const Scalar> grad_taps;
    Batch<Scalar> grad_numerator;
    Batch<Scalar> grad_denominator;
  };

  /// How many channels a task of the method takes.
  template <class Work>
  Index channels_at_once() const {
    return method_ == KernelMethod::recursion ? detail::RationalEngine<Work>::channels_at_once : 1;
  }

  template <class Work>
  void series_taps(detail::RationalEngine<Work>& engine, const Parameters& parameters, Batch<Scalar> taps,
                   Execution execution) const {
    const Index size = channels_at_once<Work>(), channels = parameters.channels();
    detail::for_slots((channels + size - 1) / size, options_.slots, execution, [&](Index item, Index at) {
      const Index first = item * size, count = std::min(size, channels - first);
      Scalar* outputs[most] = {};
      for (Index i = 0; i < count; ++i) outputs[i] = taps[first + i] + 1;
      auto& slot = engine.slot(at);
      if (method_ == KernelMethod::recursion) {
        engine.taps_by_recursion(parameters, first, count, outputs, slot);
      } else {
        const Scalar* numerator = parameters.numerator[first];
        const Scalar* denominator = parameters.denominator[parameters.group(first)];
        method_ == KernelMethod::newton ? engine.taps_by_newton(numerator, denominator, outputs[0], slot)
                                        : engine.taps_by_blocks(numerator, denominator, outputs[0], slot);
      }
      for (Index c = first; c < first + count; ++c) finish(parameters, c, taps[c]);
    });
  }

  template <class Work>
  void series_gradients(detail::RationalEngine<Work>& engine, const Parameters& parameters, const Rows& all,
                        Execution execution) const {
    const Index size = channels_at_once<Work>(), channels = parameters.channels();
    detail::for_slots((channels + size - 1) / size, options_.slots, execution, [&](Index item, Index at) {
      const Index first = item * size, count = std::min(size, channels - first);
      const Scalar *taps[most] = {}, *grad_taps[most] = {};
      Scalar *numerators[most] = {}, *denominators[most] = {};
      for (Index i = 0; i < count; ++i) {
        taps[i] = all.taps[first + i];
        grad_taps[i] = all.grad_taps[first + i];
        numerators[i] = all.grad_numerator[first + i];
        denominators[i] = all.grad_denominator[first + i];
        std::fill_n(numerators[i], order_, Scalar{0});  // coefficients beyond the length do nothing
        std::fill_n(denominators[i], order_, Scalar{0});
      }
      auto& slot = engine.slot(at);
      if (method_ == KernelMethod::recursion) {
        engine.gradients_by_recursion(parameters, first, count, taps, grad_taps, numerators, denominators, slot);
      } else {
        engine.gradients_by_series(parameters.denominator[parameters.group(first)], taps[0], grad_taps[0],
                                   numerators[0], denominators[0], slot);
      }
    });
  }

  void sum_groups(const Parameters& parameters, Batch<Scalar> sums) const {
    const Index share = parameters.channels() / parameters.groups();
    for (Index g = 0; g < parameters.groups(); ++g) {
      for (Index j = 0; j < order_; ++j) {
        double sum = 0;
        for (Index c = g * share; c < (g + 1) * share; ++c) sum += static_cast<double>(of_channels_(c, j));
        sums[g][j] = static_cast<Scalar>(sum);
      }
    }
  }

  /// Lag 0, and a check of all.
  void finish(const Parameters& parameters, Index channel, Scalar* taps) const {
    taps[0] = periodic() ? taps[0] + parameters.skip[channel] : parameters.skip[channel];
    if (detail::lanes_finite(taps, length_)) return;
    Index t = 0;
    while (is_finite(taps[t])) ++t;
    raise<NumericalError>(
        "RationalKernel: expected taps in the range of the scalar, found tap {} of channel {} beyond it: a pole lies "
        "outside the unit circle",
        t, channel);
  }

  // ---- checks ----

  static KernelMethod checked_method(Index length, Index order, const RationalKernelOptions& options) {
    require(length >= 1, "RationalKernel: expected a length of at least 1, found {}", length);
    require(order >= 0, "RationalKernel: expected an order of at least 0, found {}", order);
    require(options.slots >= 1, "RationalKernel: expected at least 1 slot, found {}", options.slots);
    require(is_finite(options.error_limit) && options.error_limit > 0,
            "RationalKernel: expected a positive error_limit, found {}", options.error_limit);
    const bool periodic = options.truncation == KernelTruncation::periodic;
    require(!periodic || options.method == KernelMethod::automatic || options.method == KernelMethod::division,
            "RationalKernel: expected the method division for a periodic kernel, found a method for exact ones");
    if (options.method != KernelMethod::automatic) return options.method;
    if (periodic) return KernelMethod::division;
    return std::min(order, length - 1) <= recursion_up_to ? KernelMethod::recursion : KernelMethod::block_extension;
  }

  /// Nodes for an exact kernel by division: any number from the taps on; one that splits well.
  static Index points_for(Index taps) {
    Index best = 0;
    for (const Index factor : {1, 3, 5}) {
      Index points = factor * 16;
      while (points < taps) points *= 2;
      if (best == 0 || points < best) best = points;
    }
    return best;
  }

  void check_model(const Parameters& parameters) const {
    require(parameters.order() == order_, "RationalKernel: expected a transfer function of order {}, found {}", order_,
            parameters.order());
    require_finite("RationalKernel", "numerators", parameters.numerator);
    require_finite("RationalKernel", "denominators", parameters.denominator);
    require_finite("RationalKernel", "skip", Batch<const Scalar>(parameters.skip, 1, parameters.channels()));
  }

  static void check_rows(const char* what, Index count, Index dimension, Index expected_count, Index expected) {
    require(count == expected_count && dimension == expected, "RationalKernel: expected {} of {} x {}, found {} x {}",
            what, expected_count, expected, count, dimension);
  }

  static constexpr Index recursion_up_to = 64;

  Index length_ = 1;
  Index order_ = 0;
  Index counted_ = 0;
  RationalKernelOptions options_;
  KernelMethod method_;
  Same same_;
  Wide wide_;
  std::vector<unsigned char> in_doubles_;  // which shared denominators are
  RowMatrix<Scalar> of_channels_;          // gradients of shared denominators, before they are summed
};

}  // namespace tessera::inline TESSERA_ISA
