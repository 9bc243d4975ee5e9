// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Causal convolution of long signals with kernels as long as they are, and its backward pass. For a channel u of
// `length` samples and taps k,
//
//   y[n] = gate[n] * sum over j of k[j] u[n - j]  +  skip u[n],      0 <= n < length,
//
// where gate and skip are optional. A kernel may have backward taps b as well, which begin at lag -1: they add
// b[j] u[n + 1 + j] to the sum. Padding is the plan's business: nothing wraps around, for any length.
//
// Method: the right-angle convolution (Nussbaumer, Fast Fourier Transform and Convolution Algorithms, 1982; the factors
// as in Bernstein, Multidigit multiplication for mathematicians, 2001), a complex transform of as many points as there
// are samples; rows of at most 32 samples are summed directly. Short rows of many channels go through it as many at
// once as a vector has lanes, others one by one: the plan knows which, and no call. Rows are independent: results have
// the same bits for any number of threads, any split of the batch and any order of the channels.

#include <algorithm>
#include <cstddef>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/fft/convolution_call.hpp>
#include <tessera/fft/detail/channel_ring.hpp>
#include <tessera/fft/detail/channel_sum.hpp>
#include <tessera/fft/detail/convolution_check.hpp>
#include <tessera/fft/detail/row_convolution.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

struct CausalConvolutionOptions {
  Index channels = 1;       // of the signals, at least 1
  Index kernel_length = 0;  // the most taps a kernel may have, in [1, length]; 0 stands for length
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The plan. Immutable: threads may share it, each call with a workspace of its own.
template <class Scalar>
class CausalConvolution {
 public:
  /// Throws std::invalid_argument unless length >= 1, channels >= 1 and 0 <= kernel_length <= length.
  explicit CausalConvolution(Index length, const CausalConvolutionOptions& options = {})
      : length_(length),
        channels_(options.channels),
        kernel_length_(options.kernel_length == 0 ? length : options.kernel_length) {
    require(length >= 1, "CausalConvolution: expected a length of at least 1, found {}", length);
    require(channels_ >= 1, "CausalConvolution: expected at least 1 channel, found {}", channels_);
    require(kernel_length_ >= 1 && kernel_length_ <= length,
            "CausalConvolution: expected a kernel_length in [1, {}], or 0 for {}, found {}", length, length,
            options.kernel_length);
    const auto method = Row::choose(length, kernel_length_);
    at_once_ = method.whole && takes_group(method.ring) ? Group::rows : 1;
    if (grouped()) {
      group_ = Group(method.ring);
    } else {
      row_ = Row(length, kernel_length_);
    }
  }

  Index length() const { return length_; }
  Index channels() const { return channels_; }
  Index kernel_length() const { return kernel_length_; }
  /// Samples of a result.
  Index output_length(const KernelSpectrum<Scalar>& spectrum, ConvolutionRange range) const {
    const auto [begin, end] = detail::convolution_window(length(), spectrum.taps(), range);
    return end - begin;
  }

  /// Memory for this plan, with which `slots` tasks can run at once.
  ConvolutionWorkspace<Scalar> workspace(Index slots = 1) const {
    return ConvolutionWorkspace<Scalar>({"ConvolutionWorkspace", slots, slot_size()});
  }

  // ---- kernels ----

  /// Transforms kernels: (channels, taps), or (1, taps) for a kernel that all channels share; `backward` has as many
  /// kernels, or is left out. Throws std::invalid_argument on another number of kernels, on more taps than
  /// kernel_length, and on taps that are not finite; `spectrum` is then unchanged. Allocates nothing when `spectrum`
  /// had the same size.
  void spectrum_into(Batch<const Scalar> taps, Batch<const Scalar> backward, KernelSpectrum<Scalar>& spectrum,
                     Execution execution = {}, ConvolutionWorkspace<Scalar>* workspace = nullptr) const {
    check().taps(taps, "taps", taps.count());
    if (backward.data() != nullptr) check().taps(backward, "backward taps", taps.count());
    detail::SlotMemory<Scalar>* memory = check().memory(workspace, slot_size());
    spectrum.length_ = length();
    spectrum.kernel_length_ = kernel_length_;
    spectrum.channels_ = channels_;
    spectrum.kernels_ = taps.count();
    spectrum.taps_ = taps.dimension();
    spectrum.backward_taps_ = backward.dimension();
    spectrum.at_once_ = at_once_;
    spectrum.size_ = spectrum_size();
    const Index groups = groups_of(taps.count());
    spectrum.values_.resize(static_cast<std::size_t>(groups * spectrum.size_));
    detail::for_items(groups, execution, memory, slot_size(), [&](Index g, Scalar* work) {
      Scalar* values = spectrum.values_.data() + g * spectrum.size_;
      if (!grouped()) return row_.prepare(taps_of(taps, backward, g), values, work);
      detail::KernelTaps<Scalar> group[Group::rows];
      for (int i = 0; i < Group::rows; ++i) {
        const Index k = taps.count() == 1 ? 0 : g * Group::rows + i;
        if (k < taps.count()) group[i] = taps_of(taps, backward, k);
      }
      group_.prepare(group, values, work);
    });
  }

