// hotlap-serve and hotlap-eval as a user starts them: what a learner sees when a game, another
// learner or the server itself is killed, and that nothing is left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "env/simulated_games.h"
#include "env/track_config.h"
#include "env/vector_environment.h"
#include "env/vehicle_config.h"
#include "tests/process.h"
#include "tests/test_size.h"
#include "transport/client.h"

namespace hotlap::serve_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using transport::ConstBatchView;
using transport::GameKind;
using transport::LearnerEnvironment;
using transport::RemoteVectorEnvironment;

const fs::path kSource = HOTLAP_SOURCE_DIR;
const fs::path kPrograms = HOTLAP_PROGRAM_DIR;
constexpr auto kLongEnough = 60s;  // for anything that must happen
constexpr char kTrack[] = "short_sprint";

template <class T, class E>
T Got(tl::expected<T, E> result) {
  if (!result) throw std::runtime_error("refused: " + result.error().text);
  return std::move(*result);
}

bool WaitUntil(const std::function<bool()>& condition) {
  const Deadline deadline = DeadlineIn(kLongEnough);
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

bool IsAlive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  const auto name_end = text.rfind(')');
  return name_end != std::string::npos && text.size() > name_end + 2 && text[name_end + 2] != 'Z';
}

// What a server runs its games with, and what keeps them.
std::vector<pid_t> ChildrenOf(pid_t parent, const std::string& program = "hotlap-game") {
  std::vector<pid_t> children;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(parent) + "/task")) {
    std::ifstream list(task.path() / "children");
    for (pid_t child; list >> child;) {
      std::string name;
      std::getline(std::ifstream("/proc/" + std::to_string(child) + "/comm"), name);
      if (name == program) children.push_back(child);
    }
  }
  return children;
}

// A server of its own for every test: endpoint, names of games and configuration are nobody else's.
class RunningServer {
 public:
  RunningServer(int simulated, int games, const std::string& session_timeout_s = "5",
                const std::string& game_timeout_s = "2", const std::string& more_of_games = "")
      : tag_("hotlap-test-" + std::to_string(getpid()) + "-" + std::to_string(++count_)),
        directory_(fs::temp_directory_path() / tag_) {
    fs::create_directories(directory_);
    endpoint_ = "ipc://" + (directory_ / "socket").string();
    std::ofstream config(directory_ / "server.yaml");
    config << "endpoints: [\"" << endpoint_ << "\"]\nthreads: 2\n"
           << "environments: " << (kSource / "configs/environments").string() << "\n"
           << "tracks: " << (kSource / "configs/tracks").string() << "\n"
           << "vehicle: " << (kSource / "configs/vehicles/stadium.yaml").string() << "\n"
           << "simulated: " << simulated << "\nsessions: {timeout_s: " << session_timeout_s
           << "}\nlog_level: error\ngames:\n  count: " << games
           << "\n  game_timeout_s: " << game_timeout_s << "\n"
           << more_of_games;
    if (games > 0) {
      config << "  names: [";
      for (int i = 0; i < games; ++i) config << (i > 0 ? ", " : "") << GameName(i);
      config << "]\n";
    }
    config.close();
    Start();
  }
  ~RunningServer() {
    process_.reset();
    fs::remove_all(directory_);
  }

  void Start() {
    process_ = std::make_unique<Process>(std::vector<std::string>{
        (kPrograms / "hotlap-serve").string(), "--config", (directory_ / "server.yaml").string()});
    if (process_->ReadLine() != "ready " + endpoint_) throw std::runtime_error("server not ready");
  }

  Process& process() { return *process_; }
  const std::string& endpoint() const { return endpoint_; }
  const fs::path& directory() const { return directory_; }
  std::string GameName(int i) const { return tag_ + "-" + std::to_string(i); }
  bool HasSharedMemory() const {
    return std::ranges::any_of(fs::directory_iterator("/dev/shm"), [&](const auto& entry) {
      return entry.path().filename().string().starts_with(tag_ + "-");
    });
  }

