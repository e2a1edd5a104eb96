// One eigenpair in double precision from a reduction in single precision, which takes half the time. A = Q T Q^T + E
// with |E| = e of the order of eps_float |A|; the pair (mu, z) of T is refined by
//   r = A x - theta x in double,   x <- x - Q (T - mu)^+ Q^T r in single precision,   theta the Rayleigh quotient,
// which gains a factor e / gap a step, two steps for most matrices (Dongarra, Moler & Wilkinson 1983, SIAM J. Numer.
// Anal. 20, refine a pair in this way). What comes out is certified:
//   - the residual is measured in double precision, or, after the last step, bounded by what that step left;
//   - T has one eigenvalue, the k-th, within s = 32 d eps_float |T| of mu, and e <= s / 2; so, by Weyl's inequality,
//     has A within s / 2; theta is within s / 4. This also proves that there is no tie.
// Lanes that fail, because the gap is small or a number is out of range, are solved in double precision throughout.
#pragma once
#include "precision.hpp"
#include "solve.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// y = A x for the packed lower triangle a, two rows together.
template <class T, int U>
void multiply(index d, const Pack<T, U>* a, const Pack<T, U>* x, Pack<T, U>* y) {
  using P = Pack<T, U>;
  const P zero(T(0));
  index i = 0;
  for (; i + 1 < d; i += 2) {
    const P *first = a + packed_position(i, 0), *second = a + packed_position(i + 1, 0);
    const P x0 = x[i], x1 = x[i + 1];
    P y0 = zero, y1 = zero;
    for (index j = 0; j < i; ++j) {
      const P p = first[j], q = second[j], xj = x[j];
      y0 = y0 + p * xj;
      y1 = y1 + q * xj;
      y[j] = (y[j] + p * x0) + q * x1;
    }
    y[i] = (y0 + first[i] * x0) + second[i] * x1;
    y[i + 1] = (y1 + second[i] * x0) + second[i + 1] * x1;
  }
  if (i < d) {
    const P *row = a + packed_position(i, 0), xi = x[i];
    P yi = zero;
    for (index j = 0; j < i; ++j) {
      yi = yi + row[j] * x[j];
      y[j] = y[j] + row[j] * xi;
    }
    y[i] = yi + row[i] * xi;
  }
}

struct Mixed : Solver<double, 2> {
  using Pair = Solver<double, 2>;
  using D = Pack<double, 2>;
  using S = Pack<float, 1>;
  using DoubleMask = Mask<double, 2>;
  using FloatMask = Mask<float, 1>;
  static constexpr index from = 24;  // measured: a tenth faster here, more above
  static constexpr int corrections = 4;
  static constexpr double negligible = 0x1p-30;  // a step that changes the Rayleigh quotient by less than its rounding

  Job<float> low_job;
  Expected<float> low_expected;
  Tile<float, 1> low;
  S *residual, *coupling, *inverse_pivot;
  S mu, separation, twist;

  static bool suits(const Job<double>& job) {
    return job.d >= from && job.window() == 1 && job.path == Path::best && !is_tridiagonal(job.layout) &&
           job.count > Pack<double, 1>::lanes;
  }

  static Job<float> low_job_of(const Job<double>& job) {
    Job<float> low;
    low.layout = Layout::packed;
    low.count = Pack<float, 1>::lanes;
    low.d = job.d;
    low.lo = low.hi = job.lo;
    return low;
  }

  static std::size_t bytes(const Job<double>& job) {
    return Pair::bytes(job) + Tile<float, 1>::bytes(low_job_of(job)) + (std::size_t)(3 * job.d) * sizeof(S) + 128;
  }

  Mixed(const Job<double>& j, void* workspace)
      : Pair(j, workspace), low_job(low_job_of(j)), low(low_job, aligned((char*)workspace + Pair::bytes(j))) {
    low_expected = {(float)j.expected->quantile, (float)j.expected->spacing};
    low_job.expected = &low_expected;
    residual =
        reinterpret_cast<S*>(aligned(aligned((char*)workspace + Pair::bytes(j)) + Tile<float, 1>::bytes(low_job)));
    coupling = residual + j.d, inverse_pivot = coupling + j.d;
  }

