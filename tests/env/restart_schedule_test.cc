#include "env/restart_schedule.h"

#include <gtest/gtest.h>

namespace hotlap {
namespace {

using namespace std::chrono_literals;

class RestartScheduleTest : public ::testing::Test {
 protected:
  // The game runs for so long and goes.
  void RunFor(std::chrono::milliseconds time) {
    schedule_.NoteStart(now_);
    now_ += time;
    schedule_.NoteEnd(now_);
  }
  std::chrono::milliseconds PauseOf(RestartSchedule& schedule) const {
    for (auto pause = 0ms; pause < 2h; pause += 50ms) {
      if (schedule.MayStart(now_ + pause)) return pause;
    }
    return 2h;
  }
  std::chrono::milliseconds Pause() { return PauseOf(schedule_); }

  Clock::time_point now_{1h};
  RestartSchedule schedule_{{.first_pause = 100ms, .longest_pause = 500ms, .per_hour = 4}};
};

TEST_F(RestartScheduleTest, AGameThatRanForAWhileIsStartedAtOnce) {
  RunFor(2s);
  EXPECT_EQ(Pause(), 0ms);
}

TEST_F(RestartScheduleTest, PausesDoubleFromOneBadStartToTheNextAndEndWithAGoodRun) {
  RunFor(10ms);
  EXPECT_EQ(Pause(), 100ms);
  RunFor(10ms);
  EXPECT_EQ(Pause(), 200ms);
  RunFor(10ms);
  EXPECT_EQ(Pause(), 400ms);
  RunFor(10ms);
  EXPECT_EQ(Pause(), 500ms);
  RunFor(10s);
  EXPECT_TRUE(schedule_.IsQuarantined(now_)) << "the fourth restart";
  now_ += 1h;
  EXPECT_EQ(Pause(), 0ms);
}

TEST_F(RestartScheduleTest, AStartThatFailedIsTriedAgainAfterTheLongestPause) {
  schedule_.NoteFailedStart(now_);
  EXPECT_EQ(Pause(), 500ms);
  EXPECT_EQ(schedule_.InLastHour(now_), 0);
}

TEST_F(RestartScheduleTest, AGameThatGoesTooOftenIsQuarantinedUntilItsRestartsLieAnHourBack) {
  RunFor(10s);
  EXPECT_EQ(schedule_.InLastHour(now_), 0) << "the first start is no restart";
  const Clock::time_point first_restart = now_;
  for (int restart = 1; restart <= 4; ++restart) {
    EXPECT_FALSE(schedule_.IsQuarantined(now_));
    RunFor(10s);
    EXPECT_EQ(schedule_.InLastHour(now_), restart);
  }
  EXPECT_TRUE(schedule_.IsQuarantined(now_));
  EXPECT_FALSE(schedule_.MayStart(first_restart + 1h - 1ms));
  EXPECT_TRUE(schedule_.MayStart(first_restart + 1h));
  EXPECT_EQ(schedule_.InLastHour(first_restart + 1h), 3);
}

}  // namespace
}  // namespace hotlap
