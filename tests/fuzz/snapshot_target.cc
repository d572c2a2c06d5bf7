// The target of saved states: what a client imports is restored and driven on.
#include <algorithm>
#include <cmath>
#include <memory>

#include "env/centreline.h"
#include "env/simulated_games.h"
#include "env/vector_environment.h"
#include "tests/env/roads.h"
#include "tests/fuzz/fuzz_target.h"

namespace hotlap::fuzz {
namespace {

constexpr int kStepsFromSnapshot = 4;

std::unique_ptr<VectorEnvironment> MakeRow() {
  static const auto track = sim::Track::Build(StraightRoad(400, 100));
  static const auto line = Centreline::FromTrack(*track);
  std::vector<std::unique_ptr<GameGroup>> groups;
  groups.push_back(MakeSimulatedGames({{track, {}}}));
  return std::make_unique<VectorEnvironment>(VectorEnvironmentConfig{}, std::move(groups),
                                             std::vector<RowConfig>{{line, track->hash(), 1}});
}

void Drive(VectorEnvironment& row, BatchBuffer& batch, int steps) {
  const std::vector<std::int32_t> action = {0};
  for (int step = 0; step < steps; ++step) {
    row.Step(ActionView{.discrete = action, .continuous = {}}, batch.view());
    Require(std::ranges::all_of(batch.observations, [](float x) { return std::isfinite(x); }),
            "what is seen is finite");
    Require(std::isfinite(batch.rewards[0]), "a reward is finite");
  }
}

}  // namespace

void RunSnapshot(std::span<const std::byte> input) {
  static const auto row = MakeRow();
  static BatchBuffer batch(*row);
  const auto good = row->Check(input);
  const auto restored = row->Restore(0, input, batch.view());
  if (!restored) return Require(!restored.error().empty(), "a refusal says why");
  Require(good.has_value(), "what is restored was good");
  Bytes saved;
  Require(row->Save(0, saved), "what was restored can be saved");
  Require(row->Check(saved).has_value(), "what was saved is good");
  Drive(*row, batch, kStepsFromSnapshot);
}

std::vector<Bytes> SnapshotSeeds() {
  const auto row = MakeRow();
  BatchBuffer batch(*row);
  row->Reset({}, batch.view());
  std::vector<Bytes> seeds = {row->Save(0)};
  for (int i = 0; i < 3; ++i) {
    Drive(*row, batch, 20);
    seeds.push_back(row->Save(0));
  }
  return seeds;
}

}  // namespace hotlap::fuzz
