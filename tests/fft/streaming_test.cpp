// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/streaming.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Blocks = std::vector<Index>;

/// Samples [from, from + count) of all channels.
template <class Matrix>
auto piece(Matrix& matrix, Index from, Index count) {
  return signals(matrix).window(from, from + count);
}

/// Samples [from, to) through the convolution, in blocks of the sizes given, again and again.
template <class Scalar>
void stream(StreamingConvolution<Scalar>& convolution, const RowMatrix<Scalar>& in, RowMatrix<Scalar>& out, Index from,
            Index to, const Blocks& blocks) {
  for (std::size_t i = 0; from < to; ++i) {
    const Index count = std::min(blocks[i % blocks.size()], to - from);
    const StreamingStatus status = convolution.process(piece(in, from, count), piece(out, from, count));
    if (status.problem != StreamingProblem::none || status.samples != count) {
      FAIL("process did " << status.samples << " of " << count << " samples");
    }
    from += count;
  }
}

template <class Scalar>
RowMatrix<Scalar> streamed(StreamingConvolution<Scalar>& convolution, const RowMatrix<Scalar>& in,
                           const Blocks& blocks) {
  RowMatrix<Scalar> out = RowMatrix<Scalar>::Constant(in.rows(), in.cols(), 77);
  stream(convolution, in, out, 0, in.cols(), blocks);
  return out;
}

/// The sum itself.
template <class Scalar>
RowMatrix<double> direct(const RowMatrix<Scalar>& in, const RowMatrix<Scalar>& taps) {
  RowMatrix<double> out(in.rows(), in.cols());
  for (Index c = 0; c < in.rows(); ++c) {
    const Scalar* k = taps.data() + (taps.rows() == 1 ? 0 : c * taps.cols());
    for (Index n = 0; n < in.cols(); ++n) {
      long double sum = 0;
      for (Index j = 0; j < std::min(n + 1, taps.cols()); ++j) {
        sum += static_cast<long double>(k[j]) * static_cast<long double>(in(c, n - j));
      }
      out(c, n) = static_cast<double>(sum);
    }
  }
  return out;
}

/// Kernels that delay by 0, 1, 2, ...: a unit impulse at every tap.
template <class Scalar>
RowMatrix<Scalar> impulses(const Blocks& delays, Index length) {
  RowMatrix<Scalar> taps = RowMatrix<Scalar>::Zero(static_cast<Index>(delays.size()), length);
  for (Index c = 0; c < taps.rows(); ++c) taps(c, delays[static_cast<std::size_t>(c)]) = 1;
  return taps;
}

template <class Scalar>
bool same_bits(const RowMatrix<Scalar>& a, const RowMatrix<Scalar>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(Scalar)) == 0;
}

/// The largest error over the peak of what is expected.
template <class Scalar>
double error(const RowMatrix<Scalar>& found, const RowMatrix<double>& expected) {
  return (found.template cast<double>() - expected).cwiseAbs().maxCoeff() / expected.cwiseAbs().maxCoeff();
}

// Of the peak, as promised. Seen are up to 7e-7 and 1e-15.
template <class Scalar>
constexpr double tolerance = sizeof(Scalar) == 8 ? 1e-13 : 1e-6;

struct Sizes {
  Index first;
  Index second;
};

StreamingConvolutionOptions options_for(Index channels, Index kernel_length, Sizes sizes) {
  return {.channels = channels,
          .kernel_length = kernel_length,
          .first_partition = sizes.first,
          .second_partition = sizes.second};
}

/// All ways to write `rest` as a sum of 1 ... 8, one after the other, appended to `blocks`.
void append_compositions(Index rest, Blocks& current, Blocks& blocks) {
  if (rest == 0) blocks.insert(blocks.end(), current.begin(), current.end());
  for (Index part = 1; part <= std::min<Index>(rest, 8); ++part) {
    current.push_back(part);
    append_compositions(rest - part, current, blocks);
    current.pop_back();
  }
}

Blocks random_blocks(Index count, Index largest, std::uint64_t seed) {
  SplitMix random(seed);
  Blocks blocks;
  for (Index i = 0; i < count; ++i) blocks.push_back(1 + random.below(largest));
  return blocks;
}

template <class Scalar>
Scalar from_bits(std::uint64_t bits) {
  if constexpr (sizeof(Scalar) == 8) {
    return std::bit_cast<Scalar>(bits);
  } else {
    return std::bit_cast<Scalar>(static_cast<std::uint32_t>(bits >> 32 | (bits & 1)));
  }
}

}  // namespace

// ---- values ----

