// A register of matrices: the matrix index is the SIMD lane. One source, compiled once per instruction set with
// EIGCORE_ISA (a namespace, so that the linker never merges code of two instruction sets) and EIGCORE_BYTES (register
// width).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef EIGCORE_ISA
#define EIGCORE_ISA baseline
#endif
#ifndef EIGCORE_BYTES
#define EIGCORE_BYTES 16
#endif
#define EIG_INLINE inline __attribute__((always_inline))

namespace eigcore {
namespace EIGCORE_ISA {

using index = std::int64_t;

template <class T>
struct Real;

template <>
struct Real<double> {
  using Int = std::int64_t;
  using UInt = std::uint64_t;
  typedef double V __attribute__((vector_size(EIGCORE_BYTES)));
  typedef double VU __attribute__((vector_size(EIGCORE_BYTES), aligned(8), may_alias));
  typedef Int M __attribute__((vector_size(EIGCORE_BYTES)));
  typedef UInt B __attribute__((vector_size(EIGCORE_BYTES)));
  static constexpr int W = EIGCORE_BYTES / 8, bits = 64, mantissa = 52, bias = 1023;
  static constexpr double eps = 0x1p-52;
  // Inside these bounds squares of the entries neither over- nor underflow in the reduction.
  static constexpr double largest_safe = 0x1p+300, smallest_safe = 0x1p-300;
  static constexpr double negligible2 = 0x1p-120;  // (entry / max entry)^2 treated as zero
  static constexpr int rescale_rows = 16;
};

template <>
struct Real<float> {
  using Int = std::int32_t;
  using UInt = std::uint32_t;
  typedef float V __attribute__((vector_size(EIGCORE_BYTES)));
  typedef float VU __attribute__((vector_size(EIGCORE_BYTES), aligned(4), may_alias));
  typedef Int M __attribute__((vector_size(EIGCORE_BYTES)));
  typedef UInt B __attribute__((vector_size(EIGCORE_BYTES)));
  static constexpr int W = EIGCORE_BYTES / 4, bits = 32, mantissa = 23, bias = 127;
  static constexpr float eps = 0x1p-23f;
  static constexpr float largest_safe = 0x1p+40f, smallest_safe = 0x1p-24f;
  static constexpr float negligible2 = 0x1p-60f;
  static constexpr int rescale_rows = 4;
};

template <class T>
EIG_INLINE typename Real<T>::V splat(T x) {
  return typename Real<T>::V{} + x;
}

template <class T>
EIG_INLINE typename Real<T>::V load(const T* p) {
  return *reinterpret_cast<const typename Real<T>::VU*>(p);
}

template <class T>
EIG_INLINE void store(T* p, typename Real<T>::V x) {
  *reinterpret_cast<typename Real<T>::VU*>(p) = x;
}

// The first `count` lanes; the rest is zero (load) or untouched (store).
template <class T>
EIG_INLINE typename Real<T>::V load_partial(const T* p, int count) {
#if defined(__AVX512F__) && EIGCORE_BYTES == 64
  if constexpr (sizeof(T) == 8)
    return (typename Real<T>::V)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), p);
  else
    return (typename Real<T>::V)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
  T buffer[Real<T>::W] = {};
  for (int i = 0; i < count; ++i) buffer[i] = p[i];
  return load<T>(buffer);
#endif
}

template <class T>
EIG_INLINE void store_partial(T* p, typename Real<T>::V x, int count) {
#if defined(__AVX512F__) && EIGCORE_BYTES == 64
  if constexpr (sizeof(T) == 8)
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), (__m512d)x);
  else
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)x);
#else
  T buffer[Real<T>::W];
  store<T>(buffer, x);
  for (int i = 0; i < count; ++i) p[i] = buffer[i];
#endif
}

template <class T>
EIG_INLINE typename Real<T>::V vsqrt(typename Real<T>::V x) {
#if defined(__AVX512F__) && EIGCORE_BYTES == 64
  if constexpr (sizeof(T) == 8)
    return (typename Real<T>::V)_mm512_sqrt_pd((__m512d)x);
  else
    return (typename Real<T>::V)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__) && EIGCORE_BYTES == 32
  if constexpr (sizeof(T) == 8)
    return (typename Real<T>::V)_mm256_sqrt_pd((__m256d)x);
  else
    return (typename Real<T>::V)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__) && EIGCORE_BYTES == 16
  if constexpr (sizeof(T) == 8)
    return (typename Real<T>::V)_mm_sqrt_pd((__m128d)x);
  else
    return (typename Real<T>::V)_mm_sqrt_ps((__m128)x);
#elif defined(__aarch64__) && EIGCORE_BYTES == 16
  if constexpr (sizeof(T) == 8)
    return (typename Real<T>::V)vsqrtq_f64((float64x2_t)x);
  else
    return (typename Real<T>::V)vsqrtq_f32((float32x4_t)x);
#else
  for (int i = 0; i < Real<T>::W; ++i) x[i] = sizeof(T) == 8 ? __builtin_sqrt(x[i]) : __builtin_sqrtf(x[i]);
  return x;
#endif
}

template <class M>
EIG_INLINE bool any_register(M m) {
#if defined(__AVX512F__) && EIGCORE_BYTES == 64
  return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
#elif defined(__AVX__) && EIGCORE_BYTES == 32
  return !_mm256_testz_si256((__m256i)m, (__m256i)m);
#elif defined(__SSE2__) && EIGCORE_BYTES == 16
  return _mm_movemask_epi8((__m128i)m) != 0;
#else
  std::uint64_t w[EIGCORE_BYTES / 8], r = 0;
  std::memcpy(w, &m, sizeof m);
  for (auto x : w) r |= x;
  return r != 0;
#endif
}

