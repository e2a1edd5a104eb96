// Where to look first: quantiles of Wigner's semicircle. Only speed depends on it, never the result's certificate.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace eigcore {

// For k = from ... to (clipped to 0 ... d - 1): quantile of (k + 1/2) / d and the distance between neighbours there,
// in standard deviations. With q = 2 sin(phi) the distribution function is 1/2 + (2 phi + sin 2 phi) / (2 pi).
template <class T>
std::vector<T> semicircle_guide(std::int64_t d, std::int64_t from, std::int64_t to) {
  constexpr double pi = 3.14159265358979323846;
  std::vector<T> guide(2 * d, T(0));
  for (std::int64_t k = from < 0 ? 0 : from; k <= to && k < d; ++k) {
    const double target = 2 * pi * ((k + 0.5) / d - 0.5);
    double phi = target / 4;
    for (int it = 0; it < 6; ++it) {
      const double slope = 2 + 2 * std::cos(2 * phi);
      phi -= (2 * phi + std::sin(2 * phi) - target) / (slope > 0.2 ? slope : 0.2);
    }
    const double density = std::cos(phi) / pi;
    guide[2 * k] = T(2 * std::sin(phi));
    guide[2 * k + 1] = T(1 / (d * (density > 0.1 ? density : 0.1)));
  }
  return guide;
}

}  // namespace eigcore
