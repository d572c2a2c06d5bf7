#include "env/tminterface/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/tminterface/server.h"
#include "tests/allocation_count.h"
#include "tests/env/tminterface/test_buffer.h"

namespace hotlap::tminterface {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr const char* kEmptyResponse = "01ff00000000000000000000";
constexpr const char* kRunStep = "04ff0000000000000a000000";

// The game is the test itself, byte by byte.
class ClientTest : public ::testing::Test {
 protected:
  void Registered() {
    client.Send(Register{});
    raw.Write(kEmptyResponse);
    client.Poll();
    ASSERT_TRUE(client.registered());
  }
  void InsideARunStep() {
    Registered();
    raw.Write(kRunStep);
    ASSERT_TRUE(client.Poll());
  }
  bool WordIs(MessageType type) const {
    return raw.word() == (0xFF00u | static_cast<std::uint32_t>(type));
  }

  const std::string name = UniqueName();
  std::optional<MappedBuffer> game = MappedBuffer::Create(name);
  const RawBuffer raw{name};
  Client client{OpenBuffer(name)};
  ClientHandler handler;
};

// ---- registration

TEST_F(ClientTest, RegistersWithAGameThatIsFree) {
  client.Send(Register{});
  EXPECT_EQ(raw.Hex(8), "0cff000000000000");
  EXPECT_FALSE(client.Poll());  // its own echo
  raw.Write(kEmptyResponse);
  const auto incoming = client.Poll();
  ASSERT_TRUE(incoming);
  EXPECT_EQ(std::get<Response>(incoming->message).error, ErrorCode::kNone);
  EXPECT_TRUE(client.registered());
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ClientTest, DeregistersAnOlderClientThatTheGameBelievesIn) {
  client.Send(Register{});
  raw.Write("01ff00000200000000000000");
  EXPECT_FALSE(client.Poll());
  EXPECT_EQ(raw.Hex(12), "0dff00000000000000000000");
  raw.ZeroAll();  // taken
  EXPECT_FALSE(client.Poll());
  EXPECT_TRUE(WordIs(MessageType::kRegister));
  raw.Write(kEmptyResponse);
  EXPECT_TRUE(client.Poll());
  EXPECT_TRUE(client.registered());
}

TEST_F(ClientTest, DeregistersAnOlderClientThatTheGameIsHeldFor) {
  raw.Write(kRunStep);
  client.Send(Register{});
  EXPECT_TRUE(WordIs(MessageType::kDeregister));
  raw.Write(kEmptyResponse);  // a game that answers C_DEREGISTER
  EXPECT_FALSE(client.Poll());
  EXPECT_TRUE(WordIs(MessageType::kRegister));
  raw.Write(kRunStep);  // it had begun a call when the request came
  EXPECT_FALSE(client.Poll());
  EXPECT_TRUE(WordIs(MessageType::kDeregister));
}

TEST_F(ClientTest, SendsARegistrationThatWasWipedAgain) {
  client.Send(Register{});
  raw.ZeroAll();
  EXPECT_TRUE(Await([&] {
    client.Poll();
    return WordIs(MessageType::kRegister);
  }));
}

TEST_F(ClientTest, RegistersAgainWhenNoCallFollowsItsAcceptance) {
  client.Send(Register{});
  raw.Write(kEmptyResponse);  // to a request of an older client
  ASSERT_TRUE(client.Poll());
  ASSERT_TRUE(Await([&] { return !client.Poll() && WordIs(MessageType::kRegister); }));
  raw.Write(kEmptyResponse);
  ASSERT_TRUE(client.Poll());
  raw.Write("02ff00000000000000000000");
  const auto incoming = client.Poll();
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->type, MessageType::kOnRegistered);
}

TEST_F(ClientTest, RegistersAnewAfterItWasDropped) {
  InsideARunStep();
  client.SendProcessed(MessageType::kOnRunStep);
  raw.ZeroAll();
  const auto error = client.Pump(handler, DeadlineIn(5ms));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ClientFault::kTimeout);
  Registered();
}

