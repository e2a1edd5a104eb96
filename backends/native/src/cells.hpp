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

  // How many of n numbers in ascending order are at most x: in steps of 16, then one by one, without a branch.
  static std::int64_t count_upto(const double* a, std::int64_t n, double x) {
    std::int64_t steps = 0, ones = 0;
    for (std::int64_t i = 15; i < n; i += 16) steps += a[i] <= x;
    for (std::int64_t i = 16 * steps, end = std::min(n, i + 15); i < end; ++i) ones += a[i] <= x;
    return 16 * steps + ones;
  }

  static double summed(const Part& part, const double* row) {
    double sum = 0;
    for (std::size_t i = 0; i < part.columns.size(); ++i)
      sum += (row[part.columns[i]] - part.centers[i]) * part.weights[i];
    return sum;
  }

  static std::int64_t inside(const Part& part, double cell) {
    if (part.kind == Kind::number) return 0;
    if (part.kind == Kind::levels) return (std::int64_t)cell;
    return count_upto(part.knots.data(), (std::int64_t)part.knots.size(), cell) - part.shift;
  }

  bool usual(std::int64_t p, double cell) const {
    const Part& part = parts_[(std::size_t)p];
    if (std::isnan(cell)) return part.missing;
    if (std::isinf(cell)) return false;
    return part.kind != Kind::levels || (cell >= part.knots[0] && cell < part.knots[1] && cell == std::floor(cell));
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
    for (std::int64_t p = 0; p < parts(); ++p) {
      const Part& part = parts_[(std::size_t)p];
      const std::int64_t last = part.terms - part.missing - 1;
      for (std::int64_t n = 0; n < rows; ++n) {
        const double* row = numbers + n * columns_;
        const double cell = p < columns_ ? row[p] : summed(part, row);
        if (!usual(p, cell)) {
          fine = false;
          continue;
        }
        const bool gone = std::isnan(cell);
        std::int64_t at = gone ? part.terms - 1 : inside(part, cell);
        if (!gone) at = at < 0 ? 0 : at > last ? last : at;
        const Term& term = terms_[(std::size_t)(part.first + at)];
        double value = (cell - term.origin) / term.width;
        value = value < term.low ? term.low : value > term.high ? term.high : value;
        if (term.level) value = cell == term.origin;
        indices[n * parts() + p] = (std::int32_t)(part.first + at);
        fractions[n * parts() + p] = gone ? term.missing : value;
      }
    }
    return fine;
  }
};

}  // namespace eigcore
