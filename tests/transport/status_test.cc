// That every status code is what docs/protocol.md says, and comes from a real server or client.
#include "transport/status.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/transport/serving.h"

namespace hotlap::transport::status_test {
namespace {

constexpr int kLowestCode = -1000;
constexpr int kRows = 4;

using Names = std::map<int, std::string>;

// Each enumerator has a name of its own: the compiler sees to it in StatusName.
Names NamesInCode() {
  Names names;
  for (int code = kLowestCode; code <= 0; ++code) {
    const std::string name = StatusName(static_cast<Status>(code));
    if (name != "unknown") names[code] = name;
  }
  return names;
}

// The rows of the table of status codes.
Names NamesInDocumentation() {
  std::ifstream page(std::string(HOTLAP_SOURCE_DIR) + "/docs/protocol.md");
  const std::string text((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  const std::size_t begin = text.find("\n## Status codes\n");
  if (begin == std::string::npos) return {};
  const std::string section = text.substr(begin, text.find("\n## ", begin + 1) - begin);
  const std::regex row(R"(\n\| (-?[0-9]+) \| `([a-z_]+)` \|)");
  Names names;
  for (std::sregex_iterator it(section.begin(), section.end(), row), end; it != end; ++it) {
    const bool is_new = names.emplace(std::stoi((*it)[1]), (*it)[2]).second;
    EXPECT_TRUE(is_new) << (*it)[1] << " is there twice";
  }
  return names;
}

TEST(StatusTableTest, IsThatOfTheCode) { EXPECT_EQ(NamesInDocumentation(), NamesInCode()); }

class StatusTest;

struct Case {
  Status status;
  const char* text;  // part of what is said
  Refusal (*produce)(StatusTest& test);
};

class StatusTest : public ServingTest, public ::testing::WithParamInterface<Case> {
 public:
  static const std::vector<Case>& Cases();

 protected:
  StatusTest() {
    server_settings.inline_limit_us = 0;
    server_settings.stop_within = kPatience;
    server_settings.sessions.min_timeout = 100ms;
    game_settings.make_simulated = [this, make_gated = game_settings.make_simulated](
                                       const std::vector<SimulatedGame>& settings) {
      if (has_no_cars) throw std::runtime_error("out of cars");
      return make_gated(settings);
    };
  }

  template <typename T>
  static Refusal RefusalOf(const tl::expected<T, Refusal>& result) {
    return result ? Refusal{Status::kOk, {}} : result.error();
  }
  static Refusal RefusalOf(const RawReply& reply) {
    return {reply.header.status, reply.header.error};
  }
  static Deadline Soon() { return DeadlineIn(kPatience); }

  // The answer to an attach that is good but for what `change` does to it.
  template <typename Change>
  Refusal Attach(Change change) {
    RawClient client = Raw();
    Request request = AttachRequest(client.Hello(1), 1, kRows);
    change(request);
    return RefusalOf(client.Ask(request, {""}));
  }
  // The answer to the header of a ping after a change of its bytes.
  template <typename Change>
  Refusal Ping(Change change) {
    std::string frame = EncodeRequest(Request{});
    change(frame);
    RawClient client = Raw();
    client.Send(std::vector<std::string>{frame});
    return RefusalOf(client.Receive().value());
  }
  static Request Step(const Token& token, std::uint64_t id) {
    return SessionRequest(Operation::kStep, token, id);
  }
  // A session with rows that have been reset, and a step under way that the gate holds; its id is
  // 3.
  Token Stepping(RawClient& client) {
    const Token token = client.Hello(1);
    client.Ask(AttachRequest(token, 1, kRows), {""});
    client.Ask(SessionRequest(Operation::kReset, token, 2), {"", "", ""});
    gate->Shut();
    client.Send(Step(token, 3), {kActions, ""});
    gate->AwaitWaiting();
    return token;
  }

  static inline const std::string kActions = Packed(std::vector<std::int32_t>(kRows, 0));
  std::atomic<bool> has_no_cars{false};
};

const std::vector<Case>& StatusTest::Cases() {
  static const std::vector<Case> cases = {
      {Status::kOk, "", [](StatusTest& test) { return RefusalOf(test.Connected()->Ping(Soon())); }},
      {Status::kServerFull, "64 simulated",
       [](StatusTest& test) { return test.Attach([](Request& attach) { attach.rows = 65; }); }},
      {Status::kInvalidPacket, "header",
       [](StatusTest& test) { return test.Ping([](std::string& frame) { frame = "junk"; }); }},
      {Status::kInvalidId, "999",
       [](StatusTest& test) {
         return RefusalOf(
             test.Attached(kRows)->Restore(std::vector<SnapshotId>(kRows, 999), Soon()));
       }},
      {Status::kInvalidKey, "'token'",
       [](StatusTest& test) {
         return RefusalOf(test.Raw().Ask(Step(Token{}, 1), {kActions, ""}));
       }},
      {Status::kAlreadyConnected, "'key'",
       [](StatusTest& test) {
         RawClient client = test.Raw();
         client.Hello(1);
         Request again = HelloRequest(1);
         again.id = 1;
         return RefusalOf(client.Ask(again));
       }},
      {Status::kPermissionDenied, "'admin_key'",
       [](StatusTest& test) {
         return RefusalOf(test.Connected()->ClearMessages("open sesame", Soon()));
       }},
      {Status::kStale, "'id' is 1",
       [](StatusTest& test) {
         RawClient client = test.Raw();
         Request spec = SessionRequest(Operation::kSpec, client.Hello(1), 0);
         spec.environment = "five";
         for (spec.id = 1; spec.id <= 10; ++spec.id) client.Ask(spec);
         spec.id = 1;
         return RefusalOf(client.Ask(spec));
       }},
      {Status::kGap, "'id' is 2",
       [](StatusTest& test) { return test.Attach([](Request& attach) { attach.id = 2; }); }},
      {Status::kBusy, "4 requests",
       [](StatusTest& test) {
         RawClient client = test.Raw();
         const Token token = test.Stepping(client);
         for (std::uint64_t id = 4; id < 7; ++id) client.Send(Step(token, id), {kActions, ""});
         return RefusalOf(client.Ask(Step(token, 7), {kActions, ""}));
       }},
      {Status::kNotAttached, "no rows",
       [](StatusTest& test) { return RefusalOf(test.Connected()->Save({}, Soon())); }},
      {Status::kAlreadyAttached, "its rows",
       [](StatusTest& test) {
         return RefusalOf(test.Attached(1)->Attach(
             {.environment = "five", .rows = 1, .tracks = {"short_sprint"}}, Soon()));
       }},
      {Status::kBadArgument, "colour",
       [](StatusTest& test) {
         return test.Attach([](Request& attach) { attach.info = {"colour"}; });
       }},
      {Status::kWrongVersion, "'v' is 9",
       [](StatusTest& test) { return test.Ping([](std::string& frame) { frame[3] = 9; }); }},
      {Status::kSpecMismatch, "'policy_hash'",
       [](StatusTest& test) {
         return test.Attach([](Request& attach) { attach.policy_hash = 1; });
       }},
      {Status::kUnknownEnvironment, "five, ten",
       [](StatusTest& test) {
         return test.Attach([](Request& attach) { attach.environment = "six"; });
       }},
      {Status::kUnknownTrack, "hairpins",
       [](StatusTest& test) {
         return test.Attach([](Request& attach) { attach.tracks = {"short_sprint", "../../etc"}; });
       }},
      {Status::kUnknownOperation, "'ring'",
       [](StatusTest& test) {
         return test.Ping([](std::string& frame) { frame[frame.find("ping")] = 'r'; });
       }},
      {Status::kShuttingDown, "shutting down",
       [](StatusTest& test) {
         RawClient client = test.Raw();
         const Token token = test.Stepping(client);
         test.server->Stop();
         return RefusalOf(client.Ask(Step(token, 4), {kActions, ""}));
       }},
      {Status::kTooOften, "5 messages",
       [](StatusTest& test) {
         const auto remote = test.Connected();
         for (int i = 0; i < PostAllowance::kAtOnce; ++i) remote->PostMessage("again", Soon());
         return RefusalOf(remote->PostMessage("again", Soon()));
       }},
      {Status::kTimedOut, "nobody",
       [](StatusTest& test) {
         return RefusalOf(RemoteVectorEnvironment::Connect(
             {.endpoint = "ipc://" + (test.directory.path() / "nobody").string()},
             DeadlineIn(20ms)));
       }},
      {Status::kServerLost, "100 ms",
       [](StatusTest& test) {
         const auto remote = RemoteVectorEnvironment::Connect(
             {.endpoint = test.endpoint, .context = &test.context, .timeout = 100ms}, Soon());
         test.Stop();
         return RefusalOf((*remote)->Ping(kNoDeadline));
       }},
      {Status::kUnknownError, "a fault of the server",
       [](StatusTest& test) {
         test.has_no_cars = true;
         return test.Attach([](Request&) {});
       }},
  };
  return cases;
}

TEST_P(StatusTest, IsSaidWithAText) {
  Start();
  const Refusal said = GetParam().produce(*this);
  EXPECT_STREQ(StatusName(said.status), StatusName(GetParam().status)) << said.text;
  EXPECT_EQ(said.text.empty(), said.status == Status::kOk);
  EXPECT_THAT(said.text, ::testing::HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(Each, StatusTest, ::testing::ValuesIn(StatusTest::Cases()),
                         [](const auto& test) { return StatusName(test.param.status); });

TEST(StatusTableTest, HasACaseForEachCode) {
  Names produced;
  for (const Case& one : StatusTest::Cases()) {
    produced[static_cast<int>(one.status)] = StatusName(one.status);
  }
  EXPECT_EQ(produced, NamesInCode());
}

}  // namespace
}  // namespace hotlap::transport::status_test
