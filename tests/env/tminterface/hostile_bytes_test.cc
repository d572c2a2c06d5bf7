// Bytes of all kinds at the decoders and at both ends of the protocol: an error that names a field,
// or a message, never a step outside the buffer.
#include <gtest/gtest.h>

#include <random>

#include "env/tminterface/client.h"
#include "env/tminterface/input_script.h"
#include "env/tminterface/server.h"
#include "env/tminterface/sim_state.h"
#include "tests/env/tminterface/test_buffer.h"
#include "tests/test_size.h"

namespace hotlap::tminterface::hostile_bytes_test {
namespace {

using nlohmann::json;

constexpr std::uint32_t kSeed = 7;

class HostileBytes : public ::testing::Test {
 protected:
  HostileBytes() {
    const json clients = VectorJson("client_messages.json");
    for (const json& vector : clients) messages.push_back(MessageBytes(vector));
    const json servers = VectorJson("server_messages.json");
    for (const json& vector : servers["calls"]) messages.push_back(FromHex(vector["hex"]));
    for (const json& vector : servers["responses"]) {
      if (vector.contains("response_hex")) messages.push_back(FromHex(vector["response_hex"]));
    }
    for (const char* file : {"sim_state_run.bin", "sim_state_sim.bin", "sim_state_offsets.bin"}) {
      Bytes message = FromHex("01ff000000000000");
      const Bytes state = VectorBytes(file);
      message.insert(message.end(), state.begin(), state.end());
      messages.push_back(message);
    }
  }

  std::uint32_t Word() { return static_cast<std::uint32_t>(random()); }
  std::size_t Below(std::size_t limit) { return limit == 0 ? 0 : random() % limit; }

  // A golden message with some of its bytes, counts or length changed.
  Bytes Mutated() {
    Bytes bytes = messages[Below(messages.size())];
    const std::size_t changes = Below(4);
    for (std::size_t i = 0; i < changes; ++i) {
      const std::size_t at = Below(bytes.size());
      switch (Below(4)) {
        case 0:
          bytes[at] = static_cast<std::byte>(random());
          break;
        case 1: {  // a count
          const std::uint32_t counts[] = {0,          1,          Word() % 100, 0x7FFFFFFF,
                                          0x80000000, 0xFFFFFFFF, Word(),       0x20000000};
          const std::uint32_t count = counts[Below(8)];
          // Where counts are: in the first words, or behind the fixed part of a state.
          const std::size_t places[] = {8, 12, 16, 20, 52, 8352, 8356, 8360};
          const std::size_t place = places[Below(8)];
          if (place + 4 <= bytes.size()) std::memcpy(bytes.data() + place, &count, 4);
          break;
        }
        case 2:
          bytes.resize(std::max<std::size_t>(at, kHeaderSize));
          break;
        default:
          bytes[0] = static_cast<std::byte>(Below(40));
          break;
      }
    }
    return bytes;
  }

