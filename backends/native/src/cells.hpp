// The cells of a table to the bins of its encoding: the arithmetic of eigcore.encoding.bins, to the last bit.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "dispatch.hpp"

namespace eigcore {

// A column, or a weighted sum of columns, and its terms.
struct Part {
  Kind kind;
  std::int64_t first, terms, shift;
  bool missing;
  std::vector<double> knots;  // levels: the least code and the number of levels
  std::vector<std::int64_t> columns;
  std::vector<double> weights, centers;
};

class Cells {
  std::int64_t columns_;
  std::vector<Part> parts_;
  std::vector<Term> terms_;
  std::vector<Place> places_;
  std::vector<std::vector<double>> rungs_;  // of all places

  static constexpr std::int64_t block = 16;

  Place place_of(const Part& part) {
    Place place{part.kind, part.first, part.terms, part.shift, part.missing};
    if (part.kind == Kind::levels) place.least = part.knots[0], place.end = part.knots[1];
    if (part.kind == Kind::pieces) climb(part.knots, place);
    return place;
  }

  // Rungs of a ladder, from the knots up; NaN is at most no cell.
  void climb(std::vector<double> rung, Place& place) {
    std::vector<double> last;
    rung.resize((rung.size() / block + 1) * block, std::nan(""));
    for (std::size_t i = block - 1; i < rung.size(); i += block) last.push_back(rung[i]);
    if (last.size() > 1) climb(std::move(last), place);
    rungs_.push_back(std::move(rung));
    place.rung[place.rungs++] = rungs_.back().data();
  }

  // The cells of part p in rows of numbers.
  void read(std::int64_t p, const double* numbers, std::int64_t rows, double* cells) const {
    const Part& part = parts_[(std::size_t)p];
    if (p < columns_)
      for (std::int64_t n = 0; n < rows; ++n) cells[n] = numbers[n * columns_ + p];
    else
      std::fill_n(cells, rows, 0.0);
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      const double* column = numbers + part.columns[i];
      for (std::int64_t n = 0; n < rows; ++n) cells[n] += (column[n * columns_] - part.centers[i]) * part.weights[i];
    }
  }

 public:
  Cells(std::int64_t columns, std::vector<Part> parts, std::vector<Term> terms)
      : columns_(columns), parts_(std::move(parts)), terms_(std::move(terms)) {
    for (const Part& part : parts_) places_.push_back(place_of(part));
  }
  Cells(Cells&&) = default;

  std::int64_t columns() const { return columns_; }
  std::int64_t parts() const { return (std::int64_t)parts_.size(); }
  std::int64_t terms() const { return (std::int64_t)terms_.size(); }

  // The term of each cell and its value, (rows, parts). False at a cell that is no number, no known level, or missing
  // where none was missing: Python says what is wrong with it.
  bool locate(const double* numbers, std::int64_t rows, std::int32_t* indices, double* fractions) const {
    const auto kernel = kernels<double>().locate;
    double cells[most_located];
    bool fine = true;
    for (std::int64_t n = 0; fine && n < rows; n += most_located) {
      const std::int64_t some = std::min(most_located, rows - n);
      for (std::int64_t p = 0; fine && p < parts(); ++p) {
        read(p, numbers + n * columns_, some, cells);
        const std::int64_t at = n * parts() + p;
        fine = kernel(places_[(std::size_t)p], terms_.data(), cells, some, parts(), indices + at, fractions + at);
      }
    }
    return fine;
  }
};

}  // namespace eigcore
