#include "env/vector_loops.h"

#include <cassert>
#include <cstddef>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "env/vector_loops.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After it:
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace hotlap {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Calls visit(tag, i) for each vector from 0 on, and for each number of what is left.
template <class Visit>
HWY_INLINE void EachVector(std::size_t count, const Visit& visit) {
  const hn::CappedTag<float, 8> d;
  std::size_t i = 0;
  for (; i + hn::MaxLanes(d) <= count; i += hn::MaxLanes(d)) visit(d, i);
  for (; i < count; ++i) visit(hn::CappedTag<float, 1>(), i);
}

template <class D>
HWY_INLINE void ScaleAndClipAt(D d, std::size_t i, const float* scale, const float* low,
                               const float* high, float* values) {
  const auto product = hn::Mul(hn::LoadU(d, values + i), hn::LoadU(d, scale + i));
  const auto least = hn::LoadU(d, low + i);
  const auto most = hn::LoadU(d, high + i);
  const auto value = hn::IfThenElseZero(hn::Eq(product, product), product);
  const auto raised = hn::IfThenElse(hn::Gt(value, least), value, least);
  hn::StoreU(hn::IfThenElse(hn::Lt(raised, most), raised, most), d, values + i);
}

void ScaleAndClip(std::size_t count, const float* scale, const float* low, const float* high,
                  float* values) {
  EachVector(count, [=](auto d, std::size_t i)
                        HWY_ATTR { ScaleAndClipAt(d, i, scale, low, high, values); });
}

#if HWY_TARGET == HWY_SCALAR

void SeePoints(const PaddedVec3* points, std::size_t count, const std::int32_t* segments,
               const float* parts, Vec3 origin, const Mat3& rotation, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const Vec3 a = points[segments[i]], b = points[segments[i] + 1];
    const Vec3 seen = TransposeTimes(rotation, a + (b - a) * parts[i] - origin);
    std::memcpy(out + 3 * i, &seen, sizeof seen);
  }
}

#else

using OneD = hn::CappedTag<float, 4>;
using One = hn::Vec<OneD>;

// From where points are seen; the fourth lane is anything.
struct Viewpoint {
  One origin, to_x, to_y, to_z;

  Viewpoint(Vec3 at, const Mat3& rotation) {
    const OneD d;
    origin =
        hn::ConcatUpperLower(d, hn::Set(d, at.z), hn::OddEven(hn::Set(d, at.y), hn::Set(d, at.x)));
    const float* const m = &rotation.m[0][0];
    to_x = hn::LoadU(d, m);
    to_y = hn::LoadU(d, m + 3);
    to_z = hn::Shuffle0321(hn::LoadU(d, m + 5));  // the last row, not beyond it
  }
};

// Sees one point or two, as many as there are blocks of four floats in D.
template <class D>
class Viewer {
 public:
  template <class Repeat>
  Viewer(const Viewpoint& from, const Repeat& repeat)
      : origin_(repeat(from.origin)),
        to_x_(repeat(from.to_x)),
        to_y_(repeat(from.to_y)),
        to_z_(repeat(from.to_z)) {}

  HWY_INLINE auto See(hn::Vec<D> a, hn::Vec<D> b, hn::Vec<D> part) const {
    const auto offset = hn::Sub(hn::Add(a, hn::Mul(hn::Sub(b, a), part)), origin_);
    const auto xy =
        hn::Add(hn::Mul(to_x_, hn::Broadcast<0>(offset)), hn::Mul(to_y_, hn::Broadcast<1>(offset)));
    return hn::Add(xy, hn::Mul(to_z_, hn::Broadcast<2>(offset)));
  }

 private:
  hn::Vec<D> origin_, to_x_, to_y_, to_z_;
};

