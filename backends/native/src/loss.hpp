// Losses of rows and their derivatives, in registers.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

using Row = Real<double>::V;
using RowBits = Real<double>::M;

// e^x for x <= 0: x = k ln 2 + r with |r| <= ln(2)/2, Taylor's series of e^r (the next term is below 2^-57), times 2^k.
// Below -700, where the result would soon be subnormal, as at -700.
EIG_INLINE Row exp_of_negative(Row x) {
  constexpr double log2e = 1.4426950408889634, ln2_high = 0x1.62e42fefa0000p-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  constexpr double shift = 0x1.8p52;  // adding it rounds to a whole number, which stands in the last bits
  x = x < -700.0 ? splat<double>(-700.0) : x;
  const Row shifted = x * log2e + shift, k = shifted - shift;
  const Row r = (x - k * ln2_high) - k * ln2_low;
  Row p = splat<double>(1.0 / 6227020800.0);  // 1/13!
  for (const double factorial : {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0,
                                 2.0, 1.0, 1.0})
    p = p * r + 1.0 / factorial;
  return p * (Row)(((RowBits)shifted << 52) + (RowBits)splat<double>(1.0));
}

// log(1 + s) = 2 artanh(z) = 2 (z + z^3/3 + z^5/5 + ...) with z = s / (2 + s) <= 1/3, for 0 <= s <= 1.
EIG_INLINE Row log_one_plus(Row s) {
  const Row z = s / (2.0 + s), y = z * z;
  Row p = splat<double>(1.0 / 33.0);
  for (int odd = 31; odd > 0; odd -= 2) p = p * y + 1.0 / odd;
  return 2.0 * z * p;
}

// (f - y)^2.
struct Squared {
  static EIG_INLINE Row loss(Row f, Row y, Row& slope) {
    slope = 2.0 * (f - y);
    return (f - y) * (f - y);
  }
};

// log(1 + e^f) - y f = max(f, 0) + log(1 + e^-|f|) - y f; never overflows.
struct Binomial {
  static EIG_INLINE Row loss(Row f, Row y, Row& slope) {
    const Row small = exp_of_negative(f < 0.0 ? f : -f), larger = 1.0 / (1.0 + small);
    slope = (f < 0.0 ? small * larger : larger) - y;
    return (f < 0.0 ? Row{} : f) + log_one_plus(small) - y * f;
  }
};

// Sum of the losses, each times its share, and the same multiple of their derivatives in g. Shares and offsets may be
// null: ``factor`` and 0.
template <class Loss, class T>
double loss_of_rows(const T* values, const double* target, const double* share, const double* offset, index rows,
                    double factor, T* g) {
  constexpr int W = Real<double>::W;
  Row sum{};
  for (index n = 0; n < rows; n += W) {
    const int valid = rows - n < W ? int(rows - n) : W;
    double f[W] = {}, own[W] = {};
    for (int l = 0; l < valid; ++l) f[l] = (double)values[n + l] + (offset ? offset[n + l] : 0.0);
    for (int l = 0; l < valid; ++l) own[l] = share ? share[n + l] : factor;
    Row slope;
    const Row loss = Loss::loss(load<double>(f), load_partial<double>(target + n, valid), slope);
    sum += load<double>(own) * loss;
    store<double>(own, load<double>(own) * slope);
    for (int l = 0; l < valid; ++l) g[n + l] = (T)own[l];
  }
  double total = 0.0;
  for (int l = 0; l < W; ++l) total += sum[l];
  return total;
}

template <class T>
double loss_sum(LossKind kind, const T* values, const double* target, const double* share, const double* offset,
                index rows, double factor, T* g) {
  return kind == LossKind::squared ? loss_of_rows<Squared>(values, target, share, offset, rows, factor, g)
                                   : loss_of_rows<Binomial>(values, target, share, offset, rows, factor, g);
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
