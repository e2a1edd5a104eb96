// XLA handlers: the kernels inside jax.jit on the CPU. Needs XLA's header when compiled, nothing of JAX when loaded.
#include <nanobind/nanobind.h>

#include "drive.hpp"
#include "xla/ffi/api/ffi.h"

namespace nb = nanobind;
namespace ffi = xla::ffi;

namespace eigcore {
namespace {

template <class T>
T* data(ffi::AnyBuffer b) {
  return static_cast<T*>(b.untyped_data());
}
template <class T>
T* data(ffi::Result<ffi::AnyBuffer>& b) {
  return static_cast<T*>(b->untyped_data());
}

std::int64_t leading(ffi::AnyBuffer b, std::size_t trailing) {
  std::int64_t n = 1;
  for (std::size_t i = 0; i + trailing < b.dimensions().size(); ++i) n *= b.dimensions()[i];
  return n;
}

bool go_on() { return true; }

template <class F>
ffi::Error by_type(ffi::AnyBuffer b, F f) {
  try {
    if (b.element_type() == ffi::DataType::F32)
      f(float());
    else if (b.element_type() == ffi::DataType::F64)
      f(double());
    else
      return ffi::Error::InvalidArgument("eigcore_native computes in float32 and float64 only");
  } catch (const std::exception& e) {
    return ffi::Error::Internal(e.what());
  }
  return ffi::Error::Success();
}

// Rows of length dim^2 are whole matrices; for dim = 1 that is the same.
bool whole(ffi::AnyBuffer p, std::int64_t dim) { return p.dimensions().back() == dim * dim; }

template <class T>
Job<T> job_of(ffi::AnyBuffer p, std::int64_t k, std::int64_t dim, bool band) {
  Job<T> job;
  job.layout = band ? Layout::band : whole(p, dim) ? Layout::full : Layout::packed;
  job.count = leading(p, 1);
  job.d = dim, job.lo = job.hi = k;
  job.set_rows(data<const T>(p));
  return job;
}

bool fits(ffi::AnyBuffer p, std::int64_t k, std::int64_t dim, bool band) {
  return dim > 0 && k >= 0 && k < dim && p.dimensions().size() > 0 &&
         (p.dimensions().back() == (band ? 2 * dim - 1 : packed_size(dim)) || (!band && whole(p, dim)));
}

ffi::Error value(ffi::AnyBuffer p, ffi::Result<ffi::AnyBuffer> values, std::int64_t k, std::int64_t dim, bool band,
                 std::int64_t threads) {
  if (!fits(p, k, dim, band)) return ffi::Error::InvalidArgument("trailing length, k and dim do not belong together");
  return by_type(p, [&](auto zero) {
    using T = decltype(zero);
    Job<T> job = job_of<T>(p, k, dim, band);
    job.values = data<T>(values);
    solve(job, (int)threads, go_on);
  });
}

ffi::Error value_and_gradient(ffi::AnyBuffer p, ffi::Result<ffi::AnyBuffer> values,
                              ffi::Result<ffi::AnyBuffer> gradient, std::int64_t k, std::int64_t dim, bool band,
                              std::int64_t threads) {
  if (!fits(p, k, dim, band)) return ffi::Error::InvalidArgument("trailing length, k and dim do not belong together");
  return by_type(p, [&](auto zero) {
    using T = decltype(zero);
    Job<T> job = job_of<T>(p, k, dim, band);
    job.values = data<T>(values);
    job.gradient = data<T>(gradient);
    prefer_huge_pages(job.gradient, gradient->size_bytes());
    solve(job, (int)threads, go_on);
  });
}

// phi of all eigenvalues, and its gradient if there is room for it.
ffi::Error composed(ffi::AnyBuffer p, ffi::AnyBuffer* values, ffi::AnyBuffer* gradient, std::int64_t kind,
                    ffi::Span<const double> weights, std::int64_t pivot, double number, std::int64_t dim, bool band,
                    std::int64_t threads) {
  if (!fits(p, pivot, dim, band) || kind < 0 || kind > 3 || (std::int64_t)weights.size() != dim)
    return ffi::Error::InvalidArgument("trailing length, function and dim do not belong together");
  return by_type(p, [&](auto zero) {
    using T = decltype(zero);
    Job<T> job = job_of<T>(p, 0, dim, band);
    const std::vector<T> own(weights.begin(), weights.end());
    const Phi<T> phi{(PhiKind)kind, own.data(), pivot, 0, (T)number};
    job.hi = dim - 1, job.phi = &phi;
    job.values = data<T>(*values);
    if (gradient) job.gradient = data<T>(*gradient), prefer_huge_pages(job.gradient, gradient->size_bytes());
    solve(job, (int)threads, go_on);
  });
}

ffi::Error composed_value(ffi::AnyBuffer p, ffi::Result<ffi::AnyBuffer> values, std::int64_t kind,
                          ffi::Span<const double> weights, std::int64_t pivot, double number, std::int64_t dim,
                          bool band, std::int64_t threads) {
  return composed(p, &*values, nullptr, kind, weights, pivot, number, dim, band, threads);
}

ffi::Error composed_value_and_gradient(ffi::AnyBuffer p, ffi::Result<ffi::AnyBuffer> values,
                                       ffi::Result<ffi::AnyBuffer> gradient, std::int64_t kind,
                                       ffi::Span<const double> weights, std::int64_t pivot, double number,
                                       std::int64_t dim, bool band, std::int64_t threads) {
  return composed(p, &*values, &*gradient, kind, weights, pivot, number, dim, band, threads);
}

ffi::Error pairs(ffi::AnyBuffer m, ffi::Result<ffi::AnyBuffer> values, ffi::Result<ffi::AnyBuffer> vectors,
                 std::int64_t lo, std::int64_t hi, std::int64_t threads) {
  const auto shape = m.dimensions();
  if (shape.size() < 2 || lo < 0 || hi < lo || hi >= shape.back())
    return ffi::Error::InvalidArgument("lo and hi do not belong to the matrices");
  return by_type(m, [&](auto zero) {
    using T = decltype(zero);
    Job<T> job;
    job.count = leading(m, 2);
    job.d = shape.back(), job.lo = lo, job.hi = hi;
    job.set_rows(data<const T>(m));
    job.values = data<T>(values);
    job.vectors = data<T>(vectors);
    solve(job, (int)threads, go_on);
  });
}

ffi::Error decomposed(ffi::AnyBuffer X, ffi::Result<ffi::AnyBuffer> U, ffi::Result<ffi::AnyBuffer> s,
                      ffi::Result<ffi::AnyBuffer> Vt, std::int64_t threads) {
  const auto shape = X.dimensions();
  const std::int64_t m = shape.size() < 2 ? 0 : shape[shape.size() - 2], n = m ? shape.back() : 0;
  if (n < 1 || m < n || n > Svd<float>::columns)
    return ffi::Error::InvalidArgument("matrices have at least as many rows as columns, and 1 to 64 columns");
  return by_type(X, [&](auto zero) {
    using T = decltype(zero);
    Svd<T> job;
    job.count = leading(X, 2), job.m = m, job.n = n;
    job.X = data<const T>(X), job.U = data<T>(U), job.s = data<T>(s), job.Vt = data<T>(Vt);
    svd(job, (int)threads, go_on);
  });
}

XLA_FFI_DEFINE_HANDLER(value_handler, value,
                       ffi::Ffi::Bind()
                           .Arg<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Attr<std::int64_t>("k")
                           .Attr<std::int64_t>("dim")
                           .Attr<bool>("band")
                           .Attr<std::int64_t>("threads"));
XLA_FFI_DEFINE_HANDLER(value_and_gradient_handler, value_and_gradient,
                       ffi::Ffi::Bind()
                           .Arg<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Attr<std::int64_t>("k")
                           .Attr<std::int64_t>("dim")
                           .Attr<bool>("band")
                           .Attr<std::int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER(pairs_handler, pairs,
                       ffi::Ffi::Bind()
                           .Arg<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Attr<std::int64_t>("lo")
                           .Attr<std::int64_t>("hi")
                           .Attr<std::int64_t>("threads"));

XLA_FFI_DEFINE_HANDLER(svd_handler, decomposed,
                       ffi::Ffi::Bind()
                           .Arg<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Attr<std::int64_t>("threads"));

// The attributes of `composed` after the buffers of a binding.
template <class Binding>
auto with_functional(Binding&& buffers) {
  return std::move(buffers)
      .template Attr<std::int64_t>("kind")
      .template Attr<ffi::Span<const double>>("weights")
      .template Attr<std::int64_t>("pivot")
      .template Attr<double>("number")
      .template Attr<std::int64_t>("dim")
      .template Attr<bool>("band")
      .template Attr<std::int64_t>("threads");
}

XLA_FFI_DEFINE_HANDLER(composed_value_handler, composed_value,
                       with_functional(ffi::Ffi::Bind().Arg<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()));
XLA_FFI_DEFINE_HANDLER(
    composed_value_and_gradient_handler, composed_value_and_gradient,
    with_functional(ffi::Ffi::Bind().Arg<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()));

}  // namespace

void bind_xla(nb::module_& m) {
  const auto capsule = [](auto* handler) { return nb::capsule(reinterpret_cast<void*>(handler)); };
  nb::dict handlers;
  handlers["eigcore_value"] = capsule(value_handler);
  handlers["eigcore_value_and_gradient"] = capsule(value_and_gradient_handler);
  handlers["eigcore_eigenpairs"] = capsule(pairs_handler);
  handlers["eigcore_svd"] = capsule(svd_handler);
  handlers["eigcore_composed_value"] = capsule(composed_value_handler);
  handlers["eigcore_composed_value_and_gradient"] = capsule(composed_value_and_gradient_handler);
  m.attr("xla_handlers") = handlers;
}

}  // namespace eigcore
