// The reduction of one matrix with the register along its rows: for batches too small to fill the lanes.
// Same mathematics as tridiagonalise.hpp; a: packed lower triangle of numbers.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T>
EIG_INLINE T sum_of_lanes(typename Real<T>::V x) {
  T sum = 0;
  for (int i = 0; i < Real<T>::W; ++i) sum += x[i];
  return sum;
}

template <class T>
EIG_INLINE T dot(index n, const T* x, const T* y) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  V s0 = V{}, s1 = V{};
  index j = 0;
  for (; j + 2 * W <= n; j += 2 * W) {
    s0 += load<T>(x + j) * load<T>(y + j);
    s1 += load<T>(x + j + W) * load<T>(y + j + W);
  }
  if (j + W <= n) {
    s0 += load<T>(x + j) * load<T>(y + j);
    j += W;
  }
  T sum = sum_of_lanes<T>(s0 + s1);
  for (; j < n; ++j) sum += x[j] * y[j];
  return sum;
}

// y <- y + factor x
template <class T>
EIG_INLINE void add_multiple(index n, T factor, const T* x, T* y) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  const V f = splat<T>(factor);
  index j = 0;
  for (; j + W <= n; j += W) store<T>(y + j, load<T>(y + j) + f * load<T>(x + j));
  for (; j < n; ++j) y[j] += factor * x[j];
}

template <class T, int R, bool pending>
EIG_INLINE void update_rows_single(index i0, T* a, const T* v, const T* w, const T* u, T* y) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  T* row[R];
  V vi[R], wi[R], ui[R], yi[R];
  T sum[R];
  for (int r = 0; r < R; ++r) {
    row[r] = a + packed_position(i0 + r, 0);
    if (pending) vi[r] = splat<T>(v[i0 + r]), wi[r] = splat<T>(w[i0 + r]);
    ui[r] = splat<T>(u[i0 + r]);
    yi[r] = V{};
  }
  index j = 0;
  for (; j + W <= i0; j += W) {
    V vj = V{}, wj = V{};
    if (pending) vj = load<T>(v + j), wj = load<T>(w + j);
    const V uj = load<T>(u + j);
    V yj = load<T>(y + j);
    for (int r = 0; r < R; ++r) {
      V x = load<T>(row[r] + j);
      if (pending) {
        x = x - vi[r] * wj;
        x = x - wi[r] * vj;
        store<T>(row[r] + j, x);
      }
      yi[r] = yi[r] + x * uj;
      yj = yj + x * ui[r];
    }
    store<T>(y + j, yj);
  }
  for (int r = 0; r < R; ++r) sum[r] = sum_of_lanes<T>(yi[r]);
  for (int r = 0; r < R; ++r) {
    const index i = i0 + r;
    for (index s = j; s <= i; ++s) {
      T x = row[r][s];
      if (pending) row[r][s] = x = x - v[i] * w[s] - w[i] * v[s];
      sum[r] += x * u[s];
      if (s < i0)
        y[s] += x * u[i];
      else if (s < i)
        sum[s - i0] += x * u[i];
    }
  }
  for (int r = 0; r < R; ++r) y[i0 + r] = sum[r];
}

template <class T, bool pending>
void update_and_multiply_single(index n, T* a, const T* v, const T* w, const T* u, T* y) {
  index i = 0;
  for (; i + 4 <= n; i += 4) update_rows_single<T, 4, pending>(i, a, v, w, u, y);
  for (; i < n; ++i) update_rows_single<T, 1, pending>(i, a, v, w, u, y);
}

// As tridiagonalise(); diagonal, off, inverse_h with a stride, so that they may be a lane of packs.
template <class T>
void tridiagonalise_single(index d, T* a, T tiny2, T* diagonal, T* off, T* inverse_h, index stride, T* scratch) {
  T* w = scratch;
  T* y = scratch + d;
  const T* v = nullptr;
  for (index l = d - 1; l >= 2; --l) {
    T* row = a + packed_position(l, 0);
    const T sigma = dot(l, row, row), alpha = row[l - 1];
    const bool keep = sigma > tiny2;
    const T length = sizeof(T) == 8 ? (T)__builtin_sqrt((double)sigma) : (T)__builtin_sqrtf((float)sigma);
    const T beta = alpha < 0 ? length : -length;
    const T inv = keep ? T(1) / (sigma + (alpha < 0 ? -alpha : alpha) * length) : T(0);
    row[l - 1] = alpha - beta;
    diagonal[l * stride] = row[l];
    off[(l - 1) * stride] = keep ? beta : T(0);
    inverse_h[l * stride] = inv;
    if (v)
      update_and_multiply_single<T, true>(l, a, v, w, row, y);
    else
      update_and_multiply_single<T, false>(l, a, v, w, row, y);
    for (index j = 0; j < l; ++j) y[j] *= inv;
    const T k = T(0.5) * inv * dot(l, row, y);
    for (index j = 0; j < l; ++j) w[j] = y[j] - k * row[j];
    T* next = a + packed_position(l - 1, 0);
    const T vn = row[l - 1], wn = w[l - 1];
    for (index j = 0; j < l; ++j) next[j] = next[j] - vn * w[j] - wn * row[j];
    v = row;
  }
  if (v) a[0] -= 2 * v[0] * w[0];
  diagonal[0] = a[0];
  if (d > 1) {
    off[0] = a[1];
    diagonal[stride] = a[2];
  }
}

template <class T>
void back_transform_single(index d, const T* a, const T* inverse_h, index stride, T* z) {
  for (index l = 2; l < d; ++l) {
    const T* u = a + packed_position(l, 0);
    add_multiple(l, -inverse_h[l * stride] * dot(l, u, z), u, z);
  }
}

// A_ij = half (M_ij + M_ji), in blocks that stay in the cache; returns sum |A_ij|.
template <class T>
T load_dense_single(const T* m, index d, T half, T* a) {
  constexpr index block = 16;
  T sum = 0;
  for (index i0 = 0; i0 < d; i0 += block)
    for (index j0 = 0; j0 <= i0; j0 += block)
      for (index i = i0; i < d && i < i0 + block; ++i) {
        T* row = a + packed_position(i, 0);
        const index end = j0 + block <= i ? j0 + block : i + 1;
        for (index j = j0; j < end; ++j) {
          const T x = half * m[i * d + j] + half * m[j * d + i];
          row[j] = x;
          sum += x < 0 ? -x : x;
        }
      }
  return sum;
}

template <class T>
T load_packed_single(const T* p, index d, T one, T* a) {
  T sum = 0;
  const T other = one * T(0.70710678118654752440);
  for (index i = 0, c = 0; i < d; ++i)
    for (index j = 0; j <= i; ++j, ++c) {
      const T x = (i == j ? one : other) * p[c];
      a[c] = x;
      sum += x < 0 ? -x : x;
    }
  return sum;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
