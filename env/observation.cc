#include "env/observation.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>
#include <string_view>
#include <utility>

#include "env/action.h"
#include "env/random.h"
#include "env/sim/scalar_math.h"
#include "env/vector_loops.h"

namespace hotlap {
namespace {

constexpr int kNumWheels = 4;
constexpr float kTickSeconds = 0.01f;
constexpr float kMaxScale = 1e6f;
constexpr std::size_t kMaxPointsAhead = 256;
constexpr float kMaxDistanceM = 10000;

constexpr int kNumGroups = 5;
constexpr std::array<const char*, kNumGroups> kGroupNames = {"asphalt", "grass", "dirt", "turbo",
                                                             "other"};
// By contact material, section 11 of the protocol.
constexpr std::array<std::uint8_t, 31> kGroupOfMaterial = {
    0, 0, 1, 4, 4, 2, 2, 3, 2, 4, 4, 4, 4, 4, 4, 4, 0, 2, 0, 0, 1, 4, 4, 4, 4, 4, 3, 4, 4, 4, 4};

struct KindInfo {
  std::string_view name;
  const char* unit;
  float scale, low, high;
  bool adjustable;  // scale and bounds may be chosen; what is 0 or 1 stays as it is
  bool measured;    // as ObservationColumn::is_measured
};
// By ObservationKind.
constexpr KindInfo kKinds[] = {
    {"velocity", "m/s", 0.01f, -3, 3, true, true},
    {"angular_velocity", "rad/s", 0.25f, -4, 4, true, true},
    {"gravity", "1", 1, -1, 1, false, true},
    {"wheel_contact", "1", 1, 0, 1, false, false},
    {"wheel_sliding", "1", 1, 0, 1, false, false},
    {"wheel_damper", "m", 5, -1, 2, true, true},
    {"wheel_surface", "1", 1, 0, 1, false, false},
    {"gear", "1", 0.2f, 0, 1.2f, true, false},
    {"rpm", "1/min", 1e-4f, 0, 1.2f, true, true},
    {"changing_gear", "1", 1, 0, 1, false, false},
    {"turbo", "1", 1, 0, 1, false, false},
    {"freewheeling", "1", 1, 0, 1, false, false},
    {"lateral_contact", "1", 1, 0, 1, false, false},
    {"actions", "1", 1, -1, 1, false, false},
    {"progress", "1", 1, 0, 1, false, true},
    {"lateral_offset", "m", 0.0625f, -4, 4, true, true},
    {"heading_error", "rad", 0.318309886f, -1, 1, true, true},
    {"edges", "m", 0.0625f, -4, 4, true, true},
    {"road_surface", "1", 1, 0, 1, false, false},
    {"seconds_without_progress", "s", 0.2f, 0, 2, true, true},
    {"checkpoint_progress", "1", 1, 0, 1, false, false},
    {"lap_progress", "1", 1, 0, 1, false, true},
    {"checkpoint_distance", "m", 0.005f, 0, 4, true, true},
    {"finish_distance", "m", 0.001f, 0, 1, true, true},
    {"time", "s", 0.01f, 0, 4, true, true},
    {"ahead", "m", 0.0025f, -2, 2, true, true},
};
static_assert(std::size(kKinds) == static_cast<std::size_t>(ObservationKind::kAhead) + 1);

const KindInfo& InfoOf(ObservationKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::vector<float> EvenDistances(int points, float spacing_m) {
  std::vector<float> distances;
  for (int i = 1; i <= points; ++i) distances.push_back(static_cast<float>(i) * spacing_m);
  return distances;
}

void ReadAhead(const ConfigMap& config, ObservationTerm& term) {
  if (config.Has("distances_m")) {
    if (config.Has("points") || config.Has("spacing_m")) {
      config.Fail("distances_m", "stands alone; allowed: it, or points and spacing_m");
    }
    term.distances_m = config.Floats("distances_m", 1, kMaxPointsAhead, 0, kMaxDistanceM);
    if (std::ranges::adjacent_find(term.distances_m, std::ranges::greater_equal()) !=
        term.distances_m.end()) {
      config.Fail("distances_m", "must ascend");
    }
  } else {
    const int points = config.Int("points", 1, static_cast<int>(kMaxPointsAhead), 40);
    term.distances_m = EvenDistances(points, config.Float("spacing_m", 0.1f, 100, 10));
  }
  const std::pair<std::string_view, bool*> parts[] = {{"half_widths", &term.with_half_widths},
                                                      {"normal", &term.with_normal},
                                                      {"surface", &term.with_surface},
                                                      {"gap", &term.with_gap}};
  if (config.Has("with")) {
    for (const std::string& part : config.Strings("with", 0, std::size(parts))) {
      const auto found = std::ranges::find(parts, part, &std::pair<std::string_view, bool*>::first);
      if (found == std::end(parts)) {
        config.Fail("with",
                    "'" + part.substr(0, 60) + "'; allowed: half_widths, normal, surface, gap");
      }
      *found->second = true;
    }
  }
  term.half_width_scale = config.Float("half_width_scale", 1e-6f, kMaxScale, term.half_width_scale);
}

// Adds columns one by one, in the order in which Write fills them.
class ColumnList {
 public:
  explicit ColumnList(std::vector<ObservationColumn>& columns) : columns_(columns) {}
  void Add(std::string name, const char* unit, float scale, float low, float high, bool measured) {
    columns_.push_back({std::move(name), unit, scale, low, high, measured});
  }
  void AddFlag(std::string name) { Add(std::move(name), "1", 1, 0, 1, false); }
  void AddVector(const std::string& name, const char* unit, float scale, float low, float high) {
    for (const char* axis : {".x", ".y", ".z"}) Add(name + axis, unit, scale, low, high, true);
  }
  void AddGroups(const std::string& name) {
    for (const char* group : kGroupNames) AddFlag(name + "." + group);
  }

 private:
  std::vector<ObservationColumn>& columns_;
};

void WriteVector(Vec3 v, float*& out) {
  *out++ = v.x;
  *out++ = v.y;
  *out++ = v.z;
}

// Row g is all 0 but for a 1 in column g; the last row is for none.
constexpr auto kGroupFlags = [] {
  std::array<std::array<float, kNumGroups>, kNumGroups + 1> flags{};
  for (std::size_t group = 0; group < kNumGroups; ++group) flags[group][group] = 1;
  return flags;
}();
constexpr int kNoGroup = kNumGroups;

void WriteGroup(int group, float*& out) {
  out = std::ranges::copy(kGroupFlags[static_cast<std::size_t>(group)], out).out;
}

float Flag(bool value) { return value ? 1.0f : 0.0f; }

float Share(float part, float whole) { return whole > 0 ? part / whole : 0.0f; }

float LapProgress(const RowView& row) {
  const Centreline& line = row.line;
  const float lap_m = line.closed() ? line.length_m() : line.finish_s_m() - line.start_s_m();
  const float laps = Share(row.record.place.s_m - line.start_s_m(), lap_m);
  const int done = std::clamp(static_cast<int>(laps), 0, line.laps() - 1);
  return laps - static_cast<float>(done);
}

float HeadingError(const RowView& row) {
  const Vec3 forward = row.state.rotation.Column(2);
  return sim::Atan2(Dot(forward, row.here.left), Dot(forward, row.here.tangent));
}

bool HasParts(const ObservationTerm& term) {
  return term.with_half_widths || term.with_normal || term.with_surface || term.with_gap;
}

void WriteAhead(const ObservationTerm& term, const RowView& row, float*& out) {
  const Vec3 origin = row.state.position_m;
  const Mat3& rotation = row.state.rotation;
  const float s = row.record.place.s_m;
  if (!HasParts(term)) {
    const std::span<float> view(out, 3 * term.distances_m.size());
    row.line.View(s, term.distances_m, origin, rotation, view);
    out = view.data() + view.size();
    return;
  }
  for (const float distance : term.distances_m) {
    const LinePoint point = row.line.At(s + distance);
    WriteVector(TransposeTimes(rotation, point.position_m - origin), out);
    if (term.with_half_widths) {
      *out++ = point.half_width_left_m;
      *out++ = point.half_width_right_m;
    }
    if (term.with_normal) WriteVector(TransposeTimes(rotation, point.normal), out);
    if (term.with_surface) WriteGroup(SurfaceGroup(static_cast<std::uint8_t>(point.surface)), out);
    if (term.with_gap) *out++ = Flag(point.is_gap);
  }
}

// The physical values of one term.
void WriteTerm(const ObservationTerm& term, const RowView& row, float*& out) {
  const GameState& state = row.state;
  const RowRecord& record = row.record;
  switch (term.kind) {
    case ObservationKind::kVelocity:
      WriteVector(TransposeTimes(state.rotation, state.velocity_mps), out);
      return;
    case ObservationKind::kAngularVelocity:
      WriteVector(TransposeTimes(state.rotation, state.angular_velocity_radps), out);
      return;
    case ObservationKind::kGravity:
      WriteVector(TransposeTimes(state.rotation, Vec3{0, -1, 0}), out);
      return;
    case ObservationKind::kWheelContact:
      for (const WheelState& wheel : state.wheels) *out++ = Flag(wheel.has_contact);
      return;
    case ObservationKind::kWheelSliding:
      for (const WheelState& wheel : state.wheels) *out++ = Flag(wheel.is_sliding);
      return;
    case ObservationKind::kWheelDamper:
      for (const WheelState& wheel : state.wheels) *out++ = wheel.damper_absorb_m;
      return;
    case ObservationKind::kWheelSurface:
      for (const WheelState& wheel : state.wheels) {
        WriteGroup(wheel.has_contact ? SurfaceGroup(wheel.material) : kNoGroup, out);
      }
      return;
    case ObservationKind::kGear:
      *out++ = static_cast<float>(state.gear);
      return;
    case ObservationKind::kRpm:
      *out++ = state.rpm;
      return;
    case ObservationKind::kChangingGear:
      *out++ = Flag(state.is_changing_gear);
      return;
    case ObservationKind::kTurbo:
      *out++ = Flag(state.is_turbo);
      return;
    case ObservationKind::kFreewheeling:
      *out++ = Flag(state.is_freewheeling);
      return;
    case ObservationKind::kLateralContact:
      *out++ = Flag(state.has_lateral_contact);
      return;
    case ObservationKind::kActions:
      for (int i = 0; i < term.count; ++i) {
        const AppliedAction action =
            AppliedActionOf(record.past_inputs[static_cast<std::size_t>(i)]);
        WriteVector({action.steer, action.gas, action.brake}, out);
      }
      return;
    case ObservationKind::kProgress:
      *out++ = Share(record.place.s_m - row.line.start_s_m(),
                     row.line.finish_s_m() - row.line.start_s_m());
      return;
    case ObservationKind::kLateralOffset:
      *out++ = record.place.lateral_m;
      return;
    case ObservationKind::kHeadingError:
      *out++ = HeadingError(row);
      return;
    case ObservationKind::kEdges:
      *out++ = row.here.half_width_left_m - record.place.lateral_m;
      *out++ = row.here.half_width_right_m + record.place.lateral_m;
      return;
    case ObservationKind::kRoadSurface:
      WriteGroup(SurfaceGroup(static_cast<std::uint8_t>(row.here.surface)), out);
      *out++ = Flag(row.here.is_gap);
      return;
    case ObservationKind::kSecondsWithoutProgress:
      *out++ = static_cast<float>(record.ticks_without_progress) * kTickSeconds;
      return;
    case ObservationKind::kCheckpointProgress:
      *out++ = Share(static_cast<float>(record.checkpoints_passed),
                     static_cast<float>(state.checkpoints_target));
      return;
    case ObservationKind::kLapProgress:
      *out++ = LapProgress(row);
      return;
    case ObservationKind::kCheckpointDistance:
      *out++ = NextGate(row.line, state, record.checkpoints_passed) - record.place.s_m;
      return;
    case ObservationKind::kFinishDistance:
      *out++ = row.line.finish_s_m() - record.place.s_m;
      return;
    case ObservationKind::kTime:
      *out++ = static_cast<float>(state.race_time_ms) * 1e-3f;
      return;
    case ObservationKind::kAhead:
      WriteAhead(term, row, out);
      return;
  }
}

}  // namespace

int SurfaceGroup(std::uint8_t material) {
  return material < kGroupOfMaterial.size() ? kGroupOfMaterial[material] : kNumGroups - 1;
}

ObservationTerm MakeObservationTerm(ObservationKind kind) {
  const KindInfo& info = InfoOf(kind);
  ObservationTerm term;
  term.kind = kind;
  term.scale = info.scale;
  term.low = info.low;
  term.high = info.high;
  if (kind == ObservationKind::kActions) term.count = 5;
  if (kind == ObservationKind::kAhead) term.distances_m = EvenDistances(40, 10);
  return term;
}

std::vector<ObservationTerm> DefaultObservation() {
  using enum ObservationKind;
  std::vector<ObservationTerm> terms;
  for (const ObservationKind kind : {kVelocity,
                                     kAngularVelocity,
                                     kGravity,
                                     kWheelContact,
                                     kWheelSliding,
                                     kWheelDamper,
                                     kWheelSurface,
                                     kGear,
                                     kRpm,
                                     kChangingGear,
                                     kTurbo,
                                     kFreewheeling,
                                     kLateralContact,
                                     kActions,
                                     kLateralOffset,
                                     kHeadingError,
                                     kEdges,
                                     kRoadSurface,
                                     kSecondsWithoutProgress,
                                     kCheckpointDistance,
                                     kFinishDistance,
                                     kAhead}) {
    terms.push_back(MakeObservationTerm(kind));
  }
  return terms;
}

std::vector<ObservationTerm> ReadObservation(const ConfigMap& config, std::string_view key) {
  std::vector<std::string_view> names;
  for (const KindInfo& info : kKinds) names.push_back(info.name);
  std::vector<ObservationTerm> terms;
  for (const ConfigMap& entry : config.Maps(key, 1, std::size(kKinds))) {
    const auto kind = static_cast<ObservationKind>(entry.Choice("term", names));
    if (std::ranges::find(terms, kind, &ObservationTerm::kind) != terms.end()) {
      entry.Fail("term", "is given twice");
    }
    ObservationTerm term = MakeObservationTerm(kind);
    if (InfoOf(kind).adjustable) {
      term.scale = entry.Float("scale", 1e-6f, kMaxScale, term.scale);
      term.low = entry.Float("low", -kMaxScale, kMaxScale, term.low);
      term.high = entry.Float("high", -kMaxScale, kMaxScale, term.high);
      if (!(term.low < term.high)) entry.Fail("high", "must be above low");
    }
    if (kind == ObservationKind::kActions) {
      term.count = entry.Int("count", 1, kMaxPastActions, term.count);
    }
    if (kind == ObservationKind::kAhead) ReadAhead(entry, term);
    terms.push_back(std::move(term));
  }
  return terms;
}

std::vector<ObservationColumn> ColumnsOf(const ObservationTerm& term) {
  const KindInfo& info = InfoOf(term.kind);
  const std::string name(info.name);
  std::vector<ObservationColumn> columns;
  ColumnList list(columns);
  const auto add_per_wheel = [&](const char* what) {
    for (int i = 0; i < kNumWheels; ++i) {
      list.Add("wheel" + std::to_string(i) + what, info.unit, term.scale, term.low, term.high,
               info.measured);
    }
  };
  switch (term.kind) {
    case ObservationKind::kVelocity:
    case ObservationKind::kAngularVelocity:
    case ObservationKind::kGravity:
      list.AddVector(name, info.unit, term.scale, term.low, term.high);
      break;
    case ObservationKind::kWheelContact:
      add_per_wheel(".contact");
      break;
    case ObservationKind::kWheelSliding:
      add_per_wheel(".sliding");
      break;
    case ObservationKind::kWheelDamper:
      add_per_wheel(".damper");
      break;
    case ObservationKind::kWheelSurface:
      for (int i = 0; i < kNumWheels; ++i) {
        list.AddGroups("wheel" + std::to_string(i) + ".surface");
      }
      break;
    case ObservationKind::kActions:
      for (int i = 0; i < term.count; ++i) {
        const std::string action = "action" + std::to_string(i);
        list.Add(action + ".steer", info.unit, 1, -1, 1, info.measured);
        list.AddFlag(action + ".gas");
        list.AddFlag(action + ".brake");
      }
      break;
    case ObservationKind::kEdges:
      list.Add("edge_left", info.unit, term.scale, term.low, term.high, info.measured);
      list.Add("edge_right", info.unit, term.scale, term.low, term.high, info.measured);
      break;
    case ObservationKind::kRoadSurface:
      list.AddGroups(name);
      list.AddFlag("road_gap");
      break;
    case ObservationKind::kAhead:
      for (std::size_t i = 0; i < term.distances_m.size(); ++i) {
        const std::string point = name + std::to_string(i);
        list.AddVector(point, info.unit, term.scale, term.low, term.high);
        if (term.with_half_widths) {
          for (const char* side : {".half_width_left", ".half_width_right"}) {
            list.Add(point + side, info.unit, term.half_width_scale, 0, 4, info.measured);
          }
        }
        if (term.with_normal) list.AddVector(point + ".normal", "1", 1, -1, 1);
        if (term.with_surface) list.AddGroups(point + ".surface");
        if (term.with_gap) list.AddFlag(point + ".gap");
      }
      break;
    default:
      list.Add(name, info.unit, term.scale, term.low, term.high, info.measured);
      break;
  }
  return columns;
}

Observer::Observer(std::vector<ObservationTerm> terms) : terms_(std::move(terms)) {
  for (const ObservationTerm& term : terms_) {
    for (const ObservationColumn& column : ColumnsOf(term)) {
      scale_.push_back(column.scale);
      low_.push_back(column.low);
      high_.push_back(column.high);
      if (column.is_measured) measured_.push_back(high_.size() - 1);
    }
  }
}

void Observer::Write(const RowView& row, std::span<float> out) const {
  assert(out.size() == scale_.size());
  float* next = out.data();
  for (const ObservationTerm& term : terms_) WriteTerm(term, row, next);
  assert(next == out.data() + out.size());

  ScaleAndClip(scale_, low_, high_, out);
}

void Observer::AddNoise(float deviation, const RowRecord& record, std::span<float> out) const {
  assert(out.size() == scale_.size());
  const RandomStream stream(record.base_seed, record.episode, RandomPurpose::kObservationNoise);
  // By ticks, not by steps: a game that is lost in a step shows its last observation again.
  const std::uint64_t first_draw = static_cast<std::uint64_t>(record.ticks) * out.size();
  for (const std::size_t i : measured_) {
    out[i] = std::clamp(out[i] + deviation * stream.Bell(first_draw + i), low_[i], high_[i]);
  }
}

}  // namespace hotlap
