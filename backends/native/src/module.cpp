// The compiled half of eigcore_native: matrices from arrays, their eigenvalues into arrays, and the way back.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind.hpp"
#include "drive.hpp"

namespace eigcore {

void bind_ensemble(nb::module_& m);
void bind_mean_loss(nb::module_& m);
void bind_xla(nb::module_& m);

template <class A>
using Maybe = std::optional<A>;

template <class A>
auto pointer(const Maybe<A>& a) -> decltype(a->data()) {
  return a ? a->data() : nullptr;
}

// Of all jobs made from now on; tests and the benchmark set it.
Path path = Path::best;

// A rule and its source: solved once, then pulled back as often as wanted.
template <class T>
class Matrices {
  Job<T> job_;
  In<T> first_, second_;  // what the job points to
  In<std::int32_t> indices_;
  Tables<T>* tables_ = nullptr;
  std::vector<T> copy_;
  std::vector<std::uint8_t> tied_;
  bool any_tied_ = false;
  std::optional<Phi<T>> phi_;
  std::vector<T> weights_;

  Matrices(Source source, int layout, std::int64_t d, std::int64_t k) {
    if (layout < 0 || layout > 3 || d < 1 || k < 0 || k >= d) refuse("0 <= k < d and a known layout");
    job_.source = source, job_.layout = (Layout)layout, job_.d = d, job_.lo = job_.hi = k, job_.path = path;
  }

  // The caller may change its rows after the call. They are read again only where eigenvalues are tied.
  void let_go_of_rows() {
    const std::int64_t K = layout_size(job_.layout, job_.d), beside = job_.layout == Layout::pair ? job_.d - 1 : 0;
    copy_.resize(any_tied_ ? (std::size_t)(job_.count * K) : 0);
    for (std::int64_t n = 0; any_tied_ && n < job_.count; ++n) {
      std::copy_n(job_.rows + n * job_.row_stride, K - beside, copy_.data() + n * K);
      std::copy_n(job_.off + n * job_.off_stride, beside, copy_.data() + n * K + K - beside);
    }
    job_.set_rows(copy_.data());
    first_ = second_ = In<T>();
  }

 public:
  static Matrices rows(int layout, std::int64_t d, std::int64_t k, In<T> p) {
    Matrices m(Source::rows, layout, d, k);
    const std::int64_t K = layout_size(m.job_.layout, d), last = size_from_end(p, 1);
    const bool square = m.job_.layout == Layout::full && last == d && size_from_end(p, 2) == d;
    if (last != K && !square) refuse("rows of " + std::to_string(K) + " numbers for order " + std::to_string(d));
    m.job_.count = (std::int64_t)p.size() / K;
    m.job_.set_rows(p.data());
    m.first_ = std::move(p);
    return m;
  }

  static Matrices diagonals(std::int64_t d, std::int64_t k, In<T> diagonal, In<T> off) {
    Matrices m(Source::rows, (int)Layout::pair, d, k);
    const std::int64_t count = (std::int64_t)diagonal.size() / d;
    if (size_from_end(diagonal, 1) != d || (d > 1 && size_from_end(off, 1) != d - 1) ||
        (std::int64_t)off.size() != count * (d - 1))
      refuse("diagonals of " + std::to_string(d) + " numbers and subdiagonals of one less");
    m.job_.count = count;
    m.job_.rows = diagonal.data(), m.job_.row_stride = d;
    m.job_.off = off.data(), m.job_.off_stride = d - 1;
    m.first_ = std::move(diagonal), m.second_ = std::move(off);
    return m;
  }

  static Matrices pencil(int layout, std::int64_t d, std::int64_t k, In<T> params, In<T> x) {
    Matrices m(Source::pencil, layout, d, k);
    if (m.job_.layout != Layout::packed && m.job_.layout != Layout::band) refuse("a pencil of packed or band rows");
    const std::int64_t K = layout_size(m.job_.layout, d), rows = size_from_end(params, 2);
    if (rows < 1 || (std::int64_t)params.size() != rows * K || size_from_end(params, 1) != K)
      refuse("params (1, n + 1, " + std::to_string(K) + ") for order " + std::to_string(d));
    if (size_from_end(x, 1) != rows - 1) refuse("x (..., " + std::to_string(rows - 1) + ") beside params");
    m.job_.terms = rows - 1;
    m.job_.count = 1;
    for (std::size_t i = 0; i + 1 < x.ndim(); ++i) m.job_.count *= (std::int64_t)x.shape(i);
    m.job_.params = params.data(), m.job_.x = x.data();
    m.first_ = std::move(params), m.second_ = std::move(x);
    return m;
  }

