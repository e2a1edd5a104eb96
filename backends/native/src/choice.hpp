// Which solver a job gets.
#pragma once
#include "composed.hpp"
#include "mixed.hpp"
#include "small.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class S>
struct Which {
  using type = S;
};

// use(Which<S>()) for the solver S of a tile of this job. Two registers are in flight while the serial parts (square
// roots, divisions, root finder) dominate and the tile stays in the first cache.
template <class T, class Use>
auto with_solver(const Job<T>& job, Use use) {
  if constexpr (sizeof(T) == 8) {
    if (Mixed::suits(job)) return use(Which<Mixed>());
    if (SmallSolver::suits(job)) return use(Which<SmallSolver>());
  }
  const bool two = job.count > Pack<T, 1>::lanes && job.d <= (is_tridiagonal(job.layout) ? 128 : 12);
  if (job.phi) return two ? use(Which<Composed<T, 2>>()) : use(Which<Composed<T, 1>>());
  return two ? use(Which<Solver<T, 2>>()) : use(Which<Solver<T, 1>>());
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
