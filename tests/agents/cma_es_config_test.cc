// What a training's config may say of the learner cma_es.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agents/training_config.h"

namespace hotlap::agents::cma_es_config_test {
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
  const auto is_ppo = [](const std::string& text) {
    return std::holds_alternative<PpoTraining>(Parse(text).learner);
  };
  EXPECT_TRUE(is_ppo(""));
  EXPECT_TRUE(is_ppo("learner: ppo"));
  EXPECT_FALSE(is_ppo("learner: cma_es"));
}

TEST(CmaEsConfigTest, ReadsTheSearch) {
  const TrainingConfig config = Parse(
      "learner: cma_es\ncma_es: {population: 24, first_deviation: 0.25, episodes: 3}\n"
      "scale_observations: false");
  const auto search = std::get<CmaEsTraining>(config.learner);
  EXPECT_EQ(search.search, (CmaEsSettings{.population = 24, .first_deviation = 0.25f}));
  EXPECT_EQ(search.episodes, 3);
  const std::string yaml = ToYaml(config);
  EXPECT_THAT(yaml, HasSubstr("episodes: 3"));
  EXPECT_EQ(ToYaml(ParseTrainingConfig(yaml, "written")), yaml);
  EXPECT_FALSE(config.scale_observations);
  const auto defaults = std::get<CmaEsTraining>(Parse("learner: cma_es").learner);
  EXPECT_EQ(defaults.search, CmaEsSettings{});
  EXPECT_EQ(defaults.episodes, 1);
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
}  // namespace hotlap::agents::cma_es_config_test