  static Matrices encoded(std::int64_t d, std::int64_t k, In<std::int32_t> indices, In<T> fractions,
                          Tables<T>& tables) {
    Matrices m(Source::encoded, (int)Layout::packed, d, k);
    if (tables.row_size() != packed_size(d)) refuse("tables of matrices of order " + std::to_string(d));
    if (indices.ndim() != 2 || fractions.ndim() != 2 || indices.shape(0) != fractions.shape(0) ||
        indices.shape(1) != fractions.shape(1))
      refuse("indices and fractions of one shape (N, C)");
    bool outside = false;
    const std::int32_t* at = indices.data();
    for (std::size_t i = 0; i < indices.size(); ++i) outside |= at[i] < 0 || at[i] >= tables.rows();
    if (outside) throw nb::index_error("eigcore_native expected indices inside the tables");
    Encoded<T>& e = m.job_.encoded;
    tables.describe(e);
    e.indices = at, e.fractions = fractions.data(), e.columns = (std::int64_t)indices.shape(1);
    m.job_.count = (std::int64_t)indices.shape(0);
    m.tables_ = &tables;
    m.indices_ = std::move(indices), m.first_ = std::move(fractions);
    return m;
  }

  // From now on a function of all eigenvalues instead of lambda_k.
  void compose(int kind, std::vector<T> weights, std::int64_t pivot, T number) {
    const bool linear = kind == (int)PhiKind::jump || kind == (int)PhiKind::weighted;
    if (kind < 0 || kind > 3 || (linear && (std::int64_t)weights.size() != job_.d) || pivot < 0 || pivot >= job_.d)
      refuse("a known function, as many weights as eigenvalues, and 0 <= pivot < d");
    if (job_.source != Source::rows) refuse("rows for a function of all eigenvalues");
    weights_ = std::move(weights);
    phi_ = Phi<T>{(PhiKind)kind, nullptr, pivot, 0, number};
    job_.lo = 0, job_.hi = job_.d - 1;
  }

  // lambda_k, or phi, into values; unit eigenvectors into vectors, after which there is a pullback; the gradient by rows.
  void solve(Out<T> values, Maybe<Out<T>> vectors, Maybe<Out<T>> gradient, int threads) {
    if ((std::int64_t)values.size() != job_.count) refuse("values of the size of the batch");
    if (vectors && (std::int64_t)vectors->size() != job_.count * job_.d) refuse("vectors (..., d)");
    if (gradient && (job_.source != Source::rows ||
                     (std::int64_t)gradient->size() != job_.count * layout_size(job_.layout, job_.d)))
      refuse("a gradient like the rows");
    if (phi_ && vectors) refuse("no vectors beside a function of all eigenvalues");
    job_.values = values.data(), job_.vectors = pointer(vectors), job_.gradient = pointer(gradient);
    if (phi_) phi_->weights = weights_.data(), job_.phi = &*phi_;
    if (vectors) tied_.assign((std::size_t)job_.count, 0);
    job_.tied = vectors ? tied_.data() : nullptr;
    interruptible(threads, [&] { eigcore::solve(job_, threads, SignalCheck()); });
    any_tied_ = vectors && std::memchr(tied_.data(), 1, tied_.size());
    if (job_.source == Source::rows) let_go_of_rows();
  }

  // Cotangents: of rows; of params (or null) and x (or null); of the tables' params.
  void pullback(In<T> vectors, In<T> g, Maybe<Out<T>> first, Maybe<Out<T>> second, int threads) {
    if ((std::int64_t)vectors.size() != job_.count * job_.d || (std::int64_t)tied_.size() != job_.count)
      refuse("the vectors that solve has filled");
    if ((std::int64_t)g.size() != job_.count) refuse("g of the size of the batch");
    const std::int64_t K = layout_size(job_.layout, job_.d);
    const std::int64_t rows = job_.source == Source::rows ? job_.count : tables_ ? tables_->rows() + 1 : job_.terms + 1;
    const bool is_pencil = job_.source == Source::pencil;
    if (first ? (std::int64_t)first->size() != rows * K : !is_pencil) refuse("the first cotangent");
    if (second && (!is_pencil || (std::int64_t)second->size() != job_.count * job_.terms))
      refuse("the second cotangent");
    Pullback<T> p;
    p.job = job_, p.vectors = vectors.data(), p.g = g.data();
    p.tied = any_tied_ ? tied_.data() : nullptr;
    if (job_.source == Source::rows) p.d_rows = first->data();
    p.d_x = pointer(second);
    T* d_params = job_.source == Source::rows ? nullptr : pointer(first);
    interruptible(threads, [&] { eigcore::pullback(p, tables_, d_params, threads, SignalCheck()); });
  }

