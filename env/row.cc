#include "env/row.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace hotlap {
namespace {

// Where a game may stand at s(0), around the start of the line.
constexpr float kStartReachM = 30;
// How far along the line a place may move beyond what the car did: on the inside of a bend the line
// goes by faster than the car.
constexpr float kReachPerMetre = 3;
constexpr float kReachM = 4;

// Places in InfoWords; the order of EnvironmentSpec::info.
enum InfoIndex : std::size_t {
  kTicks,
  kRaceTime,
  kProgress,
  kCheckpoint,
  kValid,
  kEndReason,
  kEpisodeLength,
  kEpisodeReturn,
  kFinishTime,
  kFullLap,
  kEpisodeReward,
  kReward = kEpisodeReward + kNumRewardTerms,
};
static_assert(kReward + kNumRewardTerms == kNumInfoColumns);

std::uint32_t Word(std::int32_t value) { return std::bit_cast<std::uint32_t>(value); }
std::uint32_t Word(float value) { return std::bit_cast<std::uint32_t>(value); }

}  // namespace

Row::Row(std::shared_ptr<const Centreline> line, std::uint64_t track_hash, std::uint64_t base_seed,
         const GameState& state)
    : line_(std::move(line)), track_hash_(track_hash), base_seed_(base_seed) {
  if (FinitePhysics(state)) state_ = state;
  record_.place.s_m = line_->start_s_m();
  here_ = line_->At(record_.place.s_m);
}

void Row::Reseed(std::uint64_t base_seed) {
  base_seed_ = base_seed;
  next_episode_ = 0;
}

RandomStream Row::NextStream(std::optional<std::uint64_t> seed, RandomPurpose purpose) const {
  return seed ? RandomStream(*seed, 0, purpose) : RandomStream(base_seed_, next_episode_, purpose);
}

float Row::NextStartOffset(const EnvironmentConfig& config,
                           std::optional<std::uint64_t> seed) const {
  if (config.randomisation.start_offset_m == Range()) return 0;  // in most environments
  return DrawParameters(config.randomisation, seed.value_or(base_seed_), seed ? 0 : next_episode_)
      .start_offset_m;
}

void Row::SearchWithin(float reach_m, LineSearch& search) const {
  const float s = record_.place.s_m;
  const float gate = NextGate(*line_, state_, record_.checkpoints_passed);
  search.line = line_.get();
  search.position_m = state_.position_m;
  search.s_from_m = s - reach_m;
  search.s_to_m = std::min(s + reach_m, gate);
}

void Row::MoveTo(const LineSearch& found) {
  record_.place = found.place;
  record_.place_of_m = found.position_m;
  here_ = found.here;
}

bool Row::Begin(const EnvironmentConfig& config, const GameState& state, const RowRecord* snapshot,
                RowResult& result) {
  if (!FinitePhysics(state)) return false;
  state_ = state;
  has_game_ = true;
  record_ = RowRecord{};
  record_.base_seed = base_seed_;
  record_.episode = next_episode_++;
  parameters_ = DrawParameters(config.randomisation, record_.base_seed, record_.episode);
  record_.phase = RowPhase::kRunning;
  record_.checkpoints_passed = state.checkpoints_passed;
  if (snapshot != nullptr) {
    record_.past_inputs = snapshot->past_inputs;
    record_.place = snapshot->place;
    record_.place_of_m = snapshot->place_of_m;
    here_ = line_->At(record_.place.s_m);
  } else {
    record_.full_lap = 1;
    record_.place.s_m = line_->start_s_m();
    LineSearch start;
    SearchWithin(kStartReachM, start);
    Centreline::Project({&start, 1});
    MoveTo(start);
  }
  record_.episode_start_m = record_.place.s_m;
  record_.best_m = record_.place.s_m;
  result = {};
  FillInfo(0, true, result.info);
  return true;
}

bool Row::Continue(const EnvironmentConfig& config, const GameState& state, const RowRecord& record,
                   RowResult& result) {
  if (!FinitePhysics(state)) return false;
  state_ = state;
  has_game_ = true;
  record_ = record;
  parameters_ = DrawParameters(config.randomisation, record.base_seed, record.episode);
  base_seed_ = record.base_seed;
  next_episode_ = record.episode + 1;
  here_ = line_->At(record_.place.s_m);
  result = {};
  FillInfo(0, true, result.info);
  return true;
}

