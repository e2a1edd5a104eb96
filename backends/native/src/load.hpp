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

// Diagonals or subdiagonals as they are.
template <class T, int U>
Pack<T, U> load_diagonal(const T* p, index stride, index length, int valid, const Pack<T, U>& one, Pack<T, U>* a) {
  using P = Pack<T, U>;
  P sum(T(0));
  transpose_in<T, U>(p, stride, valid, length, [&](index c, const P& x) {
    a[c] = one * x;
    sum = sum + abs(a[c]);
  });
  return sum;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
