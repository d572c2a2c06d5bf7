#include "env/tminterface/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/env/tminterface/golden_vectors.h"

namespace hotlap::tminterface {
namespace {

using nlohmann::json;

// ---- golden vectors

// A digital or analog channel of set_input_state: absent means untouched.
std::int32_t Channel(const json& args, const char* name, std::int32_t leave) {
  if (!args.contains(name)) return leave;
  return args[name].is_boolean() ? args[name].get<bool>() : args[name].get<std::int32_t>();
}

LogSeverity Severity(const std::string& name) {
  return name == "success"   ? LogSeverity::kSuccess
         : name == "warning" ? LogSeverity::kWarning
         : name == "error"   ? LogSeverity::kError
                             : LogSeverity::kLog;
}

// The call that the arguments of a client vector ask for. `state` holds the bytes that it points
// to.
ClientCall CallFromVector(const json& vector, Bytes& state) {
  const json& args = vector["args"];
  switch (static_cast<MessageType>(vector["type"].get<int>())) {
    case MessageType::kRegister:
      return Register{};
    case MessageType::kDeregister:
      return Deregister{};
    case MessageType::kSetInputStates:
      return SetInputStates{
          Channel(args, "left", kLeaveDigital),       Channel(args, "right", kLeaveDigital),
          Channel(args, "accelerate", kLeaveDigital), Channel(args, "brake", kLeaveDigital),
          Channel(args, "steer", kLeaveAnalog),       Channel(args, "gas", kLeaveAnalog)};
    case MessageType::kRespawn:
      return Respawn{};
    case MessageType::kGiveUp:
      return GiveUp{};
    case MessageType::kHorn:
      return Horn{};
    case MessageType::kSimRewindToState:
      state = VectorBytes(args["state"]);
      return SimRewindToState{state};
    case MessageType::kSimGetState:
      return SimGetState{};
    case MessageType::kSimGetEventBuffer:
      return SimGetEventBuffer{};
    case MessageType::kGetContextMode:
      return GetContextMode{};
    case MessageType::kSimSetEventBuffer: {
      SimSetEventBuffer set;
      if (args.contains("events")) {
        set.buffer.events_duration_ms = args["events_duration"];
        set.buffer.events = EventsFromJson(args["events"]);
      } else {  // what the official client read just before, cleared
        const Bytes read = FromHex(vector["exchange"][1]["hex"]);
        const Response response = Decoded(DecodeResponse(MessageType::kSimGetEventBuffer,
                                                         ErrorCode::kNone, PayloadOfBytes(read)));
        set.buffer = std::get<EventBuffer>(response.content);
        set.buffer.Clear();
      }
      return set;
    }
    case MessageType::kSimSetTimeLimit:
      return SimSetTimeLimit{args["time"]};
    case MessageType::kGetCheckpointState:
      return GetCheckpointState{};
    case MessageType::kSetCheckpointState:
      return SetCheckpointState{CheckpointsFromJson(args)};
    case MessageType::kSetGameSpeed:
      return SetGameSpeed{args["speed"]};
    case MessageType::kExecuteCommand:
      return ExecuteCommand{args["command"]};
    case MessageType::kSetTimeout:
      return SetTimeout{args["timeout_ms"]};
    case MessageType::kRemoveStateValidation:
      return RemoveStateValidation{};
    case MessageType::kPreventSimulationFinish:
      return PreventSimulationFinish{};
    case MessageType::kRegisterCustomCommand:
      return RegisterCustomCommand{args["command"]};
    case MessageType::kLog: {
      const std::string text = args["message"];
      return Log{Severity(args["severity"]),
                 text == "65520 x 'a'" ? std::string(65520, 'a') : text};
    }
    default:
      ADD_FAILURE() << vector["name"];
      return Register{};
  }
}

class ClientMessageVectors : public ::testing::Test {
 protected:
  const json vectors = VectorJson("client_messages.json");
};

TEST_F(ClientMessageVectors, EncodeByteForByte) {
  ASSERT_EQ(vectors.size(), 60u);
  for (const json& vector : vectors) {
    SCOPED_TRACE(vector["name"].get<std::string>() + " " + vector["args"].dump().substr(0, 80));
    Bytes state;
    const ClientCall call = CallFromVector(vector, state);
    Bytes expected = MessageBytes(vector);
    ASSERT_EQ(expected.size(), vector["length"].get<std::size_t>());
    if (vector["name"] == "set_checkpoint_state (two-list constructor)") {
      expected.resize(expected.size() - 8);  // surplus of the official client
    }
    if (vector["name"] == "execute_command (non-ASCII)") {
      // The official client counts characters; we count bytes.
      expected[12] = std::byte{13};
      for (const char c : {'b', 'x'}) expected.push_back(static_cast<std::byte>(c));
      expected.erase(expected.end() - 3);
    }
    EXPECT_EQ(ToHex(EncodeWhole(call)), ToHex(expected));
  }
}

TEST_F(ClientMessageVectors, DecodeToWhatEncodesToTheSameBytes) {
  for (const json& vector : vectors) {
    SCOPED_TRACE(vector["name"].get<std::string>() + " " + vector["args"].dump().substr(0, 80));
    Bytes bytes = MessageBytes(vector);
    EXPECT_EQ(MessageName(TypeOfBytes(bytes)), vector["type_name"].get<std::string>());
    const ClientCall call = Decoded(DecodeClientCall(TypeOfBytes(bytes), PayloadOfBytes(bytes)));
    if (vector["name"] == "set_checkpoint_state (two-list constructor)") {
      bytes.resize(bytes.size() - 8);
    }
    Bytes again = EncodeWhole(call);
    if (vector["name"] == "log (one byte too long)") {
      EXPECT_EQ(ErrorOfBytes(bytes), ErrorCode::kResponseTooLong);
      again[4] = std::byte{1};
    }
    EXPECT_EQ(ToHex(again), ToHex(bytes));
  }
}

TEST_F(ClientMessageVectors, EveryMessageOfAnExchangeDecodesAndEncodesBack) {
  int exchanges = 0;
  for (const json& vector : vectors) {
    if (!vector.contains("exchange")) continue;
    SCOPED_TRACE(vector["name"].get<std::string>());
    ++exchanges;
    MessageType request = MessageType::kNone;
    for (const json& step : vector["exchange"]) {
      if (!step.contains("hex")) continue;
      const Bytes bytes = FromHex(step["hex"]);
      if (step["who"] == "client") {
        request = TypeOfBytes(bytes);
        const ClientCall call = Decoded(DecodeClientCall(request, PayloadOfBytes(bytes)));
        EXPECT_EQ(ToHex(EncodeWhole(call)), step["hex"]);
      } else {
        const Response response =
            Decoded(DecodeResponse(request, ErrorOfBytes(bytes), PayloadOfBytes(bytes)));
        EXPECT_EQ(ToHex(EncodeWhole(response)), step["hex"]);
      }
    }
  }
  EXPECT_GT(exchanges, 10);
}

TEST_F(ClientMessageVectors, EveryClientCallButTwoHasAVector) {
  std::set<int> types;
  for (const json& vector : vectors) types.insert(vector["type"].get<int>());
  for (int type = 12; type <= 34; ++type) {
    // C_PROCESSED_CALL is in the replies of server_messages.json; of C_SET_EXECUTE_COMMANDS there
    // is no client.
    EXPECT_EQ(types.count(type), type == 14 || type == 29 ? 0u : 1u) << type;
  }
  EXPECT_EQ(ToHex(EncodeWhole(SetExecuteCommands{false})), "1dff00000000000000000000");
  EXPECT_EQ(ToHex(EncodeWhole(SetExecuteCommands{true})), "1dff00000000000001000000");
}

// The game's call that a callback of the official client was made for.
ServerCall CallFromCallback(MessageType type, const json& callback) {
  switch (type) {
    case MessageType::kOnRegistered:
      return OnRegistered{};
    case MessageType::kShutdown:
      return Shutdown{};
    case MessageType::kOnRunStep:
      return OnRunStep{callback[1]};
    case MessageType::kOnSimBegin:
      return OnSimBegin{};
    case MessageType::kOnSimStep:
      return OnSimStep{callback[1]};
    case MessageType::kOnSimEnd:
      return OnSimEnd{callback[1]};
    case MessageType::kOnCheckpointCountChanged:
      return OnCheckpointCountChanged{callback[1], callback[2]};
    case MessageType::kOnLapsCountChanged:
      return OnLapsCountChanged{callback[1]};
    case MessageType::kOnCustomCommand:
      return OnCustomCommand{callback[1], callback[2], callback[3], callback[4]};
    case MessageType::kOnBruteforceEvaluate: {
      const json& info = callback[1];
      return OnBruteforceEvaluate{info["phase"],
                                  info["target"],
                                  info["time"],
                                  info["modified_inputs_num"],
                                  info["inputs_min_time"],
                                  info["inputs_max_time"],
                                  info["max_steer_diff"],
                                  info["max_time_diff"],
                                  info["override_stop_time"],
                                  info["search_forever"],
                                  info["inputs_extend_steer"]};
    }
    default:
      ADD_FAILURE() << callback;
      return OnRegistered{};
  }
}

TEST(ServerCallVectors, EncodeAndDecodeByteForByte) {
  std::set<int> types;
  const json vectors = VectorJson("server_messages.json");
  for (const json& vector : vectors["calls"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const Bytes bytes = FromHex(vector["hex"]);
    const MessageType type = TypeOfBytes(bytes);
    const ServerCall decoded = Decoded(DecodeServerCall(type, PayloadOfBytes(bytes)));
    Bytes again = EncodeWhole(decoded);
    if (vector["client_callbacks"].empty()) again[1] = std::byte{0};  // no ready marker
    EXPECT_EQ(ToHex(again), vector["hex"]);
    if (vector["client_callbacks"].empty()) continue;
    types.insert(vector["type"].get<int>());
    const ServerCall call = CallFromCallback(type, vector["client_callbacks"].back());
    EXPECT_EQ(ToHex(EncodeWhole(call)), vector["hex"]);
  }
  EXPECT_THAT(types, ::testing::ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(ServerCallVectors, RepliesDecodeAndEncodeByteForByte) {
  const json vectors = VectorJson("server_messages.json");
  for (const json& vector : vectors["calls"]) {
    if (vector["client_reply_hex"].is_null()) continue;
    SCOPED_TRACE(vector["name"].get<std::string>());
    const Bytes bytes = FromHex(vector["client_reply_hex"]);
    const ClientCall reply = Decoded(DecodeClientCall(TypeOfBytes(bytes), PayloadOfBytes(bytes)));
    EXPECT_EQ(ToHex(EncodeWhole(reply)), vector["client_reply_hex"]);
    if (const auto* processed = std::get_if<ProcessedCall>(&reply)) {
      EXPECT_EQ(processed->which, static_cast<MessageType>(vector["type"].get<int>()));
    }
  }
}

// ---- reader and writer

TEST(ReaderTest, NamesTheFirstFieldThatDoesNotFit) {
  Reader in(std::span<const std::byte>{});
  EXPECT_EQ(in.Int32("first"), 0);
  EXPECT_EQ(in.Double("second"), 0);
  ASSERT_TRUE(in.error());
  EXPECT_EQ(in.error()->ToString(), "first: needs 4 bytes, 0 left");
}

TEST(ReaderTest, RefusesNegativeAndTooLargeCounts) {
  const Bytes negative = FromHex("fcffffff00000000");
  Reader in(negative);
  EXPECT_EQ(in.Count(1, "text"), 0u);
  EXPECT_EQ(in.error()->ToString(), "text: count -4 is negative");

  const Bytes large = FromHex("ffffff7f00000000");
  Reader other(large);
  EXPECT_EQ(other.String("text"), "");
  EXPECT_EQ(other.error()->ToString(), "text: 2147483647 elements need 2147483647 bytes, 4 left");
}

TEST(WriterTest, WritesNothingPastTheEndAndNothingAfterAnOverflow) {
  std::array<std::byte, 6> bytes;
  bytes.fill(std::byte{0xAA});
  Writer out(bytes);
  out.Int32(1);
  out.Int32(2);
  out.Bytes(std::span(bytes).first(1));
  EXPECT_TRUE(out.overflow());
  EXPECT_EQ(out.size(), 4u);
  EXPECT_EQ(ToHex(bytes), "01000000aaaa");
}

// ---- what does not decode

std::string ClientCallError(MessageType type, const std::string& payload_hex) {
  const Bytes payload = FromHex(payload_hex);
  const auto result = DecodeClientCall(type, payload);
  const auto* error = std::get_if<DecodeError>(&result);
  return error == nullptr ? "" : error->ToString();
}

std::string ServerCallError(MessageType type, const std::string& payload_hex) {
  const Bytes payload = FromHex(payload_hex);
  const auto result = DecodeServerCall(type, payload);
  const auto* error = std::get_if<DecodeError>(&result);
  return error == nullptr ? "" : error->ToString();
}

std::string ResponseError(MessageType request, const std::string& payload_hex) {
  const Bytes payload = FromHex(payload_hex);
  const auto result = DecodeResponse(request, ErrorCode::kNone, payload);
  const auto* error = std::get_if<DecodeError>(&result);
  return error == nullptr ? "" : error->ToString();
}

TEST(DecodeTest, ErrorsNameTheField) {
  EXPECT_EQ(ClientCallError(MessageType::kLog, "0000000005000000"),
            "C_LOG.message: 5 elements need 5 bytes, 0 left");
  EXPECT_EQ(ClientCallError(MessageType::kLog, "0700000000000000"),
            "C_LOG.severity: 7 is not in 0..3");
  EXPECT_EQ(ClientCallError(MessageType::kExecuteCommand, "00000000ffffffff"),
            "C_EXECUTE_COMMAND.command: count -1 is negative");
  EXPECT_EQ(ClientCallError(MessageType::kSetGameSpeed, "00000000"),
            "C_SET_GAME_SPEED.speed: needs 8 bytes, 4 left");
  EXPECT_EQ(ClientCallError(MessageType::kProcessedCall, "0c000000"),
            "C_PROCESSED_CALL.which: 12 is not in 2..11");
  EXPECT_EQ(ClientCallError(MessageType::kProcessedCall, "0b0000000500000000000000"),
            "C_PROCESSED_CALL.decision: 5 is not in 0..4");
  EXPECT_EQ(ClientCallError(MessageType::kSetCheckpointState, "000000000000000001000000"),
            "C_SET_CHECKPOINT_STATE.cp_times: 1 elements need 8 bytes, 0 left");
  EXPECT_EQ(ClientCallError(MessageType::kOnRunStep, ""), "type: 4 is no call of the client");

  EXPECT_EQ(ServerCallError(MessageType::kOnRunStep, "0000"),
            "S_ON_RUN_STEP.race_time: needs 4 bytes, 2 left");
  EXPECT_EQ(
      ServerCallError(MessageType::kOnCustomCommand, "ffffffffffffffff010000000000000005000000"),
      "S_ON_CUSTOM_COMMAND.arguments: 5 elements need 5 bytes, 0 left");
  EXPECT_EQ(ServerCallError(MessageType::kOnCustomCommand, "ffffffffffffffff0000008000000000"),
            "S_ON_CUSTOM_COMMAND.arguments: count -2147483648 is negative");
  EXPECT_EQ(ServerCallError(MessageType::kResponse, ""), "type: 1 is no call of the game");

  EXPECT_EQ(ResponseError(MessageType::kGetContextMode, "02000000"),
            "C_GET_CONTEXT_MODE.mode: 2 is not in 0..1");
  EXPECT_EQ(ResponseError(MessageType::kSimGetEventBuffer, "0a000000"),
            "C_SIM_GET_EVENT_BUFFER.control_index: 10 is not in -1..9");
  EXPECT_EQ(ResponseError(MessageType::kSimGetState, "00"),
            "SimStateData: needs 8348 bytes, 1 left");
}

TEST(DecodeTest, MessagesWithoutContentNeedNoPayload) {
  for (const MessageType type :
       {MessageType::kRegister, MessageType::kDeregister, MessageType::kRespawn,
        MessageType::kGiveUp, MessageType::kHorn, MessageType::kSimGetState,
        MessageType::kSimGetEventBuffer, MessageType::kGetContextMode,
        MessageType::kGetCheckpointState, MessageType::kRemoveStateValidation,
        MessageType::kPreventSimulationFinish}) {
    EXPECT_EQ(ClientCallError(type, ""), "") << MessageName(type);
  }
  for (const MessageType type :
       {MessageType::kOnRegistered, MessageType::kShutdown, MessageType::kOnSimBegin}) {
    EXPECT_EQ(ServerCallError(type, ""), "") << MessageName(type);
  }
  EXPECT_EQ(ResponseError(MessageType::kGiveUp, ""), "");
}

TEST(DecodeTest, ResponseWithAnErrorCodeCarriesNothing) {
  const Response response =
      Decoded(DecodeResponse(MessageType::kSimGetState, ErrorCode::kNoPlayerInfo, {}));
  EXPECT_EQ(response.error, ErrorCode::kNoPlayerInfo);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(response.content));
}

// ---- what does not fit

TEST(EncodeTest, VectorThatDoesNotFitIsEmptyAndErrorOne) {
  Bytes payload(64);
  Encoded encoded = Encode(ClientCall(ExecuteCommand{std::string(57, 'x')}), payload);
  EXPECT_EQ(encoded.error, ErrorCode::kResponseTooLong);
  EXPECT_EQ(ToHex(std::span(payload).first(encoded.payload_size)), "0000000000000000");
  EXPECT_EQ(Encode(ClientCall(ExecuteCommand{std::string(56, 'x')}), payload).error,
            ErrorCode::kNone);

  SimSetEventBuffer events;
  events.buffer.events.resize(3);
  encoded = Encode(ClientCall(events), payload);
  EXPECT_EQ(encoded.error, ErrorCode::kResponseTooLong);
  EXPECT_EQ(encoded.payload_size, 48u);

  encoded = Encode(ServerCall(OnCustomCommand{-1, -1, "echo", {std::string(64, 'x')}}), payload);
  EXPECT_EQ(encoded.error, ErrorCode::kResponseTooLong);
  EXPECT_EQ(ToHex(std::span(payload).first(encoded.payload_size)),
            "ffffffffffffffff00000000040000006563686f");
}

TEST(EncodeTest, StateThatDoesNotFitIsCutAtTheEnd) {
  const Bytes state(100, std::byte{7});
  Bytes payload(64);
  const Encoded encoded =
      Encode(Response{.error = ErrorCode::kNone, .content = std::span(state)}, payload);
  EXPECT_EQ(encoded.error, ErrorCode::kResponseTooLong);
  EXPECT_EQ(encoded.payload_size, 64u);
  EXPECT_EQ(payload, Bytes(64, std::byte{7}));
}

TEST(EncodeTest, DefaultBufferHolds8184Events) {
  Bytes payload(kDefaultBufferSize - kHeaderSize);
  Response response;
  response.content = EventBuffer{.control_index = {}, .events_duration_ms = 0, .events = {}};
  std::get<EventBuffer>(response.content).events.resize(8184);
  EXPECT_EQ(Encode(response, payload).error, ErrorCode::kNone);
  std::get<EventBuffer>(response.content).events.resize(8185);
  EXPECT_EQ(Encode(response, payload).error, ErrorCode::kResponseTooLong);
}

// ---- how much is copied

// The payload bytes that are known to be needed once `payload` is known.
std::size_t Needed(MessageType type, MessageType request, std::span<const std::byte> payload) {
  std::size_t known = 0;
  for (;;) {
    const std::size_t needed = PayloadNeeded(type, request, payload.first(known));
    if (needed <= known) return known;
    known = std::min(needed, payload.size());
    if (known == payload.size()) return PayloadNeeded(type, request, payload);
  }
}

TEST(PayloadNeededTest, CoversExactlyTheBytesOfEveryVector) {
  const json clients = VectorJson("client_messages.json");
  for (const json& vector : clients) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const Bytes bytes = MessageBytes(vector);
    const MessageType type = TypeOfBytes(bytes);
    std::size_t content = bytes.size() - kHeaderSize;
    if (vector["name"] == "set_checkpoint_state (two-list constructor)") content -= 8;
    // The int32 0 of a message without content says nothing and is not read.
    if (vector["args"].empty() && content == 4) content = 0;
    Bytes buffer = bytes;
    buffer.resize(kDefaultBufferSize);  // what stands behind the message is zero or stale
    EXPECT_EQ(Needed(type, MessageType::kNone, PayloadOfBytes(buffer)), content);
  }
  const Bytes state = VectorBytes("sim_state_run.bin");
  Bytes buffer = state;
  buffer.resize(kDefaultBufferSize - kHeaderSize);
  EXPECT_EQ(Needed(MessageType::kResponse, MessageType::kSimGetState, buffer), state.size());
}

TEST(MessageNameTest, NamesAllNumbers) {
  EXPECT_EQ(MessageName(MessageType::kOnRunStep), "S_ON_RUN_STEP");
  EXPECT_EQ(MessageName(MessageType::kLog), "C_LOG");
  EXPECT_EQ(MessageName(static_cast<MessageType>(200)), "unknown");
}

}  // namespace
}  // namespace hotlap::tminterface
