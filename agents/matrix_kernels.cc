#include "agents/matrix_kernels.h"

#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "agents/matrix_kernels.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After it:
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace hotlap::agents {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kWidthUnit>;
using V = hn::Vec<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());
constexpr std::size_t kVectors = kWidthUnit / kLanes;  // of a tile's width
// Rows of a tile: as many sums in flight as the registers hold, enough to hide how long one takes.
constexpr int kTileRows = kLanes >= 16 ? 12 : kLanes == 8 ? 6 : 3;

// Products and sums apart: MulAdd is fused on some targets and not on others.
template <int kRows>
HWY_INLINE void MultiplyTile(const MatrixProduct& p, int i, int j) {
  const D d;
  V sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t column = static_cast<std::size_t>(j) + v * kLanes;
      if (p.is_added) {
        sums[r][v] = hn::LoadU(d, p.c + (i + r) * p.c_stride + column);
      } else {
        sums[r][v] = p.initial != nullptr ? hn::LoadU(d, p.initial + column) : hn::Zero(d);
      }
    }
  }
  const float* a = p.a + i * p.a_row_stride;
  const float* b = p.b + j;
  for (int k = 0; k < p.depth; ++k) {
    V row[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) row[v] = hn::LoadU(d, b + v * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r * p.a_row_stride]);
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[r][v] = hn::Add(sums[r][v], hn::Mul(factor, row[v]));
      }
    }
    a += p.a_depth_stride;
    b += p.b_stride;
  }
  for (int r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, p.c + (i + r) * p.c_stride + j + v * kLanes);
    }
  }
}

// The rows from i on, at most so many, in one tile.
template <int kMostRows>
HWY_INLINE void MultiplyRest(const MatrixProduct& p, int i, int j) {
  if (p.rows - i == kMostRows) {
    MultiplyTile<kMostRows>(p, i, j);
  } else if constexpr (kMostRows > 1) {
    MultiplyRest<kMostRows - 1>(p, i, j);
  }
}

void MultiplyAll(const MatrixProduct& p) {
  for (int j = 0; j < p.columns; j += kWidthUnit) {
    int i = 0;
    for (; i + kTileRows <= p.rows; i += kTileRows) MultiplyTile<kTileRows>(p, i, j);
    MultiplyRest<kTileRows - 1>(p, i, j);
  }
}

// The bits of sim::Exp up to 88.7, and beyond that of 88.7.
HWY_INLINE V ExpOf(V x) {
  const D d;
  const hn::RebindToSigned<D> di;
  const V low = hn::Set(d, -87.0f), high = hn::Set(d, 88.7f);
  const auto is_low = hn::Lt(x, low), is_high = hn::Gt(x, high);
  x = hn::IfThenElse(is_low, low, hn::IfThenElse(is_high, high, x));
  const V scaled = hn::Mul(x, hn::Set(d, 1.44269504f));
  const V half = hn::Set(d, 0.5f);
  const V away = hn::IfThenElse(hn::Ge(scaled, hn::Zero(d)), half, hn::Neg(half));
  const auto k = hn::ConvertTo(di, hn::Add(scaled, away));  // truncates
  const V n = hn::ConvertTo(d, k);
  const V r = hn::Sub(hn::Sub(x, hn::Mul(n, hn::Set(d, 0.693359375f))),
                      hn::Mul(n, hn::Set(d, -2.12194440e-4f)));
  V p = hn::Add(hn::Set(d, 0.00836377387f), hn::Mul(r, hn::Set(d, 0.00139269266f)));
  p = hn::Add(hn::Set(d, 0.0416665501f), hn::Mul(r, p));
  p = hn::Add(hn::Set(d, 0.166665734f), hn::Mul(r, p));
  p = hn::Add(half, hn::Mul(r, p));
  p = hn::Add(hn::Add(hn::Set(d, 1.0f), r), hn::Mul(hn::Mul(r, r), p));
  // 2^k in two factors, so that k = 128 needs no exponent beyond the format.
  const auto first = hn::ShiftRight<1>(k);
  const auto second = hn::Sub(k, first);
  const auto bias = hn::Set(di, 127);
  p = hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(first, bias))));
  p = hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(second, bias))));
  return hn::IfThenElse(is_low, hn::Zero(d), p);
}

