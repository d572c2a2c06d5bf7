#include "agents/ppo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "tests/agents/drawn.h"
#include "tests/agents/driving_spec.h"
#include "tests/allocation_count.h"

namespace hotlap::agents {
namespace {

EnvironmentSpec SpecOf(int observations, const ActionSpec& action) {
  EnvironmentSpec spec;
  spec.action = action;
  for (int i = 0; i < observations; ++i) {
    spec.observation.push_back({"column" + std::to_string(i), "1", 1, -100, 100});
  }
  return spec;
}

// The numbers of a network's parameters that are no padding: those of actor and critic as they are
// packed, then those of the head.
std::vector<std::size_t> Places(const ActorCritic& network) {
  std::vector<std::size_t> places;
  std::size_t first = 0;
  for (const Mlp* mlp : {&network.actor(), &network.critic()}) {
    std::vector<float> is_real(mlp->num_parameters(), 0);
    mlp->Unpack(std::vector<float>(mlp->num_packed(), 1), is_real);
    for (std::size_t i = 0; i < is_real.size(); ++i) {
      if (is_real[i] != 0) places.push_back(first + i);
    }
    first += mlp->num_parameters();
  }
  const int num_own = network.head().is_discrete() ? 0 : network.head().num_outputs();
  for (int i = 0; i < num_own; ++i) places.push_back(first + static_cast<std::size_t>(i));
  return places;
}

// ---- what another program worked out (tests/agents/data/make_ppo_reference.py)

const nlohmann::json& References() {
  static const nlohmann::json references = [] {
    std::ifstream file(HOTLAP_SOURCE_DIR "/tests/data/ppo/reference.json");
    return nlohmann::json::parse(file).at("cases");
  }();
  return references;
}

std::vector<std::string> ReferenceNames() {
  std::vector<std::string> names;
  for (const nlohmann::json& reference : References()) names.push_back(reference.at("name"));
  return names;
}

class PpoReferenceTest : public ::testing::TestWithParam<std::string> {
 protected:
  static ActionSpec Actions(const nlohmann::json& reference) {
    ActionSpec action = reference.at("kind") == "keys" ? KeyActions() : ContinuousActions();
    action.names.resize(reference.at("num_actions"));
    return action;
  }
  static PpoSettings Settings(const nlohmann::json& from) {
    PpoSettings settings;
    settings.epochs = from.at("epochs");
    settings.minibatch = from.at("minibatch");
    settings.discount = from.at("discount");
    settings.gae_decay = from.at("gae_decay");
    settings.clip = from.at("clip");
    settings.value_clip = from.at("value_clip");
    settings.value_weight = from.at("value_weight");
    settings.entropy_weight = from.at("entropy_weight");
    settings.max_gradient_norm = from.at("max_gradient_norm");
    settings.target_kl = from.at("target_kl");
    return settings;
  }
  Rollout ReadRollout() const {
    Rollout rollout(reference.at("steps"), reference.at("rows"), network.observation_size(),
                    network.head().action_size());
    rollout.observations = reference.at("observations").get<std::vector<float>>();
    rollout.actions = reference.at("actions").get<std::vector<float>>();
    rollout.log_probabilities = reference.at("log_probabilities").get<std::vector<float>>();
    rollout.values = reference.at("values").get<std::vector<float>>();
    rollout.rewards = reference.at("rewards").get<std::vector<float>>();
    // As numbers: it writes all arrays alike.
    const auto ended = reference.at("ended").get<std::vector<float>>();
    rollout.ended.assign(ended.begin(), ended.end());
    rollout.last_values = reference.at("last_values").get<std::vector<float>>();
    return rollout;
  }

