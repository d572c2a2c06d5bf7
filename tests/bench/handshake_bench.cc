// What the mapped buffer costs: round trips per second beside a bare spin loop between the same two
// threads, and ticks per second of hotlap-game through our client, beside the official Python
// client on the same game when --python names an interpreter that has it.
//
// A tick of a learner: the run step call, the state read back, all inputs set, the call answered.
// The rows of the game are medians of rounds in each of which every row is measured once. Compare
// rows of one run only: the machine moves its cores about.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "env/tminterface/client.h"
#include "env/tminterface/server.h"
#include "env/tminterface_games.h"
#include "tests/process.h"

namespace hotlap {
namespace {

namespace tmi = tminterface;
using Seconds = std::chrono::duration<double>;

constexpr int kRounds = 5;
double g_seconds = 0.5;  // per measurement

// How often `once` runs in a second; it is called in batches between looks at the clock.
double RateOf(const std::function<void()>& once) {
  constexpr int kBatch = 256;
  for (int i = 0; i < kBatch; ++i) once();
  const auto began = Clock::now();
  std::int64_t count = 0;
  Seconds elapsed{};
  do {
    for (int i = 0; i < kBatch; ++i) once();
    count += kBatch;
    elapsed = Clock::now() - began;
  } while (elapsed.count() < g_seconds);
  return static_cast<double>(count) / elapsed.count();
}

double SpinRoundTrips() {
  alignas(64) std::atomic<std::uint32_t> word{0};
  std::atomic<bool> is_over{false};
  std::thread peer([&] {
    while (!is_over.load(std::memory_order_relaxed)) {
      if ((word.load(std::memory_order_acquire) & 1) != 0) {
        word.store(word.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      }
    }
  });
  const double rate = RateOf([&] {
    const std::uint32_t asked = word.load(std::memory_order_relaxed) + 1;
    word.store(asked, std::memory_order_release);
    while (word.load(std::memory_order_acquire) == asked) {
    }
  });
  is_over = true;
  peer.join();
  return rate;
}

std::string UniqueName() {
  static int next = 0;
  return "hotlap-bench-" + std::to_string(getpid()) + "-" + std::to_string(next++);
}

// The bare client inside a call of its game.
class BareLearner {
 public:
  explicit BareLearner(const std::string& name) : client_(Open(name)) {
    if (const auto error = client_.Register(DeadlineIn(std::chrono::seconds(10)))) {
      throw std::runtime_error(error->text);
    }
    pending_ = Await();
  }
  ~BareLearner() { client_.Deregister(); }

  void Ask(const tmi::ClientCall& call) {
    client_.Send(call);
    Await();
  }
  void AnswerAndAwaitTheNext() {
    client_.SendProcessed(pending_.type);
    pending_ = Await();
  }
  std::int32_t race_time_ms() const {
    return std::get<tmi::OnRunStep>(std::get<tmi::ServerCall>(pending_.message)).race_time_ms;
  }

 private:
  static tmi::MappedBuffer Open(const std::string& name) {
    std::string why_not;
    auto buffer = tmi::MappedBuffer::Open(name, tmi::kDefaultBufferSize, why_not);
    if (!buffer) throw std::runtime_error(why_not);
    return std::move(*buffer);
  }
  // Waits for the next message as the pump of TMInterfaceGames does.
  tmi::Client::Incoming Await() {
    backoff_.Reset();
    for (;;) {
      if (auto incoming = client_.Poll()) return std::move(*incoming);
      backoff_.Pause(kNoDeadline);
      if (backoff_.is_slow() && !client_.game_alive()) throw std::runtime_error("the game is gone");
    }
  }

  tmi::Client client_;
  tmi::Backoff backoff_;
  tmi::Client::Incoming pending_;
};

// A game that does nothing but call.
class EmptyGame final : public tmi::ServerHandler {
 public:
  EmptyGame()
      : server_(tmi::MappedBuffer::Create(name), *this, [this] { return is_over_.load(); }),
        thread_([this] {
          while (!is_over_) {
            server_.Poll();
            if (server_.registered()) server_.Call(tmi::OnRunStep{0});
          }
        }) {}
  ~EmptyGame() override {
    is_over_ = true;
    thread_.join();
  }
  const std::string name = UniqueName();

 private:
  tmi::Response Handle(const tmi::ClientCall&) override { return {}; }

  std::atomic<bool> is_over_{false};
  tmi::Server server_;
  std::thread thread_;
};

double CallRoundTrips() {
  EmptyGame game;
  BareLearner learner(game.name);
  return RateOf([&] { learner.AnswerAndAwaitTheNext(); });
}

class RunningGame {
 public:
  RunningGame()
      : process_({std::string(HOTLAP_PROGRAM_DIR) + "/hotlap-game", "--name", name, "--track",
                  std::string(HOTLAP_SOURCE_DIR) + "/tests/data/tracks/straight.yaml", "--speed",
                  "max", "--log-level", "error", "--exit-with-parent", std::to_string(getpid())}) {
    if (process_.ReadLine() != "ready " + name)
      throw std::runtime_error("hotlap-game is not ready");
  }
  ~RunningGame() {
    process_.Signal(SIGTERM);
    process_.Wait();
  }
  const std::string name = UniqueName();

 private:
  Process process_;
};

// Circles that never come to a gate, and another value each tick.
Inputs LearnersInputs(std::int32_t& gas) {
  gas = (gas + 1) % kMaxAnalog;
  return {.steer = -kMaxAnalog, .gas = gas, .accelerate = true};
}

// The learner's tick with the bare client.
double ClientTicks(const RunningGame& game) {
  BareLearner learner(game.name);
  learner.Ask(tmi::SetTimeout{-1});
  learner.Ask(tmi::GiveUp{});
  do {
    learner.AnswerAndAwaitTheNext();
  } while (learner.race_time_ms() < 0);
  std::int32_t gas = 0;
  return RateOf([&] {
    learner.Ask(tmi::SimGetState{});
    const Inputs learned = LearnersInputs(gas);
    tmi::SetInputStates inputs;
    inputs.left = inputs.right = inputs.brake = 0;
    inputs.accelerate = learned.accelerate;
    inputs.steer = learned.steer;
    inputs.gas = learned.gas;
    learner.Ask(inputs);
    learner.AnswerAndAwaitTheNext();
  });
}

using Games = std::vector<std::unique_ptr<RunningGame>>;

Games Running(int count) {
  Games games;
  for (int i = 0; i < count; ++i) games.push_back(std::make_unique<RunningGame>());
  return games;
}

// Environment commands of `ticks` ticks each to all games at once; ticks per second of all
// together.
double GroupTicks(const Games& running, int ticks) {
  std::vector<TMInterfaceGame> games;
  for (const auto& game : running) games.push_back({game->name, "", 0});
  const auto group = MakeTMInterfaceGames(std::move(games), {});
  std::vector<Command> commands(running.size());
  const auto run = [&](CommandKind kind, const Inputs& inputs) {
    for (std::size_t slot = 0; slot < commands.size(); ++slot) {
      commands[slot] = {
          .slot = static_cast<int>(slot), .kind = kind, .ticks = ticks, .inputs = inputs};
    }
    group->Start(commands);
    for (std::size_t done = 0; done < commands.size();) {
      const auto completions = group->Collect(DeadlineIn(std::chrono::seconds(20)));
      for (const Completion& completion : completions) {
        if (completion.status != CompletionStatus::kOk) {
          throw std::runtime_error("the command failed: " + completion.error);
        }
      }
      if (completions.empty()) throw std::runtime_error("the games are too slow");
      done += completions.size();
    }
  };
  run(CommandKind::kRestart, {});
  std::int32_t gas = 0;
  return ticks * static_cast<double>(running.size()) *
         RateOf([&] { run(CommandKind::kAdvance, LearnersInputs(gas)); });
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double OfficialClientTicks(const std::string& python, const RunningGame& game) {
  Process script({python, std::string(HOTLAP_SOURCE_DIR) + "/tests/bench/official_client_bench.py",
                  "--name", game.name, "--seconds", std::to_string(2 * g_seconds)});
  const auto line = script.ReadLine();
  if (!line) throw std::runtime_error("official_client_bench.py failed");
  return nlohmann::json::parse(*line).at("official_client_ticks_per_s").get<double>();
}

void Run(const std::string& python, const std::string& out) {
  nlohmann::json results;
  const auto row = [&](const std::string& key, const std::string& text, double rate, double base) {
    results[key] = rate;
    std::printf("%-58s %12.0f /s %9.2f us", text.c_str(), rate, 1e6 / rate);
    if (base > 0) std::printf("  %8.2f x", rate / base);
    std::printf("\n");
    std::fflush(stdout);
  };
  const double spin = SpinRoundTrips();
  row("spin_round_trips_per_s", "bare spin loop, round trips", spin, 0);
  row("call_round_trips_per_s", "mapped buffer, S_ON_RUN_STEP and its answer", CallRoundTrips(),
      spin);

  const Games one = Running(1);
  struct GameRow {
    std::string key;
    std::string text;
    std::function<double()> measure;
    std::vector<double> rates{};
  };
  std::vector<GameRow> rows = {
      {"client_ticks_per_s", "hotlap-game, our client, learner's ticks",
       [&] { return ClientTicks(*one[0]); }},
      {"group_ticks_per_s", "hotlap-game, TMInterfaceGames, steps of 1 tick",
       [&] { return GroupTicks(one, 1); }},
      {"group_5_ticks_per_s", "hotlap-game, TMInterfaceGames, steps of 5 ticks, ticks",
       [&] { return GroupTicks(one, 5); }}};
  for (int count = 2; count <= tmi::kMaxInstances; count *= 2) {
    for (const int ticks : {1, 5}) {
      rows.push_back(
          {fmt::format("group_of_{}_{}_ticks_per_s", count, ticks),
           fmt::format("{} hotlap-games in one group, steps of {}, ticks of all", count, ticks),
           [count, ticks] { return GroupTicks(Running(count), ticks); }});
    }
  }
  if (!python.empty()) {
    rows.insert(rows.begin(), {"official_client_ticks_per_s",
                               "hotlap-game, official Python client, learner's ticks",
                               [&] { return OfficialClientTicks(python, *one[0]); }});
  }
  for (int round = 0; round < kRounds; ++round) {
    for (GameRow& each : rows) each.rates.push_back(each.measure());
  }
  const double base = python.empty() ? 0 : Median(rows.front().rates);
  for (const GameRow& each : rows) row(each.key, each.text, Median(each.rates), base);
  if (!out.empty()) std::ofstream(out) << results.dump(2) << '\n';
}

}  // namespace
}  // namespace hotlap

int main(int argc, char** argv) {
  std::string python, out;
  CLI::App app("handshake_bench");
  app.add_option("--python", python,
                 "interpreter that has the official client; none: leave it out");
  app.add_option("--out", out, "JSON file to write");
  app.add_option("--seconds", hotlap::g_seconds, "of each measurement")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    hotlap::Run(python, out);
  } catch (const std::exception& error) {
    std::cerr << "handshake_bench: " << error.what() << '\n';
    return 2;
  }
  return 0;
}
