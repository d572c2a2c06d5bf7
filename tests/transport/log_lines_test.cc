#include "transport/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "transport/log_sink.h"

namespace hotlap::transport {
namespace {

const std::chrono::system_clock::time_point kNoon{std::chrono::hours(12)};

std::vector<std::string> Texts(const std::vector<LogLine>& lines) {
  std::vector<std::string> texts;
  texts.reserve(lines.size());
  for (const LogLine& line : lines) texts.push_back(line.text);
  return texts;
}

TEST(LogLinesTest, KeepsTheLatestWithTheirNumbers) {
  LogLines lines(2);
  for (const char* text : {"one", "two", "three"}) lines.Add(LogLevel::kInfo, kNoon, text);
  const auto kept = lines.Since(0, LogLevel::kDebug);
  EXPECT_THAT(Texts(kept), ::testing::ElementsAre("two", "three"));
  EXPECT_EQ(kept[0].number, 2u);
  EXPECT_EQ(kept[1].number, 3u);
  EXPECT_EQ(kept[0].time_ms, 12 * 3600 * 1000);
  EXPECT_THAT(Texts(lines.Since(2, LogLevel::kDebug)), ::testing::ElementsAre("three"));
  EXPECT_THAT(lines.Since(3, LogLevel::kDebug), ::testing::IsEmpty());
}

TEST(LogLinesTest, GivesThoseThatAreSevereEnough) {
  LogLines lines;
  lines.Add(LogLevel::kDebug, kNoon, "debug");
  lines.Add(LogLevel::kWarning, kNoon, "warning");
  lines.Add(LogLevel::kError, kNoon, "error");
  EXPECT_THAT(Texts(lines.Since(0, LogLevel::kWarning)),
              ::testing::ElementsAre("warning", "error"));
}

TEST(LogLinesTest, ALineIsPrintableAndOfBoundedLength) {
  LogLines lines;
  lines.Add(LogLevel::kInfo, kNoon, "two\nlines\xff");
  lines.Add(LogLevel::kInfo, kNoon, std::string(10000, 'x'));
  const auto kept = lines.Since(0, LogLevel::kDebug);
  EXPECT_EQ(kept[0].text, "two?lines?");
  EXPECT_EQ(kept[1].text, std::string(kMaxLogLineBytes, 'x'));
}

TEST(LogLinesTest, WithoutRoomKeepsNothing) {
  LogLines lines(0);
  lines.Add(LogLevel::kInfo, kNoon, "gone");
  EXPECT_THAT(lines.Since(0, LogLevel::kDebug), ::testing::IsEmpty());
}

TEST(LogLinesTest, ALoggersLinesArriveWithTheirLevels) {
  const auto lines = std::make_shared<LogLines>();
  spdlog::logger logger("test", std::make_shared<LogSink>(lines));
  logger.set_level(spdlog::level::debug);
  logger.debug("d");
  logger.info("i {}", 1);
  logger.warn("w");
  logger.error("e");
  logger.critical("c");
  const auto kept = lines->Since(0, LogLevel::kDebug);
  EXPECT_THAT(Texts(kept), ::testing::ElementsAre("d", "i 1", "w", "e", "c"));
  std::vector<LogLevel> levels;
  levels.reserve(kept.size());
  for (const LogLine& line : kept) levels.push_back(line.level);
  EXPECT_THAT(levels, ::testing::ElementsAre(LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning,
                                             LogLevel::kError, LogLevel::kError));
}

TEST(LogLinesTest, MayBeWrittenAndReadByManyThreads) {
  LogLines lines(10);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) {
        lines.Add(LogLevel::kInfo, kNoon, "line");
        lines.Since(0, LogLevel::kDebug);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lines.Since(0, LogLevel::kDebug).back().number, 800u);
}

}  // namespace
}  // namespace hotlap::transport
