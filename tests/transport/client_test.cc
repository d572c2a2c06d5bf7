#include "transport/client.h"

#include <sys/wait.h>
#include <unistd.h>

#include "env/vector_loops.h"
#include "tests/allocation_count.h"
#include "tests/test_size.h"
#include "tests/transport/serving.h"

namespace hotlap::transport::client_test {
namespace {

constexpr int kRows = 9;  // more than a block

class ClientTest : public ServingTest {};

class EveryEndpointTest : public ServingTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void StartAtEndpoint() {
    const std::string scheme = GetParam();
    server_settings.endpoints = {scheme == "tcp"   ? "tcp://127.0.0.1:*"
                                 : scheme == "ipc" ? "ipc://" + (directory.path() / "s").string()
                                                   : "inproc://server"};
    Start();
  }
};

INSTANTIATE_TEST_SUITE_P(Endpoints, EveryEndpointTest, ::testing::Values("inproc", "ipc", "tcp"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(EveryEndpointTest, GivesTheBitsOfTheEnvironmentInProcess) {
  StartAtEndpoint();
  const int steps = TestCount(60, 400, 4000);
  for (const Autoreset autoreset :
       {Autoreset::kNextStep, Autoreset::kSameStep, Autoreset::kDisabled}) {
    SCOPED_TRACE(AutoresetName(autoreset));
    const auto local = Local(kRows, autoreset);
    const auto remote = Attached(kRows, autoreset);
    const auto expected = Race(*local, steps), got = Race(*remote, steps);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], expected[i]) << "step " << i;
  }
}

// What the window keeps, what is in flight, and what the client reads.
TEST_P(EveryEndpointTest, AFullWindowOfStepsIsWrittenIntoAFewBuffers) {
  server_settings.inline_limit_us = 0;
  StartAtEndpoint();
  const auto remote = Attached(64);
  Race(*remote, 2);
  const int window = remote->hello().window;
  const std::vector<std::int32_t> actions(64, 0);
  const auto send = [&] {
    ASSERT_TRUE(
        remote->SendStep({}, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience)));
  };
  const long before = NumAlignedAllocations();
  for (int i = 0; i < window; ++i) send();
  for (int i = 0; i < TestCount(100, 1000, 10000); ++i) {
    ASSERT_TRUE(remote->ReceiveStep(DeadlineIn(kPatience)));
    send();
  }
  EXPECT_LE(NumAlignedAllocations() - before, 2 * window + 1);
}

TEST_P(EveryEndpointTest, RestoredRowsGoOnBitForBit) {
  StartAtEndpoint();
  const auto remote = Attached(kRows);
  Race(*remote, 20);
  const auto ids = remote->Save({}, DeadlineIn(kPatience));
  ASSERT_TRUE(ids) << ids.error().text;
  const auto expected = Drive(*remote, 20, 30);
  const auto restored = remote->Restore(*ids, DeadlineIn(kPatience));
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_EQ(Drive(*remote, 20, 30), expected);
}

// Each float of a batch to the nearest half and back.
std::vector<float> Halved(std::span<const float> values) {
  std::vector<std::uint16_t> halves(values.size());
  ToHalf(values, halves);
  std::vector<float> floats(values.size());
  FromHalf(halves, floats);
  return floats;
}

TEST_P(EveryEndpointTest, SendsObservationsAsHalvesOnRequestAndAllElseAsEver) {
  StartAtEndpoint();
  const auto whole = Attached(kRows, Autoreset::kSameStep);
  const auto halved = Connected();
  const AttachOptions options{.environment = "five",
                              .rows = kRows,
                              .tracks = {"short_sprint"},
                              .autoreset = Autoreset::kSameStep,
                              .observations = ObservationType::kFloat16};
  ASSERT_TRUE(halved->Attach(options, DeadlineIn(kPatience)));
  ASSERT_TRUE(whole->Reset({}, DeadlineIn(kPatience)));
  ASSERT_TRUE(halved->Reset({}, DeadlineIn(kPatience)));
  std::size_t num_final = 0;
  for (int step = 0; step < 400; ++step) {
    const auto actions = Actions(whole->spec().action, kRows, step);
    const ActionView view{.discrete = actions, .continuous = {}};
    ConstBatchView expected = whole->Step(view, DeadlineIn(kPatience)).value();
    const ConstBatchView got = halved->Step(view, DeadlineIn(kPatience)).value();
    const std::vector<float> observations = Halved(expected.observations),
                             final_observations = Halved(expected.final_observations);
    expected.observations = observations;
    expected.final_observations = final_observations;
    ASSERT_EQ(BytesOf(got), BytesOf(expected)) << "step " << step;
    num_final += got.final_rows.size();
  }
  EXPECT_GT(num_final, 0u);
}

