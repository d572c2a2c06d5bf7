// The tick of a car, once for every instruction set and for any number of lanes. Included by
// vehicle_model.cc alone, several times (Highway's foreach_target.h), so it has no include guard of
// the usual kind.
//
// By these rules the bits are the same everywhere: no fused multiply-add, none of Highway's maths,
// minimum and maximum by compare and select, no estimates, and a section that is skipped when no
// lane needs it would have added nothing.
#if defined(HOTLAP_VEHICLE_TICK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOTLAP_VEHICLE_TICK_INL_H_
#undef HOTLAP_VEHICLE_TICK_INL_H_
#else
#define HOTLAP_VEHICLE_TICK_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "env/sim/vehicle_tick.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace hotlap::sim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#define HOTLAP_STATE(member) (offsetof(VehicleState, member) / sizeof(float))
#define HOTLAP_PARAM(member) (offsetof(VehicleParams, member) / sizeof(float))

template <class D, std::size_t stride>
class VehicleTick {
 public:
  static constexpr std::size_t kLanes = hn::MaxLanes(D());

  // Lanes [first, first + kLanes).
  VehicleTick(const TickArguments& arguments, std::size_t first, TickResult& result)
      : args_(arguments), first_(first), result_(result) {}

  HWY_INLINE void Run() {
    const auto lanes = static_cast<std::uint64_t>(args_.active) >> first_;
    std::uint8_t bits[8];
    std::memcpy(bits, &lanes, sizeof bits);  // little-endian, as Highway reads them
    active_ = hn::LoadMaskBits(d_, bits);
    if (!Any(active_)) return;
    LoadBody();
    LoadRoad();
    Drive();
    Wheels();
    Body();
    Integrate();
  }

 private:
  using V = hn::Vec<D>;
  using M = hn::Mask<D>;
  using DI = hn::RebindToSigned<D>;
  using VI = hn::Vec<DI>;
  struct V3 {
    V x, y, z;
  };

