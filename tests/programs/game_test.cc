// Program hotlap-game as a user and a launcher see it: its name, its console, its ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "env/deadline.h"
#include "env/game_process.h"
#include "env/game_processes.h"
#include "env/tminterface/client.h"
#include "env/tminterface/sim_state.h"
#include "env/tminterface_games.h"
#include "tests/process.h"

namespace hotlap {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;
namespace tmi = tminterface;

const std::string kProgram = std::string(HOTLAP_PROGRAM_DIR) + "/hotlap-game";

std::string TrackFile(const std::string& name) {
  return std::string(HOTLAP_SOURCE_DIR) + "/tests/data/tracks/" + name + ".yaml";
}

std::string UniqueName() {
  static std::atomic<int> next = 0;
  return "hotlap-game-test-" + std::to_string(getpid()) + "-" + std::to_string(next++);
}

bool NameExists(const std::string& name) { return std::filesystem::exists("/dev/shm/" + name); }

bool Eventually(const std::function<bool()>& condition) {
  for (const Deadline deadline = DeadlineIn(30s); Clock::now() < deadline;) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

// A client that counts and asks what a test tells it to.
class TestClient : public tmi::ClientHandler {
 public:
  explicit TestClient(const std::string& name, std::size_t size = tmi::kDefaultBufferSize)
      : client_(Open(name, size)) {}

  bool Register() { return !client_.Register(DeadlineIn(30s)); }
  std::optional<tmi::ClientError> Pump() { return client_.Pump(*this, DeadlineIn(30s)); }
  // Run steps until `step` returns true.
  bool Drive(const std::function<bool(std::int32_t race_time_ms)>& step) {
    step_ = step;
    is_done_ = false;
    while (!is_done_) {
      if (const auto error = Pump()) {
        ADD_FAILURE() << error->text;
        return false;
      }
    }
    return true;
  }
  tmi::Response Call(const tmi::ClientCall& call) {
    auto response = client_.Call(call, DeadlineIn(30s));
    if (const auto* error = std::get_if<tmi::ClientError>(&response)) {
      ADD_FAILURE() << error->text;
      return {};
    }
    return std::get<tmi::Response>(response);
  }
  tmi::SimStateView State() {
    last_state_ = Call(tmi::SimGetState{});
    return std::get<tmi::SimStateView>(
        tmi::SimStateView::Parse(std::get<std::span<const std::byte>>(last_state_.content)));
  }
  void Leave() { client_.Deregister(); }
  bool has_shut_down() const { return has_shut_down_; }

 private:
  static tmi::MappedBuffer Open(const std::string& name, std::size_t size) {
    std::string why_not;
    auto buffer = tmi::MappedBuffer::Open(name, size, why_not);
    if (!buffer) throw std::runtime_error(why_not);
    return std::move(*buffer);
  }
  void OnRunStep(tmi::Client&, std::int32_t race_time_ms) override {
    is_done_ = is_done_ || step_(race_time_ms);
  }
  void OnShutdown(tmi::Client&) override { has_shut_down_ = true; }

  tmi::Client client_;
  std::function<bool(std::int32_t)> step_ = [](std::int32_t) { return true; };
  bool is_done_ = false;
  bool has_shut_down_ = false;
  tmi::Response last_state_;
};

class GameTest : public ::testing::Test {
 public:
  ~GameTest() override { shm_unlink(("/" + name).c_str()); }

 protected:
  std::vector<std::string> Arguments() const {
    return {kProgram,  "--name", name,          "--track", TrackFile("straight"),
            "--speed", "max",    "--log-level", "off"};
  }
  // A game that ends when `parent` is no longer its parent.
  std::vector<std::string> ArgumentsWithParent(const std::string& parent) const {
    std::vector<std::string> arguments = Arguments();
    arguments.insert(arguments.end(), {"--exit-with-parent", parent});
    return arguments;
  }
  Process Start() const {
    Process process(ArgumentsWithParent(std::to_string(getpid())));
    EXPECT_EQ(process.ReadLine(), "ready " + name);
    return process;
  }

  const std::string name = UniqueName();
};

// ---- names and ends

TEST_F(GameTest, SaysItsNameOnceItsBufferIsThere) {
  Process game = Start();
  EXPECT_TRUE(NameExists(name));
}

TEST_F(GameTest, TakesTheFirstFreeName) {
  // Other games may run on this machine, so only that the names differ is known.
  const std::vector<std::string> arguments = {kProgram, "--track", TrackFile("straight")};
  Process first(arguments), second(arguments);
  const auto a = first.ReadLine(), b = second.ReadLine();
  ASSERT_TRUE(a && b);
  EXPECT_THAT(*a, StartsWith("ready TMInterface"));
  EXPECT_THAT(*b, StartsWith("ready TMInterface"));
  EXPECT_NE(*a, *b);
  for (Process* game : {&first, &second}) {
    game->Signal(SIGTERM);
    game->Wait();
  }
}

TEST_F(GameTest, NameInUseIsRefused) {
  Process game = Start();
  Process second(Arguments());
  const auto status = second.Wait();
  ASSERT_TRUE(status);
  EXPECT_EQ(WEXITSTATUS(*status), 2);
  EXPECT_TRUE(NameExists(name));
}

TEST_F(GameTest, EverySignalThatAsksItToEndRemovesTheBuffer) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Process game = Start();
    game.Signal(signal);
    EXPECT_EQ(game.Wait(), 0) << signal;
    EXPECT_FALSE(NameExists(name)) << signal;
  }
}

