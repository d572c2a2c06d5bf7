// Payload bytes to structs: PayloadNeeded and the Decode functions of message.h.
#include <cstring>
#include <limits>

#include "env/tminterface/message.h"
#include "env/tminterface/sim_state.h"

namespace hotlap::tminterface {
namespace {

// Where a vector ends whose int32 count stands at `at`; the end of the count while it is not known.
std::size_t VectorEnd(std::span<const std::byte> known, std::size_t at, std::size_t element_size) {
  const std::size_t begin = at + sizeof(std::int32_t);
  if (known.size() < begin) return begin;
  std::int32_t count = 0;
  std::memcpy(&count, known.data() + at, sizeof count);
  return count > 0 ? begin + static_cast<std::size_t>(count) * element_size : begin;
}

// Likewise for checkpoint data whose first count, that of the states, stands at `at`.
std::size_t CheckpointsEnd(std::span<const std::byte> known, std::size_t at) {
  const std::size_t states_end = VectorEnd(known, at, 4);
  return known.size() < at + 4 ? states_end : VectorEnd(known, states_end, 8);
}

std::size_t ResponseNeeded(MessageType request, std::span<const std::byte> known) {
  switch (request) {
    case MessageType::kSimGetState:
      return CheckpointsEnd(known, layout::kCheckpointData + 4);
    case MessageType::kSimGetEventBuffer:
      return VectorEnd(known, 44, sizeof(Event));
    case MessageType::kGetCheckpointState:
      return CheckpointsEnd(known, 4);
    default:
      return 4;
  }
}

EventBuffer Events(Reader& in, std::string_view duration, std::string_view events) {
  EventBuffer buffer;
  buffer.events_duration_ms = in.Uint32(duration);
  const std::size_t count = in.Count(sizeof(Event), events);
  buffer.events.resize(count);
  for (Event& event : buffer.events) {
    event.stored_time_ms = in.Int32(events);
    event.data = in.Uint32(events);
  }
  return buffer;
}

CheckpointData Checkpoints(Reader& in, std::string_view states, std::string_view times) {
  CheckpointData data;
  data.reserved = in.Int32(states);
  data.states.resize(in.Count(4, states));
  for (std::size_t i = 0; i < data.states.size(); ++i) data.states[i] = in.Bool(states);
  data.times.resize(in.Count(8, times));
  for (CheckpointTime& time : data.times) {
    time.time_ms = in.Int32(times);
    time.stunts_score = in.Int32(times);
  }
  return data;
}

// A word that numbers one of [first, last].
std::int32_t Choice(Reader& in, std::int32_t first, std::int32_t last, std::string_view field) {
  const std::int32_t value = in.Int32(field);
  if (!in.error() && (value < first || value > last)) {
    in.Fail(field, std::to_string(value) + " is not in " + std::to_string(first) + ".." +
                       std::to_string(last));
  }
  return in.error() ? first : value;
}

EventBuffer EventBufferResponse(Reader& in) {
  std::array<std::int32_t, kNumControls> control_index;
  for (std::int32_t& index : control_index) {
    index = Choice(in, -1, kNumControls - 1, "C_SIM_GET_EVENT_BUFFER.control_index");
  }
  EventBuffer buffer =
      Events(in, "C_SIM_GET_EVENT_BUFFER.events_duration", "C_SIM_GET_EVENT_BUFFER.events");
  buffer.control_index = control_index;
  return buffer;
}

SimSetEventBuffer DecodeSimSetEventBuffer(Reader& in) {
  in.Bytes(sizeof(std::int32_t) * kNumControls, "C_SIM_SET_EVENT_BUFFER.control_index");
  return {Events(in, "C_SIM_SET_EVENT_BUFFER.events_duration", "C_SIM_SET_EVENT_BUFFER.events")};
}

OnCustomCommand DecodeOnCustomCommand(Reader& in) {
  OnCustomCommand m;
  m.time_from_ms = in.Int32("S_ON_CUSTOM_COMMAND.time_from");
  m.time_to_ms = in.Int32("S_ON_CUSTOM_COMMAND.time_to");
  const std::int32_t count = in.Int32("S_ON_CUSTOM_COMMAND.arguments");
  if (count < 0) {
    in.Fail("S_ON_CUSTOM_COMMAND.arguments", "count " + std::to_string(count) + " is negative");
  }
  m.command = in.String("S_ON_CUSTOM_COMMAND.command");
  // Stops at the first argument that is not there, so a false count costs no memory.
  for (std::int32_t i = 0; i < count && !in.error(); ++i) {
    m.arguments.emplace_back(in.String("S_ON_CUSTOM_COMMAND.arguments"));
  }
  return m;
}

OnBruteforceEvaluate DecodeOnBruteforceEvaluate(Reader& in) {
  OnBruteforceEvaluate m;
  m.phase = in.Uint32("S_ON_BRUTEFORCE_EVALUATE.phase");
  m.target = in.Uint32("S_ON_BRUTEFORCE_EVALUATE.target");
  m.race_time_ms = in.Int32("S_ON_BRUTEFORCE_EVALUATE.race_time");
  m.modified_inputs_num = in.Int32("S_ON_BRUTEFORCE_EVALUATE.modified_inputs_num");
  m.inputs_min_time = in.Int32("S_ON_BRUTEFORCE_EVALUATE.inputs_min_time");
  m.inputs_max_time = in.Int32("S_ON_BRUTEFORCE_EVALUATE.inputs_max_time");
  m.max_steer_diff = in.Int32("S_ON_BRUTEFORCE_EVALUATE.max_steer_diff");
  m.max_time_diff = in.Int32("S_ON_BRUTEFORCE_EVALUATE.max_time_diff");
  m.override_stop_time = in.Int32("S_ON_BRUTEFORCE_EVALUATE.override_stop_time");
  m.search_forever = in.Bool("S_ON_BRUTEFORCE_EVALUATE.search_forever");
  m.inputs_extend_steer = in.Bool("S_ON_BRUTEFORCE_EVALUATE.inputs_extend_steer");
  return m;
}

ProcessedCall DecodeProcessedCall(Reader& in) {
  ProcessedCall m;
  m.which = static_cast<MessageType>(Choice(in, 2, 11, "C_PROCESSED_CALL.which"));
  if (m.which != MessageType::kOnBruteforceEvaluate) return m;
  m.decision = static_cast<BruteforceDecision>(Choice(in, 0, 4, "C_PROCESSED_CALL.decision"));
  m.rewind_time_ms = in.Int32("C_PROCESSED_CALL.rewind_time");
  return m;
}

SetInputStates DecodeSetInputStates(Reader& in) {
  SetInputStates m;
  m.left = in.Int32("C_SET_INPUT_STATES.left");
  m.right = in.Int32("C_SET_INPUT_STATES.right");
  m.accelerate = in.Int32("C_SET_INPUT_STATES.accelerate");
  m.brake = in.Int32("C_SET_INPUT_STATES.brake");
  m.steer = in.Int32("C_SET_INPUT_STATES.steer");
  m.gas = in.Int32("C_SET_INPUT_STATES.gas");
  return m;
}

// The string behind an int32 that says nothing.
std::string TextAfterReserved(Reader& in, std::string_view reserved, std::string_view text) {
  in.Int32(reserved);
  return std::string(in.String(text));
}

Log DecodeLog(Reader& in) {
  const auto severity = static_cast<LogSeverity>(Choice(in, 0, 3, "C_LOG.severity"));
  return {severity, std::string(in.String("C_LOG.message"))};
}

ServerCall ReadServerCall(MessageType type, Reader& in) {
  switch (type) {
    case MessageType::kOnRegistered:
      return OnRegistered{};
    case MessageType::kShutdown:
      return Shutdown{};
    case MessageType::kOnRunStep:
      return OnRunStep{in.Int32("S_ON_RUN_STEP.race_time")};
    case MessageType::kOnSimBegin:
      return OnSimBegin{};
    case MessageType::kOnSimStep:
      return OnSimStep{in.Int32("S_ON_SIM_STEP.race_time")};
    case MessageType::kOnSimEnd:
      return OnSimEnd{in.Int32("S_ON_SIM_END.result")};
    case MessageType::kOnCheckpointCountChanged: {
      const std::int32_t current = in.Int32("S_ON_CHECKPOINT_COUNT_CHANGED.current");
      return OnCheckpointCountChanged{current, in.Int32("S_ON_CHECKPOINT_COUNT_CHANGED.target")};
    }
    case MessageType::kOnLapsCountChanged:
      return OnLapsCountChanged{in.Int32("S_ON_LAPS_COUNT_CHANGED.current")};
    case MessageType::kOnCustomCommand:
      return DecodeOnCustomCommand(in);
    case MessageType::kOnBruteforceEvaluate:
      return DecodeOnBruteforceEvaluate(in);
    default:
      in.Fail("type", std::to_string(static_cast<int>(type)) + " is no call of the game");
      return OnRegistered{};
  }
}

ClientCall ReadClientCall(MessageType type, Reader& in) {
  switch (type) {
    case MessageType::kRegister:
      return Register{};
    case MessageType::kDeregister:
      return Deregister{};
    case MessageType::kProcessedCall:
      return DecodeProcessedCall(in);
    case MessageType::kSetInputStates:
      return DecodeSetInputStates(in);
    case MessageType::kRespawn:
      return Respawn{};
    case MessageType::kGiveUp:
      return GiveUp{};
    case MessageType::kHorn:
      return Horn{};
    case MessageType::kSimRewindToState:
      return SimRewindToState{in.Bytes(in.remaining(), "C_SIM_REWIND_TO_STATE.state")};
    case MessageType::kSimGetState:
      return SimGetState{};
    case MessageType::kSimGetEventBuffer:
      return SimGetEventBuffer{};
    case MessageType::kGetContextMode:
      return GetContextMode{};
    case MessageType::kSimSetEventBuffer:
      return DecodeSimSetEventBuffer(in);
    case MessageType::kSimSetTimeLimit:
      return SimSetTimeLimit{in.Int32("C_SIM_SET_TIME_LIMIT.time")};
    case MessageType::kGetCheckpointState:
      return GetCheckpointState{};
    case MessageType::kSetCheckpointState:
      return SetCheckpointState{
          Checkpoints(in, "C_SET_CHECKPOINT_STATE.cp_states", "C_SET_CHECKPOINT_STATE.cp_times")};
    case MessageType::kSetGameSpeed:
      return SetGameSpeed{in.Double("C_SET_GAME_SPEED.speed")};
    case MessageType::kExecuteCommand:
      return ExecuteCommand{
          TextAfterReserved(in, "C_EXECUTE_COMMAND.reserved", "C_EXECUTE_COMMAND.command")};
    case MessageType::kSetExecuteCommands:
      return SetExecuteCommands{in.Bool("C_SET_EXECUTE_COMMANDS.enable")};
    case MessageType::kSetTimeout:
      return SetTimeout{in.Int32("C_SET_TIMEOUT.timeout")};
    case MessageType::kRemoveStateValidation:
      return RemoveStateValidation{};
    case MessageType::kPreventSimulationFinish:
      return PreventSimulationFinish{};
    case MessageType::kRegisterCustomCommand:
      return RegisterCustomCommand{TextAfterReserved(in, "C_REGISTER_CUSTOM_COMMAND.reserved",
                                                     "C_REGISTER_CUSTOM_COMMAND.command")};
    case MessageType::kLog:
      return DecodeLog(in);
    default:
      in.Fail("type", std::to_string(static_cast<int>(type)) + " is no call of the client");
      return Register{};
  }
}

}  // namespace

std::size_t PayloadNeeded(MessageType type, MessageType request, std::span<const std::byte> known) {
  switch (type) {
    case MessageType::kResponse:
      return ResponseNeeded(request, known);
    case MessageType::kOnRunStep:
    case MessageType::kOnSimStep:
    case MessageType::kOnSimEnd:
    case MessageType::kOnLapsCountChanged:
    case MessageType::kSimSetTimeLimit:
    case MessageType::kSetExecuteCommands:
    case MessageType::kSetTimeout:
      return 4;
    case MessageType::kOnCheckpointCountChanged:
    case MessageType::kSetGameSpeed:
      return 8;
    case MessageType::kProcessedCall:
      return 12;
    case MessageType::kSetInputStates:
      return 24;
    case MessageType::kOnBruteforceEvaluate:
      return 44;
    case MessageType::kOnCustomCommand:  // counts within counts, and rare: all there is
      return std::numeric_limits<std::size_t>::max();
    case MessageType::kExecuteCommand:
    case MessageType::kRegisterCustomCommand:
    case MessageType::kLog:
      return VectorEnd(known, 4, 1);
    case MessageType::kSimSetEventBuffer:
      return VectorEnd(known, 44, sizeof(Event));
    case MessageType::kSetCheckpointState:
      return CheckpointsEnd(known, 4);
    case MessageType::kSimRewindToState:
      return CheckpointsEnd(known, layout::kCheckpointData + 4);
    default:
      return 0;
  }
}

std::variant<ServerCall, DecodeError> DecodeServerCall(MessageType type,
                                                       std::span<const std::byte> payload) {
  Reader in(payload);
  ServerCall call = ReadServerCall(type, in);
  if (in.error()) return *in.error();
  return call;
}

std::variant<ClientCall, DecodeError> DecodeClientCall(MessageType type,
                                                       std::span<const std::byte> payload) {
  Reader in(payload);
  ClientCall call = ReadClientCall(type, in);
  if (in.error()) return *in.error();
  return call;
}

std::variant<Response, DecodeError> DecodeResponse(MessageType request, ErrorCode error,
                                                   std::span<const std::byte> payload) {
  Response response{.error = error, .content = {}};
  if (error != ErrorCode::kNone) return response;
  Reader in(payload);
  switch (request) {
    case MessageType::kSimGetState: {
      std::variant<SimStateView, DecodeError> state = SimStateView::Parse(payload);
      if (const DecodeError* failed = std::get_if<DecodeError>(&state)) return *failed;
      response.content = std::get<SimStateView>(state).bytes();
      break;
    }
    case MessageType::kSimGetEventBuffer:
      response.content = EventBufferResponse(in);
      break;
    case MessageType::kGetContextMode:
      response.content = static_cast<ContextMode>(Choice(in, 0, 1, "C_GET_CONTEXT_MODE.mode"));
      break;
    case MessageType::kGetCheckpointState:
      response.content =
          Checkpoints(in, "C_GET_CHECKPOINT_STATE.cp_states", "C_GET_CHECKPOINT_STATE.cp_times");
      break;
    default:
      break;
  }
  if (in.error()) return *in.error();
  return response;
}

}  // namespace hotlap::tminterface
