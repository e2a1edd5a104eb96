// Thin singular value decompositions of small matrices by one-sided Jacobi rotations (Hestenes 1958; Demmel & Veselic
// 1992): columns are turned until they are orthogonal, and their lengths are the singular values. One matrix per lane.
#pragma once
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

  // x: (n, m), the columns, times a power of two; returns that power per lane, 0 for a matrix that is not served.
  static P read(const Svd<T>& job, index first, index count, P* x) {
    const index m = job.m, n = job.n;
    for (index lane = 0; lane < lanes; ++lane) {
      const T* a = job.X + (first + (lane < count ? lane : count - 1)) * m * n;
      for (index i = 0; i < m; ++i)
        for (index j = 0; j < n; ++j) x[j * m + i].set((int)lane, a[i * n + j]);
    }
    P largest(0), sum(0);
    for (index i = 0; i < m * n; ++i) largest = max(largest, abs(x[i])), sum = sum + (x[i] - x[i]);
    const T limit = (T)(sizeof(T) == 8 ? 0x1p+1000 : 0x1p+120);
    const auto served = (largest > P(1 / limit)) & (largest < P(limit)) & (sum == P(0));
    const P scale = select(served, inverse_power_of_two(select(served, largest, P(1))), P(0));
    for (index i = 0; i < m * n; ++i) x[i] = select(served, x[i], P(0)) * scale;
    return scale;
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
  static Mask<T, N> sweep(index m, index n, P* x, P* v, P* squares) {
    const P level(Real<T>::eps * Real<T>::eps * (T)m);
    auto turned = no_lanes<T, N>();
    for (index j = 0; j < n; ++j) squares[j] = product(m, x + j * m, x + j * m);
    for (index p = 0; p < n; ++p)
      for (index q = p + 1; q < n; ++q) {
        const P g = product(m, x + p * m, x + q * m);
        const auto oblique = g * g > level * squares[p] * squares[q];
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

  // A matrix whose smallest singular value is rounding has no certain left vector for it.
  static void write(const Svd<T>& job, index place, int lane, T power, bool done, const P* x, const P* v, const P* s) {
    const index m = job.m, n = job.n;
    T smallest = s[0].get(lane), largest = smallest;
    index order[Svd<T>::columns];
    for (index j = 0; j < n; ++j) {
      const T own = s[j].get(lane);
      smallest = own < smallest ? own : smallest, largest = own > largest ? own : largest;
      index k = j;
      for (; k > 0 && s[order[k - 1]].get(lane) < own; --k) order[k] = order[k - 1];
      order[k] = j;
    }
    job.failed[place] = !(done && power > 0 && smallest > 8 * (T)m * Real<T>::eps * largest);
    if (job.failed[place]) return;
    for (index k = 0; k < n; ++k) {
      const index j = order[k];
      job.s[place * n + k] = s[j].get(lane) / power;
      for (index i = 0; i < m; ++i) job.U[(place * m + i) * n + k] = x[j * m + i].get(lane);
      for (index i = 0; i < n; ++i) job.Vt[(place * n + k) * n + i] = v[j * n + i].get(lane);
    }
  }

  static void run(const Svd<T>& job, index first, index count, void* memory) {
    const index m = job.m, n = job.n;
    P* x = (P*)memory;
    P* v = x + m * n;
    P* s = v + n * n;
    for (index last = first + count; first < last; first += lanes) {
      const index here = last - first < lanes ? last - first : lanes;
      const P scale = read(job, first, here, x);
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
      for (int lane = 0; lane < here; ++lane)
        write(job, first + lane, lane, scale.get(lane), !test(turned, lane), x, v, s);
    }
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
