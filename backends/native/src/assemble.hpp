// Matrices that are never stored: the affine pencil A_0 + sum x_i A_i, and encoded columns by gather.
#pragma once
#include "job.hpp"
#include "transpose.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// packed[c] = params[0][c] + sum_i x_i params[i + 1][c] for `size` columns; x: terms packs.
template <class T, int U>
void assemble_pencil(const T* params, index size, index terms, const Pack<T, U>* x, Pack<T, U>* packed) {
  using P = Pack<T, U>;
  constexpr index B = (EIGCORE_BYTES == 64 ? 16 : 8) / U;
  index c = 0;
  for (; c + B <= size; c += B) {
    P sum[B];
    for (index b = 0; b < B; ++b) sum[b] = P(params[c + b]);
    const T* row = params + size + c;
    for (index i = 0; i < terms; ++i, row += size) {
      const P xi = x[i];
      for (index b = 0; b < B; ++b) sum[b] = sum[b] + xi * P(row[b]);
    }
    for (index b = 0; b < B; ++b) packed[c + b] = sum[b];
  }
  for (; c < size; ++c) {
    P sum(params[c]);
    const T* row = params + size + c;
    for (index i = 0; i < terms; ++i, row += size) sum = sum + x[i] * P(*row);
    packed[c] = sum;
  }
}

// One packed row per matrix: base + sum_c start[index] + fraction step[index]; tables have `stride` columns, a multiple
// of the width.
template <class T>
EIG_INLINE void gather_row(const Encoded<T>& e, index n, T* packed) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  const std::int32_t* indices = e.indices + n * e.columns;
  const T* fractions = e.fractions + n * e.columns;
  for (index s = 0; s < e.stride; s += W) {
    V sum = load<T>(e.base + s), other = V{};
    for (index c = 0; c < e.columns; ++c) {
      const index at = (index)indices[c] * e.stride + s;
      sum = sum + load<T>(e.start + at);
      other = other + splat<T>(fractions[c]) * load<T>(e.step + at);
    }
    store<T>(packed + s, sum + other);
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
