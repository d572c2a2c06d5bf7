// Messages between clients, through a server.
#include <memory>
#include <string>
#include <vector>

#include "tests/transport/serving.h"
#include "tests/transport/told.h"

namespace hotlap::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MessagesTest : public ServingTest {
 protected:
  RawReply Post(RawClient& client, const Token& token, std::uint64_t id, const std::string& text) {
    Request request = SessionRequest(Operation::kPostMessage, token, id);
    request.text = text;
    return client.Ask(request);
  }
  RawReply Clear(RawClient& client, const Token& token, std::uint64_t id, const std::string& key) {
    Request request = SessionRequest(Operation::kClearMessages, token, id);
    request.admin_key = key;
    return client.Ask(request);
  }
  Told Messages(RawClient& client, const Token& token, std::uint64_t since = 0) {
    Request request = SessionRequest(Operation::kMessages, token, 0);
    request.since = since;
    return Told(client.Ask(request));
  }
};

TEST_F(MessagesTest, OneClientReadsWhatAnotherHasPostedUnderItsNick) {
  Start();
  RawClient one = Raw(), other = Raw();
  const Token writer = one.Hello(1, "J\xc3\xbcrgen"), reader = other.Hello(2);
  EXPECT_EQ(Post(one, writer, 1, "hello").header.status, Status::kOk);
  EXPECT_EQ(Post(one, writer, 2, "anybody there?").header.status, Status::kOk);
  const Told told = Messages(other, reader);
  EXPECT_THAT(told.Numbers("numbers"), ElementsAre(1, 2));
  EXPECT_THAT(told.Texts("sessions"), ElementsAre("s000001", "s000001"));
  EXPECT_THAT(told.Texts("nicks"), ElementsAre("J\xc3\xbcrgen", "J\xc3\xbcrgen"));
  EXPECT_THAT(told.Texts("texts"), ElementsAre("hello", "anybody there?"));
  EXPECT_GT(told.Numbers("times_ms")[0], 1'000'000'000'000u);
  EXPECT_THAT(Messages(other, reader, 1).Texts("texts"), ElementsAre("anybody there?"));
}

TEST_F(MessagesTest, APostSentTwiceIsPostedOnce) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  EXPECT_EQ(Post(client, token, 1, "once").frames, Post(client, token, 1, "once").frames);
  EXPECT_THAT(Messages(client, token).Texts("texts"), ElementsAre("once"));
}

TEST_F(MessagesTest, TheServerKeepsAsManyAsItIsTold) {
  server_settings.chat_size = 2;
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  for (const std::uint64_t id : {1u, 2u, 3u}) Post(client, token, id, std::to_string(id));
  EXPECT_THAT(Messages(client, token).Texts("texts"), ElementsAre("2", "3"));
}

TEST_F(MessagesTest, WhoPostsTooOftenIsRefusedAndNobodyElse) {
  Start();
  RawClient client = Raw(), other = Raw();
  const Token token = client.Hello(1), modest = other.Hello(2);
  std::uint64_t id = 0;
  for (int i = 0; i < PostAllowance::kAtOnce; ++i) Post(client, token, ++id, "again");
  EXPECT_EQ(Post(client, token, ++id, "again").header.status, Status::kTooOften);
  EXPECT_EQ(Post(other, modest, 1, "once").header.status, Status::kOk);
  clock.Advance(1s);
  EXPECT_EQ(Post(client, token, id, "again").header.status, Status::kTooOften) << "a kept reply";
  EXPECT_EQ(Post(client, token, ++id, "again").header.status, Status::kOk);
}

TEST_F(MessagesTest, OnlyTheAdministratorClearsThem) {
  server_settings.admin_key = "open sesame";
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  Post(client, token, 1, "text");
  std::uint64_t id = 1;
  for (const std::string key : {"", "open", "open sesamE", "open sesame!"}) {
    const RawReply reply = Clear(client, token, ++id, key);
    EXPECT_EQ(reply.header.status, Status::kPermissionDenied);
    EXPECT_THAT(reply.header.error, HasSubstr("'admin_key'"));
  }
  EXPECT_THAT(Messages(client, token).Texts("texts"), ElementsAre("text"));
  EXPECT_EQ(Clear(client, token, ++id, "open sesame").header.status, Status::kOk);
  EXPECT_THAT(Messages(client, token).Texts("texts"), ElementsAre());
  Post(client, token, ++id, "more");
  EXPECT_THAT(Messages(client, token).Numbers("numbers"), ElementsAre(2));
}

TEST_F(MessagesTest, WithoutAKeyOfItsOwnTheServerHasNoAdministrator) {
  Start();
  RawClient client = Raw();
  const Token token = client.Hello(1);
  EXPECT_EQ(Clear(client, token, 1, "").header.status, Status::kPermissionDenied);
}

}  // namespace
}  // namespace hotlap::transport
