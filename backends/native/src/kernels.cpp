// Compiled once per instruction set (CMakeLists.txt); the table is chosen when the library is loaded (dispatch.cpp).
#include "locate.hpp"
#include "loss.hpp"
#include "pullback.hpp"
#include "svd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T>
std::int64_t tile(const Job<T>& job) {
  return with_solver(job, [](auto solver) { return (std::int64_t)decltype(solver)::type::lanes; });
}

template <class T>
std::size_t workspace(const Job<T>& job) {
  return with_solver(job, [&](auto solver) { return decltype(solver)::type::bytes(job); });
}

template <class T>
void run(const Job<T>& job, std::int64_t first, std::int64_t count, void* memory) {
  with_solver(job, [&](auto solver) { run_tiles<typename decltype(solver)::type>(job, first, count, memory); });
}

template <class T>
std::size_t svd_workspace(const Svd<T>& job) {
  return Jacobi<T, 2>::bytes(job);
}

template <class T>
void svd(const Svd<T>& job, std::int64_t first, std::int64_t count, void* memory) {
  if (count > Real<T>::W)
    Jacobi<T, 2>::run(job, first, count, memory);
  else
    Jacobi<T, 1>::run(job, first, count, memory);
}

template <class T>
double multiply_add_loop(std::int64_t steps) {
  using V = typename Real<T>::V;
  V chain[12];
  for (int i = 0; i < 12; ++i) chain[i] = splat<T>(T(1) + T(i) / 16);
  const V factor = splat<T>(T(0.5)), term = splat<T>(T(0.25));
  for (std::int64_t n = 0; n < steps; ++n)
    for (int i = 0; i < 12; ++i) chain[i] = chain[i] * factor + term;
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += (double)chain[i][0];
  return sum;
}

template <class T>
constexpr Kernels<T> table() {
  return {Real<T>::W,  tile<T>,          workspace<T>, run<T>,      pullback_workspace<T>,
          pullback<T>, svd_workspace<T>, svd<T>,       loss_sum<T>, locate,      multiply_add_loop<T>};
}

extern const Kernels<float> kernels_float;
extern const Kernels<double> kernels_double;
const Kernels<float> kernels_float = table<float>();
const Kernels<double> kernels_double = table<double>();

}  // namespace EIGCORE_ISA
}  // namespace eigcore
