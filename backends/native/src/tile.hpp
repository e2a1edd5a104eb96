// One register (or U registers) of matrices from input to eigenpair.
#pragma once
#include "assemble.hpp"
#include "full.hpp"
#include "load.hpp"
#include "single.hpp"
#include "tridiagonalise.hpp"
#include "vector.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T, int U>
struct Tile {
  using P = Pack<T, U>;
  using Q = Mask<T, U>;
  static constexpr int lanes = P::lanes;

  const Job<T>& job;
  const index d, window;
  P *a = nullptr, *x = nullptr, *diagonal, *off, *off2, *inverse_h, *scratch, *z, *spectrum = nullptr;
  T* rows = nullptr;     // encoded: assembled packed rows; with the gradient: vectors by rows
  P unscale, unscale_t;  // eigenvalues of the input = (those of the scaled tridiagonal matrix * unscale_t) * unscale
  P tiny2;               // squared length below which a row to be reduced is nothing but rounding
  Q bad, zero_matrix;
  Tridiagonal<T, U> t;
  T* full;  // workspace of the full solver

  // Matrices one after the other instead of side by side: where most lanes would be empty.
  static bool one_by_one(const Job<T>& job) {
    return job.source == Source::rows && !is_tridiagonal(job.layout) && job.d >= 20 &&
           (job.count == 1 || (job.d >= 64 && job.count * 4 <= Pack<T, 1>::lanes));
  }

  // The gradient is written from vectors stored by rows. Short packed rows are transposed instead, faster below d = 16.
  static bool by_rows(const Job<T>& job) {
    return job.layout == Layout::full || job.layout == Layout::pair || (job.layout == Layout::packed && job.d >= 16);
  }

  // Numbers kept by rows for each lane.
  static index row_stride(const Job<T>& job) {
    return job.source == Source::encoded ? job.encoded.stride : job.gradient && by_rows(job) ? job.d : 0;
  }

  // Packs and scalars needed, in bytes.
  static std::size_t bytes(const Job<T>& job) {
    const index d = job.d;
    index packs = 8 * d + (job.columns() + 1) * d + (job.phi ? 7 * d : 0);
    if (!is_tridiagonal(job.layout)) packs += packed_size(d);
    if (job.source == Source::pencil) packs += job.terms + (is_tridiagonal(job.layout) ? 2 * d : 0);
    index scalars = 4 * d + 64 + 2 * d * d + 2 * d + (index)(sizeof(index) / sizeof(T) + 1) * d;
    scalars += lanes * row_stride(job);
    return (std::size_t)packs * sizeof(P) + (std::size_t)scalars * sizeof(T) + 256;
  }

  Tile(const Job<T>& job_, void* workspace) : job(job_), d(job_.d), window(job_.window()) {
    P* next = reinterpret_cast<P*>(((std::uintptr_t)workspace + 63) / 64 * 64);
    const auto take = [&](index n) {
      P* p = next;
      next += n;
      return p;
    };
    if (!is_tridiagonal(job.layout)) a = take(packed_size(d));
    if (job.source == Source::pencil) {
      x = take(job.terms);
      if (is_tridiagonal(job.layout)) a = take(2 * d);
    }
    diagonal = take(d);
    off = take(d);
    off2 = take(d);
    inverse_h = take(d);
    scratch = take(2 * d);
    z = take((job.columns() + 1) * d);
    if (job.phi) spectrum = take(7 * d);
    full = reinterpret_cast<T*>(take(0));
    rows = full;
    full += lanes * row_stride(job);
  }

  // One by one, matrix l occupies the numbers l K ... of the space of the packs.
  T* single(int lane) const { return reinterpret_cast<T*>(a) + lane * packed_size(d); }

  P load_single(index first, int valid, const P& scale) {
    const index K = packed_size(d);
    P sum(T(1));
    for (int l = 0; l < valid; ++l)
      sum.set(l, job.layout == Layout::full
                     ? load_dense_single(job.rows + (first + l) * d * d, d, T(0.5) * scale.get(l), single(l))
                     : load_packed_single(job.rows + (first + l) * K, d, scale.get(l), single(l)));
    return sum;
  }

  // Q z for the vector of one lane.
  void back_transform_one(int lane, T* v) const {
    if (one_by_one(job))
      back_transform_single(d, single(lane), reinterpret_cast<const T*>(inverse_h) + lane, lanes, v);
    else
      back_transform_lane<T, U>(d, a, inverse_h, lane, v);
  }

  void back_transform_tile(int valid, P* column) const {
    if (!one_by_one(job)) return back_transform<T, U>(d, a, inverse_h, column);
    T* v = reinterpret_cast<T*>(scratch);
    for (int l = 0; l < valid; ++l) {
      for (index i = 0; i < d; ++i) v[i] = column[i].get(l);
      back_transform_one(l, v);
      for (index i = 0; i < d; ++i) column[i].set(l, v[i]);
    }
  }

