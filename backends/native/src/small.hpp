// The k-th eigenvalue alone, in double precision, of matrices of a small order that is known to the compiler (measured:
// from 7 on the numbers leave the registers, and a third is gained at best): the search
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

// p, p' and p''/2 at x of tridiagonal matrices of order D, and the number of eigenvalues below x.
template <int D, class T, int U>
EIG_INLINE Pack<T, U> characteristic(const Pack<T, U>* d, const Pack<T, U>* b2, const Pack<T, U>& x, Pack<T, U>& p,
                                     Pack<T, U>& dp, Pack<T, U>& hp) {
  using P = Pack<T, U>;
  P q(T(1)), dq(T(0)), hq(T(0));
  Count<T, U> c;
  p = d[0] - x, dp = P(T(-1)), hp = P(T(0));
  for (int u = 0; u < U; ++u) c.v[u] = (typename Real<T>::B)p.v[u] >> (Real<T>::bits - 1);
  EIG_UNROLL for (int i = 1; i < D; ++i) {
    const P s = d[i] - x, b = b2[i - 1];
    const P next = s * p - b * q, dnext = s * dp - (b * dq + p), hnext = s * hp - (b * hq + dp);
    add_sign_change(c, next, p);
    q = p, dq = dp, hq = hp, p = next, dp = dnext, hp = hnext;
  }
  return to_real<T, U>(c);
}

// Laguerre's steps (see sturm.hpp) in single precision, on U registers side by side.
template <int D, int U>
struct Search {
  using F = Pack<float, U>;
  using G = Mask<float, U>;
  static constexpr float radius = (float)square_root(D - 1);

  F diagonal[D], off2[D];
  G done;

  // To the k-th eigenvalue, up to the cube root of what double precision resolves.
  EIG_INLINE F root(index k_index, const Expected<double>& expected) {
    const F k((float)k_index), one(1.0f), zero(0.0f), half(0.5f), tolerance(0x1p-19f);
    F x((float)expected.quantile), pace((float)expected.spacing), previous(0.0f);
    F hi(radius * (1 + 8 * Real<float>::eps)), lo = -hi;
    for (int it = 0; it < 2 || (it < 12 && any(~done)); ++it) {
      F p, dp, hp;
      const F c = characteristic<D>(diagonal, off2, x, p, dp, hp);
      const G exact = p == zero, above = c > k, adjacent = (c == k) | (c == k + one);
      const F size = abs(p) * F((float)D), slope = select(p < zero, -dp, dp);
      const F root = sqrt(max(F(D - 1.0f) * (F(D - 1.0f) * dp * dp - F(2.0f * D) * p * hp), zero));
      const F step = size / select(above, root + slope, root - slope);
      const F move = select(adjacent, select(above, -step, step), (k + half - c) * pace);
      pace = select(adjacent, pace, pace + pace);
      const F length = abs(move);
      const F cube = length * length * length;  // convergence is cubic: the next step is about cube over previous^2
      const G small = adjacent & ((length <= tolerance) | (cube <= tolerance * previous * previous));
      hi = select(above, x, hi);
      lo = select(above, lo, x);
      const F next = x + move;
      const G inside = (next >= lo) & (next <= hi);
      x = select(done | exact, x, select(inside, next, half * (lo + hi)));
      previous = select(adjacent, select(inside, length, zero), zero);
      done = done | exact | small;
    }
    return x;
  }
};

// A tile of packed matrices, tridiagonal and standardised, until the k-th eigenvalue is certified.
template <int D, int U>
struct Small {
  using P = Pack<double, U>;
  using Q = Mask<double, U>;
  static constexpr int K = (int)packed_size(D);
  static constexpr double eps = Real<double>::eps, radius = square_root(D - 1);
  static constexpr int at(int i, int j) { return (int)packed_position(i, j); }

  P diagonal[D], off2[D], mean, deviation, tau;
  Q fine;  // the lanes that have a certificate

  // Packed rows, `stride` apart, with factors sqrt 2 off the diagonal; the last is repeated.
  template <bool padded = false>
  EIG_INLINE void load(const double* rows, index stride, int valid) {
    const P other(0.70710678118654752440);
    P a[K], sum(0.0);
    transpose_in<double, U, padded>(rows, stride, valid, K, [&](index c, const P& x) { a[c] = x; });
    EIG_UNROLL for (int i = 0; i < D; ++i)
      EIG_UNROLL for (int j = 0; j <= i; ++j) {
        if (j < i) a[at(i, j)] = a[at(i, j)] * other;
        sum = sum + abs(a[at(i, j)]);
      }
    standardise(a, sum);
  }