TEST_F(ClientTest, ReportsARefusedRegistration) {
  std::thread answering([&] {
    raw.AwaitReady(MessageType::kRegister);
    raw.Write("01ff00000300000000000000");
  });
  const auto error = client.Register(Soon());
  answering.join();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ClientFault::kRefused);
  EXPECT_EQ(error->code, ErrorCode::kNoEventBuffer);
  EXPECT_FALSE(client.registered());
}

TEST_F(ClientTest, TellsASilentGameFromOneThatIsGone) {
  EXPECT_EQ(client.Register(DeadlineIn(5ms))->fault, ClientFault::kTimeout);
  game.reset();
  const auto error = client.Register(Soon());
  EXPECT_EQ(error->fault, ClientFault::kGameGone);
  EXPECT_THAT(error->text, HasSubstr(name));
}

// ---- calls

TEST_F(ClientTest, IgnoresCallsWhileItIsNotRegistered) {
  raw.Write(kRunStep);
  EXPECT_FALSE(client.Poll());
  EXPECT_EQ(client.Pump(handler, Soon())->fault, ClientFault::kNotRegistered);
}

TEST_F(ClientTest, DeliversACallOnce) {
  InsideARunStep();
  EXPECT_FALSE(client.Poll());
  client.SendProcessed(MessageType::kOnRunStep);
  EXPECT_EQ(raw.Hex(12), "0eff00000000000004000000");
  EXPECT_FALSE(client.Poll());
  raw.Write(kRunStep);  // the same bytes, a new call
  EXPECT_TRUE(client.Poll());
}

TEST_F(ClientTest, ReportsACallThatIsNoMessage) {
  Registered();
  raw.Write("0aff000000000000ffffffffffffffff05000000fcffffff");
  const auto error = client.Pump(handler, Soon());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ClientFault::kBadMessage);
  EXPECT_EQ(error->text, "S_ON_CUSTOM_COMMAND.command: count -4 is negative");
}

TEST_F(ClientTest, AnswersShutdownByDeregistering) {
  Registered();
  raw.Write("03ff00000000000000000000");
  EXPECT_EQ(client.Pump(handler, Soon()), std::nullopt);
  EXPECT_EQ(raw.Hex(12), "0dff00000000000000000000");
  EXPECT_FALSE(client.registered());
}

TEST_F(ClientTest, TakesTheLastMessageOfAGameThatIsGone) {
  Registered();
  raw.Write("03ff00000000000000000000");
  game.reset();
  EXPECT_EQ(client.Pump(handler, Soon()), std::nullopt);
  EXPECT_EQ(client.Pump(handler, Soon())->fault, ClientFault::kNotRegistered);
}

// ---- requests

TEST_F(ClientTest, ReportsACallInPlaceOfAResponse) {
  InsideARunStep();
  client.Send(GiveUp{});
  raw.Write(kRunStep);
  const auto incoming = client.Poll();
  ASSERT_TRUE(incoming);
  EXPECT_EQ(std::get<DecodeError>(incoming->message).ToString(),
            "S_ON_RUN_STEP: is out of place: the response to C_GIVE_UP is awaited");
}

TEST_F(ClientTest, TakesShutdownInPlaceOfAResponse) {
  InsideARunStep();
  std::thread answering([&] {
    raw.AwaitReady(MessageType::kGiveUp);
    raw.Write("03ff00000000000000000000");
  });
  const auto result = client.Call(GiveUp{}, Soon());
  answering.join();
  EXPECT_EQ(std::get<ClientError>(result).fault, ClientFault::kGameGone);
  EXPECT_TRUE(WordIs(MessageType::kDeregister));
}

