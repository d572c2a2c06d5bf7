#include "tests/faults/learner.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "env/deadline.h"
#include "tests/faults/local_rows.h"
#include "transport/client.h"

namespace hotlap::faults {
namespace {

using namespace std::chrono_literals;
using transport::Refusal;
using transport::RemoteVectorEnvironment;
using transport::Status;

constexpr auto kPatience = 2s;      // deadline of one call
constexpr auto kOverrun = 2s;       // what a call may take beyond it
constexpr auto kLongestWait = 60s;  // for one reply, over several calls
constexpr auto kReportEvery = 500ms;

std::atomic<bool> must_end{false};

// Tells how long this process stood still: that is no call's fault.
class StandstillMeter {
 public:
  StandstillMeter() : thread_([this] { Run(); }) {}
  ~StandstillMeter() {
    is_over_ = true;
    thread_.join();
  }
  std::chrono::nanoseconds total() const { return std::chrono::nanoseconds(total_ns_); }

 private:
  void Run() {
    for (Deadline last = Clock::now(); !is_over_;) {
      std::this_thread::sleep_for(20ms);
      const Deadline now = Clock::now();
      if (now - last > 100ms) total_ns_ += (now - last).count();
      last = now;
    }
  }
  std::atomic<std::int64_t> total_ns_{0};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

struct SessionLost {
  Refusal why;
};

bool IsUnanswered(Status status) {
  return status == Status::kTimedOut || status == Status::kServerLost;
}

class Learner {
 public:
  explicit Learner(const LearnerOptions& options)
      : options_(options), random_(options.seed), local_(LocalRows(1)) {}

  void Run() {
    while (!must_end) {
      try {
        Connect();
        while (!must_end) DriveEpisode();
      } catch (const SessionLost& lost) {
        if (remote_) ++lost_sessions_;
        remote_.reset();
        if (lost.why.status != Status::kInvalidKey && lost.why.status != Status::kShuttingDown &&
            !IsUnanswered(lost.why.status)) {
          Violation("refused with " + std::string(StatusName(lost.why.status)) + ": " +
                    lost.why.text);
        }
      }
      Report(true);
    }
    remote_.reset();
    Report(true);
  }

 private:
  void Violation(const std::string& what) {
    std::printf("violation %s\n", what.c_str());
    std::fflush(stdout);
  }
  void Report(bool now) {
    if (!now && Clock::now() < next_report_) return;
    next_report_ = Clock::now() + kReportEvery;
    const nlohmann::json report = {{"steps", steps_},
                                   {"episodes", episodes_},
                                   {"lost games", lost_games_},
                                   {"invalid steps", invalid_steps_},
                                   {"sessions", sessions_},
                                   {"lost sessions", lost_sessions_},
                                   {"calls that timed out", timeouts_}};
    std::printf("report %s\n", report.dump().c_str());
    std::fflush(stdout);
  }

  // One call with a deadline, which it must keep.
  template <typename CallWithDeadline>
  auto Timed(const char* name, CallWithDeadline call) {
    const auto stood_before = standstill_.total();
    const Deadline begin = Clock::now();
    auto result = call(begin + kPatience);
    // The meter sees a standstill a moment after us.
    const auto took = Clock::now() - begin;
    if (took > kPatience + kOverrun) {
      std::this_thread::sleep_for(100ms);
      const auto stood = standstill_.total() - stood_before;
      if (took - stood > kPatience + kOverrun) {
        Violation(std::string(name) + " took " +
                  std::to_string(std::chrono::duration<double>(took - stood).count()) +
                  " s, its deadline was " +
                  std::to_string(std::chrono::duration<double>(kPatience).count()) + " s");
      }
    }
    if (!result && IsUnanswered(result.error().status)) ++timeouts_;
    return result;
  }

  void Connect() {
    transport::ConnectOptions options;
    options.endpoint = options_.endpoint;
    options.reconnect = transport::BackoffSettings{};
    for (const Deadline give_up = DeadlineIn(kLongestWait); !must_end;) {
      Report(false);
      auto connected = Timed("Connect", [&](Deadline deadline) {
        return RemoteVectorEnvironment::Connect(options, deadline);
      });
      if (connected) {
        remote_ = *std::move(connected);
        const auto attached =
            Timed("Attach", [&](Deadline deadline) { return remote_->Attach(Rows(1), deadline); });
        if (attached) {
          ++sessions_;
          return;
        }
        const Status status = attached.error().status;
        remote_.reset();
        // Games of learners that were killed come back when their sessions have expired.
        if (status != Status::kServerFull && !IsUnanswered(status) &&
            status != Status::kInvalidKey && status != Status::kShuttingDown) {
          throw SessionLost{attached.error()};
        }
      }
      if (Clock::now() - standstill_.total() > give_up) {
        Violation("no game within " + std::to_string(kLongestWait.count()) + " s");
        throw SessionLost{{Status::kTimedOut, "there is no game"}};
      }
      std::this_thread::sleep_for(50ms);
    }
    throw SessionLost{{Status::kShuttingDown, "we are told to end"}};
  }

