// Matrices into packs: the lower triangle by rows, (0,0), (1,0), (1,1), (2,0), ...
#pragma once
#include "job.hpp"
#include "transpose.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// A_ij = scale * (M_ij + M_ji) with scale = 1/2: one rounding, no overflow. Returns sum |A_ij|.
template <class T, int U>
Pack<T, U> load_dense(const T* m, index d, int valid, const Pack<T, U>& half, Pack<T, U>* a) {
  using P = Pack<T, U>;
  P sum(T(0));
  const P twice = half + half;
  index i = 0, j = 0;
  P* below = a;  // a + packed_position(i, 0)
  P* right = a;  // a + packed_position(j, i)
  transpose_in<T, U>(m, d * d, valid, d * d, [&](index, const P& x) {
    if (j < i) {
      const P y = below[j] + half * x;
      below[j] = y;
      sum = sum + abs(y);
    } else if (j > i) {
      *right = half * x;
      right += j + 1;
    } else {
      const P y = twice * x;
      below[i] = y;
      sum = sum + abs(y);
      right = below + i + (i + 1);
    }
    if (++j == d) {
      j = 0;
      ++i;
      below += i;
    }
  });
  return sum;
}

// Numbers in a cache line, or in a register that is longer.
template <class T>
inline constexpr int line = 64 / (int)sizeof(T) > Real<T>::W ? 64 / (int)sizeof(T) : Real<T>::W;

// Where blocks are faster than rows (measured with 32-byte registers).
template <class T>
inline constexpr int blocks_from = 6 * Real<T>::W > 2 * line<T> ? 6 * Real<T>::W : 2 * line<T>;

// The same for d >= 2 B in B x B blocks, B = line: a block and its mirror image are in the first
// cache together, and the entries are written in order. Where B does not divide d the last blocks overlap those before,
// and the sum counts some entries twice. emit(position, u, entries) gets the packed lower triangle, register by
// register.
template <class T, int U, class Emit>
Pack<T, U> load_blocks(const T* m, index d, int valid, const Pack<T, U>& half, Emit emit) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W, B = line<T>;
  const T* lane[U * W];
  for (int l = 0; l < U * W; ++l) lane[l] = m + (l < valid ? l : valid - 1) * d * d;
  V image[B][B];
  Pack<T, 1> sum[U];
  for (int u = 0; u < U; ++u) sum[u] = Pack<T, 1>(T(0));
  for (index next = 0; next < d; next += B) {
    const index i = next + B <= d ? next : d - B;
    for (index start = 0; start < i + B; start += B) {
      const bool diagonal = start >= i;
      const index j = diagonal ? i : start + B <= i ? start : i - B;
      for (int u = 0; u < U; ++u) {
        const V factor = half.v[u];
        for (int c = 0; c < B; ++c)
          for (int w = 0; w < B; w += W) load_transposed<T>(lane + u * W, (j + c) * d + i + w, image[c] + w);
        for (int r = 0; r < B; ++r)
          for (int w = 0; w < B && (!diagonal || w <= r); w += W) {
            V own[W];
            Pack<T, 1> part(T(0)), y;
            load_transposed<T>(lane + u * W, (i + r) * d + j + w, own);
            const index position = packed_position(i + r, j + w);
            const int width = diagonal && r - w < W ? r - w + 1 : W;
            for (int c = 0; c < width; ++c) {
              y.v[0] = factor * own[c] + factor * image[w + c][r];
              emit(position + c, u, y.v[0]);
              part = part + abs(y);
            }
            sum[u] = sum[u] + part;
          }
      }
    }
  }
  Pack<T, U> all;
  for (int u = 0; u < U; ++u) all.v[u] = sum[u].v[0];
  return all;
}

// Off-diagonal entries carry a factor sqrt 2.
template <class T, int U>
Pack<T, U> load_packed(const T* p, index stride, index d, int valid, const Pack<T, U>& one, Pack<T, U>* a) {
  using P = Pack<T, U>;
  const P other = one * P(T(0.70710678118654752440));
  P sum(T(0));
  index next = 0, i = 0;  // position of the next diagonal entry
  transpose_in<T, U>(p, stride, valid, packed_size(d), [&](index c, const P& x) {
    const bool diagonal = c == next;
    const P y = (diagonal ? one : other) * x;
    if (diagonal) next += ++i + 1;
    a[c] = y;
    sum = sum + abs(y);
  });
  return sum;
}

// sum |A_ij| of packs already assembled with factors sqrt 2, which are removed.
template <class T, int U>
Pack<T, U> unscale_packed(index d, const Pack<T, U>& one, Pack<T, U>* a) {
  using P = Pack<T, U>;
  const P other = one * P(T(0.70710678118654752440));
  P sum(T(0));
  for (index i = 0; i < d; ++i, a += i) {
    for (index j = 0; j < i; ++j) {
      a[j] = a[j] * other;
      sum = sum + abs(a[j]);
    }
    a[i] = a[i] * one;
    sum = sum + abs(a[i]);
  }
  return sum;
}

template <class T, int U>
Pack<T, U> load_tridiagonal(const T* diagonal, const T* off, index d, int valid, const Pack<T, U>& one, Pack<T, U>* a,
                            Pack<T, U>* b) {
  using P = Pack<T, U>;
  P sum(T(0));
  transpose_in<T, U>(diagonal, d, valid, d, [&](index c, const P& x) {
    a[c] = one * x;
    sum = sum + abs(a[c]);
  });
  transpose_in<T, U>(off, d - 1, valid, d - 1, [&](index c, const P& x) {
    b[c] = one * x;
    sum = sum + abs(b[c]);
  });
  return sum;
}

// Packed tridiagonal rows: (0,0), (1,0), (1,1), (2,1), (2,2), ...
template <class T, int U>
Pack<T, U> load_band(const T* p, index d, int valid, const Pack<T, U>& one, Pack<T, U>* a, Pack<T, U>* b) {
  using P = Pack<T, U>;
  const P other = one * P(T(0.70710678118654752440));
  P sum(T(0));
  transpose_in<T, U>(p, 2 * d - 1, valid, 2 * d - 1, [&](index c, const P& x) {
    const bool beside = c % 2 == 1;
    P* const entry = beside ? b + c / 2 : a + c / 2;
    *entry = (beside ? other : one) * x;
    sum = sum + abs(*entry);
  });
  return sum;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