  std::unique_ptr<RemoteVectorEnvironment> Attach(
      GameKind kind, int rows, const std::string& environment = "default") const {
    return Attach(Request(kind, rows, environment));
  }
  std::unique_ptr<RemoteVectorEnvironment> Attach(const transport::AttachOptions& options) const {
    auto remote = Connect();
    Got(remote->Attach(options, DeadlineIn(kLongEnough)));
    return remote;
  }
  static transport::AttachOptions Request(GameKind kind, int rows,
                                          const std::string& environment = "default") {
    return {.environment = environment,
            .rows = rows,
            .tracks = {kTrack},
            .kind = kind,
            .autoreset = Autoreset::kNextStep,
            .info = {"ticks", "race_time", "progress", "checkpoint", "valid", "end_reason",
                     "episode_length", "episode_return"}};
  }
  std::unique_ptr<RemoteVectorEnvironment> Connect() const {
    transport::ConnectOptions options;
    options.endpoint = endpoint_;
    return Got(RemoteVectorEnvironment::Connect(options, DeadlineIn(kLongEnough)));
  }

 private:
  static inline int count_ = 0;
  const std::string tag_;
  const fs::path directory_;
  std::string endpoint_;
  std::unique_ptr<Process> process_;
};

// The same rows in this process, with nobody between.
std::unique_ptr<LearnerEnvironment> InProcess(int rows, const std::string& environment = "default",
                                              const ArchiveSettings& archive = {},
                                              const Starts& starts = {}) {
  VectorEnvironmentConfig config;
  config.archive = archive;
  config.starts = starts;
  config.environment =
      LoadEnvironmentConfig(kSource / "configs/environments" / (environment + ".yaml"));
  config.info_columns = {"ticks", "race_time",  "progress",       "checkpoint",
                         "valid", "end_reason", "episode_length", "episode_return"};
  const auto track = sim::Track::Build(
      LoadTrackSpec(kSource / "configs/tracks" / (std::string(kTrack) + ".yaml")));
  const auto vehicle = LoadVehicleParams(kSource / "configs/vehicles/stadium.yaml");
  std::vector<std::unique_ptr<GameGroup>> groups;
  std::vector<RowConfig> row_configs;
  const auto centreline = Centreline::FromTrack(*track);
  for (int row = 0; row < rows; ++row) {
    groups.push_back(MakeSimulatedGames({{track, vehicle}}));
    row_configs.push_back({centreline, track->hash(), static_cast<std::uint64_t>(row)});
  }
  return std::make_unique<transport::LocalVectorEnvironment>(
      std::make_unique<VectorEnvironment>(config, std::move(groups), std::move(row_configs)));
}

// What a learner saw of one row in one step, bit for bit.
using Sight = std::string;

Sight SightOf(const LearnerEnvironment& environment, const ConstBatchView& batch, int row) {
  const auto rows = static_cast<std::size_t>(environment.num_rows());
  const auto r = static_cast<std::size_t>(row);
  const auto width = static_cast<std::size_t>(environment.spec().observation_size());
  Sight sight(reinterpret_cast<const char*>(batch.observations.data() + r * width),
              width * sizeof(float));
  sight.append(reinterpret_cast<const char*>(&batch.rewards[r]), sizeof(float));
  sight += static_cast<char>(batch.terminated[r]);
  sight += static_cast<char>(batch.truncated[r]);
  sight += static_cast<char>(batch.status[r]);
  for (std::size_t c = 0; c < environment.info_columns().size(); ++c) {
    sight.append(reinterpret_cast<const char*>(batch.info.data()) + (c * rows + r) * 4, 4);
  }
  return sight;
}

std::int32_t Info(const LearnerEnvironment& environment, const ConstBatchView& batch,
                  std::string_view column, int row) {
  const auto columns = environment.info_columns();
  const auto found = std::ranges::find(columns, column, &InfoColumn::name);
  const auto c = static_cast<std::size_t>(found - columns.begin());
  std::int32_t value = 0;
  std::memcpy(&value,
              batch.info.data() + (c * static_cast<std::size_t>(environment.num_rows()) +
                                   static_cast<std::size_t>(row)) *
                                      4,
              4);
  return value;
}