  P load_rows(index first, int valid, const P& scale) {
    const T* p = job.rows + first * job.row_stride;
    if (one_by_one(job)) return load_single(first, valid, scale);
    if (job.layout == Layout::full) return load_dense<T, U>(p, d, valid, P(T(0.5)) * scale, a);
    if (job.layout == Layout::packed) return load_packed<T, U>(p, packed_size(d), d, valid, scale, a);
    if (job.layout == Layout::band) return load_band<T, U>(p, d, valid, scale, diagonal, off);
    return load_diagonal<T, U>(p, job.row_stride, d, valid, scale, diagonal) +
           load_diagonal<T, U>(job.off + first * job.off_stride, job.off_stride, d - 1, valid, scale, off);
  }

  P load_pencil(index first, int valid, const P& scale) {
    transpose_in<T, U>(job.x + first * job.terms, job.terms, valid, job.terms,
                       [&](index i, const P& xi) { x[i] = xi; });
    assemble_pencil<T, U>(job.params, layout_size(job.layout, d), job.terms, x, a);
    if (job.layout == Layout::packed) return unscale_packed<T, U>(d, scale, a);
    P sum(T(0));
    const P other = scale * P(T(0.70710678118654752440));
    for (index c = 0; c < 2 * d - 1; ++c) {
      const bool beside = c % 2 == 1;
      P* const entry = beside ? off + c / 2 : diagonal + c / 2;
      *entry = (beside ? other : scale) * a[c];
      sum = sum + abs(*entry);
    }
    return sum;
  }

  P load_encoded(index first, int valid, const P& scale) {
    const Encoded<T>& e = job.encoded;
    for (int l = 0; l < valid; ++l) gather_row(e, first + l, rows + l * e.stride);
    return load_packed<T, U>(rows, e.stride, d, valid, scale, a);
  }

  // Input of matrices first ... first + valid - 1 times a power of two per lane; returns sum |A_ij| of what was loaded.
  P load_input(index first, int valid, const P& scale) {
    if (job.source == Source::pencil) return load_pencil(first, valid, scale);
    if (job.source == Source::encoded) return load_encoded(first, valid, scale);
    return load_rows(first, valid, scale);
  }

  // Largest finite magnitude of each lane's entries as loaded with a scale that cannot overflow, and the lanes with NaN
  // or Inf.
  P largest_entry(int valid, Q& non_finite) {
    P big(T(0)), nothing(T(0));
    if (one_by_one(job)) {
      for (int l = 0; l < valid; ++l) {
        T largest = 0, zero = 0;
        for (index c = 0; c < packed_size(d); ++c) {
          largest = max_abs(single(l)[c], largest);
          zero += single(l)[c] * T(0);
        }
        big.set(l, largest);
        nothing.set(l, zero);
      }
      non_finite = ~(nothing == P(T(0)));
      return big;
    }
    const auto see = [&](const P& y) {
      big = max(abs(y), big);
      nothing = nothing + y * P(T(0));
    };
    if (is_tridiagonal(job.layout)) {
      for (index i = 0; i < d; ++i) see(diagonal[i]);
      for (index i = 0; i + 1 < d; ++i) see(off[i]);
    } else {
      for (index c = 0; c < packed_size(d); ++c) see(a[c]);
    }
    non_finite = ~(nothing == P(T(0)));
    return big;
  }

  void load_scaled(index first, int valid) {
    const P one(T(1));
    P size = load_input(first, valid, one) * P(T(1) / T(d));
    unscale = one;
    bad = no_lanes<T, U>();
    const Q safe = (size >= P(Real<T>::smallest_safe)) & (size <= P(Real<T>::largest_safe));
    if (any(~safe)) {
      // Entries as large as the largest number: an eighth of them cannot overflow in a sum of two, nor in (M + M^T)
      // / 2.
      load_input(first, valid, P(T(0.125)));
      Q non_finite;
      P big = largest_entry(valid, non_finite);
      // Denormal entries lose digits when divided by eight: look at them enlarged instead.
      const P lift = select(big < P(Real<T>::smallest_safe), P(power(Real<T>::bias - 27)), P(T(0.125)));
      load_input(first, valid, lift);
      big = largest_entry(valid, non_finite);
      bad = non_finite;
      const Q usable = (big > P(T(0))) & ~non_finite & ~safe;
      P scale = select(usable, lift * inverse_power_of_two(big), one);
      // Where lift * 2^-e overflows or vanishes, stop at the end of the range.
      scale = max(min(scale, P(power(Real<T>::bias - 1))), P(power(-Real<T>::bias + 2)));
      unscale = one / scale;
      size = load_input(first, valid, scale) * P(T(1) / T(d));
    }
    size = max(size, P(Real<T>::smallest_safe));
    tiny2 = size * size * P(T(Real<T>::negligible2));
  }

