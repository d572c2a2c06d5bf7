#include "env/tminterface/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "env/tminterface/client.h"
#include "env/tminterface/sim_state.h"
#include "tests/env/tminterface/test_buffer.h"

namespace hotlap::tminterface {

void PrintTo(Server::CallResult result, std::ostream* out) { *out << static_cast<int>(result); }

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Result = Server::CallResult;

// A game that keeps record.
class RecordingGame : public ServerHandler {
 public:
  Response Handle(const ClientCall& call) override {
    calls.push_back(TypeOf(call));
    if (on_handle) on_handle();
    Response response;
    if (std::holds_alternative<SimGetState>(call)) response.content = state.bytes();
    return response;
  }
  void OnClientGone() override { ++num_gone; }
  void OnBadMessage(const DecodeError& error) override { bad.push_back(error.ToString()); }

  SimState state{3, 3};
  std::vector<MessageType> calls;
  std::vector<std::string> bad;
  int num_gone = 0;
  std::function<void()> on_handle;
};

// The client is on the test's thread; what the game waits in runs on another.
class ServerTest : public ::testing::Test {
 protected:
  std::future<Result> Call(const ServerCall& call) {
    return std::async(std::launch::async, [this, call] { return server.Call(call); });
  }
  std::future<void> AwaitRegistration() {
    return std::async(std::launch::async, [this] {
      const Deadline deadline = Soon();
      Backoff backoff;
      while (!server.registered() && !stop && backoff.Pause(deadline)) server.Poll();
    });
  }
  // Our client registers; its timeout is set to that many milliseconds.
  void Registered(std::int32_t timeout_ms = kDefaultTimeoutMs) {
    struct TimeoutSetter : ClientHandler {
      explicit TimeoutSetter(std::int32_t ms) : timeout_ms(ms) {}
      void OnRegistered(Client& c) override {
        EXPECT_EQ(c.Call(SetTimeout{timeout_ms}, Soon()).index(), 0u);
      }
      const std::int32_t timeout_ms;
    } setter(timeout_ms);
    std::future<void> done = AwaitRegistration();
    ASSERT_EQ(client.Register(Soon()), std::nullopt);
    ASSERT_EQ(client.Pump(setter, Soon()), std::nullopt);
    done.get();
    ASSERT_TRUE(server.registered());
  }
  // The next call of the game comes to the client, which leaves it unanswered.
  void ReceiveCall() {
    ASSERT_TRUE(Await([&] { return client.Poll().has_value(); }));
  }

