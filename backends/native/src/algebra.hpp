// Products of vectors and matrices, compiled once per instruction set (algebra.cpp).
#pragma once
#include <cstdint>

namespace eigcore {

struct Algebra {
  double (*dot)(const double* a, const double* b, std::int64_t n);
  float (*dot_single)(const float* a, const float* b, std::int64_t n);
  void (*add_single)(float factor, const float* x, float* y, std::int64_t n);  // y += factor x
  // to (rows, columns) = M from (inner, columns), M (rows, inner), or (inner, rows) transposed. Reads and writes up to 64
  // bytes beyond the ends of `from` and `to`.
  void (*product)(const double* M, bool transposed, const double* from, double* to, std::int64_t rows,
                  std::int64_t inner, std::int64_t columns);
};

const Algebra& algebra();

}  // namespace eigcore
