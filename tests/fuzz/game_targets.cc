// Targets of the mapped buffer: its messages, both ends that read them, and what they carry.
#include <cmath>
#include <optional>
#include <variant>

#include "env/sim/floating_point_guard.h"
#include "env/sim/input_tape.h"
#include "env/sim/race.h"
#include "env/sim/race_sim_state.h"
#include "env/tminterface/client.h"
#include "env/tminterface/event_buffer.h"
#include "env/tminterface/input_script.h"
#include "env/tminterface/server.h"
#include "env/tminterface/sim_state.h"
#include "tests/env/roads.h"
#include "tests/env/tminterface/test_buffer.h"
#include "tests/fuzz/fuzz_target.h"

namespace hotlap::fuzz {
namespace {

using namespace tminterface;
using nlohmann::json;

// Type, error code and payload, as a peer of any kind may write them: longer ones are cut.
void Write(const RawBuffer& raw, std::span<const std::byte> message) {
  Bytes whole(message.begin(), message.end());
  whole.resize(std::clamp(whole.size(), kHeaderSize, raw.bytes().size()));
  raw.Write(whole);
}

std::vector<Bytes> ClientMessages() {
  std::vector<Bytes> messages;
  for (const json& vector : VectorJson("client_messages.json")) {
    messages.push_back(MessageBytes(vector));
  }
  return messages;
}

std::vector<Bytes> ServerMessages() {
  std::vector<Bytes> messages;
  const json servers = VectorJson("server_messages.json");
  for (const json& vector : servers["calls"]) messages.push_back(FromHex(vector["hex"]));
  for (const json& vector : servers["responses"]) {
    if (vector.contains("response_hex")) messages.push_back(FromHex(vector["response_hex"]));
  }
  for (const char* file : {"sim_state_run.bin", "sim_state_sim.bin"}) {
    Bytes message = FromHex("01ff000000000000");
    const Bytes state = VectorBytes(file);
    message.insert(message.end(), state.begin(), state.end());
    messages.push_back(message);
  }
  return messages;
}

sim::Race MakeRace() {
  static const auto track = sim::Track::Build(StraightRoad(400, 100));
  return {track, sim::VehicleParams{}};
}

template <class Message, class Decode>
void RequireErrorOrMessage(const std::variant<Message, DecodeError>& result, const Decode& decode) {
  if (const DecodeError* error = std::get_if<DecodeError>(&result)) {
    return Require(!error->field.empty() && !error->text.empty(), "an error names field and fault");
  }
  Bytes payload(2 * kDefaultBufferSize);
  payload.resize(Encode(std::get<Message>(result), payload).payload_size);
  const auto again = decode(std::span<const std::byte>(payload));
  Require(std::holds_alternative<Message>(again), "a message can be written and read");
}

}  // namespace

// Type, the type of the request that a response is to, and the payload.
void RunMessage(std::span<const std::byte> input) {
  if (input.size() < 2) return;
  const auto type = static_cast<MessageType>(input[0]);
  const auto request = static_cast<MessageType>(input[1]);
  const auto payload = input.subspan(2);
  PayloadNeeded(type, request, payload);
  const auto response = [&](std::span<const std::byte> bytes) {
    return DecodeResponse(request, ErrorCode::kNone, bytes);
  };
  const auto server_call = [&](std::span<const std::byte> bytes) {
    return DecodeServerCall(type, bytes);
  };
  const auto client_call = [&](std::span<const std::byte> bytes) {
    return DecodeClientCall(type, bytes);
  };
  if (type == MessageType::kResponse) {
    RequireErrorOrMessage(response(payload), response);
  } else if (IsServerCall(type)) {
    RequireErrorOrMessage(server_call(payload), server_call);
  } else {
    RequireErrorOrMessage(client_call(payload), client_call);
  }
}

std::vector<Bytes> MessageSeeds() {
  std::vector<Bytes> seeds;
  for (const auto& messages : {ClientMessages(), ServerMessages()}) {
    for (const Bytes& message : messages) {
      Bytes seed = {message[0], std::byte{static_cast<unsigned char>(MessageType::kSimGetState)}};
      seed.insert(seed.end(), message.begin() + kHeaderSize, message.end());
      seeds.push_back(std::move(seed));
    }
  }
  return seeds;
}

// What a game writes, message by message, to a client that has registered and asks for something
// whenever it may.
void RunClient(std::span<const std::byte> input) {
  const std::string name = UniqueName();
  const MappedBuffer game = MappedBuffer::Create(name);
  const RawBuffer raw(name);
  Client client(OpenBuffer(name));
  std::size_t turn = 0;
  for (const auto message : Messages(input)) {
    if (!client.registered()) {
      client.Send(Register{});
      raw.Write("01ff00000000000000000000");
      client.Poll();
    }
    Write(raw, message);
    const auto incoming = client.Poll();
    if (!incoming) continue;
    if (std::holds_alternative<DecodeError>(incoming->message)) {
      client.Send(Deregister{});
    } else if (std::holds_alternative<Response>(incoming->message)) {
      client.SendProcessed(MessageType::kOnRunStep);
    } else if (client.registered()) {
      switch (++turn % 4) {
        case 0:
          client.SendProcessed(incoming->type);
          break;
        case 1:
          client.Send(SimGetState{});
          break;
        case 2:
          client.Send(SimGetEventBuffer{});
          break;
        default:
          client.Send(GetCheckpointState{});
      }
    }
  }
}

std::vector<Bytes> ClientSeeds() {
  std::vector<Bytes> seeds;
  const Bytes step = FromHex("04ff00000000000000000000");
  for (const Bytes& message : ServerMessages()) {
    const std::vector<Bytes> messages = {step, message, step};
    seeds.push_back(Joined(messages));
  }
  return seeds;
}

// What a client writes, message by message, to a game that waits for it inside a call. The game
// asks whether to stop whenever it has waited for some time: then the next message comes.
void RunServer(std::span<const std::byte> input) {
  struct : ServerHandler {
    Response Handle(const ClientCall&) override { return {}; }
    void OnBadMessage(const DecodeError& error) override {
      Require(!error.field.empty(), "an error names a field");
    }
  } game;
  constexpr std::size_t kMostMessages = 16;
  const std::string name = UniqueName();
  auto messages = Messages(input);
  if (messages.size() > kMostMessages) messages.resize(kMostMessages);
  std::size_t next = 0;
  std::optional<RawBuffer> raw;
  Server server(MappedBuffer::Create(name), game, [&] {
    if (TypeOfBytes(raw->bytes()) == MessageType::kResponse) {  // the client has read it
      raw->ZeroAll();
      return false;
    }
    if (next == messages.size()) return true;
    Write(*raw, messages[next++]);
    return false;
  });
  raw.emplace(name);
  raw->Write("0cff000000000000");
  server.Poll();
  while (next < messages.size() && server.registered()) server.Call(OnRunStep{10});
}

std::vector<Bytes> ServerSeeds() {
  std::vector<Bytes> seeds;
  const Bytes processed = FromHex("0eff00000000000002000000");
  for (const Bytes& message : ClientMessages()) {
    const std::vector<Bytes> messages = {processed, message, FromHex("0eff00000000000004000000")};
    seeds.push_back(Joined(messages));
  }
  return seeds;
}

// A state as the embedded game is asked to go on with it.
void RunSimState(std::span<const std::byte> input) {
  const sim::FloatingPointGuard guard;
  sim::Race race = MakeRace();
  const auto parsed = SimStateView::Parse(input);
  if (const auto* error = std::get_if<DecodeError>(&parsed)) {
    return Require(error->field.starts_with("SimStateData"), "an error names a field");
  }
  const auto& view = std::get<SimStateView>(parsed);
  view.checkpoint_data();
  view.yaw_pitch_roll();
  view.display_speed_kmh();
  for (int wheel = 0; wheel < 4; ++wheel) view.wheel_material(wheel);
  std::string why_not;
  const auto state = sim::ReadSimState(race, view, why_not);
  if (!state) return Require(!why_not.empty(), "a refusal says why");
  race.set_state(*state);
  Inputs inputs;
  inputs.accelerate = true;
  for (int tick = 0; tick < 20; ++tick) race.Tick(inputs);
  const Vec3 at = race.vehicle().body.position_m;
  Require(std::isfinite(at.x) && std::isfinite(at.y) && std::isfinite(at.z),
          "a car that went on is somewhere");
}

// As captured from real games, and as the embedded one gives them on this track.
std::vector<Bytes> SimStateSeeds() {
  std::vector<Bytes> seeds = {VectorBytes("sim_state_run.bin"), VectorBytes("sim_state_sim.bin"),
                              VectorBytes("sim_state_offsets.bin")};
  const sim::FloatingPointGuard guard;
  sim::Race race = MakeRace();
  SimState state(static_cast<std::size_t>(race.track().num_gates()),
                 static_cast<std::size_t>(race.target()));
  race.Restart(false);
  Inputs inputs;
  inputs.accelerate = true;
  for (int i = 0; i < 3; ++i) {
    sim::WriteSimState(race, ContextMode::kRun, state);
    const auto bytes = state.bytes();
    seeds.emplace_back(bytes.begin(), bytes.end());
    for (int tick = 0; tick < 300; ++tick) race.Tick(inputs);
  }
  return seeds;
}

// The payload of a response to SimGetEventBuffer.
void RunEventBuffer(std::span<const std::byte> input) {
  const auto decoded = DecodeResponse(MessageType::kSimGetEventBuffer, ErrorCode::kNone, input);
  const auto* response = std::get_if<Response>(&decoded);
  if (response == nullptr) return;
  const auto* events = std::get_if<EventBuffer>(&response->content);
  if (events == nullptr) return;
  EventBuffer sorted = *events;
  sorted.Sort();
  ToScriptText(sorted, true);
  sim::InputTape tape;
  tape.Assign(*events);
  Inputs inputs;
  for (int time = 0; time < 100; time += 10) tape.Play(time, inputs);
  Require(std::abs(inputs.steer) <= kMaxAnalog && std::abs(inputs.gas) <= kMaxAnalog,
          "inputs stay within what the car takes");
}

std::vector<Bytes> EventBufferSeeds() {
  EventBuffer events;
  events.control_index = {9, 8, 4, 3, 0, 1, 2, 5, 6, 7};
  events.events_duration_ms = 5000;
  events.events = {{105000, PackBinary(8, true)},
                   {100500, PackAnalog(2, -65536)},
                   {100010, PackBinary(4, true)},
                   {kStoredTimeOfRaceStart, PackBinary(9, true)}};
  const Bytes whole = EncodeWhole(Response{.error = ErrorCode::kNone, .content = events});
  return {Bytes(whole.begin() + kHeaderSize, whole.end())};
}

void RunInputScript(std::span<const std::byte> input) {
  InputScript script = InputScript::Parse(TextOf(input));
  script.SortByTime();
  EventBuffer layout;
  layout.control_index = {9, 8, 4, 3, 0, 1, 2, 5, 6, 7};
  const std::string inputs = ToScriptText(ToEventBuffer(script, layout));
  Require(ToScriptText(ToEventBuffer(InputScript::Parse(inputs), layout)) == inputs,
          "the text of inputs reads as the same inputs");
  script.ToText();
}

std::vector<Bytes> InputScriptSeeds() {
  return {BytesOf("0 press up\n0.50-2.00 steer -65536\n1:02.33 rel up\n"),
          BytesOf("load_state \"a file\"; 1000 gas 65536 # comment\n2000-3000 press left\n")};
}

}  // namespace hotlap::fuzz
