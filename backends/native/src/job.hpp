// What one call computes. Plain data, shared by all instruction sets.
#pragma once
#include <cstddef>
#include <cstdint>

namespace eigcore {

// Up to this order eigenvalues alone have a solver of their own (small.hpp).
inline constexpr int small_order = 6;

// Where the matrices come from: rows of numbers, the pencil A_0 + sum x_i A_i, or encoded columns.
enum class Source { rows, pencil, encoded };

// Where the numbers of a symmetric matrix stand in a row: all of them, of which the symmetric part is meant; the lower
// triangle by rows, times sqrt 2 off the diagonal; the same of a tridiagonal matrix; its diagonal, then its subdiagonal
// as it is. Pencils are packed or band, encoded columns packed.
enum class Layout { full, packed, band, pair };

// Tests and the benchmark take one path through the solver on purpose: never through single precision, or always to the
// full solver.
enum class Path { best, one_precision, full };

// Of decisions f and targets y: (f - y)^2, and log(1 + e^f) - y f.
enum class LossKind { squared, binomial };

// Row-major position of (i, j), i >= j, in a packed lower triangle. 64 bits: d = 512 with a batch of 20 000 passes
// 2^31.
inline constexpr std::int64_t packed_position(std::int64_t i, std::int64_t j) { return i * (i + 1) / 2 + j; }
inline constexpr std::int64_t packed_size(std::int64_t d) { return d * (d + 1) / 2; }
static_assert(packed_position(70'000, 70'000) > std::int64_t(1) << 31, "positions have 64 bits");

inline constexpr std::int64_t layout_size(Layout layout, std::int64_t d) {
  return layout == Layout::full ? d * d : layout == Layout::packed ? packed_size(d) : 2 * d - 1;
}
inline constexpr bool is_tridiagonal(Layout layout) { return layout == Layout::band || layout == Layout::pair; }

// Encoded columns: the packed matrix of row n is
//   base + sum_c  start[indices(n, c)] + fractions(n, c) * step[indices(n, c)].
template <class T>
struct Encoded {
  const std::int32_t* indices = nullptr;  // (count, columns): row of the tables
  const T* fractions = nullptr;           // (count, columns)
  const T* base = nullptr;                // (stride)
  const T* start = nullptr;               // (table rows, 2, stride): start and step, side by side in the cache
  std::int64_t columns = 0, stride = 0;
  bool joined = false;  // start and step of a row of the tables are padded together, to whole registers
};

// The value of a term: 1 or 0, whether the cell is `origin`; or (cell - origin) / width between low and high.
struct Term {
  bool level;
  double origin, width, low, high, missing;
};

// Cells that are located at a time.
inline constexpr std::int64_t most_located = 64;

// The terms first ... first + terms - 1 of a column or of a weighted sum of columns. The last of them is that of
// missing cells, if it has one. A cell is in the piece that follows the knots up to it, less `shift`; a level is its
// own term.
enum class Kind : std::int64_t { number, pieces, levels };
struct Place {
  Kind kind = Kind::number;
  std::int64_t first = 0, terms = 0, shift = 0;
  bool missing = false;
  double least = 0, end = 0;  // levels: codes least <= code < end
  // pieces: the knots in blocks of sixteen, then NaN, which is at most no cell; the last numbers of the blocks in the
  // same way, and so on, until there is one block. From the top down.
  const double* rung[8] = {};
  std::int64_t rungs = 0;
};

// Where the semicircle law expects an eigenvalue, and how far apart its neighbours, in standard deviations of the
// spectrum (guide.hpp).
template <class T>
struct Expected {
  T quantile = 0, spacing = 0;
};

// A function of all eigenvalues with its derivative: sum w_j lambda_j, whose weights a tie averages over the cluster of
// one eigenvalue (jump) or over runs of neighbours (weighted); t log sum exp(lambda_j / t); the k-th eigenvalue as a
// difference of Moreau envelopes; sum g_j lambda_j with weights of each matrix, the pullback of several eigenvalues, of
// which a tie averages each (several). Formulas and tie rules: eigcore/core/functionals.py and spectrum.py.
enum class PhiKind { jump, weighted, softmax, smooth, several };
template <class T>
struct Phi {
  PhiKind kind = PhiKind::jump;
  const T* weights = nullptr;  // jump, weighted: (d); several: (count, size)
  std::int64_t pivot = 0;      // jump: the eigenvalue beside the jump; smooth: k; several: the first one
  std::int64_t size = 0;       // several: how many
  T number = 0;                // softmax: t; smooth: alpha
};

template <class T>
struct Job {
  Source source = Source::rows;
  Layout layout = Layout::full;
  std::int64_t count = 0, d = 0;  // matrices, their order
  std::int64_t lo = 0, hi = 0;    // first and last eigenvalue; m = hi - lo + 1
  const T* rows = nullptr;        // rows: (count, row_stride); pair: the diagonals
  const T* off = nullptr;         // pair: the subdiagonals (count, off_stride)
  std::int64_t row_stride = 0, off_stride = 0;
  const T* x = nullptr;       // pencil: (count, terms)
  const T* params = nullptr;  // pencil: (terms + 1, layout_size)
  std::int64_t terms = 0;
  Encoded<T> encoded;
  T* values = nullptr;           // (count, m)
  T* vectors = nullptr;          // (count, d, m)
  T* gradient = nullptr;         // rows, m = 1: (count, layout_size)
  std::uint8_t* tied = nullptr;  // m = 1: (count)
  const Phi<T>* phi = nullptr;   // lo ... hi are all; values (count), gradient of phi
  Path path = Path::best;
  const Expected<T>* expected = nullptr;  // (m)