// A learner whose actions depend on the step and the row alone, so that every run is the same run.
class Learner {
 public:
  explicit Learner(std::unique_ptr<LearnerEnvironment> environment)
      : environment_(std::move(environment)),
        actions_(static_cast<std::size_t>(environment_->num_rows())) {}

  LearnerEnvironment& environment() { return *environment_; }
  int num_rows() const { return environment_->num_rows(); }
  ConstBatchView Reset() { return Note(Got(environment_->Reset({}, DeadlineIn(kLongEnough)))); }
  ConstBatchView Step() {
    ++steps_;
    for (std::size_t row = 0; row < actions_.size(); ++row) {
      // Mostly straight on, a bend now and then; another one in each row.
      const std::uint64_t draw =
          (static_cast<std::uint64_t>(steps_ / 8) * 7919 + row * 104729) * 0x9E3779B97F4A7C15u >>
          40;
      actions_[row] = draw % 3 == 0 ? static_cast<std::int32_t>(draw / 3 % 12) : 0;
    }
    ActionView view;
    view.discrete = actions_;
    return Note(Got(environment_->Step(view, DeadlineIn(kLongEnough))));
  }
  // All that was seen of a row so far.
  const Sight& seen(int row) const { return seen_[static_cast<std::size_t>(row)]; }
  void Forget() { seen_.clear(); }  // what was seen, not what comes next

 private:
  ConstBatchView Note(const ConstBatchView& batch) {
    seen_.resize(actions_.size());
    for (int row = 0; row < num_rows(); ++row) {
      seen_[static_cast<std::size_t>(row)] += SightOf(*environment_, batch, row);
    }
    return batch;
  }

  std::unique_ptr<LearnerEnvironment> environment_;
  std::vector<std::int32_t> actions_;
  std::vector<Sight> seen_;
  int steps_ = 0;
};

std::vector<Sight> Rollout(std::unique_ptr<LearnerEnvironment> environment, int steps) {
  Learner learner(std::move(environment));
  learner.Reset();
  for (int i = 0; i < steps; ++i) learner.Step();
  std::vector<Sight> seen;
  seen.reserve(static_cast<std::size_t>(learner.num_rows()));
  for (int row = 0; row < learner.num_rows(); ++row) seen.push_back(learner.seen(row));
  return seen;
}

TEST(ServeTest, SameActionsGiveTheSameBitsInProcessThroughTheBufferAndOverZeroMQ) {
  const int steps = TestCount(60, 400, 4000);
  RunningServer server(3, 3);
  const std::vector<Sight> in_process = Rollout(InProcess(3), steps);
  EXPECT_EQ(Rollout(server.Attach(GameKind::kSimulated, 3), steps), in_process);
  EXPECT_EQ(Rollout(server.Attach(GameKind::kTMInterface, 3), steps), in_process);
}

TEST(ServeTest, RandomisedRowsGiveTheSameBitsServedAndAreRefusedToGamesThatCannotVaryTheirCar) {
  const int steps = TestCount(60, 400, 4000);
  RunningServer server(3, 2);
  const std::vector<Sight> randomised = Rollout(InProcess(3, "randomised"), steps);
  EXPECT_EQ(Rollout(server.Attach(GameKind::kSimulated, 3, "randomised"), steps), randomised);
  EXPECT_NE(Rollout(InProcess(3), steps), randomised);

  for (const auto& [kind, rows] : {std::pair{GameKind::kTMInterface, 2}, {GameKind::kAny, 5}}) {
    const auto refused = server.Connect()->Attach(RunningServer::Request(kind, rows, "randomised"),
                                                  DeadlineIn(kLongEnough));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status, transport::Status::kBadArgument);
    EXPECT_EQ(refused.error().text,
              "randomisation.mass cannot be applied to games of kind 'tminterface'");
  }
  server.Attach(GameKind::kAny, 5);  // nothing is held back
  const auto spec = Got(server.Connect()->Spec("randomised", DeadlineIn(kLongEnough)));
  ASSERT_EQ(spec.randomisation.size(), 5u);
  EXPECT_EQ(spec.randomisation[0].name, "mass");
  EXPECT_LT(spec.randomisation[0].low, 1);
  EXPECT_GT(spec.randomisation[0].high, 1);
}