TEST_CASE("a stream is the direct sum for kernels of up to 16 taps, every partition, and every schedule of 16 samples",
          "[streaming]") {
  // One long stream in which every schedule has 16 samples of its own, beginning where blocks of all sizes begin. Its
  // samples have a period of 64, and so have its results once the kernel is filled.
  Blocks schedules, current;
  append_compositions(16, current, schedules);
  REQUIRE(std::accumulate(schedules.begin(), schedules.end(), Index{0}) ==
          16 * 32192);  // 2^15 less those of 9 and more
  const RowMatrix<double> in = random_normal<double>(1, 64, 1).replicate(1, 16 * 32192 / 64);
  for (Index taps = 1; taps <= 16; ++taps) {
    // All schedules for 16 taps, which are a kernel of any number of taps up to 16; else as many as there is time for.
    const Index samples = taps == 16 && !sanitized ? in.cols() : 64 * 200;
    const RowMatrix<double> kernel = random_normal<double>(1, taps, static_cast<std::uint64_t>(taps));
    const RowMatrix<double> expected = direct<double>(in.leftCols(128), kernel);
    for (const Sizes sizes : {Sizes{8, 0}, {1, 0}, {2, 0}, {4, 0}, {1, 2}, {1, 4}, {2, 4}}) {
      if (sizes.first < 8 && 2 * std::max(sizes.first, sizes.second) >= taps) continue;
      StreamingConvolution<double> convolution(rows(kernel), options_for(1, taps, sizes));
      CAPTURE(taps, sizes.first, sizes.second, convolution.first_partition(), convolution.second_partition());
      const RowMatrix<double> once = streamed<double>(convolution, in.leftCols(128), {128});
      CHECK(error(once, expected) < tolerance<double>);
      RowMatrix<double> out(1, in.cols());
      stream(convolution, in, out, 0, samples, schedules);
      Index different = 0;
      for (Index n = 0; n < samples; n += 64)
        different += same_bits<double>(out.middleCols(n, 64), once.rightCols(64)) ? 0 : 1;
      CHECK(different == 0);
    }
  }
}

TEST_CASE("an impulse at each of 64 taps delays by as much, for every partition and every two block sizes up to 8",
          "[streaming]") {
  Blocks delays(64);
  std::iota(delays.begin(), delays.end(), Index{0});
  const RowMatrix<double> taps = impulses<double>(delays, 64);
  const RowMatrix<double> signal = random_uniform<double>(1, 128, 5, -1, 1);
  const RowMatrix<double> in = signal.replicate(64, 1);
  const RowMatrix<double> expected = direct(in, taps);
  for (const Sizes sizes : {Sizes{32, 0}, {1, 0}, {4, 0}, {8, 0}, {16, 0}, {1, 4}, {2, 16}, {4, 8}, {8, 16}}) {
    if (sanitized && sizes.first < 4) continue;
    StreamingConvolution<double> convolution(rows(taps), options_for(64, 64, sizes));
    const RowMatrix<double> once = streamed(convolution, in, {128});
    CAPTURE(sizes.first, sizes.second);
    CHECK(error(once, expected) < tolerance<double>);
    for (Index a = 1; a <= 8; ++a) {
      for (Index b = a; b <= effort(8, std::min<Index>(a + 1, 8)); ++b) {
        convolution.reset();
        CAPTURE(a, b);
        REQUIRE(same_bits(streamed(convolution, in, {a, b}), once));
      }
    }
  }
}

TEMPLATE_TEST_CASE("a stream is the direct sum for random kernels, partitions, channels and blocks", "[streaming]",
                   float, double) {
  SplitMix random(17);
  for (int round = 0; round < effort(18, 5); ++round) {
    const Index channels = 1 + random.below(3), taps = 1 + random.below(round % 2 == 0 ? 200 : 1500);
    const bool shared = random.below(2) == 0;
    Sizes sizes{0, 0};
    if (random.below(3) > 0) sizes.first = Index{1} << random.below(8);
    if (sizes.first > 0 && random.below(2) == 0) sizes.second = sizes.first << (1 + random.below(4));
    const auto seed = static_cast<std::uint64_t>(round);
    const RowMatrix<TestType> in = random_normal<TestType>(channels, 2 * taps + 300, seed);
    const RowMatrix<TestType> kernel = random_normal<TestType>(shared ? 1 : channels, taps, ~seed);
    StreamingConvolution<TestType> convolution(rows(kernel), options_for(channels, taps, sizes));
    const RowMatrix<TestType> out = streamed(convolution, in, random_blocks(40, round % 3 == 0 ? 20 : 700, seed));
    CAPTURE(round, channels, taps, shared, sizes.first, sizes.second);
    CHECK(error(out, direct(in, kernel)) < tolerance<TestType>);
    convolution.reset();
    CHECK(same_bits(out, streamed(convolution, in, {in.cols()})));
  }
}

