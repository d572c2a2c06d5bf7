#include "env/tminterface/sim_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>

#include "tests/env/tminterface/golden_vectors.h"

namespace hotlap::tminterface {
namespace {

using nlohmann::json;

SimStateView Parsed(std::span<const std::byte> bytes) {
  const auto result = SimStateView::Parse(bytes);
  const auto* error = std::get_if<DecodeError>(&result);
  if (error != nullptr) throw std::runtime_error(error->ToString());
  return std::get<SimStateView>(result);
}

void ExpectVector(const Vec3& vector, const json& expected) {
  EXPECT_EQ(vector.x, expected[0].get<float>());
  EXPECT_EQ(vector.y, expected[1].get<float>());
  EXPECT_EQ(vector.z, expected[2].get<float>());
}

void ExpectMatrix(const Mat3& matrix, const json& expected) {
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) EXPECT_EQ(matrix.m[i][j], expected[i][j].get<float>());
  }
}

void ExpectAngles(const SimStateView::YawPitchRoll& angles, const json& expected,
                  double tolerance) {
  EXPECT_NEAR(angles.yaw, expected[0].get<double>(), tolerance);
  EXPECT_NEAR(angles.pitch, expected[1].get<double>(), tolerance);
  EXPECT_NEAR(angles.roll, expected[2].get<double>(), tolerance);
}

void ExpectAccessors(const SimStateView& view, const json& accessors) {
  const auto number = [](const json& value) {
    return value.is_boolean() ? 0 : value.get<std::int32_t>();  // the official client's "false"
  };
  EXPECT_EQ(view.time_ms(), number(accessors["time"]));
  EXPECT_EQ(view.race_time_ms(), number(accessors["race_time"]));
  EXPECT_EQ(view.rewind_time_ms(), number(accessors["rewind_time"]));
  EXPECT_EQ(view.display_speed_kmh(), number(accessors["display_speed"]));
  EXPECT_EQ(view.input_accelerate(), accessors["input_accelerate"].get<bool>());
  EXPECT_EQ(view.input_brake(), accessors["input_brake"].get<bool>());
  EXPECT_EQ(view.input_left(), accessors["input_left"].get<bool>());
  EXPECT_EQ(view.input_right(), accessors["input_right"].get<bool>());
  EXPECT_EQ(view.input_steer(), number(accessors["input_steer"]));
  EXPECT_EQ(view.input_gas(), number(accessors["input_gas"]));
  ExpectVector(view.position_m(), accessors["position"]);
  ExpectVector(view.velocity_mps(), accessors["velocity"]);
  ExpectMatrix(view.rotation(), accessors["rotation_matrix"]);
  if (!accessors["yaw_pitch_roll"].is_null()) {
    ExpectAngles(view.yaw_pitch_roll(), accessors["yaw_pitch_roll"], 1e-6);
  }
}