TEST_F(GameTest, EndsAtOnceWhileAClientHoldsIt) {
  Process game = Start();
  TestClient client(name);
  ASSERT_TRUE(client.Register());
  client.Drive([&](std::int32_t) {
    client.Call(tmi::SetTimeout{-1});
    game.Signal(SIGTERM);
    EXPECT_EQ(game.Wait(), 0);
    return true;
  });
  EXPECT_FALSE(NameExists(name));
}

TEST_F(GameTest, TellsItsClientThatItEnds) {
  Process game = Start();
  TestClient client(name);
  ASSERT_TRUE(client.Register());
  client.Drive([](std::int32_t race_time_ms) { return race_time_ms > -2500; });
  game.Signal(SIGTERM);
  while (!client.has_shut_down()) ASSERT_FALSE(client.Pump());
  EXPECT_EQ(game.Wait(), 0);
}

TEST_F(GameTest, NameOfAKilledGameIsTakenOverInPlace) {
  std::optional<TestClient> client;
  {
    Process game = Start();
    client.emplace(name);
    ASSERT_TRUE(client->Register());
    client->Drive([](std::int32_t) { return true; });
    game.Signal(SIGKILL);
    game.Wait();
  }
  EXPECT_TRUE(NameExists(name)) << "nobody could remove it";
  Process next = Start();
  EXPECT_TRUE(client->Register()) << "the old client's mapping shows the new game";
  client->Drive([](std::int32_t race_time_ms) { return race_time_ms == 0; });
}

TEST_F(GameTest, BadFlagsAndFilesAreErrorsOfStatusTwo) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {kProgram, "--name", name, "--track", "/no/such/track.yaml"},
           {kProgram, "--name", name, "--track", TrackFile("straight"), "--speed", "fast"},
           {kProgram, "--name", name, "--track", TrackFile("straight"), "--speed", "-1"},
           {kProgram, "--name", "a/b", "--track", TrackFile("straight")},
           {kProgram, "--name", name, "--track", TrackFile("straight"), "--vehicle", "/none"}}) {
    const auto status = Process(arguments).Wait();
    ASSERT_TRUE(status);
    EXPECT_EQ(WEXITSTATUS(*status), 2) << arguments.back();
    EXPECT_FALSE(NameExists(name));
  }
}

