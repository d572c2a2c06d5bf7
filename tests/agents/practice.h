// Tests drive the tracks and environments of configs/, in this process.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

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

inline TrackReport Practice(const EnvironmentConfig& config, const std::string& track, int episodes,
                            int threads, const PolicyMaker& make_policy) {
  const auto environment =
      MakeSimulatedEnvironment({.environment = config,
                                .autoreset = Autoreset::kDisabled,
                                .rows = episodes,
                                .threads = threads},
                               PracticeTrack(track), PracticeCatalogue().vehicle());
  const auto policy = make_policy(environment->spec());
  EvaluationSettings settings;
  settings.track = track;
  settings.kinds.assign(static_cast<std::size_t>(episodes), "simulated");
  settings.episodes = episodes;
  const auto reports = Evaluate(*environment, *policy, settings, {});
  if (!reports) throw std::runtime_error(reports.error().text);
  return reports->at(0);
}

}  // namespace hotlap::agents
