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

// What becomes of the values from i on.
template <class D>
HWY_INLINE hn::Vec<D> ScaledAndClipped(D d, std::size_t i, const float* scale, const float* low,
                                       const float* high, const float* values) {
  const auto product = hn::Mul(hn::LoadU(d, values + i), hn::LoadU(d, scale + i));
  const auto least = hn::LoadU(d, low + i);
  const auto most = hn::LoadU(d, high + i);
  const auto value = hn::IfThenElseZero(hn::Eq(product, product), product);
  const auto raised = hn::IfThenElse(hn::Gt(value, least), value, least);
  return hn::IfThenElse(hn::Lt(raised, most), raised, most);
}

void ScaleAndClip(std::size_t count, const float* scale, const float* low, const float* high,
                  float* values) {
  const hn::CappedTag<float, 16> wide;
  constexpr std::size_t kLanes = hn::MaxLanes(wide);
  if (count < kLanes) {
    const hn::CappedTag<float, 1> one;
    for (std::size_t i = 0; i < count; ++i) {
      hn::StoreU(ScaledAndClipped(one, i, scale, low, high, values), one, values + i);
    }
    return;
  }
  // The last vector overlaps the one before, so it is computed while its values are as they came.
  const std::size_t last = count - kLanes;
  const auto end = ScaledAndClipped(wide, last, scale, low, high, values);
  for (std::size_t i = 0; i < last; i += kLanes) {
    hn::StoreU(ScaledAndClipped(wide, i, scale, low, high, values), wide, values + i);
  }
  hn::StoreU(end, wide, values + last);
}

// Where a point lies: SeePoints, of one or several distances.
template <class D>
HWY_INLINE void PlaceAt(D d, std::size_t i, const LineView& line, const float* distances,
                        std::int32_t* segments, float* parts) {
  const hn::RebindToSigned<D> di;
  const auto s = hn::Add(hn::Set(d, line.s_m), hn::LoadU(d, distances + i));
  const auto at =
      hn::Mul(hn::Sub(s, hn::Set(d, line.base_m)), hn::Set(d, line.inverse_spacing_per_m));
  const auto whole = hn::ConvertTo(di, at), last = hn::Set(di, line.last_segment);
  const auto segment = hn::IfThenElse(hn::Lt(whole, last), whole, last);
  hn::StoreU(segment, di, segments + i);
  hn::StoreU(hn::Sub(at, hn::ConvertTo(d, segment)), d, parts + i);
}

#if HWY_TARGET == HWY_SCALAR

void SeePlaces(const PaddedVec3* points, std::size_t count, const std::int32_t* segments,
               const float* parts, Vec3 origin, const Mat3& rotation, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const Vec3 a = points[segments[i]], b = points[segments[i] + 1];
    const Vec3 seen = TransposeTimes(rotation, a + (b - a) * parts[i] - origin);
    std::memcpy(out + 3 * i, &seen, sizeof seen);
  }
}

#else

using SightTag = hn::CappedTag<float, 16>;
using Sight = hn::Vec<SightTag>;
constexpr std::size_t kSightLanes = hn::MaxLanes(SightTag());
constexpr std::size_t kPointsAtOnce = kSightLanes / 4;  // four floats each, the fourth is anything

// The four floats at address(i), those at address(i + 1), .., side by side.
template <class D, class Address>
HWY_INLINE hn::Vec<D> SideBySide(D d, std::size_t i, const Address& address) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return hn::LoadU(d, address(i));
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, SideBySide(half, i + hn::MaxLanes(half) / 4, address),
                       SideBySide(half, i, address));
  }
}