TEST_F(ClientTest, RowsInProcessAreSavedAndRestoredLikeRowsBehindAServer) {
  Start();
  const auto local = Local(3);
  Race(*local, 20);
  const std::vector<std::uint8_t> mask = {1, 0, 1};
  const auto ids = local->Save(mask, DeadlineIn(kPatience));
  ASSERT_TRUE(ids);
  EXPECT_EQ((*ids)[1], 0u);
  Drive(*local, 20, 10);
  const auto restored = local->Restore(*ids, DeadlineIn(kPatience));
  ASSERT_TRUE(restored);
  EXPECT_THAT(restored->status, ::testing::ElementsAre(0, 4, 0));

  const auto remote = Attached(3);
  Race(*remote, 20);
  const auto remote_ids = remote->Save(mask, DeadlineIn(kPatience));
  ASSERT_TRUE(remote_ids);
  Drive(*remote, 20, 10);
  ASSERT_TRUE(remote->Restore(*remote_ids, DeadlineIn(kPatience)));
  EXPECT_EQ(Drive(*remote, 20, 10), Drive(*local, 20, 10));

  const std::vector<SnapshotId> unknown = {0, 99, 0};
  EXPECT_EQ(local->Restore(unknown, DeadlineIn(kPatience)).error().status, Status::kInvalidId);
}

// What both kinds of LearnerEnvironment promise of saved states.
class SavedStatesTest : public ServingTest, public ::testing::WithParamInterface<const char*> {
 protected:
  std::unique_ptr<LearnerEnvironment> Rows(int rows) {
    if (GetParam() == std::string_view("remote")) return Attached(rows);
    return Local(rows);
  }
  static Deadline Soon() { return DeadlineIn(kPatience); }
};

