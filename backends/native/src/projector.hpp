// g v v^T in the layout of the matrices, one after the other with the register along a row: two multiplications and a
// store per register, so that memory is the limit.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T>
EIG_INLINE typename Real<T>::V load_up_to(const T* p, index room) {
  return room >= Real<T>::W ? load<T>(p) : load_partial<T>(p, int(room));
}

template <class T>
EIG_INLINE void store_up_to(T* p, typename Real<T>::V x, index room) {
  if (room >= Real<T>::W)
    store<T>(p, x);
  else
    store_partial<T>(p, x, int(room));
}

// Whole matrices or packed lower triangles. A register may reach beyond its row: what it writes there is written again
// by the next row.
template <bool packed, bool room_enough, class T>
void write_dense_projectors(index d, const T* vectors, const T* g, index count, T* out) {
  using V = typename Real<T>::V;
  constexpr T root2 = T(1.41421356237309504880);
  index room = count * (packed ? packed_size(d) : d * d), v_room = count * d;  // from `out` and from `vectors` on
  for (index n = 0; n < count; ++n, vectors += d, v_room -= d) {
    const T factor = g ? g[n] : T(1);
    const V f = splat<T>(packed ? root2 * factor : factor);
    for (index i = 0; i < d; ++i) {
      const T v = vectors[i];
      const index length = packed ? i + 1 : d;
      for (index j = 0; j < length; j += Real<T>::W)
        if constexpr (room_enough)
          store<T>(out + j, splat<T>(v) * load<T>(vectors + j) * f);
        else
          store_up_to<T>(out + j, splat<T>(v) * load_up_to<T>(vectors + j, v_room - j) * f, room - j);
      if (packed) out[i] = v * v * factor;
      out += length;
      room -= length;
    }
  }
}

template <bool packed, class T>
void write_dense_projectors(index d, const T* vectors, const T* g, index count, T* out) {
  // only the last matrices have less than a register of numbers behind them
  const index last = (Real<T>::W + d - 1) / d, first = count > last ? count - last : 0;
  const index size = packed ? packed_size(d) : d * d;
  write_dense_projectors<packed, true>(d, vectors, g, first, out);
  write_dense_projectors<packed, false>(d, vectors + first * d, g ? g + first : g, count - first, out + first * size);
}

template <class T>
void write_tridiagonal_projectors(bool pair, index d, const T* vectors, const T* g, index count, T* out) {
  constexpr T root2 = T(1.41421356237309504880);
  for (index n = 0; n < count; ++n, vectors += d, out += 2 * d - 1) {
    const T factor = g ? g[n] : T(1), beside = factor * (pair ? T(2) : root2);
    for (index i = 0; i < d; ++i) out[pair ? i : 2 * i] = vectors[i] * vectors[i] * factor;
    for (index i = 0; i + 1 < d; ++i) out[pair ? d + i : 2 * i + 1] = vectors[i] * vectors[i + 1] * beside;
  }
}

// g v v^T, or v v^T, one row after the other.
template <class T>
void write_projectors(Layout layout, index d, const T* vectors, const T* g, index count, T* out) {
  if (layout == Layout::full)
    write_dense_projectors<false>(d, vectors, g, count, out);
  else if (layout == Layout::packed)
    write_dense_projectors<true>(d, vectors, g, count, out);
  else
    write_tridiagonal_projectors(layout == Layout::pair, d, vectors, g, count, out);
}

// out += v v^T / m
template <class T>
void add_projector(Layout layout, index d, const T* v, T m, T* out) {
  const bool full = layout == Layout::full, pair = layout == Layout::pair, band = layout == Layout::band;
  const T beside = full ? T(1) : pair ? T(2) : T(1.41421356237309504880);
  index next = 0;
  for (index i = 0; i < d; ++i)
    for (index j = (band || pair) && i ? i - 1 : 0; j < (full ? d : i + 1); ++j, ++next) {
      T& entry = out[!pair ? next : i == j ? i : d + j];
      entry += v[i] * v[j] * (i == j ? T(1) : beside) / m;
    }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
