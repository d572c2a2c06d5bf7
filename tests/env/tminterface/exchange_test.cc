// Many whole steps between a game and a client, every byte of them checked at both ends.
#include <gtest/gtest.h>

#include <random>

#include "env/tminterface/client.h"
#include "env/tminterface/server.h"
#include "env/tminterface/sim_state.h"
#include "tests/env/tminterface/test_buffer.h"
#include "tests/test_size.h"

namespace hotlap::tminterface::exchange_test {
namespace {

constexpr std::uint32_t kSeed = 20240607;

// What both ends know of step n, without having told each other.
class Step {
 public:
  explicit Step(int n) : n_(n), random_(kSeed + static_cast<std::uint32_t>(n)) {
    num_states_ = random_() % 8;
    num_times_ = random_() % 20;
    num_events_ = random_() % 50;
    text_ = std::string(random_() % 200, static_cast<char>('a' + n % 26));
    word_ = static_cast<std::uint32_t>(random_());
  }

  std::int32_t race_time_ms() const { return n_ * 10 - 2600; }
  const std::string& text() const { return text_; }
  Bytes StateBytes() const {
    SimState state(num_states_, num_times_);
    Bytes bytes(state.bytes().begin(), state.bytes().end());
    for (std::size_t i = 0; i < layout::kCheckpointData; ++i) {
      bytes[i] = static_cast<std::byte>((word_ >> (i % 4 * 8)) + i);
    }
    return bytes;
  }
  EventBuffer Events() const {
    EventBuffer buffer;
    buffer.control_index = {9, 8, 4, 3, 0, 1, 2, 5, 6, 7};
    buffer.events_duration_ms = word_;
    for (std::size_t i = 0; i < num_events_; ++i) {
      buffer.events.push_back({static_cast<std::int32_t>(word_ + i), word_});
    }
    return buffer;
  }
  SetInputStates Inputs() const {
    const auto value = static_cast<std::int32_t>(word_ % 131073) - 65536;
    return {n_ % 2, n_ % 3 == 0, 1, -1, value, -value};
  }
  CheckpointData Checkpoints() const {
    CheckpointData data;
    data.states.assign(num_states_, n_ % 2 == 0);
    data.times.assign(num_times_, {race_time_ms(), n_});
    return data;
  }
  double speed() const { return n_ * 0.5; }

 private:
  int n_;
  std::mt19937 random_;
  std::size_t num_states_, num_times_, num_events_;
  std::string text_;
  std::uint32_t word_;
};

bool operator==(const SetInputStates& a, const SetInputStates& b) {
  return a.left == b.left && a.right == b.right && a.accelerate == b.accelerate &&
         a.brake == b.brake && a.steer == b.steer && a.gas == b.gas;
}

// Answers by the step that is under way, and counts what does not fit it.
struct CheckingGame : ServerHandler {
  Response Handle(const ClientCall& call) override {
    const Step step(n);
    Response response;
    if (std::holds_alternative<SimGetState>(call)) {
      state = step.StateBytes();
      response.content = std::span<const std::byte>(state);
    } else if (std::holds_alternative<SimGetEventBuffer>(call)) {
      response.content = step.Events();
    } else if (const auto* inputs = std::get_if<SetInputStates>(&call)) {
      Check(*inputs == step.Inputs());
    } else if (const auto* events = std::get_if<SimSetEventBuffer>(&call)) {
      Check(events->buffer.events == step.Events().events);
    } else if (const auto* log = std::get_if<Log>(&call)) {
      Check(log->message == step.text());
    } else if (const auto* rewind = std::get_if<SimRewindToState>(&call)) {
      Check(Bytes(rewind->state.begin(), rewind->state.end()) == step.StateBytes());
    } else if (const auto* checkpoints = std::get_if<SetCheckpointState>(&call)) {
      Check(checkpoints->data == step.Checkpoints());
    } else if (std::holds_alternative<GetCheckpointState>(call)) {
      response.content = step.Checkpoints();
    } else if (const auto* speed = std::get_if<SetGameSpeed>(&call)) {
      Check(speed->speed == step.speed());
    } else {
      Check(false);
    }
    ++num_calls;
    return response;
  }
  void OnBadMessage(const DecodeError&) override { ++num_wrong; }
  void Check(bool holds) {
    if (!holds) ++num_wrong;
  }

  int n = 0;
  int num_calls = 0;
  int num_wrong = 0;
  Bytes state;
};

// Asks a few things of each step, which ones by its number.
struct CheckingClient : ClientHandler {
  void OnRegistered(Client& client) override {
    Check(client.Call(SetTimeout{-1}, Soon()).index() == 0);
  }
  void OnRunStep(Client& client, std::int32_t race_time_ms) override {
    const Step step(n);
    Check(race_time_ms == step.race_time_ms());
    const auto state = client.Call(SimGetState{}, Soon());
    if (const auto* response = std::get_if<Response>(&state)) {
      const auto bytes = std::get<std::span<const std::byte>>(response->content);
      Check(Bytes(bytes.begin(), bytes.end()) == step.StateBytes());
    } else {
      Check(false);
    }
    Say(client, step.Inputs());
    switch (n % 6) {
      case 0: {
        const auto events = client.Call(SimGetEventBuffer{}, Soon());
        const auto* response = std::get_if<Response>(&events);
        Check(response != nullptr && std::get<EventBuffer>(response->content) == step.Events());
        break;
      }
      case 1:
        return Say(client, SimSetEventBuffer{step.Events()});
      case 2:
        return Say(client, Log{LogSeverity::kLog, step.text()});
      case 3: {
        const Bytes bytes = step.StateBytes();
        return Say(client, SimRewindToState{bytes});
      }
      case 4: {
        const auto data = client.Call(GetCheckpointState{}, Soon());
        const auto* response = std::get_if<Response>(&data);
        Check(response != nullptr &&
              std::get<CheckpointData>(response->content) == step.Checkpoints());
        return Say(client, SetCheckpointState{step.Checkpoints()});
      }
      default:
        return Say(client, SetGameSpeed{step.speed()});
    }
  }
  void OnCustomCommand(Client&, const tminterface::OnCustomCommand& call) override {
    const Step step(n);
    Check(call.command == "step" && call.arguments.size() == 2 &&
          call.arguments[0] == step.text() && call.arguments[1] == std::to_string(n));
    ++n;
  }
  void Say(Client& client, const ClientCall& call) {
    Check(client.Call(call, Soon()).index() == 0);
  }
  void Check(bool holds) {
    if (!holds) ++num_wrong;
  }