  static T power(int e) {
    typename Real<T>::UInt bits = (typename Real<T>::UInt)(e + Real<T>::bias) << Real<T>::mantissa;
    T x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }

  void reduce(int valid) {
    if (one_by_one(job)) {
      for (index i = 0; i < d; ++i) diagonal[i] = P(T(1)), off[i] = inverse_h[i] = P(T(0));
      for (int l = 0; l < valid; ++l)
        tridiagonalise_single(d, single(l), tiny2.get(l), reinterpret_cast<T*>(diagonal) + l,
                              reinterpret_cast<T*>(off) + l, reinterpret_cast<T*>(inverse_h) + l, (index)lanes,
                              reinterpret_cast<T*>(scratch));
    } else if (!is_tridiagonal(job.layout))
      tridiagonalise<T, U>(d, a, tiny2, diagonal, off, inverse_h, scratch);
    P low = diagonal[0], high = diagonal[0], left(T(0));
    for (index i = 0; i < d; ++i) {
      const P right = i + 1 < d ? abs(off[i]) : P(T(0));
      low = min(diagonal[i] - (left + right), low);
      high = max(diagonal[i] + (left + right), high);
      left = right;
    }
    P bound = max(high, -low);
    zero_matrix = bound == P(T(0));
    const P f = inverse_power_of_two(bound);
    unscale_t = select(zero_matrix, P(T(0)), P(T(1)) / f);
    const P floor2(Real<T>::eps * Real<T>::eps / 4);
    for (index i = 0; i < d; ++i) {
      diagonal[i] = diagonal[i] * f;
      if (i + 1 < d) {
        off[i] = off[i] * f;
        off2[i] = max(off[i] * off[i], floor2);
      }
    }
    bound = max(bound * f, P(T(1)));
    const P wider = bound * P(Real<T>::eps * 16);
    t = {d, diagonal, off, off2, low * f - wider, high * f + wider, bound, bound * P(T(8 * d) * Real<T>::eps)};
  }

  // Eigenvalue job.lo + j. Returns the lanes in which it may have company within tau.
  Q root(index j, P& value, Q& failed) {
    Q close;
    const Expected<T>& at = job.expected[j];
    value = kth_root<T, U>(t, job.lo + j, at.quantile, at.spacing, close, failed, bad | zero_matrix);
    failed = failed & ~bad & ~zero_matrix;
    return (close | zero_matrix) & ~bad;
  }

  void take_lane(int lane, T* w, T* e) const {
    for (index i = 0; i < d; ++i) {
      w[i] = diagonal[i].get(lane);
      e[i] = i + 1 < d ? off[i].get(lane) : 0;
    }
  }

  // Is another eigenvalue within 8 d eps ||T||_2 of lambda_k = x (scaled)? By counting.
  bool has_company(int lane, T x) {
    take_lane(lane, full, full + d);
    const double tau = 8.0 * (double)d * (double)Real<T>::eps * norm_of(d, full, full + d);
    const index below = count_below(d, full, full + d, (double)x - tau),
                upto = count_below(d, full, full + d, (double)x + tau);
    return tau == 0 ? d > 1 : below < job.lo || upto - 1 > job.lo;
  }

  // Lane's scaled tridiagonal matrix solved fully. Returns ascending order; values in full[0 ... d), vectors in the
  // rows after.
  const index* solve_fully(int lane, bool vectors, T*& w, T*& zt, bool& ok) {
    w = full;
    T* e = full + d;
    zt = full + 2 * d;
    T* more = zt + d * d;
    index* order = reinterpret_cast<index*>(((std::uintptr_t)(more + 2 * d + d * d) + 15) / 16 * 16);
    take_lane(lane, w, e);
    ok = full_tridiagonal(d, w, e, zt, vectors, order, more);
    return order;
  }

  // Members of the cluster of lambda_k: |lambda_j - lambda_k| <= 8 d eps ||T||.
  void cluster_of(const T* w, const index* order, index& from, index& to) const {
    const index k = job.lo;
    const T lowest = scalar_abs(w[order[0]]), highest = scalar_abs(w[order[d - 1]]);
    const T tau = T(8 * d) * Real<T>::eps * (lowest > highest ? lowest : highest);
    from = to = k;
    while (from > 0 && w[order[k]] - w[order[from - 1]] <= tau) --from;
    while (to + 1 < d && w[order[to + 1]] - w[order[k]] <= tau) ++to;
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
