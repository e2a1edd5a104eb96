// What the files that bind C++ to Python share: arrays, refusals, Ctrl-C.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "parallel.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace eigcore {

template <class T>
using In = nb::ndarray<const T, nb::numpy, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::numpy, nb::c_contig, nb::device::cpu>;

[[noreturn]] inline void refuse(const std::string& expected) {
  throw nb::value_error(("eigcore_native expected " + expected).c_str());
}

template <class A>
std::int64_t size_from_end(const A& a, std::size_t axis) {
  return a.ndim() < axis ? -1 : (std::int64_t)a.shape(a.ndim() - axis);
}

// A thread that asks for the GIL when the interpreter has ended is unwound by CPython up to 3.13, through functions that
// may not be unwound, and the process aborts (https://github.com/python/cpython/issues/87135). So from `close` on, which
// Python calls at its exit, every other thread sleeps instead, as CPython does from 3.14 on.
class Lock {
  static inline std::atomic<bool> closed_{false};
  static inline std::atomic<int> asking_{0};
  static inline std::thread::id closer_;

 public:
  template <class Acquire>
  static auto acquire(Acquire acquire) {
    ++asking_;
    if (closed_ && std::this_thread::get_id() != closer_) {
      --asking_;
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
    const auto state = acquire();
    --asking_;
    return state;
  }
  static void close() {
    closer_ = std::this_thread::get_id();
    closed_ = true;
    nb::gil_scoped_release unlocked;
    while (asking_) std::this_thread::yield();
  }
};

class Unlocked {
  PyThreadState* state_ = PyEval_SaveThread();

 public:
  Unlocked() = default;
  Unlocked(const Unlocked&) = delete;
  ~Unlocked() {
    Lock::acquire([this] {
      PyEval_RestoreThread(state_);
      return true;
    });
  }
};

class Locked {
  PyGILState_STATE state_ = Lock::acquire(PyGILState_Ensure);

 public:
  Locked() = default;
  Locked(const Locked&) = delete;
  ~Locked() { PyGILState_Release(state_); }
};

// Ctrl-C: asked for every 20 milliseconds, by the thread Python called.
class SignalCheck {
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();

 public:
  bool operator()() {
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(20)) return true;
    last_ = now;
    const Locked locked;
    return PyErr_CheckSignals() == 0;
  }
};

template <class F>
void interruptible(int threads, F f) {
  if (threads < 0) refuse("threads >= 0");
  try {
    Unlocked unlocked;
    f();
  } catch (const Interrupted&) {
    throw nb::python_error();
  }
}

}  // namespace eigcore
