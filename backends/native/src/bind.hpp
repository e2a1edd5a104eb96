// What the files that bind C++ to Python share: arrays, refusals, Ctrl-C.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <chrono>
#include <optional>
#include <string>

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

// Ctrl-C: asked for every 20 milliseconds, by the thread Python called.
class SignalCheck {
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();

 public:
  bool operator()() {
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(20)) return true;
    last_ = now;
    nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() == 0;
  }
};

template <class F>
void interruptible(F f) {
  try {
    nb::gil_scoped_release unlocked;
    f();
  } catch (const Interrupted&) {
    throw nb::python_error();
  }
}

}  // namespace eigcore