// ---- many

// This thread, and what it starts, on two cores at most.
class TwoCores {
 public:
  TwoCores() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t two;
    CPU_ZERO(&two);
    for (std::size_t core = 0; core < CPU_SETSIZE && CPU_COUNT(&two) < 2; ++core) {
      if (CPU_ISSET(core, &before_)) CPU_SET(core, &two);
    }
    sched_setaffinity(0, sizeof two, &two);
  }
  TwoCores(const TwoCores&) = delete;
  TwoCores& operator=(const TwoCores&) = delete;
  ~TwoCores() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

TEST(GamesTest, SixteenOnTwoCoresAreServedToTheFinish) {
  constexpr std::size_t kGames = 16;
  const TwoCores two_cores;
  std::vector<TMInterfaceGame> games;
  std::vector<Process> processes;
  for (std::size_t i = 0; i < kGames; ++i) {
    games.push_back({.buffer_name = UniqueName(), .map_command = "", .checkpoints_target = 3});
    processes.emplace_back(std::vector<std::string>{
        kProgram, "--name", games[i].buffer_name, "--track", TrackFile("straight"), "--speed",
        "max", "--log-level", "off", "--exit-with-parent", std::to_string(getpid())});
  }
  for (std::size_t i = 0; i < kGames; ++i) {
    ASSERT_EQ(processes[i].ReadLine(), "ready " + games[i].buffer_name);
  }
  const auto group = MakeTMInterfaceGames(games, {});
  const auto run = [&](CommandKind kind, const std::vector<int>& slots) {
    std::vector<Command> commands;
    commands.reserve(slots.size());
    for (const int slot : slots) {
      commands.push_back({.slot = slot,
                          .kind = kind,
                          .ticks = 5,
                          .inputs = {.steer = slot % 2, .accelerate = true}});
    }
    group->Start(commands);
    std::vector<int> unfinished;
    for (std::size_t left = slots.size(); left > 0;) {
      const auto completions = group->Collect(DeadlineIn(60s));
      if (completions.empty()) throw std::runtime_error("a game is not served");
      for (const Completion& completion : completions) {
        EXPECT_EQ(completion.status, CompletionStatus::kOk) << completion.error;
        if (!completion.finished) unfinished.push_back(completion.slot);
      }
      left -= completions.size();
    }
    return unfinished;
  };
  std::vector<int> unfinished;
  for (std::size_t i = 0; i < kGames; ++i) unfinished.push_back(static_cast<int>(i));
  unfinished = run(CommandKind::kRestart, unfinished);
  ASSERT_EQ(unfinished.size(), kGames);
  for (int steps = 0; !unfinished.empty(); ++steps) {
    ASSERT_LT(steps, 400);
    unfinished = run(CommandKind::kAdvance, unfinished);
  }
  for (std::size_t i = 2; i < kGames; ++i) {
    const GameState& state = group->state(static_cast<int>(i));
    const GameState& same = group->state(static_cast<int>(i % 2));
    EXPECT_EQ(state.race_time_ms, same.race_time_ms) << i;
    EXPECT_EQ(state.position_m, same.position_m) << i;
    EXPECT_EQ(state.velocity_mps, same.velocity_mps) << i;
  }
  for (std::size_t i = 0; i < kGames; ++i) {
    processes[i].Signal(SIGTERM);
    EXPECT_EQ(processes[i].Wait(), 0);
    EXPECT_FALSE(NameExists(games[i].buffer_name));
  }
}

// ---- parents

TEST_F(GameTest, EndsWithTheProcessThatStartedIt) {
  // The shell starts the game in the background, says who it is and waits; it is killed.
  std::string command;
  for (const std::string& argument : ArgumentsWithParent("$$")) command += '"' + argument + "\" ";
  Process shell({"/bin/sh", "-c", command + "& wait"});
  ASSERT_EQ(shell.ReadLine(), "ready " + name);
  {
    TestClient client(name);  // holds the game for ever: it must end all the same
    ASSERT_TRUE(client.Register());
    client.Drive([&](std::int32_t) {
      client.Call(tmi::SetTimeout{-1});
      shell.Signal(SIGKILL);
      shell.Wait();
      EXPECT_TRUE(Eventually([&] { return !NameExists(name); }));
      return true;
    });
  }
}

