#include "env/tminterface/sim_state.h"

#include <cassert>
#include <cmath>

namespace hotlap::tminterface {
namespace {

constexpr std::size_t kNumStates = layout::kCheckpointData + 4;
constexpr std::size_t kStates = kNumStates + 4;

constexpr Mat3 kZeroMatrix{{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}}};

}  // namespace

// ---- SimStateView

std::variant<SimStateView, DecodeError> SimStateView::Parse(std::span<const std::byte> bytes) {
  Reader in(bytes);
  in.Bytes(layout::kCheckpointData + 4, "SimStateData");
  in.Bytes(4 * in.Count(4, "SimStateData.cp_data.cp_states"), "SimStateData.cp_data.cp_states");
  in.Bytes(8 * in.Count(8, "SimStateData.cp_data.cp_times"), "SimStateData.cp_data.cp_times");
  if (in.error()) return *in.error();
  return SimStateView(bytes.first(in.position()));
}

Mat3 SimStateView::Matrix(std::size_t offset) const {
  Mat3 matrix;
  std::memcpy(matrix.m, bytes_.data() + offset, sizeof matrix.m);
  return matrix;
}

std::int32_t SimStateView::time_ms() const {
  return Has(kHasTimers) ? Int32(layout::kTimers + 4) : 0;
}

std::int32_t SimStateView::race_time_ms() const {
  return Has(kHasPlayerInfo) ? Get(layout::kRaceTime) : 0;
}

std::int32_t SimStateView::display_speed_kmh() const {
  return Has(kHasPlayerInfo) ? Get(layout::kDisplaySpeed) : 0;
}

Vec3 SimStateView::position_m() const {
  return Has(kHasDyna) ? Vector(layout::kDynaCurrent + layout::body::kPosition) : Vec3{};
}

Vec3 SimStateView::velocity_mps() const {
  return Has(kHasDyna) ? Vector(layout::kDynaCurrent + layout::body::kLinearSpeed) : Vec3{};
}

Vec3 SimStateView::angular_velocity_radps() const {
  return Has(kHasDyna) ? Vector(layout::kDynaCurrent + layout::body::kAngularSpeed) : Vec3{};
}

Mat3 SimStateView::rotation() const {
  return Has(kHasDyna) ? Matrix(layout::kDynaCurrent + layout::body::kRotation) : kZeroMatrix;
}

SimStateView::YawPitchRoll SimStateView::yaw_pitch_roll() const {
  return Has(kHasDyna) ? YawPitchRollOf(QuaternionOf(rotation())) : YawPitchRoll{};
}

int SimStateView::wheel_material(int wheel) const {
  return Int32(layout::wheel_offset(wheel) + layout::wheel::kContactMaterial) & 0xFFFF;
}

std::size_t SimStateView::num_checkpoint_states() const { return Load<std::uint32_t>(kNumStates); }

std::size_t SimStateView::num_checkpoint_times() const {
  return Load<std::uint32_t>(kStates + 4 * num_checkpoint_states());
}

bool SimStateView::checkpoint_state(std::size_t i) const {
  assert(i < num_checkpoint_states());
  return Bool(kStates + 4 * i);
}

CheckpointTime SimStateView::checkpoint_time(std::size_t i) const {
  assert(i < num_checkpoint_times());
  const std::size_t offset = kStates + 4 * num_checkpoint_states() + 4 + 8 * i;
  return {Int32(offset), Int32(offset + 4)};
}

CheckpointData SimStateView::checkpoint_data() const {
  CheckpointData data;
  data.reserved = Int32(layout::kCheckpointData);
  data.states.resize(num_checkpoint_states());
  for (std::size_t i = 0; i < data.states.size(); ++i) data.states[i] = checkpoint_state(i);
  data.times.resize(num_checkpoint_times());
  for (std::size_t i = 0; i < data.times.size(); ++i) data.times[i] = checkpoint_time(i);
  return data;
}

// ---- SimState

SimState::SimState(std::size_t num_checkpoint_states, std::size_t num_checkpoint_times)
    : bytes_(kSimStateFixedSize + 4 * num_checkpoint_states + 8 * num_checkpoint_times) {
  Set(layout::kVersion, 1u);
  Store(kNumStates, static_cast<std::uint32_t>(num_checkpoint_states));
  Store(kStates + 4 * num_checkpoint_states, static_cast<std::uint32_t>(num_checkpoint_times));
}

