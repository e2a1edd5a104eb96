// The tables of encoded columns, made once for many calls, from the matrices of the terms.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "parallel.hpp"

namespace eigcore {

inline std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

template <class T>
class Zeros : public AlignedArray<T> {
 public:
  explicit Zeros(std::size_t n) : AlignedArray<T>(n) { std::fill_n(this->data(), n, T(0)); }
};

// A term of a column is one row. params (rows + 1, K) is the base, then the step of each row, packed; runs are the rows
// first ... end - 1 of a column. start: the sum of the steps before it in its run, zero in no run.
template <class T>
class Tables {
 public:
  using Runs = std::vector<std::pair<std::int64_t, std::int64_t>>;

 private:
  std::int64_t rows_, K_, stride_, row_;
  bool joined_;
  Runs runs_;
  std::int64_t base_, before_;  // so that the first start begins a line of the cache
  Zeros<T> numbers_;            // base, then start and step of each row

  T* start(std::int64_t row, T* numbers) const { return numbers + base_ + row * row_; }
  T* step(std::int64_t row, T* numbers) const { return start(row, numbers) + stride_; }

 public:
  // A matrix is padded to a multiple of `granule` numbers: base, then start and step of each row, (1 + 2 rows, stride).
  // With `joined` start and step are padded together.
  Tables(std::int64_t rows, std::int64_t K, Runs runs, std::int64_t granule = kernels<T>().width)
      : rows_(rows),
        K_(K),
        stride_(granule == joined ? K : round_up(K, granule)),
        row_(granule == joined ? round_up(2 * K, kernels<T>().width) : 2 * stride_),
        joined_(granule == joined),
        runs_(std::move(runs)),
        base_(joined_ ? row_ : stride_),
        before_(round_up(base_, 64 / sizeof(T)) - base_),
        numbers_((std::size_t)(before_ + base_ + rows * row_)) {}
  Tables(const T* params, std::int64_t rows, std::int64_t K, Runs runs, std::int64_t granule = kernels<T>().width)
      : Tables(rows, K, std::move(runs), granule) {
    fill(params);
  }
  static constexpr std::int64_t joined = 0;
  // Of tables without a pullback, for matrices of order d: as few lines of the cache as it takes.
  static std::int64_t tight(std::int64_t d) {
    return d <= small_order ? joined : std::min<std::int64_t>(kernels<T>().width, 4);
  }

  // Other matrices of the same shape.
  void fill(const T* params) {
    T* to = numbers_.data() + before_;
    std::copy_n(params, K_, to);
    for (std::int64_t r = 0; r < rows_; ++r) std::copy_n(params + (r + 1) * K_, K_, step(r, to));
    for (const auto& [first, end] : runs_)
      for (std::int64_t r = first; r + 1 < end; ++r)
        for (std::int64_t c = 0; c < K_; ++c) start(r + 1, to)[c] = start(r, to)[c] + step(r, to)[c];
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t row_size() const { return K_; }

  void describe(Encoded<T>& e) {
    T* from = numbers_.data() + before_;
    e.base = from, e.start = start(0, from), e.stride = stride_, e.joined = joined_;
  }

  // From cotangents of the numbers to those of params: a step also moves the later starts of its run. Overwrites sums.
  void pull(T* sums, T* d_params) const {
    for (const auto& [first, end] : runs_)
      for (std::int64_t r = end - 2; r >= first; --r)
        for (std::int64_t c = 0; c < K_; ++c) {
          step(r, sums)[c] += start(r + 1, sums)[c];
          start(r, sums)[c] += start(r + 1, sums)[c];
        }
    std::copy_n(sums, K_, d_params);
    for (std::int64_t r = 0; r < rows_; ++r) std::copy_n(step(r, sums), K_, d_params + (r + 1) * K_);
  }
};

}  // namespace eigcore
