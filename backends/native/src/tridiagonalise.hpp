// Householder reduction A = Q T Q^T of a register of symmetric matrices, last row first (Wilkinson; EISPACK's tred1
// order), so that the active part is always the first rows of the packed lower triangle.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// Rows kept together in registers while one row of the vectors streams by.
template <class T, int U>
inline constexpr int row_block = U > 1                 ? 1
                                 : EIGCORE_BYTES == 16 ? 2
                                                       : 3;

// For rows i0 ... i0 + R - 1:  A <- A - v w^T - w v^T  and  y <- y + A u, A the symmetric matrix of which the lower
// triangle is held.
template <class T, int U, int R, bool pending>
EIG_INLINE void update_rows(index i0, Pack<T, U>* a, const Pack<T, U>* v, const Pack<T, U>* w, const Pack<T, U>* u,
                            Pack<T, U>* y) {
  using P = Pack<T, U>;
  P* row[R];
  P vi[R], wi[R], ui[R], yi[R];
  for (int r = 0; r < R; ++r) {
    row[r] = a + packed_position(i0 + r, 0);
    if (pending) vi[r] = v[i0 + r], wi[r] = w[i0 + r];
    ui[r] = u[i0 + r];
    yi[r] = P(T(0));
  }
  for (index j = 0; j < i0; ++j) {
    P vj, wj;
    if (pending) vj = v[j], wj = w[j];
    const P uj = u[j];
    P yj = y[j];
    for (int r = 0; r < R; ++r) {
      P x = row[r][j];
      if (pending) {
        x = x - vi[r] * wj;
        x = x - wi[r] * vj;
        row[r][j] = x;
      }
      yi[r] = yi[r] + x * uj;
      yj = yj + x * ui[r];
    }
    y[j] = yj;
  }
  for (int r = 0; r < R; ++r)
    for (int s = 0; s <= r; ++s) {
      P x = row[r][i0 + s];
      if (pending) {
        x = x - vi[r] * wi[s];
        x = x - wi[r] * vi[s];
        row[r][i0 + s] = x;
      }
      yi[r] = yi[r] + x * ui[s];
      if (s < r) yi[s] = yi[s] + x * ui[r];
    }
  for (int r = 0; r < R; ++r) y[i0 + r] = yi[r];
}

template <class T, int U, bool pending>
void update_and_multiply(index n, Pack<T, U>* a, const Pack<T, U>* v, const Pack<T, U>* w, const Pack<T, U>* u,
                         Pack<T, U>* y) {
  constexpr int R = row_block<T, U>;
  index i = 0;
  for (; i + R <= n; i += R) update_rows<T, U, R, pending>(i, a, v, w, u, y);
  for (; i < n; ++i) update_rows<T, U, 1, pending>(i, a, v, w, u, y);
}

// a: packed lower triangle, overwritten by the reflectors: H_l = I - u u^T inverse_h[l], u = row l (entries 0 ... l-1),
// l = d-1 ... 2. tiny2: below this squared length a row is dropped (a backward error of the size of the rounding).
template <class T, int U>
void tridiagonalise(index d, Pack<T, U>* a, const Pack<T, U>& tiny2, Pack<T, U>* diagonal, Pack<T, U>* off,
                    Pack<T, U>* inverse_h, Pack<T, U>* scratch) {
  using P = Pack<T, U>;
  P* w = scratch;
  P* y = scratch + d;
  const P* v = nullptr;
  const P zero(T(0));
  P s[4] = {zero, zero, zero, zero};
  if (d > 2) {
    const P* row = a + packed_position(d - 1, 0);
    for (index j = 0; j < d - 1; ++j) s[j & 3] = s[j & 3] + row[j] * row[j];
  }
  for (index l = d - 1; l >= 2; --l) {
    // |x|^2 = sigma, beta = -sign(alpha) |x|, u = x - beta e, H x = beta e, h = |u|^2 / 2 = sigma + |alpha| |x|.
    P* row = a + packed_position(l, 0);
    const P sigma = (s[0] + s[1]) + (s[2] + s[3]), alpha = row[l - 1];
    const Mask<T, U> keep = sigma > tiny2;
    const P length = sqrt(sigma);
    const P beta = -copysign(length, alpha);
    const P h = sigma + abs(alpha) * length;
    const P inv = select(keep, P(T(1)) / h, zero);
    row[l - 1] = alpha - beta;
    diagonal[l] = row[l];
    off[l - 1] = select(keep, beta, zero);
    inverse_h[l] = inv;
    if (v)
      update_and_multiply<T, U, true>(l, a, v, w, row, y);
    else
      update_and_multiply<T, U, false>(l, a, v, w, row, y);
    // p = A u / h, w = p - (u^T p / 2h) u, A <- A - u w^T - w u^T, done at once for row l - 1, the next to be reduced.
    s[0] = s[1] = s[2] = s[3] = zero;
    index j = 0;
    for (; j + 3 < l; j += 4) {
      s[0] = s[0] + row[j] * (inv * y[j]);
      s[1] = s[1] + row[j + 1] * (inv * y[j + 1]);
      s[2] = s[2] + row[j + 2] * (inv * y[j + 2]);
      s[3] = s[3] + row[j + 3] * (inv * y[j + 3]);
    }
    for (; j < l; ++j) s[0] = s[0] + row[j] * (inv * y[j]);
    const P k = P(T(0.5)) * inv * ((s[0] + s[1]) + (s[2] + s[3]));
    P* next = a + packed_position(l - 1, 0);
    const P vn = row[l - 1], wn = inv * y[l - 1] - k * vn;
    const auto reduce_entry = [&](index i, P& sum) {
      const P u = row[i], wi = inv * y[i] - k * u;
      w[i] = wi;
      const P x = next[i] - vn * wi - wn * u;
      next[i] = x;
      sum = sum + x * x;
    };
    s[0] = s[1] = s[2] = s[3] = zero;
    for (j = 0; j + 3 < l - 1; j += 4) {
      reduce_entry(j, s[0]);
      reduce_entry(j + 1, s[1]);
      reduce_entry(j + 2, s[2]);
      reduce_entry(j + 3, s[3]);
    }
    for (; j < l - 1; ++j) reduce_entry(j, s[0]);
    w[l - 1] = wn;
    next[l - 1] = next[l - 1] - (vn + vn) * wn;
    v = row;
  }
  if (v) a[0] = a[0] - (v[0] + v[0]) * w[0];
  diagonal[0] = a[0];
  if (d > 1) {
    off[0] = a[1];
    diagonal[1] = a[2];
  }
}

