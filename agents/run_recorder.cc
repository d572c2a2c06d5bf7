#include "agents/run_recorder.h"

#include <cmath>
#include <utility>

#include "env/action.h"
#include "env/vec3.h"

namespace hotlap::agents {
namespace {

constexpr std::string_view kName = "a recorded run";
// The one that changes what is seen, not what is driven.
constexpr std::string_view kSeenAlone = "observation_noise";

}  // namespace

RunRecorder::RunRecorder(const transport::LearnerEnvironment& environment)
    : ticks_per_step_(environment.spec().ticks_per_step),
      observation_size_(static_cast<std::size_t>(environment.spec().observation_size())),
      race_time_(environment, "race_time"),
      progress_(environment, "progress"),
      valid_(environment, "valid"),
      end_reason_(environment, "end_reason"),
      finish_time_(environment, "finish_time") {
  const EnvironmentSpec& spec = environment.spec();
  if (spec.action.kind == ActionKind::kDiscrete) keys_ = KeysOf(spec.action);
  if (HasColumn(spec, "velocity.x")) {
    for (const char* axis : {"velocity.x", "velocity.y", "velocity.z"}) {
      velocity_.push_back(FindColumn(spec, axis, kName));
    }
  }
  if (HasColumn(spec, "lateral_offset")) lateral_ = FindColumn(spec, "lateral_offset", kName);
  if (HasColumn(spec, "gear")) gear_ = FindColumn(spec, "gear", kName);
  for (const RandomisedParameterSpec& parameter : spec.randomisation) {
    if (parameter.name != kSeenAlone) randomised_.push_back(parameter.name);
  }
}

Run RunRecorder::Begin(std::string track, std::string kind, const transport::ConstBatchView& batch,
                       std::size_t place) const {
  Run run;
  run.track = std::move(track);
  run.kind = std::move(kind);
  run.ticks_per_step = ticks_per_step_;
  run.randomised = randomised_;
  if (batch.truncated[place] != 0) {  // no game: what the batch shows is of an episode before
    End(batch, place, run);
  } else {
    run.points.push_back(PointOf(batch, place));
  }
  return run;
}

void RunRecorder::Add(const ActionView& actions, const transport::ConstBatchView& batch,
                      std::size_t place, Run& run) const {
  const bool has_ended = batch.terminated[place] != 0 || batch.truncated[place] != 0;
  if (has_ended) End(batch, place, run);
  if (run.end_reason == EndReason::kGameLost) return;
  run.inputs.push_back(InputsAt(actions, place));
  run.points.push_back(PointOf(batch, place));
  if (run.finished()) run.points.back().race_time_ms = run.finish_time_ms;
  if (valid_(batch, place) == 0) ++run.invalid_steps;
}

RunPoint RunRecorder::PointOf(const transport::ConstBatchView& batch, std::size_t place) const {
  const auto columns = batch.observations.subspan(place * observation_size_, observation_size_);
  RunPoint point;
  point.race_time_ms = static_cast<std::int32_t>(race_time_(batch, place));
  point.progress_m = static_cast<float>(progress_(batch, place));
  if (lateral_) point.lateral_m = (*lateral_)(columns);
  if (!velocity_.empty()) {
    point.speed_mps =
        Length(Vec3{velocity_[0](columns), velocity_[1](columns), velocity_[2](columns)});
  }
  if (gear_) point.gear = static_cast<int>(std::lround((*gear_)(columns)));
  return point;
}

Inputs RunRecorder::InputsAt(const ActionView& actions, std::size_t place) const {
  if (!keys_.empty()) return keys_.at(static_cast<std::size_t>(actions.discrete[place]));
  return InputsOf(actions.continuous.subspan(2 * place, 2)).value();
}

void RunRecorder::End(const transport::ConstBatchView& batch, std::size_t place, Run& run) const {
  run.end_reason = static_cast<EndReason>(std::lround(end_reason_(batch, place)));
  if (run.finished()) run.finish_time_ms = static_cast<std::int32_t>(finish_time_(batch, place));
}

}  // namespace hotlap::agents