void SeePoints(const PaddedVec3* points, std::size_t count, const std::int32_t* segments,
               const float* parts, Vec3 origin, const Mat3& rotation, float* out) {
  if (count == 0) return;
  const OneD d;
  const Viewpoint from(origin, rotation);
  const auto load = [&](std::int32_t point) { return hn::LoadU(d, &points[point].x); };
  std::size_t i = 0;
  // Four floats are written for a point; the fourth is overwritten by the next one's first.
#if HWY_MAX_BYTES >= 32
  const hn::CappedTag<float, 8> pair;
  const Viewer<hn::CappedTag<float, 8> > two(
      from, [&](One v) HWY_ATTR { return hn::Combine(pair, v, v); });
  for (; i + 2 < count; i += 2) {
    const std::int32_t s = segments[i], t = segments[i + 1];
    const auto seen =
        two.See(hn::Combine(pair, load(t), load(s)), hn::Combine(pair, load(t + 1), load(s + 1)),
                hn::Combine(pair, hn::Set(d, parts[i + 1]), hn::Set(d, parts[i])));
    hn::StoreU(hn::LowerHalf(d, seen), d, out + 3 * i);
    hn::StoreU(hn::UpperHalf(d, seen), d, out + 3 * i + 3);
  }
#endif
  const Viewer<OneD> one(from, [](One v) HWY_ATTR { return v; });
  const auto see = [&](std::size_t point) {
    const std::int32_t s = segments[point];
    return one.See(load(s), load(s + 1), hn::Set(d, parts[point]));
  };
  for (; i + 1 < count; ++i) hn::StoreU(see(i), d, out + 3 * i);
  HWY_ALIGN float last[4];
  hn::Store(see(i), d, last);
  std::memcpy(out + 3 * i, last, 3 * sizeof(float));
}

#endif

// By integers, so that no processor's own rounding comes in: the exponent's bias goes from 127 to
// 15, and the mantissa loses 13 bits. Below 2^-14 a half has no exponent: adding 1/2 moves the
// mantissa to where its bits are, and rounds it.
template <class D>
HWY_INLINE void ToHalfAt(D d, std::size_t i, const float* values, std::uint16_t* halves) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<std::uint16_t, D> d16;
  const auto value = hn::LoadU(d, values + i);
  const auto size = hn::Abs(value), most = hn::Set(d, 65504.0f), half = hn::Set(d, 0.5f);
  const auto sign = hn::ShiftRight<16>(hn::BitCast(du, hn::Xor(value, size)));
  const auto bits = hn::BitCast(du, hn::IfThenElse(hn::Lt(size, most), size, most));
  const auto is_odd = hn::And(hn::ShiftRight<13>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0xFFF)), is_odd);
  const auto large = hn::Sub(hn::ShiftRight<13>(rounded), hn::Set(du, (127 - 15) << 10));
  const auto small = hn::Sub(hn::BitCast(du, hn::Add(size, half)), hn::BitCast(du, half));
  const auto is_small = hn::RebindMask(du, hn::Lt(size, hn::Set(d, 0x1p-14f)));
  const auto words = hn::Or(hn::IfThenElse(is_small, small, large), sign);
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di, words)), d16, halves + i);
}

template <class D>
HWY_INLINE void FromHalfAt(D d, std::size_t i, const std::uint16_t* halves, float* values) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<std::uint16_t, D> d16;
  const auto words = hn::PromoteTo(du, hn::LoadU(d16, halves + i));
  const auto sign = hn::ShiftLeft<16>(hn::And(words, hn::Set(du, 0x8000)));
  const auto size = hn::And(words, hn::Set(du, 0x7FFF));
  const auto large = hn::Add(hn::ShiftLeft<13>(size), hn::Set(du, (127 - 15) << 23));
  const auto small = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, size)), hn::Set(d, 0x1p-24f));
  const auto is_small = hn::Lt(size, hn::Set(du, 1 << 10));
  const auto bits = hn::IfThenElse(is_small, hn::BitCast(du, small), large);
  hn::StoreU(hn::BitCast(d, hn::Or(bits, sign)), d, values + i);
}

void ToHalf(std::size_t count, const float* values, std::uint16_t* halves) {
  EachVector(count, [=](auto d, std::size_t i) HWY_ATTR { ToHalfAt(d, i, values, halves); });
}

void FromHalf(std::size_t count, const std::uint16_t* halves, float* values) {
  EachVector(count, [=](auto d, std::size_t i) HWY_ATTR { FromHalfAt(d, i, halves, values); });
}