  std::mt19937 random{kSeed};
  std::vector<Bytes> messages;
};

// What decoded must encode to bytes that decode to the same; what did not must say where.
template <class Message, class Decode>
void ExpectErrorOrMessage(const std::variant<Message, DecodeError>& result, const Decode& decode) {
  if (const DecodeError* error = std::get_if<DecodeError>(&result)) {
    const bool names_a_field = error->field == "type" || error->field == "SimStateData" ||
                               error->field.find('.') != std::string::npos;
    EXPECT_TRUE(names_a_field) << error->ToString();
    EXPECT_FALSE(error->text.empty());
    return;
  }
  Bytes payload(2 * kDefaultBufferSize);
  const Encoded encoded = Encode(std::get<Message>(result), payload);
  payload.resize(encoded.payload_size);
  payload.shrink_to_fit();
  const std::variant<Message, DecodeError> again = decode(std::span<const std::byte>(payload));
  ASSERT_TRUE(std::holds_alternative<Message>(again)) << std::get<DecodeError>(again).ToString();
  Bytes twice(payload.size());
  EXPECT_EQ(Encode(std::get<Message>(again), twice).payload_size, payload.size());
  EXPECT_EQ(twice, payload);
}

TEST_F(HostileBytes, DecodeToAnErrorThatNamesAFieldOrToAMessage) {
  const int count = TestCount(20000, 200000, 5000000);
  for (int i = 0; i < count && !HasFailure(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", message " + std::to_string(i));
    const Bytes message = Mutated();
    const auto type = TypeOfBytes(message);
    // A block of its own size, so that a step outside it is seen.
    const Bytes payload(message.begin() + kHeaderSize, message.end());
    const auto request = static_cast<MessageType>(Below(40));
    if (type == MessageType::kResponse) {
      const auto decode = [&](std::span<const std::byte> p) {
        return DecodeResponse(request, ErrorCode::kNone, p);
      };
      ExpectErrorOrMessage(decode(payload), decode);
    } else if (IsServerCall(type)) {
      const auto decode = [&](std::span<const std::byte> p) { return DecodeServerCall(type, p); };
      ExpectErrorOrMessage(decode(payload), decode);
    } else {
      const auto decode = [&](std::span<const std::byte> p) { return DecodeClientCall(type, p); };
      ExpectErrorOrMessage(decode(payload), decode);
    }
    // How much to copy is asked of every prefix, whatever its type.
    const std::span<const std::byte> known = std::span(payload).first(Below(payload.size() + 1));
    PayloadNeeded(type, request, known);
    PayloadNeeded(static_cast<MessageType>(Below(256)), request, known);
  }
}

TEST_F(HostileBytes, StateParsesToAnErrorOrToAViewWithinItsBytes) {
  const int count = TestCount(5000, 50000, 1000000);
  const Bytes golden = VectorBytes("sim_state_run.bin");
  for (int i = 0; i < count && !HasFailure(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", state " + std::to_string(i));
    const std::size_t size = Below(3) == 0 ? Below(golden.size()) : 8340 + Below(120);
    Bytes bytes(golden.begin(), golden.begin() + static_cast<std::ptrdiff_t>(size));
    for (const std::size_t place : {8348u, 8352u, 8372u}) {
      const std::uint32_t value = Below(2) == 0 ? Word() % 30 : Word();
      if (Below(2) == 0 && place + 4 <= size) std::memcpy(bytes.data() + place, &value, 4);
    }
    bytes.shrink_to_fit();
    const auto result = SimStateView::Parse(bytes);
    if (const auto* error = std::get_if<DecodeError>(&result)) {
      EXPECT_EQ(error->field.rfind("SimStateData", 0), 0u);
      continue;
    }
    const auto& view = std::get<SimStateView>(result);
    EXPECT_LE(view.bytes().size(), bytes.size());
    EXPECT_EQ(view.bytes().size(), kSimStateFixedSize + 4 * view.num_checkpoint_states() +
                                       8 * view.num_checkpoint_times());
    view.checkpoint_data();
    view.yaw_pitch_roll();
  }
}

TEST_F(HostileBytes, ScriptTextAlwaysParsesAndItsTextIsStable) {
  const int count = TestCount(5000, 50000, 1000000);
  const std::string alphabet = "0159 -.:;#\"\n\rpress steer rel gas up down enter";
  for (int i = 0; i < count && !HasFailure(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", script " + std::to_string(i));
    std::string text(Below(60), ' ');
    for (char& c : text) {
      c = Below(20) == 0 ? static_cast<char>(random()) : alphabet[Below(alphabet.size())];
    }
    InputScript script = InputScript::Parse(text);
    script.SortByTime();
    EventBuffer layout;
    layout.control_index = {9, 8, 4, 3, 0, 1, 2, 5, 6, 7};
    const std::string inputs = ToScriptText(ToEventBuffer(script, layout));
    EXPECT_EQ(ToScriptText(ToEventBuffer(InputScript::Parse(inputs), layout)), inputs);
    script.ToText();
  }
}

// A game that writes nonsense: the client reports or ignores it, and registers again.
TEST_F(HostileBytes, OfAGameDoNoHarmToItsClient) {
  const int count = TestCount(2000, 20000, 500000);
  const std::string name = UniqueName();
  const MappedBuffer game = MappedBuffer::Create(name);
  const RawBuffer raw(name);
  Client client(OpenBuffer(name));
  int calls = 0, responses = 0, errors = 0;
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", message " + std::to_string(i));
    if (!client.registered()) {
      client.Send(Register{});
      raw.Write("01ff00000000000000000000");
      client.Poll();
      continue;
    }
    raw.Write(Mutated());
    const auto incoming = client.Poll();
    if (!incoming) continue;
    if (std::holds_alternative<DecodeError>(incoming->message)) {
      ++errors;
      client.Send(Deregister{});
    } else if (std::holds_alternative<Response>(incoming->message)) {
      ++responses;
      client.SendProcessed(MessageType::kOnRunStep);
    } else if (client.registered()) {
      ++calls;
      if (Below(3) == 0) {
        client.SendProcessed(incoming->type);
      } else if (Below(2) == 0) {
        client.Send(SimGetState{});
      } else {
        client.Send(SimGetEventBuffer{});
      }
    }
  }
  EXPECT_GT(calls, 0);
  EXPECT_GT(responses, 0);
  EXPECT_GT(errors, 0);
}

