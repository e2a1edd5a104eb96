// The cells of a table to the bins of its encoding: the arithmetic of eigcore.encoding.bins, to the last bit.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace eigcore {

enum class Kind : std::int64_t { number, pieces, levels };

// A column, or a weighted sum of columns, and its terms first ... first + terms - 1. The last of them is that of missing
// cells, if it has one. A cell is in the piece that follows the knots up to it, less `shift`.
struct Part {
  Kind kind;
  std::int64_t first, terms, shift;
  bool missing;
  std::vector<double> knots;  // levels: the least code and the number of levels
  std::vector<std::int64_t> columns;
  std::vector<double> weights, centers;
};

// The value of a term: 1 or 0, whether the cell is `origin`; or (cell - origin) / width between low and high.
struct Term {
  bool level;
  double origin, width, low, high, missing;
};

class Cells {
  std::int64_t columns_;
  std::vector<Part> parts_;
  std::vector<Term> terms_;

  static constexpr std::int64_t together = 8;  // rows whose searches hide one another's latency

  // How many of the knots, in ascending order, are at most each of `together` cells, without a branch.
  static void count_upto(const std::vector<double>& knots, const double* cells, std::int64_t* counts) {
    const double* a = knots.data();
    std::fill_n(counts, together, 0);
    if (knots.empty()) return;
    std::int64_t left = (std::int64_t)knots.size();
    for (std::int64_t half; left > 1; left -= half) {
      half = left / 2;
      for (std::int64_t i = 0; i < together; ++i) counts[i] += -(std::int64_t)(a[counts[i] + half - 1] <= cells[i]) & half;
    }
    for (std::int64_t i = 0; i < together; ++i) counts[i] += a[counts[i]] <= cells[i];
  }

  static double summed(const Part& part, const double* row) {
    double sum = 0;
    for (std::size_t i = 0; i < part.columns.size(); ++i)
      sum += (row[part.columns[i]] - part.centers[i]) * part.weights[i];
    return sum;
  }

  static bool usual(const Part& part, double cell) {
    if (std::isnan(cell)) return part.missing;
    if (std::isinf(cell)) return false;
    return part.kind != Kind::levels || (cell >= part.knots[0] && cell < part.knots[1] && cell == std::floor(cell));
  }

  bool locate(std::int64_t p, const double* numbers, std::int64_t rows, std::int32_t* indices,
              double* fractions) const {
    const Part& part = parts_[(std::size_t)p];
    const std::int64_t last = part.terms - part.missing - 1;
    double cells[together] = {};
    std::int64_t at[together] = {};
    bool fine = true;
    for (std::int64_t i = 0; i < rows; ++i) {
      const double* row = numbers + i * columns_;
      cells[i] = p < columns_ ? row[p] : summed(part, row);
      fine &= usual(part, cells[i]);
    }
    if (!fine) return false;
    if (part.kind == Kind::pieces) count_upto(part.knots, cells, at);
    for (std::int64_t i = 0; i < rows; ++i) {
      const double cell = cells[i];
      const bool gone = std::isnan(cell);
      if (part.kind == Kind::levels && !gone) at[i] = (std::int64_t)cell;
      at[i] = gone ? part.terms - 1 : std::clamp<std::int64_t>(at[i] - part.shift, 0, last);
      const Term& term = terms_[(std::size_t)(part.first + at[i])];
      double value = (cell - term.origin) / term.width;
      value = value < term.low ? term.low : value > term.high ? term.high : value;
      if (term.level) value = cell == term.origin;
      indices[i * parts()] = (std::int32_t)(part.first + at[i]);
      fractions[i * parts()] = gone ? term.missing : value;
    }
    return fine;
  }

 public:
  Cells(std::int64_t columns, std::vector<Part> parts, std::vector<Term> terms)
      : columns_(columns), parts_(std::move(parts)), terms_(std::move(terms)) {}

  std::int64_t columns() const { return columns_; }
  std::int64_t parts() const { return (std::int64_t)parts_.size(); }
  std::int64_t terms() const { return (std::int64_t)terms_.size(); }

  // The term of each cell and its value, (rows, parts). False at a cell that is no number, no known level, or missing
  // where none was missing: Python says what is wrong with it.
  bool locate(const double* numbers, std::int64_t rows, std::int32_t* indices, double* fractions) const {
    bool fine = true;
    for (std::int64_t n = 0; n < rows; n += together)
      for (std::int64_t p = 0; p < parts(); ++p)
        fine &= locate(p, numbers + n * columns_, std::min(together, rows - n), indices + n * parts() + p,
                       fractions + n * parts() + p);
    return fine;
  }
};

}  // namespace eigcore