  // Packed triangles and the sums of their magnitudes.
  EIG_INLINE void standardise(P* a, const P& sum) {
    const P size = sum * P(1.0 / D), size2 = size * size;
    fine = (size >= P(Real<double>::smallest_safe)) & (size <= P(Real<double>::largest_safe));
    reduce(a, size2 * P(Real<double>::negligible2));
    centre(size2 * P(eps * eps));
  }

  // Halley's step to the root, and its certificate.
  EIG_INLINE P finish(P x, index k_index) {
    const P k((double)k_index);
    P p, dp, hp;
    characteristic<D>(diagonal, off2, x, p, dp, hp);
    const P step = p * dp / (dp * dp - p * hp);
    x = select(p == P(0.0), x, x - step);
    fine = fine & ((abs(step) <= P(0x1p-12)) | (p == P(0.0)));
    fine = fine & (below(x - tau) <= k) & (below(x + tau) > k);
    return mean + deviation * x;
  }

 private:
  // Householder's reduction, as in tridiagonalise.hpp; only squares of the subdiagonal are wanted.
  EIG_INLINE void reduce(P* a, const P& tiny2) {
    const P zero(0.0);
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

  EIG_INLINE void centre(const P& floor2) {
    const P share(1.0 / D);
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
};

// Some tiles at a time: the steps of one search are a chain, those of another hide its latency.
struct SmallSolver : Solver<double, 2> {
  using Base = Solver<double, 2>;
  using Base::Base;
  static constexpr int part = Base::lanes, parts = 4, together = 2, lanes = parts * part;

  static bool suits(const Job<double>& job) {
    return job.d >= 2 && job.d <= small_order && job.window() == 1 && job.path == Path::best &&
           !is_tridiagonal(job.layout) && job.values && !job.vectors && !job.gradient && !job.tied;
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
    Small<D, 2> tiles[parts];
    const int count = (valid_ + part - 1) / part;
    const auto first_of = [&](int i) { return first_ + i * part; };
    const auto valid_of = [&](int i) { return valid_ - i * part < part ? valid_ - i * part : part; };
    for (int i = 0; i < count; ++i) load(tiles[i], first_of(i), valid_of(i));
    P x[parts];
    for (int i = 0; i < count; i += together) search(tiles + i, count - i, x + i);
    for (int i = 0; i < count; ++i) {
      value = tiles[i].finish(x[i], job.lo);
      first = first_of(i), valid = valid_of(i);
      if (any(~tiles[i].fine)) {
        const P found = value;
        Base::solve(first, valid, false, false);
        value = select(tiles[i].fine, found, value);
      }
      this->write_values(0);
    }
  }

  template <int D>
  EIG_INLINE void load(Small<D, 2>& tile, index first_, int valid_) {
    constexpr int K = Small<D, 2>::K, W = Real<double>::W, stride = (K + W - 1) / W * W;
    if (job.source == Source::encoded && job.encoded.joined) {
      alignas(64) double rows[part * stride];
      for (int l = 0; l + 1 < valid_; l += 2) gather_joined<K, 2>(job.encoded, first_ + l, rows + l * stride, stride);
      if (valid_ % 2) gather_joined<K, 1>(job.encoded, first_ + valid_ - 1, rows + (valid_ - 1) * stride, stride);
      tile.template load<true>(rows, stride, valid_);
    } else if (job.source == Source::encoded) {
      for (int l = 0; l < valid_; ++l) gather_row(job.encoded, first_ + l, this->rows + l * job.encoded.stride);
      tile.load(this->rows, job.encoded.stride, valid_);
    } else if (job.source == Source::rows && job.layout == Layout::packed) {
      tile.load(job.rows + first_ * job.row_stride, job.row_stride, valid_);
    } else {
      const P sum = this->load_input(first_, valid_, P(1.0));
      tile.standardise(a, sum);
    }
  }

  // Tiles beyond `count` repeat the first.
  template <int D>
  EIG_INLINE void search(const Small<D, 2>* tiles, int count, P* x) const {
    const Pack<float, 1> tiny(Real<float>::eps * Real<float>::eps / 4);
    Search<D, together> s;
    for (int t = 0; t < together; ++t) {
      const Small<D, 2>& tile = tiles[t < count ? t : 0];
      for (int i = 0; i < D; ++i) {
        s.diagonal[i].v[t] = narrow(tile.diagonal[i]).v[0];
        if (i + 1 < D) s.off2[i].v[t] = max(narrow(tile.off2[i]), tiny).v[0];
      }
      s.done.v[t] = narrow(~tile.fine).v[0];
    }
    const auto found = s.root(job.lo, job.expected[0]);
    for (int t = 0; t < together && t < count; ++t) {
      Pack<float, 1> one;
      one.v[0] = found.v[t];
      x[t] = widen<2>(one);
    }
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
