// Between rows of numbers, one per matrix, and packs whose lane is the matrix.
#pragma once
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

namespace detail {
template <class T, int s, int... J>
EIG_INLINE typename Real<T>::V exchange_low(typename Real<T>::V a, typename Real<T>::V b,
                                            std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, ((J & s) ? Real<T>::W + J - s : J)...);
}
template <class T, int s, int... J>
EIG_INLINE typename Real<T>::V exchange_high(typename Real<T>::V a, typename Real<T>::V b,
                                             std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, ((J & s) ? Real<T>::W + J : J + s)...);
}
template <class T, int s>
EIG_INLINE void transpose_stage(typename Real<T>::V* r) {
  if constexpr (s > 0) {
    constexpr auto lanes = std::make_integer_sequence<int, Real<T>::W>{};
#pragma GCC unroll 16
    for (int i = 0; i < Real<T>::W; ++i)
      if (!(i & s)) {
        const auto a = r[i], b = r[i + s];
        r[i] = exchange_low<T, s>(a, b, lanes);
        r[i + s] = exchange_high<T, s>(a, b, lanes);
      }
    transpose_stage<T, s / 2>(r);
  }
}
}  // namespace detail

// Eklundh's transposition of a W x W block held in W registers.
template <class T>
EIG_INLINE void transpose(typename Real<T>::V* r) {
  detail::transpose_stage<T, Real<T>::W / 2>(r);
}

namespace detail {
template <class T>
struct Half {
  typedef T V __attribute__((vector_size(EIGCORE_BYTES / 2)));
  typedef T VU __attribute__((vector_size(EIGCORE_BYTES / 2), aligned(sizeof(T)), may_alias));
};
template <class T, int... J>
EIG_INLINE typename Real<T>::V load_halves(const T* low, const T* high, std::integer_sequence<int, J...>) {
  const typename Half<T>::V a = *reinterpret_cast<const typename Half<T>::VU*>(low),
                            b = *reinterpret_cast<const typename Half<T>::VU*>(high);
  return __builtin_shufflevector(a, b, J...);
}
}  // namespace detail

// The block of columns at ... at + W - 1 of W rows, transposed. Halves of registers are loaded where they belong: that
// is the first stage of the transposition, the only one that would cross the halves.
template <class T>
EIG_INLINE void load_transposed(const T* const* rows, index at, typename Real<T>::V* r) {
  constexpr int W = Real<T>::W, H = W / 2;
  constexpr auto lanes = std::make_integer_sequence<int, W>{};
#pragma GCC unroll 16
  for (int i = 0; i < H; ++i) {
    r[i] = detail::load_halves<T>(rows[i] + at, rows[i + H] + at, lanes);
    r[i + H] = detail::load_halves<T>(rows[i] + at + H, rows[i + H] + at + H, lanes);
  }
  detail::transpose_stage<T, H / 2>(r);
}

// Rows base + lane * stride, lanes beyond `valid` repeat the last; emit(c, pack) for c = 0 ... length - 1 in order.
// Padded rows may be read up to a whole register.
template <class T, int U, bool padded = false, class Emit>
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
      if constexpr (padded) {
        load_transposed<T>(row + u * W, c, r);
      } else {
        for (int w = 0; w < W; ++w) r[w] = load_partial<T>(row[u * W + w] + c, rest);
        transpose<T>(r);
      }
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