  const std::string name = UniqueName();
  RecordingGame game;
  std::atomic<bool> stop = false;
  Server server{MappedBuffer::Create(name), game, [this] { return stop.load(); }};
  const RawBuffer raw{name};
  Client client{OpenBuffer(name)};
  ClientHandler handler;
};

TEST_F(ServerTest, SendsNothingWithoutAClient) {
  EXPECT_EQ(server.Call(OnRunStep{0}), Result::kNoClient);
  server.Poll();
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ServerTest, ServesTheCallsOfItsClientUntilItHasProcessed) {
  struct : ClientHandler {
    void OnRunStep(Client& c, std::int32_t race_time_ms) override {
      EXPECT_EQ(race_time_ms, 120);
      const auto state = c.Call(SimGetState{}, Soon());
      EXPECT_EQ(std::get<std::span<const std::byte>>(std::get<Response>(state).content).size(),
                kSimStateFixedSize + 36);
      EXPECT_EQ(c.Call(Horn{}, Soon()).index(), 0u);
    }
  } asking;
  Registered();
  std::future<Result> result = Call(OnRunStep{120});
  EXPECT_EQ(client.Pump(asking, Soon()), std::nullopt);
  EXPECT_EQ(result.get(), Result::kProcessed);
  EXPECT_THAT(game.calls, ElementsAre(MessageType::kSimGetState, MessageType::kHorn));
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ServerTest, KeepsTheBruteforceAnswer) {
  struct : ClientHandler {
    std::pair<BruteforceDecision, std::int32_t> OnBruteforceEvaluate(
        Client&, const tminterface::OnBruteforceEvaluate&) override {
      return {BruteforceDecision::kReject, 4550};
    }
  } rejecting;
  Registered();
  std::future<Result> result = Call(OnBruteforceEvaluate{});
  EXPECT_EQ(client.Pump(rejecting, Soon()), std::nullopt);
  EXPECT_EQ(result.get(), Result::kProcessed);
  EXPECT_EQ(server.last_processed().decision, BruteforceDecision::kReject);
  EXPECT_EQ(server.last_processed().rewind_time_ms, 4550);
}

TEST_F(ServerTest, ServesBareEightByteRequests) {
  Registered(-1);
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  for (const int type : {16, 17, 18, 20, 31, 32}) {
    raw.Write(ToHex(std::array{static_cast<std::byte>(type)}) + "ff000000000000");
    ASSERT_TRUE(raw.AwaitReady(MessageType::kResponse)) << type;
    raw.ZeroAll();
  }
  client.SendProcessed(MessageType::kOnRunStep);
  EXPECT_EQ(result.get(), Result::kProcessed);
  EXPECT_EQ(game.calls.size(), 6u);
  EXPECT_THAT(game.bad, IsEmpty());
}

// ---- registration

TEST_F(ServerTest, BeginsNoCallBeforeTheAnswerToARegistrationIsTaken) {
  std::future<void> done = AwaitRegistration();
  raw.Write("0cff000000000000");
  ASSERT_TRUE(raw.AwaitReady(MessageType::kResponse));
  EXPECT_EQ(raw.Hex(12), "01ff00000000000000000000");
  for (int i = 0; i < 20; ++i) std::this_thread::yield();
  EXPECT_EQ(raw.Hex(12), "01ff00000000000000000000");
  raw.ZeroAll();
  ASSERT_TRUE(raw.AwaitReady(MessageType::kOnRegistered));
  raw.Write("0eff00000000000002000000");
  done.get();
  EXPECT_TRUE(server.registered());
}

TEST_F(ServerTest, GivesUpOnAClientThatNeverTakesTheAnswerToItsRegistration) {
  raw.Write("0cff000000000000");
  server.Poll();  // its own time limit
  EXPECT_FALSE(server.registered());
  EXPECT_EQ(game.num_gone, 0);
  Registered();
}

TEST_F(ServerTest, StopsWaitingForTheAnswerToARegistrationToBeTaken) {
  std::future<void> done = AwaitRegistration();
  raw.Write("0cff000000000000");
  ASSERT_TRUE(raw.AwaitReady(MessageType::kResponse));
  stop = true;
  done.get();
  EXPECT_FALSE(server.registered());
}

TEST_F(ServerTest, RefusesASecondRegistrationWithErrorTwo) {
  Registered(-1);
  raw.Write("0cff000000000000");
  std::future<void> polled = std::async(std::launch::async, [&] { server.Poll(); });
  ASSERT_TRUE(raw.AwaitReady(MessageType::kResponse));
  EXPECT_EQ(raw.Hex(12), "01ff00000200000000000000");
  raw.ZeroAll();
  polled.get();
  EXPECT_TRUE(server.registered());

  // Inside a call too; the call stays pending.
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  raw.Write("0cff000000000000");
  ASSERT_TRUE(raw.AwaitReady(MessageType::kResponse));
  EXPECT_EQ(raw.Hex(12), "01ff00000200000000000000");
  raw.ZeroAll();
  client.SendProcessed(MessageType::kOnRunStep);
  EXPECT_EQ(result.get(), Result::kProcessed);
}

TEST_F(ServerTest, RegistersAnewOverACallThatIsHeldForAnotherClient) {
  Registered(-1);
  std::future<Result> held = Call(OnRunStep{0});
  ReceiveCall();

  Client second(OpenBuffer(name));
  std::future<Result> ended = std::async(std::launch::async, [&] {
    const Result result = held.get();
    AwaitRegistration().get();
    return result;
  });
  EXPECT_EQ(second.Register(Soon()), std::nullopt);
  EXPECT_EQ(second.Pump(handler, Soon()), std::nullopt);
  EXPECT_EQ(ended.get(), Result::kDeregistered);
  EXPECT_EQ(game.num_gone, 1);
  // The time limit of the first client went with it: this call would else be held for ever.
  std::future<Result> next = Call(OnRunStep{10});
  EXPECT_EQ(next.get(), Result::kTimedOut);
}

TEST_F(ServerTest, TakesTheGameOverFromAClientThatWasKilled) {
  ChildProcess first([&](const auto& ready) {
    struct Holder : ClientHandler {
      explicit Holder(const std::function<void()>& r) : ready(r) {}
      void OnRegistered(Client& c) override { c.Call(SetTimeout{-1}, Soon()); }
      void OnRunStep(Client&, std::int32_t) override {
        ready();
        SleepForever();
      }
      const std::function<void()>& ready;
    } holder(ready);
    Client dying(OpenBuffer(name));
    if (dying.Register(Soon())) return;
    while (!dying.Pump(holder, Soon())) {
    }
  });
  std::future<Result> held = std::async(std::launch::async, [&] {
    AwaitRegistration().get();
    const Result result = server.Call(OnRunStep{0});
    AwaitRegistration().get();
    return result;
  });
  ASSERT_TRUE(first.AwaitReady());
  first.Kill();
  EXPECT_EQ(client.Register(Soon()), std::nullopt);
  EXPECT_EQ(client.Pump(handler, Soon()), std::nullopt);
  EXPECT_EQ(held.get(), Result::kDeregistered);
  std::future<Result> next = Call(OnRunStep{10});
  EXPECT_EQ(client.Pump(handler, Soon()), std::nullopt);
  EXPECT_EQ(next.get(), Result::kProcessed);
}

TEST_F(ServerTest, LateResponseToADeadClientIsNoRegistrationOfTheNext) {
  Registered(-1);
  std::promise<void> game_handles, new_client_asks;
  game.on_handle = [&] {
    game_handles.set_value();
    new_client_asks.get_future().wait();
  };
  std::future<Result> ended = std::async(std::launch::async, [&] {
    const Result result = server.Call(OnRunStep{0});
    AwaitRegistration().get();
    return result;
  });
  ReceiveCall();
  client.Send(GiveUp{});  // and is never heard of again
  game_handles.get_future().wait();
  Client second(OpenBuffer(name));
  second.Send(Register{});
  new_client_asks.set_value();  // the response to C_GIVE_UP comes over C_REGISTER
  const bool is_registered = Await([&] {
    const auto incoming = second.Poll();
    return incoming && incoming->type == MessageType::kOnRegistered;
  });
  stop = !is_registered;
  EXPECT_TRUE(is_registered);
  second.SendProcessed(MessageType::kOnRegistered);
  EXPECT_EQ(ended.get(), Result::kDeregistered);
}

// ---- leaving

TEST_F(ServerTest, LetsItsClientLeaveInsideACall) {
  Registered(-1);
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  client.Deregister();
  EXPECT_EQ(result.get(), Result::kDeregistered);
  EXPECT_EQ(game.num_gone, 1);
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ServerTest, DoesNotMissThatItsClientLeftBeforeACall) {
  Registered(-1);
  client.Deregister();
  EXPECT_EQ(server.Call(OnRunStep{0}), Result::kDeregistered);
  EXPECT_EQ(game.num_gone, 1);
}

TEST_F(ServerTest, LetsItsClientLeaveBetweenCalls) {
  Registered(-1);
  client.Deregister();
  server.Poll();
  EXPECT_FALSE(server.registered());
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ServerTest, DropsItsClientWhenTheGameSaysSo) {
  Registered(-1);
  game.on_handle = [&] { server.Deregister(); };
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  EXPECT_EQ(client.Call(ExecuteCommand{"deregister"}, Soon()).index(), 0u);
  EXPECT_EQ(result.get(), Result::kDeregistered);
  EXPECT_EQ(game.num_gone, 1);
}

TEST_F(ServerTest, TellsItsClientThatTheGameIsGoing) {
  Registered(-1);
  server.Shutdown();
  EXPECT_FALSE(server.registered());
  EXPECT_EQ(raw.Hex(12), "03ff00000000000000000000");
  EXPECT_EQ(client.Pump(handler, Soon()), std::nullopt);
  EXPECT_EQ(raw.Hex(12), "0dff00000000000000000000");
}

TEST_F(ServerTest, SaysNothingAtItsEndWithoutAClient) {
  server.Shutdown();
  EXPECT_TRUE(raw.is_zero());
}

TEST_F(ServerTest, StopsWaitingWhenToldTo) {
  Registered(-1);
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  stop = true;
  EXPECT_EQ(result.get(), Result::kStopped);
  EXPECT_TRUE(server.registered());
}

TEST_F(ServerTest, StopsEvenWhileItsClientKeepsItBusy) {
  Registered(-1);
  game.on_handle = [&] { stop = true; };
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  EXPECT_EQ(client.Call(Horn{}, Soon()).index(), 0u);
  EXPECT_EQ(result.get(), Result::kStopped);
}

// ---- timeouts

// Only a client that has nothing more to say sets a short time limit here: one that had would be
// late on a busy machine.

TEST_F(ServerTest, DropsAClientThatIsLate) {
  Registered();
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  ASSERT_EQ(client.Call(SetTimeout{5}, Soon()).index(), 0u);
  EXPECT_EQ(result.get(), Result::kTimedOut);
  EXPECT_FALSE(server.registered());
  EXPECT_EQ(game.num_gone, 1);
  EXPECT_TRUE(raw.is_zero());
  EXPECT_EQ(server.Call(OnRunStep{10}), Result::kNoClient);  // the game goes on
}

TEST_F(ServerTest, DropsALateClientThatKeepsAsking) {
  Registered();
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  client.Call(SetTimeout{50}, Soon());
  while (result.wait_for(0s) != std::future_status::ready) {
    client.Call(Horn{}, DeadlineIn(20ms));
  }
  EXPECT_EQ(result.get(), Result::kTimedOut);
}

TEST_F(ServerTest, WaitsForEverWhenAskedTo) {
  Registered();
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  ASSERT_EQ(client.Call(SetTimeout{-1}, Soon()).index(), 0u);
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(kDefaultTimeoutMs + 100)),
            std::future_status::timeout);
  client.SendProcessed(MessageType::kOnRunStep);
  EXPECT_EQ(result.get(), Result::kProcessed);
}