TEMPLATE_TEST_CASE("an impulse at every seam of a kernel of 16384 taps delays by as much", "[streaming]", float,
                   double) {
  const Index length = 16384;
  const RowMatrix<TestType> one = RowMatrix<TestType>::Ones(1, 1);
  const StreamingConvolution<TestType> plan(rows(one), {.kernel_length = length});
  const Index first = plan.first_partition(), second = plan.second_partition();
  REQUIRE(first > 0);
  REQUIRE(second > first);
  const Blocks delays{0,          2 * first - 1,  2 * first,  3 * first - 1,   2 * second - 1,
                      2 * second, 3 * second - 1, 3 * second, 7 * second + 13, length - 1};
  const auto channels = static_cast<Index>(delays.size());
  const RowMatrix<TestType> taps = impulses<TestType>(delays, length);
  const Index samples = length + 2500;
  const RowMatrix<TestType> signal = random_uniform<TestType>(1, samples, 3, -1, 1);
  const RowMatrix<TestType> in = signal.replicate(channels, 1);
  RowMatrix<double> expected = RowMatrix<double>::Zero(channels, samples);
  for (Index c = 0; c < channels; ++c) {
    const Index delay = delays[static_cast<std::size_t>(c)];
    expected.row(c).tail(samples - delay) = signal.row(0).head(samples - delay).template cast<double>();
  }
  StreamingConvolution<TestType> convolution(rows(taps), {.channels = channels});
  const RowMatrix<TestType> out = streamed(convolution, in, random_blocks(50, 600, 4));
  CHECK(error(out, expected) < tolerance<TestType>);
  convolution.reset();
  CHECK(same_bits(out, streamed(convolution, in, {64, 1, 512})));
}

TEST_CASE("kernels shorter than promised, and of a single tap, convolve as longer ones padded with zeros",
          "[streaming]") {
  const RowMatrix<double> in = random_normal<double>(2, 700, 1);
  for (const Index taps : {1, 2, 17, 64, 100}) {
    const RowMatrix<double> kernel = random_normal<double>(2, taps, 2);
    RowMatrix<double> padded = RowMatrix<double>::Zero(2, 300);
    padded.leftCols(taps) = kernel;
    const StreamingConvolutionOptions options = options_for(2, 300, {8, 32});
    StreamingConvolution<double> a(rows(kernel), options), b(rows(padded), options);
    const RowMatrix<double> out = streamed(a, in, {100, 1});
    CHECK(error(out, direct(in, kernel)) < tolerance<double>);
    CHECK(error(streamed(b, in, {100, 1}), direct(in, kernel)) < tolerance<double>);
  }
}

// ---- promises ----

TEST_CASE("results before a sample do not depend on it, to the bit", "[streaming]") {
  RowMatrix<double> in = random_normal<double>(1, 1000, 1);
  const RowMatrix<double> kernel = random_normal<double>(1, 800, 2);
  for (const Sizes sizes : {Sizes{512, 0}, {16, 0}, {8, 64}}) {
    StreamingConvolution<double> convolution(rows(kernel), options_for(1, 800, sizes));
    const RowMatrix<double> before = streamed(convolution, in, {1000});
    for (const Index changed : {0, 1, 15, 16, 17, 128, 511, 999}) {
      RowMatrix<double> other = in;
      other(0, changed) += 1e6;
      convolution.reset();
      const RowMatrix<double> after = streamed(convolution, other, {1000});
      CAPTURE(sizes.first, sizes.second, changed);
      CHECK(std::equal(after.data(), after.data() + changed, before.data()));
      CHECK(std::abs(after(0, changed) - before(0, changed) - 1e6 * kernel(0, 0)) < 1e-6);
    }
  }
}

TEST_CASE("a channel has the same bits alone, in any place, with a shared kernel, and in place", "[streaming]") {
  const RowMatrix<float> in = random_normal<float>(3, 900, 1), kernel = random_normal<float>(3, 700, 2);
  const StreamingConvolutionOptions options = options_for(3, 700, {16, 64});
  StreamingConvolution<float> together(rows(kernel), options);
  const RowMatrix<float> out = streamed(together, in, {31});

  const RowMatrix<float> turned_in = in.colwise().reverse(), turned_kernel = kernel.colwise().reverse();
  StreamingConvolution<float> turned(rows(turned_kernel), options);
  CHECK(same_bits<float>(streamed(turned, turned_in, {200}), out.colwise().reverse()));

  for (Index c = 0; c < 3; ++c) {
    const RowMatrix<float> one_in = in.row(c), one_kernel = kernel.row(c);
    StreamingConvolution<float> alone(rows(one_kernel), options_for(1, 700, {16, 64}));
    CHECK(same_bits<float>(streamed(alone, one_in, {900}), out.row(c)));
    StreamingConvolution<float> shared(rows(one_kernel), options);
    CHECK(same_bits<float>(streamed(shared, in, {900}).row(c), out.row(c)));
  }

  RowMatrix<float> in_place = in;
  together.reset();
  for (Index n = 0; n < 900; n += 90) together.process(piece(std::as_const(in_place), n, 90), piece(in_place, n, 90));
  CHECK(same_bits(in_place, out));
}