TEST(ServeTest, EpisodesBeginAtTheSameKeptStatesEverywhere) {
  const int steps = TestCount(400, 400, 4000);  // some episodes end
  constexpr float kEveryM = 10;
  constexpr Starts kStarts{StartPlace::kLine, 0.2f};
  RunningServer server(3, 3);
  const std::vector<Sight> in_process =
      Rollout(InProcess(3, "default", {.every_m = kEveryM}, kStarts), steps);
  for (const GameKind kind : {GameKind::kSimulated, GameKind::kTMInterface}) {
    transport::AttachOptions options = RunningServer::Request(kind, 3);
    options.keep_every_m = kEveryM;
    options.starts = kStarts;
    EXPECT_EQ(Rollout(server.Attach(options), steps), in_process);
  }
  EXPECT_TRUE(Rollout(InProcess(3), steps) != in_process) << "none began at a state";
}

class MovedStatesTest : public ::testing::TestWithParam<GameKind> {};
INSTANTIATE_TEST_SUITE_P(EveryKind, MovedStatesTest,
                         ::testing::Values(GameKind::kSimulated, GameKind::kTMInterface),
                         [](const auto& kind) { return transport::GameKindName(kind.param); });

TEST_P(MovedStatesTest, HaveTheSameFutureOnAnotherServer) {
  constexpr int kRows = 2, kSteps = 40;
  const bool is_simulated = GetParam() == GameKind::kSimulated;
  RunningServer here(is_simulated ? kRows : 0, is_simulated ? 0 : kRows);
  RunningServer there(is_simulated ? kRows : 0, is_simulated ? 0 : kRows);
  Learner one(here.Attach(GetParam(), kRows)), other(there.Attach(GetParam(), kRows));
  one.Reset();
  other.Reset();
  for (int i = 0; i < kSteps; ++i) {
    one.Step();
    other.Step();
  }
  const auto ids = Got(one.environment().Save({}, DeadlineIn(kLongEnough)));
  const auto states = Got(one.environment().Export(ids, DeadlineIn(kLongEnough)));
  ASSERT_TRUE(one.environment().Drop(ids, DeadlineIn(kLongEnough)));
  other.Reset();  // anywhere but where the states are
  const auto imported = Got(other.environment().Import(states, DeadlineIn(kLongEnough)));
  Got(other.environment().Restore(imported, DeadlineIn(kLongEnough)));
  for (int row = 0; row < kRows; ++row) {
    EXPECT_NE(one.seen(row), other.seen(row));
  }
  one.Forget();
  other.Forget();
  for (int i = 0; i < kSteps; ++i) {
    one.Step();
    other.Step();
  }
  for (int row = 0; row < kRows; ++row) EXPECT_EQ(one.seen(row), other.seen(row)) << "row " << row;
}

