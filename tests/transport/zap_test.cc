#include "transport/zap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hotlap::transport {
namespace {

tl::expected<ZapRequest, std::string> Parse(const std::vector<std::string>& frames) {
  std::vector<std::span<const std::byte>> bytes;
  bytes.reserve(frames.size());
  for (const std::string& frame : frames) bytes.push_back(std::as_bytes(std::span(frame)));
  return ParseZapRequest(bytes);
}

const std::string kKey(32, 'k');

TEST(ZapTest, AQuestionAboutAKeyIsRead) {
  const std::vector<std::string> frames = {"1.0", "7", "hotlap", "192.0.2.7", "", "CURVE", kKey};
  const auto request = Parse(frames);
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->id, "7");
  EXPECT_EQ(request->address, "192.0.2.7");
  EXPECT_TRUE(request->is_curve);
  EXPECT_EQ(request->public_key.size(), 32u);
}

TEST(ZapTest, AQuestionWithoutAKeyIsRead) {
  const auto request = Parse({"1.0", "7", "hotlap", "::1", "", "NULL"});
  ASSERT_TRUE(request) << request.error();
  EXPECT_FALSE(request->is_curve);
}

TEST(ZapTest, WhatIsNoQuestionIsRefused) {
  EXPECT_FALSE(Parse({}));
  EXPECT_FALSE(Parse({"1.0", "7", "hotlap", "::1", ""}));
  EXPECT_FALSE(Parse({"2.0", "7", "hotlap", "::1", "", "NULL"}));
  EXPECT_FALSE(Parse({"1.0", "7", "hotlap", "::1", "", "PLAIN", "name", "password"}));
  EXPECT_FALSE(Parse({"1.0", "7", "hotlap", "::1", "", "CURVE"}));
  EXPECT_FALSE(Parse({"1.0", "7", "hotlap", "::1", "", "CURVE", kKey.substr(1)}));
  EXPECT_FALSE(Parse({"1.0", "7", "hotlap", "::1", "", "CURVE", kKey, kKey}));
}

TEST(ZapTest, AnAnswerRepeatsTheIdAndNamesTheUser) {
  const ZapRequest request{.id = "7", .address = {}, .public_key = {}};
  EXPECT_THAT(ZapAnswerFrames(request, {true, "alice"}),
              ::testing::ElementsAre("1.0", "7", "200", "OK", "alice", ""));
  EXPECT_EQ(ZapAnswerFrames(request, {})[2], "400");
}

}  // namespace
}  // namespace hotlap::transport