  const nlohmann::json& reference = *std::ranges::find(
      References(), GetParam(),
      [](const nlohmann::json& some) { return some.at("name").get<std::string>(); });
  const PpoSettings settings = Settings(reference.at("settings"));
  const ActorCritic network{
      SpecOf(reference.at("num_observations"), Actions(reference)),
      {.hidden = reference.at("hidden").get<std::vector<int>>(),
       .activation = reference.at("activation") == "tanh" ? Activation::kTanh : Activation::kRelu}};
};

TEST_P(PpoReferenceTest, AdvantagesAreThoseOfTheReference) {
  Rollout rollout = ReadRollout();
  EstimateAdvantages(settings.discount, settings.gae_decay, rollout);
  const nlohmann::json& expected = reference.at("expected");
  for (std::size_t i = 0; i < rollout.num_examples(); ++i) {
    EXPECT_NEAR(rollout.advantages[i], expected.at("advantages")[i].get<double>(), 2e-6);
    EXPECT_NEAR(rollout.returns[i], expected.at("returns")[i].get<double>(), 2e-6);
  }
}

TEST_P(PpoReferenceTest, AnUpdateLearnsWhatTheReferenceLearns) {
  Rollout rollout = ReadRollout();
  EstimateAdvantages(settings.discount, settings.gae_decay, rollout);
  PpoState state{{std::vector<float>(network.num_parameters(), 0), ObservationScale()},
                 AdamState(network.num_parameters())};
  state.weights.scale.mean = reference.at("scale_mean").get<std::vector<float>>();
  state.weights.scale.factor = reference.at("scale_factor").get<std::vector<float>>();
  const std::vector<std::size_t> places = Places(network);
  ASSERT_EQ(reference.at("parameters").size(), places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    state.weights.parameters[places[i]] = reference.at("parameters")[i];
  }
  WorkerPool workers(1);
  PpoUpdate update(network, settings, workers);
  const PpoReport report =
      update.Run(rollout, reference.at("learning_rate"), reference.at("seed"), state);

  const nlohmann::json& expected = reference.at("expected");
  EXPECT_EQ(state.adam.steps, expected.at("optimiser_steps").get<std::int64_t>());
  double farthest = 0, moved = 0;
  std::vector<float> without_padding(network.num_parameters(), 0);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto found = static_cast<double>(state.weights.parameters[places[i]]);
    without_padding[places[i]] = state.weights.parameters[places[i]];
    farthest = std::max(farthest, std::abs(found - expected.at("parameters")[i].get<double>()));
    moved = std::max(moved, std::abs(found - reference.at("parameters")[i].get<double>()));
  }
  EXPECT_LT(farthest, 1e-5) << "float32 beside float64";
  EXPECT_GT(moved, 0.02);
  EXPECT_EQ(state.weights.parameters, without_padding) << "padding stays 0";

