// Where to look first: quantiles of Wigner's semicircle. Only speed depends on it, never the result's certificate.
#pragma once
#include <cmath>

#include "job.hpp"

namespace eigcore {

// The quantile of (k + 1/2) / d and the distance between neighbours there, in standard deviations. With q = 2 sin(phi)
// the distribution function is 1/2 + (2 phi + sin 2 phi) / (2 pi).
template <class T>
void expect_semicircle(Job<T>& job) {
  constexpr double pi = 3.14159265358979323846;
  const double d = (double)job.d, target = 2 * pi * (((double)job.k + 0.5) / d - 0.5);
  double phi = target / 4;
  for (int it = 0; it < 6; ++it) {
    const double slope = 2 + 2 * std::cos(2 * phi);
    phi -= (2 * phi + std::sin(2 * phi) - target) / (slope > 0.2 ? slope : 0.2);
  }
  const double density = std::cos(phi) / pi;
  job.quantile = T(2 * std::sin(phi));
  job.spacing = T(1 / (d * (density > 0.1 ? density : 0.1)));
}

}  // namespace eigcore