  static void bind(nb::module_& m, const char* name) {
    nb::class_<Matrices>(m, name)
        .def_static("rows", &rows, "layout"_a, "d"_a, "k"_a, "p"_a.noconvert())
        .def_static("pencil", &pencil, "layout"_a, "d"_a, "k"_a, "params"_a.noconvert(), "x"_a.noconvert())
        .def_static("encoded", &encoded, "d"_a, "k"_a, "indices"_a.noconvert(), "fractions"_a.noconvert(), "tables"_a,
                    nb::keep_alive<0, 5>())
        .def_static("diagonals", &diagonals, "d"_a, "k"_a, "diagonal"_a.noconvert(), "off"_a.noconvert())
        .def("compose", &Matrices::compose, "kind"_a, "weights"_a, "pivot"_a, "number"_a)
        .def("solve", &Matrices::solve, "values"_a.noconvert(), "vectors"_a.noconvert().none(),
             "gradient"_a.noconvert().none(), "threads"_a)
        .def("pullback", &Matrices::pullback, "vectors"_a.noconvert(), "g"_a.noconvert(), "first"_a.noconvert().none(),
             "second"_a.noconvert().none(), "threads"_a);
  }
};

// Eigenvalues lo ... hi of whole matrices, or with subdiagonals of tridiagonal ones; ascending, and orthonormal columns.
template <class T>
void eigenpairs(In<T> matrices, Maybe<In<T>> off, std::int64_t lo, std::int64_t hi, Out<T> values,
                Maybe<Out<T>> vectors, int threads) {
  const std::int64_t d = size_from_end(matrices, 1), m = hi - lo + 1;
  if (d < 1 || (!off && size_from_end(matrices, 2) != d)) refuse("matrices (..., d, d)");
  if (lo < 0 || hi < lo || hi >= d) refuse("0 <= lo <= hi < " + std::to_string(d));
  Job<T> job;
  job.layout = off ? Layout::pair : Layout::full;
  job.count = (std::int64_t)matrices.size() / (off ? d : d * d), job.d = d, job.lo = lo, job.hi = hi, job.path = path;
  if (off && ((std::int64_t)off->size() != job.count * (d - 1) || (d > 1 && size_from_end(*off, 1) != d - 1)))
    refuse("diagonals of " + std::to_string(d) + " numbers and subdiagonals of one less");
  if ((std::int64_t)values.size() != job.count * m) refuse("values (..., hi - lo + 1)");
  if (vectors && (std::int64_t)vectors->size() != job.count * d * m) refuse("vectors (..., d, hi - lo + 1)");
  job.set_rows(matrices.data());
  if (off) job.row_stride = d, job.off = off->data(), job.off_stride = d - 1;
  job.values = values.data(), job.vectors = pointer(vectors);
  interruptible(threads, [&] { eigcore::solve(job, threads, SignalCheck()); });
}

// Eigenvalues lo ... hi of rows in a layout, or the cotangent of the rows at weights g of these eigenvalues.
template <class T>
void several(int layout, std::int64_t d, std::int64_t lo, std::int64_t hi, In<T> rows, Maybe<Out<T>> values,
             Maybe<In<T>> g, Maybe<Out<T>> gradient, int threads) {
  Job<T> job;
  job.layout = (Layout)layout;
  if (layout < 0 || layout > 3 || d < 1 || lo < 0 || hi < lo || hi >= d) refuse("a known layout and 0 <= lo <= hi < d");
  const std::int64_t K = layout_size(job.layout, d), m = hi - lo + 1, count = (std::int64_t)rows.size() / K;
  if ((std::int64_t)rows.size() != count * K) refuse("rows of " + std::to_string(K) + " numbers");
  if ((values && (std::int64_t)values->size() != count * m) || (g && (std::int64_t)g->size() != count * m))
    refuse("values and g (..., hi - lo + 1)");
  if (bool(g) != bool(gradient) || (gradient && (std::int64_t)gradient->size() != count * K))
    refuse("a gradient like the rows beside g");
  job.count = count, job.d = d, job.lo = lo, job.hi = hi, job.path = path;
  job.set_rows(rows.data());
  job.values = pointer(values), job.gradient = pointer(gradient);
  Phi<T> phi{PhiKind::several, pointer(g), lo, m, T(0)};
  if (g) job.phi = &phi, job.lo = 0, job.hi = d - 1, job.values = nullptr;
  interruptible(threads, [&] { eigcore::solve(job, threads, SignalCheck()); });
}

template <class T>
void svd(In<T> X, Out<T> U, Out<T> s, Out<T> Vt, int threads) {
  Svd<T> job;
  job.m = size_from_end(X, 2), job.n = size_from_end(X, 1);
  if (job.n < 1 || job.m < job.n || job.n > job.columns) refuse("matrices (..., m, n), m >= n, n from 1 to 64");
  job.count = (std::int64_t)X.size() / (job.m * job.n);
  if (U.size() != X.size() || (std::int64_t)s.size() != job.count * job.n ||
      (std::int64_t)Vt.size() != job.count * job.n * job.n)
    refuse("U (..., m, n), s (..., n) and Vt (..., n, n)");
  job.X = X.data(), job.U = U.data(), job.s = s.data(), job.Vt = Vt.data();
  interruptible(threads, [&] { eigcore::svd(job, threads, SignalCheck()); });
}

template <class T>
void bind_tables(nb::module_& m, const char* name) {
  using Runs = typename Tables<T>::Runs;
  nb::class_<Tables<T>>(m, name)
      .def(
          "__init__",
          [](Tables<T>* self, In<T> params, Runs runs) {
            if (params.ndim() != 2 || params.shape(0) < 1) refuse("params (1, terms + 1, K)");
            const auto rows = (std::int64_t)params.shape(0) - 1;
            for (const auto& [first, end] : runs)
              if (first < 0 || first >= end || end > rows)
                throw nb::index_error("eigcore_native expected runs (first, end) with 0 <= first < end <= terms");
            new (self) Tables<T>(params.data(), rows, (std::int64_t)params.shape(1), std::move(runs));
          },
          "params"_a.noconvert(), "runs"_a)
      .def_prop_ro("shape", [](const Tables<T>& t) { return nb::make_tuple(1, t.rows() + 1, t.row_size()); });
}

template <class T>
bool all_finite(In<T> a) {
  const T* x = a.data();
  bool finite = true;
  for (std::size_t i = 0, n = a.size(); i < n; ++i) finite &= x[i] - x[i] == 0;
  return finite;
}

template <class T>
void bind_batches(nb::module_& m) {
  m.def("eigenpairs", &eigenpairs<T>, "matrices"_a.noconvert(), "off"_a.noconvert().none(), "lo"_a, "hi"_a,
        "values"_a.noconvert(), "vectors"_a.noconvert().none(), "threads"_a);
  m.def("several", &several<T>, "layout"_a, "d"_a, "lo"_a, "hi"_a, "rows"_a.noconvert(),
        "values"_a.noconvert().none(), "g"_a.noconvert().none(), "gradient"_a.noconvert().none(), "threads"_a);
  m.def("svd", &svd<T>, "X"_a.noconvert(), "U"_a.noconvert(), "s"_a.noconvert(), "Vt"_a.noconvert(),
        "threads"_a);
  m.def("all_finite", &all_finite<T>);
}

template <class T>
std::int64_t multiply_adds(std::int64_t steps) {
  volatile double result = kernels<T>().multiply_add_loop(steps);
  (void)result;
  return 12 * kernels<T>().width * steps;
}

}  // namespace eigcore

