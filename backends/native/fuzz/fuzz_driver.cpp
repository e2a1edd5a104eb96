// Random jobs on nasty numbers: fuzz_driver SECONDS [SEED]. Buffers have exactly the size promised, so AddressSanitizer
// sees every slip. Checked: residual and value of the pair against 30 d eps |A| (every path), unit length, gradient and
// pullback, NaN exactly where the input is not finite, agreement of one thread with three, orthonormal windows,
// singular value decompositions, whole models on tables of few rows, descents on mean losses, and forked children, which make threads of
// their own.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "coordinates.hpp"
#include "descent.hpp"
#include "ensemble.hpp"
#include "mean_loss.hpp"

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

// The matrix of a row as it is meant.
template <class T>
std::vector<long double> whole(Layout layout, int d, const T* p) {
  std::vector<long double> a(d * d);
  const long double root2 = std::sqrt(2.0L);
  for (int i = 0; i < d; ++i)
    for (int j = 0; j <= i; ++j) {
      long double x = 0;
      if (layout == Layout::full) x = ((long double)p[i * d + j] + (long double)p[j * d + i]) / 2;
      if (layout == Layout::packed) x = p[packed_position(i, j)] / (i == j ? 1 : root2);
      if (layout == Layout::band && i - j <= 1) x = p[2 * i - (i - j)] / (i == j ? 1 : root2);
      if (layout == Layout::pair && i - j <= 1) x = p[i == j ? i : d + j];
      a[i * d + j] = a[j * d + i] = x;
    }
  return a;
}

template <class T>
bool one_job(Generator& g, unsigned long long seed) {
  const int d = pick(g, 8) ? 1 + pick(g, 24) : 1 + pick(g, 140),
            n = pick(g, 6) == 0 ? 1
                : pick(g, 5)    ? 1 + pick(g, 40)
                                : pick(g, 300),
            k = pick(g, d);
  const Layout layout = (Layout)pick(g, 4);
  const int style = pick(g, 9);
  const std::int64_t size = layout_size(layout, d);
  Buffer<T> in(new T[n * size]), values(new T[n]), vectors(new T[n * d]), again(new T[n]), again_v(new T[n * d]),
      gradient(new T[n * size]), pulled(new T[n * size]), ones(new T[n]);
  Buffer<std::uint8_t> tied(new std::uint8_t[n]);
  for (std::int64_t i = 0; i < n * size; ++i) in[i] = nasty<T>(g, style, false);
  for (int i = 0; i < n; ++i) ones[i] = 1;
  Job<T> job;
  job.layout = layout, job.count = n, job.d = d, job.lo = job.hi = k, job.set_rows(in.get());
  job.values = values.get(), job.vectors = vectors.get(), job.tied = tied.get(), job.gradient = gradient.get();
  solve(job, 1, go_on);
  Job<T> other = job;
  other.values = again.get(), other.vectors = again_v.get(), other.gradient = nullptr, other.tied = nullptr;
  if (pick(g, 2)) other.vectors = nullptr;  // values alone have a solver of their own
  other.path = (Path)pick(g, 3);
  solve(other, 3, go_on);
  Pullback<T> p;
  p.job = job, p.vectors = vectors.get(), p.g = ones.get(), p.tied = tied.get(), p.d_rows = pulled.get();
  pullback(p, (const Tables<T>*)nullptr, (T*)nullptr, 3, go_on);

  const long double eps = std::numeric_limits<T>::epsilon();
  for (int m = 0; m < n; ++m) {
    const std::vector<long double> a = whole(layout, d, in.get() + m * size);
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
      REQUIRE(std::isnan(pulled[m * size]) && std::isnan(gradient[m * size]), "seed %llu row %d", seed, m);
      continue;
    }
    if (norm > std::numeric_limits<T>::max() / 4) continue;  // the value itself may overflow
    const long double bound = 30 * d * eps * norm + 4 * std::numeric_limits<T>::denorm_min();
    long double residual = 0, length = 0, trace = 0;
    for (int i = 0; i < d; ++i) {
      long double r = -(long double)value * vectors[m * d + i];
      for (int j = 0; j < d; ++j) r += a[i * d + j] * vectors[m * d + j];
      residual += (r / (norm > 0 ? norm : 1)) * (r / (norm > 0 ? norm : 1));
      length += (long double)vectors[m * d + i] * vectors[m * d + i];
    }
    residual = std::sqrt(residual) * (norm > 0 ? norm : 1);
    REQUIRE(residual <= bound, "seed %llu row %d d %d k %d layout %d style %d residual %Lg bound %Lg value %g norm %Lg",
            seed, m, d, k, (int)layout, style, residual, bound, (double)value, norm);
    REQUIRE(std::fabs(length - 1) <= 20 * d * eps, "seed %llu row %d length %Lg", seed, m, length);
    REQUIRE(std::fabs((long double)value - again[m]) <= bound,
            "seed %llu row %d d %d k %d layout %d style %d: %Lg and %Lg, bound %Lg", seed, m, d, k, (int)layout, style,
            (long double)value, (long double)again[m], bound);
    const std::vector<long double> projector = whole(layout, d, gradient.get() + m * size);
    for (int i = 0; i < d; ++i) trace += projector[i * d + i];
    REQUIRE(std::fabs(trace - 1) <= 20 * d * eps, "seed %llu row %d trace %Lg", seed, m, trace);
    for (std::int64_t c = 0; c < size; ++c)
      REQUIRE(std::fabs(gradient[m * size + c] - pulled[m * size + c]) <= 4 * eps, "seed %llu row %d", seed, m);
    for (int i = 0; layout == Layout::full && !tied[m] && i < d; ++i)
      for (int j = 0; j < d; ++j)
        REQUIRE(gradient[m * size + i * d + j] == vectors[m * d + i] * vectors[m * d + j], "seed %llu row %d", seed, m);
  }
  return true;
}

