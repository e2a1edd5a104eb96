// The cells of a part of a table to the bins of its encoding.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace eigcore {
namespace EIGCORE_ISA {

// How many of sixteen numbers are at most x.
EIG_INLINE index count_of_sixteen(const double* p, double x) {
#if defined(__AVX512F__) && EIGCORE_BYTES == 64
  const __m512d v = _mm512_set1_pd(x);
  const unsigned low = _mm512_cmp_pd_mask(_mm512_loadu_pd(p), v, _CMP_LE_OQ);
  return __builtin_popcount(low | (unsigned)_mm512_cmp_pd_mask(_mm512_loadu_pd(p + 8), v, _CMP_LE_OQ) << 8);
#elif defined(__AVX2__) && EIGCORE_BYTES == 32
  const __m256d v = _mm256_set1_pd(x);
  int found = 0;
  for (int i = 0; i < 16; i += 4)
    found |= _mm256_movemask_pd(_mm256_cmp_pd(_mm256_loadu_pd(p + i), v, _CMP_LE_OQ)) << i;
  return __builtin_popcount((unsigned)found);
#else
  index count = 0;
  for (index half = 8; half > 0; half /= 2) count += -(index)(p[count + half - 1] <= x) & half;
  return count + (p[count] <= x);
#endif
}

// A cell that is a number, a known level, or missing where a part has a term for that.
template <Kind kind, bool missing>
EIG_INLINE bool usual(const Place& place, double cell) {
  const bool gone = missing & (cell != cell);
  if (kind != Kind::levels) return gone | (__builtin_fabs(cell) <= 0x1.fffffffffffffp+1023);
  return gone | ((cell >= place.least) & (cell < place.end) && cell == (double)(index)cell);
}

// How many knots are at most each cell.
EIG_INLINE void count_upto(const Place& place, const double* cells, index rows, index* counts) {
  for (index i = 0; i < rows; ++i) counts[i] = count_of_sixteen(place.rung[0], cells[i]);
  for (index r = 1; r < place.rungs; ++r)
    for (index i = 0; i < rows; ++i)
      counts[i] = 16 * counts[i] + count_of_sixteen(place.rung[r] + 16 * counts[i], cells[i]);
}

template <Kind kind, bool missing>
bool locate_all(const Place place, const Term* terms, const double* cells, index rows, index parts,
                std::int32_t* indices, double* fractions) {
  index at[most_located] = {};
  bool fine = true;
  for (index i = 0; i < rows; ++i) fine &= usual<kind, missing>(place, cells[i]);
  if (!fine) return false;
  if (kind == Kind::pieces) count_upto(place, cells, rows, at);
  const index last = place.terms - missing - 1;
  for (index i = 0; i < rows; ++i) {
    const double cell = cells[i];
    const bool gone = missing & (cell != cell);
    index n = kind == Kind::levels ? (gone ? 0 : (index)cell) : kind == Kind::pieces ? at[i] - place.shift : 0;
    n = n < 0 ? 0 : n > last ? last : n;
    n = place.first + (gone ? last + 1 : n);
    const Term& term = terms[n];
    double value = (cell - term.origin) / term.width;
    value = value < term.low ? term.low : value;
    value = value > term.high ? term.high : value;
    if (kind == Kind::levels && term.level) value = cell == term.origin;
    indices[i * parts] = (std::int32_t)n;
    fractions[i * parts] = gone ? term.missing : value;
  }
  return true;
}

// The terms of up to `most_located` cells and their values, each `parts` after the other. False, and nothing written,
// at an unusual cell.
inline bool locate(const Place& place, const Term* terms, const double* cells, index rows, index parts,
                   std::int32_t* indices, double* fractions) {
  const auto all = [&](auto kind) {
    const auto found =
        place.missing ? locate_all<decltype(kind)::value, true> : locate_all<decltype(kind)::value, false>;
    return found(place, terms, cells, rows, parts, indices, fractions);
  };
  if (place.kind == Kind::levels) return all(std::integral_constant<Kind, Kind::levels>());
  if (place.kind == Kind::pieces) return all(std::integral_constant<Kind, Kind::pieces>());
  return all(std::integral_constant<Kind, Kind::number>());
}

}  // namespace EIGCORE_ISA
}  // namespace eigcore