INSTANTIATE_TEST_SUITE_P(LocalAndRemote, SavedStatesTest, ::testing::Values("local", "remote"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(SavedStatesTest, ExportedStatesGoOnBitForBitWhereTheyAreImported) {
  Start();
  const auto here = Rows(kRows), there = Rows(kRows);
  Race(*here, 20);
  const auto ids = here->Save({}, Soon()).value();
  const auto states = here->Export(ids, Soon()).value();
  const auto future = Drive(*here, 20, 30);
  ASSERT_TRUE(here->Drop(ids, Soon()));

  const auto imported = there->Import(states, Soon());
  ASSERT_TRUE(imported) << imported.error().text;
  ASSERT_TRUE(there->Restore(*imported, Soon()));
  EXPECT_EQ(Drive(*there, 20, 30), future);
  EXPECT_EQ(there->Export(*imported, Soon()).value(), states);
}

TEST_P(SavedStatesTest, ADroppedStateIsGoneAndTheOthersAreNot) {
  Start();
  const auto rows = Rows(2);
  Race(*rows, 5);
  const auto ids = rows->Save({}, Soon()).value();
  ASSERT_TRUE(rows->Drop(std::span(ids).first(1), Soon()));
  const auto gone = rows->Export(ids, Soon());
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().status, Status::kInvalidId);
  EXPECT_THAT(gone.error().text,
              ::testing::AllOf(::testing::HasSubstr("'snapshots' has id " + std::to_string(ids[0])),
                               ::testing::HasSubstr("was dropped")));
  EXPECT_TRUE(rows->Export(std::span(ids).subspan(1), Soon()));
  EXPECT_TRUE(rows->Drop(ids, Soon())) << "what is gone already is passed over";
}

TEST_P(SavedStatesTest, ABadStateIsRefusedByItsPlaceAndNoneIsKept) {
  Start();
  const auto rows = Rows(2);
  Race(*rows, 5);
  const auto ids = rows->Save({}, Soon()).value();
  auto states = rows->Export(ids, Soon()).value();
  states[1].pop_back();
  const auto refused = rows->Import(states, Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kBadArgument);
  EXPECT_THAT(refused.error().text, ::testing::AllOf(::testing::HasSubstr("bad state at place 1"),
                                                     ::testing::HasSubstr("must have")));
  states[1].push_back(std::byte{0});
  const auto imported = rows->Import(std::span(states).first(1), Soon()).value();
  EXPECT_EQ(imported[0], ids[1] + 1) << "no id was given in between";
}

TEST_P(SavedStatesTest, ABatchHoldsUntilTheNextOne) {
  Start();
  const auto rows = Rows(3);
  Race(*rows, 5);
  const auto actions = Actions(rows->spec().action, 3, 5);
  const auto batch = rows->Step({.discrete = actions, .continuous = {}}, Soon());
  ASSERT_TRUE(batch);
  const std::string bytes = BytesOf(*batch);
  const auto ids = rows->Save({}, Soon());
  ASSERT_TRUE(ids);
  ASSERT_TRUE(rows->Export(*ids, Soon()));
  EXPECT_EQ(BytesOf(*batch), bytes);
}

TEST_P(SavedStatesTest, BranchGivesTheRowsOfTheMaskTheFutureOfOne) {
  Start();
  const auto rows = Rows(4);
  Race(*rows, 20);
  const std::vector<std::uint8_t> mask = {1, 0, 1, 1};
  const auto branched = rows->Branch(2, mask, Soon());
  ASSERT_TRUE(branched) << branched.error().text;
  EXPECT_THAT(branched->status, ::testing::ElementsAre(0, 4, 0, 0));
  const std::size_t d = branched->observations.size() / 4;
  for (int step = 0; step < 30; ++step) {
    const std::vector<std::int32_t> actions = {step % 5, 0, step % 5, step % 5};
    const auto batch = rows->Step({.discrete = actions, .continuous = {}}, Soon());
    ASSERT_TRUE(batch);
    const auto row = [&](std::size_t r) {
      const auto observation = batch->observations.subspan(r * d, d);
      return std::vector<float>(observation.begin(), observation.end());
    };
    ASSERT_EQ(row(0), row(2));
    ASSERT_EQ(row(3), row(2));
    ASSERT_EQ(batch->rewards[0], batch->rewards[2]);
  }
  EXPECT_EQ(rows->Branch(4, mask, Soon()).error().status, Status::kBadArgument);
}

TEST_F(ClientTest, EpisodesBeginAtKeptStatesAsInProcess) {
  Start();
  const int steps = TestCount(150, 400, 4000);
  for (const Autoreset autoreset : {Autoreset::kNextStep, Autoreset::kSameStep}) {
    const auto remote = Connected();
    const Starts starts{StartPlace::kLine, 0.2f};
    ASSERT_TRUE(remote->Attach({.environment = "five",
                                .rows = kRows,
                                .tracks = {"short_sprint"},
                                .autoreset = autoreset,
                                .keep_every_m = 10,
                                .starts = starts},
                               DeadlineIn(kPatience)));
    LocalVectorEnvironment local(LocalRows(kRows, autoreset, 0, {.every_m = 10}, starts));
    const auto expected = Race(local, steps);
    EXPECT_EQ(Race(*remote, steps), expected);
    EXPECT_NE(Race(*Local(kRows, autoreset), steps), expected);
  }
}

TEST_F(ClientTest, AResetGivesRowsOtherStarts) {
  Start();
  const auto remote = Connected();
  ASSERT_TRUE(remote->Attach({.environment = "five",
                              .rows = 2,
                              .tracks = {"short_sprint"},
                              .info = {"race_time"},
                              .keep_every_m = 5},
                             DeadlineIn(kPatience)));
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  const std::vector<std::int32_t> throttle(2, 0);
  for (int step = 0; step < 60; ++step) {
    ASSERT_TRUE(remote->Step({.discrete = throttle, .continuous = {}}, DeadlineIn(kPatience)));
  }
  const std::vector<std::uint8_t> mask = {0, 1};
  const auto batch =
      remote->Reset({.mask = mask, .starts = Starts{StartPlace::kLine}}, DeadlineIn(kPatience));
  ASSERT_TRUE(batch) << batch.error().text;
  std::int32_t race_time_ms = 0;
  std::memcpy(&race_time_ms, &batch->info[4], sizeof race_time_ms);
  EXPECT_GT(race_time_ms, 0);
}

TEST_P(SavedStatesTest, StartsAtStatesThatNobodyKeepsAreRefused) {
  Start();
  const auto rows = Rows(2);
  const auto refused = rows->Reset({.starts = Starts{StartPlace::kFailures}}, Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kBadArgument);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("'starts'"));
  EXPECT_TRUE(rows->Reset({.starts = Starts{}}, Soon()));
}

TEST_F(ClientTest, LearnsTheSpecOfAnEnvironment) {
  Start();
  const auto remote = Connected();
  EXPECT_EQ(remote->hello().environments, (std::vector<std::string>{"five", "ten"}));
  EXPECT_THAT(remote->hello().tracks, ::testing::Contains("short_sprint"));
  const auto spec = remote->Spec("ten", DeadlineIn(kPatience));
  ASSERT_TRUE(spec) << spec.error().text;
  const EnvironmentSpec& offered = catalogue->FindEnvironment("ten").value()->spec;
  EXPECT_EQ(spec->ticks_per_step, 10);
  EXPECT_EQ(spec->policy_hash, offered.policy_hash);
  EXPECT_EQ(spec->task_hash, offered.task_hash);
  EXPECT_EQ(spec->observation_size(), offered.observation_size());
  EXPECT_EQ(spec->action.names, offered.action.names);
  EXPECT_EQ(spec->info.size(), offered.info.size());
}