  KernelSpectrum<Scalar> spectrum(Batch<const Scalar> taps, Batch<const Scalar> backward = {},
                                  Execution execution = {}) const {
    KernelSpectrum<Scalar> result;
    spectrum_into(taps, backward, result, execution);
    return result;
  }

  // ---- forward ----

  /// y = gate (k * u) + skip u, (batch, channels, length) to (batch, channels, output_length). `output` may be the very
  /// memory of `input` in the causal range. A sample that is not finite spoils its row. Throws std::invalid_argument on
  /// other shapes, and on a spectrum of another length.
  void convolve_into(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum, Signals<Scalar> output,
                     const ConvolveOptions<Scalar>& options = {}) const {
    const auto [begin, end] = check().call("input", input, length(), spectrum, options);
    check().shape("output", output, input.batch(), end - begin);
    const Rows rows{input.batch(), begin, end, block_of(spectrum, input.data() == output.data())};
    const auto source = [&](Index b, Index c) {
      return Source{input(b, c), 0, length(), nullptr, row_after(input, b, c)};
    };
    const auto sink = [&, begin = begin, end = end](Index b, Index c) {
      Sink result{output(b, c), begin, end, gate_of(options, b, c), nullptr, 0};
      add_skip(result, options, c, input(b, c));
      return result;
    };
    multiply(rows, spectrum, false, options, source, sink);
  }

  /// The same, returned: row b * channels + c is channel c of example b.
  RowMatrix<Scalar> convolve(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum,
                             const ConvolveOptions<Scalar>& options = {}) const {
    check().call("input", input, length(), spectrum, options);
    RowMatrix<Scalar> output(input.batch() * channels_, output_length(spectrum, options.range));
    convolve_into(input, spectrum, {output.data(), input.batch(), channels_, output.cols()}, options);
    return output;
  }

  // ---- backward ----

  /// The adjoint of convolve_into: from the gradient of its output that of its input. Without gate and skip, in the
  /// causal range, it is the correlation with the kernel, x[n] = sum over j of k[j] g[n + j]. Throws as convolve_into
  /// does.
  void correlate_into(Signals<const Scalar> grad_output, const KernelSpectrum<Scalar>& spectrum,
                      Signals<Scalar> grad_input, const ConvolveOptions<Scalar>& options = {}) const {
    check().spectrum(spectrum, options.range);
    const auto [begin, end] = detail::convolution_window(length(), spectrum.taps(), options.range);
    check().call("grad_output", grad_output, end - begin, spectrum, options);
    check().shape("grad_input", grad_input, grad_output.batch(), length());
    const Rows rows{grad_output.batch(), 0, length(), block_of(spectrum, grad_output.data() == grad_input.data())};
    const auto source = [&, begin = begin, end = end](Index b, Index c) {
      return Source{grad_output(b, c), begin, end, gate_of(options, b, c)};
    };
    const auto sink = [&](Index b, Index c) {
      Sink result{grad_input(b, c), 0, length(), nullptr, nullptr, 0};
      add_skip(result, options, c, grad_output(b, c));
      return result;
    };
    multiply(rows, spectrum, true, options, source, sink);
  }

  /// All gradients of convolve_into that are wanted, from its arguments and the gradient of its output. The sums over
  /// the batch are taken in its order. Throws std::invalid_argument on other shapes before anything is written.
  void backward_into(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum,
                     Signals<const Scalar> grad_output, const ConvolutionGradients<Scalar>& gradients,
                     const ConvolveOptions<Scalar>& options = {}) const {
    const auto [begin, end] = check().call("input", input, length(), spectrum, options);
    check().shape("grad_output", grad_output, input.batch(), end - begin);
    check().gradients(input, spectrum, gradients, options.range);
    if (gradients.kernel.data() != nullptr || gradients.backward_kernel.data() != nullptr)
      kernel_gradients(input, spectrum, grad_output, gradients, options);
    if (gradients.skip.data() != nullptr) {
      for (Index c = 0; c < channels_; ++c) {
        double sum = 0;
        for (Index b = 0; b < input.batch(); ++b)
          sum += detail::sum_of_products(input(b, c), grad_output(b, c), length());
        gradients.skip[0][c] = static_cast<Scalar>(sum);
      }
    }
    if (gradients.gate.data() != nullptr) {
      const Rows rows{input.batch(), 0, length(), block_of(spectrum, false)};
      const auto source = [&](Index b, Index c) { return Source{input(b, c), 0, length()}; };
      const auto sink = [&](Index b, Index c) { return Sink{gradients.gate(b, c), 0, length(), grad_output(b, c)}; };
      multiply(rows, spectrum, false, options, source, sink);
    }
    if (gradients.input.data() != nullptr) correlate_into(grad_output, spectrum, gradients.input, options);
  }

