// Random jobs on nasty numbers: fuzz_driver SECONDS [SEED]. Buffers have exactly the size promised, so AddressSanitizer
// sees every slip. Checked: residual and value of the pair against 30 d eps |A| (both paths), unit length, NaN exactly
// where the input is not finite, agreement of one thread with three.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>

#include "drive.hpp"

using namespace eigcore;
using Generator = std::mt19937_64;

template <class T>
using Buffer = std::unique_ptr<T[]>;

static bool go_on() { return true; }

static int pick(Generator& g, int n) { return (int)(g() % (unsigned long long)n); }

template <class T>
T nasty(Generator& g, int style, bool finite) {
  std::normal_distribution<double> normal;
  using L = std::numeric_limits<T>;
  switch (style) {
    case 0:
      return (T)normal(g);
    case 1:
      return (T)(pick(g, 3) - 1);
    case 2:
      return (T)(normal(g) * std::ldexp(1.0, pick(g, 60) - 30));
    case 3:
      return pick(g, 3) ? T(0) : (T)normal(g);
    case 4:
      return (T)normal(g) * L::min() * T(4);
    case 5:
      return (T)(pick(g, 1000) / 500.0 - 1) * (L::max() / T(2));
    case 6:
      return (T)(1 + (pick(g, 5) - 2) * (double)L::epsilon());
    case 7:
      return L::denorm_min() * T(pick(g, 9) - 4);
    default:
      return !finite && pick(g, 40) == 0 ? (pick(g, 2) ? L::quiet_NaN() : L::infinity()) : (T)normal(g);
  }
}