TEST_F(ClientTest, LaysSettingsOverAnEnvironment) {
  Start();
  const auto remote = Connected();
  const std::string settings = R"({"actions": {"set": "continuous"}, "ticks_per_step": 3})";
  const auto reply = remote->Attach({.environment = "five",
                                     .settings = settings,
                                     .rows = 2,
                                     .tracks = {"short_sprint"},
                                     .info = {"ticks"}},
                                    DeadlineIn(kPatience));
  ASSERT_TRUE(reply) << reply.error().text;
  EXPECT_EQ(reply->settings, settings);
  EXPECT_EQ(remote->spec().ticks_per_step, 3);
  EXPECT_EQ(remote->spec().action.kind, ActionKind::kContinuous);
  EXPECT_EQ(remote->spec().task_hash, catalogue->FindEnvironment("five").value()->spec.task_hash);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  const std::vector<float> actions = {0, 1, 0, 1};
  const auto batch = remote->Step({.discrete = {}, .continuous = actions}, DeadlineIn(kPatience));
  ASSERT_TRUE(batch) << batch.error().text;
  std::int32_t ticks = 0;
  std::memcpy(&ticks, batch->info.data(), sizeof ticks);
  EXPECT_EQ(ticks, 3);
}

TEST_F(ClientTest, IsToldWhatIsWrongWithItsSettings) {
  Start();
  const auto remote = Connected();
  const auto refused = [&](const std::string& settings) {
    const auto spec = remote->Spec("five", DeadlineIn(kPatience), settings);
    if (spec) return std::string("accepted");
    EXPECT_EQ(spec.error().status, Status::kBadArgument);
    return spec.error().text;
  };
  EXPECT_THAT(refused("reward: {progress: fast}"), ::testing::HasSubstr("reward.progress"));
  Request uncounted = SessionRequest(Operation::kSpec, remote->hello().token, 0);
  uncounted.environment = "five";
  uncounted.settings = "ticks_per_step: 3";
  RawClient raw = Raw();
  EXPECT_EQ(raw.Ask(uncounted).header.status, Status::kBadArgument);
  EXPECT_THAT(refused("speed: 3"), ::testing::HasSubstr("speed"));
  EXPECT_THAT(refused("[[[["), ::testing::HasSubstr("'settings'"));
  EXPECT_THAT(
      refused("observation: [{term: ahead, points: 256, with: [half_widths, normal, surface]}]"),
      ::testing::HasSubstr("columns"));
}

