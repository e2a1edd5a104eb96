// The k-th eigenvalue of a register of symmetric tridiagonal matrices, by the characteristic polynomials of the leading
// blocks:
//   p_0 = 1,  p_i = (a_i - x) p_{i-1} - b_{i-1}^2 p_{i-2};
// the number of sign changes is the number of eigenvalues below x (Sturm), exact for a matrix within a few eps ||T|| of
// T (Wilkinson 1965, ch. 5 s. 38-42). No division, four cycles of latency a row instead of twenty.
//
// The matrix is scaled to 1 <= bound < 2, and b^2 >= (eps / 2)^2 is enforced (a perturbation below eps). A row shrinks
// max(|p_i|, |p_{i-1}|) on average by no more than eps / 4 and enlarges it by no more than 8: the exponent is removed
// every `rescale_rows` rows, and nothing over- or underflows between.
#pragma once
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T, int U>
struct Tridiagonal {
  index d;
  const Pack<T, U>* a;
  const Pack<T, U>* b;
  const Pack<T, U>* b2;
  Pack<T, U> lower, upper, bound;  // Gershgorin: eigenvalues in [lower, upper]; bound >= |T|_2, at most sqrt 3 times it
  Pack<T, U> tau;                  // 8 d eps bound
};

template <class T, int U>
struct Count {
  typename Real<T>::B v[U];
};

template <class T, int U>
EIG_INLINE void add_sign_change(Count<T, U>& c, const Pack<T, U>& p, const Pack<T, U>& previous) {
  using B = typename Real<T>::B;
  for (int u = 0; u < U; ++u) c.v[u] += ((B)p.v[u] ^ (B)previous.v[u]) >> (Real<T>::bits - 1);
}

template <class T, int U>
EIG_INLINE Pack<T, U> to_real(const Count<T, U>& c) {
  Pack<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = __builtin_convertvector((typename Real<T>::M)c.v[u], typename Real<T>::V);
  return r;
}

// Power of two that brings max(|p|, |q|) into [1, 2); larger exponent field wins.
template <class T, int U>
EIG_INLINE Pack<T, U> rescaling(const Pack<T, U>& p, const Pack<T, U>& q) {
  using R = Real<T>;
  using M = typename R::M;
  using Int = typename R::Int;
  const Int exponent = (((Int)1 << (R::bits - 1 - R::mantissa)) - 1) << R::mantissa;
  Pack<T, U> r;
  for (int u = 0; u < U; ++u) {
    const M e = (M)p.v[u] & (M{} + exponent), f = (M)q.v[u] & (M{} + exponent);
    r.v[u] = (typename R::V)((M{} + ((Int)(2 * R::bias) << R::mantissa)) - (e > f ? e : f));
  }
  return r;
}

// Numbers of eigenvalues below S shifts at once.
template <class T, int U, int S>
EIG_INLINE void count_below(const Tridiagonal<T, U>& t, const Pack<T, U>* x, Pack<T, U>* counts, Mask<T, U>& vanished) {
  using P = Pack<T, U>;
  P p[S], q[S];
  Count<T, U> c[S];
  for (int s = 0; s < S; ++s) {
    q[s] = P(T(1));
    p[s] = t.a[0] - x[s];
    for (int u = 0; u < U; ++u) c[s].v[u] = (typename Real<T>::B)p[s].v[u] >> (Real<T>::bits - 1);
  }
  index i = 1;
  while (i < t.d) {
    const index end = i + Real<T>::rescale_rows < t.d ? i + Real<T>::rescale_rows : t.d;
    for (; i < end; ++i) {
      const P a = t.a[i], b2 = t.b2[i - 1];
      for (int s = 0; s < S; ++s) {
        const P next = (a - x[s]) * p[s] - b2 * q[s];
        add_sign_change(c[s], next, p[s]);
        q[s] = p[s];
        p[s] = next;
      }
    }
    for (int s = 0; s < S; ++s) {
      const P f = rescaling(p[s], q[s]);
      p[s] = p[s] * f;
      q[s] = q[s] * f;
    }
  }
  vanished = no_lanes<T, U>();
  for (int s = 0; s < S; ++s) {
    counts[s] = to_real<T, U>(c[s]);
    vanished = vanished | ((p[s] == P(T(0))) & (q[s] == P(T(0))));
  }
}

// Count, p, p' and p''/2 at x, up to a common factor.
template <class T, int U>
EIG_INLINE Pack<T, U> evaluate(const Tridiagonal<T, U>& t, const Pack<T, U>& x, Pack<T, U>& p, Pack<T, U>& dp,
                               Pack<T, U>& hp) {
  using P = Pack<T, U>;
  P q(T(1)), dq(T(0)), hq(T(0));
  Count<T, U> c;
  p = t.a[0] - x;
  dp = P(T(-1));
  hp = P(T(0));
  for (int u = 0; u < U; ++u) c.v[u] = (typename Real<T>::B)p.v[u] >> (Real<T>::bits - 1);
  index i = 1;
  while (i < t.d) {
    const index end = i + Real<T>::rescale_rows < t.d ? i + Real<T>::rescale_rows : t.d;
    for (; i < end; ++i) {
      const P s = t.a[i] - x, b2 = t.b2[i - 1];
      const P next = s * p - b2 * q;
      const P dnext = s * dp - (b2 * dq + p);
      const P hnext = s * hp - (b2 * hq + dp);
      add_sign_change(c, next, p);
      q = p;
      dq = dp;
      hq = hp;
      p = next;
      dp = dnext;
      hp = hnext;
    }
    if (i < t.d) {
      const P f = rescaling(p, q);
      p = p * f;
      q = q * f;
      dp = dp * f;
      dq = dq * f;
      hp = hp * f;
      hq = hq * f;
    }
  }
  return to_real<T, U>(c);
}

