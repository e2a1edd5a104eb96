// Limited-memory BFGS with a weak-Wolfe line search. Sources and reasons: eigcore/fit/solvers/lbfgs.py, whose steps these
// are.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "algebra.hpp"
#include "parallel.hpp"

namespace eigcore {

enum class Reason { gradient, decrease, iterations, line_search, stopped, interrupted };

struct Limits {
  std::int64_t steps = 0, window = 0;
  double gradient = 0, decrease = 0;
};

inline double length(const std::vector<double>& a) {
  return std::sqrt(algebra().dot(a.data(), a.data(), (std::int64_t)a.size()));
}
inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return algebra().dot(a.data(), b.data(), (std::int64_t)a.size());
}

// The last few pairs (s, y), divided by |s|; pair number i is row i % size.
class Memory {
  float *s_, *y_;  // (size, n)
  double* curvature_;
  std::int64_t size_, n_, added_;
  std::vector<float> p_;
  std::vector<double> weights_, step_, turn_;

  const float* s(std::int64_t i) const { return s_ + i % size_ * n_; }
  const float* y(std::int64_t i) const { return y_ + i % size_ * n_; }

 public:
  Memory(float* s, float* y, double* curvature, std::int64_t size, std::int64_t n, std::int64_t added)
      : s_(s),
        y_(y),
        curvature_(curvature),
        size_(size),
        n_(n),
        added_(added),
        p_((std::size_t)n),
        weights_((std::size_t)size),
        step_((std::size_t)n),
        turn_((std::size_t)n) {}

  std::int64_t added() const { return added_; }
  bool empty() const { return added_ == 0; }
  void clear() { added_ = 0; }

  using Numbers = std::vector<double>;
  void add(const Numbers& x, const Numbers& before, const Numbers& gradient, const Numbers& gradient_before) {
    constexpr double least_cosine = 1e-6;
    for (std::size_t i = 0; i < step_.size(); ++i) step_[i] = x[i] - before[i];
    for (std::size_t i = 0; i < turn_.size(); ++i) turn_[i] = gradient[i] - gradient_before[i];
    const double moved = length(step_), curvature = dot(step_, turn_);
    if (!(curvature > least_cosine * length(turn_) * moved) || size_ == 0) return;
    float *s = s_ + added_ % size_ * n_, *y = y_ + added_ % size_ * n_;
    for (std::size_t i = 0; i < step_.size(); ++i) s[i] = (float)(step_[i] / moved);
    for (std::size_t i = 0; i < turn_.size(); ++i) y[i] = (float)(turn_[i] / moved);
    curvature_[added_++ % size_] = curvature / (moved * moved);
  }

  // -H g by the two-loop recursion, with H_0 = (s y / y y) 1, of at least one pair.
  void direction(const Numbers& gradient, Numbers& found) {
    const Algebra& a = algebra();
    const double size = length(gradient);
    const std::int64_t last = added_ - 1, first = std::max<std::int64_t>(added_ - size_, 0);
    for (std::size_t i = 0; i < p_.size(); ++i) p_[i] = (float)(gradient[i] / -size);
    for (std::int64_t i = last; i >= first; --i) {
      double& weight = weights_[(std::size_t)(i % size_)];
      weight = (double)a.dot_single(s(i), p_.data(), n_) / curvature_[i % size_];
      a.add_single((float)-weight, y(i), p_.data(), n_);
    }
    const float scale = (float)(curvature_[last % size_] / (double)a.dot_single(y(last), y(last), n_));
    for (float& p : p_) p *= scale;
    for (std::int64_t i = first; i <= last; ++i) {
      const double turned = (double)a.dot_single(y(i), p_.data(), n_) / curvature_[i % size_];
      a.add_single((float)(weights_[(std::size_t)(i % size_)] - turned), s(i), p_.data(), n_);
    }
    for (std::size_t i = 0; i < found.size(); ++i) found[i] = size * (double)p_[i];
  }
};

// objective(x, gradient) returns the value; after(step, value, x) whether to stop. Either may throw Interrupted.
template <class Objective, class After>
class Descent {
  using Numbers = std::vector<double>;
  struct Point {
    Numbers x, gradient;
    double value = std::numeric_limits<double>::infinity();
  };
  Objective& objective_;
  After after_;
  Limits limits_;
  Memory& memory_;
  Point point_, trial_, found_;
  Numbers direction_;

