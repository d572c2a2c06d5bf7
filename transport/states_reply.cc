#include "transport/states_reply.h"

#include <array>
#include <bit>
#include <utility>

#include "transport/array_reader.h"

namespace hotlap::transport {
namespace {

static_assert(sizeof(Vec3) == 3 * sizeof(float) && sizeof(Mat3) == 9 * sizeof(float),
              "sent as they are");

using SentInputs = std::array<std::int32_t, 6>;

SentInputs Sent(const Inputs& inputs) {
  return {inputs.steer, inputs.gas, inputs.left, inputs.right, inputs.accelerate, inputs.brake};
}

bool IsAnalog(std::int32_t value) { return value >= -kMaxAnalog && value <= kMaxAnalog; }
bool IsFlag(std::int32_t value) { return value == 0 || value == 1; }

}  // namespace

Reply MakeStatesReply(std::uint64_t id, std::span<const std::optional<RowState>> states) {
  Reply reply = Reply::Of(id, {Status::kOk, {}});
  // `of` gives an element of the array; zeros where nothing is known.
  const auto add = [&](auto of) {
    using Value = decltype(of(RowState{}));
    std::vector<Value> values;
    values.reserve(states.size());
    for (const auto& state : states) values.push_back(state ? of(*state) : Value{});
    reply.frames.emplace_back(values.data(), values.size() * sizeof(Value));
  };
  struct SentRotation {
    float m[9];
  };
  add([](const RowState&) { return std::uint8_t{1}; });
  add([](const RowState& state) { return state.episode; });
  add([](const RowState& state) { return state.race_time_ms; });
  add([](const RowState& state) { return state.checkpoints; });
  add([](const RowState& state) { return state.position_m; });
  add([](const RowState& state) { return state.velocity_mps; });
  add([](const RowState& state) { return std::bit_cast<SentRotation>(state.rotation); });
  add([](const RowState& state) { return Sent(state.inputs); });
  return reply;
}

tl::expected<InstanceStates, std::string> DecodeStatesReply(std::span<const zmq::message_t> frames,
                                                            std::size_t count) {
  ArrayReader reader(frames);
  const auto known = reader.Read<std::uint8_t>("known", count);
  const auto episodes = reader.Read<std::uint64_t>("episodes", count);
  const auto race_times_ms = reader.Read<std::int32_t>("race_times", count);
  const auto checkpoints = reader.Read<std::int32_t>("checkpoints", count);
  const auto positions_m = reader.ReadFinite<Vec3>("positions", count);
  const auto velocities_mps = reader.ReadFinite<Vec3>("velocities", count);
  const auto rotations = reader.ReadFinite<Mat3>("rotations", count);
  const auto inputs = reader.Read<SentInputs>("inputs", count);
  InstanceStates states(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [steer, gas, left, right, accelerate, brake] = inputs[i];
    if (!IsFlag(known[i])) reader.Fail("known", "has a value other than 0 and 1");
    if (checkpoints[i] < 0) reader.Fail("checkpoints", "has a value below 0");
    if (!IsAnalog(steer) || !IsAnalog(gas) || !IsFlag(left) || !IsFlag(right) ||
        !IsFlag(accelerate) || !IsFlag(brake)) {
      reader.Fail("inputs", "has a value out of range");
    }
    if (known[i] == 0) continue;
    states[i] =
        RowState{.episode = episodes[i],
                 .race_time_ms = race_times_ms[i],
                 .checkpoints = checkpoints[i],
                 .position_m = positions_m[i],
                 .velocity_mps = velocities_mps[i],
                 .rotation = rotations[i],
                 .inputs = {steer, gas, left == 1, right == 1, accelerate == 1, brake == 1}};
  }
  return reader.Finish(std::move(states));
}

}  // namespace hotlap::transport