  static char* aligned(char* p) { return reinterpret_cast<char*>(((std::uintptr_t)p + 63) / 64 * 64); }

  // Loads the tile into a and, times `scale`, in single precision into low.a. Returns the lanes that can be used.
  DoubleMask load(D& scale) {
    const D one(1.0);
    D size = this->load_input(this->first, this->valid, one) * D(1.0 / (double)d);
    const DoubleMask usable = (size >= D(Real<double>::smallest_safe)) & (size <= D(Real<double>::largest_safe));
    size = select(usable, size, one);
    scale = select(usable, inverse_power_of_two(size), D(0.0));
    for (index c = 0; c < packed_size(d); ++c) low.a[c] = narrow(a[c] * scale);
    const S low_size = narrow(size * scale);
    low.tiny2 = low_size * low_size * S(Real<float>::negligible2);
    low.unscale = S(1.0f);
    return usable;
  }

  // T, its pair (mu, low.z), and the twisted factors of T - mu. Returns the lanes in which no other eigenvalue of T is
  // within `separation`.
  FloatMask reduced_pair(const FloatMask& usable) {
    low.bad = ~usable;
    low.reduce(this->valid);
    separation = low.t.bound * S(32.0f * (float)d * Real<float>::eps);
    low.t.tau = separation;
    FloatMask failed;
    const FloatMask close = low.root(0, mu, failed);
    S quotient = mu, r(0.0f);
    twisted_vector<float, 1>(low.t, quotient, low.z, low.scratch, &twist);
    const S *up = low.scratch, *down = low.scratch + d, zero(0.0f), tiny(Real<float>::eps * Real<float>::eps);
    for (index i = 0; i < d; ++i, r = r + S(1.0f)) {
      const FloatMask before = r < twist;
      const FloatMask after = r > twist;
      const S entry = low.t.a[i] - mu;
      const S top = i > 0 ? entry - low.t.b[i - 1] * up[i - 1] : entry;
      const S bottom = i + 1 < d ? entry - low.t.b[i] * down[i + 1] : entry;
      const S pivot = select(before, top, bottom);
      inverse_pivot[i] = S(1.0f) / select(abs(pivot) < tiny, copysign(tiny, pivot), pivot);
      coupling[i] = i + 1 < d ? select(before, up[i], zero) : zero;
      if (i > 0) coupling[i] = select(after, down[i], coupling[i]);
    }
    return ~(close | failed | low.bad | low.zero_matrix);
  }

  void remove_vector(S* u) const {
    S dot(0.0f);
    for (index i = 0; i < d; ++i) dot = dot + low.z[i] * u[i];
    for (index i = 0; i < d; ++i) u[i] = u[i] - dot * low.z[i];
  }

  // u <- (T - mu)^+ u for u orthogonal to z. With its entry `twist` zero the solution of the twisted factors does not
  // meet the small pivot, and is right but for a multiple of z.
  void solve_factored(S* u) const {
    const S zero(0.0f), one(1.0f), last((float)(d - 1));
    S top = zero, bottom = zero, r = zero, q = last;
    for (index i = 0, j = d - 1; i < d; ++i, --j, r = r + one, q = q - one) {
      const FloatMask before = r < twist;
      const FloatMask after = q > twist;
      top = select(before, i > 0 ? u[i] - coupling[i - 1] * top : u[i], zero);
      u[i] = select(before, top, u[i]);
      bottom = select(after, j + 1 < d ? u[j] - coupling[j + 1] * bottom : u[j], zero);
      u[j] = select(after, bottom, u[j]);
    }
    top = bottom = r = zero;
    q = last;
    for (index i = 0, j = d - 1; i < d; ++i, --j, r = r + one, q = q - one) {
      const FloatMask after = r > twist, before = q < twist;
      bottom = select(after, u[i] * inverse_pivot[i] - coupling[i] * bottom, zero);
      u[i] = select(after, bottom, select(r == twist, zero, u[i]));
      top = select(before, u[j] * inverse_pivot[j] - coupling[j] * top, zero);
      u[j] = select(before, top, u[j]);
    }
    remove_vector(u);
  }

