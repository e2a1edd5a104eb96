// The mean loss of encoded rows as a function of the matrices of their scaled terms, with its derivative: all that a
// descent computes at one point.
#pragma once
#include <cstring>
#include <utility>
#include <vector>

#include "drive.hpp"

namespace eigcore {

// Terms are centred and scaled: A_b = W_b / deviation_b and A_0 = W_0 - sum_b mean_b A_b.
// share: null, or numbers that sum to 1; offset: null, or added to the eigenvalues. left, right: both null, or (terms -
// 1) each. The penalty is penalty * (sum_b |W_b|^2 + sum_b |right_b W_(b+1) - left_b W_b|^2), without W_0.
struct MeanLossTask {
  LossKind loss = LossKind::squared;
  const double *target = nullptr, *share = nullptr, *offset = nullptr;
  const double *mean = nullptr, *deviation = nullptr, *left = nullptr, *right = nullptr;
  double penalty = 0;
};

template <class T>
class MeanLoss {
  MeanLossTask task_;
  Job<T> job_;
  Tables<T> tables_;
  std::vector<T> params_, values_, vectors_, g_;
  std::vector<double> base_;
  std::vector<std::uint8_t> tied_;

  std::int64_t K() const { return tables_.row_size(); }

  void fill(const double* W) {
    base_.assign(W, W + K());
    for (std::int64_t b = 0; b < terms(); ++b) {
      const double* own = W + (b + 1) * K();
      T* to = params_.data() + (b + 1) * K();
      const double mean = task_.mean[b], deviation = task_.deviation[b];
      for (std::int64_t c = 0; c < K(); ++c) {
        const double a = own[c] / deviation;
        to[c] = (T)a;
        base_[c] -= mean * a;
      }
    }
    for (std::int64_t c = 0; c < K(); ++c) params_[c] = (T)base_[c];
    tables_.fill(params_.data());
  }

  // From the derivative by the matrices of the terms, in params_, to that by W, with the penalty's.
  double scaled(const double* W, double* slope) const {
    double squares = 0.0;
    for (std::int64_t c = 0; c < K(); ++c) slope[c] = params_[c];
    for (std::int64_t b = 0; b < terms(); ++b) {
      const std::int64_t first = (b + 1) * K();
      const double mean = task_.mean[b], deviation = task_.deviation[b];
      for (std::int64_t c = 0; c < K(); ++c) {
        const double w = W[first + c];
        slope[first + c] = (params_[first + c] - mean * slope[c]) / deviation + 2.0 * task_.penalty * w;
        squares += w * w;
      }
    }
    for (std::int64_t b = 0; task_.left && b + 1 < terms(); ++b) {
      const std::int64_t before = (b + 1) * K(), after = before + K();
      const double left = task_.left[b], right = task_.right[b];
      for (std::int64_t c = 0; c < K(); ++c) {
        const double jump = right * W[after + c] - left * W[before + c], pull = 2.0 * task_.penalty * jump;
        slope[before + c] -= left * pull;
        slope[after + c] += right * pull;
        squares += jump * jump;
      }
    }
    return task_.penalty * squares;
  }

 public:
  // The job is one of encoded columns, without their tables.
  MeanLoss(const Job<T>& job, std::int64_t terms, typename Tables<T>::Runs runs, const MeanLossTask& task)
      : task_(task),
        job_(job),
        tables_(terms, packed_size(job.d), std::move(runs)),
        params_((std::size_t)((terms + 1) * packed_size(job.d))),
        values_((std::size_t)job.count),
        vectors_((std::size_t)(job.count * job.d)),
        g_((std::size_t)job.count),
        tied_((std::size_t)job.count) {
    tables_.describe(job_.encoded);
  }
  MeanLoss(const MeanLoss&) = delete;

  std::int64_t terms() const { return tables_.rows(); }
  std::int64_t size() const { return (std::int64_t)params_.size(); }

  // W, slope (terms + 1, K); returns the value. One call at a time.
  template <class GoOn>
  double at(const double* W, double* slope, int threads, GoOn go_on) {
    fill(W);
    Job<T> job = job_;
    job.values = values_.data(), job.vectors = vectors_.data(), job.tied = tied_.data();
    eigcore::solve(job, threads, go_on);
    const double value = kernels<T>().loss(task_.loss, values_.data(), task_.target, task_.share, task_.offset,
                                           job.count, 1.0 / (double)job.count, g_.data());
    Pullback<T> p;
    p.job = job, p.vectors = vectors_.data(), p.g = g_.data();
    p.tied = std::memchr(tied_.data(), 1, tied_.size()) ? tied_.data() : nullptr;
    eigcore::pullback(p, &tables_, params_.data(), threads, go_on);
    return value + scaled(W, slope);
  }
};

}  // namespace eigcore
