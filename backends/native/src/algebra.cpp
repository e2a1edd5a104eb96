// See algebra.hpp; the table is chosen when the library is loaded (dispatch.cpp).
#include "algebra.hpp"

#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

template <class T>
T dot(const T* a, const T* b, index n) {
  constexpr int W = Real<T>::W, U = 4;
  typename Real<T>::V sums[U] = {};
  index i = 0;
  for (; i + U * W <= n; i += U * W)
    for (int u = 0; u < U; ++u) sums[u] += load<T>(a + i + u * W) * load<T>(b + i + u * W);
  for (; i + W <= n; i += W) sums[0] += load<T>(a + i) * load<T>(b + i);
  const auto sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  T total = 0;
  for (int l = 0; l < W; ++l) total += sum[l];
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

void add_single(float factor, const float* x, float* y, index n) {
  constexpr int W = Real<float>::W;
  const auto f = splat<float>(factor);
  index i = 0;
  for (; i + W <= n; i += W) store<float>(y + i, load<float>(y + i) + f * load<float>(x + i));
  for (; i < n; ++i) y[i] += factor * x[i];
}

// V registers of R rows, whose entries of M lie `across` apart, and those of one row `along`.
template <int R, int V>
EIG_INLINE void tile(const double* M, index along, index across, const double* from, double* to, index inner,
                     index columns) {
  constexpr int W = Real<double>::W;
  Real<double>::V sums[R][V] = {};
  for (index j = 0; j < inner; ++j, M += along, from += columns)
    for (int v = 0; v < V; ++v) {
      const auto x = load<double>(from + v * W);
      for (int r = 0; r < R; ++r) sums[r][v] += M[r * across] * x;
    }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store<double>(to + r * columns + v * W, sums[r][v]);
}

template <int V>
void registers(const double* M, index along, index across, const double* from, double* to, index rows, index inner,
               index columns) {
  constexpr int R = Real<double>::W == 8 ? 8 : 4;  // as many sums as there are names of registers
  index i = 0;
  for (; i + R <= rows; i += R) tile<R, V>(M + i * across, along, across, from, to + i * columns, inner, columns);
  for (; i < rows; ++i) tile<1, V>(M + i * across, along, across, from, to + i * columns, inner, columns);
}

// The last columns come first: what they write beyond a row is overwritten.
void product(const double* M, bool transposed, const double* from, double* to, index rows, index inner, index columns) {
  constexpr int W = Real<double>::W;
  const index along = transposed ? rows : 1, across = transposed ? 1 : inner, needed = (columns + W - 1) / W;
  index first = needed - needed % 2;
  if (needed % 2) registers<1>(M, along, across, from + first * W, to + first * W, rows, inner, columns);
  while ((first -= 2) >= 0) registers<2>(M, along, across, from + first * W, to + first * W, rows, inner, columns);
}

extern const Algebra algebra_table;
const Algebra algebra_table = {dot<double>, dot<float>, add_single, product};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
