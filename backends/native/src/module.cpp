// The compiled half of eigcore_native: arrays in, arrays filled. Shapes, dtypes and layout are made right by the Python
// half.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <cstring>

#include "drive.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace eigcore {

void bind_xla(nb::module_& m);

template <class T>
using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
template <class A>
using Maybe = std::optional<A>;

template <class A>
auto pointer(const Maybe<A>& a) -> decltype(a->data()) {
  return a ? a->data() : nullptr;
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

template <class T>
void bind_solve(nb::module_& m) {
  m.def(
      "solve",
      [](int source, std::int64_t count, std::int64_t d, std::int64_t lo, std::int64_t hi, Maybe<In<T>> matrix,
         Maybe<In<T>> off, Maybe<In<T>> x, Maybe<In<T>> params, std::int64_t terms, bool tridiagonal_params,
         Maybe<Out<T>> values, Maybe<Out<T>> vectors, Maybe<Out<T>> gradient, Maybe<Out<std::uint8_t>> tied,
         int threads, bool force_full) {
        Job<T> job;
        job.source = (Source)source;
        job.count = count, job.d = d, job.lo = lo, job.hi = hi;
        job.matrix = pointer(matrix), job.off = pointer(off), job.x = pointer(x), job.params = pointer(params);
        job.terms = terms, job.tridiagonal_params = tridiagonal_params;
        job.values = pointer(values), job.vectors = pointer(vectors), job.gradient = pointer(gradient);
        job.tied = pointer(tied);
        job.force_full = force_full;
        interruptible([&] { solve(job, threads, SignalCheck()); });
        return job.tied && std::memchr(job.tied, 1, (std::size_t)count);  // whether a value is tied
      },
      "source"_a, "count"_a, "d"_a, "lo"_a, "hi"_a, "matrix"_a.none(), "off"_a.none(), "x"_a.none(), "params"_a.none(),
      "terms"_a, "tridiagonal_params"_a, "values"_a.none(), "vectors"_a.none(), "gradient"_a.none(),
      "tied"_a.none(), "threads"_a, "force_full"_a = false);
}

template <class T>
void bind_pullback(nb::module_& m) {
  m.def(
      "pencil_pullback",
      [](std::int64_t count, std::int64_t d, std::int64_t terms, bool tridiagonal_params, In<T> x, Maybe<In<T>> params,
         In<T> vectors, In<T> g, Maybe<Out<T>> d_x, Out<T> d_params, int threads) {
        PencilPullback<T> p;
        p.d = d, p.terms = terms, p.tridiagonal_params = tridiagonal_params;
        p.x = x.data(), p.vectors = vectors.data(), p.g = g.data(), p.d_x = pointer(d_x);
        const T* a = pointer(params);
        T* out = d_params.data();
        interruptible([&] { pencil_pullback(p, count, a, out, threads, SignalCheck()); });
      },
      "count"_a, "d"_a, "terms"_a, "tridiagonal_params"_a, "x"_a, "params"_a.none(), "vectors"_a, "g"_a, "d_x"_a.none(),
      "d_params"_a, "threads"_a);
}

template <class T>
void bind_value_pullback(nb::module_& m) {
  m.def(
      "value_pullback",
      [](int layout, std::int64_t count, std::int64_t d, In<T> vectors, In<T> g, Out<T> out, int threads) {
        ValuePullback<T> p;
        p.layout = (Layout)layout, p.d = d;
        p.vectors = vectors.data(), p.g = g.data(), p.out = out.data();
        interruptible([&] { value_pullback(p, count, threads, SignalCheck()); });
      },
      "layout"_a, "count"_a, "d"_a, "vectors"_a, "g"_a, "out"_a, "threads"_a);
}

template <class T>
void bind_all_finite(nb::module_& m) {
  m.def("all_finite", [](In<T> a) {
    const T* x = a.data();
    bool finite = true;
    for (std::size_t i = 0, n = a.size(); i < n; ++i) finite &= x[i] - x[i] == 0;
    return finite;
  });
}

template <class T>
void bind_prefix(nb::module_& m) {
  // In each run of rows first ... end - 1: out[r] = sum of the rows before r.
  m.def("prefix", [](In<T> table, In<std::int64_t> runs, Out<T> out) {
    const std::int64_t width = table.shape(1);
    std::memset(out.data(), 0, out.size() * sizeof(T));
    for (std::size_t i = 0; i < runs.shape(0); ++i) {
      const std::int64_t first = runs.data()[2 * i] * width, last = (runs.data()[2 * i + 1] - 1) * width;
      for (std::int64_t at = first; at < last; ++at) out.data()[at + width] = out.data()[at] + table.data()[at];
    }
  });
  // Its transpose, added: out[r] += sum of the rows after r. Overwrites the table.
  m.def("prefix_transposed", [](Out<T> table, In<std::int64_t> runs, Out<T> out) {
    const std::int64_t width = table.shape(1);
    for (std::size_t i = 0; i < runs.shape(0); ++i) {
      const std::int64_t first = runs.data()[2 * i] * width, last = (runs.data()[2 * i + 1] - 1) * width;
      for (std::int64_t at = last - 1; at >= first; --at) {
        out.data()[at] += table.data()[at + width];
        table.data()[at] += table.data()[at + width];
      }
    }
  });
}

template <class T>
Job<T> encoded_job(std::int64_t d, std::int64_t k, const In<std::int32_t>& rows, const In<T>& fractions,
                   const In<T>& step) {
  Job<T> job;
  job.source = Source::encoded;
  job.count = (std::int64_t)rows.shape(0), job.d = d, job.lo = job.hi = k;
  Encoded<T>& e = job.encoded;
  e.rows = rows.data(), e.fractions = fractions.data();
  e.columns = (std::int64_t)rows.shape(1), e.table_rows = (std::int64_t)step.shape(0);
  bool outside = false;
  for (std::size_t i = 0; i < rows.size(); ++i) outside |= e.rows[i] < 0 || e.rows[i] >= e.table_rows;
  if (outside) throw nb::index_error("indices point outside the tables");
  return job;
}

template <class T>
void bind_encoded(nb::module_& m) {
  m.def(
      "encoded_solve",
      [](std::int64_t d, std::int64_t k, In<std::int32_t> rows, In<T> fractions, In<T> base, In<T> start, In<T> step,
         Out<T> values, Maybe<Out<T>> vectors, Maybe<Out<std::uint8_t>> tied, int threads) {
        Job<T> job = encoded_job<T>(d, k, rows, fractions, step);
        job.values = values.data(), job.vectors = pointer(vectors), job.tied = pointer(tied);
        const T *b = base.data(), *s = start.data(), *t = step.data();
        interruptible([&] { encoded_solve(job, b, s, t, threads, SignalCheck()); });
        return job.tied && std::memchr(job.tied, 1, (std::size_t)job.count);  // whether a value is tied
      },
      "d"_a, "k"_a, "rows"_a, "fractions"_a, "base"_a, "start"_a, "step"_a, "values"_a, "vectors"_a.none(),
      "tied"_a.none(), "threads"_a);
  m.def(
      "encoded_pullback",
      [](std::int64_t d, std::int64_t k, In<std::int32_t> rows, In<T> fractions, In<T> base, In<T> start, In<T> step,
         Maybe<In<T>> vectors, In<T> g, Out<T> d_base, Out<T> d_start, Out<T> d_step, int threads) {
        EncodedPass<T> p;
        p.job = encoded_job<T>(d, k, rows, fractions, step);
        p.vectors = pointer(vectors), p.g = g.data();
        const T *b = base.data(), *s = start.data(), *t = step.data();
        T *db = d_base.data(), *ds = d_start.data(), *dt = d_step.data();
        interruptible([&] { encoded_pullback(p, b, s, t, db, ds, dt, threads, SignalCheck()); });
      },
      "d"_a, "k"_a, "rows"_a, "fractions"_a, "base"_a, "start"_a, "step"_a, "vectors"_a.none(), "g"_a, "d_base"_a,
      "d_start"_a, "d_step"_a, "threads"_a);
}

}  // namespace eigcore