template <class T>
bool window_job(Generator& g, unsigned long long seed) {
  const int d = 1 + pick(g, 24), n = pick(g, 100), lo = pick(g, d), hi = lo + pick(g, d - lo), m = hi - lo + 1;
  const Layout layout = (Layout)pick(g, 4);
  const int style = pick(g, 4);
  const std::int64_t size = layout_size(layout, d);
  Buffer<T> in(new T[n * size]), values(new T[n * m]), vectors(new T[n * d * m]);
  for (std::int64_t i = 0; i < n * size; ++i) in[i] = nasty<T>(g, style, true);
  Job<T> job;
  job.layout = layout, job.count = n, job.d = d, job.lo = lo, job.hi = hi, job.set_rows(in.get());
  job.values = values.get(), job.vectors = vectors.get();
  solve(job, 2, go_on);
  for (int r = 0; r < n; ++r)
    for (int i = 0; i < m; ++i) {
      REQUIRE(i == 0 || values[r * m + i] >= values[r * m + i - 1], "seed %llu row %d", seed, r);
      for (int j = 0; j <= i; ++j) {
        long double dot = i == j ? -1 : 0;
        for (int c = 0; c < d; ++c) dot += (long double)vectors[(r * d + c) * m + i] * vectors[(r * d + c) * m + j];
        REQUIRE(std::fabs(dot) <= 30 * d * std::numeric_limits<T>::epsilon(), "seed %llu row %d: %d, %d", seed, r, i,
                j);
      }
    }
  return true;
}

