// SimStateData: the 8356 bytes and more that a game tells and takes as its whole state. Layout by
// section 5 of the protocol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "env/tminterface/event_buffer.h"
#include "env/tminterface/message.h"
#include "env/vec3.h"

namespace hotlap::tminterface {

inline constexpr std::size_t kSimStateFixedSize = 8356;  // with two empty checkpoint arrays

// Bits of `flags`: which blocks hold anything.
inline constexpr std::uint32_t kHasTimers = 0x01, kHasDyna = 0x02, kHasSceneMobil = 0x04,
                               kHasWheels = 0x08, kHasPlugSolid = 0x10, kHasCmdBuffer = 0x20,
                               kHasInputState = 0x40, kHasPlayerInfo = 0x80;
inline constexpr std::uint32_t kRunModeFlags = 0x9F;  // as captured from real games

inline constexpr std::int32_t kClockOffsetMs = 2610;  // tick clock minus race time

// A named place of the layout. T is what it holds.
template <class T>
struct Field {
  std::size_t offset;
};

// Absolute offsets. A wheel's fields are relative to wheel_offset(i); a body state's to one of the
// three dyna offsets; a vehicle state's to one of the four *real* offsets, 12 bytes later than the
// official client's (section 5.9).
namespace layout {
inline constexpr Field<std::uint32_t> kVersion{0};
inline constexpr Field<std::int32_t> kContextMode{4};
inline constexpr Field<std::uint32_t> kFlags{8};
inline constexpr std::size_t kTimers = 12;  // int32[53]
inline constexpr std::size_t kDyna = 224, kDynaPrevious = 492, kDynaCurrent = 672, kDynaTemp = 852,
                             kDynaRest = 1032, kDynaRestSize = 616;
namespace body {  // relative to a dyna state, 180 bytes
inline constexpr std::size_t kQuat = 0, kRotation = 16, kPosition = 52, kLinearSpeed = 64,
                             kAddLinearSpeed = 76, kAngularSpeed = 88, kForce = 100, kTorque = 112,
                             kInverseInertia = 124, kUnknown = 160, kNotTweakedLinearSpeed = 164,
                             kOwner = 176, kSize = 180;
}
inline constexpr std::size_t kSceneMobil = 1648;
inline constexpr Field<float> kInputGas{1728}, kInputBrake{1732}, kInputSteer{1736};
inline constexpr Field<bool> kIsUpdateAsync{1724}, kIsLightTrialsSet{1764};
inline constexpr Field<std::int32_t> kHornLimit{1796}, kQuality{1812};
inline constexpr Field<float> kMaxLinearSpeed{2384};
inline constexpr Field<std::int32_t> kGearboxState{2388}, kBlockFlags{2392};
inline constexpr std::size_t kPrevSyncVehicleState = 2408, kSyncVehicleState = 2576,
                             kAsyncVehicleState = 2744, kPrevAsyncVehicleState = 2912;
namespace vehicle {  // relative to a vehicle state, 168 bytes
inline constexpr std::size_t kSpeedForward = 0, kSpeedSideward = 4, kInputSteer = 8, kInputGas = 12,
                             kInputBrake = 16, kIsTurbo = 20, kRpm = 128, kGear = 132,
                             kGearboxState = 136, kSize = 168;
}
inline constexpr Field<float> kMaxRpm{3084}, kBrakingFactor{3104}, kClampedRpm{3108},
    kActualRpm{3112}, kSlideFactor{3116};
inline constexpr Field<std::int32_t> kRearGear{3124}, kGear{3128};
inline constexpr Field<bool> kHasAnyLateralContact{3148};
inline constexpr Field<std::int32_t> kLastHasAnyLateralContactTime{3152};
inline constexpr Field<bool> kWaterForcesApplied{3156};
inline constexpr Field<float> kTurningRate{3160}, kTurboBoostFactor{3172};
inline constexpr Field<std::int32_t> kLastTurboTypeChangeTime{3176}, kLastTurboTime{3180},
    kTurboType{3184};
inline constexpr Field<float> kRouletteValue{3192};
inline constexpr Field<bool> kIsFreewheeling{3196}, kIsSliding{3224};
inline constexpr Field<std::int32_t> kWheelContactAbsorbCounter{3308}, kBurnoutState{3340};
inline constexpr Field<Vec3> kCurrentLocalSpeed{3452}, kTotalCentralForceAdded{3720};
inline constexpr Field<bool> kIsRubberBall{3764};
inline constexpr std::size_t kSavedState = 3768;  // float[4][3]
inline constexpr std::size_t kWheels = 3816, kWheelStride = 764;
namespace wheel {  // relative to a wheel
inline constexpr std::size_t kSteerable = 4, kRadius = 8, kSurfaceHandlerUnknown = 16,
                             kSurfaceHandlerRotation = 64, kSurfaceHandlerPosition = 100,
                             kField112 = 112, kField160 = 160, kField164 = 164,
                             kOffsetFromVehicle = 168, kDamperAbsorb = 180, kAngularSpeed = 288,
                             kHasGroundContact = 292, kContactMaterial = 296, kIsSliding = 300,
                             kRelativeRotzAxis = 304, kNumGroundContacts = 320,
                             kContactNormal = 324, kField348 = 348,
                             kContactRelativeLocalDistance = 352, kPrevSyncState = 364,
                             kSyncState = 464, kField564 = 564, kAsyncState = 664, kStateSize = 100;
}
inline constexpr std::size_t kPlugSolid = 6872, kPlugSolidSize = 68;
inline constexpr std::size_t kCmdBufferCore = 6940, kCmdBufferCoreSize = 264;
inline constexpr std::size_t kPlayerInfo = 7204;
inline constexpr Field<std::uint32_t> kTeam{7780};
inline constexpr Field<std::int32_t> kPrevRaceTime{7884}, kRaceStartTime{7888}, kRaceTime{7892},
    kRaceBestTime{7896}, kLapStartTime{7900}, kLapTime{7904}, kLapBestTime{7908},
    kMinRespawns{7912}, kNbCompleted{7916}, kMaxCompleted{7920}, kStuntsScore{7924},
    kBestStuntsScore{7928}, kCurCheckpoint{7932}, kCurrentRaceRank{7940}, kCurrentRoundRank{7944},
    kCurrentTime{7980}, kRaceState{7992}, kReadyEnum{7996}, kRoundNum{8000},
    kCurLapCheckpointCount{8020}, kCurCheckpointCount{8024}, kCurLap{8028};
inline constexpr Field<float> kAverageRank{7936}, kOffsetCurrentCheckpoint{8004};
inline constexpr Field<bool> kRaceFinished{8032};
inline constexpr Field<std::int32_t> kDisplaySpeed{8036};
inline constexpr Field<bool> kFinishNotPassed{8040};
inline constexpr Field<std::int32_t> kCountdownTime{8120};
inline constexpr std::size_t kPlayerInfoRest =
    8124;  // 32 bytes; the first int32 repeats the race time
inline constexpr std::size_t kInternalInputState = 8156;  // 10 x {int32 time, Event}
inline constexpr std::size_t kEventRunning = 8276, kEventFinish = 8284, kEventAccelerate = 8292,
                             kEventBrake = 8300, kEventLeft = 8308, kEventRight = 8316,
                             kEventSteer = 8324, kEventGas = 8332;  // an Event each
inline constexpr Field<std::uint32_t> kNumRespawns{8340};
inline constexpr std::size_t kCheckpointData =
    8344;  // int32 reserved, S, S x bool, T, T x {time, stunts score}

constexpr std::size_t wheel_offset(int i) {
  return kWheels + kWheelStride * static_cast<std::size_t>(i);
}
}  // namespace layout

// Read access to bytes that Parse has checked. Does not own them.
class SimStateView {
 public:
  // Checks the total length against the two checkpoint counts; trailing bytes are ignored. The
  // error names the field.
  static std::variant<SimStateView, DecodeError> Parse(std::span<const std::byte> bytes);

