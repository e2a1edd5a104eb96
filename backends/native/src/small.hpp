// The k-th eigenvalue alone, in double precision, of matrices of a small order that is known to the compiler: the search
// runs in single precision, on twice as many matrices in a register, and one step in double precision ends it.
//
// The tridiagonal matrix is centred and divided by the deviation of its spectrum. Then all of it lies within
// sqrt(d - 1) of 0 (Samuelson 1968, JASA 63), and no exponent needs to be removed. What comes out is certified by two
// counts at +- 4 d eps (|mean| + sqrt(d - 1) deviation) <= 4 d sqrt(d) eps |T|; lanes without a certificate, or with
// numbers out of range, are solved by the general solver.
#pragma once
#include "precision.hpp"
#include "solve.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

#define EIG_UNROLL _Pragma("GCC unroll 16")

constexpr double square_root(int n) {
  double x = n;
  for (int i = 0; i < 40; ++i) x = 0.5 * (x + n / x);
  return x;
}

template <int D, int U>
struct Small {
  using P = Pack<double, U>;
  using Q = Mask<double, U>;
  using F = Pack<float, (U + 1) / 2>;
  using G = Mask<float, (U + 1) / 2>;
  static constexpr int K = (int)packed_size(D);
  static constexpr double eps = Real<double>::eps, radius = square_root(D - 1);
  static constexpr int at(int i, int j) { return (int)packed_position(i, j); }

  P a[K];  // packed lower triangle
  Q fine;  // the lanes that have a certificate

  // The lanes whose numbers are in range, from the sum of their magnitudes.
  EIG_INLINE void measure(const P& sum) {
    size = sum * P(1.0 / D);
    fine = (size >= P(Real<double>::smallest_safe)) & (size <= P(Real<double>::largest_safe));
  }

  // Packed rows, `stride` apart, with factors sqrt 2 off the diagonal; the last is repeated.
  EIG_INLINE void load(const double* rows, index stride, int valid) {
    const P other(0.70710678118654752440);
    transpose_in<double, U>(rows, stride, valid, K, [&](index c, const P& x) { a[c] = x; });
    P sum(0.0);
    EIG_UNROLL for (int i = 0; i < D; ++i)
      EIG_UNROLL for (int j = 0; j <= i; ++j) {
        if (j < i) a[at(i, j)] = a[at(i, j)] * other;
        sum = sum + abs(a[at(i, j)]);
      }
    measure(sum);
  }

  EIG_INLINE P value(index k, const Expected<double>& expected) {
    reduce();
    standardise();
    return finish(search(k, expected), k);
  }

 private:
  P size, mean, deviation, tau;
  P diagonal[D], off2[D];


  // Householder's reduction, as in tridiagonalise.hpp; only squares of the subdiagonal are wanted.
  EIG_INLINE void reduce() {
    const P tiny2 = size * size * P(Real<double>::negligible2), zero(0.0);
    EIG_UNROLL for (int l = D - 1; l >= 2; --l) {
      P* u = a + at(l, 0);
      P sigma = u[0] * u[0];
      EIG_UNROLL for (int j = 1; j < l; ++j) sigma = sigma + u[j] * u[j];
      const Q keep = sigma > tiny2;
      const P length = sqrt(sigma), alpha = u[l - 1];
      const P inv = select(keep, P(1.0) / (sigma + abs(alpha) * length), zero);
      diagonal[l] = u[l];
      off2[l - 1] = select(keep, sigma, zero);
      u[l - 1] = alpha + copysign(length, alpha);
      P y[D], k = zero;
      EIG_UNROLL for (int i = 0; i < l; ++i) {
        y[i] = a[at(i, 0)] * u[0];
        EIG_UNROLL for (int j = 1; j < l; ++j) y[i] = y[i] + a[i >= j ? at(i, j) : at(j, i)] * u[j];
      }
      EIG_UNROLL for (int i = 0; i < l; ++i) {
        y[i] = y[i] * inv;
        k = k + u[i] * y[i];
      }
      k = k * P(0.5) * inv;
      EIG_UNROLL for (int i = 0; i < l; ++i) y[i] = y[i] - k * u[i];
      EIG_UNROLL for (int i = 0; i < l; ++i)
        EIG_UNROLL for (int j = 0; j <= i; ++j) a[at(i, j)] = a[at(i, j)] - u[i] * y[j] - y[i] * u[j];
    }
    diagonal[0] = a[0];
    off2[0] = a[1] * a[1];
    diagonal[1] = a[2];
  }

