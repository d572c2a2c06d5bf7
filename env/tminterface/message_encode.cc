// Structs to payload bytes: Encode of message.h.
#include <algorithm>
#include <bit>

#include "env/tminterface/message.h"

namespace hotlap::tminterface {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian");

// Writes one payload. `reduced`: the message as it is sent when it does not fit, with empty vectors
// and a state cut at the end of the buffer.
struct PayloadWriter {
  Writer& out;
  bool reduced;
  std::size_t capacity;

  // Messages without content carry an int32 0; the official client sends and accepts fewer bytes
  // in the five bare requests below.
  void Nothing() const { out.Int32(0); }
  void String(std::string_view text) const { out.String(reduced ? std::string_view() : text); }
  void State(std::span<const std::byte> state) const {
    out.Bytes(state.first(reduced ? std::min(state.size(), capacity - out.size()) : state.size()));
  }
  void Events(const EventBuffer& buffer) const {
    out.Uint32(buffer.events_duration_ms);
    const std::span<const Event> events =
        reduced ? std::span<const Event>() : std::span<const Event>(buffer.events);
    out.Int32(static_cast<std::int32_t>(events.size()));
    for (const Event& event : events) {
      out.Int32(event.stored_time_ms);
      out.Uint32(event.data);
    }
  }
  void Checkpoints(const CheckpointData& data) const {
    out.Int32(data.reserved);
    out.Int32(reduced ? 0 : static_cast<std::int32_t>(data.states.size()));
    for (std::size_t i = 0; !reduced && i < data.states.size(); ++i) out.Bool(data.states[i]);
    out.Int32(reduced ? 0 : static_cast<std::int32_t>(data.times.size()));
    for (std::size_t i = 0; !reduced && i < data.times.size(); ++i) {
      out.Int32(data.times[i].time_ms);
      out.Int32(data.times[i].stunts_score);
    }
  }

  // Calls of the game.
  void operator()(const OnRegistered&) const { Nothing(); }
  void operator()(const Shutdown&) const { Nothing(); }
  void operator()(const OnRunStep& m) const { out.Int32(m.race_time_ms); }
  void operator()(const OnSimBegin&) const { Nothing(); }
  void operator()(const OnSimStep& m) const { out.Int32(m.race_time_ms); }
  void operator()(const OnSimEnd& m) const { out.Int32(m.result); }
  void operator()(const OnCheckpointCountChanged& m) const {
    out.Int32(m.current);
    out.Int32(m.target);
  }
  void operator()(const OnLapsCountChanged& m) const { out.Int32(m.current); }
  void operator()(const OnCustomCommand& m) const {
    out.Int32(m.time_from_ms);
    out.Int32(m.time_to_ms);
    out.Int32(reduced ? 0 : static_cast<std::int32_t>(m.arguments.size()));
    // A command that fits keeps its name when its arguments do not.
    const bool with_name = !reduced || m.command.size() + 16 <= capacity;
    out.String(with_name ? std::string_view(m.command) : std::string_view());
    if (reduced) return;
    for (const std::string& argument : m.arguments) out.String(argument);
  }
  void operator()(const OnBruteforceEvaluate& m) const {
    out.Uint32(m.phase);
    out.Uint32(m.target);
    out.Int32(m.race_time_ms);
    out.Int32(m.modified_inputs_num);
    out.Int32(m.inputs_min_time);
    out.Int32(m.inputs_max_time);
    out.Int32(m.max_steer_diff);
    out.Int32(m.max_time_diff);
    out.Int32(m.override_stop_time);
    out.Bool(m.search_forever);
    out.Bool(m.inputs_extend_steer);
  }

  // Calls of the client.
  void operator()(const Register&) const {}
  void operator()(const Deregister&) const { Nothing(); }
  void operator()(const ProcessedCall& m) const {
    out.Int32(static_cast<std::int32_t>(m.which));
    if (m.which != MessageType::kOnBruteforceEvaluate) return;
    out.Uint32(static_cast<std::uint32_t>(m.decision));
    out.Int32(m.rewind_time_ms);
  }
  void operator()(const SetInputStates& m) const {
    out.Int32(m.left);
    out.Int32(m.right);
    out.Int32(m.accelerate);
    out.Int32(m.brake);
    out.Int32(m.steer);
    out.Int32(m.gas);
  }
  void operator()(const Respawn&) const { Nothing(); }
  void operator()(const GiveUp&) const { Nothing(); }
  void operator()(const Horn&) const { Nothing(); }
  void operator()(const SimRewindToState& m) const { State(m.state); }
  void operator()(const SimGetState&) const {}
  void operator()(const SimGetEventBuffer&) const {}
  void operator()(const GetContextMode&) const {}
  void operator()(const SimSetEventBuffer& m) const {
    for (int i = 0; i < kNumControls; ++i) out.Int32(-1);
    Events(m.buffer);
  }
  void operator()(const SimSetTimeLimit& m) const { out.Int32(m.time_ms); }
  void operator()(const GetCheckpointState&) const {}
  void operator()(const SetCheckpointState& m) const { Checkpoints(m.data); }
  void operator()(const SetGameSpeed& m) const { out.Double(m.speed); }
  void operator()(const ExecuteCommand& m) const {
    Nothing();
    String(m.command);
  }
  void operator()(const SetExecuteCommands& m) const { out.Bool(m.enable); }
  void operator()(const SetTimeout& m) const { out.Int32(m.timeout_ms); }
  void operator()(const RemoveStateValidation&) const { Nothing(); }
  void operator()(const PreventSimulationFinish&) const { Nothing(); }
  void operator()(const RegisterCustomCommand& m) const {
    Nothing();
    String(m.command);
  }
  void operator()(const Log& m) const {
    out.Int32(static_cast<std::int32_t>(m.severity));
    String(m.message);
  }

  // Contents of a response.
  void operator()(std::monostate) const { Nothing(); }
  void operator()(std::span<const std::byte> state) const { State(state); }
  void operator()(const EventBuffer& buffer) const {
    for (const std::int32_t index : buffer.control_index) out.Int32(index);
    Events(buffer);
  }
  void operator()(ContextMode mode) const { out.Int32(static_cast<std::int32_t>(mode)); }
  void operator()(const CheckpointData& data) const { Checkpoints(data); }
};

template <class Variant>
Encoded EncodePayload(const Variant& message, std::span<std::byte> payload, ErrorCode error) {
  Writer whole(payload);
  std::visit(PayloadWriter{whole, false, payload.size()}, message);
  if (!whole.overflow()) return {whole.size(), error};
  Writer reduced(payload);
  std::visit(PayloadWriter{reduced, true, payload.size()}, message);
  return {reduced.size(), ErrorCode::kResponseTooLong};
}

}  // namespace

Encoded Encode(const ServerCall& call, std::span<std::byte> payload) {
  return EncodePayload(call, payload, ErrorCode::kNone);
}

Encoded Encode(const ClientCall& call, std::span<std::byte> payload) {
  return EncodePayload(call, payload, ErrorCode::kNone);
}

Encoded Encode(const Response& response, std::span<std::byte> payload) {
  return EncodePayload(response.content, payload, response.error);
}

}  // namespace hotlap::tminterface
