#include "transport/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>

#include "tests/test_size.h"
#include "transport/header.h"

namespace hotlap::transport::protocol_test {
namespace {

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

Token TokenOf(int fill) {
  Token token;
  token.fill(static_cast<std::byte>(fill));
  return token;
}

Request SessionRequest(Operation operation) {
  Request request;
  request.operation = operation;
  request.id = 7;
  request.token = TokenOf(3);
  return request;
}

Request AttachRequest() {
  Request request = SessionRequest(Operation::kAttach);
  request.environment = "default";
  request.rows = 16;
  request.tracks = {"oval", "hairpins"};
  request.kind = GameKind::kTMInterface;
  request.autoreset = Autoreset::kSameStep;
  request.observations = ObservationType::kFloat16;
  request.info = {"ticks", "progress"};
  request.wait = std::chrono::milliseconds(600'000);
  request.keep_every_m = 40;
  request.starts = {StartPlace::kFailures, 0.25f};
  request.policy_hash = 0xfedcba9876543210;
  request.task_hash = 5;
  return request;
}

// What DecodeRequest says about a header that is not a good one.
RequestRefusal Refused(const std::string& frame) {
  const auto decoded = DecodeRequest(Bytes(frame));
  EXPECT_FALSE(decoded);
  return decoded ? RequestRefusal{} : decoded.error();
}

HeaderWriter Begin(std::string_view op, std::uint64_t id = 7) {
  HeaderWriter writer;
  writer.Unsigned("v", kProtocolVersion).String("op", op).Unsigned("id", id);
  return writer;
}

void ExpectSame(const Request& a, const Request& b) {
  EXPECT_EQ(a.operation, b.operation);
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.capabilities, b.capabilities);
  EXPECT_EQ(a.nick, b.nick);
  EXPECT_EQ(a.timeout, b.timeout);
  EXPECT_EQ(a.resume, b.resume);
  EXPECT_EQ(a.environment, b.environment);
  EXPECT_EQ(a.policy_hash, b.policy_hash);
  EXPECT_EQ(a.task_hash, b.task_hash);
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.tracks, b.tracks);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.autoreset, b.autoreset);
  EXPECT_EQ(a.info, b.info);
  EXPECT_EQ(a.observations, b.observations);
  EXPECT_EQ(a.wait, b.wait);
  EXPECT_EQ(a.keep_every_m, b.keep_every_m);
  EXPECT_EQ(a.starts, b.starts);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.row, b.row);
  EXPECT_EQ(a.close, b.close);
  EXPECT_EQ(a.round_trip_us, b.round_trip_us);
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.since, b.since);
  EXPECT_EQ(a.level, b.level);
  EXPECT_EQ(a.track, b.track);
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.admin_key, b.admin_key);
  EXPECT_EQ(a.event, b.event);
}

