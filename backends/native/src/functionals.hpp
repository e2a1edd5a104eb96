// Functions of eigenvalues and their weights dphi/dlambda in registers; formulas and tie rules as in
// eigcore/core/functionals.py.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// e^x for x <= 0: x = k ln 2 + r with |r| <= ln(2) / 2, Taylor's series of e^r, times 2^k; zero where that is no longer
// normal.
template <class T, int U>
Pack<T, U> exp_of_negative(const Pack<T, U>& x) {
  using P = Pack<T, U>;
  using R = Real<T>;
  using Bits = typename R::M;
  constexpr bool wide = sizeof(T) == 8;
  const P shift(wide ? T(0x1.8p52) : T(0x1.8p23)), lowest(wide ? T(-700) : T(-87));
  const P y = max(x, lowest), shifted = y * P(T(1.4426950408889634)) + shift, k = shifted - shift;
  const P high(wide ? T(0x1.62e42fefa0000p-1) : T(0x1.62e4p-1)), low(wide ? T(0x1.cf79abc9e3b3ap-40) : T(0x1.7f7d1cp-20));
  const P r = (y - k * high) - k * low;
  P p(T(1.0 / 6227020800.0));  // 1/13!
  for (const double factorial : {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0,
                                 2.0, 1.0, 1.0})
    p = p * r + P(T(1.0 / factorial));
  P power;
  for (int u = 0; u < U; ++u)
    power.v[u] = (typename R::V)(((Bits)shifted.v[u] << R::mantissa) + (Bits)splat<T>(T(1)));
  return select(x < lowest, P(T(0)), p * power);
}

// log x for normal x >= 1: e ln 2 + 2 artanh((m - 1) / (m + 1)) with x = 2^e m, 1 <= m < 2.
template <class T, int U>
Pack<T, U> log_above_one(const Pack<T, U>& x) {
  using P = Pack<T, U>;
  const P down = inverse_power_of_two(x), m = x * down, one(T(1));
  P e;
  for (int u = 0; u < U; ++u)
    e.v[u] = __builtin_convertvector(
        Real<T>::bias - (typename Real<T>::M)((typename Real<T>::B)down.v[u] >> Real<T>::mantissa), typename Real<T>::V);
  const P s = (m - one) / (m + one), y = s * s;
  P p(T(1.0 / 33.0));
  for (int odd = 31; odd > 0; odd -= 2) p = p * y + P(T(1.0 / odd));
  return e * P(T(0.6931471805599453)) + (s + s) * p;
}

// The eigenvalues first ... last of one register of matrices, their weights, and room for as many numbers. An eigenvalue
// of zero weight that was not computed is NaN, and close to nothing.
template <class T, int U>
struct Functional {
  using P = Pack<T, U>;
  const Phi<T>& phi;
  index d;
  const P* lam;
  P* w;
  P* room;
  const P* given;  // several: the weights of each matrix

  // tau = 8 d eps |M|_2; NaN, so that nothing is near, where an end of the spectrum was not computed
  P tie_tolerance() const {
    return P(T(8 * d) * Real<T>::eps) * select(abs(lam[0]) > abs(lam[d - 1]), abs(lam[0]), abs(lam[d - 1]));
  }

  P linear() const {
    P sum(T(0));
    for (index j = 0; j < d; ++j)
      if (phi.weights[j] != 0) sum = sum + P(phi.weights[j]) * lam[j];
    return sum;
  }

  void weigh_jump() const {
    const P tau = tie_tolerance(), zero(T(0)), one(T(1)), pivot = lam[phi.pivot];
    P total = zero, count = zero;
    for (index j = 0; j < d; ++j) {
      const auto near = abs(lam[j] - pivot) <= tau;
      total = total + select(near, P(phi.weights[j]), zero);
      count = count + select(near, one, zero);
    }
    const P mean = total / count;
    for (index j = 0; j < d; ++j) w[j] = select(abs(lam[j] - pivot) <= tau, mean, P(phi.weights[j]));
  }

  // Forward, the sums of the runs so far; backward, the mean of each run.
  void weigh_runs() const {
    const P tau = tie_tolerance(), one(T(1));
    P sum, count;
    for (index j = 0; j < d; ++j) {
      const auto joined = j ? lam[j] - lam[j - 1] <= tau : no_lanes<T, U>();
      sum = select(joined, sum, P(T(0))) + P(phi.weights[j]);
      count = select(joined, count, P(T(0))) + one;
      w[j] = sum / count;
    }
    for (index j = d - 2; j >= 0; --j) w[j] = select(lam[j + 1] - lam[j] <= tau, w[j + 1], w[j]);
  }