  // u <- Q (T - mu)^+ Q^T u; size: its length, defect: how far Q (T - mu) Q^T times it is from the given u, whose part
  // along z nothing can be done about.
  void correct(S* u, S& size, S& defect) const {
    S* const goal = low.z + d;
    forward_transform<float, 1>(d, low.a, low.inverse_h, u);
    for (index i = 0; i < d; ++i) goal[i] = u[i];
    remove_vector(u);
    solve_factored(u);
    size = defect = S(0.0f);
    for (index i = 0; i < d; ++i) {
      S e = (low.t.a[i] - mu) * u[i] - goal[i];
      if (i > 0) e = e + low.t.b[i - 1] * u[i - 1];
      if (i + 1 < d) e = e + low.t.b[i] * u[i + 1];
      size = size + u[i] * u[i];
      defect = defect + e * e;
    }
    size = sqrt(size);
    defect = sqrt(defect);
    back_transform<float, 1>(d, low.a, low.inverse_h, u);
  }

  void solve(index first_, int valid_, bool vectors, bool ties) {
    this->first = first_;
    this->valid = valid_;
    const D one(1.0), zero(0.0);
    D scale;
    const DoubleMask usable = load(scale), alone = widen(reduced_pair(narrow(usable)));
    D *x = z + d, *y = this->scratch;
    for (index i = 0; i < d; ++i) residual[i] = low.z[i];
    back_transform<float, 1>(d, low.a, low.inverse_h, residual);
    for (index i = 0; i < d; ++i) x[i] = widen(residual[i]);

    // T is in units of A * to_t.
    const D to_t = select(alone, scale / widen(low.unscale_t), one), bound = widen(low.t.bound);
    const D accept = bound * D((double)d * Real<double>::eps);
    D theta = zero;
    DoubleMask good = no_lanes<double, 2>(), open = alone;
    for (int round = 0; any(open); ++round) {
      multiply<double, 2>(d, a, x, y);
      D xx = zero, xy = zero, rr = zero;
      for (index i = 0; i < d; ++i) {
        xx = xx + x[i] * x[i];
        xy = xy + x[i] * y[i];
      }
      theta = select(open, xy / xx, theta);
      for (index i = 0; i < d; ++i) {
        y[i] = y[i] - theta * x[i];
        rr = rr + y[i] * y[i];
      }
      const D length = sqrt(rr) * to_t;
      const DoubleMask near = abs(theta * to_t - widen(mu)) <= widen(separation) * D(0.25);
      DoubleMask fine = open & near & (length * length <= accept * accept * xx);
      good = good | fine;
      open = open & near & ~fine;
      if (!any(open) || round == corrections) break;
      const D inverse = select(open, to_t / length, zero);
      for (index i = 0; i < d; ++i) residual[i] = narrow(y[i] * inverse);
      S size, defect;
      correct(residual, size, defect);
      for (index i = 0; i < d; ++i) x[i] = select(open, x[i] - length * widen(residual[i]), x[i]);
      // What is left is the defect, and at most |A - theta - Q (T - mu) Q^T| <= s / 2 + s / 4 times the step; the last
      // s / 4 is for the rounding of Q.
      const D step = length * widen(size);
      fine = open & (step <= D(negligible)) & (length * widen(defect) + step * widen(separation) <= D(0.5) * accept);
      good = good | fine;
      open = open & ~fine;
    }
    if (any(~good)) {
      Pair::solve(first_, valid_, vectors, ties);
    } else {
      this->bad = no_lanes<double, 2>();
      this->clear_ties();
    }
    this->value = select(good, theta, this->value);
    if (job.values) this->write_values(0);
    if (!vectors) return;
    D xx = zero;
    for (index i = 0; i < d; ++i) xx = xx + x[i] * x[i];
    const D inverse_length = one / sqrt(xx);
    for (index i = 0; i < d; ++i) z[i] = select(good, x[i] * inverse_length, z[i]);
  }
};

}  // namespace EIGCORE_ISA
}  // namespace eigcore