class SimStateVectors : public ::testing::TestWithParam<const char*> {
 protected:
  const std::string name = GetParam();
  const json vector = VectorJson(name + ".json");
  const Bytes bytes = VectorBytes(name + ".bin");
  const SimStateView view = Parsed(bytes);
};
INSTANTIATE_TEST_SUITE_P(, SimStateVectors,
                         ::testing::Values("sim_state_run", "sim_state_sim", "sim_state_offsets"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(SimStateVectors, AccessorsGiveWhatTheOfficialClientReads) {
  EXPECT_EQ(bytes.size(), vector["size"].get<std::size_t>());
  EXPECT_EQ(view.bytes().size(), bytes.size());
  ExpectAccessors(view, vector["accessors"]);
}

// One value of a field, or one element of it, by the layout's type.
json ValueAt(const SimStateView& view, std::size_t offset, const std::string& type) {
  if (type == "bool32") return view.Bool(offset);
  if (type == "float32") return view.Float(offset);
  if (type == "uint32") return static_cast<std::uint32_t>(view.Int32(offset));
  return view.Int32(offset);
}

// Whether `expected`, a number or nested lists of numbers, stands at `offset`, which it moves on.
void ExpectAt(const SimStateView& view, std::size_t& offset, const std::string& type,
              const json& expected) {
  if (expected.is_array()) {
    for (const json& element : expected) ExpectAt(view, offset, type, element);
    return;
  }
  if (type == "float32") {
    EXPECT_EQ(view.Float(offset), expected.get<float>());
  } else {
    EXPECT_EQ(ValueAt(view, offset, type), expected);
  }
  offset += 4;
}

TEST_P(SimStateVectors, EveryNamedFieldStandsAtItsOffset) {
  int fields = 0;
  const json layout = VectorJson("sim_state_layout.json");
  for (const json& field : layout["fields"]) {
    const std::string field_name = field["name"];
    if (!vector["fields"].contains(field_name)) continue;  // a block, or of variable place
    if (field_name.starts_with("cp_data.")) continue;
    SCOPED_TRACE(field_name);
    ++fields;
    std::size_t offset = field["offset"];
    const json& expected = vector["fields"][field_name];
    const std::string type = field["type"];
    if (type.starts_with("bytes")) {
      const std::span<const std::byte> blob = view.bytes().subspan(offset, field["size"]);
      EXPECT_EQ(ToHex(blob), expected);
    } else if (field_name.find("contact_material_id") != std::string::npos) {
      EXPECT_EQ(view.Int32(offset) & 0xFFFF, expected.get<std::int32_t>() & 0xFFFF);
    } else {
      ExpectAt(view, offset, type.substr(0, type.find('[')), expected);
    }
  }
  EXPECT_GT(fields, 200);
}

TEST_P(SimStateVectors, CheckpointDataIsRead) {
  const json& fields = vector["fields"];
  const CheckpointData data = view.checkpoint_data();
  EXPECT_EQ(view.num_checkpoint_states(), fields["cp_data.cp_states_length"].get<std::size_t>());
  EXPECT_EQ(view.num_checkpoint_times(), fields["cp_data.cp_times_length"].get<std::size_t>());
  CheckpointData expected = CheckpointsFromJson(
      {{"cp_states", fields["cp_data.cp_states"]}, {"cp_times", fields["cp_data.cp_times"]}});
  expected.reserved = fields["cp_data.reserved"];
  EXPECT_EQ(data, expected);
}

TEST_P(SimStateVectors, VehicleStatesAreReadAtTheirRealOffsets) {
  const json& states = vector["corrected_vehicle_states_at_plus_12"];
  if (states.is_null()) return;
  const std::map<std::string, std::size_t> offsets = {
      {"prev_sync", layout::kPrevSyncVehicleState},
      {"sync", layout::kSyncVehicleState},
      {"async", layout::kAsyncVehicleState},
      {"prev_async", layout::kPrevAsyncVehicleState}};
  for (const auto& [state_name, at] : offsets) {
    const json& state = states[state_name];
    EXPECT_EQ(at, state["offset"].get<std::size_t>());
    namespace vehicle = layout::vehicle;
    EXPECT_EQ(view.Float(at + vehicle::kSpeedForward), state["speed_forward"].get<float>());
    EXPECT_EQ(view.Float(at + vehicle::kSpeedSideward), state["speed_sideward"].get<float>());
    EXPECT_EQ(view.Float(at + vehicle::kInputSteer), state["input_steer"].get<float>());
    EXPECT_EQ(view.Float(at + vehicle::kInputGas), state["input_gas"].get<float>());
    EXPECT_EQ(view.Float(at + vehicle::kInputBrake), state["input_brake"].get<float>());
    EXPECT_EQ(view.Bool(at + vehicle::kIsTurbo), state["is_turbo"].get<bool>());
    EXPECT_EQ(view.Float(at + vehicle::kRpm), state["rpm"].get<float>());
    EXPECT_EQ(view.Int32(at + vehicle::kGear), state["gear"].get<std::int32_t>());
    EXPECT_EQ(view.Int32(at + vehicle::kGearboxState), state["gearbox_state"].get<std::int32_t>());
  }
}

TEST_P(SimStateVectors, WheelMaterialIsTheLowHalfAlone) {
  for (int wheel = 0; wheel < 4; ++wheel) {
    const json& id = vector["fields"]["simulation_wheels[" + std::to_string(wheel) +
                                      "].real_time_state.contact_material_id"];
    EXPECT_EQ(view.wheel_material(wheel), id.get<std::int32_t>() & 0xFFFF);
  }
}

TEST_P(SimStateVectors, RewindMessageIsTheHeaderAndTheseBytes) {
  if (name == "sim_state_offsets") return;
  const Bytes message = VectorBytes(name == "sim_state_run" ? "rewind_run.bin" : "rewind_sim.bin");
  EXPECT_EQ(EncodeWhole(SimRewindToState{SimState(view).bytes()}), message);
  const ClientCall call =
      Decoded(DecodeClientCall(MessageType::kSimRewindToState, PayloadOfBytes(message)));
  const std::span<const std::byte> state = std::get<SimRewindToState>(call).state;
  EXPECT_EQ(Bytes(state.begin(), state.end()), bytes);
}

TEST(SimStateTest, AccessorsAreZeroWithoutTheirFlags) {
  const json gating = VectorJson("server_messages.json")["state_flag_gating"];
  const Bytes bytes = VectorBytes("sim_state_run.bin");
  SimState state(Parsed(bytes));
  state.Set(layout::kFlags, gating["flags"].get<std::uint32_t>());
  ExpectAccessors(state.view(), gating["accessors"]);
  ExpectVector(state.view().angular_velocity_radps(), {0, 0, 0});
}

// The names of layout:: are those of the official client's fields.
TEST(LayoutTest, NamedPlacesAreTheOfficialClients) {
  std::map<std::string, std::size_t> offsets;
  const json layout_json = VectorJson("sim_state_layout.json");
  for (const json& field : layout_json["fields"]) offsets[field["name"]] = field["offset"];
  ASSERT_EQ(layout_json["fixed_size"].get<std::size_t>(), kSimStateFixedSize);

  namespace l = layout;
  const std::map<std::string, std::size_t> ours = {
      {"version", l::kVersion.offset},
      {"context_mode", l::kContextMode.offset},
      {"flags", l::kFlags.offset},
      {"timers", l::kTimers},
      {"dyna", l::kDyna},
      {"dyna.previous_state", l::kDynaPrevious},
      {"dyna.current_state", l::kDynaCurrent},
      {"dyna.temp_state", l::kDynaTemp},
      {"dyna.rest", l::kDynaRest},
      {"dyna.previous_state.quat", l::kDynaPrevious + l::body::kQuat},
      {"dyna.current_state.rotation", l::kDynaCurrent + l::body::kRotation},
      {"dyna.current_state.position", l::kDynaCurrent + l::body::kPosition},
      {"dyna.current_state.linear_speed", l::kDynaCurrent + l::body::kLinearSpeed},
      {"dyna.current_state.add_linear_speed", l::kDynaCurrent + l::body::kAddLinearSpeed},
      {"dyna.current_state.angular_speed", l::kDynaCurrent + l::body::kAngularSpeed},
      {"dyna.current_state.force", l::kDynaCurrent + l::body::kForce},
      {"dyna.current_state.torque", l::kDynaCurrent + l::body::kTorque},
      {"dyna.current_state.inverse_inertia_tensor", l::kDynaCurrent + l::body::kInverseInertia},
      {"dyna.current_state.unknown", l::kDynaCurrent + l::body::kUnknown},
      {"dyna.current_state.not_tweaked_linear_speed",
       l::kDynaCurrent + l::body::kNotTweakedLinearSpeed},
      {"dyna.current_state.owner", l::kDynaCurrent + l::body::kOwner},
      {"scene_mobil", l::kSceneMobil},
      {"scene_mobil.is_update_async", l::kIsUpdateAsync.offset},
      {"scene_mobil.input_gas", l::kInputGas.offset},
      {"scene_mobil.input_brake", l::kInputBrake.offset},
      {"scene_mobil.input_steer", l::kInputSteer.offset},
      {"scene_mobil.is_light_trials_set", l::kIsLightTrialsSet.offset},
      {"scene_mobil.horn_limit", l::kHornLimit.offset},
      {"scene_mobil.quality", l::kQuality.offset},
      {"scene_mobil.max_linear_speed", l::kMaxLinearSpeed.offset},
      {"scene_mobil.gearbox_state", l::kGearboxState.offset},
      {"scene_mobil.block_flags", l::kBlockFlags.offset},
      {"scene_mobil.prev_sync_vehicle_state", l::kPrevSyncVehicleState - 12},
      {"scene_mobil.sync_vehicle_state", l::kSyncVehicleState - 12},
      {"scene_mobil.async_vehicle_state", l::kAsyncVehicleState - 12},
      {"scene_mobil.prev_async_vehicle_state", l::kPrevAsyncVehicleState - 12},
      {"scene_mobil.engine.max_rpm", l::kMaxRpm.offset},
      {"scene_mobil.engine.braking_factor", l::kBrakingFactor.offset},
      {"scene_mobil.engine.clamped_rpm", l::kClampedRpm.offset},
      {"scene_mobil.engine.actual_rpm", l::kActualRpm.offset},
      {"scene_mobil.engine.slide_factor", l::kSlideFactor.offset},
      {"scene_mobil.engine.rear_gear", l::kRearGear.offset},
      {"scene_mobil.engine.gear", l::kGear.offset},
      {"scene_mobil.has_any_lateral_contact", l::kHasAnyLateralContact.offset},
      {"scene_mobil.last_has_any_lateral_contact_time", l::kLastHasAnyLateralContactTime.offset},
      {"scene_mobil.water_forces_applied", l::kWaterForcesApplied.offset},
      {"scene_mobil.turning_rate", l::kTurningRate.offset},
      {"scene_mobil.turbo_boost_factor", l::kTurboBoostFactor.offset},
      {"scene_mobil.last_turbo_type_change_time", l::kLastTurboTypeChangeTime.offset},
      {"scene_mobil.last_turbo_time", l::kLastTurboTime.offset},
      {"scene_mobil.turbo_type", l::kTurboType.offset},
      {"scene_mobil.roulette_value", l::kRouletteValue.offset},
      {"scene_mobil.is_freewheeling", l::kIsFreewheeling.offset},
      {"scene_mobil.is_sliding", l::kIsSliding.offset},
      {"scene_mobil.wheel_contact_absorb_counter", l::kWheelContactAbsorbCounter.offset},
      {"scene_mobil.burnout_state", l::kBurnoutState.offset},
      {"scene_mobil.current_local_speed", l::kCurrentLocalSpeed.offset},
      {"scene_mobil.total_central_force_added", l::kTotalCentralForceAdded.offset},
      {"scene_mobil.is_rubber_ball", l::kIsRubberBall.offset},
      {"scene_mobil.saved_state", l::kSavedState},
      {"simulation_wheels", l::kWheels},
      {"simulation_wheels[1].steerable", l::wheel_offset(1) + l::wheel::kSteerable},
      {"simulation_wheels[1].field_8", l::wheel_offset(1) + l::wheel::kRadius},
      {"simulation_wheels[1].surface_handler.unknown",
       l::wheel_offset(1) + l::wheel::kSurfaceHandlerUnknown},
      {"simulation_wheels[1].surface_handler.rotation",
       l::wheel_offset(1) + l::wheel::kSurfaceHandlerRotation},
      {"simulation_wheels[1].surface_handler.position",
       l::wheel_offset(1) + l::wheel::kSurfaceHandlerPosition},
      {"simulation_wheels[1].field_112", l::wheel_offset(1) + l::wheel::kField112},
      {"simulation_wheels[1].field_160", l::wheel_offset(1) + l::wheel::kField160},
      {"simulation_wheels[1].field_164", l::wheel_offset(1) + l::wheel::kField164},
      {"simulation_wheels[2].offset_from_vehicle",
       l::wheel_offset(2) + l::wheel::kOffsetFromVehicle},
      {"simulation_wheels[2].real_time_state.damper_absorb",
       l::wheel_offset(2) + l::wheel::kDamperAbsorb},
      {"simulation_wheels[2].real_time_state.field_108",
       l::wheel_offset(2) + l::wheel::kAngularSpeed},
      {"simulation_wheels[2].real_time_state.has_ground_contact",
       l::wheel_offset(2) + l::wheel::kHasGroundContact},
      {"simulation_wheels[2].real_time_state.contact_material_id",
       l::wheel_offset(2) + l::wheel::kContactMaterial},
      {"simulation_wheels[2].real_time_state.is_sliding",
       l::wheel_offset(2) + l::wheel::kIsSliding},
      {"simulation_wheels[3].real_time_state.relative_rotz_axis",
       l::wheel_offset(3) + l::wheel::kRelativeRotzAxis},
      {"simulation_wheels[3].real_time_state.nb_ground_contacts",
       l::wheel_offset(3) + l::wheel::kNumGroundContacts},
      {"simulation_wheels[3].real_time_state.field_144",
       l::wheel_offset(3) + l::wheel::kContactNormal},
      {"simulation_wheels[3].field_348", l::wheel_offset(3) + l::wheel::kField348},
      {"simulation_wheels[3].contact_relative_local_distance",
       l::wheel_offset(3) + l::wheel::kContactRelativeLocalDistance},
      {"simulation_wheels[3].prev_sync_wheel_state", l::wheel_offset(3) + l::wheel::kPrevSyncState},
      {"simulation_wheels[3].sync_wheel_state", l::wheel_offset(3) + l::wheel::kSyncState},
      {"simulation_wheels[3].field_564", l::wheel_offset(3) + l::wheel::kField564},
      {"simulation_wheels[3].async_wheel_state", l::wheel_offset(3) + l::wheel::kAsyncState},
      {"plug_solid", l::kPlugSolid},
      {"cmd_buffer_core", l::kCmdBufferCore},
      {"player_info", l::kPlayerInfo},
      {"player_info.team", l::kTeam.offset},
      {"player_info.prev_race_time", l::kPrevRaceTime.offset},
      {"player_info.race_start_time", l::kRaceStartTime.offset},
      {"player_info.race_time", l::kRaceTime.offset},
      {"player_info.race_best_time", l::kRaceBestTime.offset},
      {"player_info.lap_start_time", l::kLapStartTime.offset},
      {"player_info.lap_time", l::kLapTime.offset},
      {"player_info.lap_best_time", l::kLapBestTime.offset},
      {"player_info.min_respawns", l::kMinRespawns.offset},
      {"player_info.nb_completed", l::kNbCompleted.offset},
      {"player_info.max_completed", l::kMaxCompleted.offset},
      {"player_info.stunts_score", l::kStuntsScore.offset},
      {"player_info.best_stunts_score", l::kBestStuntsScore.offset},
      {"player_info.cur_checkpoint", l::kCurCheckpoint.offset},
      {"player_info.average_rank", l::kAverageRank.offset},
      {"player_info.current_race_rank", l::kCurrentRaceRank.offset},
      {"player_info.current_round_rank", l::kCurrentRoundRank.offset},
      {"player_info.current_time", l::kCurrentTime.offset},
      {"player_info.race_state", l::kRaceState.offset},
      {"player_info.ready_enum", l::kReadyEnum.offset},
      {"player_info.round_num", l::kRoundNum.offset},
      {"player_info.offset_current_cp", l::kOffsetCurrentCheckpoint.offset},
      {"player_info.cur_lap_cp_count", l::kCurLapCheckpointCount.offset},
      {"player_info.cur_cp_count", l::kCurCheckpointCount.offset},
      {"player_info.cur_lap", l::kCurLap.offset},
      {"player_info.race_finished", l::kRaceFinished.offset},
      {"player_info.display_speed", l::kDisplaySpeed.offset},
      {"player_info.finish_not_passed", l::kFinishNotPassed.offset},
      {"player_info.countdown_time", l::kCountdownTime.offset},
      {"player_info.rest", l::kPlayerInfoRest},
      {"internal_input_state", l::kInternalInputState},
      {"input_running_event", l::kEventRunning},
      {"input_finish_event", l::kEventFinish},
      {"input_accelerate_event", l::kEventAccelerate},
      {"input_brake_event", l::kEventBrake},
      {"input_left_event", l::kEventLeft},
      {"input_right_event", l::kEventRight},
      {"input_steer_event", l::kEventSteer},
      {"input_gas_event", l::kEventGas},
      {"num_respawns", l::kNumRespawns.offset},
      {"cp_data", l::kCheckpointData},
  };
  for (const auto& [field, offset] : ours) {
    ASSERT_TRUE(offsets.contains(field)) << field;
    EXPECT_EQ(offset, offsets[field]) << field;
  }
}

TEST(SimStateTest, ParseChecksTheLengthAgainstTheCounts) {
  const Bytes bytes = VectorBytes("sim_state_run.bin");
  const auto error = [](std::span<const std::byte> state) {
    const auto result = SimStateView::Parse(state);
    const auto* failed = std::get_if<DecodeError>(&result);
    return failed == nullptr ? std::string() : failed->field;
  };
  EXPECT_EQ(error({}), "SimStateData");
  EXPECT_EQ(error(std::span(bytes).first(8351)), "SimStateData.cp_data.cp_states");
  EXPECT_EQ(error(std::span(bytes).first(8352)), "SimStateData.cp_data.cp_states");
  EXPECT_EQ(error(std::span(bytes).first(8375)), "SimStateData.cp_data.cp_times");
  EXPECT_EQ(error(std::span(bytes).first(bytes.size() - 1)), "SimStateData.cp_data.cp_times");
  EXPECT_EQ(error(bytes), "");

  Bytes longer = bytes;
  longer.resize(bytes.size() + 100);
  EXPECT_EQ(Parsed(longer).bytes().size(), bytes.size());
}

TEST(SimStateTest, BuildsWhatItsViewReads) {
  SimState state(2, 3);
  EXPECT_EQ(state.bytes().size(), kSimStateFixedSize + 32);
  EXPECT_EQ(state.view().Get(layout::kVersion), 1u);
  state.Set(layout::kFlags, kRunModeFlags);
  state.Set(layout::kRaceTime, -2600);
  state.Set(layout::kActualRpm, 8123.5f);
  state.Set(layout::kIsSliding, true);
  state.Set(layout::kCurrentLocalSpeed, {1, 2, 3});
  state.SetInt32(layout::kTimers + 4, 10);
  state.SetFloat(layout::kDynaCurrent + layout::body::kQuat, 1.0f);
  state.SetBool(layout::wheel_offset(3) + layout::wheel::kIsSliding, true);
  const Mat3 rotation{{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}};
  state.SetMatrix(layout::kDynaCurrent + layout::body::kRotation, rotation);
  state.SetEvent(layout::kEventSteer, {100010, PackAnalog(2, -65536)});
  state.SetBytes(layout::kPlugSolid, Bytes(layout::kPlugSolidSize, std::byte{9}));
  state.SetCheckpointState(1, true);
  state.SetCheckpointTime(2, {5020, 7});

  const SimStateView view = state.view();
  EXPECT_EQ(view.race_time_ms(), -2600);
  EXPECT_EQ(view.Get(layout::kActualRpm), 8123.5f);
  EXPECT_TRUE(view.Get(layout::kIsSliding));
  EXPECT_EQ(view.Get(layout::kCurrentLocalSpeed), (Vec3{1, 2, 3}));
  EXPECT_EQ(view.time_ms(), 10);
  EXPECT_EQ(view.Float(672), 1.0f);
  EXPECT_TRUE(view.Bool(6108 + 300));
  EXPECT_EQ(view.rotation(), rotation);
  EXPECT_EQ(view.input_steer(), -65536);
  EXPECT_EQ(view.bytes()[6939], std::byte{9});
  EXPECT_EQ(view.bytes()[6940], std::byte{0});
  EXPECT_EQ(view.checkpoint_data(),
            (CheckpointData{0, {false, true}, {{0, 0}, {0, 0}, {5020, 7}}}));
}

TEST(SimStateTest, MovedCarHasItsThreeBodiesElsewhereAndAllElseAsItWas) {
  SimState state(1, 1);
  for (std::size_t word = 0; word < layout::kCheckpointData / 4; ++word) {
    state.SetFloat(4 * word, static_cast<float>(word));
  }
  Bytes moved(state.bytes().begin(), state.bytes().end());
  MoveCar(moved, {1, -2, 0.5f});
  for (const std::size_t position : {544u, 724u, 904u}) {
    const float word = static_cast<float>(position / 4);
    state.SetVector(position, {word + 1, word + 1 - 2, word + 2 + 0.5f});
  }
  EXPECT_TRUE(std::ranges::equal(moved, state.bytes()));
}

// ---- rotations

TEST(RotationVectors, QuaternionsAndAngles) {
  const json vectors = VectorJson("rotation.json");
  int matrices = 0;
  for (const json& vector : vectors) {
    SCOPED_TRACE(vector["label"].get<std::string>());
    std::array<double, 4> quat = vector["quat_wxyz"];
    if (vector.contains("matrix_rows")) {
      ++matrices;
      const Matrix3d matrix = vector["matrix_rows"];
      const std::array<double, 4> ours = QuaternionOf(matrix);
      for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(ours[i], quat[i], 1e-12);
      quat = ours;
    }
    ExpectAngles(YawPitchRollOf(quat), vector["yaw_pitch_roll"], 1e-12);
  }
  EXPECT_GT(matrices, 10);
  EXPECT_LT(matrices, static_cast<int>(vectors.size()));
}

TEST_P(SimStateVectors, QuaternionOfTheRotation) {
  const json& expected = vector["accessors"]["mat3_to_quat_of_rotation"];
  if (expected.is_null()) return;
  const std::array<double, 4> quat = QuaternionOf(view.rotation());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(quat[i], expected[i].get<double>(), 1e-6);
}

TEST(RotationTest, QuaternionTurnsAsItsMatrixDoes) {
  const auto expect = [](const Mat3& rotation, const std::array<double, 4>& expected) {
    const std::array<double, 4> quat = QuaternionOf(rotation);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(quat[i], expected[i], 1e-6);
  };
  expect({{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, {1, 0, 0, 0});
  // Facing +x after a quarter turn to the left; a half turn about the axis (0, 0.6, 0.8).
  expect({{{0, 0, 1}, {0, 1, 0}, {-1, 0, 0}}}, {std::sqrt(0.5), 0, std::sqrt(0.5), 0});
  expect({{{-1, 0, 0}, {0, -0.28f, 0.96f}, {0, 0.96f, 0.28f}}}, {0, 0, 0.6, 0.8});
}

}  // namespace
}  // namespace hotlap::tminterface