TEST_F(GameTest, EndsAtOnceWhenItsParentIsAnotherAlready) {
  Process other({"/bin/sh", "-c", "exit 0"});
  other.Wait();
  const auto status = Process(ArgumentsWithParent(std::to_string(other.pid()))).Wait();
  EXPECT_EQ(status, 0) << "PID is not its parent, so it ends at once";
  Process game = Start();
  EXPECT_FALSE(game.Wait(100ms));
}

TEST_F(GameTest, EndsWhileItPlaysALongScript) {
  const std::string script = testing::TempDir() + name + ".txt";
  std::ofstream(script) << "0 steer 65536\n1 press up\n14000000 rel up\n";
  std::vector<std::string> arguments = Arguments();
  arguments.insert(arguments.end(), {"--simulate", script});
  Process game(arguments);
  ASSERT_EQ(game.ReadLine(), "ready " + name);
  TestClient client(name);
  ASSERT_TRUE(client.Register());
  ASSERT_FALSE(client.Pump());  // S_ON_REGISTERED; the game plays the script to its end now
  game.Signal(SIGTERM);
  EXPECT_EQ(game.Wait(), 0);
  std::filesystem::remove(script);
}

// ---- size of the buffer

TEST_F(GameTest, BufferHasTheSizeAskedFor) {
  std::vector<std::string> arguments = Arguments();
  arguments.insert(arguments.end(), {"--buffer-size", "16384"});
  Process game(arguments);
  ASSERT_EQ(game.ReadLine(), "ready " + name);
  EXPECT_EQ(std::filesystem::file_size("/dev/shm/" + name), 16384u);
  TestClient client(name, 16384);
  ASSERT_TRUE(client.Register());
  client.Drive([&](std::int32_t) {
    EXPECT_GT(client.State().bytes().size(), tmi::kSimStateFixedSize);
    return true;
  });
}

TEST_F(GameTest, BufferTooSmallForAStateIsRefused) {
  std::vector<std::string> arguments = Arguments();
  arguments.insert(arguments.end(), {"--buffer-size", "16383"});
  const auto status = Process(arguments).Wait();
  ASSERT_TRUE(status);
  EXPECT_NE(WEXITSTATUS(*status), 0);
  EXPECT_FALSE(NameExists(name));
}

// ---- the console

class GameConsoleTest : public GameTest {
 public:
  GameConsoleTest() {
    if (mkfifo(fifo.c_str(), 0600) != 0) throw std::runtime_error("mkfifo failed");
  }
  ~GameConsoleTest() override {
    std::filesystem::remove(fifo);
    std::filesystem::remove(log);
  }

 protected:
  // A game whose standard input is the pipe and whose log is a file.
  Process StartWithConsole() {
    std::string command = "exec '" + kProgram + "' --name " + name + " --track '" +
                          TrackFile("straight") + "' --speed max --exit-with-parent " +
                          std::to_string(getpid()) + " <'" + fifo + "' 2>'" + log + "'";
    Process process({"/bin/sh", "-c", command});
    console.open(fifo);
    EXPECT_EQ(process.ReadLine(), "ready " + name);
    return process;
  }
  void Type(const std::string& line) { console << line << std::endl; }
  bool LogHas(const std::string& text) const {
    std::ifstream file(log);
    const std::string all((std::istreambuf_iterator<char>(file)), {});
    return all.find(text) != std::string::npos;
  }
  bool LogTells(const std::string& text) const {
    return Eventually([&] { return LogHas(text); });
  }

