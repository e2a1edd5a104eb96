// What one call asks for. Plain data, shared by all instruction sets.
#pragma once
#include <cstddef>
#include <cstdint>

namespace eigcore {

enum class Source { dense, packed, band, tridiagonal, pencil, encoded };

// Row-major position of (i, j), i >= j, in a packed lower triangle. 64 bits: d = 512 with a batch of 20 000 passes
// 2^31.
inline constexpr std::int64_t packed_position(std::int64_t i, std::int64_t j) { return i * (i + 1) / 2 + j; }
inline constexpr std::int64_t packed_size(std::int64_t d) { return d * (d + 1) / 2; }

// Where the numbers of a symmetric matrix stand in a row: all of them; the lower triangle by rows, times sqrt 2 off the
// diagonal; the same of a tridiagonal matrix; its diagonal, then its subdiagonal as it is.
enum class Layout { full, packed, band, pair };
inline constexpr std::int64_t layout_size(Layout layout, std::int64_t d) {
  return layout == Layout::full ? d * d : layout == Layout::packed ? packed_size(d) : 2 * d - 1;
}

// Encoded columns (math.md 2b): the packed matrix of row n is
//   base + sum_c  start[rows(n, c)] + fraction(n, c) * step[rows(n, c)].
template <class T>
struct Encoded {
  const std::int32_t* rows = nullptr;  // (n, columns): row of the concatenated tables
  const T* fractions = nullptr;        // (n, columns)
  const T* base = nullptr;             // (K)
  const T* start = nullptr;            // (table rows, K)
  const T* step = nullptr;             // (table rows, K)
  std::int64_t columns = 0, table_rows = 0, stride = 0;
};

template <class T>
struct Job {
  Source source = Source::dense;
  std::int64_t count = 0, d = 0, lo = 0, hi = 0;  // matrices, order, window of eigenvalues
  const T* matrix =
      nullptr;  // dense (count, d, d); packed (count, K); band (count, 2d-1); tridiagonal: diagonal (count, d)
  const T* off = nullptr;     // tridiagonal: (count, d-1)
  const T* x = nullptr;       // pencil: (count, terms)
  const T* params = nullptr;  // pencil: (terms + 1, K or 2d-1)
  std::int64_t terms = 0;
  bool tridiagonal_params = false;
  Encoded<T> encoded;
  T* values = nullptr;              // (count, m)
  T* vectors = nullptr;             // (count, d, m)
  T* gradient = nullptr;            // rows in the layout of the matrices, not for tridiagonal ones
  std::uint8_t* tied = nullptr;     // (count): another eigenvalue lies within 8 d eps ||M||
  bool force_full = false;          // tests: solve every matrix by the full solver
  const T* guide = nullptr;  // (d, 2): where the semicircle law expects lambda_k and its neighbours, see guide.hpp
  T quantile(std::int64_t k) const { return guide[2 * k]; }
  T spacing(std::int64_t k) const { return guide[2 * k + 1]; }
};

// Pullback of eigenvalues at given unit eigenvectors: g v v^T.
template <class T>
struct ValuePullback {
  Layout layout = Layout::full;
  std::int64_t d = 0;
  const T* vectors = nullptr;  // (count, d)
  const T* g = nullptr;        // (count)
  T* out = nullptr;            // (count, layout_size)
};

// Pullback of a pencil at given unit eigenvectors: d_params[0] += g vv^T, d_params[i + 1] += g x_i vv^T, d_x_i = g
// <A_i, vv^T>.
template <class T>
struct PencilPullback {
  std::int64_t d = 0, terms = 0, columns = 0, stride = 0;  // columns K or 2d-1; stride: columns rounded up to the width
  std::int64_t terms_stride = 0;                           // terms rounded up to the width
  bool tridiagonal_params = false;
  const T* x = nullptr;                  // (count, terms)
  const T* transposed_params = nullptr;  // (columns, terms_stride) of A_1 ...; null: no d_x
  const T* vectors = nullptr;            // (count, d)
  const T* g = nullptr;                  // (count)
  T* d_x = nullptr;                      // (count, terms)
};

// The pullback of encoded rows: the scatter of g vv^T into the tables, v given or solved for.
template <class T>
struct EncodedPass {
  Job<T> job;                  // source encoded; values and vectors as wanted
  const T* vectors = nullptr;  // (count, d); null: they are solved for, and P/m takes their place at ties
  const T* g = nullptr;        // (count)
};

// What one thread adds up: (1 + 2 table_rows) rows of `stride`: base, start, step.
template <class T>
struct EncodedSums {
  T* base = nullptr;
  T* start = nullptr;
  T* step = nullptr;
};

template <class T>
struct Kernels {
  std::int64_t (*tile)(const Job<T>&);
  std::size_t (*workspace)(const Job<T>&);
  // Matrices first ... first + count - 1; count a multiple of tile() except at the end of the batch.
  void (*run)(const Job<T>&, std::int64_t first, std::int64_t count, void* workspace);
  std::int64_t width;  // numbers in a register
  std::size_t (*pullback_workspace)(const PencilPullback<T>&);
  void (*pullback)(const PencilPullback<T>&, std::int64_t first, std::int64_t count, T* sums, void* workspace);
  void (*value_pullback)(const ValuePullback<T>&, std::int64_t first, std::int64_t count);
  std::size_t (*encoded_workspace)(const EncodedPass<T>&);
  double (*multiply_add_loop)(std::int64_t);  // 12 independent chains: the machine's peak, for the benchmark
  void (*encoded)(const EncodedPass<T>&, std::int64_t first, std::int64_t count, const EncodedSums<T>& sums, void* workspace);
};

}  // namespace eigcore
