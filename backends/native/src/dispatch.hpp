// The instruction set, chosen once when the library is loaded.
#pragma once
#include "job.hpp"

namespace eigcore {

const char* isa_name();
bool isa_wish_is_known();
template <class T>
const Kernels<T>& kernels();

// For matrices to be reduced from d = 28 on, half the register width halves a tile, which then stays in the first-level
// cache, and on machines that split 512-bit operations (Zen 4) loses nothing: measured 54 against 45 GFLOP/s.
template <class T>
const Kernels<T>& kernels_for(const Job<T>& job);

}  // namespace eigcore