  const std::string fifo = testing::TempDir() + name + ".fifo";
  const std::string log = testing::TempDir() + name + ".log";
  std::ofstream console;
};

TEST_F(GameConsoleTest, AnswersEveryLine) {
  Process game = StartWithConsole();
  Type("fly home");
  EXPECT_TRUE(LogTells("there is no command 'fly'"));
  Type("set bf_mode 3");
  EXPECT_TRUE(LogTells("bf_mode is 3"));
  Type("set speed -2");
  EXPECT_TRUE(LogTells("speed must be a number of at least 0"));
  Type("map");
  EXPECT_TRUE(LogTells("usage: map \"file\""));
  Type("press down-under");
  EXPECT_TRUE(LogTells("'down-under' is no key"));
  Type("steer 70000");
  EXPECT_TRUE(LogTells("'70000' is no number from -65536 to 65536"));
  Type("1.50 press up");
  EXPECT_TRUE(LogTells("takes no time here"));
  Type("map \"ring.yaml\"");
  EXPECT_TRUE(LogTells("racing on ring"));
  Type("load /no/such/script");
  EXPECT_TRUE(LogTells("/no/such/script cannot be read"));
  Type("load /dev/zero");
  EXPECT_TRUE(LogTells("/dev/zero cannot be read"));
}

TEST_F(GameConsoleTest, RefusesAScriptOfMoreThanFourMebibytes) {
  const std::string script = testing::TempDir() + name + ".txt";
  std::ofstream(script) << std::string((4 << 20) + 1, '#');
  Process game = StartWithConsole();
  Type("load \"" + script + "\"");
  EXPECT_TRUE(LogTells(script + " has 4194305 bytes, allowed are 4194304"));
  std::filesystem::remove(script);
}

TEST_F(GameConsoleTest, DropsALineThatIsTooLong) {
  Process game = StartWithConsole();
  Type("set before 1");
  Type(std::string(300000, 'x'));
  Type("set after 1");
  EXPECT_TRUE(LogTells("after is 1"));
  EXPECT_TRUE(LogHas("before is 1"));
  EXPECT_TRUE(LogHas("a line of more than 65536 bytes was dropped"));
  EXPECT_FALSE(LogHas("xxx"));
}

TEST_F(GameConsoleTest, EndsWhileItsConsoleIsFlooded) {
  Process game = StartWithConsole();
  Process flood({"/bin/sh", "-c", "exec yes '#' >'" + fifo + "'"});
  Type("set flooded 1");
  EXPECT_TRUE(LogTells("flooded is 1")) << "a line among the others";
  game.Signal(SIGTERM);
  EXPECT_EQ(game.Wait(), 0);
}

TEST_F(GameConsoleTest, EndOfInputIsNoEnd) {
  Process game = StartWithConsole();
  console.close();
  EXPECT_FALSE(game.Wait(100ms));
  TestClient client(name);
  EXPECT_TRUE(client.Register());
}

TEST_F(GameConsoleTest, TypedInputsDriveTheCar) {
  Process game = StartWithConsole();
  TestClient client(name);
  ASSERT_TRUE(client.Register());
  Type("press up; steer 4000");
  client.Drive([&](std::int32_t) {
    const auto state = client.State();
    return state.input_accelerate() && state.input_steer() == 4000;
  });
  Type("rel up");
  client.Drive([&](std::int32_t) { return !client.State().input_accelerate(); });
}

TEST_F(GameConsoleTest, DeregisterFreesAGameThatIsHeldForEver) {
  Process game = StartWithConsole();
  TestClient holder(name);
  ASSERT_TRUE(holder.Register());
  holder.Drive([&](std::int32_t) {
    holder.Call(tmi::SetTimeout{-1});
    Type("deregister");
    EXPECT_TRUE(LogTells("the client is gone"));
    return true;
  });
  TestClient next(name);
  EXPECT_TRUE(next.Register());
  EXPECT_TRUE(next.Drive([](std::int32_t) { return true; }));
}