TEST_CASE("reset forgets all samples, and a moved object goes on", "[streaming]") {
  const RowMatrix<double> in = random_normal<double>(2, 600, 1), kernel = random_normal<double>(2, 300, 2);
  StreamingConvolution<double> convolution(rows(kernel), options_for(2, 300, {8, 32}));
  const RowMatrix<double> out = streamed(convolution, in, {600});
  convolution.reset();
  CHECK(convolution.position() == 0);
  RowMatrix<double> again(2, 600);
  stream(convolution, in, again, 0, 250, {7});
  StreamingConvolution<double> moved = std::move(convolution);
  stream(moved, in, again, 250, 400, {7});
  StreamingConvolution<double> assigned(rows(kernel), {.channels = 2});
  assigned = std::move(moved);
  stream(assigned, in, again, 400, 600, {7});
  CHECK(same_bits(again, out));
  // What was moved from says so, and does nothing.
  CHECK(moved.channels() == 0);
  CHECK(moved.process(piece(in, 0, 1), piece(again, 0, 1)).problem == StreamingProblem::channels);
  moved.reset();
}

TEST_CASE("processing allocates nothing, also while kernels are swapped", "[streaming]") {
  const RowMatrix<float> in = random_normal<float>(2, 4000, 1), kernel = random_normal<float>(2, 900, 2);
  RowMatrix<float> out(2, 4000);
  const Blocks blocks{1, 64, 100};
  for (const Sizes sizes : {Sizes{0, 0}, {512, 0}, {16, 0}, {16, 64}}) {
    StreamingConvolution<float> convolution(rows(kernel), options_for(2, 900, sizes));
    CHECK(allocations_in([&] { stream(convolution, in, out, 0, 900, blocks); }) == 0);
    convolution.set_kernel(rows(kernel));
    CHECK(allocations_in([&] { stream(convolution, in, out, 900, 4000, blocks); }) == 0);
    CHECK(allocations_in([&] { convolution.reset(); }) == 0);
  }
  if (!sanitized) CHECK(allocations_in([&] { StreamingConvolution<float>(rows(kernel), {.channels = 2}); }) > 0);
  static_assert(noexcept(std::declval<StreamingConvolution<float>&>().process({}, {})));
  static_assert(StreamingConvolution<float>::latency() == 0);
}

#if defined(__linux__)
TEST_CASE("processing calls the system for nothing, also while kernels are swapped", "[streaming]") {
  if (sanitized) return;  // the sanitizers call it themselves
  const RowMatrix<float> taps = random_normal<float>(2, 3000, 1);
  RowMatrix<float> samples = random_normal<float>(2, 512, 2);
  StreamingConvolution<float> convolution(rows(taps), {.channels = 2, .crossfade = 64});
  convolution.process(signals(samples), signals(samples));
  convolution.set_kernel(rows(taps));
  // A process that may only read, write and exit: the kernel kills it when it calls for anything else.
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(2);
    for (int i = 0; i < 40; ++i) convolution.process(signals(samples), signals(samples));
    syscall(SYS_exit, 0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) return;  // not to be had here
  CHECK(WIFEXITED(status));
}
#endif

TEMPLATE_TEST_CASE("samples that are not finite count, and act as 0", "[streaming]", float, double) {
  const RowMatrix<TestType> kernel = random_normal<TestType>(1, 90, 1);
  RowMatrix<TestType> clean = random_normal<TestType>(2, 400, 2), spoiled = clean;
  const std::uint64_t bad[] = {0x7ff0000000000000u, 0xfff0000000000000u, 0x7ff8000000000000u, 0x7ff0000000000001u};
  const std::uint64_t bad_float[] = {0x7f80000000000000u, 0xff80000000000000u, 0x7fc0000000000000u,
                                     0x7f80000000000001u};
  for (Index i = 0; i < 8; ++i) {
    clean(i % 2, 37 * i + 5) = 0;
    spoiled(i % 2, 37 * i + 5) = from_bits<TestType>(sizeof(TestType) == 8 ? bad[i % 4] : bad_float[i % 4]);
  }
  StreamingConvolution<TestType> convolution(rows(kernel), options_for(2, 90, {8, 16}));
  const RowMatrix<TestType> expected = streamed(convolution, clean, {400});
  CHECK(convolution.non_finite() == 0);
  convolution.reset();
  RowMatrix<TestType> out(2, 400);
  const auto status = convolution.process(piece(std::as_const(spoiled), 0, 200), piece(out, 0, 200));
  CHECK(status.non_finite == 6);
  CHECK(status.problem == StreamingProblem::none);
  CHECK(convolution.process(piece(std::as_const(spoiled), 200, 200), piece(out, 200, 200)).non_finite == 2);
  CHECK(convolution.non_finite() == 8);
  CHECK(same_bits(out, expected));
  convolution.reset();
  CHECK(convolution.non_finite() == 8);
}