  int n = 0;
  int num_wrong = 0;
};

// Runs the client's end; the number of things that were wrong.
int RunClient(const std::string& name, int num_steps) {
  Client client(OpenBuffer(name));
  CheckingClient checking;
  if (client.Register(Soon())) return 1;
  while (checking.n < num_steps && checking.num_wrong == 0) {
    if (client.Pump(checking, Soon())) return 1;
  }
  client.Deregister();
  return checking.num_wrong;
}

// Runs the game's end until its client leaves.
void RunGame(Server& server, CheckingGame& game, int num_steps) {
  ASSERT_TRUE(Await([&] {
    server.Poll();
    return server.registered();
  }));
  for (game.n = 0; game.n < num_steps; ++game.n) {
    const Step step(game.n);
    ASSERT_EQ(server.Call(OnRunStep{step.race_time_ms()}), Server::CallResult::kProcessed);
    const auto command = OnCustomCommand{-1, -1, "step", {step.text(), std::to_string(game.n)}};
    ASSERT_EQ(server.Call(command), Server::CallResult::kProcessed);
  }
  EXPECT_EQ(game.num_wrong, 0);
  EXPECT_GE(game.num_calls, 3 * num_steps);
  EXPECT_TRUE(Await([&] {
    server.Poll();
    return !server.registered();
  }));
}

TEST(ExchangeTest, BetweenThreadsEveryByteArrives) {
  const int num_steps = TestCount(500, 10000, 300000);
  const std::string name = UniqueName();
  CheckingGame game;
  Server server(MappedBuffer::Create(name), game, [] { return false; });
  int num_wrong = -1;
  std::thread client([&] { num_wrong = RunClient(name, num_steps); });
  RunGame(server, game, num_steps);
  client.join();
  EXPECT_EQ(num_wrong, 0);
}

TEST(ExchangeTest, BetweenProcessesEveryByteArrives) {
  const int num_steps = TestCount(500, 10000, 300000);
  const std::string name = UniqueName();
  CheckingGame game;
  Server server(MappedBuffer::Create(name), game, [] { return false; });
  ChildProcess client([&](const auto&) { ::_exit(RunClient(name, num_steps) == 0 ? 0 : 1); });
  RunGame(server, game, num_steps);
  EXPECT_EQ(client.Join(), 0);
}

// One thread that drives several games, as a group does, by Poll and Send alone.
TEST(ExchangeTest, OneThreadPumpsManyGames) {
  constexpr int kGames = 6;
  const int num_steps = TestCount(100, 1000, 20000);
  struct CountingGame : ServerHandler {
    Response Handle(const ClientCall& call) override {
      if (const auto* inputs = std::get_if<SetInputStates>(&call)) sum += inputs->steer;
      return {};
    }
    std::int64_t sum = 0;
  };
  std::vector<CountingGame> games(kGames);
  std::vector<std::string> names(kGames);
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kGames; ++i) {
    names[i] = UniqueName();
    servers.push_back(
        std::make_unique<Server>(MappedBuffer::Create(names[i]), games[i], [] { return false; }));
    clients.emplace_back(OpenBuffer(names[i]));
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kGames; ++i) {
    threads.emplace_back([&, i] {
      Await([&] {
        servers[i]->Poll();
        return servers[i]->registered();
      });
      for (int n = 0; servers[i]->registered(); ++n) servers[i]->Call(OnRunStep{n});
    });
  }
  std::vector<int> steps(kGames);
  for (Client& client : clients) client.Send(Register{});
  int num_running = kGames;
  const Deadline deadline = Soon();
  Backoff backoff;
  while (num_running > 0 && backoff.Pause(deadline)) {
    for (std::size_t i = 0; i < kGames; ++i) {
      const auto incoming = clients[i].Poll();
      if (!incoming) continue;
      backoff.Reset();
      if (incoming->type == MessageType::kResponse) {
        if (steps[i] > 0) clients[i].SendProcessed(MessageType::kOnRunStep);
      } else if (incoming->type == MessageType::kOnRegistered) {
        clients[i].SendProcessed(incoming->type);
      } else if (std::get<OnRunStep>(std::get<ServerCall>(incoming->message)).race_time_ms !=
                 steps[i]) {
        ADD_FAILURE() << "game " << i << " skipped a step";
      } else if (++steps[i] > num_steps) {
        clients[i].Deregister();
        --num_running;
      } else {
        clients[i].Send(SetInputStates{0, 0, 0, 0, steps[i], 0});
      }
    }
  }
  EXPECT_EQ(num_running, 0);
  for (Client& client : clients) client.Deregister();
  for (std::thread& thread : threads) thread.join();
  for (const CountingGame& game : games) {
    EXPECT_EQ(game.sum, std::int64_t{num_steps} * (num_steps + 1) / 2);
  }
}

}  // namespace
}  // namespace hotlap::tminterface::exchange_test