TEST(ServeTest, GameKilledDuringAStepTruncatesItsEpisodeAloneAndIsReplaced) {
  constexpr int kRows = 3;
  const int steps = TestCount(60, 300, 2000);
  RunningServer server(0, kRows);
  Learner learner(server.Attach(GameKind::kTMInterface, kRows));
  learner.Reset();
  std::vector<pid_t> games = ChildrenOf(server.process().pid());
  ASSERT_EQ(games.size(), static_cast<std::size_t>(kRows));

  std::thread killer;
  int lost_row = -1;
  bool came_back = false;
  int i = 0;
  // Steps do not wait for the new game, so there are as many as it takes.
  for (const Deadline deadline = DeadlineIn(kLongEnough);
       i < steps || (!came_back && Clock::now() < deadline); ++i) {
    if (i >= steps) std::this_thread::sleep_for(1ms);
    // From another thread, so that the step does not wait for it.
    if (i == steps / 3) killer = std::thread([&] { kill(games[1], SIGKILL); });
    const ConstBatchView batch = learner.Step();
    if (i == steps / 3) killer.join();
    for (int row = 0; row < kRows; ++row) {
      const auto r = static_cast<std::size_t>(row);
      const auto reason =
          static_cast<EndReason>(Info(learner.environment(), batch, "end_reason", row));
      if (reason == EndReason::kGameLost) {
        EXPECT_TRUE(lost_row == -1 || (lost_row == row && !came_back)) << "row " << row;
        lost_row = row;
        EXPECT_EQ(batch.truncated[r], 1);
        EXPECT_EQ(batch.terminated[r], 0);
        EXPECT_EQ(batch.rewards[r], 0);
        EXPECT_EQ(Info(learner.environment(), batch, "valid", row), 0);
      } else if (row == lost_row && batch.truncated[r] == 0) {
        came_back = true;
      }
    }
  }
  ASSERT_NE(lost_row, -1);
  EXPECT_TRUE(came_back);
  const std::vector<Sight> undisturbed = Rollout(InProcess(kRows), i);
  for (int row = 0; row < kRows; ++row) {
    if (row == lost_row) continue;
    EXPECT_EQ(learner.seen(row), undisturbed[static_cast<std::size_t>(row)]) << "row " << row;
  }
}

TEST(ServeTest, GameKilledWhileTheLearnerThinksIsReplacedOnce) {
  RunningServer server(0, 2);
  Learner learner(server.Attach(GameKind::kTMInterface, 2));
  learner.Reset();
  for (int i = 0; i < 20; ++i) learner.Step();
  std::vector<pid_t> games = ChildrenOf(server.process().pid());
  ASSERT_EQ(games.size(), 2u);
  kill(games[0], SIGKILL);
  std::vector<pid_t> after;
  ASSERT_TRUE(WaitUntil([&] {
    after = ChildrenOf(server.process().pid());
    return after.size() == 2 && std::ranges::find(after, games[0]) == after.end();
  }));

  int lost_row = -1;
  bool came_back = false;
  for (const Deadline deadline = DeadlineIn(kLongEnough); !came_back && Clock::now() < deadline;) {
    const ConstBatchView batch = learner.Step();
    for (int row = 0; row < 2; ++row) {
      if (batch.truncated[static_cast<std::size_t>(row)] == 1) {
        EXPECT_TRUE(lost_row == -1 || lost_row == row);
        lost_row = row;
      } else if (row == lost_row) {
        came_back = true;
      }
    }
  }
  EXPECT_TRUE(came_back);
  EXPECT_EQ(ChildrenOf(server.process().pid()), after) << "the new game was good";
}

TEST(ServeTest, GameThatStandsHoldsUpNoOtherRowOfItsSession) {
  constexpr int kSteps = 20;
  RunningServer server(2, 1, "5", "60");
  const auto remote = server.Attach(GameKind::kAny, 3);  // the last row is the game's
  Got(remote->Reset({}, DeadlineIn(kLongEnough)));
  const std::vector<pid_t> games = ChildrenOf(server.process().pid());
  ASSERT_EQ(games.size(), 1u);
  const std::vector<std::int32_t> quick = {0, 1}, actions(3);
  const auto send = [&](const std::vector<std::int32_t>& rows) {
    const auto sent =
        remote->Send(rows, {.discrete = std::span(actions).first(rows.size()), .continuous = {}},
                     DeadlineIn(kLongEnough));
    EXPECT_TRUE(sent) << sent.error().text;
  };
  const auto local = InProcess(3);
  Got(local->Reset({}, DeadlineIn(kLongEnough)));
  const auto width = static_cast<std::size_t>(local->spec().observation_size());
  const auto of_row = [&](const ConstBatchView& batch, std::size_t index) {
    const auto row = batch.observations.subspan(index * width, width);
    return std::vector<float>(row.begin(), row.end());
  };

  kill(games[0], SIGSTOP);
  send({0, 1, 2});
  std::vector<float> first_of_last_row;
  for (int step = 0; step < kSteps; ++step) {
    const ConstBatchView expected =
        Got(local->Step({.discrete = actions, .continuous = {}}, DeadlineIn(kLongEnough)));
    if (step == 0) first_of_last_row = of_row(expected, 2);
    const ConstBatchView batch = Got(remote->Recv(2, DeadlineIn(kLongEnough)));
    ASSERT_TRUE(std::ranges::equal(batch.rows, quick)) << "step " << step;
    for (const std::size_t row : {0u, 1u}) EXPECT_EQ(of_row(batch, row), of_row(expected, row));
    if (step + 1 < kSteps) send(quick);
  }
  kill(games[0], SIGCONT);
  const ConstBatchView batch = Got(remote->Recv(3, DeadlineIn(kLongEnough)));
  ASSERT_EQ(batch.rows.size(), 1u);
  EXPECT_EQ(batch.rows[0], 2);
  EXPECT_EQ(of_row(batch, 0), first_of_last_row);
}