TEST(ProtocolTest, EveryOperationComesBackAsItWasEncoded) {
  std::vector<Request> requests = {AttachRequest()};
  Request hello;
  hello.operation = Operation::kHello;
  hello.key = TokenOf(9);
  hello.environment = "default";
  hello.policy_hash = 1;
  requests.push_back(hello);
  hello.capabilities = {"events", "flying"};
  hello.nick = "Bird of prey #1";
  hello.timeout = std::chrono::milliseconds(2500);
  hello.resume = true;
  requests.push_back(hello);
  Request ping;
  ping.operation = Operation::kPing;
  ping.id = UINT64_MAX;
  requests.push_back(ping);
  ping.token = TokenOf(4);
  ping.round_trip_us = 0;
  requests.push_back(ping);
  for (const Operation operation : {Operation::kSessions, Operation::kInstances}) {
    Request question = SessionRequest(operation);
    question.first = std::uint64_t{1} << 40;
    requests.push_back(question);
  }
  Request logs = SessionRequest(Operation::kLogs);
  logs.since = 1000;
  logs.level = LogLevel::kError;
  requests.push_back(logs);
  Request messages = SessionRequest(Operation::kMessages);
  messages.since = 3;
  requests.push_back(messages);
  Request post = SessionRequest(Operation::kPostMessage);
  post.text = "hello";
  requests.push_back(post);
  Request clear = SessionRequest(Operation::kClearMessages);
  clear.admin_key = "secret";
  requests.push_back(clear);
  Request announce = SessionRequest(Operation::kAnnounce);
  announce.admin_key = "secret";
  announce.text = "hello";
  requests.push_back(announce);
  Request listen = SessionRequest(Operation::kListen);
  listen.round_trip_us = 5;
  requests.push_back(listen);
  Request ack = SessionRequest(Operation::kAck);
  ack.event = 6;
  requests.push_back(ack);
  Request track = SessionRequest(Operation::kTrack);
  track.track = "oval";
  requests.push_back(track);
  Request spec = SessionRequest(Operation::kSpec);
  spec.environment = "compact";
  requests.push_back(spec);
  Request branch = SessionRequest(Operation::kBranch);
  branch.row = 3;
  requests.push_back(branch);
  Request reset = SessionRequest(Operation::kReset);
  reset.starts = {StartPlace::kLine, 0};
  requests.push_back(reset);
  Request recv = SessionRequest(Operation::kRecv);
  recv.count = 16;
  requests.push_back(recv);
  Request detach = SessionRequest(Operation::kDetach);
  detach.close = true;
  requests.push_back(detach);
  for (const Operation operation :
       {Operation::kReset, Operation::kStep, Operation::kSend, Operation::kSave,
        Operation::kRestore, Operation::kExport, Operation::kImport, Operation::kDrop,
        Operation::kPing, Operation::kStates, Operation::kStats}) {
    requests.push_back(SessionRequest(operation));
  }
  for (const Request& request : requests) {
    SCOPED_TRACE(OperationName(request.operation));
    const auto decoded = DecodeRequest(Bytes(EncodeRequest(request)));
    ASSERT_TRUE(decoded) << decoded.error().refusal.text;
    ExpectSame(*decoded, request);
  }
}

TEST(ProtocolTest, TheOperationsOnRowsThoseThatGiveABatchAndThoseNotCountedAreThese) {
  std::vector<std::string> on_rows, giving_batches, not_counted;
  for (int i = 0; i < kNumOperations; ++i) {
    const auto operation = static_cast<Operation>(i);
    EXPECT_LE(NumRequestArrays(operation), static_cast<int>(kMaxRequestArrays));
    if (IsOnRows(operation)) on_rows.emplace_back(OperationName(operation));
    if (GivesBatch(operation)) giving_batches.emplace_back(OperationName(operation));
    if (!IsCounted(operation)) not_counted.emplace_back(OperationName(operation));
  }
  EXPECT_THAT(on_rows,
              ::testing::ElementsAre("reset", "step", "send", "recv", "save", "restore", "branch"));
  EXPECT_THAT(giving_batches, ::testing::ElementsAre("reset", "step", "recv", "restore", "branch"));
  EXPECT_THAT(not_counted,
              ::testing::ElementsAre("hello", "ping", "sessions", "instances", "states", "logs",
                                     "stats", "messages", "listen", "ack"));
}

TEST(ProtocolTest, ANickIsShortPrintableText) {
  const auto hello = [](const std::string& nick) {
    return Begin("hello").Bytes("key", TokenOf(1)).String("nick", nick).Finish();
  };
  EXPECT_TRUE(DecodeRequest(Bytes(hello(std::string(kMaxNickBytes, 'x')))));
  for (const std::string nick : {"a\nb", "\x1b[2J", "\xff"}) {
    EXPECT_THAT(Refused(hello(nick)).refusal.text,
                ::testing::HasSubstr("'nick' must be UTF-8 without control characters"));
  }
  EXPECT_THAT(Refused(hello(std::string(kMaxNickBytes + 1, 'x'))).refusal.text,
              ::testing::HasSubstr("'nick'"));
}

