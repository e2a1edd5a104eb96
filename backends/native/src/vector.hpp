// Eigenvector of a tridiagonal matrix from the twisted factorisation of T - x I (Parlett & Dhillon 1997, LAA 267):
//   q+ from the top, q- from the bottom, gamma_i = q+_i + q-_i - (a_i - x); with r = argmin |gamma_r|, z_r = 1 and
//   z_i = -(b_i / q+_i) z_{i+1} (i < r),  z_i = -(b_{i-1} / q-_i) z_{i-1} (i > r),
// (T - x I) z = gamma_r e_r exactly, so |gamma_r| / |z| is the residual and x + gamma_r / |z|^2 the Rayleigh quotient.
#pragma once
#include "sturm.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// z: unit vector; x: replaced by the Rayleigh quotient; returns the residual norm. scratch: 2 d packs, on return
// b_i / q+_i and b_{i-1} / q-_i; twist: r, if wanted.
template <class T, int U>
Pack<T, U> twisted_vector(const Tridiagonal<T, U>& t, Pack<T, U>& x, Pack<T, U>* z, Pack<T, U>* scratch,
                          Pack<T, U>* twist = nullptr) {
  using P = Pack<T, U>;
  using Q = Mask<T, U>;
  const index d = t.d;
  P* up = scratch;        // b_i / q+_i
  P* down = scratch + d;  // b_{i-1} / q-_i
  const P tiny(Real<T>::eps * Real<T>::eps), zero(T(0)), one(T(1));
  // Both directions in one loop: two independent chains of divisions.
  P qt = t.a[0] - x, qb = t.a[d - 1] - x;
  for (index i = 0, j = d - 1; i + 1 < d; ++i, --j) {
    qt = select(abs(qt) < tiny, copysign(tiny, qt), qt);
    qb = select(abs(qb) < tiny, copysign(tiny, qb), qb);
    z[i] = qt;  // q+_i for i < d - 1
    const P lt = t.b[i] / qt, lb = t.b[j - 1] / qb;
    up[i] = lt;
    down[j] = lb;
    qt = (t.a[i + 1] - x) - t.b[i] * lt;
    qb = (t.a[j - 1] - x) - t.b[j - 1] * lb;
  }
  // gamma_i = q+_i - b_i^2 / q-_{i+1} for i < d - 1, gamma_{d-1} = q+_{d-1}.
  P gamma = qt, position = P(T(d - 1));
  P r(T(0));
  for (index i = 0; i + 1 < d; ++i) {
    const P g = z[i] - t.b[i] * down[i + 1];
    const Q smaller = abs(g) < abs(gamma);
    gamma = select(smaller, g, gamma);
    position = select(smaller, r, position);
    r = r + one;
  }
  if (twist) *twist = position;
  P current = zero, norm = zero;
  r = P(T(d - 1));
  for (index i = d - 1; i >= 0; --i) {
    const P propagated = i + 1 < d ? -(up[i] * current) : zero;
    current = select(r == position, one, propagated);
    norm = norm + current * current;
    z[i] = current;
    r = r - one;
  }
  current = zero;
  r = zero;
  for (index i = 0; i < d; ++i) {
    const P propagated = i > 0 ? -(down[i] * current) : zero;
    const Q after = r > position;
    current = select(r == position, one, select(after, propagated, zero));
    const P value = select(after, current, z[i]);
    norm = norm + select(after, current * current, zero);
    z[i] = value;
    r = r + one;
  }
  const P length = sqrt(norm), inverse = one / length;
  for (index i = 0; i < d; ++i) z[i] = z[i] * inverse;
  x = x + gamma * inverse * inverse;
  return abs(gamma) * inverse;
}

// Largest |z_i . last| met while last is made orthogonal to m vectors of d packs; of these, vector(j) is number j.
template <class T, int U, class Vector>
Pack<T, U> orthogonalise(index d, index m, Vector vector, Pack<T, U>* last) {
  using P = Pack<T, U>;
  P worst(T(0)), norm(T(0));
  for (index j = 0; j < m; ++j) {
    const P* other = vector(j);
    P dot(T(0));
    for (index i = 0; i < d; ++i) dot = dot + other[i] * last[i];
    for (index i = 0; i < d; ++i) last[i] = last[i] - dot * other[i];
    worst = select(abs(dot) <= worst, worst, abs(dot));
  }
  for (index i = 0; i < d; ++i) norm = norm + last[i] * last[i];
  const P inverse = P(T(1)) / sqrt(norm);
  for (index i = 0; i < d; ++i) last[i] = last[i] * inverse;
  return worst;
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
