// What a game may do in the middle of a step instead of answering: each of it ends its row's
// episode as lost and in no other way, its owner is told why, and the other row does not notice.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/centreline.h"
#include "env/tminterface/client.h"
#include "env/tminterface/mapped_buffer.h"
#include "env/vector_environment.h"
#include "tests/conformance/games_under_test.h"
#include "tests/env/row_stories.h"

namespace hotlap::failing_game_test {
namespace {

using ::testing::HasSubstr;
namespace tmi = tminterface;

const std::vector<std::string> kTracks = {"straight", "straight"};

// A game that stands still while its client waits for the answer to its first request of a step,
// and what is done to it then.
class StoppedGame {
 public:
  StoppedGame(RunningGame& game, std::function<void()> pump) : game_(game), pump_(std::move(pump)) {
    std::string why_not;
    buffer_ = tmi::MappedBuffer::Open(game.name(), tmi::kDefaultBufferSize, why_not);
    if (!buffer_) throw std::runtime_error(why_not);
  }

  void Signal(int signal) { game_.process().Signal(signal); }
  void AnswerTheRequest() {
    buffer_->PublishResponse({});
    const Deadline deadline = DeadlineIn(kLongEnough);
    while (buffer_->ready_type() != tmi::MessageType::kProcessedCall && Clock::now() < deadline) {
      pump_();
    }
  }
  // A message whose content is all zero: it is not there yet.
  void WriteHalf(tmi::MessageType type) {
    buffer_->Publish(type, tmi::ServerCall(tmi::OnRunStep{0}));
  }
  void WriteContentWithoutType() {
    const int fd = shm_open(("/" + game_.name()).c_str(), O_RDWR | O_CLOEXEC, 0);
    constexpr std::size_t kBytes = 4096;
    void* const base = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    std::memset(static_cast<char*>(base) + 8, 'x', kBytes - 8);
    munmap(base, kBytes);
  }
  // The other one holds the game in its first call.
  void RegisterAnother() {
    std::string why_not;
    other_.emplace(*tmi::MappedBuffer::Open(game_.name(), tmi::kDefaultBufferSize, why_not));
    other_->Send(tmi::Register{});
    Signal(SIGCONT);
    const Deadline deadline = DeadlineIn(kLongEnough);
    while (Clock::now() < deadline) {
      const auto incoming = other_->Poll();
      if (incoming && incoming->type == tmi::MessageType::kOnRegistered) return;
    }
  }