  // Raw places.
  std::int32_t Int32(std::size_t offset) const { return Load<std::int32_t>(offset); }
  float Float(std::size_t offset) const { return Load<float>(offset); }
  bool Bool(std::size_t offset) const { return Load<std::int32_t>(offset) != 0; }
  Vec3 Vector(std::size_t offset) const {
    return {Float(offset), Float(offset + 4), Float(offset + 8)};
  }
  Mat3 Matrix(std::size_t offset) const;
  Event EventAt(std::size_t offset) const {
    return {Load<std::int32_t>(offset), Load<std::uint32_t>(offset + 4)};
  }
  std::int32_t Get(Field<std::int32_t> f) const { return Load<std::int32_t>(f.offset); }
  std::uint32_t Get(Field<std::uint32_t> f) const { return Load<std::uint32_t>(f.offset); }
  float Get(Field<float> f) const { return Load<float>(f.offset); }
  bool Get(Field<bool> f) const { return Bool(f.offset); }
  Vec3 Get(Field<Vec3> f) const { return Vector(f.offset); }

  // Accessors of the official client, gated by the flags as it does (zero when the block is
  // absent).
  bool Has(std::uint32_t flag) const { return (Get(layout::kFlags) & flag) != 0; }
  std::int32_t time_ms() const;       // the tick clock: race time + 2610
  std::int32_t race_time_ms() const;  // of player_info
  std::int32_t rewind_time_ms() const { return race_time_ms() + 10; }
  std::int32_t display_speed_kmh() const;
  Vec3 position_m() const;    // of the current body state
  Vec3 velocity_mps() const;  // likewise
  Vec3 angular_velocity_radps() const;
  Mat3 rotation() const;  // car to world
  struct YawPitchRoll {
    double yaw = 0, pitch = 0, roll = 0;
  };
  YawPitchRoll yaw_pitch_roll()
      const;  // radians, in double, with the official client's two singular branches