 private:
  using Row = detail::RowConvolution<Scalar>;
  using Group = detail::RingConvolution<Scalar, detail::ChannelRing<Scalar>>;
  using Source = detail::SampleSource<Scalar>;
  using Sink = detail::SampleSink<Scalar>;
  using Part = detail::ConvolutionWindow;

  /// Rows of results [begin, end), which may be cut at multiples of `block`, or not if that is 0.
  struct Rows {
    Index batch;
    Index begin;
    Index end;
    Index block;
  };

  /// Whether rows go by the group: at most a quarter of the lanes may be idle.
  bool takes_group(Index ring) const {
    const Index lanes_used = groups_of(channels_, Group::rows) * Group::rows;
    return ring >= Group::smallest_length && ring <= detail::ChannelRing<Scalar>::largest_length &&
           4 * (lanes_used - channels_) <= lanes_used;
  }
  bool grouped() const { return at_once_ > 1; }
  static Index groups_of(Index count, Index at_once) { return (count + at_once - 1) / at_once; }
  Index groups_of(Index count) const { return groups_of(count, at_once_); }

  Index spectrum_size() const { return grouped() ? group_.spectrum_size() : row_.spectrum_size(); }
  Index slot_size() const { return 3 * spectrum_size(); }

  static detail::KernelTaps<Scalar> taps_of(Batch<const Scalar> taps, Batch<const Scalar> backward, Index k) {
    return {taps[k], taps.dimension(), backward.data() == nullptr ? nullptr : backward[k], backward.dimension()};
  }

  Index block_of(const KernelSpectrum<Scalar>& spectrum, bool in_place) const {
    return in_place || grouped() ? 0 : row_.method().block(spectrum.taps_, spectrum.backward_taps_);
  }

  /// Every row through its kernel: source(b, c) and sink(b, c) are where it is read and written.
  template <class MakeSource, class MakeSink>
  void multiply(const Rows& rows, const KernelSpectrum<Scalar>& spectrum, bool adjoint,
                const ConvolveOptions<Scalar>& options, MakeSource&& source, MakeSink&& sink) const {
    if (!grouped()) {
      return for_rows(rows, options, [&](Index b, Index c, const Part& part, Scalar* work) {
        row_.multiply(source(b, c), spectrum.of_channel(c), adjoint, sink(b, c).part(part.begin, part.end, 0), work);
      });
    }
    for_groups(rows.batch, options, [&](Index b, Index first, Scalar* work) {
      Source sources[Group::rows];
      Sink sinks[Group::rows];
      for (Index i = 0; i < std::min<Index>(Group::rows, channels_ - first); ++i) {
        sources[i] = source(b, first + i);
        sinks[i] = sink(b, first + i);
      }
      group_.multiply(sources, spectrum.of_channel(first).values, adjoint, sinks, work);
    });
  }

  /// body(b, first channel, work) for each group; the batch in a row, as below.
  template <class Body>
  void for_groups(Index batch, const ConvolveOptions<Scalar>& options, Body&& body) const {
    detail::for_items(batch * groups_of(channels_), options.execution, check().memory(options.workspace, slot_size()),
                      slot_size(), [&](Index i, Scalar* work) { body(i % batch, i / batch * Group::rows, work); });
  }

  /// The batch of a channel in a row, so that its spectrum stays in the cache. When there are fewer rows than tasks can
  /// use, they are cut.
  template <class Body>
  void for_rows(const Rows& rows, const ConvolveOptions<Scalar>& options, Body&& body) const {
    const Index count = rows.batch * channels_;
    Index parts = 1, size = rows.end - rows.begin;
    if (rows.block > 0 && count > 0 && size > 0 && count < options.execution.concurrency()) {
      const Index blocks = (rows.end - 1) / rows.block - rows.begin / rows.block + 1;
      const Index wanted = std::min(blocks, 4 * options.execution.concurrency());
      size = (blocks + wanted - 1) / wanted * rows.block;
      parts = (rows.end - 1) / size - rows.begin / size + 1;
    }
    const Index first = parts == 1 ? rows.begin : rows.begin / size * size;
    detail::for_items(count * parts, options.execution, check().memory(options.workspace, slot_size()), slot_size(),
                      [&](Index i, Scalar* work) {
                        const Index begin = first + i % parts * size, row = i / parts;
                        body(row % rows.batch, row / rows.batch,
                             Part{std::max(begin, rows.begin), std::min(begin + size, rows.end)}, work);
                      });
  }