TEST_CASE("after an overflow results are right again", "[streaming]") {
  const RowMatrix<float> kernel = random_normal<float>(1, 300, 1);
  RowMatrix<float> in = random_normal<float>(1, 1500, 2);
  StreamingConvolution<float> convolution(rows(kernel), options_for(1, 300, {16, 64}));
  const RowMatrix<float> expected = streamed(convolution, in, {1500});
  in(0, 100) = std::numeric_limits<float>::max();
  in(0, 101) = std::numeric_limits<float>::max();
  convolution.reset();
  const RowMatrix<float> out = streamed(convolution, in, {1500});
  const Index over = 102 + 300 + 2 * 64;
  CHECK(same_bits<float>(out.rightCols(1500 - over), expected.rightCols(1500 - over)));
}

TEMPLATE_TEST_CASE("denormal samples and results are 0", "[streaming]", float, double) {
  if (!detail::FlushDenormals::works) return;
  const TestType smallest = std::numeric_limits<TestType>::min();
  // A kernel that decays to far below the smallest normal number, and a signal that does.
  RowMatrix<TestType> kernel(1, 3000), in = RowMatrix<TestType>::Zero(1, 6000);
  for (Index j = 0; j < 3000; ++j) kernel(0, j) = std::ldexp(TestType{1}, -static_cast<int>(j) / 2);
  for (Index n = 0; n < 3000; ++n) in(0, n) = std::ldexp(TestType{3}, -static_cast<int>(n));
  for (const Sizes sizes : {Sizes{2048, 0}, {0, 0}}) {
    StreamingConvolution<TestType> convolution(rows(kernel), options_for(1, 3000, sizes));
    const RowMatrix<TestType> out = streamed(convolution, in, {100});
    const auto is_denormal = [&](const TestType& y) {
      const auto bits = detail::FiniteBits<TestType>::of(y);
      return bits != 0 && bits < detail::FiniteBits<TestType>::of(smallest);
    };
    CHECK(std::none_of(out.data(), out.data() + out.size(), is_denormal));
    CHECK(std::abs(out(0, 0) - 3) < 1e-6);
    RowMatrix<TestType> tiny = RowMatrix<TestType>::Zero(1, 100), silent(1, 100);
    tiny(0, 0) = from_bits<TestType>(sizeof(TestType) == 8 ? 0x0008000000000000u : 0x0040000000000000u);
    convolution.reset();
    convolution.process(piece(std::as_const(tiny), 0, 100), piece(silent, 0, 100));
    CHECK(same_bits<TestType>(silent, RowMatrix<TestType>::Zero(1, 100)));
  }
}

#if defined(__SSE2__)
TEST_CASE("processing leaves the thread's floating-point state as it was", "[streaming]") {
  const RowMatrix<float> taps = random_normal<float>(1, 300, 1);
  RowMatrix<float> samples = random_normal<float>(1, 512, 2);
  StreamingConvolution<float> convolution(rows(taps));
  const unsigned before = _mm_getcsr(), usual = 0x1f80, flushing = 0x8040;
  for (const unsigned state : {usual, usual | flushing}) {
    _mm_setcsr(state);
    convolution.process(signals(samples), signals(samples));
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    CHECK((after & ~0x3fu) == state);  // all but the flags that tell what has happened
  }
}
#endif

// ---- counted work ----