// Places are read in groups of kPointsAtOnce; those beyond `count` may be any.
void SeePlaces(const PaddedVec3* points, std::size_t count, const std::int32_t* segments,
               const float* parts, Vec3 origin, const Mat3& rotation, float* out) {
  const SightTag d;
  const float* const m = &rotation.m[0][0];
  const hn::Repartition<double, SightTag> pairs;
  const auto xy_here = hn::OddEven(hn::Set(d, origin.y), hn::Set(d, origin.x));
  const Sight from_here =
      hn::BitCast(d, hn::InterleaveLower(pairs, hn::BitCast(pairs, xy_here),
                                         hn::BitCast(pairs, hn::Set(d, origin.z))));
  const Sight to_x = hn::LoadDup128(d, m), to_y = hn::LoadDup128(d, m + 3);
  const Sight to_z = hn::Shuffle0321(hn::LoadDup128(d, m + 5));  // the last row, not beyond it
  HWY_ALIGN std::int32_t spread_lanes[kSightLanes];  // to lane i the part of point i / 4
  HWY_ALIGN std::int32_t packed_lanes[kSightLanes];  // the three floats of each point
  for (std::size_t i = 0; i < kSightLanes; ++i) {
    spread_lanes[i] = static_cast<std::int32_t>(i / 4);
    packed_lanes[i] = static_cast<std::int32_t>(i < 3 * kPointsAtOnce ? i / 3 * 4 + i % 3 : 0);
  }
  const auto spread = hn::SetTableIndices(d, spread_lanes);
  const auto packed = hn::SetTableIndices(d, packed_lanes);

  for (std::size_t i = 0; i < count; i += kPointsAtOnce) {
    const auto begin = [&](std::size_t k) HWY_ATTR { return &points[segments[k]].x; };
    const auto end = [&](std::size_t k) HWY_ATTR { return &points[segments[k] + 1].x; };
    const Sight a = SideBySide(d, i, begin), b = SideBySide(d, i, end);
    const Sight part = hn::TableLookupLanes(hn::LoadDup128(d, parts + i), spread);
    const Sight offset = hn::Sub(hn::Add(a, hn::Mul(hn::Sub(b, a), part)), from_here);
    const Sight xy =
        hn::Add(hn::Mul(to_x, hn::Broadcast<0>(offset)), hn::Mul(to_y, hn::Broadcast<1>(offset)));
    const Sight seen =
        hn::TableLookupLanes(hn::Add(xy, hn::Mul(to_z, hn::Broadcast<2>(offset))), packed);
    // What a vector has beyond its points the next one overwrites; the last ones are cut.
    if (3 * i + kSightLanes <= 3 * count) {
      hn::StoreU(seen, d, out + 3 * i);
    } else if constexpr (kPointsAtOnce > 1) {
      hn::BlendedStore(seen, hn::FirstN(d, 3 * (count - i)), d, out + 3 * i);
    } else {  // where a vector is as short, Highway's writes it whole
      HWY_ALIGN float last[4];
      hn::Store(seen, d, last);
      std::memcpy(out + 3 * i, last, 3 * sizeof(float));
    }
  }
}

#endif

void SeePoints(const LineView& line, const float* distances, std::size_t count, Vec3 origin,
               const Mat3& rotation, float* out) {
  // Beyond the last one: a group of places is seen at once, and four parts are read.
  constexpr std::size_t kChunk = 64, kBeyond = 4;
  HWY_ALIGN std::int32_t segments[kChunk + kBeyond];
  HWY_ALIGN float parts[kChunk + kBeyond];
  for (std::size_t first = 0; first < count; first += kChunk) {
    const std::size_t left = count - first < kChunk ? count - first : kChunk;
    EachVector(left, [&](auto d, std::size_t i)
                         HWY_ATTR { PlaceAt(d, i, line, distances + first, segments, parts); });
    for (std::size_t i = 0; i < kBeyond; ++i) {
      segments[left + i] = 0;
      parts[left + i] = 0;
    }
    SeePlaces(line.points, left, segments, parts, origin, rotation, out + 3 * first);
  }
}

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
  const float square = hn::GetLane(hn::MinOfLanes(d, least));
  const auto is_least = hn::RebindMask(di, hn::Eq(least, hn::Set(d, square)));
  const auto first = hn::IfThenElse(is_least, best, end);
  return {static_cast<std::size_t>(hn::GetLane(hn::MinOfLanes(di, first))), square};
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

void SeePoints(const LineView& line, std::span<const float> distances_m, Vec3 origin,
               const Mat3& rotation, std::span<float> out) {
  assert(out.size() == 3 * distances_m.size());
  HWY_DYNAMIC_DISPATCH(SeePoints)
  (line, distances_m.data(), distances_m.size(), origin, rotation, out.data());
}

NearestPoint FindNearest(const float* x_m, const float* y_m, const float* z_m, std::size_t count,
                         Vec3 to) {
  assert(count > 0);
  return HWY_DYNAMIC_DISPATCH(FindNearest)(x_m, y_m, z_m, count, to);
}

}  // namespace hotlap
#endif  // HWY_ONCE