TEST(ProtocolTest, AMessageIsPrintableText) {
  const auto post = [](const std::string& text) {
    return Begin("post_message").Bytes("token", TokenOf(1)).String("text", text).Finish();
  };
  EXPECT_TRUE(DecodeRequest(Bytes(post(std::string(kMaxMessageBytes, 'x')))));
  for (const std::string& text : {std::string(), std::string(kMaxMessageBytes + 1, 'x'),
                                  std::string("two\nlines"), std::string("\xc3")}) {
    EXPECT_THAT(Refused(post(text)).refusal.text, ::testing::HasSubstr("'text'"));
  }
}

TEST(ProtocolTest, ALogLevelIsOneOfFour) {
  const auto refused =
      Refused(Begin("logs").Bytes("token", TokenOf(3)).String("level", "loud").Finish());
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'level' must be one of 'debug' 'info'"));
}

// {"v": 1, "op": "step", "id": 258, "token": 16 bytes}, spelled out so that the wire cannot drift.
TEST(ProtocolTest, AStepHeaderHasTheseBytes) {
  std::string frame("\x84\xa1v\x01\xa2op\xa4step\xa2id\xcd\x01\x02\xa5token\xc4\x10", 26);
  frame += std::string(16, '\x03');
  Request step = SessionRequest(Operation::kStep);
  step.id = 258;
  EXPECT_EQ(EncodeRequest(step), frame);
}

TEST(ProtocolTest, AnyIntegerEncodingIsRead) {
  std::string frame = "\x84\xa1v\xd0\x01\xa2op\xa4step\xa2id\xd3";  // int8 and int64
  frame += std::string("\0\0\0\0\0\0\0\x07", 8);
  frame += "\xa5token\xc4\x10" + std::string(16, '\x03');
  const auto decoded = DecodeRequest(Bytes(frame));
  ASSERT_TRUE(decoded) << decoded.error().refusal.text;
  EXPECT_EQ(decoded->id, 7u);
}

TEST(ProtocolTest, AnUnknownFieldIsRefusedByName) {
  const auto refused =
      Refused(Begin("step").Bytes("token", TokenOf(3)).Bool("fast", true).Finish());
  EXPECT_EQ(refused.id, 7u);
  EXPECT_EQ(refused.refusal.status, Status::kInvalidPacket);
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'fast'"));
}

TEST(ProtocolTest, AFieldOfAnotherOperationIsRefusedByName) {
  const auto refused =
      Refused(Begin("step").Bytes("token", TokenOf(3)).Unsigned("rows", 3).Finish());
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'rows' is not one of 'step'"));
}

TEST(ProtocolTest, AMissingTokenIsRefusedByName) {
  const auto refused = Refused(Begin("step").Finish());
  EXPECT_EQ(refused.refusal.status, Status::kInvalidPacket);
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'token' must be binary of 16 bytes"));
}

TEST(ProtocolTest, AShortTokenIsRefused) {
  const Token token = TokenOf(3);
  const auto refused = Refused(Begin("step").Bytes("token", std::span(token).first(15)).Finish());
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'token'"));
}

TEST(ProtocolTest, AnotherVersionIsRefusedWithTheId) {
  HeaderWriter writer;
  writer.Unsigned("v", 2).String("op", "step").Unsigned("id", 12).Bytes("token", TokenOf(3));
  const auto refused = Refused(writer.Finish());
  EXPECT_EQ(refused.id, 12u);
  EXPECT_EQ(refused.refusal.status, Status::kWrongVersion);
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'v' is 2"));
}

TEST(ProtocolTest, AnUnknownOperationIsRefusedByName) {
  const auto refused = Refused(Begin("fly\n").Finish());
  EXPECT_EQ(refused.refusal.status, Status::kUnknownOperation);
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'fly?'"));
}