// With a delay of d ticks and n ticks a step, the first d % n ticks have the inputs of d / n + 1
// steps ago and the others those of d / n steps ago.
void Row::Drive(const EnvironmentConfig& config, const Inputs& inputs, Command& command) const {
  const int n = config.ticks_per_step;
  int delay = parameters_.input_delay_ticks;
  std::size_t steps = 0;
  for (; delay >= n; delay -= n) ++steps;  // mostly at once; a division takes longer
  command.ticks = n;
  command.inputs = steps == 0 ? inputs : record_.past_inputs[steps - 1];
  command.earlier = record_.past_inputs[steps];
  command.earlier_ticks = delay;
  command.vehicle = parameters_.vehicle;
}

bool Row::Advance(const GameState& state, const Inputs& inputs, const Completion& completion,
                  LineSearch& search) {
  if (!FinitePhysics(state)) return false;
  state_ = state;
  ++record_.steps;
  std::shift_right(record_.past_inputs.begin(), record_.past_inputs.end(), 1);
  record_.past_inputs[0] = inputs;
  record_.checkpoints_passed =
      completion.finished ? state.checkpoints_target : state.checkpoints_passed;
  SearchWithin(kReachM + kReachPerMetre * Length(state.position_m - record_.place_of_m), search);
  return true;
}

void Row::FinishAdvance(const EnvironmentConfig& config, const Completion& completion,
                        const LineSearch& found, RowResult& result) {
  StepOutcome outcome;
  outcome.ticks = completion.ticks;
  outcome.finished = completion.finished;
  std::int32_t finish_time_ms = 0;
  for (const RaceEvent& event : completion.events) {
    if (event.kind == RaceEventKind::kCheckpoint) ++outcome.checkpoints;
    if (event.kind == RaceEventKind::kFinish) finish_time_ms = event.race_time_ms;
  }
  const float before_m = record_.place.s_m;
  MoveTo(found);
  outcome.progress_m = record_.place.s_m - before_m;

  const Verdict verdict =
      Judge(config.rules, completion.finished, completion.ticks, View(), record_);
  outcome.failed = verdict.failed;
  const RewardByTerm rewards = Rewards(config.reward, outcome, View());

  result = {};
  for (std::size_t i = 0; i < kNumRewardTerms; ++i) {
    result.reward += rewards[i];
    record_.reward_sums[i] += static_cast<double>(rewards[i]);
  }
  result.terminated = verdict.terminated;
  result.truncated = verdict.truncated;
  result.failed = verdict.failed;
  FillInfo(completion.ticks, !completion.inputs_missed, result.info);
  for (std::size_t i = 0; i < kNumRewardTerms; ++i) result.info[kReward + i] = Word(rewards[i]);
  if (verdict.reason != EndReason::kNone) {
    record_.phase = RowPhase::kEnded;
    AddEnd(verdict.reason, result.info);
    result.info[kFinishTime] = Word(finish_time_ms);
    result.info[kFullLap] = Word(completion.finished ? record_.full_lap : 0);
  }
}

void Row::Lose(bool in_step, RowResult& result) {
  if (in_step) {
    ++record_.steps;
  } else {  // an episode that did not begin has no length and no return
    record_.steps = 0;
    record_.reward_sums = {};
  }
  has_game_ = false;
  record_.phase = RowPhase::kEnded;
  result = {};
  result.truncated = true;
  FillInfo(0, false, result.info);
  AddEnd(EndReason::kGameLost, result.info);
}

void Row::WriteObservation(const Observer& observer, std::span<float> out) const {
  observer.Write(View(), out);
  if (parameters_.observation_noise > 0) {
    observer.AddNoise(parameters_.observation_noise, record_, out);
  }
}

void Row::FillInfo(int ticks, bool valid, InfoWords& info) const {
  info[kTicks] = Word(ticks);
  info[kRaceTime] = Word(state_.race_time_ms);
  info[kProgress] = Word(record_.place.s_m - record_.episode_start_m);
  info[kCheckpoint] = Word(record_.checkpoints_passed);
  info[kValid] = Word(valid ? 1 : 0);
}

void Row::AddEnd(EndReason reason, InfoWords& info) const {
  double sum = 0;
  for (std::size_t i = 0; i < kNumRewardTerms; ++i) {
    sum += record_.reward_sums[i];
    info[kEpisodeReward + i] = Word(static_cast<float>(record_.reward_sums[i]));
  }
  info[kEndReason] = Word(static_cast<std::int32_t>(reason));
  info[kEpisodeLength] = Word(record_.steps);
  info[kEpisodeReturn] = Word(static_cast<float>(sum));
}

}  // namespace hotlap
