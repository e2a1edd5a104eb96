#include "dispatch.hpp"

#include "algebra.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace eigcore {

#define EIG_DECLARE(isa)                       \
  namespace isa {                              \
  extern const Kernels<float> kernels_float;   \
  extern const Kernels<double> kernels_double; \
  extern const Algebra algebra_table;          \
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

// Which registers of AVX-512 the reduction of large matrices uses.
enum Registers { measured, half, full };

struct Choice {
  Isa isa;
  Registers registers;
  bool known;
};

const char* const names[] = {"baseline", "avx2", "avx512"};
const struct {
  const char* name;
  Isa isa;
  Registers registers;
} wishes[] = {{"baseline", baseline_isa, measured},
              {"avx2", avx2_isa, measured},
              {"avx512", avx512_isa, measured},
              {"avx512-half", avx512_isa, half},
              {"avx512-full", avx512_isa, full}};

// EIGCORE_NATIVE_ISA asks for less than the machine has, never for more.
Choice choose() {
  const Isa have = best();
  const char* wish = std::getenv("EIGCORE_NATIVE_ISA");
  if (!wish || !*wish) return {have, measured, true};
  for (const auto& each : wishes)
    if (!std::strcmp(wish, each.name)) return {each.isa < have ? each.isa : have, each.registers, true};
  return {have, measured, false};
}

const Choice choice = choose();
const Isa chosen = choice.isa;

#ifdef EIGCORE_X86
// Does a multiply-add of 64 bytes take as long as two of 32? Then half the width loses nothing. The ratio is 1 or 2.
bool splits_registers() {
  double least[2] = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (int turn = 0; turn < 40; ++turn) {
    const auto begin = std::chrono::steady_clock::now();
    (turn % 2 ? avx512::kernels_double : avx2::kernels_double).multiply_add_loop(1000);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (took.count() < least[turn % 2]) least[turn % 2] = took.count();
  }
  return least[1] > 1.5 * least[0];
}

bool halves_registers() {
  static const bool split = choice.registers == measured ? splits_registers() : choice.registers == half;
  return split;
}
#endif

}  // namespace

const Algebra& algebra() {
#ifdef EIGCORE_X86
  if (chosen != baseline_isa) return chosen == avx512_isa ? avx512::algebra_table : avx2::algebra_table;
#endif
  return baseline::algebra_table;
}

const char* isa_name() { return names[chosen]; }
bool isa_wish_is_known() { return choice.known; }

int register_bytes() {
#ifdef EIGCORE_X86
  if (chosen == avx512_isa) return halves_registers() ? 32 : 64;
  if (chosen == avx2_isa) return 32;
#endif
  return 16;
}

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
    const bool large = !is_tridiagonal(job.layout) && job.d >= 28;                \
    const bool half = large && chosen == avx512_isa && halves_registers();        \
    return half ? avx2::kernels_##type : kernels<type>();                         \
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