TEMPLATE_TEST_CASE("no block has more than three times the work of the mean block, for every length of blocks",
                   "[streaming]", float, double) {
  for (const Index length : {1, 2, 63, 64, 65, 127, 200, 500, 900, 1000, 1024, 1500, 2000, 4096, 5000, 16384, 48000}) {
    const RowMatrix<TestType> one = RowMatrix<TestType>::Ones(1, 1);
    const StreamingConvolution<TestType> convolution(rows(one), {.kernel_length = length});
    const Index period = std::max({Index{64}, convolution.first_partition(), convolution.second_partition()});
    std::vector<Index> before{0};
    for (Index n = 0; n < 3 * period; ++n) before.push_back(before.back() + convolution.multiplications(n));
    CAPTURE(length, convolution.first_partition(), convolution.second_partition());
    CHECK(before[static_cast<std::size_t>(2 * period)] == 2 * before[static_cast<std::size_t>(period)]);
    const double mean = static_cast<double>(before.back()) / static_cast<double>(3 * period);
    double worst = 0;  // of all blocks at all positions, over the mean of blocks of that length
    for (Index block = 1; block <= 2 * period; block += block < 70 ? 1 : 61) {
      for (Index n = 0; n < period; ++n) {
        const Index work = before[static_cast<std::size_t>(n + block)] - before[static_cast<std::size_t>(n)];
        worst = std::max(worst, static_cast<double>(work) / static_cast<double>(block) / mean);
      }
    }
    CHECK(worst <= 3);
    CHECK(mean <= static_cast<double>(length + 2 * simd::lanes<TestType>));
    if (length == 16384) CHECK(mean * 20 <= static_cast<double>(length));
  }
}

TEST_CASE("multiplications are those of the head, the transforms and the products", "[streaming]") {
  // Per block of 64: a transform and its inverse, 4 for each of 32 pairs and 6 levels; 4 for each of 64 numbers and 14
  // partitions. Per block of 256, with 1000 taps from 512 on: 128 pairs, 8 levels, 2 partitions (the second of 232
  // taps). The first 128 taps in whole vectors, one more than they fill.
  const RowMatrix<double> one = RowMatrix<double>::Ones(1, 1);
  const StreamingConvolution<double> convolution(
      rows(one), {.kernel_length = 1000, .first_partition = 64, .second_partition = 256});
  Index sum = 0;
  for (Index n = 1024; n < 1280; ++n) sum += convolution.multiplications(n);
  const Index head = 128 + simd::lanes<double>;
  CHECK(sum == 256 * head + 4 * (2 * 4 * 32 * 6 + 4 * 64 * 6) + (2 * 4 * 128 * 8 + 4 * 256 * 2));
}

// ---- new kernels ----

namespace {

/// Old and new results, faded over `count` samples from `begin` on.
RowMatrix<double> faded(const RowMatrix<double>& from, const RowMatrix<double>& to, Index begin, Index count) {
  RowMatrix<double> result = from;
  for (Index n = begin; n < from.cols(); ++n) {
    const double gain = std::min(1.0, static_cast<double>(n - begin + 1) / static_cast<double>(count + 1));
    result.col(n) += gain * (to.col(n) - from.col(n));
  }
  return result;
}

}  // namespace

TEST_CASE("a new kernel fades in as if it had heard all samples", "[streaming]") {
  const RowMatrix<double> in = random_normal<double>(2, 1200, 1);
  const RowMatrix<double> old_kernel = random_normal<double>(2, 300, 2), new_kernel = random_normal<double>(1, 250, 3);
  const RowMatrix<double> from = direct(in, old_kernel), to = direct(in, new_kernel);
  for (const Sizes sizes : {Sizes{256, 0}, {8, 0}, {8, 64}, {1, 4}}) {
    for (const Index crossfade : {0, 1, 100}) {
      for (const Index at : {1, 63, 64, 250}) {
        StreamingConvolutionOptions options = options_for(2, 300, sizes);
        options.crossfade = crossfade;
        StreamingConvolution<double> convolution(rows(old_kernel), options);
        RowMatrix<double> out(2, 1200);
        stream(convolution, in, out, 0, at, {50});
        convolution.set_kernel(rows(new_kernel));
        const Index begin = convolution.crossfade_begin(at);
        CAPTURE(sizes.first, sizes.second, crossfade, at, begin);
        CHECK(begin > at);
        CHECK(begin <= at + 310 + 2 * std::max(sizes.first, sizes.second));
        stream(convolution, in, out, at, 1200, {1, 20, 300});
        CHECK(error(out, faded(from, to, begin, crossfade)) < tolerance<double>);
        // The same bits for any schedule from there on.
        convolution = StreamingConvolution<double>(rows(old_kernel), options);
        RowMatrix<double> other(2, 1200);
        stream(convolution, in, other, 0, at, {at});
        convolution.set_kernel(rows(new_kernel));
        stream(convolution, in, other, at, 1200, {1200});
        CHECK(same_bits(out, other));
        // And those of the new kernel alone in the end.
        convolution = StreamingConvolution<double>(rows(new_kernel), options);
        const RowMatrix<double> alone = streamed(convolution, in, {1200});
        const Index rest = 1200 - begin - crossfade;
        CHECK(same_bits<double>(out.rightCols(rest), alone.rightCols(rest)));
      }
    }
  }
}