template <class T>
bool fused_job(Generator& g, unsigned long long seed) {
  const int d = 1 + pick(g, 20), n = pick(g, 200), terms = pick(g, 20), C = 1 + pick(g, 5), R = 1 + pick(g, 30),
            k = pick(g, d);
  const auto fill = [&](std::int64_t m) {
    Buffer<T> b(new T[m]);
    for (std::int64_t i = 0; i < m; ++i) b[i] = nasty<T>(g, pick(g, 2) ? 0 : 3, true);
    return b;
  };
  Job<T> job;
  job.source = Source::pencil, job.layout = pick(g, 2) ? Layout::band : Layout::packed;
  const std::int64_t K = layout_size(job.layout, d), P = packed_size(d);
  auto x = fill(n * terms), params = fill((terms + 1) * K), c = fill(n), d_x = fill(n * terms),
       d_params = fill((terms + 1) * K), values = fill(n), vectors = fill(n * d);
  Buffer<std::uint8_t> tied(new std::uint8_t[n]);
  job.count = n, job.d = d, job.lo = job.hi = k, job.x = x.get(), job.params = params.get(), job.terms = terms;
  job.values = values.get(), job.vectors = vectors.get(), job.tied = tied.get();
  solve(job, 2, go_on);
  Pullback<T> p;
  p.job = job, p.vectors = vectors.get(), p.g = c.get(), p.tied = pick(g, 2) ? tied.get() : nullptr;
  p.d_x = pick(g, 3) ? d_x.get() : nullptr;
  pullback(p, (const Tables<T>*)nullptr, pick(g, 3) ? d_params.get() : nullptr, 2, go_on);
  for (std::int64_t i = 0; i < (terms + 1) * K; ++i) REQUIRE(std::isfinite(d_params[i]), "seed %llu", seed);
  for (std::int64_t i = 0; i < n * terms; ++i) REQUIRE(std::isfinite(d_x[i]), "seed %llu", seed);

  auto steps = fill((R + 1) * P), fractions = fill(n * C), d_steps = fill((R + 1) * P);
  const int first = pick(g, R), end = first + 1 + pick(g, R - first);
  Tables<T> tables(steps.get(), R, P, {{first, end}});
  Buffer<std::int32_t> indices(new std::int32_t[n * C]);
  for (int i = 0; i < n * C; ++i) indices[i] = pick(g, R);
  Pullback<T> q;
  q.job.source = Source::encoded, q.job.layout = Layout::packed;
  q.job.count = n, q.job.d = d, q.job.lo = q.job.hi = k;
  q.job.values = values.get(), q.job.vectors = vectors.get(), q.job.tied = tied.get();
  tables.describe(q.job.encoded);
  q.job.encoded.indices = indices.get(), q.job.encoded.fractions = fractions.get(), q.job.encoded.columns = C;
  solve(q.job, 2, go_on);
  q.vectors = vectors.get(), q.g = c.get(), q.tied = tied.get();
  pullback(q, &tables, d_steps.get(), 2, go_on);
  for (std::int64_t i = 0; i < (R + 1) * P; ++i) REQUIRE(std::isfinite(d_steps[i]), "seed %llu", seed);
  return true;
}

// Functions of all eigenvalues: the gradient's trace is the sum of the weights, sum w_j; NaN where the input is not
// finite; the value alone and with the gradient; one thread and three.
template <class T>
bool composed_job(Generator& g, unsigned long long seed) {
  const int d = pick(g, 8) ? 1 + pick(g, 24) : 1 + pick(g, 60), n = 1 + pick(g, 60), style = pick(g, 9);
  const Layout layout = (Layout)pick(g, 4);
  const std::int64_t size = layout_size(layout, d);
  Phi<T> phi{(PhiKind)pick(g, 5), nullptr, pick(g, d), 0, (T)std::ldexp(1.0, pick(g, 12) - 6)};
  phi.size = 1 + pick(g, d - (int)phi.pivot);
  const bool several = phi.kind == PhiKind::several;
  const std::int64_t given = several ? n * phi.size : d;
  Buffer<T> in(new T[n * size]), values(new T[n]), again(new T[n]), gradient(new T[n * size]), other(new T[n * size]),
      weights(new T[given]);
  for (std::int64_t i = 0; i < n * size; ++i) in[i] = nasty<T>(g, style, false);
  for (std::int64_t i = 0; i < given; ++i) weights[i] = T(pick(g, 4) - 1);
  if (phi.kind == PhiKind::jump)
    for (int j = 0; j < d; ++j) weights[j] = j >= phi.pivot;
  phi.weights = weights.get();
  Job<T> job;
  job.layout = layout, job.count = n, job.d = d, job.hi = d - 1, job.set_rows(in.get()), job.phi = &phi;
  job.values = values.get(), job.gradient = gradient.get();
  solve(job, 1, go_on);
  Job<T> second = job;
  second.values = again.get(), second.gradient = pick(g, 2) ? other.get() : nullptr;
  solve(second, 3, go_on);
  for (int m = 0; m < n; ++m) {
    bool finite = true;
    for (std::int64_t c = 0; c < size; ++c) finite = finite && std::isfinite((double)in[m * size + c]);
    if (style >= 4 && style != 8 && style != 6) continue;  // out of range, or nothing but rounding
    REQUIRE(std::isnan(values[m]) == !finite, "seed %llu row %d", seed, m);
    REQUIRE(std::isnan(gradient[m * size]) == !finite, "seed %llu row %d", seed, m);
    if (!finite) continue;
    long double trace = 0, sum = phi.kind >= PhiKind::softmax ? 1 : 0, scale = 1;
    for (std::int64_t j = 0; phi.kind < PhiKind::softmax && j < d; ++j) sum += weights[j], scale += std::fabs(weights[j]);
    if (several) sum = 0;
    for (std::int64_t j = 0; several && j < phi.size; ++j)
      sum += weights[m * phi.size + j], scale += std::fabs(weights[m * phi.size + j]);
    const std::vector<long double> G = whole(layout, d, gradient.get() + m * size);
    for (int i = 0; i < d; ++i) trace += G[i * d + i];
    REQUIRE(std::fabs(trace - sum) <= 60 * d * scale * std::numeric_limits<T>::epsilon(),
            "seed %llu row %d d %d kind %d: %Lg, %Lg", seed, m, d, (int)phi.kind, trace, sum);
    if (second.gradient)
      for (std::int64_t c = 0; c < size; ++c)
        REQUIRE(gradient[m * size + c] == other[m * size + c], "seed %llu row %d", seed, m);
  }
  return true;
}

