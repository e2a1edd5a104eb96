// The instruction set, chosen once when the library is loaded.
#pragma once
#include "job.hpp"

namespace eigcore {

const char* isa_name();
bool isa_wish_is_known();
int register_bytes();  // of the registers that reduce matrices from d = 28 on
template <class T>
const Kernels<T>& kernels();

// For matrices to be reduced from d = 28 on. Half the register width halves a tile, which then stays in the first-level
// cache; on machines that split 512-bit operations that loses nothing (Zen 4: 54 against 45 GFLOP/s), on others it takes
// 1.4 to 1.75 times as long (Zen 5). So the first such matrix has both widths measured, in some 0.1 ms.
template <class T>
const Kernels<T>& kernels_for(const Job<T>& job);

}  // namespace eigcore