TEST_F(GameConsoleTest, LoadedScriptDrivesEveryRaceUntilItIsUnloaded) {
  const std::string script = testing::TempDir() + name + ".txt";
  std::ofstream(script) << "0 press up\n0.50 steer -700\n1.00 rel up\n";
  Process game = StartWithConsole();
  TestClient client(name);
  ASSERT_TRUE(client.Register());
  Type("load \"" + script + "\"");
  Type("set loaded 1");
  // The script may come in the middle of a race: the next one has all of it.
  client.Drive([&](std::int32_t) {
    if (!LogHas("loaded is 1")) return false;
    client.Call(tmi::GiveUp{});
    return true;
  });
  for (int race = 0; race < 2; ++race) {
    client.Drive([&](std::int32_t race_time_ms) {
      const auto state = client.State();
      EXPECT_EQ(state.input_accelerate(), race_time_ms > 0 && race_time_ms <= 1000) << race_time_ms;
      EXPECT_EQ(state.input_steer(), race_time_ms > 500 ? -700 : 0) << race_time_ms;
      if (race_time_ms < 1200) return false;
      client.Call(tmi::GiveUp{});
      return true;
    });
  }
  Type("unload");
  Type("set unloaded 1");
  client.Drive([&](std::int32_t) {
    if (!LogHas("unloaded is 1")) return false;
    client.Call(tmi::GiveUp{});
    return true;
  });
  client.Drive([&](std::int32_t race_time_ms) {
    EXPECT_FALSE(client.State().input_accelerate());
    return race_time_ms >= 100;
  });
  std::filesystem::remove(script);
}

// ---- processes that belong to a server

class GameProcessTest : public GameTest {
 protected:
  SpawnSettings Settings() const {
    std::vector<std::string> arguments = Arguments();
    arguments.erase(arguments.begin());
    return {.program = kProgram, .arguments = std::move(arguments)};
  }
  GameCommand Command() const { return {name, kProgram, Settings().arguments}; }
};

TEST_F(GameProcessTest, RunsUntilItsOwnerGoes) {
  {
    GameProcess game(Settings());
    EXPECT_TRUE(Eventually([&] { return NameExists(name); }));
    EXPECT_TRUE(game.IsRunning());
    EXPECT_EQ(game.end(), "");
  }
  EXPECT_FALSE(NameExists(name));
}

TEST_F(GameProcessTest, TellsHowItEnded) {
  GameProcess killed(Settings());
  kill(killed.pid(), SIGKILL);
  EXPECT_TRUE(Eventually([&] { return !killed.IsRunning(); }));
  EXPECT_EQ(killed.end(), "was ended by signal 9");

  SpawnSettings settings = Settings();
  settings.arguments = {"--no-such-flag"};
  GameProcess refused(settings);
  EXPECT_TRUE(Eventually([&] { return !refused.IsRunning(); }));
  EXPECT_THAT(refused.end(), StartsWith("exited with status "));
}

TEST_F(GameProcessTest, ProgramThatIsNotThereIsAnError) {
  GameCommand command = Command();
  command.program = "/no/such/hotlap-game";
  EXPECT_THROW(GameProcess({.program = command.program, .arguments = {}}), std::system_error);
  EXPECT_THROW(GameProcesses({Command(), command}), std::system_error);
  EXPECT_FALSE(NameExists(name)) << "none is left";
}

TEST_F(GameProcessTest, KilledGameIsStartedAgain) {
  GameProcesses games({Command()});
  const pid_t first = games.pid(0);
  EXPECT_TRUE(Eventually([&] { return NameExists(name); }));
  kill(first, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return games.starts(0) == 2; }));
  EXPECT_NE(games.pid(0), first);
  EXPECT_TRUE(Eventually([&] {
    std::string why_not;
    return tmi::MappedBuffer::Open(name, tmi::kDefaultBufferSize, why_not).has_value();
  }));
}