void ExpAll(std::span<float> values) {
  const D d;
  for (std::size_t i = 0; i < values.size(); i += kLanes) {
    hn::StoreU(ExpOf(hn::LoadU(d, &values[i])), d, &values[i]);
  }
}

// tanh x = 1 - 2 / (exp(2 x) + 1).
void TanhAll(std::span<float> values) {
  const D d;
  const V one = hn::Set(d, 1.0f), two = hn::Set(d, 2.0f);
  for (std::size_t i = 0; i < values.size(); i += kLanes) {
    const V e = ExpOf(hn::Mul(two, hn::LoadU(d, &values[i])));
    hn::StoreU(hn::Sub(one, hn::Div(two, hn::Add(e, one))), d, &values[i]);
  }
}

void TanhGradientAll(std::span<const float> results, std::span<float> gradients) {
  const D d;
  const V one = hn::Set(d, 1.0f);
  for (std::size_t i = 0; i < gradients.size(); i += kLanes) {
    const V y = hn::LoadU(d, &results[i]);
    const V slope = hn::Sub(one, hn::Mul(y, y));
    hn::StoreU(hn::Mul(hn::LoadU(d, &gradients[i]), slope), d, &gradients[i]);
  }
}

void ReluAll(std::span<float> values) {
  const D d;
  for (std::size_t i = 0; i < values.size(); i += kLanes) {
    const V x = hn::LoadU(d, &values[i]);
    hn::StoreU(hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), x), d, &values[i]);
  }
}

void ReluGradientAll(std::span<const float> results, std::span<float> gradients) {
  const D d;
  for (std::size_t i = 0; i < gradients.size(); i += kLanes) {
    const auto is_open = hn::Gt(hn::LoadU(d, &results[i]), hn::Zero(d));
    hn::StoreU(hn::IfThenElseZero(is_open, hn::LoadU(d, &gradients[i])), d, &gradients[i]);
  }
}

void AddAllRows(std::span<const float> rows, int columns, std::span<float> out) {
  const D d;
  const auto width = static_cast<std::size_t>(columns);
  for (std::size_t j = 0; j < width; j += kLanes) {
    V sum = hn::LoadU(d, &out[j]);
    for (std::size_t at = j; at < rows.size(); at += width) {
      sum = hn::Add(sum, hn::LoadU(d, &rows[at]));
    }
    hn::StoreU(sum, d, &out[j]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace hotlap::agents
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotlap::agents {

HWY_EXPORT(MultiplyAll);
HWY_EXPORT(ExpAll);
HWY_EXPORT(TanhAll);
HWY_EXPORT(TanhGradientAll);
HWY_EXPORT(ReluAll);
HWY_EXPORT(ReluGradientAll);
HWY_EXPORT(AddAllRows);

namespace {
[[maybe_unused]] bool IsPadded(std::size_t size) { return size % kWidthUnit == 0; }
}  // namespace

void Multiply(const MatrixProduct& product) {
  assert(IsPadded(static_cast<std::size_t>(product.columns)));
  HWY_DYNAMIC_DISPATCH(MultiplyAll)(product);
}

void ApplyExp(std::span<float> values) {
  assert(IsPadded(values.size()));
  HWY_DYNAMIC_DISPATCH(ExpAll)(values);
}

void ApplyTanh(std::span<float> values) {
  assert(IsPadded(values.size()));
  HWY_DYNAMIC_DISPATCH(TanhAll)(values);
}

void ApplyTanhGradient(std::span<const float> results, std::span<float> gradients) {
  assert(IsPadded(results.size()) && results.size() == gradients.size());
  HWY_DYNAMIC_DISPATCH(TanhGradientAll)(results, gradients);
}

void ApplyRelu(std::span<float> values) {
  assert(IsPadded(values.size()));
  HWY_DYNAMIC_DISPATCH(ReluAll)(values);
}

void ApplyReluGradient(std::span<const float> results, std::span<float> gradients) {
  assert(IsPadded(results.size()) && results.size() == gradients.size());
  HWY_DYNAMIC_DISPATCH(ReluGradientAll)(results, gradients);
}

void AddRows(std::span<const float> rows, int columns, std::span<float> out) {
  assert(IsPadded(static_cast<std::size_t>(columns)) &&
         out.size() == static_cast<std::size_t>(columns));
  HWY_DYNAMIC_DISPATCH(AddAllRows)(rows, columns, out);
}

}  // namespace hotlap::agents
#endif  // HWY_ONCE