// U registers side by side: U * W matrices advance together, so that one register's latency hides behind the others.
template <class T, int U>
struct Mask {
  typename Real<T>::M v[U];
};

template <class T, int U>
struct Pack {
  using R = Real<T>;
  static constexpr int lanes = U * R::W;
  typename R::V v[U];
  EIG_INLINE Pack() = default;
  EIG_INLINE Pack(T x) {
    for (int u = 0; u < U; ++u) v[u] = splat<T>(x);
  }
  EIG_INLINE T get(int lane) const { return v[lane / R::W][lane % R::W]; }
  EIG_INLINE void set(int lane, T x) { v[lane / R::W][lane % R::W] = x; }
};

#define EIG_BINARY(op)                                                          \
  template <class T, int U>                                                     \
  EIG_INLINE Pack<T, U> operator op(const Pack<T, U>& a, const Pack<T, U>& b) { \
    Pack<T, U> r;                                                               \
    for (int u = 0; u < U; ++u) r.v[u] = a.v[u] op b.v[u];                      \
    return r;                                                                   \
  }
EIG_BINARY(+)
EIG_BINARY(-)
EIG_BINARY(*)
EIG_BINARY(/)
#undef EIG_BINARY

#define EIG_COMPARE(op)                                                         \
  template <class T, int U>                                                     \
  EIG_INLINE Mask<T, U> operator op(const Pack<T, U>& a, const Pack<T, U>& b) { \
    Mask<T, U> r;                                                               \
    for (int u = 0; u < U; ++u) r.v[u] = a.v[u] op b.v[u];                      \
    return r;                                                                   \
  }
EIG_COMPARE(<)
EIG_COMPARE(<=)
EIG_COMPARE(>)
EIG_COMPARE(>=)
EIG_COMPARE(==)
#undef EIG_COMPARE

#define EIG_LOGIC(op)                                                           \
  template <class T, int U>                                                     \
  EIG_INLINE Mask<T, U> operator op(const Mask<T, U>& a, const Mask<T, U>& b) { \
    Mask<T, U> r;                                                               \
    for (int u = 0; u < U; ++u) r.v[u] = a.v[u] op b.v[u];                      \
    return r;                                                                   \
  }
EIG_LOGIC(&)
EIG_LOGIC(|)
#undef EIG_LOGIC

template <class T, int U>
EIG_INLINE Mask<T, U> operator~(const Mask<T, U>& a) {
  Mask<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = ~a.v[u];
  return r;
}

template <class T, int U>
EIG_INLINE bool any(const Mask<T, U>& a) {
  auto m = a.v[0];
  for (int u = 1; u < U; ++u) m |= a.v[u];
  return any_register(m);
}

template <class T, int U>
EIG_INLINE bool test(const Mask<T, U>& a, int lane) {
  return a.v[lane / Real<T>::W][lane % Real<T>::W] != 0;
}

template <class T, int U>
EIG_INLINE Mask<T, U> no_lanes() {
  Mask<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = typename Real<T>::M{};
  return r;
}

template <class T, int U>
EIG_INLINE Pack<T, U> select(const Mask<T, U>& m, const Pack<T, U>& a, const Pack<T, U>& b) {
  Pack<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = m.v[u] ? a.v[u] : b.v[u];
  return r;
}

template <class T, int U>
EIG_INLINE Pack<T, U> abs(const Pack<T, U>& a) {
  using B = typename Real<T>::B;
  using UInt = typename Real<T>::UInt;
  Pack<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = (typename Real<T>::V)((B)a.v[u] & (B{} + (UInt)(~(UInt)0 >> 1)));
  return r;
}

template <class T, int U>
EIG_INLINE Pack<T, U> copysign(const Pack<T, U>& magnitude, const Pack<T, U>& sign) {
  using B = typename Real<T>::B;
  using UInt = typename Real<T>::UInt;
  const B mask = B{} + (UInt)(~(UInt)0 >> 1);
  Pack<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = (typename Real<T>::V)(((B)magnitude.v[u] & mask) | ((B)sign.v[u] & ~mask));
  return r;
}

template <class T, int U>
EIG_INLINE Pack<T, U> operator-(const Pack<T, U>& a) {
  Pack<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = -a.v[u];
  return r;
}

template <class T, int U>
EIG_INLINE Pack<T, U> max(const Pack<T, U>& a, const Pack<T, U>& b) {
  return select(a > b, a, b);
}

template <class T, int U>
EIG_INLINE Pack<T, U> min(const Pack<T, U>& a, const Pack<T, U>& b) {
  return select(a < b, a, b);
}

template <class T, int U>
EIG_INLINE Pack<T, U> sqrt(const Pack<T, U>& a) {
  Pack<T, U> r;
  for (int u = 0; u < U; ++u) r.v[u] = vsqrt<T>(a.v[u]);
  return r;
}

// 2^-e with 2^e <= |x| < 2^(e+1), for normal x with |e| < bias.
template <class T, int U>
EIG_INLINE Pack<T, U> inverse_power_of_two(const Pack<T, U>& x) {
  using R = Real<T>;
  using B = typename R::B;
  using UInt = typename R::UInt;
  const UInt exponent = ((UInt)1 << (R::bits - 1)) - ((UInt)1 << R::mantissa);
  Pack<T, U> r;
  for (int u = 0; u < U; ++u)
    r.v[u] = (typename R::V)((B{} + ((UInt)(2 * R::bias) << R::mantissa)) - ((B)x.v[u] & (B{} + exponent)));
  return r;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