// A client that writes nonsense, while the game is inside a call or not: the game drops it and goes
// on, and registers whoever comes next.
TEST_F(HostileBytes, OfAClientDoNoHarmToItsGame) {
  const int count = TestCount(50, 500, 5000);  // of calls that were begun, at most
  struct : ServerHandler {
    Response Handle(const ClientCall&) override { return {}; }
    void OnBadMessage(const DecodeError& error) override {
      ++num_bad;
      EXPECT_FALSE(error.field.empty());
    }
    int num_bad = 0;
  } game;
  const std::string name = UniqueName();
  std::atomic<bool> stop = false;
  Server server(MappedBuffer::Create(name), game, [&] { return stop.load(); });
  // Another process, so that it may write at any moment.
  ChildProcess client([&](const auto& ready) {
    const RawBuffer raw(name);
    const auto wait_for_other_than = [&](MessageType type) {
      const Deadline deadline = DeadlineIn(std::chrono::milliseconds(1));
      while (TypeOfBytes(raw.bytes()) == type && Clock::now() < deadline) ::sched_yield();
    };
    ready();
    for (int i = 0;; ++i) {
      if (i % 5 == 0) {
        raw.Write("0cff000000000000");
        wait_for_other_than(MessageType::kRegister);
        raw.ZeroAll();
        wait_for_other_than(MessageType::kNone);
        raw.Write("0eff00000000000002000000");
        wait_for_other_than(MessageType::kProcessedCall);
      }
      raw.Write(Mutated());
      for (int spin = 0; spin < 5; ++spin) ::sched_yield();
    }
  });
  ASSERT_TRUE(client.AwaitReady());
  // A busy machine comes less far.
  const Deadline deadline = DeadlineIn(std::chrono::seconds(5));
  int calls = 0;
  while (calls < count && Clock::now() < deadline) {
    server.Poll();
    if (server.Call(OnRunStep{calls}) != Server::CallResult::kNoClient) ++calls;
  }
  client.Kill();
  EXPECT_GT(calls, 0);
  EXPECT_GT(game.num_bad, 0);

  // What the killed one left does not matter to the next.
  server.Deregister();
  std::thread running([&] {
    Await([&] {
      server.Poll();
      return server.registered();
    });
    EXPECT_EQ(server.Call(OnRunStep{0}), Server::CallResult::kProcessed);
  });
  Client next(OpenBuffer(name));
  ClientHandler handler;
  EXPECT_EQ(next.Register(Soon()), std::nullopt);
  EXPECT_EQ(next.Pump(handler, Soon()), std::nullopt);
  EXPECT_EQ(next.Pump(handler, Soon()), std::nullopt);
  running.join();
}

// A game that changes its bytes while they are copied out.
TEST_F(HostileBytes, ThatChangeWhileTheyAreReadGiveAnErrorAtMost) {
  const int count = TestCount(2000, 20000, 500000);
  const std::string name = UniqueName();
  const MappedBuffer game = MappedBuffer::Create(name);
  const RawBuffer raw(name);
  Client client(OpenBuffer(name));
  Bytes response = FromHex("01ff000000000000");
  const Bytes state = VectorBytes("sim_state_run.bin");
  response.insert(response.end(), state.begin(), state.end());
  ChildProcess flipping([&](const auto& ready) {
    const RawBuffer theirs(name);
    ready();
    for (std::uint32_t i = 0;; ++i) {
      const std::uint32_t count_word = i % 3 == 0 ? 5 : Word();
      std::memcpy(theirs.bytes().data() + 8356, &count_word, 4);
      std::memcpy(theirs.bytes().data() + 8380, &count_word, 4);
    }
  });
  ASSERT_TRUE(flipping.AwaitReady());
  client.Send(Register{});
  raw.Write("01ff00000000000000000000");
  client.Poll();
  raw.Write("04ff00000000000000000000");
  ASSERT_TRUE(client.Poll());
  for (int i = 0; i < count; ++i) {
    client.Send(SimGetState{});
    raw.Write(response);
    const auto incoming = client.Poll();
    ASSERT_TRUE(incoming);
    if (const auto* got = std::get_if<Response>(&incoming->message)) {
      const auto bytes = std::get<std::span<const std::byte>>(got->content);
      EXPECT_TRUE(std::holds_alternative<SimStateView>(SimStateView::Parse(bytes)));
    } else {
      EXPECT_EQ(std::get<DecodeError>(incoming->message).field.rfind("SimStateData", 0), 0u);
    }
  }
}

}  // namespace
}  // namespace hotlap::tminterface::hostile_bytes_test