  // Each weight is shared among the eigenvalues within tau of its own.
  void weigh_several() const {
    const P tau = tie_tolerance(), zero(T(0)), one(T(1));
    const auto near = [&](index i, index j) { return abs(lam[i] - lam[j]) <= tau; };
    for (index j = 0; j < d; ++j) {
      P count = one;
      for (index i = 0; i < d; ++i)
        if (i != j) count = count + select(near(i, j), one, zero);
      room[j] = given[j] / count;
    }
    for (index i = 0; i < d; ++i) {
      w[i] = room[i];
      for (index j = 0; j < d; ++j)
        if (i != j) w[i] = w[i] + select(near(i, j), room[j], zero);
    }
  }

  P softmax(bool weights) const {
    const T least = Real<T>::bits == 64 ? T(0x1p-1022) : T(0x1p-126), t = phi.number > least ? phi.number : least;
    const P top = lam[d - 1], zero(T(0)), negligible(Real<T>::eps * Real<T>::eps);
    P total = zero;
    for (index j = 0; j < d; ++j) {
      room[j] = exp_of_negative((lam[j] - top) / P(t));
      total = total + room[j];
    }
    const P inverse = P(T(1)) / total;
    for (index j = 0; weights && j < d; ++j) w[j] = select(room[j] > negligible, room[j] * inverse, zero);
    return P(phi.number) * log_above_one(total) + top;
  }

  // The root nu of sum_j clip(u_j + nu, 0, 1) = target + number of j > k, over the n numbers u, ascending, u_k = 0. The
  // sum is that of the distances to the nearest step, so numbers beyond -1 or 1 add exact zeros.
  static P root(const P* u, index n, index k, T target) {
    const P zero(T(0)), one(T(1)), wanted(target), none(T(4));
    const auto height = [&](const P& shift) {
      P sum = zero;
      for (index j = 0; j < n; ++j) {
        const P part = min(max(u[j] + shift, zero), one);
        sum = sum + (j > k ? part - one : part);
      }
      return sum;
    };
    P low = -none, high = none, at_low = zero, at_high = zero;
    for (index j = 0; j < n; ++j)
      for (const P& nu : {-u[j], one - u[j]}) {
        const P h = height(nu);
        const auto lower = (h <= wanted) & (nu > low), upper = (h >= wanted) & (nu < high);
        low = select(lower, nu, low), at_low = select(lower, h, at_low);
        high = select(upper, nu, high), at_high = select(upper, h, at_high);
      }
    const P rise = at_high - at_low, part = (wanted - at_low) / select(rise > zero, rise, one);
    return low + (high - low) * select(rise > zero, min(max(part, zero), one), zero);
  }

  // Among lambda_first ... lambda_last, all that lie within alpha of lambda_k.
  P smooth(index first, index last) const {
    const T least = Real<T>::bits == 64 ? T(0x1p-1022) : T(0x1p-126);
    const P alpha(phi.number > least ? phi.number : least), zero(T(0)), one(T(1)), half(phi.number / 2);
    const index k = phi.pivot, n = last - first + 1;
    for (index j = 0; j < n; ++j) room[j] = min(max(lam[first + j] - lam[k], -alpha), alpha) / alpha;
    const P upper = root(room, n, k - first, T(1)), lower = root(room, n, k - first, T(0));
    P sum = zero;
    for (index j = 0; j < d; ++j) w[j] = zero;
    for (index j = 0; j < n; ++j) {
      const P q = min(max(room[j] + upper, zero), one), p = min(max(room[j] + lower, zero), one);
      w[first + j] = q - p;
      sum = sum + (q - p) * (lam[first + j] - half * (q + p));
    }
    return sum + half;
  }

  // phi; its weights if wanted. Smooth computes with lambda_first ... lambda_last only; several has no value, and
  // looks for ties once all eigenvalues are known.
  P operator()(index first, index last, bool weights, bool complete) const {
    switch (phi.kind) {
      case PhiKind::jump:
        if (weights) weigh_jump();
        return linear();
      case PhiKind::weighted:
        if (weights) weigh_runs();
        return linear();
      case PhiKind::softmax:
        return softmax(weights);
      case PhiKind::several:
        if (complete) weigh_several();
        for (index j = 0; !complete && j < d; ++j) w[j] = given[j];
        return P(T(0));
      default:
        return smooth(first, last);
    }
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
