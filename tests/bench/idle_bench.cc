// What waiting costs: CPU seconds per second of an idle game and of an idle server with sixteen
// mapped games. Usage: idle_bench [--out FILE] [--seconds S]; S is the length of one measurement.
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "env/game_mark.h"
#include "env/tminterface_games.h"
#include "tests/process.h"
#include "transport/client.h"

namespace hotlap {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kGames = 16;
const std::string kPrograms = HOTLAP_PROGRAM_DIR;
const fs::path kSource = HOTLAP_SOURCE_DIR;

std::string UniqueName(const std::string& what) {
  return "hotlap-bench-" + std::to_string(getpid()) + "-" + what;
}

// Of a whole process since it began.
double CpuSeconds(pid_t pid) {
  clockid_t clock = 0;
  std::timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    throw std::runtime_error("process " + std::to_string(pid) + " has no CPU time");
  }
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double CpuSeconds(const std::vector<pid_t>& pids) {
  return std::accumulate(pids.begin(), pids.end(), 0.0,
                         [](double sum, pid_t pid) { return sum + CpuSeconds(pid); });
}

class Table {
 public:
  explicit Table(double seconds) : seconds_(seconds) {}

  // What these processes use from now on, in sum.
  void Measure(const char* key, const char* text, const std::vector<pid_t>& pids) {
    const auto began = std::chrono::steady_clock::now();
    const double before = CpuSeconds(pids);
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds_));
    const double cpu_s = CpuSeconds(pids) - before;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began;
    results_[key] = cpu_s / elapsed.count();
    std::printf("%-66s %8.4f CPU s/s\n", text, cpu_s / elapsed.count());
    std::fflush(stdout);
  }
  const nlohmann::json& results() const { return results_; }

 private:
  const double seconds_;
  nlohmann::json results_;
};

void MeasureGame(Table& table) {
  const std::string name = UniqueName("game");
  Process game({kPrograms + "/hotlap-game", "--name", name, "--track",
                (kSource / "tests/data/tracks/straight.yaml").string(), "--speed", "max",
                "--log-level", "error", "--exit-with-parent", std::to_string(getpid())});
  if (game.ReadLine() != "ready " + name) throw std::runtime_error("hotlap-game is not ready");
  table.Measure("game_alone", "hotlap-game without a client, racing at normal speed", {game.pid()});
  {
    const auto group = MakeTMInterfaceGames({{name, "", 0}}, {});
    const Command restart{.slot = 0, .kind = CommandKind::kRestart, .inputs = {}};
    group->Start({&restart, 1});
    const auto completions = group->Collect(DeadlineIn(20s));
    if (completions.size() != 1 || completions[0].status != CompletionStatus::kOk) {
      throw std::runtime_error("the game does not start");
    }
    table.Measure("game_held", "hotlap-game, held between two steps", {game.pid()});
  }
  game.Signal(SIGTERM);
  game.Wait();
}

template <class T, class E>
T Got(tl::expected<T, E> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

void MeasureServer(Table& table) {
  const fs::path directory = fs::temp_directory_path() / UniqueName("server");
  fs::create_directories(directory);
  const std::string endpoint = "ipc://" + (directory / "socket").string();
  std::ofstream config(directory / "server.yaml");
  config << "endpoints: [\"" << endpoint
         << "\"]\nenvironments: " << (kSource / "configs/environments").string()
         << "\ntracks: " << (kSource / "configs/tracks").string()
         << "\nvehicle: " << (kSource / "configs/vehicles/stadium.yaml").string()
         << "\nsimulated: 0\nlog_level: error\ngames:\n  count: " << kGames << "\n  names: [";
  for (int i = 0; i < kGames; ++i) {
    config << (i > 0 ? ", " : "") << UniqueName("served-" + std::to_string(i));
  }
  config << "]\n";
  config.close();
  Process server({kPrograms + "/hotlap-serve", "--config", (directory / "server.yaml").string()});
  if (server.ReadLine() != "ready " + endpoint) throw std::runtime_error("the server is not ready");
  const auto games = [&] {
    std::vector<pid_t> pids;
    for (int i = 0; i < kGames; ++i) {
      const auto marked = ProcessesMarked({GameMark(UniqueName("served-" + std::to_string(i)))});
      pids.insert(pids.end(), marked.begin(), marked.end());
    }
    if (pids.size() != kGames) throw std::runtime_error("the server lost a game");
    return pids;
  };
  std::this_thread::sleep_for(1s);
  table.Measure("server_free", "hotlap-serve, nobody there, 16 mapped games", {server.pid()});
  table.Measure("server_free_games", "  its games in sum, racing at normal speed", games());
  {
    transport::ConnectOptions options;
    options.endpoint = endpoint;
    auto remote = Got(transport::RemoteVectorEnvironment::Connect(options, DeadlineIn(20s)));
    Got(remote->Attach(
        {.environment = "default", .rows = kGames, .tracks = {"short_sprint"}, .info = {}},
        DeadlineIn(60s)));
    Got(remote->Reset({}, DeadlineIn(60s)));
    table.Measure("server_held", "hotlap-serve, its learner thinks, 16 mapped games",
                  {server.pid()});
    table.Measure("server_held_games", "  its games in sum, held between two steps", games());
  }
  server.Signal(SIGTERM);
  server.Wait();
  fs::remove_all(directory);
}

void Run(const std::string& out, double seconds) {
  Table table(seconds);
  MeasureGame(table);
  MeasureServer(table);
  if (!out.empty()) std::ofstream(out) << table.results().dump(2) << '\n';
}

}  // namespace
}  // namespace hotlap

int main(int argc, char** argv) {
  std::string out;
  double seconds = 3;
  CLI::App app("idle_bench");
  app.add_option("--out", out, "JSON file to write");
  app.add_option("--seconds", seconds, "of each measurement")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    hotlap::Run(out, seconds);
  } catch (const std::exception& error) {
    std::cerr << "idle_bench: " << error.what() << '\n';
    return 2;
  }
  return 0;
}
