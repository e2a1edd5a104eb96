// A tile solved and written out.
#pragma once
#include "projector.hpp"
#include "tile.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T>
EIG_INLINE T quiet_nan() {
  return sizeof(T) == 8 ? (T)__builtin_nan("") : (T)__builtin_nanf("");
}

template <class T, int U>
struct Solver : Tile<T, U> {
  using Base = Tile<T, U>;
  using Base::a, Base::d, Base::job, Base::window, Base::z, Base::t, Base::bad, Base::lanes;
  using typename Base::P;
  using typename Base::Q;
  index first = 0;
  int valid = 0;
  P scaled_value;  // of the last pair, of the scaled tridiagonal matrix
  P value;         // of the last pair
  Q full_lanes;    // solved by the full solver
  Q tied_lanes;    // lambda_k has company within tau

  Solver(const Job<T>& j, void* workspace) : Base(j, workspace) {}

  bool reduced() const { return !is_tridiagonal(job.layout); }

  P in_input_units(const P& x) const {
    const P y = (x * this->unscale_t) * this->unscale;
    return select(bad, P(quiet_nan<T>()), select(this->zero_matrix, P(T(0)), y));
  }

  // Matrices first_ ... first_ + valid_ - 1. With vectors the unit eigenvectors end up in z, one column of d packs
  // after the other; with ties, for one eigenvalue, the lanes in which it has company in tied_lanes.
  void solve(index first_, int valid_, bool vectors, bool ties) {
    first = first_;
    valid = valid_;
    this->load_scaled(first, valid);
    this->reduce(valid);
    full_lanes = no_lanes<T, U>();
    if (job.path == Path::full) full_lanes = ~full_lanes;
    Q close;
    for (index j = 0; j < window; ++j) full_lanes = full_lanes | find_pair(j, vectors, close);
    full_lanes = full_lanes & ~bad;
    if (vectors && reduced())
      for (index j = 0; j < window; ++j) this->back_transform_tile(valid, z + j * d);
    clear_ties();
    if (any(full_lanes)) solve_lanes(vectors);
    if (ties && any(close & ~full_lanes)) find_ties(close & ~full_lanes);
    if (any(bad) && vectors)
      for (index c = 0; c < window * d; ++c) z[c] = select(bad, P(quiet_nan<T>()), z[c]);
  }

  // Eigenvalue job.lo + j into value and job.values, its vector in the tridiagonal's coordinates into column j of z.
  // close: the lanes in which it may have company. Returns the lanes that the full solver must see to.
  Q find_pair(index j, bool vectors, Q& close) {
    Q failed;
    close = this->root(j, scaled_value, failed);
    if (vectors) failed = failed | ~find_vector(z + j * d, failed | bad);
    if (vectors && window > 1) {
      const auto before = [&](index i) { return z + i * d; };
      failed = failed | close | ~(orthogonalise<T, U>(d, j, before, z + j * d) <= P(T(0.01)));
    }
    const P x = in_input_units(scaled_value);
    value = j > 0 ? select(x < value, value, x) : x;
    if (job.values) write_values(j);
    return failed;
  }

  // The vector at scaled_value, which becomes the Rayleigh quotient. Returns the lanes whose residual is small and
  // whose value stayed where it was certified; given_up: the lanes that need neither.
  Q find_vector(P* column, const Q& given_up) {
    const P theta = scaled_value, accept = t.bound * P(T(d) * Real<T>::eps);
    P residual = twisted_vector<T, U>(t, scaled_value, column, this->scratch);
    Q fine = (residual <= accept) & (abs(scaled_value - theta) <= t.tau);
    const Q kept = fine | given_up;
    if (any(~kept)) {
      // Lanes that are fine keep what they have: a result never depends on a lane's neighbours.
      P* const before = z + window * d;
      for (index i = 0; i < d; ++i) before[i] = column[i];
      const P quotient = scaled_value;
      scaled_value = select(abs(quotient - theta) <= t.tau, quotient, theta);
      residual = twisted_vector<T, U>(t, scaled_value, column, this->scratch);
      fine = (kept & fine) | (~kept & (residual <= accept) & (abs(scaled_value - theta) <= t.tau));
      for (index i = 0; i < d; ++i) column[i] = select(kept, before[i], column[i]);
      scaled_value = select(kept, quotient, scaled_value);
    }
    return fine;
  }