// Certified root: on return  count(x - tau) <= k < count(x + tau)  for every lane not in `failed`,
// and `tied` marks the lanes in which another eigenvalue lies within tau.
// Laguerre's step from a point whose count is k or k + 1 goes to the neighbouring eigenvalue, cubically, and never
// beyond it (Wilkinson 1965 ch. 7 s. 19; Li & Zeng 1994); everything happens inside a bracket kept by the counts,
// bisected when progress is slow. quantile, spacing: where the semicircle law puts lambda_k and how far apart its
// neighbours are, in standard deviations of the spectrum.
template <class T, int U>
Pack<T, U> kth_root(const Tridiagonal<T, U>& t, index k_index, T quantile, T spacing, Mask<T, U>& tied,
                    Mask<T, U>& failed, Mask<T, U> done) {
  using P = Pack<T, U>;
  using Q = Mask<T, U>;
  const T n = T(t.d);
  const P k(T((T)k_index)), order(n), one(T(1)), half(T(0.5)), zero(T(0));
  const P tolerance = P(T(1.5) * Real<T>::eps) * t.bound;
  P lo = t.lower, hi = t.upper;

  P mean = zero, square = zero;
  for (index i = 0; i < t.d; ++i) mean = mean + t.a[i];
  mean = mean * P(T(1) / n);
  for (index i = 0; i < t.d; ++i) {
    const P c = t.a[i] - mean;
    square = square + c * c;
  }
  for (index i = 0; i + 1 < t.d; ++i) square = square + (t.b2[i] + t.b2[i]);
  const P deviation = sqrt(square * P(T(1) / n));
  P x = mean + P(quantile) * deviation;
  P pace = P(spacing) * deviation;
  x = select((x > lo) & (x < hi), x, half * (lo + hi));

  P previous = zero;  // size of Laguerre's last step, zero when there was none
  tied = no_lanes<T, U>();
  failed = no_lanes<T, U>();
  Q certified = done;
  int evaluations = 0;
  for (int round = 0; round < 4; ++round) {
    const int limit = evaluations + 2 * Real<T>::bits + 16;
    int it = round == 0 ? 0 : 8;
    while (any(~done) && evaluations < limit) {
      P p, dp, hp;
      const P c = evaluate(t, x, p, dp, hp);
      ++evaluations;
      const Q above = c > k;
      hi = select(above & ~done, x, hi);
      lo = select(~above & ~done, x, lo);
      const P middle = half * (lo + hi);
      const Q adjacent = (c == k) | (c == k + one);
      // s1 = sum 1/(x - lambda), s2 = sum 1/(x - lambda)^2
      const P inv = one / p;
      const P s1 = dp * inv;
      const P s2 = s1 * s1 - (inv + inv) * hp;
      const P root = sqrt(max(P(n - 1) * (order * s2 - s1 * s1), zero));
      const P step = order / select(above, root + s1, root - s1);
      const P guess = (k + half - c) * pace;
      const P move = select(adjacent, select(above, -step, step), guess);
      pace = select(adjacent, pace, pace + pace);
      P next = x + move;
      const P size = abs(move);
      Q inside = (next > lo) & (next < hi);
      if (it >= 8 && ((it & 1) || it >= 24)) inside = no_lanes<T, U>();
      // Cubic convergence: the error after this step is at most about size * (size / previous)^2.
      const P ratio = size / previous;
      const Q exact = p == zero;
      const Q small = adjacent & ((size <= tolerance) | (inside & (size * ratio * ratio <= tolerance)));
      const Q narrow = hi - lo <= tolerance + tolerance;
      next = select(inside | small, next, middle);
      next = select(small & ~((next > lo) & (next < hi)), x, next);
      next = select(exact, x, next);
      previous = select(inside & adjacent, size, zero);
      x = select(done, x, next);
      done = done | small | exact | narrow;
      ++it;
    }
    const P shifts[2] = {x - t.tau, x + t.tau};
    P counts[2];
    Q vanished;
    count_below<T, U, 2>(t, shifts, counts, vanished);
    const Q below = counts[0] <= k, reached = counts[1] > k;
    const Q good = below & reached;
    tied = ~((counts[0] == k) & (counts[1] == k + one));
    failed = vanished | ~(good | certified);
    const Q again = ~(good | vanished | certified);
    if (!any(again)) break;
    // The guess was wrong: the counts narrow the bracket, go on inside it.
    done = ~again;
    hi = select(again & ~below, shifts[0], hi);
    lo = select(again & below & ~reached, shifts[1], lo);
    const Q crossed = again & ~(lo < hi);
    lo = select(crossed, t.lower, lo);
    hi = select(crossed, t.upper, hi);
    x = select(again, half * (lo + hi), x);
    previous = zero;
  }
  return x;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