TEST_F(ClientTest, DrivesGeneratedTracks) {
  Start();
  const auto remote = Connected();
  const auto attach = [&](const std::string& track) {
    return remote->Attach({.environment = "five", .rows = 2, .tracks = {track, "short_sprint"}},
                          DeadlineIn(kPatience));
  };
  const auto refused = attach("generated:1:2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kUnknownTrack);
  ASSERT_TRUE(attach("generated:1:0.3"));
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  Race(*remote, 5);
}

TEST_F(ClientTest, AnotherPolicyIsRefusedAtTheHandshake) {
  Start();
  const auto remote = RemoteVectorEnvironment::Connect(
      {.endpoint = endpoint, .context = &context, .environment = "five", .policy_hash = 1},
      DeadlineIn(kPatience));
  ASSERT_FALSE(remote);
  EXPECT_EQ(remote.error().status, Status::kSpecMismatch);
}

TEST_F(ClientTest, AnotherTaskIsAWarning) {
  Start();
  const auto remote = RemoteVectorEnvironment::Connect(
      {.endpoint = endpoint, .context = &context, .environment = "five", .task_hash = 1},
      DeadlineIn(kPatience));
  ASSERT_TRUE(remote);
  EXPECT_THAT((*remote)->hello().warning, ::testing::HasSubstr("'task_hash' is 1"));
}

TEST_F(ClientTest, AMaskedResetServesItsRowsAlone) {
  Start();
  const auto remote = Attached(3);
  Race(*remote, 5);
  const std::vector<std::uint8_t> mask = {0, 1, 0};
  const auto batch = remote->Reset({.mask = mask}, DeadlineIn(kPatience));
  ASSERT_TRUE(batch);
  EXPECT_THAT(batch->status, ::testing::ElementsAre(4, 0, 4));
  const std::size_t d = batch->observations.size() / 3;
  EXPECT_THAT(batch->observations.first(d), ::testing::Each(0.0f));
  EXPECT_THAT(batch->observations.subspan(d, d), ::testing::Contains(::testing::Ne(0.0f)));
}

TEST_F(ClientTest, AResetToASnapshotBeginsThere) {
  Start();
  const auto remote = Attached(2);
  Race(*remote, 30);
  const auto ids = remote->Save({}, DeadlineIn(kPatience));
  ASSERT_TRUE(ids);
  const auto there = remote->Restore(*ids, DeadlineIn(kPatience));
  ASSERT_TRUE(there);
  const std::vector<float> observations(there->observations.begin(), there->observations.end());
  const auto batch = remote->Reset({.snapshots = *ids}, DeadlineIn(kPatience));
  ASSERT_TRUE(batch);
  EXPECT_THAT(batch->status, ::testing::Each(0));
  EXPECT_THAT(batch->observations.first(10),
              ::testing::ElementsAreArray(std::span(observations).first(10)));
}

TEST_F(ClientTest, ExportedBytesAreThoseOfTheEnvironment) {
  Start();
  const auto remote = Attached(2);
  const auto rows = LocalRows(2, Autoreset::kNextStep);
  BatchBuffer batch(*rows);
  rows->Reset({}, batch.view());
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  const std::vector<std::uint8_t> mask = {0, 1};
  const auto ids = remote->Save(mask, DeadlineIn(kPatience)).value();
  const auto states = remote->Export(ids, DeadlineIn(kPatience));
  ASSERT_TRUE(states) << states.error().text;
  EXPECT_TRUE((*states)[0].empty());
  EXPECT_EQ((*states)[1], rows->Save(1));
}

TEST_F(ClientTest, WhatTheServerWouldNotReadIsRefusedHere) {
  server_settings.max_rows = 16;
  server_settings.transfer_bytes = 1000;
  Start();
  const auto remote = Attached(2);
  const std::vector<std::vector<std::byte>> states(70, std::vector<std::byte>(1000));
  const auto refused = remote->Import(states, DeadlineIn(kPatience));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::kBadArgument);
  EXPECT_THAT(refused.error().text, ::testing::HasSubstr("the server takes at most 66560"));
  EXPECT_TRUE(remote->Reset({}, DeadlineIn(kPatience))) << "the session goes on";
}

TEST_F(ClientTest, SeedsOfTheClientReachTheirRows) {
  Start();
  const auto saved = [&](std::vector<std::uint64_t> seeds) {
    const auto remote = Connected();
    const AttachOptions options{
        .environment = "five", .rows = 2, .tracks = {"short_sprint"}, .seeds = std::move(seeds)};
    EXPECT_TRUE(remote->Attach(options, DeadlineIn(kPatience)));
    EXPECT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
    const auto ids = remote->Save({}, DeadlineIn(kPatience)).value();
    return remote->Export(ids, DeadlineIn(kPatience)).value();
  };
  const auto rows = LocalRows(2, Autoreset::kNextStep, 7);
  BatchBuffer batch(*rows);
  rows->Reset({}, batch.view());
  EXPECT_EQ(saved({7, 8}), (std::vector{rows->Save(0), rows->Save(1)}));
  EXPECT_NE(saved({7, 9})[1], rows->Save(1));
  EXPECT_NE(saved({})[0], rows->Save(0));
}

TEST_F(ClientTest, TwoSessionsSideBySideDoNotTouchEachOther) {
  Start();
  const int steps = TestCount(50, 300, 3000);
  const auto alone = Race(*Attached(kRows), steps);
  std::vector<std::string> batches[2];
  std::vector<std::thread> learners;
  for (auto& mine : batches) {
    learners.emplace_back([&] { mine = Race(*Attached(kRows), steps); });
  }
  for (std::thread& learner : learners) learner.join();
  EXPECT_EQ(batches[0], alone);
  EXPECT_EQ(batches[1], alone);
}

TEST_F(ClientTest, SessionsOfManyRowsSideBySideGetTheBitsOfOneThread) {
  constexpr int kMany = 100;  // enough for several threads to share a step
  server_settings.threads = 3;
  game_settings.simulated = 2 * kMany;
  Start();
  const int steps = TestCount(10, 60, 600);
  const auto alone = Race(*Local(kMany), steps);
  std::vector<std::string> batches[2];
  std::vector<std::thread> learners;
  for (auto& mine : batches) {
    learners.emplace_back([&] { mine = Race(*Attached(kMany), steps); });
  }
  for (std::thread& learner : learners) learner.join();
  EXPECT_EQ(batches[0], alone);
  EXPECT_EQ(batches[1], alone);
}