  EIG_INLINE void standardise() {
    const P floor2 = size * size * P(eps * eps), share(1.0 / D);
    mean = diagonal[0];
    EIG_UNROLL for (int i = 1; i < D; ++i) mean = mean + diagonal[i];
    mean = mean * share;
    P square(0.0), beside(0.0);
    EIG_UNROLL for (int i = 0; i < D; ++i) {
      diagonal[i] = diagonal[i] - mean;
      square = square + diagonal[i] * diagonal[i];
      if (i + 1 < D) beside = beside + off2[i];
    }
    square = max((square + beside + beside) * share, floor2);
    deviation = sqrt(square);
    const P inv = P(1.0) / deviation, inv2 = inv * inv;
    EIG_UNROLL for (int i = 0; i < D; ++i) {
      diagonal[i] = diagonal[i] * inv;
      if (i + 1 < D) off2[i] = max(off2[i] * inv2, P(eps * eps / 4));
    }
    tau = (abs(mean) * inv + P(radius)) * P(4 * D * eps);
  }

  // p, p' and p''/2 at x, and the number of eigenvalues below x.
  template <class T, int N>
  static EIG_INLINE Pack<T, N> characteristic(const Pack<T, N>* d, const Pack<T, N>* b2, const Pack<T, N>& x,
                                              Pack<T, N>& p, Pack<T, N>& dp, Pack<T, N>& hp) {
    using V = Pack<T, N>;
    V q(T(1)), dq(T(0)), hq(T(0));
    Count<T, N> c;
    p = d[0] - x, dp = V(T(-1)), hp = V(T(0));
    for (int n = 0; n < N; ++n) c.v[n] = (typename Real<T>::B)p.v[n] >> (Real<T>::bits - 1);
    EIG_UNROLL for (int i = 1; i < D; ++i) {
      const V s = d[i] - x, b = b2[i - 1];
      const V next = s * p - b * q, dnext = s * dp - (b * dq + p), hnext = s * hp - (b * hq + dp);
      add_sign_change(c, next, p);
      q = p, dq = dp, hq = hp, p = next, dp = dnext, hp = hnext;
    }
    return to_real<T, N>(c);
  }

  // Laguerre's steps (see sturm.hpp) in single precision.
  EIG_INLINE P search(index k_index, const Expected<double>& expected) const {
    F d[D], b2[D];
    EIG_UNROLL for (int i = 0; i < D; ++i) {
      d[i] = narrow(diagonal[i]);
      if (i + 1 < D) b2[i] = max(narrow(off2[i]), F(Real<float>::eps * Real<float>::eps / 4));
    }
    const F k((float)k_index), one(1.0f), zero(0.0f), half(0.5f), tolerance(4 * Real<float>::eps);
    F x((float)expected.quantile), pace((float)expected.spacing), previous(0.0f);
    F hi((float)radius * (1 + 8 * Real<float>::eps)), lo = -hi;
    G done = narrow(~fine);
    for (int it = 0; it < 3 || (it < 12 && any(~done)); ++it) {
      F p, dp, hp;
      const F c = characteristic(d, b2, x, p, dp, hp);
      const G above = c > k, adjacent = (c == k) | (c == k + one);
      const F inv = one / p, s1 = dp * inv, s2 = s1 * s1 - (inv + inv) * hp;
      const F root = sqrt(max(F(D - 1.0f) * (F((float)D) * s2 - s1 * s1), zero));
      const F step = F((float)D) / select(above, root + s1, root - s1);
      const F move = select(adjacent, select(above, -step, step), (k + half - c) * pace);
      pace = select(adjacent, pace, pace + pace);
      const F size = abs(move), ratio = size / previous;
      const G exact = p == zero;
      const G small = adjacent & ((size <= tolerance) | (size * ratio * ratio <= tolerance));
      hi = select(above, x, hi);
      lo = select(above, lo, x);
      const F next = x + move;
      const G inside = (next >= lo) & (next <= hi);
      x = select(done | exact, x, select(inside, next, half * (lo + hi)));
      previous = select(adjacent & inside, size, zero);
      done = done | small | exact;
    }
    return widen<U>(x);
  }

