// A function of all eigenvalues, and its gradient V diag(w) V^T (Magnus 1985). Vectors are found where a weight is not
// zero; near another eigenvalue they come from the full solver.
#pragma once
#include "functionals.hpp"
#include "solve.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T, int U>
struct Composed : Solver<T, U> {
  using Base = Solver<T, U>;
  using Base::bad, Base::d, Base::full_lanes, Base::job, Base::lanes, Base::valid, Base::value, Base::z;
  using typename Base::P;
  using typename Base::Q;
  P *lam, *at, *w, *near;  // eigenvalues, those of the scaled tridiagonal matrix, weights, 1 where one may have company
  index* columns;                  // eigenvalues whose vectors were found
  index lowest = 0, highest = 0, used = 0;

  Composed(const Job<T>& j, void* workspace) : Base(j, workspace) {
    lam = this->spectrum, at = lam + d, w = at + d, near = w + d;
    columns = reinterpret_cast<index*>(near + 3 * d);
  }

  Functional<T, U> phi() const { return {*job.phi, d, lam, w, room(), given()}; }
  P* room() const { return near + d; }
  P* given() const { return near + 2 * d; }
  index& column(index i) const { return columns[i]; }

  void solve(index first, int count, bool vectors, bool) {
    this->first = first;
    valid = count;
    this->load_scaled(first, valid);
    this->reduce(valid);
    used = 0;
    full_lanes = no_lanes<T, U>();
    if (job.path == Path::full) full_lanes = ~full_lanes;
    if (job.phi->kind == PhiKind::several) load_weights();
    find_roots();
    value = phi()(lowest, highest, vectors, false);
    if (vectors) find_vectors();
    full_lanes = full_lanes & ~bad;
    if (any(full_lanes)) solve_lanes(vectors);
    value = select(bad, P(quiet_nan<T>()), value);
    if (job.values)
      for (int l = 0; l < valid; ++l) job.values[first + l] = value.get(l);
    if (vectors) add_projectors();
  }

  void load_weights() {
    const index lo = job.phi->pivot, size = job.phi->size;
    for (index j = 0; j < d; ++j) given()[j] = P(T(0));
    transpose_in<T, U>(job.phi->weights + this->first * size, size, valid, size,
                       [&](index j, const P& g) { given()[lo + j] = g; });
  }

  // Whether the weight of an eigenvalue is zero for every matrix.
  bool idle(index j) const {
    const Phi<T>& phi = *job.phi;
    if (phi.kind == PhiKind::several) return j < phi.pivot || j >= phi.pivot + phi.size;
    return (phi.kind == PhiKind::jump || phi.kind == PhiKind::weighted) && phi.weights[j] == 0;
  }

  void find_root(index j) {
    Q failed;
    near[j] = select(this->root(j, at[j], failed), P(T(1)), P(T(0)));
    full_lanes = full_lanes | failed;
    lam[j] = this->in_input_units(at[j]);
  }

  void find_roots() {
    lowest = 0, highest = d - 1;
    if (job.phi->kind == PhiKind::smooth) return find_neighbours();
    for (index j = 0, last = -1; j < d; ++j) {
      if (idle(j)) {
        lam[j] = P(quiet_nan<T>()), near[j] = P(T(0));
        continue;
      }
      find_root(j);
      if (last >= 0) lam[j] = max(lam[last], lam[j]);
      last = j;
    }
  }

  // lowest ... highest: from lambda_k up and down until alpha is passed in every lane; the rest only needs to be beyond.
  void find_neighbours() {
    const index k = job.phi->pivot;
    const P alpha(job.phi->number);
    find_root(k);
    for (highest = k; highest + 1 < d && any(lam[highest] - lam[k] < alpha); ++highest) {
      find_root(highest + 1);
      lam[highest + 1] = max(lam[highest], lam[highest + 1]);
    }
    for (lowest = k; lowest > 0 && any(lam[k] - lam[lowest] < alpha); --lowest) {
      find_root(lowest - 1);
      lam[lowest - 1] = min(lam[lowest], lam[lowest - 1]);
    }
    for (index j = 0; j < lowest; ++j) lam[j] = lam[lowest], near[j] = P(T(0));
    for (index j = highest + 1; j < d; ++j) lam[j] = lam[highest], near[j] = P(T(0));
  }

  Q weighty(index j) const { return ~(w[j] == P(T(0))) & ~bad; }

