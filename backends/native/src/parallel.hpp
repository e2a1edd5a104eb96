// Fork and join over blocks of the batch.
#pragma once
#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "team.hpp"
#if defined(__linux__)
#include <sched.h>
#include <sys/mman.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace eigcore {

inline std::atomic<int> most_cores{INT_MAX};  // what the quota of a container leaves

inline int cores_by_affinity() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
#endif
  const int n = (int)std::thread::hardware_concurrency();
  return n > 0 ? n : 1;
}

inline int available_cores() { return std::min(cores_by_affinity(), most_cores.load()); }

// Frameworks flush denormals on their threads; a kernel computes with IEEE arithmetic wherever it is called from.
class StandardArithmetic {
#if defined(__x86_64__)
  unsigned saved_ = _mm_getcsr();

 public:
  StandardArithmetic() { _mm_setcsr(0x1f80); }
  ~StandardArithmetic() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
  std::uint64_t saved_;

 public:
  StandardArithmetic() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" ::"r"((std::uint64_t)0));
  }
  ~StandardArithmetic() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }
#endif
};

// Large results in fresh memory: without this the kernel hands them over in pieces of 4 KB, which takes as long as the
// arithmetic. NumPy does the same with its arrays.
inline void prefer_huge_pages(void* memory, std::size_t bytes) {
#if defined(__linux__)
  const std::uintptr_t page = 4096, first = ((std::uintptr_t)memory + page - 1) / page * page;
  if (bytes >= (std::size_t)1 << 22) madvise((void*)first, (bytes - page) / page * page, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}

// Memory of the calling thread, kept for its next call: to get a megabyte from the system and give it back takes as
// long as a few matrices do. What matrices of order 400 and more need is given back.
class ThreadMemory {
  void* memory_ = nullptr;
  std::size_t size_ = 0;

 public:
  ~ThreadMemory() { release(); }
  void release() {
    if (memory_) ::operator delete(memory_, std::align_val_t(64));
    memory_ = nullptr;
    size_ = 0;
  }
  void trim(std::size_t kept) {
    if (size_ > kept) release();
  }
  void* at_least(std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    size_ = 0;  // exact sizes
#endif
    if (bytes > size_) {
      release();
      memory_ = ::operator new(bytes, std::align_val_t(64));
      size_ = bytes;
    }
    return memory_;
  }
};

inline ThreadMemory& memory_of_thread() {
  static thread_local ThreadMemory memory;
  return memory;
}
inline void* thread_memory(std::size_t bytes) { return memory_of_thread().at_least(bytes); }
inline void trim_thread_memory() { memory_of_thread().trim((std::size_t)8 << 20); }

struct Interrupted {};

// work(thread, first, count) over blocks of `grain`, block by block in any order; go_on() is asked by the calling
// thread between blocks.
template <class Work, class GoOn>
void for_blocks(std::int64_t count, std::int64_t grain, int threads, Work work, GoOn go_on) {
  if (count <= 0) return;
  const std::int64_t blocks = (count + grain - 1) / grain;
  if (threads > blocks) threads = (int)blocks;
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stop{false};
  bool interrupted = false;
  std::vector<std::exception_ptr> errors(threads > 0 ? threads : 1);
  const auto ask = [&] {
    if (!stop && !go_on()) interrupted = stop = true;
  };
  const auto loop = [&](int thread) {
    StandardArithmetic arithmetic;
    try {
      for (std::int64_t b;
           !stop.load(std::memory_order_relaxed) && (b = next.fetch_add(1, std::memory_order_relaxed)) < blocks;) {
        const std::int64_t first = b * grain;
        work(thread, first, count - first < grain ? count - first : grain);
        if (thread == 0) ask();
      }
    } catch (...) {
      errors[thread] = std::current_exception();
      stop = true;
    }
    trim_thread_memory();
  };
  together(threads, loop, ask);
  for (auto& e : errors)
    if (e) std::rethrow_exception(e);
  if (interrupted) throw Interrupted{};
}

// Contiguous parts: for sums whose order must depend neither on timing nor on the number of threads.
inline std::int64_t part(std::int64_t count, std::int64_t grain, std::int64_t parts, std::int64_t which) {
  const std::int64_t blocks = (count + grain - 1) / grain;
  const std::int64_t at = blocks * which / parts * grain;
  return at < count ? at : count;
}

// work(thread, part, first, count) over blocks of `grain`; the blocks of a part one after the other, by one thread.
template <class Work, class GoOn>
void for_parts(std::int64_t count, std::int64_t grain, std::int64_t parts, int threads, Work work, GoOn go_on) {
  std::atomic<bool> stop{false};
  const auto ask = [&] {
    if (!stop && !go_on()) stop = true;
    return !stop;
  };
  for_blocks(
      parts, 1, threads,
      [&](int thread, std::int64_t which, std::int64_t) {
        const std::int64_t end = part(count, grain, parts, which + 1);
        for (std::int64_t n = part(count, grain, parts, which); n < end && !stop; n += grain) {
          work(thread, which, n, end - n < grain ? end - n : grain);
          if (thread == 0) ask();
        }
      },
      ask);
  if (stop) throw Interrupted{};
}

template <class T>
class AlignedArray {
  void* memory_ = nullptr;

 public:
  explicit AlignedArray(std::size_t n) : memory_(::operator new(n * sizeof(T) + 64, std::align_val_t(64))) {}
  AlignedArray(const AlignedArray&) = delete;
  AlignedArray(AlignedArray&& other) : memory_(other.memory_) { other.memory_ = nullptr; }
  ~AlignedArray() { ::operator delete(memory_, std::align_val_t(64)); }
  T* data() { return static_cast<T*>(memory_); }
};

}  // namespace eigcore
