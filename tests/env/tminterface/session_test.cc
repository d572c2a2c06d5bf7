// The golden messages and the golden session over a real buffer: our client against the bytes of a
// game, our server against the bytes of the official client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

#include "env/tminterface/client.h"
#include "env/tminterface/server.h"
#include "tests/env/tminterface/test_buffer.h"

namespace hotlap::tminterface {
namespace {

using nlohmann::json;

constexpr std::uint32_t ReadyWordOf(MessageType type) {
  return 0xFF00u | static_cast<std::uint32_t>(type);
}

// A client of ours, and a game that is nothing but bytes.
class ClientAgainstBytes : public ::testing::Test {
 protected:
  void Registered() {
    client.Send(Register{});
    raw.Write("01ff00000000000000000000");
    client.Poll();
    ASSERT_TRUE(client.registered());
    ASSERT_TRUE(raw.is_zero());
  }
  // Registered and inside a call of the game.
  void InsideACall() {
    Registered();
    raw.Write("04ff00000000000000000000");
    ASSERT_TRUE(client.Poll());
  }

  const std::string name = UniqueName();
  const MappedBuffer game = MappedBuffer::Create(name);
  const RawBuffer raw{name};
  Client client{OpenBuffer(name)};
};

// What the official client's callbacks would have been told.
class CallbackRecorder : public ClientHandler {
 public:
  explicit CallbackRecorder(BruteforceDecision decision) : decision_(decision) {}

  void OnRegistered(Client&) override { Note({"on_registered"}); }
  void OnShutdown(Client&) override {
    Note({"on_deregistered"});
    callbacks.push_back(json::array({"on_shutdown"}));
  }
  void OnRunStep(Client&, std::int32_t t) override { Note({"on_run_step", t}); }
  void OnSimBegin(Client&) override { Note({"on_simulation_begin"}); }
  void OnSimStep(Client&, std::int32_t t) override { Note({"on_simulation_step", t}); }
  void OnSimEnd(Client&, std::int32_t result) override { Note({"on_simulation_end", result}); }
  void OnCheckpointCountChanged(Client&, std::int32_t current, std::int32_t target) override {
    Note({"on_checkpoint_count_changed", current, target});
  }
  void OnLapsCountChanged(Client&, std::int32_t current) override {
    Note({"on_laps_count_changed", current});
  }
  void OnCustomCommand(Client&, const tminterface::OnCustomCommand& call) override {
    Note({"on_custom_command", call.time_from_ms, call.time_to_ms, call.command, call.arguments});
  }
  std::pair<BruteforceDecision, std::int32_t> OnBruteforceEvaluate(
      Client& client, const tminterface::OnBruteforceEvaluate& call) override {
    const json info = {{"phase", call.phase},
                       {"target", call.target},
                       {"time", call.race_time_ms},
                       {"modified_inputs_num", call.modified_inputs_num},
                       {"inputs_min_time", call.inputs_min_time},
                       {"inputs_max_time", call.inputs_max_time},
                       {"max_steer_diff", call.max_steer_diff},
                       {"max_time_diff", call.max_time_diff},
                       {"override_stop_time", call.override_stop_time},
                       {"search_forever", call.search_forever},
                       {"inputs_extend_steer", call.inputs_extend_steer}};
    Note({"on_bruteforce_evaluate", info});
    if (decision_ == BruteforceDecision::kContinue) {  // that of a handler without opinion
      return ClientHandler::OnBruteforceEvaluate(client, call);
    }
    return {decision_, decision_ == BruteforceDecision::kReject ? 4550 : -1};
  }

  json callbacks = json::array();

 private:
  void Note(const std::vector<json>& callback) { callbacks = json::array({json(callback)}); }