TEST_F(ServerTest, WipesWhatALateClientStillWritesAndRegistersItAgain) {
  Registered();
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  ASSERT_EQ(client.Call(SetTimeout{5}, Soon()).index(), 0u);
  ASSERT_EQ(result.get(), Result::kTimedOut);
  for (const char* late : {"0eff00000000000004000000", "14ff000000000000",
                           "22ff000000000000000000000500000068656c6c6f"}) {
    raw.Write(late);
    server.Poll();
    EXPECT_TRUE(raw.is_zero());
  }
  EXPECT_THAT(game.calls, IsEmpty());
  EXPECT_THAT(game.bad, IsEmpty());
  EXPECT_EQ(game.num_gone, 1);

  // A late answer that nobody took stands in the buffer when the next one registers.
  raw.Write("0eff00000000000004000000");
  Registered();
}

TEST_F(ServerTest, AnswersTheRequestThatLeavesNoTime) {
  Registered();
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  EXPECT_EQ(client.Call(SetTimeout{0}, Soon()).index(), 0u);
  EXPECT_EQ(result.get(), Result::kTimedOut);
}

TEST_F(ServerTest, SetsTheTimeLimitBackForTheNextClient) {
  Registered();
  std::future<Result> late = Call(OnRunStep{0});
  ReceiveCall();
  ASSERT_EQ(client.Call(SetTimeout{5}, Soon()).index(), 0u);
  EXPECT_EQ(late.get(), Result::kTimedOut);
  std::future<void> done = AwaitRegistration();
  ASSERT_EQ(client.Register(Soon()), std::nullopt);
  ASSERT_EQ(client.Pump(handler, Soon()), std::nullopt);
  done.get();
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  EXPECT_EQ(result.wait_for(50ms), std::future_status::timeout);
  ASSERT_EQ(client.Call(SetTimeout{-1}, Soon()).index(), 0u);
  client.SendProcessed(MessageType::kOnRunStep);
  EXPECT_EQ(result.get(), Result::kProcessed);
}

