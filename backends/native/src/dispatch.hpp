// The instruction set, chosen once when the library is loaded.
#pragma once
#include "job.hpp"

namespace eigcore {

const char* isa_name();
template <class T>
const Kernels<T>& kernels();

}  // namespace eigcore