TEST(ProtocolTest, ASpecMayBeUncounted) {
  Request spec = SessionRequest(Operation::kSpec);
  spec.environment = "default";
  spec.id = 0;
  EXPECT_TRUE(DecodeRequest(Bytes(EncodeRequest(spec))));
}

TEST(ProtocolTest, IdZeroOfASessionRequestIsAnInvalidId) {
  const auto refused = Refused(Begin("step", 0).Bytes("token", TokenOf(3)).Finish());
  EXPECT_EQ(refused.refusal.status, Status::kInvalidId);
}

TEST(ProtocolTest, RowsOutOfRangeAreRefusedWithTheRange) {
  for (const std::uint64_t rows : {std::uint64_t{0}, std::uint64_t{kMaxRows} + 1, UINT64_MAX}) {
    HeaderWriter writer = Begin("attach");
    const std::vector<std::string> tracks = {"oval"};
    writer.Bytes("token", TokenOf(3)).String("environment", "default");
    const auto refused = Refused(writer.Unsigned("rows", rows).Strings("tracks", tracks).Finish());
    EXPECT_THAT(refused.refusal.text,
                ::testing::HasSubstr("'rows' must be an integer in [1, 65536]"));
  }
}

TEST(ProtocolTest, AnUnknownChoiceIsRefusedWithTheChoices) {
  HeaderWriter writer = Begin("attach");
  const std::vector<std::string> tracks = {"oval"};
  writer.Bytes("token", TokenOf(3)).String("environment", "default").Unsigned("rows", 1);
  writer.Strings("tracks", tracks).String("autoreset", "never");
  EXPECT_THAT(Refused(writer.Finish()).refusal.text,
              ::testing::HasSubstr("'next_step' 'same_step' 'disabled'"));
}

TEST(ProtocolTest, StartsAndMarksOutOfRangeAreRefusedByName) {
  const std::vector<std::string> tracks = {"oval"};
  const auto refused = [&](const std::function<void(HeaderWriter&)>& add) {
    HeaderWriter writer = Begin("attach");
    writer.Bytes("token", TokenOf(3)).String("environment", "default").Unsigned("rows", 1);
    writer.Strings("tracks", tracks);
    add(writer);
    return Refused(writer.Finish()).refusal.text;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float every_m : {0.5f, 10001.0f, -1.0f, nan}) {
    EXPECT_THAT(refused([&](auto& writer) { writer.Float("keep_every_m", every_m); }),
                ::testing::HasSubstr("'keep_every_m' must be a number in [1, 10000]"));
  }
  EXPECT_THAT(refused([](auto& writer) { writer.String("starts", "end"); }),
              ::testing::HasSubstr("'start' 'checkpoints' 'line' 'failures'"));
  EXPECT_THAT(refused([](auto& writer) { writer.Float("start_share", 0.5f); }),
              ::testing::HasSubstr("'starts' must be one of"));
  EXPECT_THAT(
      refused([](auto& writer) { writer.String("starts", "start").Unsigned("start_share", 2); }),
      ::testing::HasSubstr("'start_share' must be a number in [0, 1]"));
}

TEST(ProtocolTest, AttachWithoutTracksIsRefused) {
  HeaderWriter writer = Begin("attach");
  writer.Bytes("token", TokenOf(3)).String("environment", "default").Unsigned("rows", 1);
  writer.Strings("tracks", {});
  EXPECT_THAT(Refused(writer.Finish()).refusal.text, ::testing::HasSubstr("'tracks'"));
}

TEST(ProtocolTest, AFieldGivenTwiceIsRefusedByName) {
  const auto refused = Refused(Begin("ping").Unsigned("id", 9).Finish());
  EXPECT_THAT(refused.refusal.text, ::testing::HasSubstr("'id' is given twice"));
}

