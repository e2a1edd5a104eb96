// A function of matrices in other coordinates.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "algebra.hpp"
#include "tables.hpp"

namespace eigcore {

// value(W, slope) of W (1 + terms, K) at a vector u of the same shape: W_0 = u_0, and below it W = M u for each of the
// square matrices M along the diagonal, given with their sizes, which sum to the terms.
template <class Value>
class InCoordinates {
 public:
  using Parts = std::vector<std::pair<const double*, std::int64_t>>;

 private:
  Value value_;
  Parts parts_;
  std::int64_t size_, K_;
  Zeros<double> u_, W_, slope_;

  static constexpr std::size_t beyond = 8;  // see `Algebra::product`

  void product(bool transposed, const double* from, double* to) const {
    std::copy_n(from, K_, to);
    std::int64_t at = K_;
    for (const auto& [M, n] : parts_) {
      algebra().product(M, transposed, from + at, to + at, n, K_);
      at += n * K_;
    }
  }

 public:
  InCoordinates(Value value, Parts parts, std::int64_t size, std::int64_t K)
      : value_(value),
        parts_(std::move(parts)),
        size_(size),
        K_(K),
        u_((std::size_t)size + beyond),
        W_((std::size_t)size + beyond),
        slope_((std::size_t)size + beyond) {}

  double operator()(const std::vector<double>& u, std::vector<double>& gradient) {
    std::copy_n(u.data(), size_, u_.data());
    product(false, u_.data(), W_.data());
    const double value = value_(W_.data(), slope_.data());
    product(true, slope_.data(), u_.data());
    std::copy_n(u_.data(), size_, gradient.data());
    return value;
  }
};

}  // namespace eigcore