  const nlohmann::json& told = expected.at("report");
  EXPECT_NEAR(report.policy_loss, told.at("policy_loss").get<double>(), 1e-5);
  EXPECT_NEAR(report.value_loss, told.at("value_loss").get<double>(), 1e-5);
  EXPECT_NEAR(report.entropy, told.at("entropy").get<double>(), 1e-5);
  EXPECT_NEAR(report.kl, told.at("kl").get<double>(), 1e-5);
  EXPECT_NEAR(report.clipped_share, told.at("clipped_share").get<double>(), 1e-9);
  EXPECT_NEAR(report.gradient_norm, told.at("gradient_norm").get<double>(), 1e-4);
  EXPECT_NEAR(report.explained_variance, told.at("explained_variance").get<double>(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(EveryCase, PpoReferenceTest, ::testing::ValuesIn(ReferenceNames()),
                         [](const auto& name) { return name.param; });

// ---- by itself

// A rollout as a network's policy would have gathered it.
Rollout Gathered(const ActorCritic& network, const Weights& weights, int steps, int rows) {
  Rollout rollout(steps, rows, network.observation_size(), network.head().action_size());
  const std::size_t n = rollout.num_examples();
  rollout.observations = Drawn(rollout.observations.size(), 1);
  rollout.rewards = Drawn(n, 2);
  rollout.values = Drawn(n, 3);
  rollout.last_values = Drawn(static_cast<std::size_t>(rows), 4);
  ActorCritic::Memory memory = network.MakeMemory(static_cast<int>(n), false);
  const std::span<const float> all(weights.parameters);
  weights.scale.Apply(rollout.observations, memory.scaled);
  const auto outputs = network.actor().Forward(network.ActorPart(all), memory.scaled.data(),
                                               static_cast<std::size_t>(network.observation_size()),
                                               static_cast<int>(n), memory.actor);
  std::vector<RandomStream> random;
  for (std::size_t i = 0; i < n; ++i) random.emplace_back(5, i, RandomPurpose::kPolicy);
  network.head().Draw(outputs, network.HeadPart(all), static_cast<int>(n), random, memory.head,
                      rollout.actions, rollout.log_probabilities);
  EstimateAdvantages(0.9f, 0.8f, rollout);
  return rollout;
}

class PpoUpdateTest : public ::testing::TestWithParam<ActionSpec> {
 protected:
  // Weights that prefer something, unlike those of the beginning.
  Weights Preferring() const {
    Weights weights = network.Initial(7, -0.4f);
    for (const std::size_t i : Places(network)) weights.parameters[i] += 0.1f;
    return weights;
  }
  const ActorCritic network{SpecOf(5, GetParam()), {.hidden = {9}}};
};

TEST_P(PpoUpdateTest, GradientsOfTheWholeLossAreThoseOfFiniteDifferences) {
  Weights weights = Preferring();
  const Rollout rollout = Gathered(network, weights, 4, 10);
  WorkerPool workers(1);
  PpoUpdate update(network, {.minibatch = 40, .entropy_weight = 0.05f}, workers);
  std::vector<std::uint32_t> examples(30);
  std::iota(examples.begin(), examples.end(), 5u);
  std::vector<float> gradient(network.num_parameters()), ignored(network.num_parameters());
  PpoUpdate::Sums sums;
  update.Differentiate(rollout, examples, weights, gradient, sums);
  constexpr float kStep = 4e-3f;
  for (const std::size_t i : Places(network)) {
    const float middle = weights.parameters[i];
    weights.parameters[i] = middle + kStep;
    const double above = update.Differentiate(rollout, examples, weights, ignored, sums);
    weights.parameters[i] = middle - kStep;
    const double below = update.Differentiate(rollout, examples, weights, ignored, sums);
    weights.parameters[i] = middle;
    ASSERT_NEAR(gradient[i], (above - below) / (2 * static_cast<double>(kStep)), 4e-4) << i;
  }
}

TEST_P(PpoUpdateTest, BitsDoNotDependOnTheNumberOfThreads) {
  const Weights weights = Preferring();
  const Rollout rollout = Gathered(network, weights, 10, 70);
  std::vector<PpoState> states;
  for (const int threads : {1, 2, 3}) {
    WorkerPool workers(threads);
    PpoUpdate update(network, {.epochs = 2, .minibatch = 600}, workers);
    PpoState& state = states.emplace_back(PpoState{weights, AdamState(network.num_parameters())});
    update.Run(rollout, 1e-3f, 3, state);
  }
  EXPECT_EQ(states[1], states[0]);
  EXPECT_EQ(states[2], states[0]);
  EXPECT_NE(states[0].weights, weights);
}

TEST_P(PpoUpdateTest, TheOrderOfTheExamplesIsTheSeeds) {
  const Weights weights = Preferring();
  const Rollout rollout = Gathered(network, weights, 4, 10);
  WorkerPool workers(1);
  PpoUpdate update(network, {.epochs = 2, .minibatch = 16}, workers);
  const auto learnt = [&](std::uint64_t seed) {
    PpoState state{weights, AdamState(network.num_parameters())};
    update.Run(rollout, 1e-3f, seed, state);
    return state;
  };
  EXPECT_EQ(learnt(1), learnt(1));
  EXPECT_NE(learnt(1), learnt(2));
}

TEST_P(PpoUpdateTest, MakesWhatPaidMoreLikely) {
  const Weights weights = Preferring();
  Rollout rollout = Gathered(network, weights, 4, 10);
  WorkerPool workers(1);
  PpoUpdate update(network, {.epochs = 1, .minibatch = 40}, workers);
  std::vector<std::uint32_t> examples(40);
  std::iota(examples.begin(), examples.end(), 0u);
  std::vector<float> gradient(network.num_parameters());
  PpoUpdate::Sums before, after;
  update.Differentiate(rollout, examples, weights, gradient, before);
  PpoState state{weights, AdamState(network.num_parameters())};
  update.Run(rollout, 1e-3f, 1, state);
  update.Differentiate(rollout, examples, state.weights, gradient, after);
  EXPECT_LT(after.policy_loss, before.policy_loss);
  EXPECT_LT(after.value_loss, before.value_loss);
}

TEST_P(PpoUpdateTest, AGradientThatIsNotFiniteChangesNothingAndIsTold) {
  const Weights weights = Preferring();
  Rollout rollout = Gathered(network, weights, 4, 10);
  rollout.returns[7] = std::numeric_limits<float>::infinity();
  WorkerPool workers(1);
  PpoUpdate update(network, {.minibatch = 40}, workers);
  PpoState state{weights, AdamState(network.num_parameters())};
  EXPECT_FALSE(std::isfinite(update.Run(rollout, 1e-3f, 1, state).gradient_norm));
  EXPECT_EQ(state.weights, weights);
}

INSTANTIATE_TEST_SUITE_P(EveryKind, PpoUpdateTest,
                         ::testing::Values(KeyActions(), ContinuousActions()),
                         [](const auto& action) { return action.param.name; });

// Memory is for the examples that there are, which may be far fewer than a minibatch has at most.
TEST(PpoMemoryTest, AMinibatchTakesNoneBeforeItHasExamples) {
  const ActorCritic network(SpecOf(2, KeyActions()), {.hidden = {4}});
  PpoSettings settings;
  settings.minibatch = 1'000'000;
  WorkerPool workers(1);
  const long before = NumAllocations();
  const PpoUpdate update(network, settings, workers);
  EXPECT_LT(NumAllocations() - before, 10);
}

}  // namespace
}  // namespace hotlap::agents