// Takes some rows and would drive for long; then it is killed.
class KilledLearnerTest : public ::testing::TestWithParam<GameKind> {};
INSTANTIATE_TEST_SUITE_P(EveryKind, KilledLearnerTest,
                         ::testing::Values(GameKind::kSimulated, GameKind::kTMInterface),
                         [](const auto& kind) { return transport::GameKindName(kind.param); });

TEST_P(KilledLearnerTest, CostsTheOthersNothingAndItsRowsComeBackAsNew) {
  const int steps = TestCount(60, 300, 2000);
  const bool is_simulated = GetParam() == GameKind::kSimulated;
  RunningServer server(is_simulated ? 4 : 2, is_simulated ? 0 : 2, "3");
  Learner survivor(server.Attach(GameKind::kSimulated, 2));
  survivor.Reset();
  Process victim({(kPrograms / "hotlap-eval").string(), "--policy", "random", "--track", kTrack,
                  "--episodes", "100000", "--rows", "2", "--kind",
                  transport::GameKindName(GetParam()), "--server", server.endpoint(), "--configs",
                  (kSource / "configs").string()});
  // All four rows are never free, so the question takes none away; the refusal tells how many are.
  ASSERT_TRUE(WaitUntil([&] {
    const auto refused = server.Connect()->Attach(
        {.environment = "default", .rows = 4, .tracks = {kTrack}, .info = {}},
        DeadlineIn(kLongEnough));
    return refused.error().text.find("free are 0 simulated and 0 behind") != std::string::npos;
  })) << "the other learner never took its rows";
  for (int i = 0; i < steps; ++i) {
    if (i == steps / 2) victim.Signal(SIGKILL);
    survivor.Step();
  }
  const std::vector<Sight> undisturbed = Rollout(InProcess(2), steps);
  EXPECT_EQ(survivor.seen(0), undisturbed[0]);
  EXPECT_EQ(survivor.seen(1), undisturbed[1]);
  std::unique_ptr<RemoteVectorEnvironment> next;
  ASSERT_TRUE(WaitUntil([&] {
    next = server.Connect();
    return next->Attach(RunningServer::Request(GetParam(), 2), DeadlineIn(kLongEnough)).has_value();
  })) << "the rows of the killed learner did not come back";
  EXPECT_EQ(Rollout(std::move(next), 40), Rollout(InProcess(2), 40));
}

