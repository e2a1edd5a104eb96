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
  using Base::a, Base::d, Base::job, Base::z, Base::t, Base::bad, Base::lanes;
  using typename Base::P;
  using typename Base::Q;
  index first = 0;
  int valid = 0;
  P scaled_value;  // lambda_k of the scaled tridiagonal matrix
  P value;         // lambda_k
  Q full_lanes;    // solved by the full solver
  Q tied_lanes;    // lambda_k has company within tau

  Solver(const Job<T>& j, void* workspace) : Base(j, workspace) {}

  bool reduced() const { return !is_tridiagonal(job.layout); }

  P in_input_units(const P& x) const {
    const P y = (x * this->unscale_t) * this->unscale;
    return select(bad, P(quiet_nan<T>()), select(this->zero_matrix, P(T(0)), y));
  }

  // Matrices first_ ... first_ + valid_ - 1. With vectors the unit eigenvectors end up in z, with ties the lanes whose
  // eigenvalue has company in tied_lanes.
  void solve(index first_, int valid_, bool vectors, bool ties) {
    first = first_;
    valid = valid_;
    this->load_scaled(first, valid);
    this->reduce(valid);
    Q failed;
    const Q close = this->root(scaled_value, failed);
    if (vectors) failed = failed | ~find_vector(failed | bad);
    full_lanes = (job.path == Path::full ? ~no_lanes<T, U>() : failed) & ~bad;
    value = in_input_units(scaled_value);
    if (job.values) write_values();
    if (vectors && reduced()) this->back_transform_tile(valid, z);
    clear_ties();
    if (any(full_lanes)) solve_lanes(vectors);
    if (ties && any(close & ~full_lanes)) find_ties(close & ~full_lanes);
    if (any(bad) && vectors)
      for (index c = 0; c < d; ++c) z[c] = select(bad, P(quiet_nan<T>()), z[c]);
  }

  // z at scaled_value, which becomes the Rayleigh quotient. Returns the lanes whose residual is small and whose value
  // stayed where it was certified; given_up: the lanes that need neither.
  Q find_vector(const Q& given_up) {
    const P theta = scaled_value, accept = t.bound * P(T(d) * Real<T>::eps);
    P residual = twisted_vector<T, U>(t, scaled_value, z, this->scratch);
    Q fine = (residual <= accept) & (abs(scaled_value - theta) <= t.tau);
    if (any(~(fine | given_up))) {
      scaled_value = select(abs(scaled_value - theta) <= t.tau, scaled_value, theta);
      residual = twisted_vector<T, U>(t, scaled_value, z, this->scratch);
      fine = (residual <= accept) & (abs(scaled_value - theta) <= t.tau);
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

  void write_values() const {
    if (valid == lanes)
      for (int u = 0; u < U; ++u) store<T>(job.values + first + u * Real<T>::W, value.v[u]);
    else
      for (int l = 0; l < valid; ++l) job.values[first + l] = value.get(l);
  }

  // What the fast path could not certify: ties and failures.
  void solve_lanes(bool vectors) {
    const index k = job.k;
    for (int lane = 0; lane < valid; ++lane) {
      if (!test(full_lanes, lane)) continue;
      T *w, *zt;
      bool ok;
      const index* order = this->solve_fully(lane, vectors, w, zt, ok);
      const T x = ok ? (w[order[k]] * this->unscale_t.get(lane)) * this->unscale.get(lane) : quiet_nan<T>();
      if (job.values) job.values[first + lane] = x;
      value.set(lane, x);
      if (vectors) {
        T* v = zt + order[k] * d;
        if (reduced()) this->back_transform_one(lane, v);
        for (index i = 0; i < d; ++i) z[i].set(lane, ok ? v[i] : quiet_nan<T>());
      }
      index from, to;
      this->cluster_of(w, order, from, to);
      if (from < to) note_tie(lane);
    }
  }

  void write_vectors(T* out) const {
    transpose_out<T, U>(out, d, valid, d, [&](index c) { return z[c]; });
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
    if (job.vectors) s.write_vectors(job.vectors + n * job.d);
    if (job.gradient) s.write_gradient(job.gradient + n * layout_size(job.layout, job.d));
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
