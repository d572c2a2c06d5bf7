// The embedded game inside this process, with a clock and a console that belong to the test.
#include "env/sim/game.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "env/tminterface/client.h"
#include "tests/env/sim/scenarios.h"

namespace hotlap::sim {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
namespace tmi = tminterface;

Deadline Soon() { return DeadlineIn(20s); }

// Everything may be called from any thread.
class TestHost final : public GameHost {
 public:
  bool stop_requested() override { return stop; }
  void Attend() override {}
  std::optional<std::string> NextConsoleLine() override {
    const std::scoped_lock lock(mutex_);
    if (typed_.empty()) return std::nullopt;
    std::string line = std::move(typed_.front());
    typed_.pop_front();
    return line;
  }
  void Log(tmi::LogSeverity, std::string_view text) override {
    const std::scoped_lock lock(mutex_);
    log_.emplace_back(text);
  }
  std::shared_ptr<const Track> LoadTrack(const std::string&) override {
    throw std::runtime_error("there is no other track");
  }
  std::string ReadText(const std::string& path) override {
    if (on_read) on_read();
    return scripts.at(path);
  }
  // Time passes only where the game sleeps, or where a test says so.
  Clock::time_point Now() override { return Clock::time_point(std::chrono::nanoseconds(now_ns)); }
  void SleepUntil(Clock::time_point time) override {
    const std::int64_t ns = time.time_since_epoch() / 1ns;
    if (ns > now_ns) now_ns = ns;
  }

  void Type(const std::string& line) {
    const std::scoped_lock lock(mutex_);
    typed_.push_back(line);
  }
  std::vector<std::string> log() {
    const std::scoped_lock lock(mutex_);
    return log_;
  }

  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> now_ns = 3'600'000'000'000;
  std::map<std::string, std::string> scripts;
  std::function<void()> on_read;

 private:
  std::mutex mutex_;
  std::deque<std::string> typed_;
  std::vector<std::string> log_;
};

// Gives every call of the game to the test's function of that call.
class TestClient : public tmi::ClientHandler {
 public:
  explicit TestClient(const std::string& name) : client_(Open(name)) {
    EXPECT_EQ(client_.Register(Soon()), std::nullopt);
  }
  ~TestClient() override { client_.Deregister(); }

  using Step = std::function<bool(std::int32_t race_time_ms)>;
  // Until `step` returns true, at a run or simulation step.
  void Drive(const Step& step) {
    step_ = step;
    is_done_ = false;
    for (const Deadline deadline = Soon(); !is_done_;) {
      if (Clock::now() >= deadline) throw std::runtime_error("what was awaited did not come");
      const auto error = client_.Pump(*this, Soon());
      if (error) throw std::runtime_error(error->text);
    }
  }
  tmi::Response Call(const tmi::ClientCall& call) {
    auto response = client_.Call(call, Soon());
    if (const auto* error = std::get_if<tmi::ClientError>(&response)) {
      throw std::runtime_error(error->text);
    }
    return std::get<tmi::Response>(response);
  }
  void Execute(const std::string& line) { Call(tmi::ExecuteCommand{line}); }
  tmi::SimStateView State() {
    state_ = Call(tmi::SimGetState{});
    return std::get<tmi::SimStateView>(
        tmi::SimStateView::Parse(std::get<std::span<const std::byte>>(state_.content)));
  }

  std::function<void()> on_sim_begin = [] {};
  std::optional<std::int32_t> sim_result;

 private:
  static tmi::MappedBuffer Open(const std::string& name) {
    std::string why_not;
    auto buffer = tmi::MappedBuffer::Open(name, tmi::kDefaultBufferSize, why_not);
    if (!buffer) throw std::runtime_error(why_not);
    return std::move(*buffer);
  }
  void OnRunStep(tmi::Client&, std::int32_t race_time_ms) override {
    is_done_ = is_done_ || step_(race_time_ms);
  }
  void OnSimStep(tmi::Client&, std::int32_t race_time_ms) override {
    is_done_ = is_done_ || step_(race_time_ms);
  }
  void OnSimBegin(tmi::Client&) override { on_sim_begin(); }
  void OnSimEnd(tmi::Client&, std::int32_t result) override { sim_result = result; }

