// Thin singular value decompositions of small matrices by one-sided Jacobi rotations (Hestenes 1958; Demmel & Veselic
// 1992): columns are turned until they are orthogonal, and their lengths are the singular values. One matrix per lane.
// A matrix of lower rank leaves columns that are nothing but rounding: any orthonormal ones take their place in U.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "job.hpp"
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T, int N>
struct Jacobi {
  using P = Pack<T, N>;
  static constexpr index lanes = P::lanes;
  static constexpr int sweeps = 30;

  static std::size_t bytes(const Svd<T>& job) {
    return (std::size_t)(job.m * job.n + job.n * job.n + job.n) * sizeof(P);
  }

  // The length below which a column is rounding, for a largest one of 1.
  static T rounding(index m) { return 8 * (T)m * Real<T>::eps; }

  // Two powers of two: both together may be out of range.
  struct Scale {
    P coarse, fine;
  };

  // x: (n, m), the columns, scaled to a largest number from 1 to 2; fine is NaN for a matrix that is not finite.
  static Scale read(const Svd<T>& job, index first, index count, P* x) {
    const index m = job.m, n = job.n;
    for (index lane = 0; lane < lanes; ++lane) {
      const T* a = job.X + (first + (lane < count ? lane : count - 1)) * m * n;
      for (index i = 0; i < m; ++i)
        for (index j = 0; j < n; ++j) x[j * m + i].set((int)lane, a[i * n + j]);
    }
    P largest(0), sum(0);
    for (index i = 0; i < m * n; ++i) largest = max(largest, abs(x[i])), sum = sum + (x[i] - x[i]);
    const bool wide = sizeof(T) == 8;
    const P huge((T)(wide ? 0x1p+1000 : 0x1p+100)), tiny((T)(wide ? 0x1p-900 : 0x1p-100));
    const P down((T)(wide ? 0x1p-200 : 0x1p-60)), up((T)(wide ? 0x1p+200 : 0x1p+60));
    const auto finite = sum == P(0);
    const P coarse = select(largest > huge, down, select(largest < tiny, up, P(1)));
    largest = largest * coarse;
    const P fine = inverse_power_of_two(select(finite & (largest > P(0)), largest, P(1)));
    for (index i = 0; i < m * n; ++i) x[i] = select(finite, x[i] * coarse * fine, P(0));
    return {coarse, select(finite, fine, P(std::numeric_limits<T>::quiet_NaN()))};
  }

  static P product(index m, const P* a, const P* b) {
    P sum = a[0] * b[0];
    for (index i = 1; i < m; ++i) sum = sum + a[i] * b[i];
    return sum;
  }

  static void turn(index m, P c, P s, P* a, P* b) {
    for (index i = 0; i < m; ++i) {
      const P x = a[i], y = b[i];
      a[i] = c * x - s * y;
      b[i] = s * x + c * y;
    }
  }

  // Turns every pair of columns once; whether any was not orthogonal. squares: their squared lengths.
  // Columns that are rounding count as if they were longer, since they need no more orthogonality.
  static Mask<T, N> sweep(index m, index n, P* x, P* v, P* squares) {
    const P level(Real<T>::eps * Real<T>::eps * (T)m), least(rounding(m) * rounding(m));
    auto turned = no_lanes<T, N>();
    for (index j = 0; j < n; ++j) squares[j] = product(m, x + j * m, x + j * m);
    for (index p = 0; p < n; ++p)
      for (index q = p + 1; q < n; ++q) {
        const P g = product(m, x + p * m, x + q * m);
        const auto oblique = g * g > level * max(squares[p], least) * max(squares[q], least);
        if (!any(oblique)) continue;
        turned = turned | oblique;
        const P zeta = (squares[q] - squares[p]) / (P(2) * select(oblique, g, P(1)));
        const P tangent = copysign(P(1) / (abs(zeta) + sqrt(P(1) + zeta * zeta)), zeta);
        const P t = select(oblique, tangent, P(0));
        const P c = P(1) / sqrt(P(1) + t * t), s = c * t;
        turn(m, c, s, x + p * m, x + q * m);
        turn(n, c, s, v + p * n, v + q * n);
        squares[p] = squares[p] - t * g;
        squares[q] = squares[q] + t * g;
      }
    return turned;
  }

