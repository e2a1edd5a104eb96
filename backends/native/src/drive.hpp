// A job cut into blocks for the threads. Shared by the Python functions and the XLA handlers.
#pragma once
#include "dispatch.hpp"
#include "guide.hpp"
#include "parallel.hpp"

namespace eigcore {

// Rough nanoseconds of one matrix on one core; decides only how many threads are worth starting and how long a block
// is.
template <class T>
double cost_of_one(const Job<T>& job) {
  const double d = (double)job.d, width = sizeof(T) == 4 ? 2 : 1, window = (double)(job.hi - job.lo + 1);
  const bool reduced = job.source == Source::tridiagonal || job.source == Source::band;
  return ((reduced ? 0 : 1.4 * d * d * d) + window * (300 * d + 2 * d * d)) / (20 * width) + 5;
}

template <class T>
int useful_threads(double total_ns, int threads) {
  if (threads <= 0) threads = available_cores();
  const double worth = total_ns / 12e3;  // waking a thread costs some 5 microseconds
  return worth < 2 ? 1 : worth < threads ? (int)worth : threads;
}

template <class T, class GoOn>
void solve(Job<T>& job, int threads, GoOn go_on) {
  if (job.count <= 0 || job.d <= 0) return;
  const auto guide = semicircle_guide<T>(job.d, job.lo - 1, job.hi + 1);
  job.guide = guide.data();
  const Kernels<T>& k = kernels_for(job);
  const std::int64_t tile = k.tile(job);
  const double one = cost_of_one(job);
  threads = useful_threads<T>(one * (double)job.count, threads);
  // Blocks of about 100 microseconds, at least eight per thread, whole tiles.
  std::int64_t grain = (std::int64_t)(100e3 / one);
  const std::int64_t fair = threads > 1 ? job.count / (8 * threads) : job.count;
  if (grain > fair) grain = fair;
  grain = (grain + tile - 1) / tile * tile;
  if (grain < tile) grain = tile;
  const std::size_t bytes = k.workspace(job);
  for_blocks(
      job.count, grain, threads,
      [&](int, std::int64_t first, std::int64_t count) { k.run(job, first, count, thread_memory(bytes)); }, go_on);
}

inline std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// rows x columns -> rows x stride, padded with zeros.
template <class T>
void pad_rows(const T* from, std::int64_t rows, std::int64_t columns, T* to, std::int64_t stride) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < stride; ++c) to[r * stride + c] = c < columns ? from[r * columns + c] : T(0);
}

// out (rows, columns) = sum over threads of sums (rows, stride); the order of addition depends on the number of threads
// only.
template <class T>
void add_parts(const T* sums, std::int64_t parts, std::int64_t part_size, std::int64_t rows, std::int64_t columns,
               std::int64_t stride, T* out) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      T sum = 0;
      for (std::int64_t p = 0; p < parts; ++p) sum += sums[p * part_size + r * stride + c];
      out[r * columns + c] = sum;
    }
}

template <class T, class GoOn>
void value_pullback(const ValuePullback<T>& p, std::int64_t count, int threads, GoOn go_on) {
  const Kernels<T>& k = kernels<T>();
  const std::int64_t bytes = (std::int64_t)sizeof(T) * layout_size(p.layout, p.d);
  threads = useful_threads<T>((double)(count * bytes) / 8, threads);  // some 8 bytes a nanosecond
  const std::int64_t grain = 1 + (1 << 18) / bytes;
  for_blocks(
      count, grain, threads, [&](int, std::int64_t first, std::int64_t n) { k.value_pullback(p, first, n); }, go_on);
}

