// The Python classes of the mean loss of encoded rows, and of descents on it.
#include "mean_loss.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <mutex>

#include "bind.hpp"
#include "coordinates.hpp"
#include "descent.hpp"

namespace eigcore {

using Numbers = In<double>;
using MaybeNumbers = std::optional<Numbers>;

const double* numbers(const MaybeNumbers& a, std::int64_t size, const char* what) {
  if (a && (std::int64_t)a->size() != size) refuse(std::string(what) + " of " + std::to_string(size) + " numbers");
  return a ? a->data() : nullptr;
}

// Tells a Python function of a step, and asks it whether to stop; Ctrl-C inside it is Ctrl-C of the descent.
class Listener {
  nb::handle function_;
  Out<double>& point_;

 public:
  Listener(nb::handle function, Out<double>& point) : function_(function), point_(point) {}
  bool operator()(std::int64_t step, double value, const std::vector<double>& x) const {
    if (function_.is_none()) return false;
    std::copy(x.begin(), x.end(), point_.data());
    const Locked locked;
    try {
      const int stop = PyObject_IsTrue(nb::object(function_(step, value)).ptr());
      if (stop < 0) nb::raise_python_error();
      return stop == 1;
    } catch (nb::python_error& error) {
      if (!error.matches(PyExc_KeyboardInterrupt)) throw;
    }
    throw Interrupted{};
  }
};

// Of an error that a signal's handler has left: nothing if it is Ctrl-C.
inline void forget_interrupt() {
  if (!PyErr_Occurred()) return;
  nb::python_error error;
  if (!error.matches(PyExc_KeyboardInterrupt)) throw error;
}

template <class T>
class Descended {
  In<std::int32_t> indices_;
  In<T> fractions_;
  std::vector<MaybeNumbers> kept_;
  std::optional<MeanLoss<T>> loss_;
  std::mutex one_at_a_time_;
  std::int64_t order_;

  struct At {
    Descended* self;
    int threads;
    SignalCheck* check;
    double operator()(const double* matrices, double* slope) const {
      const std::lock_guard<std::mutex> guard(self->one_at_a_time_);
      return self->loss_->at(matrices, slope, threads, [this] { return (*check)(); });
    }
  };

  Coordinates coordinates(const std::vector<Numbers>& factors, const std::vector<std::int64_t>& free,
                          const std::vector<std::int64_t>& semidefinite, const std::vector<Numbers>& join) const {
    const auto along = [](const std::vector<Numbers>& all) {
      std::vector<Coordinates::Matrix> found;
      for (const Numbers& each : all) {
        if (each.ndim() != 2) refuse("matrices along the diagonals");
        found.push_back({each.data(), (std::int64_t)each.shape(0), (std::int64_t)each.shape(1)});
      }
      return found;
    };
    Coordinates c{order_, along(factors), along(join), free, semidefinite};
    std::int64_t sizes[3] = {0, 0, 0};
    for (const auto& each : c.M) sizes[0] += each.rows, sizes[1] += each.columns;
    for (const auto& each : c.J) sizes[2] += each.columns;
    if (sizes[0] != sizes[1] || sizes[0] != (std::int64_t)free.size()) refuse("square factors of the free blocks");
    if (!c.J.empty() && sizes[2] != c.blocks()) refuse("one column of the join per block");
    if (c.terms() != loss_->terms()) refuse("coordinates of " + std::to_string(loss_->terms()) + " terms");
    std::vector<bool> seen((std::size_t)c.blocks());
    for (const auto* blocks : {&free, &semidefinite})
      for (const std::int64_t block : *blocks) {
        if (block < 0 || block >= c.blocks() || seen[(std::size_t)block]) refuse("each block once");
        seen[(std::size_t)block] = true;
      }
    return c;
  }