// ---- broken clients

TEST_F(ServerTest, DropsAClientThatAnswersAnotherCall) {
  Registered(-1);
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  client.SendProcessed(MessageType::kOnSimStep);
  EXPECT_EQ(result.get(), Result::kDeregistered);
  EXPECT_THAT(game.bad, ElementsAre("C_PROCESSED_CALL.which: answers S_ON_SIM_STEP, but "
                                    "S_ON_RUN_STEP is pending"));
  EXPECT_EQ(game.num_gone, 1);
  EXPECT_TRUE(raw.is_zero());
  Registered();
}

TEST_F(ServerTest, RefusesARequestThatWasCutToFit) {
  Registered(-1);
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  // C_SIM_SET_EVENT_BUFFER as a client writes it whose events do not fit.
  raw.Write("17ff000001000000" + std::string(80, 'f') + "0000000000000000");
  ASSERT_TRUE(raw.AwaitReady(MessageType::kResponse));
  EXPECT_EQ(raw.Hex(12), "01ff00000100000000000000");
  raw.ZeroAll();
  client.SendProcessed(MessageType::kOnRunStep);
  EXPECT_EQ(result.get(), Result::kProcessed) << "the client keeps its place";
  EXPECT_THAT(game.calls, IsEmpty()) << "not executed";
  EXPECT_THAT(game.bad, ElementsAre("C_SIM_SET_EVENT_BUFFER: was cut to fit the buffer"));
}

