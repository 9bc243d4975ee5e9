// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/overlap_save.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "fft/convolution_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// The whole convolution of the rows of `u`, pushed in pieces of these lengths, over and over.
template <class Scalar>
RowMatrix<Scalar> pushed(OverlapSave<Scalar>& feed, const RowMatrix<Scalar>& u, const std::vector<Index>& pieces,
                         Execution execution = {}) {
  RowMatrix<Scalar> result(u.rows(), u.cols() + feed.kernel_length() - 1);
  Index done = 0, given = 0;
  for (std::size_t i = 0; done < u.cols(); ++i) {
    const Index piece = std::min(pieces[i % pieces.size()], u.cols() - done);
    const Index results = feed.results(piece);
    feed.push_into(signals(u.middleCols(done, piece)), signals(result.middleCols(given, results)), execution);
    done += piece;
    given += results;
    REQUIRE(feed.position() == done);
    REQUIRE(feed.given() == given);
  }
  REQUIRE(feed.remaining() == result.cols() - given);
  feed.finish_into(signals(result.middleCols(given, feed.remaining())), execution);
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("a signal in pieces has the results of the sum over all taps", "[convolution]", float, double) {
  const double tolerance = sizeof(TestType) == 4 ? 5e-7 : 1e-13;
  for (const Index taps : {1, 2, 31, 32, 33, 100, 257, 1000}) {
    const Index channels = 2;
    const RowMatrix<TestType> k = random_normal<TestType>(channels, taps, 1);
    OverlapSave<TestType> feed(rows(k), {.channels = channels});
    for (const Index length : {Index{1}, taps, feed.block() - 1, feed.block(), 3 * feed.block() + 5}) {
      CAPTURE(taps, length, feed.block());
      if (length == 0) continue;
      const RowMatrix<TestType> u = random_normal<TestType>(channels, length, 2);
      const RowMatrix<TestType> y = pushed(feed, u, {length});
      long double worst = 0, peak = 0;
      for (Index c = 0; c < channels; ++c) {
        for (Index n = 0; n < y.cols(); n += length < 1000 ? 1 : 17) {
          const long double expected = exact<TestType>(&u(c, 0), length, &k(c, 0), taps, nullptr, 0, n);
          worst = std::max(worst, std::abs(expected - static_cast<long double>(y(c, n))));
          peak = std::max(peak, std::abs(expected));
        }
      }
      CHECK(static_cast<double>(worst / peak) < tolerance);
    }
  }
}

TEST_CASE("how a signal is cut into pieces does not change a bit", "[convolution]") {
  ThreadPool pool(3);
  for (const Index taps : {5, 60, 500}) {
    const Index channels = 3;
    const RowMatrix<float> k = random_normal<float>(1, taps, 1);
    OverlapSave<float> feed(rows(k), {.channels = channels, .slots = 2});
    const RowMatrix<float> u = random_normal<float>(channels, 3 * feed.block() + 77, 2);
    const RowMatrix<float> whole = pushed(feed, u, {u.cols()});
    for (const std::vector<Index>& pieces :
         {std::vector<Index>{1}, {1, 2, 3, 500, 7}, {feed.block()}, {feed.block() - 1, 1}, {2 * feed.block() + 1}}) {
      CHECK(same_bits(pushed(feed, u, pieces), whole));
    }
    CHECK(same_bits(pushed(feed, u, {400, 1}, pool), whole));
    for (Index c = 0; c < channels; ++c) {
      OverlapSave<float> single(rows(k));
      REQUIRE(same_bits<float>(pushed<float>(single, u.row(c), {300}), whole.row(c)));
    }
  }
}

TEST_CASE("a signal may end without the results after its last sample", "[convolution]") {
  const RowMatrix<double> k = random_normal<double>(1, 50, 1), u = random_normal<double>(1, 1000, 2);
  OverlapSave<double> feed(rows(k));
  const RowMatrix<double> whole = pushed(feed, u, {1000});
  CHECK(feed.position() == 0);
  CHECK(feed.remaining() == 0);
  CHECK(feed.finish().cols() == 0);
  RowMatrix<double> first = feed.push(signals(u)), rest(1, 1000 - first.cols());
  feed.finish_into(signals(rest));
  CHECK(same_bits<double>(first, whole.leftCols(first.cols())));
  CHECK(same_bits<double>(rest, whole.middleCols(first.cols(), rest.cols())));
  feed.push(signals(u));
  feed.reset();  // the same as a new one
  CHECK(same_bits(pushed(feed, u, {17}), whole));
}

TEST_CASE("a kernel of one tap is a factor", "[convolution]") {
  RowMatrix<float> k(1, 1);
  k(0, 0) = 3;
  OverlapSave<float> feed(rows(k));
  const RowMatrix<float> u = random_normal<float>(1, 1300, 2);
  CHECK(same_bits<float>(pushed(feed, u, {9}), 3 * u));
}

TEST_CASE("pushing allocates nothing", "[convolution]") {
  if (sanitized) return;
  for (const Index taps : {7, 300}) {
    const RowMatrix<float> k = random_normal<float>(1, taps, 1), u = random_normal<float>(1, 5000, 2);
    OverlapSave<float> feed(rows(k));
    RowMatrix<float> y(1, feed.results(5000));
    const long before = allocations();
    feed.push_into(signals(u), signals(y));
    CHECK(allocations() == before);
  }
}

TEST_CASE("misuse of overlap-save is refused in words", "[convolution]") {
  using Feed = OverlapSave<float>;
  RowMatrix<float> k = RowMatrix<float>::Ones(2, 40), u = RowMatrix<float>::Ones(2, 10), y(2, 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Feed(rows(k), {.channels = 0}),
                       "OverlapSave: expected at least 1 channel, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Feed(rows(k), {.channels = 2, .slots = 0}),
                       "OverlapSave: expected at least 1 slot, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Feed(rows(k), {.channels = 3}),
                       "OverlapSave: expected 1 kernel or one for each of 3 channels, found 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Feed(Batch<const float>(k.data(), 1, 0)),
                       "OverlapSave: expected at least 1 tap, found 0");
  RowMatrix<float> bad = k;
  bad(1, 3) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, Feed(rows(bad), {.channels = 2}),
                       "OverlapSave: expected finite taps, found inf at kernel 1, tap 3");
  Feed feed(rows(k), {.channels = 2});
  CHECK_THROWS_MESSAGE(std::invalid_argument, feed.push(signals(u.topRows(1))),
                       "OverlapSave: expected input of batch 1, 2 channels and length 10, found 1, 1 and 10");
  CHECK_THROWS_MESSAGE(std::invalid_argument, feed.push_into(signals(std::as_const(u)), signals(u)),
                       "OverlapSave: expected output of batch 1, 2 channels and length 0, found 1, 2 and 10");
  u(1, 4) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, feed.push(signals(u)),
                       "OverlapSave: expected finite samples, found nan at channel 1, sample 4");
  CHECK(feed.position() == 0);
  u(1, 4) = 1;
  feed.push(signals(u));
  RowMatrix<float> wide(2, 50);
  CHECK_THROWS_MESSAGE(std::invalid_argument, feed.finish_into(signals(wide)),
                       "OverlapSave: expected room for at most 49 remaining results, found 50");
  CHECK(feed.position() == 10);
}
