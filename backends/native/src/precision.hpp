// Between registers of double and of single precision. A register of doubles fills half a register of floats; where
// there is no second one, the other half repeats it.
#pragma once
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

namespace detail {
template <class Half, class Narrow, class Wide, int... J>
EIG_INLINE Narrow narrowed(Wide low, Wide high, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(__builtin_convertvector(low, Half), __builtin_convertvector(high, Half), J...);
}
template <class Half, class Wide, int from, class Narrow, int... J>
EIG_INLINE Wide widened(Narrow x, std::integer_sequence<int, J...>) {
  const Half half = __builtin_shufflevector(x, x, (from + J)...);
  return __builtin_convertvector(half, Wide);
}
typedef float HalfFloats __attribute__((vector_size(EIGCORE_BYTES / 2)));
typedef std::int32_t HalfInts __attribute__((vector_size(EIGCORE_BYTES / 2)));
inline constexpr int half = Real<double>::W;
inline constexpr auto whole_lanes = std::make_integer_sequence<int, Real<float>::W>{};
inline constexpr auto half_lanes = std::make_integer_sequence<int, half>{};
}  // namespace detail

template <int U>
EIG_INLINE Pack<float, (U + 1) / 2> narrow(const Pack<double, U>& x) {
  Pack<float, (U + 1) / 2> r;
  for (int u = 0; u < U; u += 2)
    r.v[u / 2] =
        detail::narrowed<detail::HalfFloats, Real<float>::V>(x.v[u], x.v[u + (U > 1)], detail::whole_lanes);
  return r;
}

template <int U>
EIG_INLINE Mask<float, (U + 1) / 2> narrow(const Mask<double, U>& x) {
  Mask<float, (U + 1) / 2> r;
  for (int u = 0; u < U; u += 2)
    r.v[u / 2] = detail::narrowed<detail::HalfInts, Real<float>::M>(x.v[u], x.v[u + (U > 1)], detail::whole_lanes);
  return r;
}

template <int U = 2>
EIG_INLINE Pack<double, U> widen(const Pack<float, (U + 1) / 2>& x) {
  using V = Real<double>::V;
  Pack<double, U> r;
  for (int u = 0; u < U; u += 2) {
    r.v[u] = detail::widened<detail::HalfFloats, V, 0>(x.v[u / 2], detail::half_lanes);
    if (U > 1) r.v[u + (U > 1)] = detail::widened<detail::HalfFloats, V, detail::half>(x.v[u / 2], detail::half_lanes);
  }
  return r;
}

template <int U = 2>
EIG_INLINE Mask<double, U> widen(const Mask<float, (U + 1) / 2>& x) {
  using M = Real<double>::M;
  Mask<double, U> r;
  for (int u = 0; u < U; u += 2) {
    r.v[u] = detail::widened<detail::HalfInts, M, 0>(x.v[u / 2], detail::half_lanes);
    if (U > 1) r.v[u + (U > 1)] = detail::widened<detail::HalfInts, M, detail::half>(x.v[u / 2], detail::half_lanes);
  }
  return r;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