 public:
  Descended(std::int64_t d, std::int64_t k, In<std::int32_t> indices, In<T> fractions,
            const typename Tables<T>::Runs& runs, int loss, Numbers target, MaybeNumbers share, MaybeNumbers offset,
            Numbers mean, Numbers deviation, double penalty, MaybeNumbers left, MaybeNumbers right)
      : indices_(indices), fractions_(fractions), order_(d) {
    const auto terms = (std::int64_t)mean.size();
    if (d < 2 || k < 0 || k >= d) refuse("0 <= k < d");
    if (loss < 0 || loss > 1) refuse("a known loss");
    if (indices.ndim() != 2 || fractions.ndim() != 2 || indices.shape(0) != fractions.shape(0) ||
        indices.shape(1) != fractions.shape(1) || indices.shape(0) < 1)
      refuse("indices and fractions of one shape (N, C)");
    if (left.has_value() != right.has_value()) refuse("both sides of the jumps, or none");
    for (const auto& [first, end] : runs)
      if (first < 0 || first >= end || end > terms)
        throw nb::index_error("eigcore_native expected runs (first, end) with 0 <= first < end <= terms");
    bool outside = false;
    for (std::size_t i = 0; i < indices.size(); ++i) outside |= indices.data()[i] < 0 || indices.data()[i] >= terms;
    if (outside) throw nb::index_error("eigcore_native expected indices inside the terms");
    Job<T> job;
    job.source = Source::encoded, job.layout = Layout::packed;
    job.count = (std::int64_t)indices.shape(0), job.d = d, job.lo = job.hi = k;
    job.encoded.indices = indices_.data(), job.encoded.fractions = fractions_.data();
    job.encoded.columns = (std::int64_t)indices.shape(1);
    kept_ = {target, share, offset, mean, deviation, left, right};
    MeanLossTask task;
    task.loss = (LossKind)loss, task.penalty = penalty;
    task.target = numbers(kept_[0], job.count, "targets");
    task.share = numbers(kept_[1], job.count, "shares");
    task.offset = numbers(kept_[2], job.count, "offsets");
    task.mean = numbers(kept_[3], terms, "means");
    task.deviation = numbers(kept_[4], terms, "deviations");
    task.left = numbers(kept_[5], std::max<std::int64_t>(terms - 1, 0), "left factors");
    task.right = numbers(kept_[6], std::max<std::int64_t>(terms - 1, 0), "right factors");
    loss_.emplace(job, terms, runs, task);
  }

  double at(Numbers matrices, Out<double> slope, int threads) {
    if ((std::int64_t)matrices.size() != loss_->size() || slope.size() != matrices.size())
      refuse("matrices and slope (terms + 1, K)");
    double value = 0;
    interruptible(threads, [&] {
      const std::lock_guard<std::mutex> guard(one_at_a_time_);
      value = loss_->at(matrices.data(), slope.data(), threads, SignalCheck());
    });
    return value;
  }

  // From the vector `point`, which becomes the best one. s, y (size, n), curvature (size): the pairs that are remembered,
  // of which `added` were ever added. Returns value, evaluations, reason, the value after each step, and added.
  nb::tuple descend(const std::vector<Numbers>& factors, const std::vector<std::int64_t>& free,
                    const std::vector<std::int64_t>& semidefinite, const std::vector<Numbers>& join, Out<double> point, Out<float> s, Out<float> y,
                    Out<double> curvature, std::int64_t added, std::int64_t steps, std::int64_t window,
                    double gradient_tol, double decrease_tol, nb::object after, int threads) {
    SignalCheck check;
    const At at{this, threads, &check};
    Coordinates own = coordinates(factors, free, semidefinite, join);
    const std::int64_t n = own.size(), size = (std::int64_t)curvature.size();
    if ((std::int64_t)point.size() != n || s.size() != (std::size_t)(size * n) || y.size() != s.size())
      refuse("a vector of " + std::to_string(n) + " numbers, and pairs of its size");
    if (added < 0 || window < 0) refuse("added, window >= 0");
    if (added > 0 && size == 0) refuse("room for the pairs that were added");
    Memory memory(s.data(), y.data(), curvature.data(), size, n, added);
    InCoordinates objective(at, std::move(own));
    Descent descent(objective, Listener(after, point), {steps, window, gradient_tol, decrease_tol}, memory, point.data(), n);
    Reason reason{};
    interruptible(threads, [&] { reason = descent.run(); });
    forget_interrupt();
    std::copy(descent.best.begin(), descent.best.end(), point.data());
    return nb::make_tuple(descent.value, descent.evaluations, (int)reason, descent.values, memory.added());
  }

  static void bind(nb::module_& m, const char* name) {
    nb::class_<Descended>(m, name)
        .def(nb::init<std::int64_t, std::int64_t, In<std::int32_t>, In<T>, const typename Tables<T>::Runs&, int, Numbers,
                      MaybeNumbers, MaybeNumbers, Numbers, Numbers, double, MaybeNumbers, MaybeNumbers>(),
             "d"_a, "k"_a, "indices"_a.noconvert(), "fractions"_a.noconvert(), "runs"_a, "loss"_a,
             "target"_a.noconvert(), "share"_a.noconvert().none(), "offset"_a.noconvert().none(),
             "mean"_a.noconvert(), "deviation"_a.noconvert(), "penalty"_a, "left"_a.noconvert().none(),
             "right"_a.noconvert().none())
        .def("at", &Descended::at, "matrices"_a.noconvert(), "slope"_a.noconvert(), "threads"_a)
        .def("descend", &Descended::descend, "factors"_a, "free"_a, "semidefinite"_a, "join"_a, "point"_a.noconvert(), "s"_a.noconvert(), "y"_a.noconvert(),
             "curvature"_a.noconvert(), "added"_a, "steps"_a, "window"_a, "gradient_tol"_a, "decrease_tol"_a,
             "after"_a.none(), "threads"_a);
  }
};

void bind_mean_loss(nb::module_& m) {
  Descended<float>::bind(m, "MeanLoss32");
  Descended<double>::bind(m, "MeanLoss64");
}

}  // namespace eigcore