  std::int64_t window() const { return hi - lo + 1; }
  std::int64_t columns() const { return window() == 1 || vectors || gradient ? window() : 0; }
  void set_rows(const T* p) {
    rows = p, row_stride = layout_size(layout, d);
    if (layout == Layout::pair) off = p + d, off_stride = row_stride;
  }
};

// The pullback of g_n at unit eigenvectors: P = v v^T, where tied the cluster's projector over its size.
//   rows:     d_rows = g P in the layout of the rows
//   pencil:   d_params[0] += g P, d_params[i + 1] += g x_i P, d_x_i = g <A_i, P>
//   encoded:  base += g P, start[row] += g P, step[row] += g fraction P
template <class T>
struct Pullback {
  Job<T> job;
  const T* vectors = nullptr;                 // (count, d)
  const T* g = nullptr;                       // (count)
  const std::uint8_t* tied = nullptr;         // (count); null: nothing is tied
  T* d_rows = nullptr;                        // rows: (count, layout_size)
  T* d_x = nullptr;                           // pencil: (count, terms), or null
  const T* transposed = nullptr;              // pencil: (layout_size, terms_stride) of A_1 ..., where d_x is wanted
  std::int64_t stride = 0, terms_stride = 0;  // layout_size and terms rounded up to the width
};

// Thin singular value decompositions X = U diag(s) Vt, m >= n; NaN for a matrix that is not finite.
template <class T>
struct Svd {
  static constexpr std::int64_t columns = 64;  // the most
  std::int64_t count = 0, m = 0, n = 0;
  const T* X = nullptr;  // (count, m, n)
  T* U = nullptr;        // (count, m, n)
  T* s = nullptr;        // (count, n), descending
  T* Vt = nullptr;       // (count, n, n)
};

template <class T>
struct Kernels {
  std::int64_t width;  // numbers in a register
  std::int64_t (*tile)(const Job<T>&);
  std::size_t (*workspace)(const Job<T>&);
  // Matrices first ... first + count - 1; count a multiple of tile() except at the end of the batch.
  void (*run)(const Job<T>&, std::int64_t first, std::int64_t count, void* workspace);
  std::size_t (*pullback_workspace)(const Pullback<T>&);
  // Adds to sums: pencil (terms + 1, stride), or null; encoded (1 + 2 table rows, stride).
  void (*pullback)(const Pullback<T>&, std::int64_t first, std::int64_t count, T* sums, void* workspace);
  std::size_t (*svd_workspace)(const Svd<T>&);
  void (*svd)(const Svd<T>&, std::int64_t first, std::int64_t count, void* workspace);
  // See loss.hpp.
  double (*loss)(LossKind, const T* values, const double* target, const double* share, const double* offset,
                 std::int64_t rows, double factor, T* g);
  // See locate.hpp.
  bool (*locate)(const Place&, const Term* terms, const double* cells, std::int64_t rows, std::int64_t parts,
                 std::int32_t* indices, double* fractions);
  double (*multiply_add_loop)(std::int64_t);  // 12 independent chains: the machine's peak, for the benchmark
};

}  // namespace eigcore