TEST(ServeTest, LearnerThatPausesFindsItsSessionAndItsGamesAsTheyWere) {
  // Longer than the session's timeout, the game's and TMInterface's own 2 s at full size.
  const bool full = TestCount(0, 0, 1) == 1;
  const auto pause = full ? 30'000ms : 4000ms;
  RunningServer server(2, 2, full ? "5" : "2");
  Learner simulated(server.Attach(GameKind::kSimulated, 2));
  Learner behind_buffers(server.Attach(GameKind::kTMInterface, 2));
  for (Learner* learner : {&simulated, &behind_buffers}) {
    learner->Reset();
    for (int i = 0; i < 30; ++i) learner->Step();
  }
  std::this_thread::sleep_for(pause);  // the learner computes
  for (Learner* learner : {&simulated, &behind_buffers}) {
    for (int i = 0; i < 30; ++i) learner->Step();
  }
  const std::vector<Sight> undisturbed = Rollout(InProcess(2), 60);
  for (const int row : {0, 1}) {
    EXPECT_EQ(simulated.seen(row), undisturbed[static_cast<std::size_t>(row)]);
    EXPECT_EQ(behind_buffers.seen(row), undisturbed[static_cast<std::size_t>(row)]);
  }
}

TEST(ServeTest, TerminatedServerLeavesNoProcessAndNoSharedMemory) {
  RunningServer server(1, 2);
  Learner learner(server.Attach(GameKind::kTMInterface, 2));
  learner.Reset();
  learner.Step();
  const std::vector<pid_t> games = ChildrenOf(server.process().pid());
  ASSERT_EQ(games.size(), 2u);
  EXPECT_TRUE(server.HasSharedMemory());
  server.process().Signal(SIGTERM);
  const auto status = server.process().Wait(kLongEnough);
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 0) << *status;
  for (const pid_t game : games) EXPECT_FALSE(IsAlive(game));
  EXPECT_FALSE(server.HasSharedMemory());
  EXPECT_FALSE(fs::exists(server.directory() / "socket"));
}

TEST(ServeTest, LeavesWithTheLearnerThatStartedIt) {
  Process learner({"/bin/sleep", "1000"});
  const fs::path socket = fs::temp_directory_path() / ("hotlap-test-" + std::to_string(getpid()));
  Process server({(kPrograms / "hotlap-serve").string(), "--endpoint", "ipc://" + socket.string(),
                  "--games", "1", "--log-level", "error", "--exit-with",
                  std::to_string(learner.pid())});
  ASSERT_EQ(server.ReadLine(), "ready ipc://" + socket.string());
  const std::vector<pid_t> games = ChildrenOf(server.pid());
  ASSERT_EQ(games.size(), 1u);
  learner.Signal(SIGKILL);
  const auto status = server.Wait(kLongEnough);
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, 0);
  EXPECT_FALSE(fs::exists(socket));
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(games[0]); }));
}

TEST(ServeTest, GamesOfAKilledServerEndAndTheNextServerServesTheSameNames) {
  RunningServer server(0, 2);
  Learner learner(server.Attach(GameKind::kTMInterface, 2));
  learner.Reset();
  learner.Step();
  const std::vector<pid_t> games = ChildrenOf(server.process().pid());
  ASSERT_EQ(games.size(), 2u);
  server.process().Signal(SIGKILL);
  ASSERT_TRUE(server.process().Wait(kLongEnough).has_value());
  server.Start();  // at once, as whoever watches over it would
  EXPECT_EQ(Rollout(server.Attach(GameKind::kTMInterface, 2), 40), Rollout(InProcess(2), 40));
  EXPECT_TRUE(WaitUntil(
      [&] { return std::ranges::none_of(games, [](pid_t game) { return IsAlive(game); }); }));
}

TEST(ServeTest, KilledServerLeavesNoGameAndNoSharedMemory) {
  RunningServer server(0, 3);
  Learner learner(server.Attach(GameKind::kTMInterface, 3));
  learner.Reset();
  const std::vector<pid_t> games = ChildrenOf(server.process().pid());
  ASSERT_EQ(games.size(), 3u);
  // One runs, one cannot hear that its server goes, and one leaves its name behind before.
  kill(games[1], SIGSTOP);
  kill(games[2], SIGKILL);
  server.process().Signal(SIGKILL);
  ASSERT_TRUE(server.process().Wait(kLongEnough).has_value());
  EXPECT_TRUE(WaitUntil([&] { return std::ranges::none_of(games, IsAlive); }));
  EXPECT_TRUE(WaitUntil([&] { return !server.HasSharedMemory(); }));
}