// X = U diag(s) Vt to 30 m eps |X| with orthonormal columns; NaN for a matrix that is not finite.
template <class T>
bool svd_job(Generator& g, unsigned long long seed) {
  const int n = 1 + pick(g, pick(g, 4) ? 12 : 64), m = n + pick(g, 12), count = pick(g, 60), style = pick(g, 9);
  Buffer<T> X(new T[count * m * n]), U(new T[count * m * n]), s(new T[count * n]), Vt(new T[count * n * n]);
  for (int i = 0; i < count * m * n; ++i) X[i] = nasty<T>(g, style, false);
  for (int i = pick(g, 3) * m * n; i < count * m * n; i += 3 * m * n)  // two equal columns, two equal rows
    for (int r = 0; r < m; ++r) X[i + r * n + n - 1] = X[i + r * n], X[i + (m - 1) * n + r % n] = X[i + r % n];
  Svd<T> job;
  job.count = count, job.m = m, job.n = n, job.X = X.get();
  job.U = U.get(), job.s = s.get(), job.Vt = Vt.get();
  svd(job, 1 + pick(g, 3), go_on);
  for (int k = 0; k < count; ++k) {
    const T *x = X.get() + k * m * n, *u = U.get() + k * m * n, *v = Vt.get() + k * n * n, *own = s.get() + k * n;
    bool finite = true;
    for (int i = 0; i < m * n; ++i) finite &= std::isfinite(x[i]);
    REQUIRE(std::isnan(own[0] + u[0] + v[0]) == !finite, "seed %llu: matrix %d of %d by %d", seed, k, m, n);
    if (!finite) continue;
    const long double level = 30.0L * m * std::numeric_limits<T>::epsilon();
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        long double sum = 0;
        for (int r = 0; r < n; ++r) sum += (long double)u[i * n + r] * own[r] * v[r * n + j];
        // s overflows or is rounded to a multiple of the least number, where X comes near those
        const long double allowed = level * own[0] + n * (long double)std::numeric_limits<T>::denorm_min();
        const bool near = std::isinf(own[0]) || std::abs(sum - x[i * n + j]) <= allowed;
        REQUIRE(near, "seed %llu: matrix %d of %d by %d", seed, k, m, n);
      }
    for (int p = 0; p < n; ++p)
      for (int q = 0; q <= p; ++q) {
        long double left = 0, right = 0;
        for (int i = 0; i < m; ++i) left += (long double)u[i * n + p] * u[i * n + q];
        for (int i = 0; i < n; ++i) right += (long double)v[p * n + i] * v[q * n + i];
        const bool good = std::abs(left - (p == q)) <= level && std::abs(right - (p == q)) <= level;
        REQUIRE(good && own[q] >= own[p], "seed %llu: vectors %d and %d of %d by %d", seed, p, q, m, n);
      }
  }
  return true;
}

