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

// N registers of a packed row, and perhaps half of one: base + sum_c start[index] + fraction step[index], from number s on.
template <class T, int N, bool half>
EIG_INLINE void gather_part(const Encoded<T>& e, const std::int32_t* indices, const T* fractions, index s, T* packed) {
  using V = typename Real<T>::V;
  using H = typename detail::Half<T>::V;
  using HU = typename detail::Half<T>::VU;
  constexpr int W = Real<T>::W;
  const auto rest = [](const T* p) { return *reinterpret_cast<const HU*>(p + N * W); };
  V sum[N + 1], other[N + 1];
  H sum_rest{}, other_rest{};
  for (int i = 0; i < N; ++i) sum[i] = load<T>(e.base + s + i * W), other[i] = V{};
  if (half) sum_rest = rest(e.base + s);
  for (index c = 0; c < e.columns; ++c) {
    const T* start = e.start + (index)indices[c] * 2 * e.stride + s;
    const T* step = start + e.stride;
    const V fraction = splat<T>(fractions[c]);
    for (int i = 0; i < N; ++i) {
      sum[i] = sum[i] + load<T>(start + i * W);
      other[i] = other[i] + fraction * load<T>(step + i * W);
    }
    if (half) sum_rest = sum_rest + rest(start), other_rest = other_rest + (H{} + fractions[c]) * rest(step);
  }
  for (int i = 0; i < N; ++i) store<T>(packed + s + i * W, sum[i] + other[i]);
  if (half) *reinterpret_cast<HU*>(packed + s + N * W) = sum_rest + other_rest;
}

namespace detail {
// W numbers from number s on of two registers.
template <class T, int s, int... J>
EIG_INLINE typename Real<T>::V shifted(typename Real<T>::V a, typename Real<T>::V b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, (J + s)...);
}
template <class T, int K, int... J>
EIG_INLINE typename Real<T>::M before(std::integer_sequence<int, J...>) {
  return typename Real<T>::M{(J < K ? -1 : 0)...};
}
}  // namespace detail

// Rows n ... n + R - 1, `to` numbers apart, from tables whose starts and steps are joined: of the 2 K numbers of a row
// of the tables the first K are multiplied by one. Writes whole registers.
template <int K, int R, class T>
EIG_INLINE void gather_joined(const Encoded<T>& e, index n, T* packed, index to) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W, N = (2 * K + W - 1) / W, mixed = K / W, shift = K % W;
  constexpr auto lanes = std::make_integer_sequence<int, W>{};
  const auto starts = detail::before<T, shift>(lanes);
  const std::int32_t* indices = e.indices + n * e.columns;
  const T* fractions = e.fractions + n * e.columns;
  V sum[R][N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) {
    const V base = i * W < K ? load<T>(e.base + i * W) : V{};
    for (int r = 0; r < R; ++r) sum[r][i] = i < mixed ? base : starts ? base : V{};
  }
  for (index c = 0; c < e.columns; ++c)
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const T* from = e.start + (index)indices[r * e.columns + c] * (N * W);
      const V fraction = splat<T>(fractions[r * e.columns + c]), factor = starts ? splat<T>(T(1)) : fraction;
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) {
        const V x = load<T>(from + i * W);
        sum[r][i] = i < mixed ? sum[r][i] + x : sum[r][i] + (i == mixed ? factor : fraction) * x;
      }
    }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int i = 0; i * W < K; ++i) {
      const int at = mixed + i, next = at + 1 < N ? at + 1 : at;
      const V other = detail::shifted<T, shift>(sum[r][at], sum[r][next], lanes);
      store<T>(packed + r * to + i * W, sum[r][i] + other);
    }
}

template <class T>
void gather_one_joined(const Encoded<T>& e, index n, T* packed) {
  const auto gather = [&](auto order) {
    constexpr int D = decltype(order)::value, K = (int)packed_size(D);
    T row[K + Real<T>::W];
    if (e.stride == K) gather_joined<K, 1>(e, n, row, 0), std::memcpy(packed, row, sizeof(T) * K);
  };
  gather(std::integral_constant<int, 2>());
  gather(std::integral_constant<int, 3>());
  gather(std::integral_constant<int, 4>());
  gather(std::integral_constant<int, 5>());
  gather(std::integral_constant<int, 6>());
}

// One packed row per matrix; tables have `stride` columns, a multiple of half the width, or are joined.
template <class T>
EIG_INLINE void gather_row(const Encoded<T>& e, index n, T* packed) {
  if (e.joined) return gather_one_joined(e, n, packed);
  constexpr int W = Real<T>::W;
  const std::int32_t* indices = e.indices + n * e.columns;
  const T* fractions = e.fractions + n * e.columns;
  index s = 0;
  for (; s + 4 * W <= e.stride; s += 4 * W) gather_part<T, 4, false>(e, indices, fractions, s, packed);
  const index halves = 2 * (e.stride - s) / W;
  if (halves == 7) gather_part<T, 3, true>(e, indices, fractions, s, packed);
  if (halves == 6) gather_part<T, 3, false>(e, indices, fractions, s, packed);
  if (halves == 5) gather_part<T, 2, true>(e, indices, fractions, s, packed);
  if (halves == 4) gather_part<T, 2, false>(e, indices, fractions, s, packed);
  if (halves == 3) gather_part<T, 1, true>(e, indices, fractions, s, packed);
  if (halves == 2) gather_part<T, 1, false>(e, indices, fractions, s, packed);
  if (halves == 1) gather_part<T, 0, true>(e, indices, fractions, s, packed);
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