  // Makes column k of u (m, n) a unit vector orthogonal to those before it; what was left of its length.
  static T project(index m, index n, index k, T* u) {
    T inside[Svd<T>::columns], square = 0;
    std::fill_n(inside, k, T(0));
    for (index i = 0; i < m; ++i)
      for (index j = 0; j < k; ++j) inside[j] += u[i * n + j] * u[i * n + k];
    for (index i = 0; i < m; ++i) {
      T sum = 0;
      for (index j = 0; j < k; ++j) sum += inside[j] * u[i * n + j];
      u[i * n + k] -= sum;
      square += u[i * n + k] * u[i * n + k];
    }
    const T length = std::sqrt(square);
    for (index i = 0; i < m; ++i) u[i * n + k] /= length > 0 ? length : 1;
    return length;
  }

  // Columns rank ... n - 1 of u, of length 1 or 0, made orthogonal to all others. What is mostly in their span gives
  // way to the unit vector that is least in it. Twice is enough (Giraud, Langou & Rozloznik 2005).
  static void complete(index m, index n, index rank, T* u) {
    for (index k = rank; k < n; ++k) {
      if (!(project(m, n, k, u) > T(0.5))) {
        index place = 0;
        T least = 2;
        for (index i = 0; i < m; ++i) {
          T inside = 0;
          for (index j = 0; j < k; ++j) inside += u[i * n + j] * u[i * n + j];
          if (inside < least) least = inside, place = i;
        }
        for (index i = 0; i < m; ++i) u[i * n + k] = i == place;
        project(m, n, k, u);
      }
      project(m, n, k, u);
    }
  }

  static void write(const Svd<T>& job, index place, int lane, T coarse, T fine, const P* x, const P* v, const P* s) {
    const index m = job.m, n = job.n;
    T *U = job.U + place * m * n, *values = job.s + place * n, *Vt = job.Vt + place * n * n;
    if (!(fine > 0)) {
      std::fill_n(U, m * n, fine), std::fill_n(values, n, fine), std::fill_n(Vt, n * n, fine);
      return;
    }
    index order[Svd<T>::columns], rank = 0;
    for (index j = 0; j < n; ++j) {
      index k = j;
      for (; k > 0 && s[order[k - 1]].get(lane) < s[j].get(lane); --k) order[k] = order[k - 1];
      order[k] = j;
    }
    const T least = rounding(m) * s[order[0]].get(lane);
    for (index k = 0; k < n; ++k) {
      const index j = order[k];
      const T own = s[j].get(lane);
      rank += own > least;
      values[k] = own / fine / coarse;
      for (index i = 0; i < m; ++i) U[i * n + k] = x[j * m + i].get(lane);
      for (index i = 0; i < n; ++i) Vt[k * n + i] = v[j * n + i].get(lane);
    }
    complete(m, n, rank, U);
  }

  static void run(const Svd<T>& job, index first, index count, void* memory) {
    const index m = job.m, n = job.n;
    P* x = (P*)memory;
    P* v = x + m * n;
    P* s = v + n * n;
    for (index last = first + count; first < last; first += lanes) {
      const index here = last - first < lanes ? last - first : lanes;
      const Scale scale = read(job, first, here, x);
      for (index i = 0; i < n; ++i)
        for (index j = 0; j < n; ++j) v[i * n + j] = P(i == j ? 1 : 0);
      auto turned = no_lanes<T, N>();
      for (int k = 0; k < sweeps; ++k)
        if (!any(turned = sweep(m, n, x, v, s))) break;
      for (index j = 0; j < n; ++j) {
        s[j] = sqrt(product(m, x + j * m, x + j * m));
        const P inverse = P(1) / select(s[j] > P(0), s[j], P(1));
        for (index i = 0; i < m; ++i) x[j * m + i] = x[j * m + i] * inverse;
      }
      const P fine = select(turned, P(std::numeric_limits<T>::quiet_NaN()), scale.fine);
      for (int lane = 0; lane < here; ++lane)
        write(job, first + lane, lane, scale.coarse.get(lane), fine.get(lane), x, v, s);
    }
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