NB_MODULE(_core, m) {
  using namespace eigcore;
  nb::set_leak_warnings(false);  // at exit a thread that waits, or a cache of other code, may hold one
  if (!isa_wish_is_known())
    throw nb::import_error(
        "EIGCORE_NATIVE_ISA should be baseline, avx2, avx512, avx512-half or avx512-full. Unset it to take the best of "
        "the machine.");
  m.attr("isa") = isa_name();
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&Lock::close));
  m.def("register_bytes", &register_bytes);
  m.def("take_at_most", [](int cores) { most_cores = cores; }, "cores"_a);
  m.def("take_path", [](const std::string& name) {
    path = name == "full" ? Path::full : name == "one_precision" ? Path::one_precision : Path::best;
  });
  m.def("multiply_adds", [](const std::string& dtype, std::int64_t steps) {
    return dtype == "float32" ? multiply_adds<float>(steps) : multiply_adds<double>(steps);
  });
  bind_batches<float>(m);
  bind_batches<double>(m);
  Matrices<float>::bind(m, "Matrices32");
  Matrices<double>::bind(m, "Matrices64");
  bind_tables<float>(m, "Tables32");
  bind_tables<double>(m, "Tables64");
  bind_ensemble(m);
  bind_mean_loss(m);
#ifdef EIGCORE_XLA
  bind_xla(m);
#else
  m.attr("xla_handlers") = nb::dict();
#endif
}
