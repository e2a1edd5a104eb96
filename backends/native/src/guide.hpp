// Where to look first: quantiles of Wigner's semicircle. Only speed depends on it, never the result's certificate.
#pragma once
#include <cmath>

#include "job.hpp"

namespace eigcore {

// For eigenvalue k: the quantile of (k + 1/2) / d and the distance between neighbours there. With q = 2 sin(phi) the
// distribution function is 1/2 + (2 phi + sin 2 phi) / (2 pi).
template <class T>
Expected<T> expected_of(std::int64_t k, std::int64_t d) {
  constexpr double pi = 3.14159265358979323846;
  const double target = 2 * pi * (((double)k + 0.5) / (double)d - 0.5);
  double phi = target / 4;
  for (int it = 0; it < 6; ++it) {
    const double slope = 2 + 2 * std::cos(2 * phi);
    phi -= (2 * phi + std::sin(2 * phi) - target) / (slope > 0.2 ? slope : 0.2);
  }
  const double density = std::cos(phi) / pi;
  return {T(2 * std::sin(phi)), T(1 / ((double)d * (density > 0.1 ? density : 0.1)))};
}

}  // namespace eigcore