void SimState::SetVector(std::size_t offset, Vec3 v) {
  Store(offset, v.x);
  Store(offset + 4, v.y);
  Store(offset + 8, v.z);
}

void SimState::SetMatrix(std::size_t offset, const Mat3& m) {
  std::memcpy(bytes_.data() + offset, m.m, sizeof m.m);
}

void SimState::SetEvent(std::size_t offset, Event event) {
  Store(offset, event.stored_time_ms);
  Store(offset + 4, event.data);
}

void SimState::SetBytes(std::size_t offset, std::span<const std::byte> bytes) {
  assert(offset + bytes.size() <= bytes_.size());
  if (!bytes.empty()) std::memcpy(bytes_.data() + offset, bytes.data(), bytes.size());
}

void SimState::SetCheckpointState(std::size_t i, bool passed) {
  assert(i < view().num_checkpoint_states());
  SetBool(kStates + 4 * i, passed);
}

void SimState::SetCheckpointTime(std::size_t i, CheckpointTime time) {
  assert(i < view().num_checkpoint_times());
  const std::size_t offset = kStates + 4 * view().num_checkpoint_states() + 4 + 8 * i;
  Store(offset, time.time_ms);
  Store(offset + 4, time.stunts_score);
}

SimStateView SimState::view() const { return std::get<SimStateView>(SimStateView::Parse(bytes_)); }

void MoveCar(std::span<std::byte> state, Vec3 by_m) {
  for (const std::size_t body : {layout::kDynaPrevious, layout::kDynaCurrent, layout::kDynaTemp}) {
    std::byte* const at = state.data() + body + layout::body::kPosition;
    Vec3 position_m;
    std::memcpy(&position_m, at, sizeof position_m);
    position_m += by_m;
    std::memcpy(at, &position_m, sizeof position_m);
  }
}

// ---- rotations

std::array<double, 4> QuaternionOf(const Matrix3d& m) {
  const double trace = m[0][0] + m[1][1] + m[2][2];
  if (trace > 0) {
    const double s = std::sqrt(trace + 1);
    const double f = 0.5 / s;
    return {s / 2, f * (m[2][1] - m[1][2]), f * (m[0][2] - m[2][0]), f * (m[1][0] - m[0][1])};
  }
  // The official client never compares the last diagonal element with the middle one.
  const std::size_t i = m[1][1] > m[0][0] ? 1 : m[2][2] > m[0][0] ? 2 : 0;
  const std::size_t j = (i + 1) % 3, k = (i + 2) % 3;
  const double s = std::sqrt(m[i][i] - m[k][k] - m[j][j] + 1);
  const double f = 0.5 / s;
  std::array<double, 4> quat{};
  quat[0] = f * (m[k][j] - m[j][k]);
  quat[1 + i] = s / 2;
  quat[1 + j] = f * (m[i][j] + m[j][i]);
  quat[1 + k] = f * (m[i][k] + m[k][i]);
  return quat;
}

std::array<double, 4> QuaternionOf(const Mat3& rotation) {
  Matrix3d m;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) m[i][j] = rotation.m[i][j];
  }
  return QuaternionOf(m);
}

SimStateView::YawPitchRoll YawPitchRollOf(const std::array<double, 4>& quat_wxyz) {
  const auto [w, x, y, z] = quat_wxyz;
  // Near +-90 degrees of roll the official client gives the right angle in the place of the pitch.
  constexpr double kNear = 1e-5;
  constexpr double kRightAngle = 1.57079637;
  const double t0 = x * y + z * w;
  if (t0 + 0.5 <= 0 || std::abs(t0 + 0.5) < kNear) return {2 * std::atan2(x, w), -kRightAngle, 0};
  if (t0 - 0.5 >= 0 || std::abs(t0 - 0.5) < kNear) return {-2 * std::atan2(x, w), kRightAngle, 0};
  return {std::atan2(2 * (y * w - x * z), 1 - 2 * (y * y + z * z)),
          std::atan2(2 * (w * x - y * z), 1 - 2 * (x * x + z * z)), std::asin(2 * t0)};
}

}  // namespace hotlap::tminterface
