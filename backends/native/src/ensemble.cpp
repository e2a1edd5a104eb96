// The Python class of a whole model: cells in, a weighted sum of eigenvalues out.
#include "ensemble.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>

#include "bind.hpp"

namespace eigcore {

// kind, first term, terms, shift, missing, knots; then the columns, weights and centers of a sum.
using PartTuple = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool, std::vector<double>,
                             std::vector<std::int64_t>, std::vector<double>, std::vector<double>>;

Part part_of(const PartTuple& given, std::int64_t columns, std::int64_t terms) {
  const auto& [kind, first, count, shift, missing, knots, summed, weights, centers] = given;
  if (kind < 0 || kind > 2 || first < 0 || count < 1 + missing || first + count > terms || shift < 0 || shift > 1)
    refuse("parts of known kinds inside the terms");
  if (kind == (std::int64_t)Kind::levels && knots.size() != 2) refuse("the range of the codes of levels");
  if (summed.size() != weights.size() || summed.size() != centers.size()) refuse("a weight and a center per column");
  for (const std::int64_t j : summed)
    if (j < 0 || j >= columns) throw nb::index_error("eigcore_native expected sums of the columns");
  return {(Kind)kind, first, count, shift, missing, knots, summed, weights, centers};
}

Cells cells_of(std::int64_t columns, const std::vector<PartTuple>& parts, const In<double>& terms) {
  if (terms.ndim() != 2 || terms.shape(1) != 6) refuse("six numbers for each term");
  if (columns < 0 || (std::int64_t)parts.size() < columns) refuse("a part for each column");
  std::vector<Part> known;
  for (const PartTuple& each : parts) known.push_back(part_of(each, columns, (std::int64_t)terms.shape(0)));
  std::vector<Term> values;
  for (std::size_t i = 0; i < terms.shape(0); ++i) {
    const double* t = terms.data() + 6 * i;
    values.push_back({t[0] != 0, t[1], t[2], t[3], t[4], t[5]});
  }
  return Cells(columns, std::move(known), std::move(values));
}

void add(Ensemble& self, In<double> params, typename Tables<double>::Runs runs, std::int64_t d, std::int64_t k,
         std::int64_t output, double weight) {
  const std::int64_t rows = self.cells().terms();
  if (d < 2 || k < 0 || k >= d || output < 0 || output >= self.outputs()) refuse("0 <= k < d and a known output");
  if (params.ndim() != 2 || (std::int64_t)params.shape(0) != rows + 1 ||
      (std::int64_t)params.shape(1) != packed_size(d))
    refuse("params (terms + 1, K) for order " + std::to_string(d));
  for (const auto& [first, end] : runs)
    if (first < 0 || first >= end || end > rows)
      throw nb::index_error("eigcore_native expected runs (first, end) with 0 <= first < end <= terms");
  self.add({params.data(), rows, packed_size(d), std::move(runs), Tables<double>::tight(d)}, d, k, output, weight);
}

bool sum(Ensemble& self, In<double> numbers, Out<double> sums, int threads) {
  if (numbers.ndim() != 2 || (std::int64_t)numbers.shape(1) != self.cells().columns()) refuse("numbers (N, columns)");
  const auto rows = (std::int64_t)numbers.shape(0);
  if ((std::int64_t)sums.size() != rows * self.outputs()) refuse("sums (N, outputs)");
  bool fine = true;
  interruptible(threads, [&] { fine = self.sum(numbers.data(), rows, sums.data(), threads, SignalCheck()); });
  return fine;
}

void bind_ensemble(nb::module_& m) {
  nb::class_<Ensemble>(m, "Ensemble")
      .def(
          "__init__",
          [](Ensemble* self, std::int64_t columns, const std::vector<PartTuple>& parts, In<double> terms,
             std::int64_t outputs) { new (self) Ensemble(cells_of(columns, parts, terms), outputs); },
          "columns"_a, "parts"_a, "terms"_a.noconvert(), "outputs"_a)
      .def("add", &add, "params"_a.noconvert(), "runs"_a, "d"_a, "k"_a, "output"_a, "weight"_a)
      .def("sum", &sum, "numbers"_a.noconvert(), "sums"_a.noconvert(), "threads"_a);
}

}  // namespace eigcore
