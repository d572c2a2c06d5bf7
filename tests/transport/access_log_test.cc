#include "transport/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "tests/transport/serving.h"

namespace hotlap::transport::access_log_test {
namespace {

using nlohmann::json;

std::vector<json> LinesOf(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

class AccessLogTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  const std::filesystem::path file_ = directory_.path() / "access.log";
};

TEST_F(AccessLogTest, ALineSaysWhenWhoAndWhat) {
  {
    AccessLog log(file_);
    log.Write({.event = "opened", .address = "::1", .client = "alice", .session = "s000001"});
    log.Write({.event = "refused",
               .session = "s000001",
               .operation = "step",
               .status = Status::kBadArgument});
  }
  auto lines = LinesOf(file_);
  ASSERT_EQ(lines.size(), 2u);
  for (json& line : lines) {
    EXPECT_TRUE(std::regex_match(line["time"].get<std::string>(),
                                 std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
    line.erase("time");
  }
  EXPECT_EQ(lines[0], json::parse(R"({"event": "opened", "address": "::1", "client": "alice",
                                      "session": "s000001"})"));
  EXPECT_EQ(lines[1], json::parse(R"({"event": "refused", "session": "s000001",
                                      "operation": "step", "status": "bad_argument"})"));
}

TEST_F(AccessLogTest, NamesStayWithinTheirQuotes) {
  { AccessLog(file_).Write({.event = "opened", .client = "a\"b\\c\nd"}); }
  EXPECT_EQ(LinesOf(file_).at(0)["client"], "a\"b\\c?d");
}

TEST_F(AccessLogTest, WhatAFullDiskDoesNotTakeIsCounted) {
  std::filesystem::create_symlink("/dev/full", file_);
  {
    AccessLog log(file_);
    for (int i = 0; i < 3; ++i) log.Write({.event = "refused"});
    std::filesystem::remove(file_);
    log.Reopen();  // there is room again
    ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(file_); }));
    log.Write({.event = "opened"});
    ASSERT_TRUE(Eventually([&] { return !LinesOf(file_).empty(); }));
  }
  int lost = 0;
  for (const json& line : LinesOf(file_))
    lost += line["event"] == "left_out" ? line["count"].get<int>() : 0;
  EXPECT_EQ(lost, 3);
}

TEST_F(AccessLogTest, GoesOnAtTheEndOfTheFile) {
  for (int i = 0; i < 2; ++i) AccessLog(file_).Write({.event = "opened", .session = "s"});
  EXPECT_EQ(LinesOf(file_).size(), 2u);
}

TEST_F(AccessLogTest, ReopenedItGoesOnInANewFile) {
  const std::filesystem::path moved = directory_.path() / "access.log.1";
  AccessLog log(file_);
  log.Write({.event = "opened", .session = "s1"});
  ASSERT_TRUE(Eventually([&] { return LinesOf(file_).size() == 1; }));
  std::filesystem::rename(file_, moved);
  log.Reopen();
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(file_); }));
  log.Write({.event = "closed", .session = "s1"});
  ASSERT_TRUE(Eventually([&] { return LinesOf(file_).size() == 1; }));
  EXPECT_EQ(LinesOf(file_)[0]["event"], "closed");
  EXPECT_EQ(LinesOf(moved).size(), 1u);
}

TEST_F(AccessLogTest, AFloodOfRefusalsIsCountedAndHidesNoSession) {
  constexpr int kFlood = 20 * AccessLog::kMaxPerSecond;
  {
    AccessLog log(file_);
    for (int i = 0; i < kFlood; ++i) log.Write({.event = "refused", .status = Status::kBusy});
    log.Write({.event = "opened", .session = "s1"});
  }
  int refused = 0, opened = 0;
  std::uint64_t left_out = 0;
  for (const json& line : LinesOf(file_)) {
    refused += line["event"] == "refused";
    opened += line["event"] == "opened";
    if (line["event"] == "left_out") left_out += line["count"].get<std::uint64_t>();
  }
  EXPECT_EQ(opened, 1);
  EXPECT_GT(left_out, 0u);
  EXPECT_EQ(static_cast<std::uint64_t>(refused) + left_out, static_cast<std::uint64_t>(kFlood));
}

TEST_F(AccessLogTest, AFileThatCannotBeWrittenIsRefusedByName) {
  try {
    AccessLog log(directory_.path() / "nowhere" / "access.log");
    FAIL() << "was opened";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("nowhere/access.log"));
  }
}

}  // namespace
}  // namespace hotlap::transport::access_log_test