TEST(ProtocolTest, BytesAfterTheHeaderAreRefused) {
  EXPECT_THAT(Refused(Begin("ping").Finish() + "x").refusal.text,
              ::testing::HasSubstr("bytes follow"));
}

TEST(ProtocolTest, EveryTruncationOfAHeaderIsRefused) {
  const std::string frame = EncodeRequest(AttachRequest());
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(Refused(frame.substr(0, size)).refusal.status, Status::kInvalidPacket) << size;
  }
}

TEST(ProtocolTest, AHeaderThatIsNoMapIsRefused) {
  for (const std::string& frame :
       {std::string("\x01"), std::string("\xa1x"), std::string("\x91\x01"), std::string("\xc0"),
        std::string("\xc1")}) {
    EXPECT_EQ(Refused(frame).refusal.status, Status::kInvalidPacket);
  }
}

TEST(ProtocolTest, NestedMapsAndListsAreRefusedByName) {
  EXPECT_THAT(Refused("\x81\xa2id\x81\xa1x\x01").refusal.text,
              ::testing::HasSubstr("'id' is a map"));
  EXPECT_THAT(Refused("\x81\xa2id\x91\x91\x01").refusal.text,
              ::testing::HasSubstr("list of lists"));
  EXPECT_THAT(Refused("\x81\x91\x01\x01").refusal.text, ::testing::HasSubstr("not a string"));
}

// Sizes that would allocate gigabytes if they were believed.
TEST(ProtocolTest, ClaimedSizesAreNotBelieved) {
  const std::string key = "\x81\xa6tracks";
  for (const char* claim :
       {"\xdd\xff\xff\xff\xff", "\xdc\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xff",
        "\xc6\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\x01"}) {
    EXPECT_EQ(Refused(key + claim).refusal.status, Status::kInvalidPacket);
  }
  EXPECT_EQ(Refused("\xdf\xff\xff\xff\xff").refusal.status, Status::kInvalidPacket);
  EXPECT_EQ(Refused(std::string(60000, '\x91')).refusal.status, Status::kInvalidPacket);
}

TEST(ProtocolTest, AHeaderLongerThanTheLimitIsRefused) {
  HeaderWriter writer = Begin("spec");
  writer.Bytes("token", TokenOf(3)).String("environment", std::string(kMaxRequestHeaderBytes, 'x'));
  EXPECT_THAT(Refused(writer.Finish()).refusal.text, ::testing::HasSubstr("65536"));
}

TEST(ProtocolTest, RandomBytesNeverPassAndNeverHarm) {
  const unsigned seed = 20240611;
  std::mt19937 random(seed);
  SCOPED_TRACE(seed);
  const std::string good = EncodeRequest(AttachRequest());
  const int count = TestCount(2000, 50000, 1000000);
  for (int i = 0; i < count; ++i) {
    std::string frame;
    if (i % 2 == 0) {
      frame.resize(random() % 200);
      for (char& c : frame) c = static_cast<char>(random());
    } else {
      frame = good;
      for (unsigned flips = random() % 4 + 1; flips > 0; --flips) {
        frame[random() % frame.size()] = static_cast<char>(random());
      }
    }
    const auto decoded = DecodeRequest(Bytes(frame));
    if (i % 2 == 0) {
      EXPECT_FALSE(decoded);
    } else if (!decoded) {
      EXPECT_FALSE(decoded.error().refusal.text.empty());
    }
  }
}

TEST(TokenTest, TokensDiffer) { EXPECT_NE(RandomToken(), RandomToken()); }

TEST(StatusTest, ForeignTextIsMadeShortAndPrintable) {
  EXPECT_EQ(Quoted("a\x01\xff'"),
            "'a?"
            "?''");
  EXPECT_EQ(Quoted(std::string(1000, 'x')).size(), 45u);
}

}  // namespace
}  // namespace hotlap::transport::protocol_test