// A model predicts for each row alone what it predicts for the table.
bool ensemble_job(Generator& g, unsigned long long seed) {
  std::normal_distribution<double> normal;
  const int columns = 1 + pick(g, 3), pieces = 1 + pick(g, 4), rows = 1 + pick(g, 40), outputs = 1 + pick(g, 2);
  std::vector<Part> parts;
  Tables<double>::Runs runs;
  for (std::int64_t c = 0; c < columns; ++c) {
    std::vector<double> knots;
    for (int k = 0; k <= pieces; ++k) knots.push_back(k - pieces / 2.0);
    parts.push_back({Kind::pieces, c * pieces, pieces, 1, false, std::move(knots), {}, {}, {}});
    runs.push_back({c * pieces, (c + 1) * pieces});
  }
  Ensemble model(Cells(columns, parts, std::vector<Term>((std::size_t)(columns * pieces), {false, 0, 1, 0, 1, 0})), outputs);
  for (int member = 1 + pick(g, 3); member > 0; --member) {
    const std::int64_t d = 2 + pick(g, pick(g, 3) ? 6 : 20), K = packed_size(d), terms = columns * pieces;
    std::vector<double> params;
    for (std::int64_t i = 0; i < (terms + 1) * K; ++i) params.push_back(normal(g));
    model.add({params.data(), terms, K, runs, Tables<double>::tight(d)}, d, pick(g, (int)d), pick(g, outputs), normal(g));
  }
  Buffer<double> numbers(new double[rows * columns]), sums(new double[rows * outputs]), own(new double[outputs]);
  for (int i = 0; i < rows * columns; ++i) numbers[i] = 2 * normal(g);
  REQUIRE(model.sum(numbers.get(), rows, sums.get(), 1 + pick(g, 3), go_on), "seed %llu", seed);
  for (int n = 0; n < rows; ++n) {
    model.sum(numbers.get() + n * columns, 1, own.get(), 1, go_on);
    for (int o = 0; o < outputs; ++o)
      REQUIRE(std::fabs(own[o] - sums[n * outputs + o]) < 1e-10, "seed %llu row %d of %d", seed, n, rows);
  }
  return true;
}

// |W - goal|^2 in any coordinates: its gradient is that of differences, and every step of a descent lowers it.
struct Away {
  const double* goal;
  std::int64_t size;
  double operator()(const double* W, double* slope) const {
    double sum = 0;
    for (std::int64_t i = 0; i < size; ++i) slope[i] = 2 * (W[i] - goal[i]), sum += slope[i] * slope[i] / 4;
    return sum;
  }
};