// A command that starts its game in the background, as a shell script does, and hears nothing.
TEST(ServeTest, GamesOfAnyCommandEndWithAKilledServer) {
  const std::string game = (kPrograms / "hotlap-game").string() + " --name {name} --track " +
                           (kSource / "configs/tracks" / (std::string(kTrack) + ".yaml")).string() +
                           " --speed max --log-level off";
  RunningServer server(0, 2, "5", "2",
                       "  command: [sh, -c, \"trap '' TERM HUP; " + game + " & wait\"]\n");
  Learner learner(server.Attach(GameKind::kTMInterface, 2));
  learner.Reset();
  std::vector<pid_t> all = ChildrenOf(server.process().pid(), "sh");
  ASSERT_EQ(all.size(), 2u);
  for (const pid_t shell : std::vector(all)) {
    for (const pid_t child : ChildrenOf(shell)) all.push_back(child);
  }
  ASSERT_EQ(all.size(), 4u);
  server.process().Signal(SIGKILL);
  ASSERT_TRUE(server.process().Wait(kLongEnough).has_value());
  EXPECT_TRUE(WaitUntil([&] { return std::ranges::none_of(all, IsAlive); }));
  EXPECT_TRUE(WaitUntil([&] { return !server.HasSharedMemory(); }));
}

TEST(ServeTest, GamesThatOutliveTheirServerAreDrivenByTheNext) {
  RunningServer server(0, 2, "5", "2", "  outlive: true\n");
  std::vector<pid_t> games;
  {
    Learner learner(server.Attach(GameKind::kTMInterface, 2));
    learner.Reset();
    learner.Step();
    games = ChildrenOf(server.process().pid());
    ASSERT_EQ(games.size(), 2u);
    server.process().Signal(SIGKILL);
    ASSERT_TRUE(server.process().Wait(kLongEnough).has_value());
  }
  server.Start();
  EXPECT_EQ(Rollout(server.Attach(GameKind::kTMInterface, 2), 40), Rollout(InProcess(2), 40));
  EXPECT_THAT(ChildrenOf(server.process().pid()), ::testing::IsEmpty());
  server.process().Signal(SIGTERM);
  ASSERT_TRUE(server.process().Wait(kLongEnough).has_value());
  for (const pid_t game : games) {
    EXPECT_TRUE(IsAlive(game));
    kill(game, SIGTERM);
  }
  EXPECT_TRUE(WaitUntil([&] { return !server.HasSharedMemory(); }));
}

TEST(ServeTest, EvaluationDrivesBothKindsOfGamesAndWritesItsReports) {
  RunningServer server(2, 2);
  const fs::path out = server.directory() / "report", svg = server.directory() / "lines.svg";
  Process evaluation({(kPrograms / "hotlap-eval").string(), "--policy", "pursuit", "--track",
                      kTrack, "--kind", "simulated", "--kind", "tminterface", "--rows", "2",
                      "--server", server.endpoint(), "--configs", (kSource / "configs").string(),
                      "--out", out.string(), "--svg", svg.string()});
  const auto status = evaluation.Wait(kLongEnough);
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(WIFEXITED(*status) && WEXITSTATUS(*status) == 0) << *status;
  std::vector<std::vector<std::string>> episodes;
  for (const char* kind : {"simulated", "tminterface"}) {
    std::ifstream file(out / kind / "episodes.csv");
    std::vector<std::string>& lines = episodes.emplace_back();
    for (std::string line; std::getline(file, line);) lines.push_back(line);
  }
  ASSERT_EQ(episodes[0].size(), 6u) << "one for each idle start";
  for (std::size_t i = 1; i < 6; ++i) EXPECT_THAT(episodes[0][i], ::testing::HasSubstr(",finish,"));
  EXPECT_EQ(episodes[0], episodes[1]) << "both kinds drive the same";
  EXPECT_GT(fs::file_size(svg), 1000u);
}

}  // namespace
}  // namespace hotlap::serve_test