TEST_F(ClientTest, ACallGivesUpAtItsDeadlineAndResumesLater) {
  server_settings.inline_limit_us = 0;
  Start();
  const auto remote = Attached(2);
  const auto twin = Attached(2);
  ASSERT_EQ(Race(*remote, 3), Race(*twin, 3));
  const std::string expected = Drive(*twin, 3, 1)[0];
  gate->Shut();
  const auto actions = Actions(remote->spec().action, 2, 3);
  const auto late = remote->Step({.discrete = actions, .continuous = {}}, DeadlineIn(20ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().status, Status::kTimedOut);
  gate->Open();
  const auto resumed = remote->Resume(DeadlineIn(kPatience));
  ASSERT_TRUE(resumed) << resumed.error().text;
  EXPECT_EQ(BytesOf(*resumed), expected);
  EXPECT_EQ(Drive(*remote, 4, 3), Drive(*twin, 4, 3));
}

TEST_F(ClientTest, AtOnceOnlyLooks) {
  server_settings.inline_limit_us = 0;
  Start();
  const auto remote = Attached(2);
  Race(*remote, 3);
  gate->Shut();
  const auto actions = Actions(remote->spec().action, 2, 3);
  const auto late = remote->Step({.discrete = actions, .continuous = {}}, kAtOnce);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().status, Status::kTimedOut);
  const auto looked = remote->Resume(kAtOnce);
  ASSERT_FALSE(looked);
  EXPECT_EQ(looked.error().status, Status::kTimedOut);
  gate->Open();
  const auto resumed = remote->Resume(DeadlineIn(kPatience));
  EXPECT_TRUE(resumed) << resumed.error().text;
}

TEST_F(ClientTest, AnUnansweredRequestIsSentAgainAndStepsOnce) {
  server_settings.inline_limit_us = 0;
  Start();
  auto impatient = RemoteVectorEnvironment::Connect(
      {.endpoint = endpoint, .retry_interval = 1ms, .context = &context}, DeadlineIn(kPatience));
  ASSERT_TRUE(impatient);
  const AttachOptions options{.environment = "five", .rows = 2, .tracks = {"short_sprint"}};
  ASSERT_TRUE((*impatient)->Attach(options, DeadlineIn(kPatience)));
  const auto patient = Attached(2);
  ASSERT_EQ(Race(**impatient, 3), Race(*patient, 3));
  const auto expected = Drive(*patient, 3, 5);

  gate->Shut();
  const auto messages = server->counters().messages;
  std::thread opener([&] {
    // The request and two repeats of it, at least.
    EXPECT_TRUE(Eventually([&] { return server->counters().messages >= messages + 20; }));
    gate->Open();
  });
  EXPECT_EQ(Drive(**impatient, 3, 5), expected);
  opener.join();
}

TEST_F(ClientTest, ALearnerThatPausesLongerThanTheTimeoutFindsItsGamesAsTheyWere) {
  server_settings.sessions.timeout = 100ms;  // of the server's clock, which waits for pings here
  Start();
  const auto paused = Attached(kRows);
  const auto steady = Local(kRows);
  ASSERT_EQ(Race(*paused, 10), Race(*steady, 10));
  Raw().Hello(2);  // and nothing more
  EXPECT_TRUE(PassUntilSessionsAre(1, [&] {
    const auto messages = server->counters().messages;
    EXPECT_TRUE(Eventually([&] { return server->counters().messages > messages + 1; }));
  }));
  EXPECT_FALSE(paused->session_is_lost());
  EXPECT_EQ(Drive(*paused, 10, 10), Drive(*steady, 10, 10));
}

TEST_F(ClientTest, AClientThatLeavesGivesItsRowsBackAtOnce) {
  Start();
  Attached(64).reset();
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == 64; }));
  EXPECT_TRUE(Eventually([this] { return server->counters().sessions == 0; }));
}

TEST_F(ClientTest, AClientThatLeavesWithAFullWindowGivesItsRowsBackAtOnce) {
  server_settings.inline_limit_us = 0;
  Start();
  auto remote = Attached(64);
  ASSERT_TRUE(remote->Reset({}, DeadlineIn(kPatience)));
  const Token token = remote->hello().token;
  gate->Shut();
  const std::vector<std::int32_t> actions(64, 0);
  for (int i = 0; i < remote->hello().window; ++i) {
    ASSERT_TRUE(
        remote->SendStep({}, {.discrete = actions, .continuous = {}}, DeadlineIn(kPatience)));
  }
  gate->AwaitWaiting();
  remote.reset();
  RawClient client = Raw();
  EXPECT_TRUE(Eventually([&] {  // the goodbye is there, and the window still full
    const Request step = SessionRequest(Operation::kStep, token, 1'000'000);
    return client.Ask(step, {"", ""}).header.status == Status::kInvalidKey;
  }));
  EXPECT_EQ(games->free_simulated(), 0);
  gate->Open();
  // The server's clock stands still: no session expires.
  EXPECT_TRUE(Eventually([this] { return games->free_simulated() == 64; }));
  EXPECT_TRUE(Eventually([this] { return server->counters().sessions == 0; }));
}