 public:
  Numbers best, values;
  double value = std::numeric_limits<double>::infinity();
  std::int64_t evaluations = 0;

  Descent(Objective& objective, After after, const Limits& limits, Memory& memory, const double* start, std::int64_t n)
      : objective_(objective),
        after_(after),
        limits_(limits),
        memory_(memory),
        point_{Numbers(start, start + n), Numbers((std::size_t)n)},
        trial_(point_),
        found_(point_),
        direction_((std::size_t)n),
        best(point_.x) {}

  Reason run() {
    try {
      evaluate(point_);
      values.push_back(point_.value);
      for (std::int64_t step = 1; step <= limits_.steps; ++step) {
        if (!steep(point_.gradient)) return Reason::gradient;
        if (!next()) return Reason::line_search;
        values.push_back(point_.value);
        if (after_(step, point_.value, point_.x)) return Reason::stopped;
        if (stalled()) return Reason::decrease;
      }
    } catch (const Interrupted&) {
      return Reason::interrupted;
    }
    return Reason::iterations;
  }

 private:
  void evaluate(Point& at) {
    ++evaluations;
    at.value = objective_(at.x, at.gradient);
    if (!(std::isfinite(at.value) && finite(at.gradient))) {
      at.value = std::numeric_limits<double>::infinity();
      std::fill(at.gradient.begin(), at.gradient.end(), 0.0);
    } else if (at.value < value) {
      value = at.value;
      best = at.x;
    }
  }

  static bool finite(const Numbers& a) {  // squares may overflow
    return std::isfinite(dot(a, a)) || std::all_of(a.begin(), a.end(), [](double each) { return std::isfinite(each); });
  }

  bool steep(const Numbers& a) const {  // |a|^2 <= n max |a|^2
    const double bound = limits_.gradient;
    return dot(a, a) > (double)a.size() * bound * bound ||
           std::any_of(a.begin(), a.end(), [&](double each) { return std::fabs(each) > bound; });
  }

  bool stalled() const {
    if ((std::int64_t)values.size() <= limits_.window) return false;
    const double before = values[values.size() - 1 - (std::size_t)limits_.window], now = values.back();
    return before - now <= limits_.decrease * std::max(std::fabs(now), 1e-12);
  }

  // Leaves the point that meets the weak Wolfe conditions, or the last decrease, in found_.
  bool search(double step) {
    constexpr double sufficient_decrease = 1e-4, curvature = 0.9;
    constexpr int tries = 30;
    const double slope = dot(point_.gradient, direction_);
    double low = 0, high = std::numeric_limits<double>::infinity();
    bool any = false;
    for (int t = 0; t < tries; ++t) {
      for (std::size_t i = 0; i < direction_.size(); ++i) trial_.x[i] = point_.x[i] + step * direction_[i];
      evaluate(trial_);
      if (!(trial_.value <= point_.value + sufficient_decrease * step * slope)) {
        high = step;
      } else {
        std::swap(trial_, found_);
        any = true;
        if (dot(found_.gradient, direction_) >= curvature * slope) return true;
        low = step;
      }
      step = std::isinf(high) ? 2 * low : 0.5 * (low + high);
    }
    return any;
  }

  bool steepest(double step) {
    for (std::size_t i = 0; i < direction_.size(); ++i) direction_[i] = -point_.gradient[i];
    return search(step);
  }

  bool next() {
    const double steepness = length(point_.gradient);
    if (!memory_.empty()) {
      memory_.direction(point_.gradient, direction_);
      if (!(dot(point_.gradient, direction_) < 0)) memory_.clear();
    }
    bool any = memory_.empty() ? steepest(std::min(1.0, 1 / steepness)) : search(1.0);
    if (!any && !memory_.empty()) {
      memory_.clear();
      any = steepest(1 / steepness);
    }
    if (!any) return false;
    memory_.add(found_.x, point_.x, found_.gradient, point_.gradient);
    std::swap(point_, found_);
    return true;
  }
};

}  // namespace eigcore