NB_MODULE(_core, m) {
  m.attr("isa") = eigcore::isa_name();
  m.def("available_cores", &eigcore::available_cores);
  m.def("packed_position", [](std::int64_t i, std::int64_t j) { return eigcore::packed_position(i, j); });
  m.def("multiply_add_loop", [](const std::string& dtype, std::int64_t steps) {
    return dtype == "float32" ? eigcore::kernels<float>().multiply_add_loop(steps)
                              : eigcore::kernels<double>().multiply_add_loop(steps);
  });
  m.def("register_width", [](const std::string& dtype) {
    return dtype == "float32" ? eigcore::kernels<float>().width : eigcore::kernels<double>().width;
  });
  eigcore::bind_solve<float>(m);
  eigcore::bind_solve<double>(m);
  eigcore::bind_pullback<float>(m);
  eigcore::bind_pullback<double>(m);
  eigcore::bind_value_pullback<float>(m);
  eigcore::bind_value_pullback<double>(m);
  eigcore::bind_all_finite<float>(m);
  eigcore::bind_all_finite<double>(m);
  eigcore::bind_prefix<float>(m);
  eigcore::bind_prefix<double>(m);
  eigcore::bind_encoded<float>(m);
  eigcore::bind_encoded<double>(m);
#ifdef EIGCORE_XLA
  eigcore::bind_xla(m);
#else
  m.attr("xla_handlers") = nb::dict();
#endif
}