TEST_F(ClientTest, AServerThatIsGoneIsATimeout) {
  Start();
  const auto remote = Attached(2);
  Stop();
  const auto reply = remote->Ping(DeadlineIn(20ms));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().status, Status::kTimedOut);
}

TEST_F(ClientTest, PingMeasuresARoundTrip) {
  Start();
  const auto remote = Connected();
  const auto round_trip = remote->Ping(DeadlineIn(kPatience));
  ASSERT_TRUE(round_trip);
  EXPECT_GT(*round_trip, 0ns);
}

TEST_F(ClientTest, ARefusedAttachLeavesTheSessionAsItWas) {
  Start();
  const auto remote = Connected();
  const AttachOptions good{.environment = "five", .rows = 2, .tracks = {"short_sprint"}};
  const auto refused = [&](const AttachOptions& options, Status status) {
    const auto attached = remote->Attach(options, DeadlineIn(kPatience));
    ASSERT_FALSE(attached);
    EXPECT_EQ(attached.error().status, status) << attached.error().text;
  };
  const std::string too_long(kMaxNameBytes + 1, 'x');
  AttachOptions bad = good;
  bad.environment = too_long;
  refused(bad, Status::kInvalidPacket);
  bad = good;
  bad.tracks = {};
  refused(bad, Status::kInvalidPacket);
  bad.tracks = {too_long};
  refused(bad, Status::kInvalidPacket);
  bad.tracks = {"nowhere"};
  refused(bad, Status::kUnknownTrack);
  bad = good;
  bad.info = {too_long};
  refused(bad, Status::kInvalidPacket);
  bad.info = {"colour"};
  refused(bad, Status::kBadArgument);
  bad = good;
  bad.rows = kMaxRows + 1;
  refused(bad, Status::kInvalidPacket);
  bad.rows = 65;
  refused(bad, Status::kServerFull);
  const auto attached = remote->Attach(good, DeadlineIn(kPatience));
  ASSERT_TRUE(attached) << attached.error().text;
  EXPECT_EQ(Race(*remote, 3), Race(*Local(2), 3));
  refused(good, Status::kAlreadyAttached);
  EXPECT_EQ(Drive(*remote, 3, 3).size(), 3u);
}

// A server for one client that says of a step of two rows: those have ended whose action is not 0,
// and sends the finals of one. What it gives to a recv are the actions of the send, as rows.
class EchoingServer {
 public:
  EchoingServer(zmq::context_t& context, const std::string& endpoint, const EnvironmentSpec& spec)
      : router_(context, zmq::socket_type::router), spec_(spec) {
    router_.set(zmq::sockopt::linger, 0);
    router_.bind(endpoint);
    thread_ = std::thread([this] { Run(); });
  }
  ~EchoingServer() {
    is_over_ = true;
    thread_.join();
  }