TEST_F(GameProcessTest, HangingGameIsReplacedOnRequest) {
  GameProcesses games({Command()});
  const pid_t first = games.pid(0);
  kill(first, SIGSTOP);  // as young as it is
  games.Replace(0, Clock::now(), "it hangs");
  EXPECT_TRUE(Eventually([&] { return games.starts(0) == 2; }));
  EXPECT_EQ(games.health(0).last_loss, "it hangs");
  EXPECT_EQ(games.health(0).losses, 1);
  EXPECT_NE(kill(first, 0), 0) << "the hanging one is gone";
}

TEST_F(GameProcessTest, RequestToReplaceAnEarlierGameLeavesItsSuccessor) {
  GameProcesses games({Command()});
  const Clock::time_point had = Clock::now();
  kill(games.pid(0), SIGKILL);
  ASSERT_TRUE(Eventually([&] { return games.starts(0) == 2; }));
  games.Replace(0, had, "it is gone");
  std::this_thread::sleep_for(60ms);  // the watcher has looked a few times
  EXPECT_EQ(games.starts(0), 2);
  EXPECT_EQ(games.health(0).losses, 1) << "of which the watcher has told";
}

// That they share the time which they are given is not measured.
TEST_F(GameProcessTest, GamesThatIgnoreTheRequestToEndAreGoneAllTheSame) {
  const GameCommand command{name, "sh", {"-c", "trap '' TERM; exec sleep 1000"}};
  std::vector<pid_t> all;
  {
    GameProcesses games({command, command, command});
    for (int game = 0; game < 3; ++game) all.push_back(games.pid(game));
  }
  for (const pid_t pid : all) EXPECT_NE(kill(pid, 0), 0);
}

TEST_F(GameProcessTest, WhatAGameHasStartedEndsWithIt) {
  const std::string file = testing::TempDir() + name;
  GameProcess game(
      {.program = "sh", .arguments = {"-c", "sleep 1000 & echo $! > " + file + "; exit 0"}});
  ASSERT_TRUE(Eventually([&] { return !game.IsRunning(); }));
  pid_t left = 0;
  std::ifstream(file) >> left;
  std::filesystem::remove(file);
  ASSERT_GT(left, 0);
  EXPECT_TRUE(Eventually([&] { return kill(left, 0) != 0; }));
}

TEST_F(GameProcessTest, GameThatOutlivesItsServerIsTakenOverByTheNext) {
  pid_t game = 0;
  {
    GameProcesses first({Command()}, {.outlive_us = true});
    game = first.pid(0);
    ASSERT_TRUE(Eventually([&] { return NameExists(name); }));
  }
  EXPECT_EQ(kill(game, 0), 0);
  pid_t next = 0;
  {
    GameProcesses second({Command()}, {.outlive_us = true});
    EXPECT_EQ(second.pid(0), -1) << "none was started";
    EXPECT_EQ(second.health(0).condition, GameCondition::kRunning);
    kill(game, SIGSTOP);
    second.Replace(0, Clock::now(), "it hangs");
    ASSERT_TRUE(Eventually([&] { return second.starts(0) == 2; }));
    next = second.pid(0);
  }
  EXPECT_EQ(waitpid(game, nullptr, 0), game) << "the hanging one is gone";
  EXPECT_EQ(kill(next, SIGKILL), 0);
  EXPECT_EQ(waitpid(next, nullptr, 0), next);
}

TEST_F(GameProcessTest, OtherChildrenOfTheProgramAreLeftAlone) {
  GameProcesses games({Command()});
  Process other({"/bin/sh", "-c", "exit 7"});
  std::this_thread::sleep_for(60ms);  // the watcher has looked a few times
  const auto status = other.Wait();
  ASSERT_TRUE(status);
  EXPECT_EQ(WEXITSTATUS(*status), 7);
}

}  // namespace
}  // namespace hotlap
