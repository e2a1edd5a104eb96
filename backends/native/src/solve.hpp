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
template <class T>
EIG_INLINE T infinity() {
  return sizeof(T) == 8 ? (T)__builtin_inf() : (T)__builtin_inff();
}

template <class T, int U>
struct Solver : Tile<T, U> {
  using Base = Tile<T, U>;
  using Base::a, Base::d, Base::job, Base::window, Base::z, Base::t, Base::bad, Base::lanes;
  using typename Base::P;
  using typename Base::Q;
  index first = 0;
  int valid = 0;
  P scaled_value;  // lambda_k of the scaled tridiagonal matrix
  P value;         // of the last window entry solved, in units of the input
  Q clustered;     // lambda_k may have company within tau (one pair only)
  Q full_lanes;    // solved by the full solver
  Q tied_lanes;    // lambda_k has company within tau

  Solver(const Job<T>& j, void* workspace) : Base(j, workspace) {}

  P in_input_units(const P& x) const {
    const P y = (x * this->unscale_t) * this->unscale;
    return select(bad, P(quiet_nan<T>()), select(this->zero_matrix, P(T(0)), y));
  }

  bool wants_vectors() const { return job.vectors || job.gradient; }

  // Matrices first_ ... first_ + valid_ - 1; with vectors the unit eigenvectors end up in z (window columns of d
  // packs).
  void solve(index first_, int valid_, bool vectors) {
    first = first_;
    valid = valid_;
    this->load_scaled(first, valid);
    this->reduce(valid);
    const index m = window;
    full_lanes = no_lanes<T, U>();
    Q need = no_lanes<T, U>();
    if (job.force_full) need = ~need;
    P before = -P(infinity<T>());
    for (index j = 0; j < m; ++j) {
      P x;
      Q failed;
      clustered = this->root(job.lo + j, x, failed);
      need = need | failed;
      if (m > 1 && vectors) need = need | clustered;
      if (vectors) {
        P* column = z + j * d;
        const P theta = x, accept = t.bound * P(T(d) * Real<T>::eps);
        P residual = twisted_vector<T, U>(t, x, column, this->scratch);
        Q fine = (residual <= accept) & (abs(x - theta) <= t.tau);
        if (any(~(fine | need | bad))) {
          const P improved = select(abs(x - theta) <= t.tau, x, theta);
          x = improved;
          residual = twisted_vector<T, U>(t, x, column, this->scratch);
          fine = (residual <= accept) & (abs(x - theta) <= t.tau);
        }
        need = need | ~fine;
        if (m > 1) need = need | ~(orthogonalise<T, U>(d, j, z) <= P(T(0.01)));
      }
      if (m == 1) scaled_value = x;
      value = select(x < before, before, x);
      before = value;
      value = in_input_units(value);
      if (job.values) write_column(job.values, value, j, m);
    }
    full_lanes = need & ~bad;
    if (vectors && a && !Base::is_tridiagonal(job))
      for (index j = 0; j < m; ++j) this->back_transform_tile(valid, z + j * d);
    clear_ties();
    if (any(full_lanes)) solve_lanes(vectors);
    if (m == 1 && any(clustered & ~full_lanes) && (job.tied || job.gradient)) find_clusters();
    if (any(bad) && vectors)
      for (index c = 0; c < m * d; ++c) z[c] = select(bad, P(quiet_nan<T>()), z[c]);
  }

  void clear_ties() {
    if (job.tied)
      for (int l = 0; l < valid; ++l) job.tied[first + l] = 0;
    tied_lanes = no_lanes<T, U>();
  }

  void note_cluster(int lane, index from, index to) {
    if (from < to) {
      const int W = Real<T>::W;
      tied_lanes.v[lane / W][lane % W] = -1;
    }
    if (job.tied) job.tied[first + lane] = from < to;
  }

  void find_clusters() {
    for (int lane = 0; lane < valid; ++lane) {
      if (!test(clustered, lane) || test(full_lanes, lane)) continue;
      index from, to;
      this->count_cluster(lane, job.lo, scaled_value.get(lane), from, to);
      note_cluster(lane, from, to);
    }
  }

  void write_column(T* out, const P& x, index j, index m) {
    if (m == 1 && valid == lanes) {
      for (int u = 0; u < U; ++u) store<T>(out + first + u * Real<T>::W, x.v[u]);
    } else {
      for (int l = 0; l < valid; ++l) out[(first + l) * m + j] = x.get(l);
    }
  }