bool descent_job(Generator& g, unsigned long long seed) {
  std::normal_distribution<double> normal;
  const std::int64_t d = 1 + pick(g, 9), parts = pick(g, 4), pairs = pick(g, 6);
  std::vector<Buffer<double>> matrices;
  const auto near_identity = [&](std::int64_t m, std::int64_t n) {
    matrices.emplace_back(new double[m * n]);
    for (std::int64_t i = 0; i < m * n; ++i)
      matrices.back()[i] = (i % n == i / n % n) + 0.2 * normal(g) / std::sqrt((double)m);
    return Coordinates::Matrix{matrices.back().get(), m, n};
  };
  Coordinates c;
  c.d = d;
  std::int64_t blocks = 0;
  for (std::int64_t p = 0; p < parts; ++p) {
    const std::int64_t n = 1 + pick(g, 20);
    if (pick(g, 2)) {
      c.M.push_back(near_identity(n, n));
      for (std::int64_t i = 0; i < n; ++i) c.free.push_back(blocks++);
    } else {
      for (std::int64_t i = 0; i < n; ++i) c.semidefinite.push_back(blocks++);
    }
  }
  if (blocks && pick(g, 2)) {  // two joins, of any number of terms
    const std::int64_t first = pick(g, (int)blocks + 1);
    c.J.push_back(near_identity(1 + pick(g, 9), first));
    c.J.push_back(near_identity(1 + pick(g, 9), blocks - first));
  }
  const std::int64_t size = c.size(), numbers = (1 + c.terms()) * c.K();
  Buffer<double> goal(new double[numbers]), start(new double[size]), curvature(new double[pairs]);
  Buffer<float> s(new float[pairs * size]), y(new float[pairs * size]);
  for (std::int64_t i = 0; i < numbers; ++i) goal[i] = normal(g);
  for (std::int64_t i = 0; i < size; ++i) start[i] = normal(g);
  const bool finite = pick(g, 8), interrupts = !pick(g, 4);
  if (!finite) goal[pick(g, (int)numbers)] = pick(g, 2) ? std::nan("") : HUGE_VAL;
  InCoordinates<Away> objective({goal.get(), numbers}, c);
  if (finite) {  // the gradient along a line against differences
    std::vector<double> u(start.get(), start.get() + size), along(u), gradient(u), other(u);
    for (double& each : along) each = normal(g);
    const double value = objective(u, gradient), step = 1e-5;
    double slope = 0, length = 0;
    for (std::size_t i = 0; i < u.size(); ++i) slope += gradient[i] * along[i], length += std::fabs(gradient[i] * along[i]);
    for (std::size_t i = 0; i < u.size(); ++i) u[i] += step * along[i];
    const double above = objective(u, other);
    for (std::size_t i = 0; i < u.size(); ++i) u[i] -= 2 * step * along[i];
    const double difference = (above - objective(u, other)) / (2 * step);
    REQUIRE(std::fabs(difference - slope) <= 1e-6 * (length + value), "seed %llu: %g, %g", seed, difference, slope);
  }
  Memory memory(s.get(), y.get(), curvature.get(), pairs, size, 0);
  const int stop = 1 + pick(g, 3);
  const auto after = [&](std::int64_t step, double, const std::vector<double>&) {
    if (interrupts && step == stop) throw Interrupted{};
    return false;
  };
  Descent descent(objective, after, {40, 10, 1e-6, 0}, memory, start.get(), size);
  const Reason reason = descent.run();
  if (!finite) {
    REQUIRE(std::isinf(descent.value) && descent.evaluations == 1, "seed %llu", seed);
    return true;
  }
  REQUIRE(interrupts || reason != Reason::interrupted, "seed %llu", seed);
  for (std::size_t i = 1; i < descent.values.size(); ++i)
    REQUIRE(descent.values[i] <= descent.values[i - 1], "seed %llu step %d", seed, (int)i);
  std::vector<double> gradient(descent.best.size());
  REQUIRE(objective(descent.best, gradient) == descent.value, "seed %llu", seed);
  return true;
}