 private:
  RunningGame& game_;
  std::function<void()> pump_;
  std::optional<tmi::MappedBuffer> buffer_;
  std::optional<tmi::Client> other_;
};

struct Failure {
  const char* name;
  const char* why;  // a part of it
  std::function<void(StoppedGame&)> happen;
};

const Failure kFailures[] = {
    {"StopsAnswering", "made no tick for 400 ms", [](StoppedGame&) {}},
    {"DiesMidWrite", "the game is gone",
     [](StoppedGame& game) {
       game.WriteContentWithoutType();
       game.Signal(SIGKILL);
     }},
    {"LeavesAHalfWrittenCall", "went to 0 ms instead of",
     [](StoppedGame& game) {
       game.AnswerTheRequest();
       game.WriteHalf(tmi::MessageType::kOnRunStep);
     }},
    {"LeavesAHalfWrittenCheckpoint", "counts 0 passes instead of",
     [](StoppedGame& game) {
       game.AnswerTheRequest();
       game.WriteHalf(tmi::MessageType::kOnCheckpointCountChanged);
     }},
    {"AnswersWithAWrongType", "out of place",
     [](StoppedGame& game) { game.WriteHalf(tmi::MessageType::kOnRunStep); }},
    {"AnswersWithAnUnknownType", "made no tick for 400 ms",
     [](StoppedGame& game) { game.WriteHalf(static_cast<tmi::MessageType>(200)); }},
    {"WasRegisteredBySomebodyElse", "out of place",
     [](StoppedGame& game) { game.RegisterAnother(); }},
};

class FailingGameTest : public ::testing::TestWithParam<Failure> {
 protected:
  static VectorEnvironmentConfig Config() {
    VectorEnvironmentConfig config;
    config.autoreset = Autoreset::kDisabled;
    config.info_columns = {"valid", "end_reason"};
    return config;
  }
  std::unique_ptr<VectorEnvironment> Environment(GamesUnderTest& games) {
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(games.TakeGroup());
    std::vector<RowConfig> rows;
    for (const std::string& name : kTracks) {
      const auto track = LoadTestTrack(name);
      rows.push_back({Centreline::FromTrack(*track), track->hash(), rows.size()});
    }
    return std::make_unique<VectorEnvironment>(Config(), std::move(groups), std::move(rows));
  }
  static std::int32_t Info(const BatchBuffer& of_one, std::size_t column) {
    std::int32_t value = 0;
    std::memcpy(&value, &of_one.info[column * 4], sizeof value);
    return value;
  }
};

TEST_P(FailingGameTest, EndsItsRowsEpisodeAsLostAndIsTakenUpAgain) {
  std::vector<std::string> losses;
  GamesUnderTest* running = nullptr;
  TMInterfaceSettings settings;
  settings.game_timeout = std::chrono::milliseconds(400);
  settings.on_lost = [&](int slot, const GameLoss& loss) {
    EXPECT_EQ(slot, 0) << loss.why;
    losses.push_back(loss.why);
    RunningGame& game = running->running(slot);
    game.process().Signal(SIGKILL);
    game.process().Wait();
    game.StartAgain();
  };
  GamesUnderTest games("tminterface", kTracks, settings), undisturbed("simulated", kTracks);
  running = &games;
  const auto environment = Environment(games), expected = Environment(undisturbed);
  BatchBuffer batch(*environment), expected_batch(*expected);
  const std::vector<std::int32_t> actions = {0, 0};
  const ActionView view{.discrete = actions, .continuous = {}};
  environment->Reset({}, batch.view());
  expected->Reset({}, expected_batch.view());
  for (int step = 0; step < 5; ++step) {
    environment->Step(view, batch.view());
    expected->Step(view, expected_batch.view());
  }
  const std::size_t width = batch.observations.size() / kTracks.size();
  const std::vector<float> last(batch.observations.begin(),
                                batch.observations.begin() + static_cast<std::ptrdiff_t>(width));

  games.running(0).process().Signal(SIGSTOP);
  siginfo_t stopped{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(games.running(0).process().pid()), &stopped,
                   WSTOPPED | WNOWAIT),
            0);
  const std::vector<std::int32_t> victim = {0}, other = {1}, action = {0};
  const ActionView one{.discrete = action, .continuous = {}};
  BatchBuffer of_one(*environment, 1), expected_of_one(*expected, 1);
  std::vector<std::int32_t> received(1);
  environment->Send(victim, one);
  StoppedGame game(games.running(0), [&] {
    ASSERT_EQ(environment->Recv(received, kAtOnce, of_one.view()).num_rows, 0);
  });
  GetParam().happen(game);
  ASSERT_EQ(environment->Recv(received, kNoDeadline, of_one.view()).num_rows, 1);
  EXPECT_EQ(of_one.status[0], static_cast<std::uint8_t>(RowStatus::kOk));
  EXPECT_EQ(of_one.truncated[0], 1);
  EXPECT_EQ(of_one.terminated[0], 0);
  EXPECT_EQ(of_one.rewards[0], 0);
  EXPECT_EQ(Info(of_one, 0), 0) << "valid";
  EXPECT_EQ(Info(of_one, 1), static_cast<std::int32_t>(EndReason::kGameLost));
  EXPECT_EQ(std::vector<float>(of_one.observations.begin(), of_one.observations.end()), last);
  environment->Step(other, one, of_one.view());
  expected->Step(other, one, expected_of_one.view());
  EXPECT_EQ(of_one.truncated[0], 0);
  EXPECT_EQ(of_one.observations, expected_of_one.observations);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_THAT(losses[0], HasSubstr(games.running(0).name()));
  EXPECT_THAT(losses[0], HasSubstr(GetParam().why));

  const std::vector<std::uint8_t> mask = {1, 0};
  environment->Reset({.mask = mask}, batch.view());
  EXPECT_EQ(batch.truncated[0], 0);
  EXPECT_EQ(environment->game_state(0).race_time_ms, 0);
  EXPECT_EQ(losses.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(EveryFailure, FailingGameTest, ::testing::ValuesIn(kFailures),
                         [](const auto& failure) { return std::string(failure.param.name); });

}  // namespace
}  // namespace hotlap::failing_game_test