  /// The row that for_rows takes after this one.
  static const Scalar* row_after(const Signals<const Scalar>& signals, Index b, Index c) {
    if (b + 1 < signals.batch()) return signals(b + 1, c);
    return c + 1 < signals.channels() ? signals(0, c + 1) : nullptr;
  }

  static const Scalar* gate_of(const ConvolveOptions<Scalar>& options, Index b, Index c) {
    return options.gate.data() == nullptr ? nullptr : options.gate(b, c);
  }
  static void add_skip(detail::SampleSink<Scalar>& sink, const ConvolveOptions<Scalar>& options, Index c,
                       const Scalar* samples) {
    if (options.skip.data() == nullptr) return;
    sink.skipped = samples;
    sink.skip = options.skip[0][c];
  }

  void kernel_gradients(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum,
                        Signals<const Scalar> grad_output, const ConvolutionGradients<Scalar>& gradients,
                        const ConvolveOptions<Scalar>& options) const {
    const auto [begin, end] = detail::convolution_window(length(), spectrum.taps(), options.range);
    const Index channels_of_kernel = spectrum.kernels_ == 1 ? channels_ : at_once_;
    const auto source = [&](Index b, Index c) { return Source{input(b, c), 0, length()}; };
    const auto grad = [&, begin = begin, end = end](Index b, Index c) {
      return Source{grad_output(b, c), begin, end, gate_of(options, b, c)};
    };
    const Index size = spectrum_size();
    detail::for_items(groups_of(spectrum.kernels_), options.execution, check().memory(options.workspace, slot_size()),
                      slot_size(), [&](Index g, Scalar* work) {
                        Scalar* sum = work + 2 * size;
                        std::fill_n(sum, size, Scalar{0});
                        const Index first = g * at_once_;
                        for (Index c = first; c < std::min(first + channels_of_kernel, channels_); c += at_once_) {
                          for (Index b = 0; b < input.batch(); ++b) accumulate(b, c, spectrum, source, grad, sum, work);
                        }
                        finish(first, spectrum.kernels_ == 1, gradients, sum, work);
                      });
  }

  /// Adds what channel c, or the group from c on, gave to the gradients of its kernels.
  template <class MakeSource, class MakeGrad>
  void accumulate(Index b, Index c, const KernelSpectrum<Scalar>& spectrum, MakeSource&& source, MakeGrad&& grad,
                  Scalar* sum, Scalar* work) const {
    if (!grouped()) return row_.accumulate(source(b, c), grad(b, c), spectrum.of_channel(c), sum, work);
    Source sources[Group::rows], grads[Group::rows];
    for (Index i = 0; i < std::min<Index>(Group::rows, channels_ - c); ++i) {
      sources[i] = source(b, c + i);
      grads[i] = grad(b, c + i);
    }
    group_.accumulate(sources, grads, sum, work);
  }

  /// The gradients of kernel `first`, or of the group from it on, or of the one kernel that a group shares.
  void finish(Index first, bool shared, const ConvolutionGradients<Scalar>& gradients, Scalar* sum,
              Scalar* work) const {
    const auto taps = [&](Index k) {
      const Batch<Scalar>&forward = gradients.kernel, &backward = gradients.backward_kernel;
      return detail::TapGradients<Scalar>{forward.data() == nullptr ? nullptr : forward[k], forward.dimension(),
                                          backward.data() == nullptr ? nullptr : backward[k], backward.dimension()};
    };
    if (!grouped()) return row_.finish(sum, taps(first), work);
    if (shared) return group_.finish_shared(sum, taps(first), work);
    detail::TapGradients<Scalar> group[Group::rows];
    for (Index i = 0; i < std::min<Index>(Group::rows, channels_ - first); ++i) group[i] = taps(first + i);
    group_.finish(sum, group, work);
  }

  using Check = detail::ConvolutionCheck<Scalar>;

  Check check() const { return {"CausalConvolution", channels_, length_, kernel_length_}; }

  Index length_ = 1;
  Index channels_ = 1;
  Index kernel_length_ = 1;
  Index at_once_ = 1;  // channels; one, or the lanes of a vector
  Row row_;
  Group group_;
};

}  // namespace tessera::inline TESSERA_ISA
