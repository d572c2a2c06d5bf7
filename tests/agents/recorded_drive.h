// Tests record what a policy drives on one row, from the start to the end of its episode.
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "agents/policy.h"
#include "agents/run_recorder.h"
#include "tests/agents/practice.h"

namespace hotlap::agents {

inline Run RecordedDrive(const EnvironmentConfig& config, const std::string& track,
                         const PolicyMaker& make_policy, std::uint64_t seed = 1) {
  const auto environment = MakeSimulatedEnvironment(
      {.environment = config, .autoreset = Autoreset::kDisabled, .rows = 1, .threads = 1},
      PracticeTrack(track), PracticeCatalogue().vehicle());
  const auto policy = make_policy(environment->spec());
  const RunRecorder recorder(*environment);
  ActionBuffer actions(environment->spec().action, 1);
  const auto fine = [](const auto& batch) {
    if (!batch) throw std::runtime_error(batch.error().text);
    return *batch;
  };
  auto batch = fine(environment->Reset({.seeds = {&seed, 1}}, DeadlineIn(std::chrono::seconds(9))));
  policy->BeginEpisode(0, seed);
  Run run = recorder.Begin(track, "simulated", batch, 0);
  while (run.end_reason == EndReason::kNone) {
    policy->Act(batch.observations, actions);
    batch = fine(environment->Step(actions.view(), DeadlineIn(std::chrono::seconds(9))));
    recorder.Add(actions.view(), batch, 0, run);
  }
  return run;
}

// Of a kind of action set, in this environment.
inline EnvironmentConfig PracticeConfig(const std::string& environment, ActionKind actions) {
  EnvironmentConfig config = PracticeConfig(environment);
  config.actions = ActionSet{.kind = actions, .keys = ActionSet::DefaultKeys()};
  return config;
}

}  // namespace hotlap::agents
