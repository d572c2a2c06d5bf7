// What a training's config may say of the learner cma_es.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agents/training_config.h"

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TrainingConfig Parse(const std::string& text) {
  return ParseTrainingConfig("tracks: [short_sprint]\n" + text, "training.yaml");
}

void ExpectRefused(const std::string& text, const std::string& why) {
  EXPECT_THAT([&] { Parse(text); }, ThrowsMessage<ConfigError>(HasSubstr(why))) << text;
}

TEST(CmaEsConfigTest, LearnerIsPpoUnlessToldOtherwise) {
  EXPECT_EQ(Parse("").learner, LearnerKind::kPpo);
  EXPECT_EQ(Parse("learner: ppo").learner, LearnerKind::kPpo);
  EXPECT_EQ(Parse("learner: cma_es").learner, LearnerKind::kCmaEs);
}

TEST(CmaEsConfigTest, ReadsTheSearch) {
  const TrainingConfig config = Parse(
      "learner: cma_es\ncma_es: {population: 24, first_deviation: 0.25, episodes: 3}\n"
      "scale_observations: false");
  EXPECT_EQ(config.cma_es, (CmaEsSettings{.population = 24, .first_deviation = 0.25f}));
  EXPECT_EQ(config.candidate_episodes, 3);
  EXPECT_FALSE(config.scale_observations);
  const TrainingConfig defaults = Parse("learner: cma_es");
  EXPECT_EQ(defaults.cma_es, CmaEsSettings{});
  EXPECT_EQ(defaults.candidate_episodes, 1);
  EXPECT_EQ(defaults.starts.at, StartPlace::kStart);
  EXPECT_EQ(defaults.keep_every_m, 0);
}

TEST(CmaEsConfigTest, RefusesWhatIsNotOfTheLearner) {
  ExpectRefused("learner: genetic", "training.yaml:2: learner: ");
  ExpectRefused("learner: cma_es\nppo: {clip: 0.1}",
                "training.yaml:3: ppo: it is not of the learner cma_es");
  ExpectRefused("learner: cma_es\nstarts: {at: line}", "starts: it is not of the learner cma_es");
  ExpectRefused("cma_es: {population: 8}", "cma_es: it is not of the learner ppo");
  ExpectRefused("learner: cma_es\ncma_es: {sigma: 1}", "cma_es.sigma");
}

TEST(CmaEsConfigTest, RefusesValuesOutOfRange) {
  for (const std::string value : {"population: 3", "population: 5000", "first_deviation: 0",
                                  "first_deviation: -1", "episodes: 0", "population: many"}) {
    ExpectRefused("learner: cma_es\ncma_es: {" + value + "}",
                  "cma_es." + value.substr(0, value.find(':')));
  }
}

}  // namespace
}  // namespace hotlap::agents