TEST_CASE("a kernel given while another comes waits, replaces one that waits, and the status tells", "[streaming]") {
  const RowMatrix<double> in = random_normal<double>(1, 2000, 1), kernels = random_normal<double>(4, 100, 2);
  const StreamingConvolutionOptions options{
      .kernel_length = 100, .crossfade = 70, .first_partition = 4, .second_partition = 16};
  const auto kernel = [&](Index i) { return rows(kernels).slice(i, i + 1); };
  std::vector<RowMatrix<double>> alone;
  for (Index i = 0; i < 4; ++i) alone.push_back(direct<double>(in, kernels.row(i)));
  StreamingConvolution<double> convolution(kernel(0), options);
  RowMatrix<double> out(1, 2000);
  const auto step = [&](Index from, Index to) {
    return convolution.process(piece(in, from, to - from), piece(out, from, to - from)).swapping;
  };
  CHECK_FALSE(step(0, 100));
  convolution.set_kernel(kernel(1));
  CHECK(step(100, 101));
  convolution.set_kernel(kernel(2));
  convolution.set_kernel(kernel(3));
  const Index begin = convolution.crossfade_begin(100);
  CHECK(step(101, begin + 69));
  CHECK(step(begin + 69, begin + 71));  // the first has come, another waits
  const Index next = convolution.crossfade_begin(begin + 71);
  CHECK(step(begin + 71, next + 69));
  CHECK_FALSE(step(next + 69, 2000));
  RowMatrix<double> expected = faded(faded(alone[0], alone[1], begin, 70), alone[3], next, 70);
  CHECK(error(out, expected) < tolerance<double>);
}

TEST_CASE("a kernel given before the first sample, or before a reset, is the only one", "[streaming]") {
  const RowMatrix<double> in = random_normal<double>(1, 300, 1), kernels = random_normal<double>(2, 100, 2);
  const RowMatrix<double> expected = direct<double>(in, kernels.bottomRows(1));
  StreamingConvolution<double> convolution(rows(kernels).slice(0, 1), options_for(1, 100, {4, 16}));
  convolution.set_kernel(rows(kernels).slice(1, 2));
  CHECK(error(streamed(convolution, in, {10}), expected) < tolerance<double>);

  convolution = StreamingConvolution<double>(rows(kernels).slice(0, 1), options_for(1, 100, {4, 16}));
  RowMatrix<double> out(1, 300);
  stream(convolution, in, out, 0, 100, {10});
  convolution.set_kernel(rows(kernels).slice(1, 2));
  stream(convolution, in, out, 100, 120, {10});
  convolution.reset();
  CHECK(error(streamed(convolution, in, {10}), expected) < tolerance<double>);
}

TEST_CASE("kernels may come from another thread while samples are processed", "[streaming]") {
  const RowMatrix<float> in = random_normal<float>(2, 64, 1), kernels = random_normal<float>(8, 200, 2);
  const StreamingConvolutionOptions options{
      .channels = 2, .kernel_length = 200, .crossfade = 30, .first_partition = 16, .second_partition = 32};
  StreamingConvolution<float> convolution(rows(kernels).slice(0, 1), options);
  std::thread control([&] {
    for (Index i = 0; i < effort(400, 100); ++i) convolution.set_kernel(rows(kernels).slice(i % 8, i % 8 + 1));
    convolution.set_kernel(rows(kernels).slice(5, 6));
  });
  RowMatrix<float> out(2, 64);
  for (int i = 0; i < effort(400, 100); ++i) convolution.process(piece(in, 0, 64), piece(out, 0, 64));
  control.join();
  for (int i = 0; i < 20; ++i) convolution.process(piece(in, 0, 64), piece(out, 0, 64));
  CHECK_FALSE(convolution.process(piece(in, 0, 64), piece(out, 0, 64)).swapping);
  convolution.reset();
  StreamingConvolution<float> expected(rows(kernels).slice(5, 6), options);
  CHECK(same_bits(streamed(convolution, in, {64}), streamed(expected, in, {64})));
}

// ---- errors ----

