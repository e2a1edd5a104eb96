// A weighted sum of eigenvalues of encoded rows: all members of a model in one pass over its table.
#pragma once
#include "cells.hpp"
#include "drive.hpp"

namespace eigcore {

class Ensemble {
  struct Member {
    Tables<double> tables;
    std::vector<Expected<double>> expected;
    std::int64_t d, k, output;
    double weight;
  };
  Cells cells_;
  std::int64_t outputs_;
  std::vector<Member> members_;

  // A block is long enough that its rows find the tables of a member in the cache.
  static constexpr std::int64_t block = 1024;

  // Which solver runs, and how much memory it needs, depends on the rows and on what is wanted: eigenvalues alone.
  Job<double> job(Member& m, std::int64_t rows, double* values) const {
    Job<double> job;
    job.source = Source::encoded, job.layout = Layout::packed, job.values = values;
    job.count = rows, job.d = m.d, job.lo = job.hi = m.k, job.expected = m.expected.data();
    m.tables.describe(job.encoded);
    job.encoded.columns = cells_.parts();
    return job;
  }

  // Indices, fractions and values of a block, before the workspace of the kernels.
  std::size_t bytes_beside(std::int64_t rows) const {
    return (std::size_t)round_up(rows * (cells_.parts() * 12 + 8) + 128, 64);
  }

 public:
  Ensemble(Cells cells, std::int64_t outputs) : cells_(std::move(cells)), outputs_(outputs) {}
  Ensemble(const Ensemble&) = delete;

  const Cells& cells() const { return cells_; }
  std::int64_t outputs() const { return outputs_; }

  void add(Tables<double> tables, std::int64_t d, std::int64_t k, std::int64_t output, double weight) {
    members_.push_back({std::move(tables), {expected_of<double>(k, d)}, d, k, output, weight});
  }

  // sums (rows, outputs) of weight * lambda_k over the members. False at an unusual cell, see Cells.
  template <class GoOn>
  bool sum(const double* numbers, std::int64_t rows, double* sums, int threads, GoOn go_on) {
    double nanoseconds = 10.0 * (double)cells_.parts();
    std::size_t workspace = 0;
    for (Member& m : members_) {
      const Job<double> one = job(m, rows, sums);
      nanoseconds += cost_of_one(one) + 5.0 * (double)cells_.parts();
      workspace = std::max(workspace, kernels_for(one).workspace(one));
    }
    threads = useful_threads(nanoseconds * (double)rows, threads);
    const std::int64_t grain = std::min(block, std::max<std::int64_t>(64, round_up(rows / (2 * threads), 64)));
    std::atomic<bool> fine{true};
    for_blocks(
        rows, grain, threads,
        [&](int, std::int64_t first, std::int64_t count) {
          char* memory = static_cast<char*>(thread_memory(bytes_beside(grain) + workspace));
          double* fractions = reinterpret_cast<double*>(memory);
          double* values = fractions + grain * cells_.parts();
          std::int32_t* indices = reinterpret_cast<std::int32_t*>(values + grain);
          if (!fine || !cells_.locate(numbers + first * cells_.columns(), count, indices, fractions)) {
            fine = false;
            return;
          }
          double* out = sums + first * outputs_;
          std::fill_n(out, count * outputs_, 0.0);
          for (Member& m : members_) {
            Job<double> one = job(m, count, values);
            one.encoded.indices = indices, one.encoded.fractions = fractions;
            kernels_for(one).run(one, 0, count, memory + bytes_beside(grain));
            for (std::int64_t n = 0; n < count; ++n) out[n * outputs_ + m.output] += m.weight * values[n];
          }
        },
        go_on);
    return fine;
  }
};

}  // namespace eigcore