// p.stride, p.terms_stride, p.columns and p.transposed_params are filled in here; params may be null when d_x is not
// wanted.
template <class T, class GoOn>
void pencil_pullback(PencilPullback<T> p, std::int64_t count, const T* params, T* d_params, int threads, GoOn go_on) {
  const Kernels<T>& k = kernels<T>();
  p.columns = p.tridiagonal_params ? 2 * p.d - 1 : packed_size(p.d);
  p.stride = round_up(p.columns, k.width);
  p.terms_stride = round_up(p.terms, k.width);
  const double work = (double)count * (double)(p.columns * (2 * p.terms + 2)) / (sizeof(T) == 4 ? 30 : 15);
  threads = useful_threads<T>(work, threads);
  if (count < threads) threads = count > 0 ? (int)count : 1;
  AlignedArray<T> transposed((std::size_t)(p.columns * p.terms_stride));
  if (p.d_x) {
    for (std::int64_t c = 0; c < p.columns; ++c)
      for (std::int64_t i = 0; i < p.terms_stride; ++i)
        transposed.data()[c * p.terms_stride + i] = i < p.terms ? params[(i + 1) * p.columns + c] : T(0);
    p.transposed_params = transposed.data();
  }
  const std::int64_t size = (p.terms + 1) * p.stride;
  AlignedArray<T> sums((std::size_t)(size * threads));
  for (std::int64_t i = 0; i < size * threads; ++i) sums.data()[i] = 0;
  const std::size_t bytes = k.pullback_workspace(p);
  AlignedArray<char> memory(bytes * threads);
  for_parts(
      count, 64, threads,
      [&](int who, std::int64_t first, std::int64_t n) {
        k.pullback(p, first, n, sums.data() + size * who, memory.data() + bytes * who);
      },
      go_on);
  add_parts(sums.data(), threads, size, p.terms + 1, p.columns, p.stride, d_params);
}

// The tables (rows, K), each row filled up to a multiple of the register width; they live as long as the array.
template <class T>
AlignedArray<T> padded_tables(Job<T>& job, const T* base, const T* start, const T* step) {
  Encoded<T>& e = job.encoded;
  const std::int64_t K = packed_size(job.d), R = e.table_rows;
  e.stride = round_up(K, kernels_for(job).width);
  AlignedArray<T> tables((std::size_t)((1 + 2 * R) * e.stride));
  T* padded = tables.data();
  pad_rows(base, 1, K, padded, e.stride);
  pad_rows(start, R, K, padded + e.stride, e.stride);
  pad_rows(step, R, K, padded + (1 + R) * e.stride, e.stride);
  e.base = padded, e.start = padded + e.stride, e.step = padded + (1 + R) * e.stride;
  return tables;
}

// Values, and vectors if they are wanted, of encoded rows.
template <class T, class GoOn>
void encoded_solve(Job<T> job, const T* base, const T* start, const T* step, int threads, GoOn go_on) {
  const auto tables = padded_tables(job, base, start, step);
  solve(job, threads, go_on);
}

// Gradients (rows, K) by the tables out.
template <class T, class GoOn>
void encoded_pullback(EncodedPass<T> p, const T* base, const T* start, const T* step, T* d_base, T* d_start, T* d_step,
                      int threads, GoOn go_on) {
  Job<T>& job = p.job;
  std::vector<std::uint8_t> tied((std::size_t)(p.vectors ? 0 : job.count));
  if (!p.vectors) job.tied = tied.data();  // so that ties are looked for
  const auto tables = padded_tables(job, base, start, step);
  const Kernels<T>& k = kernels_for(job);
  const Encoded<T>& e = job.encoded;
  const std::int64_t K = packed_size(job.d), R = e.table_rows;
  const auto guide = semicircle_guide<T>(job.d, job.lo - 1, job.hi + 1);
  job.guide = guide.data();
  const std::int64_t tile = k.tile(job);
  threads = useful_threads<T>((cost_of_one(job) + (double)(e.columns * K) / 4) * (double)job.count, threads);
  const std::int64_t size = (1 + 2 * R) * e.stride;
  AlignedArray<T> sums((std::size_t)(size * threads));
  for (std::int64_t i = 0; i < size * threads; ++i) sums.data()[i] = 0;
  std::vector<EncodedSums<T>> parts(threads);
  for (int t = 0; t < threads; ++t) {
    parts[t].base = sums.data() + size * t;
    parts[t].start = parts[t].base + e.stride;
    parts[t].step = parts[t].start + R * e.stride;
  }
  const std::size_t bytes = round_up((std::int64_t)k.encoded_workspace(p), 64);
  AlignedArray<char> memory(bytes * threads);
  const std::int64_t grain = tile * (1 + (std::int64_t)(50e3 / (cost_of_one(job) * (double)tile)));
  for_parts(
      job.count, grain, threads,
      [&](int who, std::int64_t first, std::int64_t n) {
        k.encoded(p, first, n, parts[who], memory.data() + bytes * who);
      },
      go_on);
  add_parts(sums.data(), threads, size, 1, K, e.stride, d_base);
  add_parts(sums.data() + e.stride, threads, size, R, K, e.stride, d_start);
  add_parts(sums.data() + (1 + R) * e.stride, threads, size, R, K, e.stride, d_step);
}

}  // namespace eigcore
