// Tests drive the tracks and environments of configs/, in this process.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "agents/evaluator.h"
#include "agents/policy.h"
#include "agents/simulated_environment.h"
#include "transport/catalogue.h"

namespace hotlap::agents {

inline transport::Catalogue& PracticeCatalogue() {
  static transport::Catalogue catalogue({HOTLAP_SOURCE_DIR "/configs/environments",
                                         HOTLAP_SOURCE_DIR "/configs/tracks",
                                         HOTLAP_SOURCE_DIR "/configs/vehicles/stadium.yaml"});
  return catalogue;
}

inline EnvironmentConfig PracticeConfig(const std::string& environment) {
  const auto found = PracticeCatalogue().FindEnvironment(environment);
  if (!found) throw std::invalid_argument(found.error().text);
  return (*found)->config;
}

inline const transport::OfferedTrack& PracticeTrack(const std::string& track) {
  const auto found = PracticeCatalogue().FindTrack(track);
  if (!found) throw std::invalid_argument(found.error().text);
  return **found;
}

using PolicyMaker = std::function<std::unique_ptr<Policy>(const EnvironmentSpec&)>;

// Those of an evaluation without a perturbation.
inline std::vector<EpisodeReport> Practice(const EnvironmentConfig& config,
                                           const std::string& track, int episodes, int threads,
                                           const PolicyMaker& make_policy) {
  const auto environment =
      MakeSimulatedEnvironment({.environment = config,
                                .autoreset = Autoreset::kDisabled,
                                .rows = episodes,
                                .threads = threads},
                               PracticeTrack(track), PracticeCatalogue().vehicle());
  const auto policy = make_policy(environment->spec());
  EvaluatorSettings settings;
  settings.tracks = {track};
  settings.starts = DrawStarts(episodes, 1, {}, environment->spec(), policy->is_sampled());
  auto result = DriveEpisodes(*environment, *policy, settings, {});
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(result->episodes);
}

}  // namespace hotlap::agents