TEST_CASE("process says why it does nothing", "[streaming]") {
  const RowMatrix<double> kernel = random_normal<double>(1, 40, 1);
  StreamingConvolution<double> convolution(rows(kernel), {.channels = 2});
  const RowMatrix<double> in = random_normal<double>(4, 10, 2);
  RowMatrix<double> out = RowMatrix<double>::Constant(4, 10, 5);
  const RowMatrix<double> before = out;
  const auto problem = [&](Signals<const double> from, Signals<double> to) {
    const StreamingStatus status = convolution.process(from, to);
    CHECK(status.samples == 0);
    CHECK(convolution.position() == 0);
    return status.problem;
  };
  CHECK(problem({in.data(), 1, 3, 10}, {out.data(), 1, 2, 10}) == StreamingProblem::channels);
  CHECK(problem({in.data(), 1, 2, 10}, {out.data(), 1, 1, 10}) == StreamingProblem::channels);
  CHECK(problem({}, {}) == StreamingProblem::channels);
  CHECK(problem({in.data(), 2, 2, 10}, {out.data(), 2, 2, 10}) == StreamingProblem::batch);
  CHECK(problem({in.data(), 1, 2, 10}, {out.data(), 1, 2, 9}) == StreamingProblem::length);
  CHECK(problem({in.data(), 1, 2, 10}, {nullptr, 1, 2, 10}) == StreamingProblem::memory);
  CHECK(problem({in.data(), 1, 2, 0}, {out.data(), 1, 2, 0}) == StreamingProblem::none);
  CHECK(same_bits(out, before));
}

TEST_CASE("streaming convolutions refuse bad options and kernels, and keep the kernel they have", "[streaming]") {
  using Streaming = StreamingConvolution<double>;
  RowMatrix<double> kernel = random_normal<double>(2, 40, 1);
  const auto refused = [&](const StreamingConvolutionOptions& options) {
    return message_of<std::invalid_argument>([&] { Streaming(rows(kernel), options); });
  };
  CHECK(refused({.channels = 0}) == "StreamingConvolution: expected at least 1 channel, found 0");
  CHECK(refused({.channels = 3}) == "StreamingConvolution: expected 1 kernel or one for each of 3 channels, found 2");
  CHECK(refused({.channels = 2, .kernel_length = -1}) ==
        "StreamingConvolution: expected a kernel_length of at least 0, found -1");
  CHECK(refused({.channels = 2, .kernel_length = 39}) ==
        "StreamingConvolution: expected 1 to 39 taps, as kernel_length promises, found 40");
  CHECK(refused({.channels = 2, .crossfade = -1}) ==
        "StreamingConvolution: expected a crossfade of 0 to 16777214 samples, found -1");
  CHECK(refused({.channels = 2, .crossfade = 16777215}) ==
        "StreamingConvolution: expected a crossfade of 0 to 16777214 samples, found 16777215");
  CHECK(refused({.channels = 2, .first_partition = 12}) ==
        "StreamingConvolution: expected a first_partition of 0 or a power of two up to 65536, found 12");
  CHECK(refused({.channels = 2, .first_partition = -4}) ==
        "StreamingConvolution: expected a first_partition of 0 or a power of two up to 65536, found -4");
  const std::string second =
      "StreamingConvolution: expected a second_partition of 0 or a power of two up to 65536, "
      "larger than a first_partition that is not 0, found ";
  CHECK(refused({.channels = 2, .second_partition = 16}) == second + "16 and 0");
  CHECK(refused({.channels = 2, .first_partition = 16, .second_partition = 16}) == second + "16 and 16");
  CHECK(refused({.channels = 2, .first_partition = 16, .second_partition = 131072}) == second + "131072 and 16");
  const RowMatrix<double> none(1, 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Streaming(rows(none)),
                       "StreamingConvolution: expected 1 to 1 taps, as kernel_length promises, found 0");

  Streaming convolution(rows(kernel), options_for(2, 40, {4, 8}));
  const RowMatrix<double> in = random_normal<double>(2, 200, 2);
  RowMatrix<double> out(2, 200);
  stream(convolution, in, out, 0, 50, {50});
  const RowMatrix<double> three = random_normal<double>(3, 40, 3), longer = random_normal<double>(2, 41, 3);
  RowMatrix<double> spoiled = random_normal<double>(2, 40, 3);
  spoiled(1, 17) = from_bits<double>(0x7ff8000000000000u);
  CHECK_THROWS_MESSAGE(std::invalid_argument, convolution.set_kernel(rows(three)),
                       "StreamingConvolution: expected 1 kernel or one for each of 2 channels, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, convolution.set_kernel(rows(longer)),
                       "StreamingConvolution: expected 1 to 40 taps, as kernel_length promises, found 41");
  CHECK_THROWS_MESSAGE(std::invalid_argument, convolution.set_kernel(rows(spoiled)),
                       "StreamingConvolution: expected finite taps, found nan at kernel 1, tap 17");
  CHECK_THROWS_MESSAGE(std::invalid_argument, convolution.set_kernel(rows(none)),
                       "StreamingConvolution: expected 1 to 40 taps, as kernel_length promises, found 0");
  stream(convolution, in, out, 50, 200, {50});
  CHECK(error(out, direct(in, kernel)) < tolerance<double>);
}
