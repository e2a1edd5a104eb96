// All eigenpairs of one symmetric tridiagonal matrix: implicit QL with Wilkinson's shift (Dubrulle, Martin & Wilkinson
// 1968), Jacobi's method should it not converge. Slow and sure: the fast path hands over what it cannot certify.
#pragma once
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T>
EIG_INLINE T scalar_sqrt(T x) {
  return sizeof(T) == 8 ? (T)__builtin_sqrt((double)x) : (T)__builtin_sqrtf((float)x);
}

template <class T>
EIG_INLINE T scalar_abs(T x) {
  return x < 0 ? -x : x;
}

template <class T>
EIG_INLINE T max_abs(T x, T y) {
  x = scalar_abs(x), y = scalar_abs(y);
  return x > y ? x : y;
}

// Scaled so that neither square over- nor underflows harmfully; the matrix has norm about 1.
template <class T>
EIG_INLINE T hypotenuse(T x, T y) {
  x = scalar_abs(x), y = scalar_abs(y);
  const T big = x > y ? x : y, small = x > y ? y : x;
  if (big == 0) return 0;
  const T q = small / big;
  return big * scalar_sqrt(1 + q * q);
}

// zt: (n, n) or null, row j becomes eigenvector j. e has n entries, e[n - 1] is scratch.
template <class T>
bool implicit_ql(index n, T* d, T* e, T* zt) {
  if (zt)
    for (index i = 0; i < n; ++i)
      for (index j = 0; j < n; ++j) zt[i * n + j] = i == j;
  e[n - 1] = 0;
  T norm = 0;
  for (index i = 0; i < n; ++i) {
    const T s = scalar_abs(d[i]) + scalar_abs(e[i]);
    norm = s > norm ? s : norm;
  }
  // Absolute deflation: all the dropped entries together move no eigenvalue by more than eps |T|.
  const T negligible = Real<T>::eps / 2 * norm;
  for (index l = 0; l < n; ++l) {
    for (int it = 0;; ++it) {
      index m = l;
      for (; m + 1 < n; ++m)
        if (scalar_abs(e[m]) <= negligible) break;
      if (m == l) break;
      if (it == 80) return false;
      T g = (d[l + 1] - d[l]) / (2 * e[l]);
      T r = hypotenuse(g, T(1));
      g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r));
      T s = 1, c = 1, p = 0;
      index i = m - 1;
      for (; i >= l; --i) {
        T f = s * e[i];
        const T b = c * e[i];
        r = hypotenuse(f, g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        if (zt) {
          T* __restrict__ x = zt + i * n;
          T* __restrict__ y = x + n;
          for (index j = 0; j < n; ++j) {
            const T v = y[j];
            y[j] = s * x[j] + c * v;
            x[j] = c * x[j] - s * v;
          }
        }
      }
      if (r == 0 && i >= l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  return true;
}

// Cyclic Jacobi on the dense form; a: (n, n) scratch.
template <class T>
bool jacobi(index n, T* d, const T* e, T* a, T* zt) {
  T norm = 0;
  for (index i = 0; i < n; ++i) norm = max_abs(max_abs(norm, d[i]), i + 1 < n ? e[i] : T(0));
  const T negligible = Real<T>::eps / T(2 * n) * norm;
  for (index i = 0; i < n * n; ++i) a[i] = 0, zt[i] = 0;
  for (index i = 0; i < n; ++i) {
    a[i * n + i] = d[i];
    zt[i * n + i] = 1;
    if (i + 1 < n) a[i * n + i + 1] = a[(i + 1) * n + i] = e[i];
  }
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool rotated = false;
    for (index p = 0; p < n; ++p)
      for (index q = p + 1; q < n; ++q) {
        const T apq = a[p * n + q], app = a[p * n + p], aqq = a[q * n + q];
        if (scalar_abs(apq) <= negligible) continue;
        rotated = true;
        const T theta = (aqq - app) / (2 * apq);
        const T t = (theta < 0 ? -1 : 1) / (scalar_abs(theta) + hypotenuse(theta, T(1)));
        const T c = 1 / scalar_sqrt(1 + t * t), s = t * c;
        for (index j = 0; j < n; ++j) {
          const T x = a[p * n + j], y = a[q * n + j];
          a[p * n + j] = c * x - s * y;
          a[q * n + j] = s * x + c * y;
        }
        for (index j = 0; j < n; ++j) {
          const T x = a[j * n + p], y = a[j * n + q];
          a[j * n + p] = c * x - s * y;
          a[j * n + q] = s * x + c * y;
        }
        for (index j = 0; j < n; ++j) {
          const T x = zt[p * n + j], y = zt[q * n + j];
          zt[p * n + j] = c * x - s * y;
          zt[q * n + j] = s * x + c * y;
        }
      }
    if (!rotated) break;
    if (sweep == 59) return false;
  }
  for (index i = 0; i < n; ++i) d[i] = a[i * n + i];
  return true;
}

// Eigenvalues below x of a tridiagonal matrix with norm about 1, in double precision whatever T is (Kahan 1966; tiny
// pivots replaced).
template <class T>
index count_below(index n, const T* d, const T* e, double x) {
  index count = 0;
  double q = 1, e2 = 0;
  for (index i = 0; i < n; ++i) {
    q = (double)d[i] - x - e2 / q;
    if (scalar_abs(q) < 1e-200) q = -1e-200;
    count += q < 0;
    e2 = i + 1 < n ? (double)e[i] * (double)e[i] : 0;
  }
  return count;
}

// Does (-x, x) hold every eigenvalue? Both counts in one loop, two chains of divisions.
template <class T>
bool all_within(index n, const T* d, const T* e, double x) {
  double q = 1, r = 1, e2 = 0;
  for (index i = 0; i < n; ++i) {
    q = (double)d[i] - x - e2 / q;
    r = (double)d[i] + x - e2 / r;
    if (q >= 0 || r <= 0) return false;
    e2 = i + 1 < n ? (double)e[i] * (double)e[i] : 0;
  }
  return true;
}

// |T|_2 to one part in two hundred, from above.
template <class T>
double norm_of(index n, const T* d, const T* e) {
  double low = 0, high = 0;
  for (index i = 0; i < n; ++i) {
    const double s =
        scalar_abs((double)d[i]) + (i ? scalar_abs((double)e[i - 1]) : 0) + (i + 1 < n ? scalar_abs((double)e[i]) : 0);
    high = s > high ? s : high;
    low = max_abs(low, (double)d[i]);
  }
  while (high - low > 5e-3 * high) {
    const double x = (low + high) / 2;
    (all_within(n, d, e, x) ? high : low) = x;
  }
  return high;
}

// Ascending values d[order[j]]; rows order[j] of zt are the vectors, unless vectors is false. d, e are destroyed.
// scratch: 2 n + n * n.
template <class T>
bool full_tridiagonal(index n, T* d, T* e, T* zt, bool vectors, index* order, T* scratch) {
  T* d0 = scratch;
  T* e0 = scratch + n;
  for (index i = 0; i < n; ++i) d0[i] = d[i], e0[i] = i + 1 < n ? e[i] : 0;
  bool ok = implicit_ql(n, d, e, vectors ? zt : nullptr);
  if (!ok) {
    for (index i = 0; i < n; ++i) d[i] = d0[i];
    ok = jacobi(n, d, e0, scratch + 2 * n, zt);
  }
  for (index i = 0; i < n; ++i) {
    index j = i;
    for (; j > 0 && d[order[j - 1]] > d[i]; --j) order[j] = order[j - 1];
    order[j] = i;
  }
  return ok;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