  const BruteforceDecision decision_;
};

TEST_F(ClientAgainstBytes, AnswersEveryCallOfTheGameAsTheOfficialClientDoes) {
  const std::map<std::string, BruteforceDecision> decisions = {
      {"DO_NOTHING", BruteforceDecision::kDoNothing},
      {"ACCEPT", BruteforceDecision::kAccept},
      {"REJECT", BruteforceDecision::kReject},
      {"STOP", BruteforceDecision::kStop}};
  int calls = 0;
  const json vectors = VectorJson("server_messages.json");
  for (const json& vector : vectors["calls"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    BruteforceDecision decision = BruteforceDecision::kContinue;
    for (const auto& [word, value] : decisions) {
      if (vector["name"].get<std::string>().ends_with(word + ")")) decision = value;
    }
    CallbackRecorder recorder(decision);
    raw.ZeroAll();
    Registered();
    raw.Write(vector["hex"].get<std::string>());
    if (vector["client_reply_hex"].is_null()) {
      EXPECT_FALSE(client.Poll());
      EXPECT_EQ(raw.Hex(12), vector["hex"]);
      continue;
    }
    ++calls;
    ASSERT_EQ(client.Pump(recorder, Soon()), std::nullopt);
    EXPECT_EQ(recorder.callbacks, vector["client_callbacks"]);
    const std::string after = vector.contains("buffer_after_reply_hex")
                                  ? vector["buffer_after_reply_hex"].get<std::string>()
                                  : vector["client_reply_hex"].get<std::string>();
    EXPECT_EQ(raw.Hex(after.size() / 2), after);
    EXPECT_EQ(client.registered(), vector["type"] != 3);
  }
  EXPECT_GT(calls, 20);
}

TEST_F(ClientAgainstBytes, WritesTheGoldenRequestsAndReadsTheGoldenResponses) {
  int responses = 0;
  const json vectors = VectorJson("server_messages.json");
  for (const json& vector : vectors["responses"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    if (!vector.contains("request_hex")) continue;  // another reading of the one before
    ++responses;
    Bytes bytes;
    if (vector.contains("response_payload_file")) {
      bytes = FromHex(vector["response_header_hex"]);
      const Bytes payload = VectorBytes(vector["response_payload_file"]);
      bytes.insert(bytes.end(), payload.begin(), payload.end());
    } else {
      bytes = FromHex(vector["response_hex"]);
    }
    raw.ZeroAll();
    InsideACall();
    const Bytes request_bytes = FromHex(vector["request_hex"]);
    const ClientCall request =
        Decoded(DecodeClientCall(TypeOfBytes(request_bytes), PayloadOfBytes(request_bytes)));
    client.Send(request);
    EXPECT_EQ(raw.Hex(request_bytes.size()), vector["request_hex"]);
    raw.Write(bytes);
    const std::optional<Client::Incoming> incoming = client.Poll();
    ASSERT_TRUE(incoming);
    const Response& response = std::get<Response>(incoming->message);
    EXPECT_EQ(response.error == ErrorCode::kNone, !vector.contains("exception"));
    EXPECT_TRUE(raw.is_zero());

    // And the game's side of the same bytes; an int32 0 where the official texts want one.
    const std::string encoded = ToHex(EncodeWhole(response));
    EXPECT_EQ(encoded.substr(0, 2 * bytes.size()), ToHex(bytes));
    EXPECT_EQ(encoded.substr(2 * bytes.size()), bytes.size() == 8 ? "00000000" : "");
  }
  EXPECT_EQ(responses, 14);
}

TEST_F(ClientAgainstBytes, ReadsTheValuesOfTheGoldenResponses) {
  const json vectors = VectorJson("server_messages.json")["responses"];
  const auto decoded = [&](const std::string& vector_name) {
    for (const json& vector : vectors) {
      if (vector["name"] != vector_name) continue;
      const Bytes bytes = FromHex(vector["response_hex"]);
      return Decoded(DecodeResponse(static_cast<MessageType>(vector["request_type"].get<int>()),
                                    ErrorOfBytes(bytes), PayloadOfBytes(bytes)));
    }
    throw std::runtime_error("no vector " + vector_name);
  };
  EXPECT_EQ(std::get<ContextMode>(decoded("get_context_mode run").content), ContextMode::kRun);
  EXPECT_EQ(std::get<ContextMode>(decoded("get_context_mode simulation").content),
            ContextMode::kSimulation);
  const auto buffer = std::get<EventBuffer>(decoded("get_event_buffer missing controls").content);
  EXPECT_EQ(buffer.index_of(Control::kAccelerate), 0);
  EXPECT_EQ(buffer.index_of(Control::kBrake), -1);
  EXPECT_EQ(buffer.events, (std::vector<Event>{{100010, 1}, {100000, 0x02000001}}));
  EXPECT_EQ(decoded("get_event_buffer error 3").error, ErrorCode::kNoEventBuffer);
  EXPECT_EQ(decoded("register_custom_command error 5").error, ErrorCode::kCommandAlreadyRegistered);

  // The layout that the official client misreads.
  const auto correct = std::find_if(vectors.begin(), vectors.end(), [](const json& v) {
    return v["name"].get<std::string>().find("correct decode") != std::string::npos;
  });
  ASSERT_TRUE(correct != vectors.end());
  const Bytes bytes = FromHex((*correct)["response_hex"]);
  const Response checkpoints = Decoded(
      DecodeResponse(MessageType::kGetCheckpointState, ErrorCode::kNone, PayloadOfBytes(bytes)));
  EXPECT_EQ(std::get<CheckpointData>(checkpoints.content),
            CheckpointsFromJson((*correct)["decoded"]));
}

TEST_F(ClientAgainstBytes, ReplaysTheGoldenSession) {
  const json session = VectorJson("session.json");
  for (const json& step : session["steps"]) {
    SCOPED_TRACE(step.dump());
    if (step["who"] == "server") {
      if (step["action"] == "zero whole buffer") {
        raw.ZeroAll();
      } else {
        if (step["type_name"] == "S_RESPONSE") raw.ZeroAll();  // the request
        raw.Write(step["hex"].get<std::string>());
        const auto type = static_cast<MessageType>(raw.bytes()[0]);
        // A response is taken in the step after this one, which zeroes.
        if (type != MessageType::kResponse && type != MessageType::kShutdown) {
          const auto incoming = client.Poll();
          ASSERT_TRUE(incoming);
          EXPECT_EQ(incoming->type, type);
        }
      }
    } else if (step["action"] == "zero whole buffer") {
      ASSERT_TRUE(client.Poll());
      EXPECT_TRUE(raw.is_zero());
    } else {
      const Bytes bytes = FromHex(step["hex"]);
      const ClientCall call = Decoded(DecodeClientCall(TypeOfBytes(bytes), PayloadOfBytes(bytes)));
      if (const auto* processed = std::get_if<ProcessedCall>(&call)) {
        client.SendProcessed(processed->which);
      } else if (std::holds_alternative<Deregister>(call)) {
        ASSERT_TRUE(client.Poll());  // the answer to S_SHUTDOWN comes by itself
      } else {
        client.Send(call);
      }
      EXPECT_EQ(raw.Hex(bytes.size()), step["hex"]);
    }
    EXPECT_EQ(raw.Hex(24), step["buffer_first_24"]);
  }
  EXPECT_FALSE(client.registered());
}

// Our server in a thread of its own, each call released by the test; the client is nothing but
// bytes.
TEST(ServerAgainstBytes, ReplaysTheGoldenSession) {
  struct Game : ServerHandler {
    Response Handle(const ClientCall& call) override {
      Response response;
      if (std::holds_alternative<GetContextMode>(call)) response.content = ContextMode::kRun;
      return response;
    }
  } game;
  const std::string name = UniqueName();
  Server server(MappedBuffer::Create(name), game, [] { return false; });
  const RawBuffer raw(name);
  const json session = VectorJson("session.json");

  std::counting_semaphore<16> release(0);
  std::thread thread([&] {
    while (!server.registered()) server.Poll();
    for (const json& step : session["steps"]) {
      if (step["who"] != "server" || step["action"] != "write call, ready byte last") continue;
      const Bytes bytes = FromHex(step["hex"]);
      if (TypeOfBytes(bytes) == MessageType::kOnRegistered) continue;  // by the server itself
      release.acquire();
      if (TypeOfBytes(bytes) == MessageType::kShutdown) {
        server.Shutdown();
        continue;
      }
      const ServerCall call = Decoded(DecodeServerCall(TypeOfBytes(bytes), PayloadOfBytes(bytes)));
      EXPECT_EQ(server.Call(call), Server::CallResult::kProcessed);
    }
    release.acquire();
    server.Poll();
  });

  for (const json& step : session["steps"]) {
    SCOPED_TRACE(step.dump());
    const bool zeroes = step["action"] == "zero whole buffer";
    const Bytes bytes = zeroes ? Bytes{} : FromHex(step["hex"]);
    if (step["who"] == "client") {
      if (zeroes) {
        raw.ZeroAll();  // the server may go on at once
      } else {
        raw.Write(bytes);
      }
    } else if (zeroes) {
      EXPECT_TRUE(raw.AwaitWord(0));
      EXPECT_TRUE(raw.is_zero());
    } else {
      const MessageType type = TypeOfBytes(bytes);
      if (IsServerCall(type) && type != MessageType::kOnRegistered) release.release();
      EXPECT_TRUE(raw.AwaitWord(ReadyWordOf(type)));
      EXPECT_EQ(raw.Hex(bytes.size()), step["hex"]);
      EXPECT_EQ(raw.Hex(24), step["buffer_first_24"]);
    }
  }
  release.release();
  thread.join();
  EXPECT_FALSE(server.registered());
  EXPECT_TRUE(raw.is_zero());
}

}  // namespace
}  // namespace hotlap::tminterface