  tmi::Client client_;
  Step step_;
  bool is_done_ = false;
  tmi::Response state_;
};

class GameTest : public ::testing::Test {
 public:
  ~GameTest() override { End(); }

 protected:
  // `before`: what is done to the game before it runs.
  void Start(
      double speed = 100, const std::function<void(Game&)>& before = [](Game&) {}) {
    auto game = std::make_unique<Game>(tmi::MappedBuffer::Create(name), FlatTrack(),
                                       GameSettings{.vehicle = {}, .speed = speed}, host);
    before(*game);
    thread_ = std::thread([owned = std::move(game)] { owned->Run(); });
  }
  void End() {
    host.stop = true;
    if (thread_.joinable()) thread_.join();
  }
  // Run steps until the log holds a line with this text.
  void DriveUntilLogged(TestClient& client, const std::string& text) {
    client.Drive([&](std::int32_t) { return Logged(text); });
  }
  bool Logged(const std::string& text) {
    return testing::Value(host.log(), Contains(HasSubstr(text)));
  }

  const std::string name = "hotlap-sim-game-test-" + std::to_string(getpid());
  TestHost host;

 private:
  std::thread thread_;
};

// ---- pace

TEST_F(GameTest, TicksAHundredTimesASecondTimesItsSpeed) {
  for (const double speed : {0.5, 1.0, 4.0}) {
    host.stop = false;
    Start(speed);
    {
      TestClient client(name);
      client.Drive([&](std::int32_t) {
        client.Call(tmi::GiveUp{});  // a new countdown: alone the game has run far ahead
        return true;
      });
      std::map<std::int32_t, std::int64_t> now_ns;
      client.Drive([&](std::int32_t race_time_ms) {
        now_ns[race_time_ms] = host.now_ns;
        return race_time_ms == -1000;
      });
      EXPECT_EQ(static_cast<double>(now_ns.at(-1000) - now_ns.at(-2000)) * speed, 1e9) << speed;
      EXPECT_EQ(now_ns.size(), 1u + static_cast<std::size_t>(-1000 - now_ns.begin()->first) / 10);
    }
    End();
  }
}

TEST_F(GameTest, DoesNotMakeUpForMoreThanFiftyMilliseconds) {
  Start(1);
  TestClient client(name);
  int ticks_at_once = 0;
  std::int64_t held_ns = 0;
  client.Drive([&](std::int32_t race_time_ms) {
    if (race_time_ms < -2000) return false;
    if (held_ns == 0) {
      held_ns = host.now_ns += 1'000'000'000;
      return false;
    }
    if (host.now_ns != held_ns) return true;
    return ++ticks_at_once == 100;
  });
  EXPECT_EQ(ticks_at_once, 6) << "those of 50 ms, and the one that is due";
}

// ---- a client's commands

TEST_F(GameTest, CommandsOfAClientWaitWhileTheyAreSwitchedOff) {
  Start();
  TestClient client(name);
  client.Drive([&](std::int32_t) {
    client.Call(tmi::SetExecuteCommands{false});
    client.Execute("set held 1");
    host.Type("set typed 1");
    return true;
  });
  DriveUntilLogged(client, "typed is 1");  // what is typed runs all the same
  client.Drive([&](std::int32_t) {
    EXPECT_FALSE(Logged("held is 1"));
    client.Call(tmi::SetExecuteCommands{true});
    return true;
  });
  DriveUntilLogged(client, "held is 1");
}

TEST_F(GameTest, CommandsThatWaitGoWithTheirClient) {
  Start();
  {
    TestClient client(name);
    client.Drive([&](std::int32_t) {
      client.Call(tmi::SetExecuteCommands{false});
      client.Execute("set left_behind 1");
      return true;
    });
  }
  TestClient next(name);
  next.Drive([&](std::int32_t) {
    next.Execute("set mine 1");
    return true;
  });
  DriveUntilLogged(next, "mine is 1");
  EXPECT_FALSE(Logged("left_behind is 1"));
}

TEST_F(GameTest, NoMoreThanAThousandCommandsWait) {
  Start();
  TestClient client(name);
  client.Drive([&](std::int32_t) {
    for (int i = 0; i < 1001; ++i) client.Execute("set n " + std::to_string(i));
    return true;
  });
  DriveUntilLogged(client, "n is 999");
  EXPECT_TRUE(Logged("command dropped: 1000 are waiting"));
  client.Drive([&](std::int32_t) {
    client.Execute("set more 1");
    return true;
  });
  DriveUntilLogged(client, "more is 1");
  EXPECT_FALSE(Logged("n is 1000"));
}

TEST_F(GameTest, TypedLinesBeyondAThousandStayInTheConsole) {
  Start();
  TestClient client(name);
  client.Drive([&](std::int32_t) {
    client.Call(tmi::SetTimeout{-1});
    for (int i = 0; i < 2500; ++i) host.Type("set n " + std::to_string(i));
    return true;
  });
  DriveUntilLogged(client, "n is 2499");
  EXPECT_TRUE(Logged("n is 1000")) << "none is lost";
}

TEST_F(GameTest, GasCommandSetsTheAnalogChannel) {
  Start();
  TestClient client(name);
  client.Drive([&](std::int32_t) {
    client.Execute("gas -500");
    return true;
  });
  client.Drive([&](std::int32_t) { return client.State().input_gas() == -500; });
}

// ---- simulation mode

TEST_F(GameTest, TypedInputsOfASimulationAreEventsOfIt) {
  host.scripts["script"] = "0 press up\n";
  Start(100, [](Game& game) { game.SimulateForFirstClient("script"); });
  TestClient client(name);
  client.on_sim_begin = [&] {
    client.Call(tmi::RemoveStateValidation{});
    client.Call(tmi::SimSetTimeLimit{1000});
  };
  client.Drive([&](std::int32_t race_time_ms) {
    if (race_time_ms == 100) client.Execute("press down; gas 300; steer -70; rel up");
    if (race_time_ms != 300) return false;
    const auto state = client.State();
    EXPECT_TRUE(state.input_brake());
    EXPECT_FALSE(state.input_accelerate());
    EXPECT_EQ(state.input_gas(), 300);
    EXPECT_EQ(state.input_steer(), -70);
    const auto events =
        std::get<tmi::EventBuffer>(client.Call(tmi::SimGetEventBuffer{}).content).events;
    EXPECT_EQ(events.size(), 6u) << "the start, the script's one, and these four";
    return true;
  });
}

TEST_F(GameTest, TypedInputsEndAValidatedSimulation) {
  host.scripts["script"] = "0 press up\n";
  Start(100, [](Game& game) { game.SimulateForFirstClient("script"); });
  TestClient client(name);
  client.Drive([&](std::int32_t race_time_ms) {
    if (!client.sim_result && race_time_ms == 100) client.Execute("gas 1");
    return client.sim_result.has_value();
  });
  EXPECT_EQ(client.sim_result, 2);
}

TEST_F(GameTest, ScriptThatWouldPlayForDaysIsRefused) {
  host.scripts["script"] = "2000000000 press up\n";
  Start(100, [](Game& game) { game.SimulateForFirstClient("script"); });
  TestClient client(name);
  client.Drive([](std::int32_t) { return true; });  // races
  EXPECT_TRUE(Logged("script: its last input is at 2000000000 ms, allowed is up to 14400000 ms"));
  EXPECT_FALSE(client.sim_result);
}

TEST_F(GameTest, EndsWhileItLooksForTheEndOfAScript) {
  host.scripts["script"] = "14000000 press up\n";
  host.on_read = [&] { host.stop = true; };
  Start(100, [](Game& game) { game.SimulateForFirstClient("script"); });
  {
    TestClient client(name);
    End();
  }
  EXPECT_FALSE(Logged("simulating script"));
}

}  // namespace
}  // namespace hotlap::sim