  // ---- Arithmetic
  HWY_INLINE V Number(float value) const { return hn::Set(d_, value); }
  static HWY_INLINE V Least(V a, V b) { return hn::IfThenElse(a < b, a, b); }
  static HWY_INLINE V Most(V a, V b) { return hn::IfThenElse(a > b, a, b); }
  static HWY_INLINE V Clamp(V value, V low, V high) { return Least(Most(value, low), high); }
  static HWY_INLINE V Dot(const V3& a, const V3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
  static HWY_INLINE V3 Cross(const V3& a, const V3& b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
  }
  static HWY_INLINE V3 Plus(const V3& a, const V3& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  static HWY_INLINE V3 Minus(const V3& a, const V3& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  static HWY_INLINE V3 Times(const V3& a, V k) { return {a.x * k, a.y * k, a.z * k}; }
  // a, b, c as columns, times v.
  static HWY_INLINE V3 Combined(const V3& a, const V3& b, const V3& c, const V3& v) {
    return Plus(Plus(Times(a, v.x), Times(b, v.y)), Times(c, v.z));
  }
  static HWY_INLINE V3 Mix(const V3& a, const V3& b, V u) { return Plus(a, Times(Minus(b, a), u)); }
  // Nearly unit vectors become unit vectors.
  HWY_INLINE V3 Straightened(const V3& a) const {
    return Times(a, Number(1.5f) - Number(0.5f) * Dot(a, a));
  }

  // ---- Words
  HWY_INLINE V Param(std::size_t word) const {
    return hn::LoadU(d_, args_.params + word * stride + first_);
  }
  HWY_INLINE V Word(std::size_t word) const {
    return hn::LoadU(d_, args_.state + word * stride + first_);
  }
  HWY_INLINE VI Int(std::size_t word) const { return hn::BitCast(di_, Word(word)); }
  HWY_INLINE V IntAsFloat(std::size_t word) const { return hn::ConvertTo(d_, Int(word)); }
  HWY_INLINE V3 Word3(std::size_t word) const {
    return {Word(word), Word(word + 1), Word(word + 2)};
  }
  HWY_INLINE V3 Param3(std::size_t word) const {
    return {Param(word), Param(word + 1), Param(word + 2)};
  }
  HWY_INLINE V Driver(std::size_t word) const {
    return hn::LoadU(d_, args_.driver + word * stride + first_);
  }
  HWY_INLINE V3 Plane(std::size_t word) const {
    const float* const at = args_.planes + word * stride + first_;
    return {hn::LoadU(d_, at), hn::LoadU(d_, at + stride), hn::LoadU(d_, at + 2 * stride)};
  }
  HWY_INLINE void Put(std::size_t word, V value) const {
    float* const at = args_.state + word * stride + first_;
    if constexpr (kLanes == 1) {
      hn::StoreU(value, d_, at);  // it ticks: see Run()
    } else {
      // Highway's BlendedStore is a masked store, which AMD's processors take dozens of steps over.
      hn::StoreU(hn::IfThenElse(active_, value, hn::LoadU(d_, at)), d_, at);
    }
  }
  HWY_INLINE void PutInt(std::size_t word, VI value) const { Put(word, hn::BitCast(d_, value)); }
  HWY_INLINE void PutAsInt(std::size_t word, V value) const {
    PutInt(word, hn::ConvertTo(di_, value));
  }
  HWY_INLINE void PutFlag(std::size_t word, M flag) const {
    Put(word, hn::IfThenElseZero(flag, hn::BitCast(d_, hn::Set(di_, 1))));
  }
  HWY_INLINE void Put3(std::size_t word, const V3& value) const {
    Put(word, value.x);
    Put(word + 1, value.y);
    Put(word + 2, value.z);
  }
  HWY_INLINE M NoLane() const { return hn::Zero(d_) != hn::Zero(d_); }
  HWY_INLINE bool Any(M mask) const { return !hn::AllFalse(d_, mask); }
  HWY_INLINE void Note(M mask, LaneMask& lanes) const {
    const M noted = hn::And(mask, active_);
    if (!Any(noted)) return;
    std::uint64_t word = 0;
    std::uint8_t bits[8] = {};
    hn::StoreMaskBits(d_, noted, bits);
    std::memcpy(&word, bits, sizeof word);
    lanes = static_cast<LaneMask>(lanes | (word << first_));
  }

  // ---- The tick, in order
  HWY_INLINE void LoadBody() {
    w_ = Word(HOTLAP_STATE(body.orientation.w));
    q_ = Word3(HOTLAP_STATE(body.orientation.x));
    position_ = Word3(HOTLAP_STATE(body.position_m));
    velocity_ = Word3(HOTLAP_STATE(body.velocity_mps));
    spin_ = Word3(HOTLAP_STATE(body.angular_velocity_radps));
    Axes(w_, q_, left_, up_, forward_);
    forward_mps_ = Dot(forward_, velocity_);
    kmh_ = forward_mps_ * Number(3.6f);
  }

  // The car's axes in the world: the columns of its rotation.
  HWY_INLINE void Axes(V w, const V3& q, V3& left, V3& up, V3& forward) const {
    const V two = Number(2), one = Number(1);
    const V xx = q.x * q.x, yy = q.y * q.y, zz = q.z * q.z;
    const V xy = q.x * q.y, xz = q.x * q.z, yz = q.y * q.z;
    const V wx = w * q.x, wy = w * q.y, wz = w * q.z;
    left = {one - two * (yy + zz), two * (xy + wz), two * (xz - wy)};
    up = {two * (xy - wz), one - two * (xx + zz), two * (yz + wx)};
    forward = {two * (xz + wy), two * (yz - wx), one - two * (xx + yy)};
  }

  // The stretch of each lane, turned from a record a lane into one vector a word.
  HWY_INLINE void LoadRoad() {
    HWY_ALIGN float transposed[kLanes == 1 ? 1 : kStretchWords * kLanes];
    const float* const words = kLanes == 1 ? Record(0) : transposed;
    Transpose(transposed);
    const auto word = [&words, this](std::size_t k)
                          HWY_ATTR { return hn::LoadU(d_, words + k * kLanes); };
    const auto word3 = [&word](std::size_t k) HWY_ATTR {
      return V3{word(k), word(k + 1), word(k + 2)};
    };
#define HOTLAP_ROAD(member) (offsetof(RoadStretch, member) / sizeof(float))
    const V3 offset = Minus(position_, word3(HOTLAP_ROAD(start_m)));
    const V3 step = word3(HOTLAP_ROAD(step_m));
    const V3 tangent0 = word3(HOTLAP_ROAD(tangent)), tangent1 = word3(HOTLAP_ROAD(tangent) + 3);
    const V behind = Dot(offset, tangent0);
    const V ahead = Dot(Minus(step, offset), tangent1);
    const V u = Clamp(behind / Most(behind + ahead, Number(1e-3f)), hn::Zero(d_), Number(1));
    const auto mix = [&word, u](std::size_t k)
                         HWY_ATTR { return word(k) + (word(k + 1) - word(k)) * u; };

    normal_ = Straightened(Mix(word3(HOTLAP_ROAD(normal)), word3(HOTLAP_ROAD(normal) + 3), u));
    across_ = Straightened(Cross(normal_, Mix(tangent0, tangent1, u)));
    along_ = Cross(across_, normal_);
    foot_ = Minus(offset, Times(step, u));
    side_ = Dot(foot_, across_);
    height_ = Dot(foot_, normal_) + Number(kRideHeightM);
    bend_ = mix(HOTLAP_ROAD(bend_per_m));
    twist_ = mix(HOTLAP_ROAD(twist_per_m));
    half_left_ = mix(HOTLAP_ROAD(half_width_left_m));
    half_right_ = mix(HOTLAP_ROAD(half_width_right_m));
    wall_left_ = word(HOTLAP_ROAD(wall_left_m));
    wall_right_ = word(HOTLAP_ROAD(wall_right_m));
    const V here = u * word(HOTLAP_ROAD(length_m));
    gap_from_ = word(HOTLAP_ROAD(gap_from_m)) - here;
    gap_to_ = word(HOTLAP_ROAD(gap_to_m)) - here;
    const VI surface = hn::BitCast(di_, word(HOTLAP_ROAD(surface)));
    const VI ground = hn::Set(di_, RoadStretch::kGround);
    is_ground_ = hn::RebindMask(d_, hn::Eq(hn::And(surface, ground), ground));
    surface_ = hn::AndNot(ground, surface);
#undef HOTLAP_ROAD

    const V reach = Number(kReachM);
    const V reach_left = half_left_ + hn::IfThenElseZero(wall_left_ > hn::Zero(d_), reach);
    const V reach_right = half_right_ + hn::IfThenElseZero(wall_right_ > hn::Zero(d_), reach);
    edge_left_ = reach_left;
    edge_right_ = reach_right;
    const M is_beside = hn::And(behind >= hn::Zero(d_), ahead >= hn::Zero(d_));
    const M is_within = hn::And(side_ <= reach_left, side_ >= hn::Neg(reach_right));
    is_over_gap_ = hn::And(gap_from_<hn::Zero(d_), gap_to_> hn::Zero(d_));
    const V depth = hn::IfThenElse(is_over_gap_, Number(kEdgeDepthM), Number(kRoadDepthM));
    is_above_ = hn::Or(height_ >= hn::Neg(depth), is_ground_);
    const M is_near = hn::And(is_above_, height_ <= Number(kHighM));
    const M over_gap = hn::And(gap_from_<hn::Neg(reach), gap_to_> reach);
    const M on_road =
        hn::AndNot(hn::Or(over_gap, is_ground_), hn::And(is_beside, hn::And(is_within, is_near)));
    PutFlag(HOTLAP_STATE(has_left_road), hn::Not(on_road));

    // The car in the frame of the road under it: x across to the left, y out of it, z along it.
    const auto in_road = [this](const V3& v) HWY_ATTR {
      return V3{Dot(v, across_), Dot(v, normal_), Dot(v, along_)};
    };
    road_left_ = in_road(left_);
    road_up_ = in_road(up_);
    road_forward_ = in_road(forward_);
    road_velocity_ = in_road(velocity_);
    road_spin_ = in_road(spin_);
  }

  HWY_INLINE const float* Record(std::size_t lane) const {
    return reinterpret_cast<const float*>(args_.footings[first_ + lane].stretch);
  }

  // Of one lane nothing: its record is read where it is.
  HWY_INLINE void Transpose([[maybe_unused]] float* words) const {
    if constexpr (kLanes > 1) {
#if HWY_TARGET != HWY_SCALAR
      // Four words at a time, of every fourth record side by side: pairs, then pairs of pairs.
      const hn::Repartition<double, D> pairs;
      for (std::size_t k = 0; k < kStretchWords; k += 4) {
        V row[4];
        for (std::size_t i = 0; i < 4; ++i) row[i] = EveryFourth(d_, i, k);
        const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d_, row[0], row[1]));
        const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d_, row[2], row[3]));
        const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d_, row[0], row[1]));
        const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d_, row[2], row[3]));
        float* const at = words + k * kLanes;
        hn::Store(hn::BitCast(d_, hn::InterleaveLower(pairs, low01, low23)), d_, at);
        hn::Store(hn::BitCast(d_, hn::InterleaveUpper(pairs, low01, low23)), d_, at + kLanes);
        hn::Store(hn::BitCast(d_, hn::InterleaveLower(pairs, high01, high23)), d_, at + 2 * kLanes);
        hn::Store(hn::BitCast(d_, hn::InterleaveUpper(pairs, high01, high23)), d_, at + 3 * kLanes);
      }