  // The batch of a call, waited for as often as it takes.
  template <typename CallWithDeadline>
  Sight Batch(const char* name, CallWithDeadline call) {
    const auto stood_before = standstill_.total();
    const Deadline begin = Clock::now();
    auto batch = Timed(name, call);
    while (!batch && IsUnanswered(batch.error().status)) {
      if (must_end || remote_->session_is_lost()) throw SessionLost{batch.error()};
      if (Clock::now() - begin - (standstill_.total() - stood_before) > kLongestWait) {
        Violation(std::string(name) + " had no reply within " +
                  std::to_string(kLongestWait.count()) + " s, and the session is not lost");
        throw SessionLost{batch.error()};
      }
      Report(false);
      batch = Timed("Resume", [&](Deadline deadline) { return remote_->Resume(deadline); });
    }
    if (!batch) throw SessionLost{batch.error()};
    return SightOf(*remote_, *batch, 0);
  }

  void DriveEpisode() {
    ++episodes_;
    const std::vector<std::uint64_t> seeds = {random_()};
    const transport::ResetRequest reset{.seeds = seeds};
    Sight last = Batch("Reset", [&](Deadline d) { return remote_->Reset(reset, d); });
    if (last.truncated) return NoteLoss(last, last, "Reset");  // no game came in time
    const Sight first = SightOf(*local_, *local_->Reset(reset, kNoDeadline), 0);
    if (last != first) return Violation("an episode did not begin as it does in this process");

    const int steps = 20 + static_cast<int>(random_() % 300);
    for (int step = 0; step < steps && !must_end; ++step) {
      Think();
      const std::vector<std::int32_t> actions = {
          random_() % 3 == 0 ? static_cast<std::int32_t>(random_() % 12) : 0};
      const ActionView view{.discrete = actions, .continuous = {}};
      const Sight seen = Batch("Step", [&](Deadline d) { return remote_->Step(view, d); });
      ++steps_;
      Report(false);
      if (seen.Info("end_reason") == static_cast<std::int32_t>(EndReason::kGameLost)) {
        return NoteLoss(seen, last, "Step");
      }
      if (seen.Info("valid") == 0) {
        ++invalid_steps_;
        return;
      }
      const Sight expected = SightOf(*local_, *local_->Step(view, kNoDeadline), 0);
      if (seen != expected) {
        return Violation("step " + std::to_string(step) +
                         " is another than in this process: race " +
                         std::to_string(seen.Info("race_time")) + " ms instead of " +
                         std::to_string(expected.Info("race_time")) + " ms");
      }
      if (seen.terminated || seen.truncated) return;
      last = seen;
    }
  }

  // A lost game gives the last good observation again, and nothing else.
  void NoteLoss(const Sight& seen, const Sight& last, const char* name) {
    ++lost_games_;
    const bool is_told =
        seen.Info("end_reason") == static_cast<std::int32_t>(EndReason::kGameLost) &&
        seen.truncated && !seen.terminated && seen.reward == 0 && seen.Info("valid") == 0 &&
        seen.status == RowStatus::kOk && seen.observation == last.observation;
    if (!is_told) Violation(std::string(name) + " tells the loss of a game wrongly");
  }

  void Think() {
    const auto draw = random_() % 200;
    if (draw < 40) std::this_thread::sleep_for(std::chrono::milliseconds(draw / 4));
    if (draw == 199) std::this_thread::sleep_for(400ms);  // longer than a game waits for us
  }

  const LearnerOptions options_;
  std::mt19937_64 random_;
  StandstillMeter standstill_;
  std::unique_ptr<transport::LearnerEnvironment> local_;
  std::unique_ptr<RemoteVectorEnvironment> remote_;
  Deadline next_report_{};
  std::int64_t steps_ = 0, episodes_ = 0, lost_games_ = 0, invalid_steps_ = 0;
  std::int64_t sessions_ = 0, lost_sessions_ = 0, timeouts_ = 0;
};

}  // namespace

int RunLearner(const LearnerOptions& options) {
  struct sigaction action {};
  action.sa_handler = [](int) { must_end = true; };
  sigaction(SIGTERM, &action, nullptr);
  Learner(options).Run();
  return 0;
}

}  // namespace hotlap::faults
