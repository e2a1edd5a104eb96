// Between rows of numbers, one per matrix, and packs whose lane is the matrix.
#pragma once
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// Rows base + lane * stride, lanes beyond `valid` repeat the last; emit(c, pack) for c = 0 ... length - 1 in order.
template <class T, int U, class Emit>
EIG_INLINE void transpose_in(const T* base, index stride, int valid, index length, Emit emit) {
  using P = Pack<T, U>;
  constexpr int W = Real<T>::W;
  const T* row[P::lanes];
  for (int l = 0; l < P::lanes; ++l) row[l] = base + (l < valid ? l : valid - 1) * stride;
  index c = 0;
  for (; c + W <= length; c += W) {
    P out[W];
    for (int u = 0; u < U; ++u) {
      typename Real<T>::V r[W];
      load_transposed<T>(row + u * W, c, r);
      for (int w = 0; w < W; ++w) out[w].v[u] = r[w];
    }
    for (int w = 0; w < W; ++w) emit(c + w, out[w]);
  }
  if (c < length) {
    const int rest = int(length - c);
    P out[W];
    for (int u = 0; u < U; ++u) {
      typename Real<T>::V r[W];
      for (int w = 0; w < W; ++w) r[w] = load_partial<T>(row[u * W + w] + c, rest);
      transpose<T>(r);
      for (int w = 0; w < W; ++w) out[w].v[u] = r[w];
    }
    for (int w = 0; w < rest; ++w) emit(c + w, out[w]);
  }
}

// The reverse: produce(c) gives the pack of column c, in order; only `valid` rows are written.
template <class T, int U, class Produce>
EIG_INLINE void transpose_out(T* base, index stride, int valid, index length, Produce produce) {
  using P = Pack<T, U>;
  constexpr int W = Real<T>::W;
  for (index c = 0; c < length; c += W) {
    const int count = length - c < W ? int(length - c) : W;
    P in[W];
    for (int w = 0; w < count; ++w) in[w] = produce(c + w);
    for (int w = count; w < W; ++w) in[w] = P(T(0));
    for (int u = 0; u < U; ++u) {
      typename Real<T>::V r[W];
      for (int w = 0; w < W; ++w) r[w] = in[w].v[u];
      transpose<T>(r);
      const int rows = valid - u * W < W ? valid - u * W : W;
      if (count == W)
        for (int w = 0; w < rows; ++w) store<T>(base + (u * W + w) * stride + c, r[w]);
      else
        for (int w = 0; w < rows; ++w) store_partial<T>(base + (u * W + w) * stride + c, r[w], count);
    }
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