// Each lane keeps the best of every kLanes-th point; then the lanes are compared.
NearestPoint FindNearest(const float* x, const float* y, const float* z, std::size_t count,
                         Vec3 to) {
  const hn::CappedTag<float, kVectorPadding> d;
  const hn::RebindToSigned<decltype(d)> di;
  constexpr std::size_t kLanes = hn::MaxLanes(d);
  const auto to_x = hn::Set(d, to.x), to_y = hn::Set(d, to.y), to_z = hn::Set(d, to.z);
  const auto end = hn::Set(di, static_cast<std::int32_t>(count));
  const auto stride = hn::Set(di, static_cast<std::int32_t>(kLanes));
  auto index = hn::Iota(di, 0);
  auto best = hn::Zero(di);
  auto least = hn::Set(d, std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < count; i += kLanes) {
    const auto dx = hn::Sub(to_x, hn::LoadU(d, x + i));
    const auto dy = hn::Sub(to_y, hn::LoadU(d, y + i));
    const auto dz = hn::Sub(to_z, hn::LoadU(d, z + i));
    const auto square = hn::Add(hn::Add(hn::Mul(dx, dx), hn::Mul(dy, dy)), hn::Mul(dz, dz));
    const auto nearer = hn::And(hn::Lt(square, least), hn::RebindMask(d, hn::Lt(index, end)));
    least = hn::IfThenElse(nearer, square, least);
    best = hn::IfThenElse(hn::RebindMask(di, nearer), index, best);
    index = hn::Add(index, stride);
  }
  HWY_ALIGN float squares[kLanes];
  HWY_ALIGN std::int32_t indices[kLanes];
  hn::Store(least, d, squares);
  hn::Store(best, di, indices);
  std::size_t lane = 0;
  for (std::size_t l = 1; l < kLanes; ++l) {
    const bool is_first = squares[l] == squares[lane] && indices[l] < indices[lane];
    if (squares[l] < squares[lane] || is_first) lane = l;
  }
  return {static_cast<std::size_t>(indices[lane]), squares[lane]};
}

}  // namespace HWY_NAMESPACE
}  // namespace hotlap
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hotlap {

HWY_EXPORT(ScaleAndClip);
HWY_EXPORT(ToHalf);
HWY_EXPORT(FromHalf);
HWY_EXPORT(SeePoints);
HWY_EXPORT(FindNearest);

void ScaleAndClip(std::span<const float> scale, std::span<const float> low,
                  std::span<const float> high, std::span<float> values) {
  assert(scale.size() == values.size() && low.size() == values.size() &&
         high.size() == values.size());
  HWY_DYNAMIC_DISPATCH(ScaleAndClip)
  (values.size(), scale.data(), low.data(), high.data(), values.data());
}

void ToHalf(std::span<const float> values, std::span<std::uint16_t> halves) {
  assert(values.size() == halves.size());
  HWY_DYNAMIC_DISPATCH(ToHalf)(values.size(), values.data(), halves.data());
}

void FromHalf(std::span<const std::uint16_t> halves, std::span<float> values) {
  assert(values.size() == halves.size());
  HWY_DYNAMIC_DISPATCH(FromHalf)(values.size(), halves.data(), values.data());
}

void SeePoints(const PaddedVec3* points, std::span<const std::int32_t> segments,
               std::span<const float> parts, Vec3 origin, const Mat3& rotation,
               std::span<float> out) {
  assert(parts.size() == segments.size() && out.size() == 3 * segments.size());
  HWY_DYNAMIC_DISPATCH(SeePoints)
  (points, segments.size(), segments.data(), parts.data(), origin, rotation, out.data());
}

NearestPoint FindNearest(const float* x_m, const float* y_m, const float* z_m, std::size_t count,
                         Vec3 to) {
  assert(count > 0);
  return HWY_DYNAMIC_DISPATCH(FindNearest)(x_m, y_m, z_m, count, to);
}

}  // namespace hotlap
#endif  // HWY_ONCE
