// The pullback of encoded rows: gather, eigenpair, scatter; a block of rows never leaves the cache.
#pragma once
#include "mixed.hpp"
#include "pullback.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// start[row] += g vv^T, step[row] += g fraction vv^T, base += g vv^T.
template <class T>
EIG_INLINE void scatter_row(const Encoded<T>& e, index n, T g, const T* gradient, const EncodedSums<T>& sums) {
  using V = typename Real<T>::V;
  constexpr int W = Real<T>::W;
  const std::int32_t* rows = e.rows + n * e.columns;
  const T* fractions = e.fractions + n * e.columns;
  for (index s = 0; s < e.stride; s += W) {
    const V y = splat<T>(g) * load<T>(gradient + s);
    store<T>(sums.base + s, load<T>(sums.base + s) + y);
    for (index c = 0; c < e.columns; ++c) {
      const index at = (index)rows[c] * e.stride + s;
      store<T>(sums.start + at, load<T>(sums.start + at) + y);
      store<T>(sums.step + at, load<T>(sums.step + at) + splat<T>(fractions[c]) * y);
    }
  }
}

template <class T>
std::size_t encoded_workspace(const EncodedPass<T>& p) {
  const std::size_t tile = with_solver(p.job, [&](auto solver) { return decltype(solver)::type::bytes(p.job); });
  return tile + 2 * sizeof(Pack<T, 1>) * (std::size_t)(p.job.encoded.stride + p.job.d) + 256;
}

template <class AnySolver, class T>
void encoded_tiles(const EncodedPass<T>& p, index first, index count, const EncodedSums<T>& sums, void* workspace) {
  const Job<T>& job = p.job;
  const Encoded<T>& e = job.encoded;
  constexpr int lanes = AnySolver::lanes;
  T* gradient = reinterpret_cast<T*>(((std::uintptr_t)workspace + 63) / 64 * 64);
  auto* packs = reinterpret_cast<Pack<T, 1>*>(gradient + lanes * e.stride);
  AnySolver s(job, packs + job.d);
  for (index n = first; n < first + count; n += lanes) {
    const int valid = first + count - n < lanes ? int(first + count - n) : lanes;
    if (!p.vectors) {
      s.solve(n, valid, true);
      s.write_gradient(gradient, e.stride);
    } else {
      for (int r = 0; r < valid; r += Real<T>::W)
        gradient_rows<T>(p.vectors + (n + r) * job.d, job.d, false,
                         valid - r < Real<T>::W ? valid - r : Real<T>::W, gradient + r * e.stride, e.stride, packs);
    }
    for (int l = 0; l < valid; ++l) scatter_row(e, n + l, p.g[n + l], gradient + l * e.stride, sums);
  }
}

template <class T>
void encoded_run(const EncodedPass<T>& p, index first, index count, const EncodedSums<T>& sums, void* workspace) {
  with_solver(p.job,
              [&](auto solver) { encoded_tiles<typename decltype(solver)::type>(p, first, count, sums, workspace); });
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
