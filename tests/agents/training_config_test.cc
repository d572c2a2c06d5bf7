#include "agents/training_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

namespace hotlap::agents::training_config_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

TrainingConfig Parse(const std::string& text) { return ParseTrainingConfig(text, "some.yaml"); }

PpoTraining Ppo(const TrainingConfig& config) { return std::get<PpoTraining>(config.learner); }

std::string Error(const std::string& text) {
  try {
    Parse(text);
    return "no error";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

// None of them at its default.
constexpr const char* kEveryKey = R"(
environment: compact
tracks: [a, b]
rows: 3
steps: 4
seed: 5
network: {hidden: [6, 7], activation: relu}
scale_observations: false
ppo:
  rollout_steps: 8
  epochs: 9
  minibatch: 10
  discount: 0.5
  gae_decay: 0.25
  clip: 0.125
  value_clip: 2
  value_weight: 3
  entropy_weight: 4
  max_gradient_norm: 5
  target_kl: 6
  first_learning_rate: 0.75
  last_learning_rate: 0.625
  log_deviation: -2
starts: {at: line, start_share: 0.375, every_m: 30}
trial_steps: 11
)";

constexpr const char* kEveryKeyOfGenerated =
    "generated: {tracks: 2, first_difficulty: 0.25, last_difficulty: 0.75, stages: 3, "
    "finish_rate: 0.5, first_seed: 9}";

TEST(TrainingConfigTest, EveryFileOfTheRepositoryIsGood) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(HOTLAP_SOURCE_DIR "/configs/agents")) {
    EXPECT_NO_THROW(LoadTrainingConfig(entry.path())) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST(TrainingConfigTest, WhatIsNotSaidHasTheDefaultsOfTheStructs) {
  const TrainingConfig config = Parse("tracks: [short_sprint]");
  const TrainingConfig defaults;
  EXPECT_THAT(config.tracks, ElementsAre("short_sprint"));
  EXPECT_FALSE(config.generated);
  EXPECT_EQ(config.environment, defaults.environment);
  EXPECT_EQ(config.rows, defaults.rows);
  EXPECT_EQ(config.steps, defaults.steps);
  EXPECT_EQ(config.seed, defaults.seed);
  EXPECT_EQ(config.network, defaults.network);
  EXPECT_EQ(config.scale_observations, defaults.scale_observations);
  EXPECT_EQ(Ppo(config).ppo.minibatch, PpoSettings().minibatch);
  EXPECT_EQ(Ppo(config).ppo.first_learning_rate, PpoSettings().first_learning_rate);
  EXPECT_EQ(Ppo(config).keep_every_m, 0);
  EXPECT_EQ(Ppo(config).starts, Starts());
  EXPECT_EQ(config.trial_steps, defaults.trial_steps);
}

TEST(TrainingConfigTest, EveryKeyIsRead) {
  const TrainingConfig config = Parse(kEveryKey);
  EXPECT_EQ(config.environment, "compact");
  EXPECT_THAT(config.tracks, ElementsAre("a", "b"));
  EXPECT_EQ(config.rows, 3);
  EXPECT_EQ(config.steps, 4);
  EXPECT_EQ(config.seed, 5u);
  EXPECT_THAT(config.network.hidden, ElementsAre(6, 7));
  EXPECT_EQ(config.network.activation, Activation::kRelu);
  EXPECT_FALSE(config.scale_observations);
  EXPECT_EQ(Ppo(config).ppo.rollout_steps, 8);
  EXPECT_EQ(Ppo(config).ppo.epochs, 9);
  EXPECT_EQ(Ppo(config).ppo.minibatch, 10);
  EXPECT_EQ(Ppo(config).ppo.discount, 0.5f);
  EXPECT_EQ(Ppo(config).ppo.gae_decay, 0.25f);
  EXPECT_EQ(Ppo(config).ppo.clip, 0.125f);
  EXPECT_EQ(Ppo(config).ppo.value_clip, 2);
  EXPECT_EQ(Ppo(config).ppo.value_weight, 3);
  EXPECT_EQ(Ppo(config).ppo.entropy_weight, 4);
  EXPECT_EQ(Ppo(config).ppo.max_gradient_norm, 5);
  EXPECT_EQ(Ppo(config).ppo.target_kl, 6);
  EXPECT_EQ(Ppo(config).ppo.first_learning_rate, 0.75f);
  EXPECT_EQ(Ppo(config).ppo.last_learning_rate, 0.625f);
  EXPECT_EQ(Ppo(config).ppo.log_deviation, -2);
  EXPECT_EQ(Ppo(config).starts.at, StartPlace::kLine);
  EXPECT_EQ(Ppo(config).starts.start_share, 0.375f);
  EXPECT_EQ(Ppo(config).keep_every_m, 30);
  EXPECT_EQ(config.trial_steps, 11);

  const TrainingConfig generated = Parse(kEveryKeyOfGenerated);
  ASSERT_TRUE(generated.generated);
  EXPECT_EQ(generated.generated->tracks, 2);
  EXPECT_EQ(generated.generated->first_difficulty, 0.25f);
  EXPECT_EQ(generated.generated->last_difficulty, 0.75f);
  EXPECT_EQ(generated.generated->stages, 3);
  EXPECT_EQ(generated.generated->finish_rate, 0.5f);
  EXPECT_EQ(generated.generated->first_seed, 9);
}

TEST(TrainingConfigTest, WhatIsWrittenIsReadAsTheSameConfig) {
  for (const char* text :
       {kEveryKey, kEveryKeyOfGenerated, "tracks: [a]", "{tracks: [a], starts: {at: failures}}",
        "{tracks: [a], network: {hidden: []}, ppo: {first_learning_rate: 3.0e-5, clip: 0.1}}",
        "tracks: ['generated:5:0.3', 'null', 'a b # c', '7', 'true', '- x']"}) {
    const TrainingConfig config = Parse(text);
    const std::string yaml = ToYaml(config);
    const TrainingConfig read = Parse(yaml);
    EXPECT_EQ(read.tracks, config.tracks);
    EXPECT_EQ(read.network, config.network);
    EXPECT_EQ(Ppo(read).ppo.first_learning_rate, Ppo(config).ppo.first_learning_rate)
        << "to the last bit";
    EXPECT_EQ(Ppo(read).ppo.clip, Ppo(config).ppo.clip);
    EXPECT_EQ(Ppo(read).starts, Ppo(config).starts);
    EXPECT_EQ(Ppo(read).keep_every_m, Ppo(config).keep_every_m);
    EXPECT_EQ(ToYaml(read), yaml);
  }
}

TEST(TrainingConfigTest, StatesAreKeptWhereEpisodesMayBeginAtThem) {
  EXPECT_EQ(Ppo(Parse("{tracks: [a], starts: {at: failures}}")).keep_every_m, 20);
  EXPECT_EQ(Ppo(Parse("{tracks: [a], starts: {at: start}}")).keep_every_m, 0);
}

TEST(TrainingConfigTest, AnErrorNamesTheFileAndTheKey) {
  const std::string good = "tracks: [a]\n";
  const struct {
    const char *text, *key;
  } kBad[] = {{"row: 3", "row"},
              {"rows: 0", "rows"},
              {"rows: many", "rows"},
              {"steps: 2000000001", "steps"},
              {"seed: -1", "seed"},
              {"environment: [a]", "environment"},
              {"network: {hidden: [0]}", "network.hidden"},
              {"network: {hidden: [8.5]}", "network.hidden"},
              {"network: {hidden: [1, 1, 1, 1, 1, 1, 1, 1, 1]}", "network.hidden"},
              {"network: {hidden: [5000]}", "network.hidden"},
              {"network: {activation: sine}", "network.activation"},
              {"network: {layers: 2}", "network.layers"},
              {"scale_observations: 3", "scale_observations"},
              {"ppo: {rollout_steps: 0}", "ppo.rollout_steps"},
              {"ppo: {epochs: 0}", "ppo.epochs"},
              {"ppo: {minibatch: 0}", "ppo.minibatch"},
              {"ppo: {discount: 1.5}", "ppo.discount"},
              {"ppo: {gae_decay: .nan}", "ppo.gae_decay"},
              {"ppo: {clip: 0}", "ppo.clip"},
              {"ppo: {value_clip: -1}", "ppo.value_clip"},
              {"ppo: {value_weight: -1}", "ppo.value_weight"},
              {"ppo: {entropy_weight: -1}", "ppo.entropy_weight"},
              {"ppo: {max_gradient_norm: .inf}", "ppo.max_gradient_norm"},
              {"ppo: {target_kl: -1}", "ppo.target_kl"},
              {"ppo: {first_learning_rate: 2}", "ppo.first_learning_rate"},
              {"ppo: {last_learning_rate: -1}", "ppo.last_learning_rate"},
              {"ppo: {log_deviation: 3}", "ppo.log_deviation"},
              {"ppo: {lambda: 0.9}", "ppo.lambda"},
              {"starts: {at: somewhere}", "starts.at"},
              {"starts: {start_share: 2}", "starts.start_share"},
              {"starts: {every_m: 0.5}", "starts.every_m"},
              {"trial_steps: 0", "trial_steps"}};
  for (const auto& [text, key] : kBad) {
    EXPECT_THAT(Error(good + text), AllOf(StartsWith("some.yaml"), HasSubstr(key))) << text;
  }
  for (const char* key : {"tracks: 0", "tracks: 513", "first_difficulty: 2", "last_difficulty: -1",
                          "stages: 0", "finish_rate: 1.5", "first_seed: -1", "lengths: 3"}) {
    const std::string name = std::string(key).substr(0, std::string(key).find(':'));
    EXPECT_THAT(Error("generated: {" + std::string(key) + "}"),
                AllOf(StartsWith("some.yaml"), HasSubstr("generated." + name)));
  }
}

TEST(TrainingConfigTest, EitherTracksOrGeneratedOnesAreDriven) {
  EXPECT_THAT(Error("rows: 3"), HasSubstr("one of tracks and generated"));
  EXPECT_THAT(Error("tracks: [a]\ngenerated: {}"), HasSubstr("one of tracks and generated"));
  EXPECT_THAT(Error("tracks: []"), HasSubstr("tracks"));
}

TEST(TrainingConfigTest, ARolloutThatNoMemoryHoldsIsRefused) {
  EXPECT_THAT(Error("{tracks: [a], rows: 65536, ppo: {rollout_steps: 100000}}"),
              HasSubstr("rollout_steps"));
}

TEST(TrainingConfigTest, StagesHaveTracksOfTheirOwnThatGetHarder) {
  const TrainingConfig config = Parse(
      "generated: {tracks: 4, first_difficulty: 0.2, last_difficulty: 0.8, stages: 3, first_seed: "
      "100}");
  EXPECT_EQ(NumStages(config), 3);
  EXPECT_THAT(TracksOf(config, 0), ElementsAre("generated:100:0.025", "generated:101:0.075",
                                               "generated:102:0.125", "generated:103:0.175"));
  EXPECT_THAT(TracksOf(config, 2), ElementsAre("generated:108:0.1", "generated:109:0.3",
                                               "generated:110:0.5", "generated:111:0.7"));
  std::set<std::string> all;
  for (int stage = 0; stage < 3; ++stage) {
    for (const std::string& track : TracksOf(config, stage)) all.insert(track);
  }
  EXPECT_THAT(all, SizeIs(12));
}

TEST(TrainingConfigTest, OneStageIsOfTheLastDifficulty) {
  const TrainingConfig config =
      Parse("generated: {tracks: 1, first_difficulty: 0.2, last_difficulty: 0.8, first_seed: 7}");
  EXPECT_THAT(TracksOf(config, 0), ElementsAre("generated:7:0.4"));
}

TEST(TrainingConfigTest, NamedTracksAreThoseOfEveryStage) {
  const TrainingConfig config = Parse("tracks: [a, b]");
  EXPECT_EQ(NumStages(config), 1);
  EXPECT_THAT(TracksOf(config, 0), ElementsAre("a", "b"));
}

TEST(TrainingConfigTest, EveryTrackWantsARowOfItsOwnWhoeverLearns) {
  for (const std::string learner : {"ppo", "cma_es"}) {
    const std::string begin = "learner: " + learner + "\n";
    EXPECT_THAT(Error(begin + "rows: 1\ntracks: [a, b]"),
                HasSubstr("rows: a training wants a row for each track, 2 at least"));
    EXPECT_THAT(Error(begin + "rows: 15\ngenerated: {tracks: 16}"), HasSubstr("16 at least"));
    EXPECT_EQ(Parse(begin + "rows: 2\ntracks: [a, b]").rows, 2);
  }
}

}  // namespace
}  // namespace hotlap::agents::training_config_test