  // Inputs: binary is any of the low 24 bits, analog is decoded; the control index in the event is
  // ignored.
  bool input_accelerate() const { return BinaryValue(EventAt(layout::kEventAccelerate).data); }
  bool input_brake() const { return BinaryValue(EventAt(layout::kEventBrake).data); }
  bool input_left() const { return BinaryValue(EventAt(layout::kEventLeft).data); }
  bool input_right() const { return BinaryValue(EventAt(layout::kEventRight).data); }
  std::int32_t input_steer() const { return AnalogValue(EventAt(layout::kEventSteer).data); }
  std::int32_t input_gas() const { return AnalogValue(EventAt(layout::kEventGas).data); }

  // The low 16 bits alone: the upper half is garbage in real games.
  int wheel_material(int wheel) const;

  std::size_t num_checkpoint_states() const;
  std::size_t num_checkpoint_times() const;
  bool checkpoint_state(std::size_t i) const;
  CheckpointTime checkpoint_time(std::size_t i) const;
  CheckpointData checkpoint_data() const;

  std::span<const std::byte> bytes() const {
    return bytes_;
  }  // exactly the state, no trailing bytes

 private:
  explicit SimStateView(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  T Load(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::span<const std::byte> bytes_;
};

// A state under construction, or one being edited. Owns its bytes.
class SimState {
 public:
  // All zero but version 1 and the counts.
  SimState(std::size_t num_checkpoint_states, std::size_t num_checkpoint_times);
  explicit SimState(const SimStateView& view) : bytes_(view.bytes().begin(), view.bytes().end()) {}

  void Set(Field<std::int32_t> f, std::int32_t v) { Store(f.offset, v); }
  void Set(Field<std::uint32_t> f, std::uint32_t v) { Store(f.offset, v); }
  void Set(Field<float> f, float v) { Store(f.offset, v); }
  void Set(Field<bool> f, bool v) { Store<std::int32_t>(f.offset, v ? 1 : 0); }
  void Set(Field<Vec3> f, Vec3 v) { SetVector(f.offset, v); }
  void SetInt32(std::size_t offset, std::int32_t v) { Store(offset, v); }
  void SetFloat(std::size_t offset, float v) { Store(offset, v); }
  void SetBool(std::size_t offset, bool v) { Store<std::int32_t>(offset, v ? 1 : 0); }
  void SetVector(std::size_t offset, Vec3 v);
  void SetMatrix(std::size_t offset, const Mat3& m);
  void SetEvent(std::size_t offset, Event event);
  void SetBytes(std::size_t offset, std::span<const std::byte> bytes);
  // REQUIRES: as many states and times as the state was made with.
  void SetCheckpointState(std::size_t i, bool passed);
  void SetCheckpointTime(std::size_t i, CheckpointTime time);

  std::span<const std::byte> bytes() const { return bytes_; }
  SimStateView view() const;

 private:
  template <class T>
  void Store(std::size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }
  std::vector<std::byte> bytes_;
};

// Moves the car of a state as a game sent it: the position of all three body states, which is all
// that is known to hold a place in the world. REQUIRES: bytes that SimStateView::Parse has checked.
void MoveCar(std::span<std::byte> state, Vec3 by_m);

// Rotations, both in double, quaternion as (w, x, y, z); the formulas of section 5.11.
using Matrix3d = std::array<std::array<double, 3>, 3>;  // rows
std::array<double, 4> QuaternionOf(const Matrix3d& rotation);
std::array<double, 4> QuaternionOf(const Mat3& rotation);
SimStateView::YawPitchRoll YawPitchRollOf(const std::array<double, 4>& quat_wxyz);

}  // namespace hotlap::tminterface
