// A job cut into blocks for the threads. Shared by the Python functions and the XLA handlers.
#pragma once
#include <algorithm>
#include <cstring>

#include "dispatch.hpp"
#include "guide.hpp"
#include "parallel.hpp"
#include "tables.hpp"

namespace eigcore {

// Rough nanoseconds of one matrix on one core; decides only how many threads are worth starting and how long a block
// is.
template <class T>
double cost_of_one(const Job<T>& job) {
  const double d = (double)job.d, width = sizeof(T) == 4 ? 2 : 1, m = (double)job.window();
  return ((is_tridiagonal(job.layout) ? 0 : 1.4 * d * d * d) + m * (300 * d + 2 * d * d)) / (20 * width) + 5;
}

inline int useful_threads(double total_ns, int threads) {
  static const int most = std::max(8, (int)std::thread::hardware_concurrency());
  threads = threads <= 0 ? available_cores() : std::min(threads, most);
  const double worth = total_ns / 12e3;  // waking a thread costs some 5 microseconds
  return worth < 2 ? 1 : worth < threads ? (int)worth : threads;
}

template <class T>
void expect(Job<T>& job, std::vector<Expected<T>>& expected) {
  for (std::int64_t k = job.lo; k <= job.hi; ++k) expected.push_back(expected_of<T>(k, job.d));
  job.expected = expected.data();
}

template <class T, class GoOn>
void solve(Job<T>& job, int threads, GoOn go_on) {
  if (job.count <= 0 || job.d <= 0) return;
  std::vector<Expected<T>> expected;
  expect(job, expected);
  const Kernels<T>& k = kernels_for(job);
  const std::int64_t tile = k.tile(job);
  const double one = cost_of_one(job);
  threads = useful_threads(one * (double)job.count, threads);
  // Blocks of about 100 microseconds, at least eight per thread, whole tiles.
  std::int64_t grain = (std::int64_t)(100e3 / one);
  const std::int64_t fair = threads > 1 ? job.count / (8 * threads) : job.count;
  grain = std::max(round_up(std::min(grain, fair), tile), tile);
  const std::size_t bytes = k.workspace(job);
  for_blocks(
      job.count, grain, threads,
      [&](int, std::int64_t first, std::int64_t count) { k.run(job, first, count, thread_memory(bytes)); }, go_on);
}

template <class T, class GoOn>
void svd(const Svd<T>& job, int threads, GoOn go_on) {
  const Kernels<T>& k = kernels<T>();
  const double pairs = 3.0 * (double)(job.n * job.n), flops = (double)(8 * job.m + 6 * job.n);  // of some six sweeps
  const double one = 20 + pairs * (flops + 60) / (double)(8 * k.width);
  threads = useful_threads(one * (double)job.count, threads);
  const std::int64_t tile = 2 * k.width;
  std::int64_t grain = (std::int64_t)(100e3 / one);
  if (threads > 1) grain = std::min(grain, job.count / (8 * threads));
  grain = std::max(round_up(grain, tile), tile);
  const std::size_t bytes = k.svd_workspace(job);
  for_blocks(
      job.count, grain, threads,
      [&](int, std::int64_t first, std::int64_t count) { k.svd(job, first, count, thread_memory(bytes)); }, go_on);
}

// Rough nanoseconds of the pullback of one matrix.
template <class T>
double pullback_cost(const Pullback<T>& p) {
  const Job<T>& job = p.job;
  const double K = (double)layout_size(job.layout, job.d), width = sizeof(T) == 4 ? 2 : 1;
  if (job.source == Source::pencil) return K * (double)(2 * job.terms + 2) / (15 * width);
  if (job.source == Source::encoded) return (double)(job.encoded.columns + 1) * K / (4 * width) + 5;
  return K * (double)sizeof(T) / 8;
}

// Into how many parts, each with sums of its own, a batch is cut: a power of two, so that threads share them evenly. To
// clear and add the sums of a part takes about as long as one row in a hundred.
inline std::int64_t parts_of(std::int64_t count, std::int64_t size) {
  const std::int64_t most = count / std::max<std::int64_t>(64, size / 8);
  std::int64_t parts = 1;
  while (parts < 16 && 2 * parts <= most) parts *= 2;
  return parts;
}

// Sums over a batch; sums (parts, size) starts from zeros, and the first part gets the total.
template <class T, class GoOn>
void pull_sums(const Pullback<T>& p, T* sums, std::int64_t size, int threads, GoOn go_on) {
  const Kernels<T>& k = kernels<T>();
  const std::int64_t parts = parts_of(p.job.count, size);
  const std::size_t bytes = (std::size_t)round_up((std::int64_t)k.pullback_workspace(p), 64);
  threads = (int)std::min<std::int64_t>(threads, parts);
  AlignedArray<char> memory(bytes * (std::size_t)threads);
  for_parts(
      p.job.count, 64, parts, threads,
      [&](int thread, std::int64_t which, std::int64_t first, std::int64_t n) {
        char* own = memory.data() + bytes * (std::size_t)thread;
        k.pullback(p, first, n, sums ? sums + size * which : nullptr, own);
      },
      go_on);
  for (std::int64_t which = 1; sums && which < parts; ++which)
    for (std::int64_t i = 0; i < size; ++i) sums[i] += sums[size * which + i];
}

template <class T, class GoOn>
void pull_rows(const Pullback<T>& p, int threads, GoOn go_on) {
  const Kernels<T>& k = kernels<T>();
  const std::size_t bytes = p.tied ? k.pullback_workspace(p) : 0;
  const std::int64_t grain = 1 + (1 << 18) / ((std::int64_t)sizeof(T) * layout_size(p.job.layout, p.job.d));
  for_blocks(
      p.job.count, grain, threads,
      [&](int, std::int64_t first, std::int64_t n) {
        k.pullback(p, first, n, nullptr, bytes ? thread_memory(bytes) : nullptr);
      },
      go_on);
}

template <class T, class GoOn>
void pull_pencil(Pullback<T>& p, T* d_params, int threads, GoOn go_on) {
  const Job<T>& job = p.job;
  const std::int64_t K = layout_size(job.layout, job.d), rows = job.terms + 1, size = rows * p.stride;
  p.terms_stride = round_up(job.terms, kernels<T>().width);
  AlignedArray<T> transposed(p.d_x ? (std::size_t)(K * p.terms_stride) : 0);
  if (p.d_x)
    for (std::int64_t c = 0; c < K; ++c)
      for (std::int64_t i = 0; i < p.terms_stride; ++i)
        transposed.data()[c * p.terms_stride + i] = i < job.terms ? job.params[(i + 1) * K + c] : T(0);
  p.transposed = transposed.data();
  Zeros<T> sums(d_params ? (std::size_t)(size * parts_of(job.count, size)) : 0);
  pull_sums(p, d_params ? sums.data() : nullptr, size, threads, go_on);
  for (std::int64_t r = 0; d_params && r < rows; ++r) std::copy_n(sums.data() + r * p.stride, K, d_params + r * K);
}

template <class T, class GoOn>
void pull_encoded(Pullback<T>& p, const Tables<T>& tables, T* d_params, int threads, GoOn go_on) {
  const std::int64_t size = (1 + 2 * tables.rows()) * p.stride;
  Zeros<T> sums((std::size_t)(size * parts_of(p.job.count, size)));
  pull_sums(p, sums.data(), size, threads, go_on);
  tables.pull(sums.data(), d_params);
}

// d_params (terms + 1, K): of a pencil, or null, or of encoded columns, whose tables these are.
template <class T, class GoOn>
void pullback(Pullback<T> p, const Tables<T>* tables, T* d_params, int threads, GoOn go_on) {
  Job<T>& job = p.job;
  job.values = job.vectors = job.gradient = nullptr;
  job.tied = nullptr;
  std::vector<Expected<T>> expected;
  expect(job, expected);
  threads = useful_threads(pullback_cost(p) * (double)job.count, threads);
  threads = (int)std::max<std::int64_t>(1, std::min<std::int64_t>(threads, job.count));
  p.stride = tables ? job.encoded.stride : round_up(layout_size(job.layout, job.d), kernels<T>().width);
  if (job.source == Source::rows) return pull_rows(p, threads, go_on);
  if (tables) return pull_encoded(p, *tables, d_params, threads, go_on);
  pull_pencil(p, d_params, threads, go_on);
}

}  // namespace eigcore