// A descent on the mean loss of encoded rows: every step lowers it, and one thread and three agree on the best point.
template <class T>
bool mean_loss_job(Generator& g, unsigned long long seed) {
  std::normal_distribution<double> normal;
  const int d = 2 + pick(g, 9), n = 1 + pick(g, 60), terms = 1 + pick(g, 12), C = pick(g, 4), pairs = pick(g, 5);
  const std::int64_t K = packed_size(d), size = (terms + 1) * K, first = pick(g, terms);
  const auto fill = [&](std::int64_t m, double around) {
    Buffer<double> b(new double[m]);
    for (std::int64_t i = 0; i < m; ++i) b[i] = around ? around + pick(g, 9) / 10.0 : normal(g);
    return b;
  };
  auto target = fill(n, 0.1), share = fill(n, 0.1), offset = fill(n, 0), mean = fill(terms, 0), deviation = fill(terms, 0.5),
       left = fill(terms - 1, 0), right = fill(terms - 1, 0), start = fill(size, 0), curvature = fill(pairs, 0);
  Buffer<std::int32_t> indices(new std::int32_t[n * C]);
  Buffer<T> fractions(new T[n * C]);
  for (int i = 0; i < n * C; ++i) indices[i] = pick(g, terms), fractions[i] = (T)normal(g);
  if (!pick(g, 4)) start[pick(g, (int)size)] = nasty<double>(g, pick(g, 9), false);
  Job<T> job;
  job.source = Source::encoded, job.layout = Layout::packed;
  job.count = n, job.d = d, job.lo = job.hi = pick(g, d);
  job.encoded.indices = indices.get(), job.encoded.fractions = fractions.get(), job.encoded.columns = C;
  MeanLossTask task;
  task.loss = pick(g, 2) ? LossKind::binomial : LossKind::squared, task.penalty = 0.01 * pick(g, 3);
  task.target = target.get(), task.mean = mean.get(), task.deviation = deviation.get();
  if (pick(g, 2)) task.share = share.get();
  if (pick(g, 2)) task.offset = offset.get();
  if (pick(g, 2)) task.left = left.get(), task.right = right.get();
  MeanLoss<T> loss(job, terms, {{first, first + 1 + pick(g, terms - (int)first)}}, task);
  const auto value = [&](const double* W, double* slope) { return loss.at(W, slope, 1, go_on); };
  Coordinates c;
  c.d = d;
  for (std::int64_t b = 0; b < terms; ++b) c.free.push_back(b);
  Buffer<double> identity(new double[terms * terms]());
  for (int b = 0; b < terms; ++b) identity[b * terms + b] = 1;
  c.M.push_back({identity.get(), terms, terms});
  InCoordinates objective(value, c);
  Buffer<float> s(new float[pairs * size]), y(new float[pairs * size]);
  Memory memory(s.get(), y.get(), curvature.get(), pairs, size, 0);
  const auto after = [](std::int64_t, double, const std::vector<double>&) { return false; };
  Descent descent(objective, after, {15, 10, 1e-6, 0}, memory, start.get(), size);
  descent.run();
  for (std::size_t i = 1; i < descent.values.size(); ++i)
    REQUIRE(descent.values[i] <= descent.values[i - 1], "seed %llu step %d", seed, (int)i);
  if (std::isinf(descent.value)) return true;
  Buffer<double> W(new double[size]), slope(new double[size]);
  std::copy_n(descent.best.data(), size, W.get());
  const double one = loss.at(W.get(), slope.get(), 1, go_on), three = loss.at(W.get(), slope.get(), 3, go_on);
  const double allowed = 100 * d * std::numeric_limits<T>::epsilon();
  REQUIRE(std::fabs(one - three) <= allowed * (1 + std::fabs(one)), "seed %llu: %g, %g", seed, one, three);
  REQUIRE(std::fabs(one - descent.value) <= allowed * (1 + std::fabs(one)), "seed %llu: %g", seed, one);
  return true;
}

template <class T>
bool any_job(Generator& g, unsigned long long seed) {
  const int kind = pick(g, 13);
  if (kind == 12) return mean_loss_job<T>(g, seed);
  if (kind == 11) return descent_job(g, seed);
  if (kind == 10) return ensemble_job(g, seed);
  if (kind == 8) return svd_job<T>(g, seed);
  if (kind == 9) return composed_job<T>(g, seed);
  return kind == 0 ? window_job<T>(g, seed) : kind < 3 ? fused_job<T>(g, seed) : one_job<T>(g, seed);
}

#if defined(__unix__) || defined(__APPLE__)
bool forked_jobs(unsigned long long seed) {
  for (const auto last = seed + 20; seed < last; ++seed) {
    Generator g(seed);
    if (!one_job<double>(g, seed)) return false;
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(one_job<float>(g, seed) ? 0 : 1);
    }
    int status = -1;
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child && status == 0, "seed %llu, status %d", seed, status);
  }
  return true;
}
#else
bool forked_jobs(unsigned long long) { return true; }
#endif

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  unsigned long long seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1, jobs = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (;; ++seed, ++jobs) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds) break;
    Generator g(seed);
    if (!(pick(g, 2) ? any_job<float>(g, seed) : any_job<double>(g, seed))) return 1;
  }
  if (!forked_jobs(seed)) return 1;
  std::printf("%s: %llu jobs, nothing found\n", isa_name(), jobs);
  return 0;
}