 private:
  void Run() {
    while (!is_over_) {
      zmq::pollitem_t item{router_.handle(), 0, ZMQ_POLLIN, 0};
      if (zmq::poll(&item, 1, 5ms) == 0) continue;
      std::vector<std::string> frames;  // identity, header, arrays
      zmq::message_t frame;
      do {
        if (!router_.recv(frame)) return;
        TakeOver(frame);
        frames.push_back(frame.to_string());
      } while (frame.more());
      const Request request = DecodeRequest(std::as_bytes(std::span(frames[1]))).value();
      std::vector<std::string> reply = {frames[0], Header(request)};
      if (request.operation == Operation::kSend || request.operation == Operation::kStep) {
        said_ = frames[2];
      }
      if (request.operation == Operation::kRecv) reply.push_back(said_);
      if (request.operation == Operation::kReset) {  // both games are lost as their episodes begin
        const BatchLayout layout(BatchShape{2, spec_.observation_size(), 1, true});
        std::string& batch = reply.emplace_back(layout.SentBytes(), '\0');
        batch.replace(layout.SentOffset(BatchArray::kTruncated, 0), 2, "\1\1");
        reply.emplace_back();
      }
      if (request.operation == Operation::kStep || request.operation == Operation::kRecv) {
        const BatchLayout layout(BatchShape{2, spec_.observation_size(), 1, true});
        std::string& batch = reply.emplace_back(layout.SentBytes(), '\0');
        for (std::size_t row = 0; row < 2; ++row) {  // the first byte of what was said of it
          batch[layout.SentOffset(BatchArray::kTerminated, 0) + row] = said_[4 * row];
        }
        reply.emplace_back(layout.FinalsBytes(1), '\0');
      }
      for (std::size_t i = 0; i < reply.size(); ++i) {
        zmq::message_t sent(reply[i].data(), reply[i].size());
        HandOver(sent);
        router_.send(sent, i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
      }
    }
  }
  std::string Header(const Request& request) const {
    if (request.operation == Operation::kHello) {
      HelloReply reply;
      reply.session_timeout_ms = 60000;
      reply.window = 1;
      return EncodeReply(request.id, reply);
    }
    if (request.operation == Operation::kSpec) return EncodeReply(request.id, spec_);
    if (request.operation == Operation::kAttach) {
      AttachReply reply;
      reply.rows = 2;
      reply.autoreset = request.autoreset;
      reply.observation_size = spec_.observation_size();
      reply.info = {"ticks"};
      reply.info_types = {InfoType::kInt32};
      return EncodeReply(request.id, reply);
    }
    return EncodeReply({request.id, Status::kOk, {}});
  }

  zmq::socket_t router_;
  const EnvironmentSpec spec_;
  std::string said_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

TEST_F(ClientTest, FinalsOfAnotherNumberOfRowsThanHaveEndedAreRefused) {
  catalogue = std::make_unique<Catalogue>(MakeCatalogue(directory.path()));
  endpoint = "inproc://echoing";
  const EchoingServer echoing(context, endpoint, catalogue->FindEnvironment("five").value()->spec);
  const auto remote = Attached(2, Autoreset::kSameStep);
  const auto step = [&](const std::vector<std::int32_t>& ended) {
    return remote->Step({.discrete = ended, .continuous = {}}, DeadlineIn(kPatience));
  };
  const auto first = step({1, 0});
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_THAT(first->final_rows, ::testing::ElementsAre(0));
  const auto second = step({0, 1});
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_THAT(second->final_rows, ::testing::ElementsAre(1));
  for (const std::vector<std::int32_t>& ended : {std::vector{0, 0}, {1, 1}}) {
    const auto bad = step(ended);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().status, Status::kInvalidPacket);
    EXPECT_THAT(bad.error().text, ::testing::HasSubstr("'finals'"));
  }
}

TEST_F(ClientTest, AGameThatIsLostAsItsEpisodeBeginsHasNoFinals) {
  catalogue = std::make_unique<Catalogue>(MakeCatalogue(directory.path()));
  endpoint = "inproc://echoing";
  const EchoingServer echoing(context, endpoint, catalogue->FindEnvironment("five").value()->spec);
  const auto remote = Attached(2, Autoreset::kSameStep);
  const auto batch = remote->Reset({}, DeadlineIn(kPatience));
  ASSERT_TRUE(batch) << batch.error().text;
  EXPECT_THAT(batch->truncated, ::testing::ElementsAre(1, 1));
  EXPECT_TRUE(batch->final_rows.empty());
}

TEST_F(ClientTest, ReceivedRowsThatAreNotRowsAreRefused) {
  catalogue = std::make_unique<Catalogue>(MakeCatalogue(directory.path()));
  endpoint = "inproc://echoing";
  const EchoingServer echoing(context, endpoint, catalogue->FindEnvironment("five").value()->spec);
  const auto remote = Attached(2, Autoreset::kSameStep);
  const auto receive = [&](const std::vector<std::int32_t>& rows) {
    EXPECT_TRUE(remote->Send({}, {.discrete = rows, .continuous = {}}, DeadlineIn(kPatience)));
    return remote->Recv(2, DeadlineIn(kPatience));
  };
  const auto good = receive({1, 0});
  ASSERT_TRUE(good) << good.error().text;
  EXPECT_THAT(good->rows, ::testing::ElementsAre(1, 0));
  EXPECT_THAT(good->final_rows, ::testing::ElementsAre(1)) << "by its number, not its place";
  for (const std::vector<std::int32_t>& rows :
       {std::vector{0, 0}, {-1, 0}, {0, 2}, {2147483647, 1}}) {
    const auto bad = receive(rows);
    ASSERT_FALSE(bad) << rows[0] << ", " << rows[1];
    EXPECT_EQ(bad.error().status, Status::kInvalidPacket);
    EXPECT_THAT(bad.error().text, ::testing::HasSubstr("'rows'"));
  }
}

TEST_F(ClientTest, WrongSizesAreRefusedBeforeTheyAreSent) {
  Start();
  const auto remote = Attached(2);
  const std::vector<std::int32_t> actions(3);
  const auto step = remote->Step({.discrete = actions, .continuous = {}}, DeadlineIn(kPatience));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().status, Status::kBadArgument);
  EXPECT_THAT(step.error().text, ::testing::HasSubstr("'actions.discrete' has 3 elements"));
}

}  // namespace
}  // namespace hotlap::transport::client_test