TEST_F(ClientTest, ReportsARefusedRequestAndClearsIt) {
  InsideARunStep();
  std::thread answering([&] {
    raw.AwaitReady(MessageType::kSimGetState);
    raw.Write("01ff000004000000");
  });
  const auto result = client.Call(SimGetState{}, Soon());
  answering.join();
  const ClientError& error = std::get<ClientError>(result);
  EXPECT_EQ(error.fault, ClientFault::kRefused);
  EXPECT_EQ(error.code, ErrorCode::kNoPlayerInfo);
  EXPECT_THAT(error.text, HasSubstr("C_SIM_GET_STATE"));
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ClientTest, ReportsAResponseThatIsNone) {
  InsideARunStep();
  client.Send(GetContextMode{});
  raw.Write("01ff00000000000007000000");
  const auto incoming = client.Poll();
  ASSERT_TRUE(incoming);
  EXPECT_EQ(std::get<DecodeError>(incoming->message).field, "C_GET_CONTEXT_MODE.mode");
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ClientTest, RefusesARequestThatDoesNotFitTheBuffer) {
  InsideARunStep();
  const auto result = client.Call(ExecuteCommand{std::string(kDefaultBufferSize, 'x')}, Soon());
  const ClientError& error = std::get<ClientError>(result);
  EXPECT_EQ(error.fault, ClientFault::kRefused);
  EXPECT_EQ(error.code, ErrorCode::kResponseTooLong);
  EXPECT_EQ(error.text, "C_EXECUTE_COMMAND was refused with error code 1 (RESPONSE_TOO_LONG)");
  EXPECT_TRUE(WordIs(MessageType::kOnRunStep)) << "nothing was sent";

  // Without blocking too; and the call can be answered.
  client.Send(SimRewindToState{Bytes(kDefaultBufferSize)});
  const auto incoming = client.Poll();
  ASSERT_TRUE(incoming);
  EXPECT_EQ(std::get<Response>(incoming->message).error, ErrorCode::kResponseTooLong);
  EXPECT_FALSE(client.Poll());
  client.SendProcessed(MessageType::kOnRunStep);
  EXPECT_EQ(raw.Hex(12), "0eff00000000000004000000");
}

TEST_F(ClientTest, LeavesACallUnansweredWhoseRequestWas) {
  struct : ClientHandler {
    void OnRunStep(Client& c, std::int32_t) override {
      EXPECT_EQ(std::get<ClientError>(c.Call(GiveUp{}, DeadlineIn(1ms))).fault,
                ClientFault::kTimeout);
      // Nothing more can be asked before that response.
      EXPECT_THAT(std::get<ClientError>(c.Call(Horn{}, Soon())).text, HasSubstr("C_GIVE_UP"));
    }
  } impatient;
  Registered();
  raw.Write(kRunStep);
  const auto error = client.Pump(impatient, Soon());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->fault, ClientFault::kTimeout);
  EXPECT_TRUE(WordIs(MessageType::kGiveUp));
}

TEST_F(ClientTest, IgnoresTheResponseToARequestThatWasGivenUp) {
  Registered();
  raw.Write(kEmptyResponse);
  EXPECT_FALSE(client.Poll());
  EXPECT_TRUE(raw.is_zero());
}

// ---- leaving

TEST_F(ClientTest, LetsTheGameTakeItsLastAnswerBeforeItDeregisters) {
  InsideARunStep();
  client.SendProcessed(MessageType::kOnRunStep);
  std::thread taking([&] {
    raw.AwaitReady(MessageType::kProcessedCall);
    raw.ZeroAll();
  });
  client.Deregister();
  taking.join();
  EXPECT_TRUE(WordIs(MessageType::kDeregister));
  EXPECT_FALSE(client.registered());
}

TEST_F(ClientTest, DeregistersFromAGameThatTakesNothing) {
  InsideARunStep();
  client.SendProcessed(MessageType::kOnRunStep);
  client.Deregister();
  EXPECT_TRUE(WordIs(MessageType::kDeregister));
}

