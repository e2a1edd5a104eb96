// A function of matrices in other coordinates.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "algebra.hpp"
#include "tables.hpp"

namespace eigcore {

// From a vector to matrices W of order d, packed: W_0, then J times the blocks, which are M u (free, K) and B B^T with
// factors B (semidefinite, d, d). The vector is W_0, u, and the factors.
struct Coordinates {
  struct Matrix {
    const double* numbers;
    std::int64_t rows, columns;
  };
  std::int64_t d = 0;
  std::vector<Matrix> M, J;                      // along the diagonals; without J the blocks are the terms
  std::vector<std::int64_t> free, semidefinite;  // which blocks these are

  std::int64_t K() const { return packed_size(d); }
  std::int64_t blocks() const { return (std::int64_t)(free.size() + semidefinite.size()); }
  std::int64_t terms() const {
    std::int64_t sum = J.empty() ? blocks() : 0;
    for (const Matrix& each : J) sum += each.rows;
    return sum;
  }
  std::int64_t size() const { return (1 + (std::int64_t)free.size()) * K() + (std::int64_t)semidefinite.size() * d * d; }
};

// value(W, slope) of W (1 + terms, K) as a function of the vector.
template <class Value>
class InCoordinates {
  Value value_;
  Coordinates c_;
  std::int64_t d_, K_;
  Zeros<double> u_, free_, blocks_, W_, slope_, square_, turned_;

  static std::size_t room(std::int64_t n) { return (std::size_t)n + 8; }  // see `Algebra::product`

  static void product(const std::vector<Coordinates::Matrix>& along, bool transposed, const double* from, double* to,
                      std::int64_t columns) {
    for (const auto& [numbers, m, n] : along) {
      algebra().product(numbers, transposed, from, to, transposed ? n : m, transposed ? m : n, columns);
      from += (transposed ? m : n) * columns, to += (transposed ? n : m) * columns;
    }
  }

  // The packed B B^T of B (d, d).
  void square(const double* B, double* packed) {
    for (std::int64_t i = 0; i < d_; ++i)
      for (std::int64_t j = 0; j < d_; ++j) turned_.data()[j * d_ + i] = B[i * d_ + j];
    algebra().product(B, false, turned_.data(), square_.data(), d_, d_, d_);
    for (std::int64_t i = 0; i < d_; ++i)
      for (std::int64_t j = 0; j <= i; ++j) *packed++ = square_.data()[i * d_ + j] * (i == j ? 1.0 : std::sqrt(2.0));
  }

  // <G, d(B B^T)> = <2 G B, dB> for symmetric G, given packed.
  void square_pullback(const double* packed, const double* B, double* gradient) {
    for (std::int64_t i = 0; i < d_; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        const double g = *packed++ * (i == j ? 2.0 : std::sqrt(2.0));
        turned_.data()[i * d_ + j] = turned_.data()[j * d_ + i] = g;
      }
    std::copy_n(B, d_ * d_, square_.data());
    algebra().product(turned_.data(), false, square_.data(), square_.data() + d_ * d_ + 8, d_, d_, d_);
    std::copy_n(square_.data() + d_ * d_ + 8, d_ * d_, gradient);
  }

 public:
  InCoordinates(Value value, Coordinates coordinates)
      : value_(value),
        c_(std::move(coordinates)),
        d_(c_.d),
        K_(c_.K()),
        u_(room(c_.size())),
        free_(room((std::int64_t)c_.free.size() * K_)),
        blocks_(room(c_.blocks() * K_)),
        W_(room((1 + c_.terms()) * K_)),
        slope_(room((1 + c_.terms()) * K_)),
        square_(2 * room(d_ * d_)),
        turned_(room(d_ * d_)) {}

  double operator()(const std::vector<double>& u, std::vector<double>& gradient) {
    std::copy(u.begin(), u.end(), u_.data());
    const std::int64_t factors = (1 + (std::int64_t)c_.free.size()) * K_;
    double* blocks = c_.J.empty() ? W_.data() + K_ : blocks_.data();
    std::copy_n(u_.data(), K_, W_.data());
    product(c_.M, false, u_.data() + K_, free_.data(), K_);
    for (std::size_t i = 0; i < c_.free.size(); ++i)
      std::copy_n(free_.data() + (std::int64_t)i * K_, K_, blocks + c_.free[i] * K_);
    for (std::size_t i = 0; i < c_.semidefinite.size(); ++i)
      square(u_.data() + factors + (std::int64_t)i * d_ * d_, blocks + c_.semidefinite[i] * K_);
    product(c_.J, false, blocks_.data(), W_.data() + K_, K_);

    const double value = value_(W_.data(), slope_.data());

    const double* by_blocks = c_.J.empty() ? slope_.data() + K_ : blocks_.data();
    std::copy_n(slope_.data(), K_, gradient.data());
    product(c_.J, true, slope_.data() + K_, blocks_.data(), K_);
    for (std::size_t i = 0; i < c_.free.size(); ++i)
      std::copy_n(by_blocks + c_.free[i] * K_, K_, free_.data() + (std::int64_t)i * K_);
    for (std::size_t i = 0; i < c_.semidefinite.size(); ++i) {
      const std::int64_t at = factors + (std::int64_t)i * d_ * d_;
      square_pullback(by_blocks + c_.semidefinite[i] * K_, u_.data() + at, gradient.data() + at);
    }
    product(c_.M, true, free_.data(), u_.data(), K_);
    std::copy_n(u_.data(), (std::int64_t)c_.free.size() * K_, gradient.data() + K_);
    return value;
  }
};

}  // namespace eigcore