  EIG_INLINE P below(const P& x) const {
    P q(1.0), p = diagonal[0] - x;
    Count<double, U> c;
    for (int u = 0; u < U; ++u) c.v[u] = (Real<double>::B)p.v[u] >> (Real<double>::bits - 1);
    EIG_UNROLL for (int i = 1; i < D; ++i) {
      const P next = (diagonal[i] - x) * p - off2[i - 1] * q;
      add_sign_change(c, next, p);
      q = p, p = next;
    }
    return to_real<double, U>(c);
  }

  // Halley's step to the root, and its certificate.
  EIG_INLINE P finish(P x, index k_index) {
    const P k((double)k_index);
    P p, dp, hp;
    characteristic(diagonal, off2, x, p, dp, hp);
    const P step = p * dp / (dp * dp - p * hp);
    x = select(p == P(0.0), x, x - step);
    fine = fine & ((abs(step) <= P(0x1p-12)) | (p == P(0.0)));
    fine = fine & (below(x - tau) <= k) & (below(x + tau) > k);
    return mean + deviation * x;
  }
};

struct SmallSolver : Solver<double, 2> {
  using Base = Solver<double, 2>;
  using Base::Base;
  static constexpr index most = 6;  // measured: from 7 on the numbers leave the registers, and a third is gained at best

  static bool suits(const Job<double>& job) {
    return job.d >= 2 && job.d <= most && job.window() == 1 && job.path == Path::best && !is_tridiagonal(job.layout) &&
           job.values && !job.vectors && !job.gradient && !job.tied;
  }

  void solve(index first_, int valid_, bool, bool) {
    const auto use = [&](auto order) { run<decltype(order)::value>(first_, valid_); };
    if (d == 2) use(std::integral_constant<int, 2>());
    if (d == 3) use(std::integral_constant<int, 3>());
    if (d == 4) use(std::integral_constant<int, 4>());
    if (d == 5) use(std::integral_constant<int, 5>());
    if (d == 6) use(std::integral_constant<int, 6>());
  }

 private:
  template <int D>
  void run(index first_, int valid_) {
    Small<D, 2> s;
    if (job.source == Source::encoded) {
      for (int l = 0; l < valid_; ++l) gather_row(job.encoded, first_ + l, this->rows + l * job.encoded.stride);
      s.load(this->rows, job.encoded.stride, valid_);
    } else if (job.source == Source::rows && job.layout == Layout::packed) {
      s.load(job.rows + first_ * job.row_stride, job.row_stride, valid_);
    } else {
      const P sum = this->load_input(first_, valid_, P(1.0));
      for (int c = 0; c < s.K; ++c) s.a[c] = a[c];
      s.measure(sum);
    }
    value = s.value(job.lo, job.expected[0]);
    first = first_, valid = valid_;
    if (any(~s.fine)) {
      const P found = value;
      Base::solve(first_, valid_, false, false);
      value = select(s.fine, found, value);
    }
    this->write_values(0);
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
