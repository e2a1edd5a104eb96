// g v v^T in the layout a caller wants, one matrix after the other with the register along a row: two multiplications
// and a store per register, so that memory is the limit.
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

// `count` matrices. A register may reach beyond its row: what it writes there is written again by the next row.
template <class T>
void write_projectors(Layout layout, index d, const T* vectors, const T* g, index count, T* out) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  constexpr T root2 = T(1.41421356237309504880);
  const index size = layout_size(layout, d);
  for (index n = 0; n < count; ++n) {
    const T* v = vectors + n * d;
    const T factor = g ? g[n] : T(1);
    T* row = out + n * size;
    const index v_room = (count - n) * d;
    index room = (count - n) * size;  // from `row` on
    if (layout == Layout::full || layout == Layout::packed) {
      const bool packed = layout == Layout::packed;
      const V f = splat<T>(packed ? root2 * factor : factor);
      for (index i = 0; i < d; ++i) {
        const V vi = splat<T>(v[i]);
        const index length = packed ? i + 1 : d;
        for (index j = 0; j < length; j += W)
          store_up_to<T>(row + j, vi * load_up_to<T>(v + j, v_room - j) * f, room - j);
        if (packed) row[i] = v[i] * v[i] * factor;
        row += length;
        room -= length;
      }
    } else {
      const bool pair = layout == Layout::pair;
      for (index i = 0; i < d; ++i) row[pair ? i : 2 * i] = v[i] * v[i] * factor;
      for (index i = 0; i + 1 < d; ++i)
        row[pair ? d + i : 2 * i + 1] = v[i] * v[i + 1] * (factor * (pair ? T(2) : root2));
    }
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
