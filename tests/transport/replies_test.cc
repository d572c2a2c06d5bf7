#include "transport/replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transport/header.h"

namespace hotlap::transport::replies_test {
namespace {

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(RepliesTest, AStatusComesBackAsItWasEncoded) {
  const auto reply = DecodeReplyStatus(Bytes(EncodeReply({9, Status::kGap, "field 'id' is 3"})));
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->id, 9u);
  EXPECT_EQ(reply->status, Status::kGap);
  EXPECT_EQ(reply->error, "field 'id' is 3");
}

// {"id": 1, "status": 0}
TEST(RepliesTest, AGoodStepReplyHeaderHasTheseBytes) {
  EXPECT_EQ(EncodeReply({1, Status::kOk, {}}), std::string("\x82\xa2id\x01\xa6status\x00", 13));
}

TEST(RepliesTest, AHelloReplyComesBackAsItWasEncoded) {
  HelloReply hello;
  hello.token.fill(std::byte{5});
  hello.session = "s000001";
  hello.capabilities = {"f16", "resume"};
  hello.session_timeout_ms = 5000;
  hello.message_timeout_ms = 1000;
  hello.lease_grace_ms = 30000;
  hello.last_id = UINT64_MAX;
  hello.window = 4;
  hello.max_rows = 8192;
  hello.max_transfer_bytes = std::size_t{4} << 30;
  hello.environments = {"compact", "default"};
  hello.policy_hashes = {1, UINT64_MAX};
  hello.task_hashes = {3, 4};
  hello.tracks = {"oval"};
  hello.warning = "another task";
  const auto decoded = DecodeHelloReply(Bytes(EncodeReply(0, hello)));
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(decoded->token, hello.token);
  EXPECT_EQ(decoded->session, hello.session);
  EXPECT_EQ(decoded->capabilities, hello.capabilities);
  EXPECT_EQ(decoded->session_timeout_ms, 5000);
  EXPECT_EQ(decoded->message_timeout_ms, 1000);
  EXPECT_EQ(decoded->lease_grace_ms, 30000);
  EXPECT_EQ(decoded->last_id, UINT64_MAX);
  EXPECT_FALSE(decoded->attached);
  EXPECT_EQ(decoded->window, 4);
  EXPECT_EQ(decoded->max_rows, 8192);
  EXPECT_EQ(decoded->max_transfer_bytes, std::size_t{4} << 30);
  EXPECT_EQ(decoded->environments, hello.environments);
  EXPECT_EQ(decoded->policy_hashes, hello.policy_hashes);
  EXPECT_EQ(decoded->task_hashes, hello.task_hashes);
  EXPECT_EQ(decoded->tracks, hello.tracks);
  EXPECT_EQ(decoded->warning, hello.warning);
}

AttachReply SomeRows() {
  AttachReply attach;
  attach.environment = "default";
  attach.settings = "ticks_per_step: 3";
  attach.autoreset = Autoreset::kSameStep;
  attach.observations = ObservationType::kFloat16;
  attach.rows = 12;
  attach.observation_size = 64;
  attach.info = {"ticks", "progress"};
  attach.info_types = {InfoType::kInt32, InfoType::kFloat32};
  attach.policy_hash = 1;
  attach.task_hash = 2;
  attach.kinds = {"simulated", "tminterface"};
  attach.kind_rows = {8, 4};
  return attach;
}

void ExpectSame(const AttachReply& decoded, const AttachReply& attach) {
  EXPECT_EQ(decoded.settings, attach.settings);
  EXPECT_EQ(decoded.environment, attach.environment);
  EXPECT_EQ(decoded.autoreset, attach.autoreset);
  EXPECT_EQ(decoded.observations, attach.observations);
  EXPECT_EQ(decoded.rows, attach.rows);
  EXPECT_EQ(decoded.observation_size, attach.observation_size);
  EXPECT_EQ(decoded.info, attach.info);
  EXPECT_EQ(decoded.info_types, attach.info_types);
  EXPECT_EQ(decoded.policy_hash, attach.policy_hash);
  EXPECT_EQ(decoded.task_hash, attach.task_hash);
  EXPECT_EQ(decoded.kinds, attach.kinds);
  EXPECT_EQ(decoded.kind_rows, attach.kind_rows);
}

TEST(RepliesTest, AnAttachReplyComesBackAsItWasEncoded) {
  const auto decoded = DecodeAttachReply(Bytes(EncodeReply(3, SomeRows())));
  ASSERT_TRUE(decoded) << decoded.error();
  ExpectSame(*decoded, SomeRows());
}

TEST(RepliesTest, AHelloReplyTellsOfTheRowsOfItsSession) {
  HelloReply hello;
  hello.attached = SomeRows();
  const auto decoded = DecodeHelloReply(Bytes(EncodeReply(0, hello)));
  ASSERT_TRUE(decoded) << decoded.error();
  ASSERT_TRUE(decoded->attached);
  ExpectSame(*decoded->attached, SomeRows());
}

EnvironmentSpec SomeSpec() {
  EnvironmentSpec spec;
  spec.ticks_per_step = 5;
  spec.observation = {{"velocity.z", "m/s", 0.02f, -5, 5, true}, {"gear", "1", 0.2f, 0, 1}};
  spec.action = {ActionKind::kContinuous, "continuous", {"steer", "gas"}, {-1, -1}, {1, 1}};
  spec.info = {{"ticks", InfoType::kInt32, "1", false}, {"return", InfoType::kFloat32, "1", true}};
  spec.reward = {{"progress", 0.02f, "m"}};
  spec.rules = {{"fall", true}, {"time_limit", false}};
  spec.randomisation = {{"mass", 0.8f, 1.25f, "1"}, {"input_delay_ticks", 0, 4, "10 ms"}};
  spec.policy_hash = 11;
  spec.task_hash = 12;
  return spec;
}

TEST(RepliesTest, ASpecComesBackAsItWasEncoded) {
  const EnvironmentSpec spec = SomeSpec();
  const auto decoded = DecodeSpecReply(Bytes(EncodeReply(3, spec)));
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(decoded->ticks_per_step, 5);
  EXPECT_EQ(decoded->policy_hash, 11u);
  EXPECT_EQ(decoded->task_hash, 12u);
  ASSERT_EQ(decoded->observation.size(), 2u);
  EXPECT_EQ(decoded->observation[0].name, "velocity.z");
  EXPECT_EQ(decoded->observation[0].unit, "m/s");
  EXPECT_EQ(decoded->observation[0].scale, 0.02f);
  EXPECT_TRUE(decoded->observation[0].is_measured);
  EXPECT_FALSE(decoded->observation[1].is_measured);
  EXPECT_EQ(decoded->observation[1].low, 0);
  EXPECT_EQ(decoded->observation[1].high, 1);
  EXPECT_EQ(decoded->action.kind, ActionKind::kContinuous);
  EXPECT_EQ(decoded->action.name, "continuous");
  EXPECT_EQ(decoded->action.names, spec.action.names);
  EXPECT_EQ(decoded->action.low, spec.action.low);
  EXPECT_EQ(decoded->action.high, spec.action.high);
  ASSERT_EQ(decoded->info.size(), 2u);
  EXPECT_EQ(decoded->info[1].name, "return");
  EXPECT_EQ(decoded->info[1].type, InfoType::kFloat32);
  EXPECT_EQ(decoded->info[0].unit, "1");
  EXPECT_TRUE(decoded->info[1].only_at_end);
  ASSERT_EQ(decoded->reward.size(), 1u);
  EXPECT_EQ(decoded->reward[0].name, "progress");
  EXPECT_EQ(decoded->reward[0].weight, 0.02f);
  EXPECT_EQ(decoded->reward[0].unit, "m");
  ASSERT_EQ(decoded->rules.size(), 2u);
  EXPECT_EQ(decoded->rules[1].name, "time_limit");
  EXPECT_FALSE(decoded->rules[1].terminates);
  ASSERT_EQ(decoded->randomisation.size(), 2u);
  EXPECT_EQ(decoded->randomisation[0].name, "mass");
  EXPECT_EQ(decoded->randomisation[0].low, 0.8f);
  EXPECT_EQ(decoded->randomisation[0].high, 1.25f);
  EXPECT_EQ(decoded->randomisation[1].unit, "10 ms");
}

TEST(RepliesTest, ListsOfDifferentLengthsAreRefusedByName) {
  HeaderWriter writer;
  const std::vector<std::string> two = {"a", "b"}, one = {"m"};
  writer.Unsigned("id", 1).Unsigned("ticks_per_step", 5).Unsigned("policy_hash", 1);
  writer.Unsigned("task_hash", 1).Strings("observation", two).Strings("observation_unit", one);
  const auto decoded = DecodeSpecReply(Bytes(writer.Finish()));
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error(), ::testing::HasSubstr("'observation_unit'"));
}

TEST(RepliesTest, EveryTruncationOfASpecIsRefused) {
  const std::string frame = EncodeReply(3, SomeSpec());
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(DecodeSpecReply(Bytes(frame.substr(0, size)))) << size;
  }
}

}  // namespace
}  // namespace hotlap::transport::replies_test