#endif
    }
  }

#if HWY_TARGET != HWY_SCALAR
  // Four words from k on of the records `lane`, lane + 4, and so on.
  template <class Part>
  HWY_INLINE hn::Vec<Part> EveryFourth(Part part, std::size_t lane, std::size_t k) const {
    if constexpr (hn::MaxLanes(Part()) <= 4) {
      return hn::LoadU(part, Record(lane) + k);
    } else {
      const hn::Half<Part> half;
      return hn::Combine(part, EveryFourth(half, lane + hn::MaxLanes(half), k),
                         EveryFourth(half, lane, k));
    }
  }
#endif

  // Steering, gears, engine, brake: what the wheels will ask of the road.
  HWY_INLINE void Drive() {
    const V zero = hn::Zero(d_), one = Number(1);
    // Left and right: the one pressed last acts.
    const V axis = Driver(0);
    throttle_ = Driver(1);
    brake_ = Driver(2);
    const M left = Driver(3) > zero, right = Driver(4) > zero;
    const VI held_before = Int(HOTLAP_STATE(held_keys));
    const VI bit0 = hn::Set(di_, 1), bit1 = hn::Set(di_, 2);
    const M left_before = hn::RebindMask(d_, hn::Eq(hn::And(held_before, bit0), bit0));
    const M right_before = hn::RebindMask(d_, hn::Eq(hn::And(held_before, bit1), bit1));
    const M both = hn::And(left, right);
    const M left_decides = hn::And(left, hn::Not(hn::And(both, left_before)));
    const M right_decides = hn::And(right, hn::Not(hn::And(both, right_before)));
    const M changes = hn::Or(hn::Not(hn::Or(left, right)), hn::Or(left_decides, right_decides));
    const V decided =
        hn::IfThenElseZero(right_decides, one) - hn::IfThenElseZero(left_decides, one);
    const V key = hn::IfThenElse(changes, decided, IntAsFloat(HOTLAP_STATE(steer_key)));
    PutAsInt(HOTLAP_STATE(steer_key), key);
    PutAsInt(HOTLAP_STATE(held_keys),
             hn::IfThenElseZero(left, one) + hn::IfThenElseZero(right, Number(2)));
    const V wanted = hn::IfThenElse(axis != zero, axis, key);

    const V steering_before = Word(HOTLAP_STATE(steering));
    const M returns =
        hn::Or(wanted * steering_before <= zero, hn::Abs(wanted) < hn::Abs(steering_before));
    const V rate = hn::IfThenElse(returns, Param(HOTLAP_PARAM(steer_return_rate_per_s)),
                                  Param(HOTLAP_PARAM(steer_rate_per_s))) *
                   Number(kTickSeconds);
    steering_ = steering_before + Clamp(wanted - steering_before, hn::Neg(rate), rate);
    Put(HOTLAP_STATE(steering), steering_);
    SinCos(steering_ * FullLockAngle(hn::Abs(forward_mps_) * Number(3.6f)));
    Engine();
  }

  // Linear between the points of the table.
  HWY_INLINE V FullLockAngle(V kmh) const {
    constexpr std::size_t kSpeed = HOTLAP_PARAM(steer_speed_kmh),
                          kAngle = HOTLAP_PARAM(steer_angle_rad);
    V from = Param(kSpeed), to = Param(kSpeed + 1), low = Param(kAngle), high = Param(kAngle + 1);
    for (std::size_t k = 1; k + 1 < kNumSteerPoints; ++k) {
      const V start = Param(kSpeed + k), angle = Param(kAngle + k);
      const M beyond = kmh > start;
      from = hn::IfThenElse(beyond, start, from);
      to = hn::IfThenElse(beyond, Param(kSpeed + k + 1), to);
      low = hn::IfThenElse(beyond, angle, low);
      high = hn::IfThenElse(beyond, Param(kAngle + k + 1), high);
    }
    return low + (high - low) * Clamp((kmh - from) / (to - from), hn::Zero(d_), Number(1));
  }

  // Of an angle of at most 1 rad; the series of scalar_math.h.
  HWY_INLINE void SinCos(V x) {
    const V u = x * x;
    steer_sin_ = x + x * u *
                         (Number(-0.16666666663f) +
                          u * (Number(0.00833333169f) +
                               u * (Number(-0.00019839990f) + u * Number(2.72375772e-6f))));
    steer_cos_ = Number(1) - Number(0.5f) * u +
                 u * u *
                     (Number(0.041666666664f) +
                      u * (Number(-0.00138888875f) +
                           u * (Number(2.48005193e-5f) + u * Number(-2.72906525e-7f))));
  }

  // One of a gear's settings; gear 0 and 1 take the first.
  HWY_INLINE V OfGear(std::size_t table, V gear) const {
    V value = Param(table);
    for (std::size_t k = 1; k < kNumGears; ++k) {
      value = hn::IfThenElse(gear > Number(static_cast<float>(k)), Param(table + k), value);
    }
    return value;
  }

  // Changes gear, and gives what the engine and the brake ask of all four wheels together.
  HWY_INLINE void Engine() {
    const V zero = hn::Zero(d_), one = Number(1);
    const V standstill = Number(kStandstillMps);
    const V before = IntAsFloat(HOTLAP_STATE(gear));
    const V shift_before = IntAsFloat(HOTLAP_STATE(shift_ticks_left));
    const M shifting = shift_before > zero;
    const M asks_reverse = hn::And(brake_ > zero, throttle_ == zero);
    const M in_reverse = before == zero;
    const M leaves_reverse = hn::And(hn::AndNot(asks_reverse, in_reverse),
                                     hn::And(hn::Or(throttle_ > zero, forward_mps_ > standstill),
                                             forward_mps_ > hn::Neg(standstill)));
    const M enters_reverse =
        hn::And(hn::AndNot(in_reverse, asks_reverse), forward_mps_ < standstill);
    constexpr std::size_t kEnd = HOTLAP_PARAM(gear_end_kmh);
    const M up = hn::And(before<Number(kNumGears), kmh_> OfGear(kEnd, before));
    const M down = hn::And(before > one, kmh_ < OfGear(kEnd, before - one) -
                                                    Param(HOTLAP_PARAM(downshift_margin_kmh)));
    V gear = before + hn::IfThenElse(up, one, hn::IfThenElse(down, Number(-1), zero));
    gear = hn::IfThenElse(enters_reverse, zero, gear);
    gear = hn::IfThenElse(in_reverse, hn::IfThenElseZero(leaves_reverse, one), gear);
    gear = hn::IfThenElse(shifting, before, gear);
    const M shifts = hn::And(gear != before, hn::And(gear > zero, before > zero));
    const V shift_ticks =
        hn::ConvertTo(d_, hn::NearestInt(Param(HOTLAP_PARAM(shift_time_s)) * Number(100)));
    const V shift =
        hn::IfThenElse(shifting, shift_before - one, hn::IfThenElseZero(shifts, shift_ticks));
    PutAsInt(HOTLAP_STATE(gear), gear);
    PutAsInt(HOTLAP_STATE(shift_ticks_left), shift);

    const M reverse = gear == zero;
    const V end = OfGear(kEnd, gear);
    const V reverse_max = Param(HOTLAP_PARAM(reverse_max_kmh));
    const V rpm = Clamp(
        hn::Abs(kmh_) / hn::IfThenElse(reverse, reverse_max, end) * Param(HOTLAP_PARAM(shift_rpm)),
        Param(HOTLAP_PARAM(idle_rpm)), Param(HOTLAP_PARAM(max_rpm)));
    const V rpm_before = Word(HOTLAP_STATE(rpm));
    Put(HOTLAP_STATE(rpm), rpm_before + (rpm - rpm_before) * Number(kRpmBlend));

    const V start = hn::IfThenElseZero(gear > one, OfGear(kEnd, gear - one));
    const V low = OfGear(HOTLAP_PARAM(drive_low_mps2), gear);
    const V high = OfGear(HOTLAP_PARAM(drive_high_mps2), gear);
    const V u = Clamp((kmh_ - start) / (end - start), zero, one);
    const V fade_end = Param(HOTLAP_PARAM(drive_fade_end_kmh));
    const V fade = Clamp((fade_end - kmh_) / (fade_end - Param(HOTLAP_PARAM(drive_fade_start_kmh))),
                         zero, one);
    const V factor = hn::IfThenElse(shift > zero, Param(HOTLAP_PARAM(shift_drive_factor)), one);
    const V ahead = throttle_ * fade * factor * (low + (high - low) * u);
    const V back = brake_ * Param(HOTLAP_PARAM(reverse_drive_mps2)) *
                   Clamp((kmh_ + reverse_max) * Number(0.1f), zero, one);
    drive_ = hn::IfThenElse(reverse, hn::Neg(back), ahead);
    const M engine_is_off = IntAsFloat(HOTLAP_STATE(is_freewheeling)) > zero;
    drive_ = hn::IfThenZeroElse(engine_is_off, drive_);
    const V quarter = Number(0.25f);
    engine_brake_ =
        hn::IfThenElseZero(drive_ == zero, quarter * Param(HOTLAP_PARAM(engine_brake_mps2)));
    engine_brake_ = hn::IfThenZeroElse(engine_is_off, engine_brake_);
    engine_brake_stiffness_ = quarter * Param(HOTLAP_PARAM(engine_brake_stiffness));
    brake_limit_ =
        quarter * Param(HOTLAP_PARAM(brake_mps2)) * hn::IfThenElse(reverse, throttle_, brake_);
    brake_stiffness_ = quarter * Param(HOTLAP_PARAM(brake_stiffness));
  }

  // Forces are summed about the car's origin in the road's frame.
  HWY_INLINE void Add(const V3& force, const V3& at, M mask) {
    const V3 f{hn::IfThenElseZero(mask, force.x), hn::IfThenElseZero(mask, force.y),
               hn::IfThenElseZero(mask, force.z)};
    force_ = Plus(force_, f);
    torque_ = Plus(torque_, Cross(at, f));
  }

  HWY_INLINE V3 InRoad(const V3& of_car) const {
    return Combined(road_left_, road_up_, road_forward_, of_car);
  }
  HWY_INLINE V3 SpeedAt(const V3& at) const { return Plus(road_velocity_, Cross(road_spin_, at)); }
  // Of the surface above the plane under the car's origin.
  HWY_INLINE V SurfaceAt(V x, V z) const { return (Number(0.5f) * bend_ * z + twist_ * x) * z; }
  // How it rises there, across the road and along it. What presses on it pushes against that slope
  // too: over a twisted or bent road nothing is lifted for nothing.
  struct Slope {
    V across, along;
  };
  HWY_INLINE Slope SlopeAt(V x, V z) const { return {twist_ * z, bend_ * z + twist_ * x}; }
  // How fast a point leaves a surface of this slope.
  HWY_INLINE V LeavingSpeed(const V3& speed, const Slope& slope) const {
    return speed.y - slope.along * speed.z - slope.across * speed.x;
  }
  HWY_INLINE M IsOnRoad(V x, V z) const {
    const M within = hn::And(is_above_, hn::And(x <= edge_left_, x >= hn::Neg(edge_right_)));
    return hn::AndNot(hn::And(z > gap_from_, z < gap_to_), within);
  }

  HWY_INLINE V Grip() const {
    V grip = Param(HOTLAP_PARAM(grip_asphalt));
    const auto select = [&grip, this](Surface surface, std::size_t word) HWY_ATTR {
      const VI id = hn::Set(di_, static_cast<std::int32_t>(surface));
      grip = hn::IfThenElse(hn::RebindMask(d_, hn::Eq(surface_, id)), Param(word), grip);
    };
    select(Surface::kGrass, HOTLAP_PARAM(grip_grass));
    select(Surface::kDirt, HOTLAP_PARAM(grip_dirt));
    select(Surface::kIce, HOTLAP_PARAM(grip_ice));
    return grip;
  }

  HWY_INLINE void Wheels() {
    const V zero = hn::Zero(d_), one = Number(1);
    force_ = torque_ = {zero, zero, zero};
    contacts_ = zero;
    const V drive = drive_ * Number(0.25f);
    const V grip = Grip();
    const V spin = forward_mps_ / Param(HOTLAP_PARAM(wheel_radius_m));
    const V radius = Param(HOTLAP_PARAM(wheel_radius_m));
    const V max_extension = Param(HOTLAP_PARAM(max_extension_m));
    const V max_compression = Param(HOTLAP_PARAM(max_compression_m));
    const M is_upright = road_up_.y > Number(kUprightCosine);
    const V inverse_rest_load = one / Param(HOTLAP_PARAM(rest_load));
    const V slide_grip = Param(HOTLAP_PARAM(slide_grip_factor));
    for (std::size_t axle = 0; axle < 2; ++axle) {
      const bool is_front = axle == 0;
      // Across the wheels and along them, in the plane of the road.
      V ax = road_left_.x, az = road_left_.z;
      if (is_front) {
        ax = ax * steer_cos_ + road_forward_.x * steer_sin_;
        az = az * steer_cos_ + road_forward_.z * steer_sin_;
      }
      const V square = ax * ax + az * az;
      const V scale = one / hn::Sqrt(Most(square, Number(1e-6f)));
      ax = ax * scale;
      az = az * scale;
      const V stiffness = Param(is_front ? HOTLAP_PARAM(lateral_stiffness_front)
                                         : HOTLAP_PARAM(lateral_stiffness_rear));
      const V spring_free =
          Param(is_front ? HOTLAP_PARAM(spring_free_front_m) : HOTLAP_PARAM(spring_free_rear_m));
      for (std::size_t i = 2 * axle; i < 2 * axle + 2; ++i) {
        const std::size_t wheel = HOTLAP_STATE(wheels) + i * (sizeof(WheelContact) / sizeof(float));
        V3 at = InRoad(Param3(HOTLAP_PARAM(wheel_offset_m) + 3 * i));
        const V above = height_ + at.y - SurfaceAt(side_ + at.x, at.z);
        const V extension = Clamp(above - radius, hn::Neg(max_compression), max_extension);
        const M touches =
            hn::And(hn::And(extension < max_extension, is_upright), IsOnRoad(side_ + at.x, at.z));
        at.y = at.y - above;
        const V3 slip = SpeedAt(at);
        const Slope slope = SlopeAt(side_ + at.x, at.z);
        const V load = Most(
            zero, Param(HOTLAP_PARAM(droop_stiffness)) * (max_extension - extension) +
                      Param(HOTLAP_PARAM(spring_stiffness)) * Most(zero, spring_free - extension) +
                      Param(HOTLAP_PARAM(bump_stiffness)) * Most(zero, hn::Neg(extension)) -
                      Param(HOTLAP_PARAM(damping)) * LeavingSpeed(slip, slope));
        const V lateral_mps = slip.x * ax + slip.z * az;
        const V along_mps = slip.z * ax - slip.x * az;
        const V lateral = hn::Neg(lateral_mps * stiffness);
        const V longitudinal =
            drive - Clamp(along_mps * brake_stiffness_, hn::Neg(brake_limit_), brake_limit_) -
            Clamp(along_mps * engine_brake_stiffness_, hn::Neg(engine_brake_), engine_brake_);
        const M slid = IntAsFloat(wheel + kSliding) > zero;
        const V sensitivity =
            Clamp(one - Param(HOTLAP_PARAM(load_sensitivity)) * (load * inverse_rest_load - one),
                  Number(0.5f), Number(1.2f));
        const V limit = load * grip * sensitivity * hn::IfThenElse(slid, slide_grip, one);
        const V asked2 = lateral * lateral + longitudinal * longitudinal;
        const M beyond = asked2 > limit * limit;
        V share = one;
        if (Any(beyond)) {
          share = hn::IfThenElse(beyond, limit / hn::Sqrt(Most(asked2, Number(1e-12f))), one);
        }
        const V end = limit * Param(HOTLAP_PARAM(slide_end_factor));
        const M grips_again = hn::And(
            asked2 < end * end,
            hn::Abs(lateral_mps) <=
                hn::Abs(along_mps) * Param(HOTLAP_PARAM(slide_end_slip)) + Number(kCrawlMps));
        const M slides = hn::And(touches, hn::Or(beyond, hn::AndNot(grips_again, slid)));
        const V fx = (lateral * ax - longitudinal * az) * share;
        const V fz = (lateral * az + longitudinal * ax) * share;
        Add({fx - load * slope.across, load, fz - load * slope.along}, at, touches);

        Put(wheel + kExtension, hn::IfThenElse(touches, Most(extension, zero), max_extension));
        Put(wheel + kAngularSpeed, hn::IfThenElse(touches, spin, Word(wheel + kAngularSpeed)));
        PutFlag(wheel + kContact, touches);
        PutFlag(wheel + kSliding, slides);
        PutInt(wheel + kMaterial, hn::IfThenElseZero(hn::RebindMask(di_, touches), surface_));
        contacts_ = contacts_ + hn::IfThenElseZero(touches, one);
      }
    }
    Pads();
  }

  // Turbo and free wheeling, by what the wheels stand on.
  HWY_INLINE void Pads() {
    const V zero = hn::Zero(d_), one = Number(1);
    const M touches = contacts_ > zero;
    const auto is_on = [touches, this](Surface surface) HWY_ATTR {
      const VI id = hn::Set(di_, static_cast<std::int32_t>(surface));
      return hn::And(touches, hn::RebindMask(d_, hn::Eq(surface_, id)));
    };
    const M turbo2 = is_on(Surface::kTurbo2);
    const M on_pad = hn::Or(is_on(Surface::kTurbo), turbo2);
    const V full =
        hn::ConvertTo(d_, hn::NearestInt(Param(HOTLAP_PARAM(turbo_time_s)) * Number(100)));
    const V left =
        hn::IfThenElse(on_pad, full, Most(zero, IntAsFloat(HOTLAP_STATE(turbo_ticks_left)) - one));
    const VI surface =
        hn::IfThenElse(hn::RebindMask(di_, on_pad), surface_, Int(HOTLAP_STATE(turbo_surface)));
    PutAsInt(HOTLAP_STATE(turbo_ticks_left), left);
    PutInt(HOTLAP_STATE(turbo_surface), surface);
    const M off = hn::AndNot(on_pad, hn::Or(is_on(Surface::kFreeWheeling),
                                            IntAsFloat(HOTLAP_STATE(is_freewheeling)) > zero));
    PutFlag(HOTLAP_STATE(is_freewheeling), off);

    Note(hn::And(on_pad, full > zero), result_.on_turbo);
    const M is_pushed = hn::And(touches, left > zero);
    boost_ = zero;
    if (!Any(is_pushed)) return;
    const V low_kmh = Param(HOTLAP_PARAM(turbo_low_kmh));
    const V low = Param(HOTLAP_PARAM(turbo_low_mps2)), high = Param(HOTLAP_PARAM(turbo_high_mps2));
    const V u =
        Clamp((kmh_ - low_kmh) / (Param(HOTLAP_PARAM(turbo_high_kmh)) - low_kmh), zero, one);
    const M is_strong = hn::RebindMask(
        d_, hn::Eq(surface, hn::Set(di_, static_cast<std::int32_t>(Surface::kTurbo2))));
    const V factor = hn::IfThenElse(is_strong, Param(HOTLAP_PARAM(turbo2_factor)), one);
    boost_ = hn::IfThenElseZero(is_pushed, (low + (high - low) * u) * factor);
  }

  // The corners of the body against the road or the ground, and against the walls.
  HWY_INLINE void Body() {
    const V zero = hn::Zero(d_);
    // No corner can be further out than this; the margins are for what rounding may add.
    const V margin = Number(0.01f);
    const V reach_up = hn::Abs(road_left_.y) * Number(kBodyReachX) +
                       hn::Abs(road_forward_.y) * Number(kBodyReachZ);
    const V curve = (Number(0.5f * kReachM) * hn::Abs(bend_) +
                     hn::Abs(twist_) * (hn::Abs(side_) + Number(kReachM))) *
                    Number(kReachM);
    const V lowest = height_ +
                     Least(road_up_.y * Number(kBodyLow), road_up_.y * Number(kBodyHigh)) -
                     reach_up - curve - margin;
    const V reach_side = hn::Abs(road_left_.x) * Number(kBodyReachX) +
                         hn::Abs(road_forward_.x) * Number(kBodyReachZ) +
                         hn::Abs(road_up_.x) * Number(kBodyHigh) + margin;
    const M near_wall =
        hn::Or(hn::And(wall_left_ > zero, side_ + reach_side > half_left_),
               hn::And(wall_right_ > zero, side_ - reach_side < hn::Neg(half_right_)));
    const bool any_is_low = Any(hn::And(active_, lowest < zero));
    M touched = NoLane(), touched_wall = NoLane();
    if (any_is_low || Any(hn::And(active_, near_wall))) Corners(any_is_low, touched, touched_wall);
    PutFlag(HOTLAP_STATE(has_wall_contact), touched_wall);
    Note(touched_wall, result_.against_wall);
    const M has_touched_down = hn::Or(IntAsFloat(HOTLAP_STATE(has_touched_down)) > zero,
                                      hn::Or(contacts_ > zero, touched));
    PutFlag(HOTLAP_STATE(has_touched_down), has_touched_down);
    is_dropping_ = hn::Not(has_touched_down);
    is_flying_ = hn::And(contacts_ == zero, hn::Not(touched));
  }

  // Where none is low, a corner touches nothing but a wall that it is beyond.
  HWY_INLINE void Corners(bool any_is_low, M& touched, M& touched_wall) {
    const V zero = hn::Zero(d_);
    const V stiffness = Param(HOTLAP_PARAM(body_stiffness));
    const V damping = Param(HOTLAP_PARAM(body_damping));
    const V deepest = Param(HOTLAP_PARAM(max_compression_m));
    const V ground_friction = Param(HOTLAP_PARAM(body_friction));
    const V wall_friction = Param(HOTLAP_PARAM(wall_friction));
    // One corner against the surface with this slope or against the wall on the side of `sign`.
    const auto press = [&](const V3& at, const V3& speed, V depth, V opening, bool is_wall, V sign,
                           const Slope& slope, M mask) HWY_ATTR {
      if (!Any(mask)) return;
      const V push = Most(zero, stiffness * Least(depth, deepest) - damping * opening);
      const V sx = is_wall ? zero : speed.x, sy = is_wall ? speed.y : zero;
      const V scrape = hn::Sqrt(sx * sx + sy * sy + speed.z * speed.z);
      const V limit = push * (is_wall ? wall_friction : ground_friction);
      const V drag =
          hn::IfThenElse(scrape * damping > limit, limit / Most(scrape, Number(1e-6f)), damping);
      V3 force{hn::Neg(sx * drag), hn::Neg(sy * drag), hn::Neg(speed.z * drag)};
      if (is_wall) {
        force.x = force.x + sign * push;
      } else {
        force = Plus(force, {hn::Neg(push * slope.across), push, hn::Neg(push * slope.along)});
      }
      Add(force, at, mask);
      touched = hn::Or(touched, mask);
      if (is_wall) touched_wall = hn::Or(touched_wall, mask);
    };
    const V one = Number(1), minus = Number(-1);
    for (std::size_t i = 0; i < kNumBodyPoints; ++i) {
      const V3 at = InRoad(Param3(HOTLAP_PARAM(body_point_m) + 3 * i));
      const V x = side_ + at.x;
      const M is_beyond = hn::Or(hn::And(wall_left_ > zero, x > half_left_),
                                 hn::And(wall_right_ > zero, x < hn::Neg(half_right_)));
      if (!any_is_low && !Any(is_beyond)) continue;
      const V above = height_ + at.y - SurfaceAt(x, at.z);
      const M over_gap = hn::And(at.z > gap_from_, at.z < gap_to_);
      const M beside_wall = hn::AndNot(over_gap, hn::And(is_above_, above > Number(-kWallDepthM)));
      const M in_ground = hn::And(above < zero, IsOnRoad(x, at.z));
      const M in_left = hn::And(beside_wall, hn::And(above<wall_left_, x> half_left_));
      const M in_right =
          hn::And(beside_wall, hn::And(above < wall_right_, x < hn::Neg(half_right_)));
      if (!Any(hn::Or(in_ground, hn::Or(in_left, in_right)))) continue;
      const V3 speed = SpeedAt(at);
      const Slope slope = SlopeAt(x, at.z);
      press(at, speed, hn::Neg(above), LeavingSpeed(speed, slope), false, zero, slope, in_ground);
      press(at, speed, x - half_left_, hn::Neg(speed.x), true, minus, slope, in_left);
      press(at, speed, hn::Neg(x) - half_right_, speed.x, true, one, slope, in_right);
    }
  }

  HWY_INLINE void Integrate() {
    const V one = Number(1), tick = Number(kTickSeconds);
    V3 force = Combined(across_, normal_, along_, force_);
    const V push = boost_ + hn::IfThenElseZero(is_dropping_, drive_);
    const V drag = Param(HOTLAP_PARAM(drag_per_m)) * hn::Sqrt(Dot(velocity_, velocity_));
    force = Minus(Plus(force, Times(forward_, push)), Times(velocity_, drag));
    force.y = force.y - Param(HOTLAP_PARAM(gravity_mps2));
    const V3 torque_in_car{Dot(torque_, road_left_), Dot(torque_, road_up_),
                           Dot(torque_, road_forward_)};
    Put3(HOTLAP_STATE(force_mps2), force);
    Put3(HOTLAP_STATE(torque), Combined(across_, normal_, along_, torque_));

    V3 velocity = Plus(velocity_, Times(force, tick));
    M limited = Limit(velocity, Param(HOTLAP_PARAM(max_linear_speed_mps)));

    // The spin of a symmetric top, exactly: with no torque the part across the roll axis turns
    // about it at a rate in proportion to the roll, and nothing is gained or lost.
    const V flat = Param(HOTLAP_PARAM(inverse_inertia_pitch_yaw));
    const V roll = Param(HOTLAP_PARAM(inverse_inertia_roll));
    V3 spin{Dot(spin_, left_), Dot(spin_, up_), Dot(spin_, forward_)};
    const V half = Number(-0.5f * kTickSeconds) * (one - flat / roll) * spin.z;
    const V scale = one / (one + half * half);
    const V cosine = (one - half * half) * scale, sine = Number(2) * half * scale;
    spin = {spin.x * cosine - spin.y * sine, spin.x * sine + spin.y * cosine, spin.z};
    spin.x = spin.x + torque_in_car.x * flat * tick;
    spin.y = spin.y + torque_in_car.y * flat * tick;
    spin.z = spin.z + torque_in_car.z * roll * tick;
    const V damping = Param(HOTLAP_PARAM(air_angular_damping_per_s)) +
                      brake_ * Param(HOTLAP_PARAM(air_brake_damping_per_s));
    spin = Times(spin, hn::IfThenElse(is_flying_, one - Least(damping * tick, one), one));
    spin.y = spin.y - hn::IfThenElseZero(is_flying_,
                                         steering_ * Param(HOTLAP_PARAM(air_steer_radps2)) * tick);
    limited = hn::Or(limited, Limit(spin, Param(HOTLAP_PARAM(max_angular_speed_radps))));

    // Neither springs nor corners let the origin through a surface, a wall or the edge of a gap.
    V3 moved = Plus(foot_, Times(velocity, tick));
    Stop(moved, velocity);
    V3 position = Plus(position_, Minus(moved, foot_));
    const V world = Number(kWorldLimitM);
    const V3 held{Clamp(position.x, hn::Neg(world), world), Most(position.y, hn::Neg(world)),
                  Clamp(position.z, hn::Neg(world), world)};
    const M outside =
        hn::Or(held.x != position.x, hn::Or(held.y != position.y, held.z != position.z));

    const V3 h = Times(spin, Number(0.5f * kTickSeconds));
    const V w = w_ - q_.x * h.x - q_.y * h.y - q_.z * h.z;
    const V x = q_.x + w_ * h.x + q_.y * h.z - q_.z * h.y;
    const V y = q_.y + w_ * h.y + q_.z * h.x - q_.x * h.z;
    const V z = q_.z + w_ * h.z + q_.x * h.y - q_.y * h.x;
    const V unit = one / hn::Sqrt(w * w + x * x + y * y + z * z);
    const V3 q{x * unit, y * unit, z * unit};
    V3 left, up, forward;
    Axes(w * unit, q, left, up, forward);

    Put(HOTLAP_STATE(previous_body.orientation.w), w_);
    Put3(HOTLAP_STATE(previous_body.orientation.x), q_);
    Put3(HOTLAP_STATE(previous_body.position_m), position_);
    Put3(HOTLAP_STATE(previous_body.velocity_mps), velocity_);
    Put3(HOTLAP_STATE(previous_body.angular_velocity_radps), spin_);
    Put(HOTLAP_STATE(body.orientation.w), w * unit);
    Put3(HOTLAP_STATE(body.orientation.x), q);
    Put3(HOTLAP_STATE(body.position_m), held);
    Put3(HOTLAP_STATE(body.velocity_mps), velocity);
    Put3(HOTLAP_STATE(body.angular_velocity_radps), Combined(left, up, forward, spin));
    Note(limited, result_.speed_limited);
    Note(outside, result_.left_world);
    Note(Dot(Minus(held, Plane(0)), Plane(3)) >= hn::Zero(d_), result_.beyond_plane);
  }

  // Cut to the given length; whether it was longer.
  HWY_INLINE M Limit(V3& v, V length) const {
    const V square = Dot(v, v);
    const M longer = square > length * length;
    if (!Any(longer)) return longer;
    v = Times(v, hn::IfThenElse(longer, length / hn::Sqrt(Most(square, Number(1e-6f))), Number(1)));
    return longer;
  }

  HWY_INLINE void Stop(V3& foot, V3& velocity) const {
    const V zero = hn::Zero(d_);
    StopAtEdge(foot, velocity);
    const V x = Dot(foot, across_), z = Dot(foot, along_);
    const V y = Dot(foot, normal_) + Number(kRideHeightM) - SurfaceAt(x, z);
    const M over_road = IsOnRoad(x, z);
    const V sunk = hn::Neg(y) - Param(HOTLAP_PARAM(sink_limit_m));
    const M sinks = hn::And(over_road, sunk > zero);
    const V clearance = Param(HOTLAP_PARAM(wall_clearance_m));
    const M low = hn::And(over_road, y > Number(-kWallDepthM));
    const V over_left = x + clearance - half_left_, over_right = clearance - half_right_ - x;
    const M hits_left = hn::And(low, hn::And(y<wall_left_, over_left> zero));
    const M hits_right = hn::And(low, hn::And(y<wall_right_, over_right> zero));
    if (!Any(hn::And(active_, hn::Or(sinks, hn::Or(hits_left, hits_right))))) return;

    const V lift = hn::IfThenElseZero(sinks, sunk);
    foot = Plus(foot, Times(normal_, lift));
    const V into = hn::IfThenElseZero(sinks, Least(Dot(velocity, normal_), zero));
    velocity = Minus(velocity, Times(normal_, into));
    const V back =
        hn::IfThenElseZero(hits_right, over_right) - hn::IfThenElseZero(hits_left, over_left);
    foot = Plus(foot, Times(across_, back));
    const V sideways = Dot(velocity, across_);
    const M goes_in =
        hn::Or(hn::And(hits_left, sideways > zero), hn::And(hits_right, sideways < zero));
    const V returned = Number(1) + Param(HOTLAP_PARAM(wall_bounce));
    velocity = Minus(velocity, Times(across_, hn::IfThenElseZero(goes_in, sideways * returned)));
    // What the lift gained in height the speed pays for.
    const V square = Dot(velocity, velocity);
    const V gained = Number(2) * Param(HOTLAP_PARAM(gravity_mps2)) * Most(lift * normal_.y, zero);
    const V kept = hn::Sqrt(Most(square - gained, zero) / Most(square, Number(1e-6f)));
    velocity = Times(velocity, hn::IfThenElse(gained > zero, kept, Number(1)));
  }

  // A car that has sunk below the road over a gap does not come out of it at either end.
  HWY_INLINE void StopAtEdge(V3& foot, V3& velocity) const {
    const V zero = hn::Zero(d_), margin = Number(kEdgeMarginM);
    const M within = hn::And(side_ <= edge_left_, side_ >= hn::Neg(edge_right_));
    const M is_low = hn::AndNot(is_above_, hn::And(is_over_gap_, within));
    if (!Any(hn::And(active_, is_low))) return;
    const V z = Dot(foot, along_);
    const V held = Clamp(z, Least(gap_from_ + margin, zero), Most(gap_to_ - margin, zero));
    const M hits = hn::And(is_low, held != z);
    foot = Plus(foot, Times(along_, hn::IfThenElseZero(hits, held - z)));
    const V ahead = Dot(velocity, along_);
    const M goes_in = hn::And(hits, (held - z) * ahead < zero);
    const V returned = Number(1) + Param(HOTLAP_PARAM(wall_bounce));
    velocity = Minus(velocity, Times(along_, hn::IfThenElseZero(goes_in, ahead * returned)));
  }

  static constexpr float kStandstillMps = 1.0f;   // brake engages reverse below this
  static constexpr float kUprightCosine = 0.35f;  // a car tilted further stands on no wheel
  static constexpr float kRpmBlend = 0.2f;        // share of the way that rpm goes in a tick
  static constexpr float kCrawlMps = 0.5f;        // sideways; slower is no slide at any speed
  static constexpr float kReachM = 3.5f;          // from the car's origin to its furthest point
  static constexpr float kHighM = 4.0f;           // higher up, another road may lie between
  static constexpr float kWallDepthM = 2.0f;      // walls reach so far down below their road
  static constexpr float kEdgeDepthM = 0.1f;      // lower over a gap, a car meets the gap's edge
  static constexpr float kEdgeMarginM = 0.05f;    // and is held so far from it
  // Words of a WheelContact.
  static constexpr std::size_t kExtension = 0, kAngularSpeed = 1, kContact = 2, kSliding = 3,
                               kMaterial = 4;
  // Bounds of every body point that a config may name.
  static constexpr float kBodyReachX = kBodyReach.x, kBodyReachZ = kBodyReach.z, kBodyLow = 0,
                         kBodyHigh = kBodyReach.y;

  const D d_{};
  const DI di_{};
  const TickArguments& args_;
  const std::size_t first_;
  TickResult& result_;

  M active_;
  V w_;                                // orientation
  V3 q_, position_, velocity_, spin_;  // world
  V3 left_, up_, forward_;             // the car's axes, world
  V forward_mps_, kmh_;

  V3 across_, normal_, along_;  // of the road under the car, world
  V3 foot_;                     // from the road's line to the car's origin, world
  V side_, height_;             // of the origin: left of the line, above the surface
  V bend_, twist_, half_left_, half_right_, wall_left_, wall_right_;
  V edge_left_, edge_right_;  // where the road ends; behind a wall further out
  V gap_from_, gap_to_;       // along the road from the origin
  VI surface_;
  M is_ground_, is_above_;  // over the ground; not below the road that is here
  M is_over_gap_;           // the origin is
  V3 road_left_, road_up_, road_forward_, road_velocity_, road_spin_;  // in the road's frame

  V throttle_, brake_, steering_, steer_sin_, steer_cos_;
  V drive_, engine_brake_, engine_brake_stiffness_, brake_limit_, brake_stiffness_, boost_;
  V3 force_, torque_;  // in the road's frame, about the origin
  V contacts_;
  M is_dropping_, is_flying_;
};

#undef HOTLAP_STATE
#undef HOTLAP_PARAM

}  // namespace HWY_NAMESPACE
}  // namespace hotlap::sim
HWY_AFTER_NAMESPACE();

#endif  // include guard
