// From a block of vv^T to what the matrices are made of: two small matrix products for a pencil, a scatter for encoded
// columns; neither leaves the cache.
#pragma once
#include <cstring>

#include "choice.hpp"

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

// start[row] += g vv^T, step[row] += g fraction vv^T, base += g vv^T; sums: base, then start and step of each row.
template <class T>
EIG_INLINE void scatter_row(const Encoded<T>& e, index n, T g, const T* gradient, T* sums) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  const std::int32_t* indices = e.indices + n * e.columns;
  const T* fractions = e.fractions + n * e.columns;
  for (index s = 0; s < e.stride; s += W) {
    const V y = splat<T>(g) * load<T>(gradient + s);
    store<T>(sums + s, load<T>(sums + s) + y);
    for (index c = 0; c < e.columns; ++c) {
      T* start = sums + (1 + 2 * (index)indices[c]) * e.stride + s;
      T* step = start + e.stride;
      store<T>(start, load<T>(start) + y);
      store<T>(step, load<T>(step) + splat<T>(fractions[c]) * y);
    }
  }
}

template <class T>
inline constexpr index pullback_rows = 64;

template <class T>
std::size_t pullback_workspace(const Pullback<T>& p) {
  const std::size_t solver =
      p.tied ? with_solver(p.job, [&](auto solver) { return decltype(solver)::type::bytes(p.job); }) : 0;
  return solver + sizeof(T) * (std::size_t)(pullback_rows<T> * (p.stride + p.job.terms + 1)) +
         sizeof(Pack<T, 1>) * (std::size_t)p.job.d + 256;
}

// P/m into the rows that are tied among those of matrices first ... first + count - 1, whose rows of vv^T are in out.
template <class T>
void replace_tied(const Pullback<T>& p, index first, index count, T* out, index stride, void* workspace) {
  with_solver(p.job, [&](auto which) {
    using AnySolver = typename decltype(which)::type;
    AnySolver s(p.job, workspace);
    for (index n = 0; n < count; n += s.lanes) {
      const int valid = count - n < s.lanes ? int(count - n) : s.lanes;
      if (!std::memchr(p.tied + first + n, 1, (std::size_t)valid)) continue;
      s.solve(first + n, valid, true, true);
      s.write_tied_gradient(out + n * stride, stride);
    }
  });
}

template <class T>
void pull_rows(const Pullback<T>& p, index first, index count, void* workspace) {
  const index d = p.job.d, K = layout_size(p.job.layout, d);
  T* out = p.d_rows + first * K;
  write_projectors<T>(p.job.layout, d, p.vectors + first * d, p.g + first, count, out);
  if (!p.tied) return;
  const auto for_tied = [&](auto f) {
    for (index n = 0; n < count; ++n)
      if (p.tied[first + n]) f(first + n, out + n * K);
  };
  for_tied([&](index n, T* row) { write_projectors<T>(p.job.layout, d, p.vectors + n * d, nullptr, 1, row); });
  replace_tied(p, first, count, out, K, workspace);
  for_tied([&](index n, T* row) {
    for (index c = 0; c < K; ++c) row[c] *= p.g[n];
  });
}

// d_params and d_x of `rows` matrices from n on, whose vv^T are in right.
template <class T>
void pull_pencil(const Pullback<T>& p, index n, index rows, const T* right, T* left, T* sums) {
  const index terms = p.job.terms, m = terms + 1, K = layout_size(p.job.layout, p.job.d);
  if (sums) {
    for (index r = 0; r < rows; ++r) {
      const T g = p.g[n + r];
      left[r * m] = g;
      for (index i = 0; i < terms; ++i) left[r * m + i + 1] = g * p.job.x[(n + r) * terms + i];
    }
    add_outer<T>(left, m, m, right, sums, rows, p.stride);
  }
  if (!p.d_x) return;
  for (index at = 0; at < terms; at += Real<T>::W) {
    index r = 0;
    for (; r + 8 <= rows; r += 8)
      inner_block<T, 8>(right + r * p.stride, p.stride, p.transposed, p.terms_stride, K, p.g + n + r,
                        p.d_x + (n + r) * terms, terms, at);
    for (; r < rows; ++r)
      inner_block<T, 1>(right + r * p.stride, p.stride, p.transposed, p.terms_stride, K, p.g + n + r,
                        p.d_x + (n + r) * terms, terms, at);
  }
}

template <class T>
void pullback(const Pullback<T>& p, index first, index count, T* sums, void* workspace) {
  constexpr int W = Real<T>::W;
  const index d = p.job.d;
  if (p.job.source == Source::rows) return pull_rows(p, first, count, workspace);
  auto* z = reinterpret_cast<Pack<T, 1>*>(((std::uintptr_t)workspace + 63) / 64 * 64);
  T* right = reinterpret_cast<T*>(z + d);
  T* left = right + pullback_rows<T> * p.stride;
  T* rest = left + pullback_rows<T> * (p.job.terms + 1);
  for (index n = first; n < first + count; n += pullback_rows<T>) {
    const index rows = first + count - n < pullback_rows<T> ? first + count - n : pullback_rows<T>;
    for (index r = 0; r < rows; r += W)
      gradient_rows<T>(p.vectors + (n + r) * d, d, p.job.layout == Layout::band, rows - r < W ? int(rows - r) : W,
                       right + r * p.stride, p.stride, z);
    if (p.tied) replace_tied(p, n, rows, right, p.stride, rest);
    if (p.job.source == Source::pencil)
      pull_pencil(p, n, rows, right, left, sums);
    else
      for (index r = 0; r < rows; ++r) scatter_row(p.job.encoded, n + r, p.g[n + r], right + r * p.stride, sums);
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