TEST_F(ServerTest, DropsAClientThatWritesNoMessage) {
  Registered(-1);
  std::future<Result> result = Call(OnRunStep{0});
  ReceiveCall();
  raw.Write("22ff00000000000000000000ffffff7f");
  EXPECT_EQ(result.get(), Result::kDeregistered);
  EXPECT_THAT(game.bad, ElementsAre("C_LOG.message: 2147483647 elements need 2147483647 bytes, "
                                    "65519 left"));
  EXPECT_EQ(game.num_gone, 1);
  EXPECT_THAT(game.calls, IsEmpty());
}

TEST_F(ServerTest, DropsAClientThatCallsOutsideACall) {
  Registered(-1);
  raw.Write("11ff00000000000000000000");
  EXPECT_EQ(server.Call(OnRunStep{0}), Result::kDeregistered);
  EXPECT_THAT(game.bad, ElementsAre("C_GIVE_UP: is out of place: no call is pending"));
  EXPECT_THAT(game.calls, IsEmpty());
}

TEST_F(ServerTest, IgnoresItsOwnMessagesAndUnknownOnes) {
  for (const char* message : {"04ff000000000000", "01ff000000000000", "23ff000000000000",
                              "ffff000000000000", "00ff000000000000"}) {
    raw.Write(message);
    server.Poll();
    EXPECT_EQ(raw.Hex(8), message);
  }
  EXPECT_FALSE(server.registered());
}

}  // namespace
}  // namespace hotlap::tminterface
