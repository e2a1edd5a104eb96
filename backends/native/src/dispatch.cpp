#include "dispatch.hpp"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace eigcore {

#define EIG_DECLARE(isa)                       \
  namespace isa {                              \
  extern const Kernels<float> kernels_float;   \
  extern const Kernels<double> kernels_double; \
  }
EIG_DECLARE(baseline)
#ifdef EIGCORE_X86
EIG_DECLARE(avx2)
EIG_DECLARE(avx512)
#endif

namespace {

enum Isa { baseline_isa, avx2_isa, avx512_isa };

Isa best() {
#ifdef EIGCORE_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    return avx512_isa;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2_isa;
#endif
  return baseline_isa;
}

const char* const names[] = {"baseline", "avx2", "avx512"};
bool wish_is_known = true;

// EIGCORE_NATIVE_ISA = baseline, avx2 or avx512 asks for less than the machine has, never for more.
Isa choose() {
  const Isa have = best();
  const char* wish = std::getenv("EIGCORE_NATIVE_ISA");
  if (!wish || !*wish) return have;
  for (const Isa isa : {baseline_isa, avx2_isa, avx512_isa})
    if (!std::strcmp(wish, names[isa])) return isa < have ? isa : have;
  wish_is_known = false;
  return have;
}

const Isa chosen = choose();

}  // namespace

const char* isa_name() { return names[chosen]; }
bool isa_wish_is_known() { return wish_is_known; }

#ifdef EIGCORE_X86
#define EIG_TABLE(type)                                     \
  template <>                                               \
  const Kernels<type>& kernels<type>() {                    \
    return chosen == avx512_isa ? avx512::kernels_##type    \
           : chosen == avx2_isa ? avx2::kernels_##type      \
                                : baseline::kernels_##type; \
  }
#define EIG_TABLE_FOR(type)                                                       \
  template <>                                                                     \
  const Kernels<type>& kernels_for<type>(const Job<type>& job) {                  \
    const bool half = !is_tridiagonal(job.layout) && job.d >= 28 && job.window() == 1;                 \
    return chosen == avx512_isa && half ? avx2::kernels_##type : kernels<type>(); \
  }
#else
#define EIG_TABLE_FOR(type)                                  \
  template <>                                                \
  const Kernels<type>& kernels_for<type>(const Job<type>&) { \
    return kernels<type>();                                  \
  }
#define EIG_TABLE(type)                  \
  template <>                            \
  const Kernels<type>& kernels<type>() { \
    return baseline::kernels_##type;     \
  }
#endif
EIG_TABLE(float)
EIG_TABLE(double)
EIG_TABLE_FOR(float)
EIG_TABLE_FOR(double)

}  // namespace eigcore
