// The target of weights files: what somebody trained and passed on is read, and acted by.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "agents/mlp_policy.h"
#include "agents/weights_file.h"
#include "agents/whole_file.h"
#include "tests/agents/driving_spec.h"
#include "tests/fuzz/fuzz_target.h"

namespace hotlap::fuzz {
namespace {

EnvironmentSpec Spec() { return agents::DrivingSpec(agents::KeyActions(), 2); }

}  // namespace

void RunWeights(std::span<const std::byte> input) {
  static const EnvironmentSpec spec = Spec();
  const std::string path = WriteInput(input);
  try {
    const agents::WeightsFile file = agents::ReadWeights(path, spec);
    Require(std::ranges::all_of(file.weights.parameters, [](float x) { return std::isfinite(x); }),
            "what is read is finite");
    agents::MlpPolicy policy(agents::ActorCritic(spec, file.network), file.weights);
    agents::ActionBuffer actions(spec.action, 2);
    policy.Act(std::vector<float>(2 * spec.observation.size(), 0.5f), actions);
    for (const std::int32_t action : actions.discrete) {
      Require(action >= 0 && action < spec.action.size(), "an action is one of the set");
    }
  } catch (const std::runtime_error& error) {
    Require(std::string_view(error.what()).starts_with(path), "an error names the file");
  }
}

std::vector<Bytes> WeightsSeeds() {
  std::vector<Bytes> seeds;
  const EnvironmentSpec spec = Spec();
  const std::string path = WriteInput({});
  for (const agents::MlpSettings& network :
       {agents::MlpSettings{.hidden = {}},
        agents::MlpSettings{.hidden = {3, 2}, .activation = agents::Activation::kRelu}}) {
    const agents::ActorCritic shape(spec, network);
    agents::WriteWeights(path, {"coarse", 0, 0, 7, network, shape.Initial(1, 0)}, shape);
    const auto bytes = agents::ReadWholeFile(path, 1 << 20);
    const auto view = std::as_bytes(std::span(bytes));
    seeds.emplace_back(view.begin(), view.end());
  }
  return seeds;
}

}  // namespace hotlap::fuzz