  T lane_units(T x, int lane) const { return (x * this->unscale_t.get(lane)) * this->unscale.get(lane); }

  // What the fast path could not certify: ties, failures, windows with near-parallel vectors.
  void solve_lanes(bool vectors) {
    for (int lane = 0; lane < valid; ++lane) {
      if (!test(full_lanes, lane)) continue;
      T *w, *zt;
      bool ok;
      const index* order = this->solve_fully(lane, vectors, w, zt, ok);
      for (index j = 0; j < window; ++j) {
        const T x = ok ? lane_units(w[order[job.lo + j]], lane) : quiet_nan<T>();
        if (job.values) job.values[(first + lane) * window + j] = x;
        value.set(lane, x);
        if (!vectors) continue;
        T* v = zt + order[job.lo + j] * d;
        if (a && !Base::is_tridiagonal(job)) this->back_transform_one(lane, v);
        for (index i = 0; i < d; ++i) z[j * d + i].set(lane, ok ? v[i] : quiet_nan<T>());
      }
      index from, to;
      this->cluster_of(job.lo, w, order, from, to);
      if (window == 1) note_cluster(lane, from, to);
    }
  }

  void write_vectors(T* out) {
    const index m = window;
    for (index j = 0; j < m; ++j) {
      if (m == 1) {
        transpose_out<T, U>(out, d, valid, d, [&](index c) { return z[c]; });
      } else {
        for (index i = 0; i < d; ++i)
          for (int l = 0; l < valid; ++l) out[l * d * m + i * m + j] = z[j * d + i].get(l);
      }
    }
  }

  // Rows of v v^T in the layout of the input, P/m where lambda_k has multiplicity m; padding of packed rows is set to
  // zero.
  void write_gradient(T* out, index stride) {
    const bool band = Base::is_tridiagonal(job);
    if (Base::by_rows(job)) {
      transpose_out<T, U>(this->rows, d, valid, d, [&](index c) { return z[c]; });
      write_projectors<T>(job.source == Source::dense ? Layout::full : Layout::packed, d, this->rows, nullptr, valid,
                          out);
      if (any(tied_lanes)) write_tied_gradient(out, stride, band);
      return;
    }
    const index K = Base::columns(job);
    const P root2(T(1.41421356237309504880)), zero(T(0));
    index i = 0, j = 0;
    transpose_out<T, U>(out, stride, valid, stride, [&](index c) {
      if (c >= K) return zero;
      const P g = i == j ? z[i] * z[i] : root2 * z[i] * z[j];
      if (j == i)
        ++i, j = band ? i - 1 : 0;
      else
        ++j;
      return g;
    });
    if (any(tied_lanes)) write_tied_gradient(out, stride, band);
  }

  void write_tied_gradient(T* out, index stride, bool band) {
    for (int lane = 0; lane < valid; ++lane) {
      if (!test(tied_lanes, lane)) continue;
      T *w, *zt;
      bool ok;
      const index* order = this->solve_fully(lane, true, w, zt, ok);
      index from, to;
      this->cluster_of(job.lo, w, order, from, to);
      if (from == to || !ok) continue;
      T* g = out + lane * stride;
      for (index c = 0; c < stride; ++c) g[c] = 0;
      const bool dense = job.source == Source::dense;
      for (index member = from; member <= to; ++member) {
        T* v = zt + order[member] * d;
        if (a && !band) this->back_transform_one(lane, v);
        index c = 0;
        for (index i = 0; i < d; ++i)
          for (index j = band && i ? i - 1 : 0; j < (dense ? d : i + 1); ++j)
            g[c++] += v[i] * v[j] * (i == j || dense ? T(1) : T(1.41421356237309504880)) / T(to - from + 1);
      }
    }
  }
};

template <class AnySolver, class T>
void run_tiles(const Job<T>& job, index first, index count, void* workspace) {
  AnySolver s(job, workspace);
  for (index n = first; n < first + count; n += s.lanes) {
    const int valid = first + count - n < s.lanes ? int(first + count - n) : s.lanes;
    s.solve(n, valid, s.wants_vectors());
    if (job.vectors) s.write_vectors(job.vectors + n * job.d * s.window);
    const index K = job.source == Source::dense ? job.d * job.d : AnySolver::columns(job);
    if (job.gradient) s.write_gradient(job.gradient + n * K, K);
  }
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
