// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Random numbers that are the same everywhere: a counter-based generator keyed by (seed, stream), and our own
// distributions, because those of the standard library differ between vendors. A draw from a distribution consumes two
// words (below() may reject, rarely), so that streams stay aligned whatever the values.
//
// Give every chain, row or stage a stream of its own: streams of one seed are independent, and nothing then depends on
// scheduling. Bits and uniform numbers are equal on every machine; normal, exponential and gumbel numbers go through
// log() and sqrt() of the mathematics library and can differ in the last place between libraries.

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/philox.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_probability(double p) {
  const char* expected = "normal_quantile: expected a probability between 0 and 1, both excluded";
  if (!is_finite(p)) raise<std::invalid_argument>("{}, found {}", expected, non_finite_name(p));
  raise<std::invalid_argument>("{}, found {}", expected, p);
}

}  // namespace detail

/// The x for which a standard normal variable is below x with probability p; relative error below 1e-15 (Wichura,
/// "Algorithm AS 241", Applied Statistics 37, 1988). Throws std::invalid_argument unless 0 < p < 1.
inline double normal_quantile(double p) {
  if (!is_finite(p) || !(p > 0 && p < 1)) [[unlikely]]
    detail::refuse_probability(p);
  const auto ratio = [](const double(&a)[8], const double(&b)[8], double r) {
    double top = a[7];
    double bottom = b[7];
    for (int i = 6; i >= 0; --i) {
      top = top * r + a[i];
      bottom = bottom * r + b[i];
    }
    return top / bottom;
  };
  constexpr double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                           1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                           3.3430575583588128105e4, 2.5090809287301226727e3};
  constexpr double b[8] = {1,
                           4.2313330701600911252e1,
                           6.8718700749205790830e2,
                           5.3941960214247511077e3,
                           2.1213794301586595867e4,
                           3.9307895800092710610e4,
                           2.8729085735721942674e4,
                           5.2264952788528545610e3};
  constexpr double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                           3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                           2.27238449892691845833e-2, 7.74545014278341407640e-4};
  constexpr double d[8] = {1,
                           2.05319162663775882187e0,
                           1.67638483018380384940e0,
                           6.89767334985100004550e-1,
                           1.48103976427480074590e-1,
                           1.51986665636164571966e-2,
                           5.47593808499534494600e-4,
                           1.05075007164441684324e-9};
  constexpr double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                           2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                           2.71155556874348757815e-5, 2.01033439929228813265e-7};
  constexpr double f[8] = {1,
                           5.99832206555887937690e-1,
                           1.36929880922735805310e-1,
                           1.48753612908506148525e-2,
                           7.86869131145613259100e-4,
                           1.84631831751005468180e-5,
                           1.42151175831644588870e-7,
                           2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) return q * ratio(a, b, 0.180625 - q * q);
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  const double tail = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
  return q < 0 ? -tail : tail;
}

/// A stream of random numbers. Copying one copies its place in the stream. A standard random bit generator, too.
class Random {
 public:
  using result_type = std::uint32_t;

  explicit Random(std::uint64_t seed, std::uint64_t stream = 0)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, stream_(stream) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() { return bits32(); }

  std::uint32_t bits32() {
    const std::uint64_t block = position_ / 4;
    if (block != block_) {
      words_ = philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                       static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                      key_);
      block_ = block;
    }
    return words_[position_++ % 4];
  }

  std::uint64_t bits64() {
    const std::uint64_t low = bits32();
    return low | std::uint64_t{bits32()} << 32;
  }

  /// In [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(bits64() >> 11) * 0x1p-53; }
  /// In (0, 1], a multiple of 2^-53.
  double uniform_positive() { return static_cast<double>((bits64() >> 11) + 1) * 0x1p-53; }
  /// In (0, 1), an odd multiple of 2^-53: symmetric about 1/2, for functions with a pole at either end.
  double uniform_open() { return static_cast<double>(bits64() >> 12 << 1 | 1) * 0x1p-53; }

  /// An integer in [0, bound), each exactly as likely (Lemire, "Fast random integer generation in an interval", 2019).
  /// Throws std::invalid_argument unless bound >= 1.
  Index below(Index bound) {
    require(bound >= 1, "Random: expected a bound of at least 1, found {}", bound);
    const auto n = static_cast<std::uint64_t>(bound);
    Product product = static_cast<Product>(bits64()) * n;
    if (static_cast<std::uint64_t>(product) < n) [[unlikely]] {
      const std::uint64_t surplus = (0 - n) % n;  // of 2^64 over the multiples of n
      while (static_cast<std::uint64_t>(product) < surplus) product = static_cast<Product>(bits64()) * n;
    }
    return static_cast<Index>(product >> 64);
  }

  /// Mean 0, variance 1.
  double normal() { return normal_quantile(uniform_open()); }
  /// Mean 1.
  double exponential() { return -std::log(uniform_positive()); }
  /// Standard Gumbel: -log(-log(u)); the argmax of log-weights plus gumbel() is a categorical draw.
  double gumbel() { return -std::log(-std::log(uniform_open())); }
  /// True with probability p.
  bool bernoulli(double p) { return uniform() < p; }

  /// Index i with probability weights[i] / sum. Throws std::invalid_argument on a negative or non-finite weight, or
  /// when none is positive.
  Index categorical(std::span<const double> weights) {
    double total = 0;
    Index last = -1;
    for (Index i = 0; i < static_cast<Index>(weights.size()); ++i) {
      const double weight = weights[static_cast<std::size_t>(i)];
      require(is_finite(weight) && weight >= 0, "Random: expected finite weights of at least 0, found {} at {}", weight,
              i);
      total += weight;
      if (weight > 0) last = i;
    }
    require(last >= 0 && is_finite(total), "Random: expected a positive finite sum of weights, found {} ({} weights)",
            total, weights.size());
    double rest = uniform() * total;
    for (Index i = 0; i < last; ++i) {
      rest -= weights[static_cast<std::size_t>(i)];
      if (rest < 0) return i;
    }
    return last;  // also when rounding leaves something
  }

  /// 0, ..., size - 1 in random order (Fisher and Yates), each order as likely.
  std::vector<Index> permutation(Index size) {
    require(size >= 0, "Random: expected a non-negative size, found {}", size);
    std::vector<Index> order(static_cast<std::size_t>(size));
    for (Index i = 0; i < size; ++i) order[static_cast<std::size_t>(i)] = i;
    for (Index i = size - 1; i > 0; --i) {
      std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(below(i + 1))]);
    }
    return order;
  }

  /// `count` different integers of [0, size), ascending, each choice as likely (Knuth, volume 2, algorithm 3.4.2S).
  /// Throws std::invalid_argument unless 0 <= count <= size.
  std::vector<Index> choose(Index size, Index count) {
    require(size >= 0, "Random: expected a non-negative size, found {}", size);
    require(count >= 0 && count <= size, "Random: expected a count between 0 and {}, found {}", size, count);
    std::vector<Index> chosen;
    chosen.reserve(static_cast<std::size_t>(count));
    for (Index i = 0; count > 0; ++i) {
      if (below(size - i) >= count) continue;
      chosen.push_back(i);
      --count;
    }
    return chosen;
  }

  /// Words of 32 bits consumed so far; seek() goes on from there.
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

 private:
  __extension__ typedef unsigned __int128 Product;

  PhiloxKey key_;
  std::uint64_t stream_;
  std::uint64_t position_ = 0;
  std::uint64_t block_ = std::numeric_limits<std::uint64_t>::max();  // whose words are in words_; none yet
  PhiloxCounter words_{};
};

}  // namespace tessera::inline TESSERA_ISA