TEST_F(ClientTest, DeregistersInsideACallAtOnceAndOnlyOnce) {
  InsideARunStep();
  client.Deregister();
  EXPECT_TRUE(WordIs(MessageType::kDeregister));
  raw.ZeroAll();
  client.Deregister();
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ClientTest, HandlerMayDeregister) {
  struct : ClientHandler {
    void OnRunStep(Client& c, std::int32_t) override { c.Deregister(); }
  } leaving;
  Registered();
  raw.Write(kRunStep);
  EXPECT_EQ(client.Pump(leaving, Soon()), std::nullopt);
  EXPECT_TRUE(WordIs(MessageType::kDeregister));
}

// ---- the hot path

TEST_F(ClientTest, StepsStatesAndEmptyResponsesAllocateNothing) {
  const Bytes state = VectorBytes("sim_state_run.bin");
  Bytes state_response = FromHex("01ff000000000000");
  state_response.insert(state_response.end(), state.begin(), state.end());
  const Bytes step = FromHex(kRunStep), empty = FromHex(kEmptyResponse);
  Registered();
  const auto round = [&] {
    raw.Write(step);
    EXPECT_TRUE(client.Poll());
    client.Send(SimGetState{});
    raw.Write(state_response);
    const auto incoming = client.Poll();
    const auto& response = std::get<Response>(incoming->message);
    EXPECT_EQ(std::get<std::span<const std::byte>>(response.content).size(), state.size());
    client.Send(SetInputStates{0, 0, 1, 0, 65536, 0});
    raw.Write(empty);
    EXPECT_TRUE(client.Poll());
    client.SendProcessed(MessageType::kOnRunStep);
    EXPECT_FALSE(client.Poll());
  };
  round();
  const long before = NumAllocationsOfThread();
  round();
  EXPECT_EQ(NumAllocationsOfThread() - before, 0);
}

// ---- a real game that dies

TEST(ClientProcessTest, NoticesTheDeathOfItsGameInTheMiddleOfACall) {
  const std::string name = UniqueName();
  ChildProcess game([&](const auto& ready) {
    struct : ServerHandler {
      Response Handle(const ClientCall&) override {
        SleepForever();
        return {};
      }
    } stuck;
    Server server(MappedBuffer::Create(name), stuck, [] { return false; });
    ready();
    while (!server.registered()) server.Poll();
    server.Call(OnRunStep{0});
  });
  ASSERT_TRUE(game.AwaitReady());
  Client client(OpenBuffer(name));
  ASSERT_EQ(client.Register(Soon()), std::nullopt);

  struct Killer : ClientHandler {
    explicit Killer(ChildProcess& g) : game(g) {}
    void OnRunStep(Client& c, std::int32_t) override {
      c.Send(SimGetState{});
      game.Kill();
      EXPECT_FALSE(c.game_alive());
    }
    ChildProcess& game;
  } killer(game);
  EXPECT_EQ(client.Pump(killer, Soon()), std::nullopt);  // S_ON_REGISTERED
  EXPECT_EQ(client.Pump(killer, Soon())->fault, ClientFault::kTimeout);
  EXPECT_EQ(client.Pump(killer, Soon())->fault, ClientFault::kGameGone);
  EXPECT_EQ(client.Register(Soon())->fault, ClientFault::kGameGone);

  // A new game takes the name over in place, and the same client registers with it.
  struct : ServerHandler {
    Response Handle(const ClientCall&) override { return {}; }
  } answering;
  Server next(MappedBuffer::Create(name), answering, [] { return false; });
  std::thread running([&] {
    while (!next.registered()) next.Poll();
  });
  EXPECT_EQ(client.Register(Soon()), std::nullopt);
  ClientHandler handler;
  EXPECT_EQ(client.Pump(handler, Soon()), std::nullopt);
  running.join();
}

}  // namespace
}  // namespace hotlap::tminterface