#define REQUIRE(condition, ...)              \
  if (!(condition)) {                        \
    std::printf("failed: %s: ", #condition); \
    std::printf(__VA_ARGS__);                \
    std::printf("\n");                       \
    return false;                            \
  }

template <class T>
bool one_job(Generator& g, unsigned long long seed) {
  const int d = pick(g, 8) ? 1 + pick(g, 24) : 1 + pick(g, 140),
            n = pick(g, 6) == 0 ? 1
                : pick(g, 5)    ? 1 + pick(g, 40)
                                : pick(g, 300),
            k = pick(g, d);
  const Source source = (Source)pick(g, 4);
  const int style = pick(g, 9);
  const std::int64_t K = packed_size(d), size = source == Source::dense    ? d * d
                                                : source == Source::packed ? K
                                                : source == Source::band   ? 2 * d - 1
                                                                           : d;
  Buffer<T> in(new T[n * size]), off(new T[n * (d - 1)]), values(new T[n]), vectors(new T[n * d]), again(new T[n]),
      again_v(new T[n * d]);
  const bool has_gradient = source != Source::tridiagonal;
  Buffer<T> gradient(new T[has_gradient ? n * size : 0]);
  Buffer<std::uint8_t> tied(new std::uint8_t[n]);
  for (std::int64_t i = 0; i < n * size; ++i) in[i] = nasty<T>(g, style, false);
  for (std::int64_t i = 0; i < n * (d - 1); ++i) off[i] = nasty<T>(g, pick(g, 4) ? style : 3, false);
  Job<T> job;
  job.source = source, job.count = n, job.d = d, job.lo = job.hi = k, job.matrix = in.get(), job.off = off.get();
  job.values = values.get(), job.vectors = vectors.get(), job.tied = tied.get();
  if (has_gradient) job.gradient = gradient.get();
  solve(job, 1, go_on);
  Job<T> other = job;
  other.values = again.get(), other.vectors = again_v.get(), other.gradient = nullptr;
  other.force_full = pick(g, 3) == 0;
  solve(other, 3, go_on);

  std::vector<long double> a(d * d);
  const long double root2 = std::sqrt(2.0L), eps = std::numeric_limits<T>::epsilon();
  for (int m = 0; m < n; ++m) {
    const T* p = in.get() + m * size;
    std::fill(a.begin(), a.end(), 0.0L);
    for (int i = 0; i < d; ++i)
      for (int j = 0; j <= i; ++j) {
        long double x = 0;
        if (source == Source::dense) x = ((long double)p[i * d + j] + (long double)p[j * d + i]) / 2;
        if (source == Source::packed) x = p[packed_position(i, j)] / (i == j ? 1 : root2);
        if (source == Source::band && i - j <= 1) x = p[2 * i - (i - j)] / (i == j ? 1 : root2);
        if (source == Source::tridiagonal)
          x = i == j ? (long double)p[i] : i - j == 1 ? (long double)off[m * (d - 1) + j] : 0;
        a[i * d + j] = a[j * d + i] = x;
      }
    long double norm = 0;
    bool finite = true;
    for (int i = 0; i < d; ++i) {
      long double row = 0;
      for (int j = 0; j < d; ++j) row += std::fabs(a[i * d + j]);
      norm = std::fmax(norm, row);
      for (int j = 0; j < d; ++j) finite = finite && std::isfinite((double)a[i * d + j]);
    }
    const T value = values[m];
    if (!finite) {
      REQUIRE(std::isnan(value) && std::isnan(vectors[m * d]) && std::isnan(again[m]), "seed %llu row %d", seed, m);
      continue;
    }
    if (norm > std::numeric_limits<T>::max() / 4) continue;  // the value itself may overflow
    const long double bound = 30 * d * eps * norm + 4 * std::numeric_limits<T>::denorm_min();
    long double residual = 0, length = 0;
    for (int i = 0; i < d; ++i) {
      long double r = -(long double)value * vectors[m * d + i];
      for (int j = 0; j < d; ++j) r += a[i * d + j] * vectors[m * d + j];
      residual += (r / (norm > 0 ? norm : 1)) * (r / (norm > 0 ? norm : 1));
      length += (long double)vectors[m * d + i] * vectors[m * d + i];
    }
    residual = std::sqrt(residual) * (norm > 0 ? norm : 1);
    REQUIRE(residual <= bound, "seed %llu row %d d %d k %d source %d style %d residual %Lg bound %Lg value %g norm %Lg",
            seed, m, d, k, (int)source, style, residual, bound, (double)value, norm);
    REQUIRE(std::fabs(length - 1) <= 20 * d * eps, "seed %llu row %d length %Lg", seed, m, length);
    REQUIRE(std::fabs((long double)value - again[m]) <= bound,
            "seed %llu row %d d %d k %d source %d style %d: %Lg and %Lg, bound %Lg", seed, m, d, k, (int)source, style,
            (long double)value, (long double)again[m], bound);
    for (int i = 0; source == Source::dense && !tied[m] && i < d; ++i)
      for (int j = 0; j < d; ++j)
        REQUIRE(gradient[m * size + i * d + j] == vectors[m * d + i] * vectors[m * d + j], "seed %llu row %d", seed, m);
  }
  return true;
}

template <class T>
bool fused_job(Generator& g, unsigned long long seed) {
  const int d = 1 + pick(g, 20), n = pick(g, 200), terms = pick(g, 20), C = 1 + pick(g, 5), R = 1 + pick(g, 30),
            k = pick(g, d);
  const bool band = pick(g, 2);
  const std::int64_t K = band ? 2 * d - 1 : packed_size(d), P = packed_size(d);
  const auto fill = [&](std::int64_t m) {
    Buffer<T> b(new T[m]);
    for (std::int64_t i = 0; i < m; ++i) b[i] = nasty<T>(g, pick(g, 2) ? 0 : 3, true);
    return b;
  };
  auto x = fill(n * terms), params = fill((terms + 1) * K), c = fill(n), d_x = fill(n * terms),
       d_params = fill((terms + 1) * K);
  auto values = fill(n), vectors = fill(n * d), base = fill(P), start = fill(R * P), step = fill(R * P),
       fractions = fill(n * C);
  auto d_base = fill(P), d_start = fill(R * P), d_step = fill(R * P);
  Buffer<std::int32_t> rows(new std::int32_t[n * C]);
  for (int i = 0; i < n * C; ++i) rows[i] = pick(g, R);
  Job<T> job;
  job.source = Source::pencil, job.count = n, job.d = d, job.lo = job.hi = k, job.x = x.get(),
  job.params = params.get(), job.terms = terms;
  job.tridiagonal_params = band, job.values = values.get(), job.vectors = vectors.get();
  solve(job, 2, go_on);
  PencilPullback<T> p;
  p.d = d, p.terms = terms, p.tridiagonal_params = band, p.x = x.get(), p.vectors = vectors.get(), p.g = c.get(),
  p.d_x = d_x.get();
  pencil_pullback(p, n, params.get(), d_params.get(), 2, go_on);
  const Layout layout = (Layout)pick(g, 4);
  Buffer<T> pulled(new T[n * layout_size(layout, d)]);
  ValuePullback<T> q;
  q.layout = layout, q.d = d, q.vectors = vectors.get(), q.g = c.get(), q.out = pulled.get();
  value_pullback(q, n, 2, go_on);
  for (std::int64_t i = 0; i < n * layout_size(layout, d); ++i) REQUIRE(std::isfinite(pulled[i]), "seed %llu", seed);
  EncodedPass<T> e;
  e.job.source = Source::encoded, e.job.count = n, e.job.d = d, e.job.lo = e.job.hi = k, e.job.values = values.get();
  e.job.encoded.rows = rows.get(), e.job.encoded.fractions = fractions.get(), e.job.encoded.columns = C,
  e.job.encoded.table_rows = R;
  encoded_solve(e.job, base.get(), start.get(), step.get(), 2, go_on);
  e.g = c.get();
  encoded_pullback(e, base.get(), start.get(), step.get(), d_base.get(), d_start.get(), d_step.get(), 2, go_on);
  for (std::int64_t i = 0; i < (terms + 1) * K; ++i) REQUIRE(std::isfinite(d_params[i]), "seed %llu", seed);
  for (std::int64_t i = 0; i < R * P; ++i)
    REQUIRE(std::isfinite(d_start[i]) && std::isfinite(d_step[i]), "seed %llu", seed);
  return true;
}

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  unsigned long long seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1, jobs = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (;; ++seed, ++jobs) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds) break;
    Generator g(seed);
    const bool ok = pick(g, 4) ? (pick(g, 2) ? one_job<float>(g, seed) : one_job<double>(g, seed))
                               : (pick(g, 2) ? fused_job<float>(g, seed) : fused_job<double>(g, seed));
    if (!ok) return 1;
  }
  std::printf("%s: %llu jobs, nothing found\n", isa_name(), jobs);
  return 0;
}
