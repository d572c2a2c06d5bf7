#include "agents/progress_line.h"

#include <gtest/gtest.h>

#include <sstream>

namespace hotlap::agents {
namespace {

using namespace std::chrono_literals;

TEST(ProgressLineTest, UpdatesOneLineOnATerminal) {
  std::ostringstream out;
  const Clock::time_point now{};
  ProgressLine line(out, true, now);
  line.Show(now, "one");
  line.Show(now, "two");
  line.Clear();
  EXPECT_EQ(out.str(), "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[K");
}

TEST(ProgressLineTest, WritesPlainLinesElsewhere) {
  std::ostringstream out;
  ProgressLine line(out, false, {});
  line.Show({}, "one");
  line.Show({}, "two");
  line.Clear();
  EXPECT_EQ(out.str(), "one\ntwo\n");
}

TEST(ProgressLineTest, IsDueMoreOftenOnATerminal) {
  std::ostringstream out;
  const Clock::time_point now{};
  ProgressLine terminal(out, true, now);
  ProgressLine plain(out, false, now);
  EXPECT_TRUE(terminal.IsDue(now));
  EXPECT_FALSE(plain.IsDue(now)) << "a short job is quiet";
  terminal.Show(now, "");
  plain.Show(now, "");
  EXPECT_FALSE(terminal.IsDue(now + 50ms));
  EXPECT_TRUE(terminal.IsDue(now + 200ms));
  EXPECT_FALSE(plain.IsDue(now + 2s));
  EXPECT_TRUE(plain.IsDue(now + 10s));
}

TEST(ProgressBarTest, FillsInProportion) {
  EXPECT_EQ(ProgressBar(0, 4), "[----]");
  EXPECT_EQ(ProgressBar(0.5, 4), "[##--]");
  EXPECT_EQ(ProgressBar(7, 4), "[####]");
}

}  // namespace
}  // namespace hotlap::agents