  void clear_ties() {
    if (job.tied)
      for (int l = 0; l < valid; ++l) job.tied[first + l] = 0;
    tied_lanes = no_lanes<T, U>();
  }

  void note_tie(int lane) {
    tied_lanes.v[lane / Real<T>::W][lane % Real<T>::W] = -1;
    if (job.tied) job.tied[first + lane] = 1;
  }

  void find_ties(const Q& close) {
    for (int lane = 0; lane < valid; ++lane)
      if (test(close, lane) && this->has_company(lane, scaled_value.get(lane))) note_tie(lane);
  }

  void write_values(index j) const {
    if (window == 1 && valid == lanes)
      for (int u = 0; u < U; ++u) store<T>(job.values + first + u * Real<T>::W, value.v[u]);
    else
      for (int l = 0; l < valid; ++l) job.values[(first + l) * window + j] = value.get(l);
  }

  // What the fast path could not certify: ties, failures, windows with near-parallel vectors.
  void solve_lanes(bool vectors) {
    for (int lane = 0; lane < valid; ++lane) {
      if (!test(full_lanes, lane)) continue;
      T *w, *zt;
      bool ok;
      const index* order = this->solve_fully(lane, vectors, w, zt, ok) + job.lo;
      for (index j = 0; j < window; ++j) {
        const T x = ok ? (w[order[j]] * this->unscale_t.get(lane)) * this->unscale.get(lane) : quiet_nan<T>();
        if (job.values) job.values[(first + lane) * window + j] = x;
        value.set(lane, x);
        if (!vectors) continue;
        T* v = zt + order[j] * d;
        if (reduced()) this->back_transform_one(lane, v);
        for (index i = 0; i < d; ++i) z[j * d + i].set(lane, ok ? v[i] : quiet_nan<T>());
      }
      index from, to;
      this->cluster_of(w, order - job.lo, from, to);
      if (from < to) note_tie(lane);
    }
  }

  void write_vectors(T* out) const {
    if (window == 1) return transpose_out<T, U>(out, d, valid, d, [&](index c) { return z[c]; });
    const P* at = z;  // number (i, j) of the matrix of vectors, row by row
    transpose_out<T, U>(out, d * window, valid, d * window, [&](index) {
      const P x = *at;
      at += d;
      if (at >= z + d * window) at -= d * window - 1;
      return x;
    });
  }

  // Rows of v v^T in the layout of the matrices, P/m where lambda_k has multiplicity m.
  void write_gradient(T* out) {
    const index K = layout_size(job.layout, d);
    if (Base::by_rows(job)) {
      write_vectors(this->rows);
      write_projectors<T>(job.layout, d, this->rows, nullptr, valid, out);
    } else {
      const bool band = job.layout == Layout::band;
      const P root2(T(1.41421356237309504880));
      index i = 0, j = 0;
      transpose_out<T, U>(out, K, valid, K, [&](index) {
        const P g = i == j ? z[i] * z[i] : root2 * z[i] * z[j];
        if (j == i)
          ++i, j = band ? i - 1 : 0;
        else
          ++j;
        return g;
      });
    }
    if (any(tied_lanes)) write_tied_gradient(out, K);
  }

  void write_tied_gradient(T* out, index stride) {
    for (int lane = 0; lane < valid; ++lane) {
      if (!test(tied_lanes, lane)) continue;
      T *w, *zt;
      bool ok;
      const index* order = this->solve_fully(lane, true, w, zt, ok);
      index from, to;
      this->cluster_of(w, order, from, to);
      if (from == to || !ok) continue;
      T* g = out + lane * stride;
      for (index c = 0; c < stride; ++c) g[c] = 0;
      for (index member = from; member <= to; ++member) {
        T* v = zt + order[member] * d;
        if (reduced()) this->back_transform_one(lane, v);
        add_projector(job.layout, d, v, T(to - from + 1), g);
      }
    }
  }
};

template <class AnySolver, class T>
void run_tiles(const Job<T>& job, index first, index count, void* workspace) {
  AnySolver s(job, workspace);
  const bool vectors = job.vectors || job.gradient, ties = job.tied || job.gradient;
  for (index n = first; n < first + count; n += s.lanes) {
    const int valid = first + count - n < s.lanes ? int(first + count - n) : s.lanes;
    s.solve(n, valid, vectors, ties);
    if (job.vectors) s.write_vectors(job.vectors + n * job.d * job.window());
    if (job.gradient) s.write_gradient(job.gradient + n * layout_size(job.layout, job.d));
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
