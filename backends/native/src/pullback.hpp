// vv^T of a block of rows, and what it is multiplied with: two small matrix products that never leave the cache.
#pragma once
#include "projector.hpp"
#include "solve.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// Rows of packed vv^T (padding zero) from unit vectors stored by rows.
template <class T>
void gradient_rows(const T* vectors, index d, bool band, int valid, T* out, index stride, Pack<T, 1>* z) {
  using P = Pack<T, 1>;
  const index K = band ? 2 * d - 1 : packed_size(d);
  const P root2(T(1.41421356237309504880));
  transpose_in<T, 1>(vectors, d, valid, d, [&](index c, const P& x) { z[c] = x; });
  index i = 0, j = 0;
  transpose_out<T, 1>(out, stride, valid, stride, [&](index c) {
    if (c >= K) return P(T(0));
    const P g = i == j ? z[i] * z[i] : root2 * z[i] * z[j];
    if (j == i)
      ++i, j = band ? i - 1 : 0;
    else
      ++j;
    return g;
  });
}

template <class T>
void value_pullback(const ValuePullback<T>& p, index first, index count) {
  write_projectors<T>(p.layout, p.d, p.vectors + first * p.d, p.g + first, count,
                      p.out + first * layout_size(p.layout, p.d));
}

// sums (m, stride) += left^T right; left (rows, m) by rows with stride left_stride, right (rows, stride).
template <class T, int I, int C>
EIG_INLINE void outer_block(const T* left, index left_stride, const T* right, T* sums, index rows, index stride) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  V acc[I][C];
  for (int i = 0; i < I; ++i)
    for (int c = 0; c < C; ++c) acc[i][c] = load<T>(sums + i * stride + c * W);
  for (index n = 0; n < rows; ++n) {
    V r[C];
    for (int c = 0; c < C; ++c) r[c] = load<T>(right + n * stride + c * W);
    for (int i = 0; i < I; ++i) {
      const V l = splat<T>(left[n * left_stride + i]);
      for (int c = 0; c < C; ++c) acc[i][c] += l * r[c];
    }
  }
  for (int i = 0; i < I; ++i)
    for (int c = 0; c < C; ++c) store<T>(sums + i * stride + c * W, acc[i][c]);
}

template <class T>
void add_outer(const T* left, index m, index left_stride, const T* right, T* sums, index rows, index stride) {
  constexpr int W = Real<T>::W;
  for (index c = 0; c < stride; c += 2 * W) {
    const bool two = c + 2 * W <= stride;
    index i = 0;
    for (; i + 4 <= m; i += 4) {
      if (two)
        outer_block<T, 4, 2>(left + i, left_stride, right + c, sums + i * stride + c, rows, stride);
      else
        outer_block<T, 4, 1>(left + i, left_stride, right + c, sums + i * stride + c, rows, stride);
    }
    for (; i < m; ++i) {
      if (two)
        outer_block<T, 1, 2>(left + i, left_stride, right + c, sums + i * stride + c, rows, stride);
      else
        outer_block<T, 1, 1>(left + i, left_stride, right + c, sums + i * stride + c, rows, stride);
    }
  }
}

// out (rows, n) = diag(g) right (rows, K; stride) * transposed (K, n_stride).
template <class T, int N>
EIG_INLINE void inner_block(const T* right, index stride, const T* transposed, index n_stride, index K, const T* g,
                            T* out, index n, index at) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  V acc[N];
  for (int r = 0; r < N; ++r) acc[r] = V{};
  for (index c = 0; c < K; ++c) {
    const V t = load<T>(transposed + c * n_stride + at);
    for (int r = 0; r < N; ++r) acc[r] += splat<T>(right[r * stride + c]) * t;
  }
  for (int r = 0; r < N; ++r) {
    const V y = splat<T>(g[r]) * acc[r];
    if (n - at >= W)
      store<T>(out + r * n + at, y);
    else
      store_partial<T>(out + r * n + at, y, int(n - at));
  }
}

template <class T>
inline constexpr index pullback_rows = 64;

template <class T>
std::size_t pullback_workspace(const PencilPullback<T>& p) {
  return sizeof(T) * (std::size_t)(pullback_rows<T> * (p.stride + p.terms + 1) + 64) +
         sizeof(Pack<T, 1>) * (std::size_t)p.d + 256;
}

template <class T>
void pullback(const PencilPullback<T>& p, index first, index count, T* sums, void* workspace) {
  constexpr int W = Real<T>::W;
  const index m = p.terms + 1;
  auto* z = reinterpret_cast<Pack<T, 1>*>(((std::uintptr_t)workspace + 63) / 64 * 64);
  T* right = reinterpret_cast<T*>(z + p.d);
  T* left = right + pullback_rows<T> * p.stride;
  for (index n = first; n < first + count; n += pullback_rows<T>) {
    const index rows = first + count - n < pullback_rows<T> ? first + count - n : pullback_rows<T>;
    for (index r = 0; r < rows; r += W)
      gradient_rows<T>(p.vectors + (n + r) * p.d, p.d, p.tridiagonal_params, rows - r < W ? int(rows - r) : W,
                       right + r * p.stride, p.stride, z);
    for (index r = 0; r < rows; ++r) {
      const T g = p.g[n + r];
      left[r * m] = g;
      for (index i = 0; i < p.terms; ++i) left[r * m + i + 1] = g * p.x[(n + r) * p.terms + i];
    }
    add_outer<T>(left, m, m, right, sums, rows, p.stride);
    if (!p.d_x) continue;
    for (index at = 0; at < p.terms; at += W) {
      index r = 0;
      for (; r + 8 <= rows; r += 8)
        inner_block<T, 8>(right + r * p.stride, p.stride, p.transposed_params, p.terms_stride, p.columns, p.g + n + r,
                          p.d_x + (n + r) * p.terms, p.terms, at);
      for (; r < rows; ++r)
        inner_block<T, 1>(right + r * p.stride, p.stride, p.transposed_params, p.terms_stride, p.columns, p.g + n + r,
                          p.d_x + (n + r) * p.terms, p.terms, at);
    }
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