// z <- z - s u for the first n entries; returns next . z of the result.
template <class T, int U>
EIG_INLINE Pack<T, U> reflect(index n, const Pack<T, U>& s, const Pack<T, U>* u, const Pack<T, U>* next,
                              Pack<T, U>* z) {
  using P = Pack<T, U>;
  P sum[4] = {P(T(0)), P(T(0)), P(T(0)), P(T(0))};
  const auto entry = [&](index j, P& part) {
    const P x = z[j] - s * u[j];
    z[j] = x;
    part = part + next[j] * x;
  };
  index j = 0;
  for (; j + 3 < n; j += 4) {
    entry(j, sum[0]);
    entry(j + 1, sum[1]);
    entry(j + 2, sum[2]);
    entry(j + 3, sum[3]);
  }
  for (; j < n; ++j) entry(j, sum[0]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// z <- Q z = H_{d-1} ... H_2 z; the pass of one reflector forms the product with the next.
template <class T, int U>
void back_transform(index d, const Pack<T, U>* a, const Pack<T, U>* inverse_h, Pack<T, U>* z) {
  if (d < 3) return;
  const Pack<T, U>* u = a + packed_position(2, 0);
  Pack<T, U> dot = u[0] * z[0] + u[1] * z[1];
  for (index l = 2; l + 1 < d; ++l) {
    const Pack<T, U>* next = a + packed_position(l + 1, 0);
    dot = reflect<T, U>(l, inverse_h[l] * dot, u, next, z) + next[l] * z[l];
    u = next;
  }
  reflect<T, U>(d - 1, inverse_h[d - 1] * dot, u, u, z);
}

// z <- Q^T z.
template <class T, int U>
void forward_transform(index d, const Pack<T, U>* a, const Pack<T, U>* inverse_h, Pack<T, U>* z) {
  if (d < 3) return;
  const Pack<T, U>* u = a + packed_position(d - 1, 0);
  Pack<T, U> dot(T(0));
  for (index j = 0; j < d - 1; ++j) dot = dot + u[j] * z[j];
  for (index l = d - 1; l >= 2; --l) {
    const Pack<T, U>* next = a + packed_position(l - 1, 0);
    const Pack<T, U> s = inverse_h[l] * dot;
    z[l - 1] = z[l - 1] - s * u[l - 1];
    dot = reflect<T, U>(l - 1, s, u, next, z);
    u = next;
  }
}

// The same for one lane and a plain vector.
template <class T, int U>
void back_transform_lane(index d, const Pack<T, U>* a, const Pack<T, U>* inverse_h, int lane, T* z) {
  const T* flat = reinterpret_cast<const T*>(a) + lane;
  constexpr index stride = Pack<T, U>::lanes;
  for (index l = 2; l < d; ++l) {
    const T* u = flat + packed_position(l, 0) * stride;
    T s = 0;
    for (index j = 0; j < l; ++j) s += u[j * stride] * z[j];
    s *= inverse_h[l].get(lane);
    for (index j = 0; j < l; ++j) z[j] -= s * u[j * stride];
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