  // Vector of eigenvalue j in column j of z, in the lanes where its weight is not zero; zero in the others, and NaN
  // nowhere.
  void find_vectors() {
    for (index j = 0; j < d; ++j) {
      Q wanted = weighty(j);
      full_lanes = full_lanes | (wanted & (near[j] == P(T(1))));
      wanted = wanted & ~full_lanes;
      if (!any(wanted)) continue;
      this->scaled_value = at[j];
      const Q found = this->find_vector(z + j * d, ~wanted);
      const auto kept = [&](index c) { return z + column(c) * d; };
      const Q fine = wanted & found & (orthogonalise<T, U>(d, used, kept, z + j * d) <= P(T(0.01)));
      full_lanes = full_lanes | (wanted & ~fine);
      for (index i = 0; i < d; ++i) z[j * d + i] = select(fine, z[j * d + i], P(T(0)));
      column(used++) = j;
    }
    if (this->reduced())
      for (index c = 0; c < used; ++c) this->back_transform_tile(valid, z + column(c) * d);
  }

  // All eigenpairs of the lanes that could not be certified; the results of the others stay as they are.
  void solve_lanes(bool vectors) {
    if (vectors) use_all_columns();
    for (int lane = 0; lane < valid; ++lane) {
      if (!test(full_lanes, lane)) continue;
      T *values, *zt;
      bool ok;
      const index* order = this->solve_fully(lane, vectors, values, zt, ok);
      for (index j = 0; j < d; ++j) {
        const T x = (values[order[j]] * this->unscale_t.get(lane)) * this->unscale.get(lane);
        lam[j].set(lane, ok ? x : quiet_nan<T>());
        if (!vectors) continue;
        T* v = zt + order[j] * d;
        if (this->reduced()) this->back_transform_one(lane, v);
        for (index i = 0; i < d; ++i) z[j * d + i].set(lane, v[i]);
      }
    }
    for (index j = 0; j < d; ++j) at[j] = w[j];
    value = select(full_lanes, phi()(0, d - 1, vectors, true), value);
    for (index j = 0; vectors && j < d; ++j) w[j] = select(full_lanes, w[j], at[j]);
  }

  void use_all_columns() {
    index c = 0;
    for (index j = 0; j < d; ++j) {
      if (c < used && column(c) == j)
        ++c;
      else
        for (index i = 0; i < d; ++i) z[j * d + i] = P(T(0));
    }
    for (index j = 0; j < d; ++j) column(j) = j;
    used = d;
  }

  // sum_j w_j z_j z_j^T: its lower triangle in the place of the reduced matrix, or both diagonals.
  void add_projectors() {
    if (!this->reduced()) {
      for (index i = 0; i < d; ++i) this->diagonal[i] = sum_of(i, i);
      for (index i = 0; i + 1 < d; ++i) this->off[i] = sum_of(i + 1, i);
      return;
    }
    constexpr int height = U == 1 ? 4 : 2, width = 4;
    for (index i = 0; i < d; i += height)
      for (index k = 0; k < i + height && k < d; k += width) add_block<height, width>(i, k);
  }

  P sum_of(index i, index k) const {
    P sum(T(0));
    for (index c = 0; c < used; ++c) sum = sum + w[column(c)] * z[column(c) * d + i] * z[column(c) * d + k];
    return sum;
  }

  template <int height, int width>
  void add_block(index i, index k) const {
    P sum[height][width], left[height], right[width];
    for (int p = 0; p < height; ++p)
      for (int q = 0; q < width; ++q) sum[p][q] = P(T(0));
    const auto inside = [&](index at) { return at < d ? at : d - 1; };
    for (index c = 0; c < used; ++c) {
      const index j = column(c);
      for (int p = 0; p < height; ++p) left[p] = w[j] * z[j * d + inside(i + p)];
      for (int q = 0; q < width; ++q) right[q] = z[j * d + inside(k + q)];
      for (int p = 0; p < height; ++p)
        for (int q = 0; q < width; ++q) sum[p][q] = sum[p][q] + left[p] * right[q];
    }
    for (int p = 0; p < height; ++p)
      for (int q = 0; q < width; ++q)
        if (i + p < d && k + q <= i + p) this->a[packed_position(i + p, k + q)] = sum[p][q];
  }

  // The gradient in the layout of the rows.
  void write_gradient(T* out) const {
    const index K = layout_size(job.layout, d);
    const P root2(T(1.41421356237309504880)), two(T(2)), nan(quiet_nan<T>());
    const Layout layout = job.layout;
    index i = 0, k = 0;  // of packed rows
    transpose_out<T, U>(out, K, valid, K, [&](index c) {
      P g;
      if (layout == Layout::full) {
        g = this->a[i >= k ? packed_position(i, k) : packed_position(k, i)];
        if (++k == d) ++i, k = 0;
      } else if (layout == Layout::packed) {
        g = this->a[c];
        if (k < i) g = root2 * g;
        if (k++ == i) ++i, k = 0;
      } else if (layout == Layout::pair) {
        g = c < d ? this->diagonal[c] : two * this->off[c - d];
      } else {
        g = c % 2 == 0 ? this->diagonal[c / 2] : root2 * this->off[c / 2];
      }
      return select(bad, nan, g);
    });
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
