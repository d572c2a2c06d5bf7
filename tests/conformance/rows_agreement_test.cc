// Rows over games in process and over games behind mapped buffers tell the same bits: long random
// sequences of steps, masked resets, saves and restores on both at once, in every autoreset mode.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/centreline.h"
#include "env/vector_environment.h"
#include "tests/conformance/games_under_test.h"
#include "tests/test_size.h"

namespace hotlap::rows_agreement_test {
namespace {

const std::vector<std::string> kTracks = {"straight", "ring", "straight"};
constexpr std::size_t kRows = 3;

struct Variant {
  const char* name;
  Autoreset autoreset = Autoreset::kNextStep;
  Starts starts{};
  bool is_randomised = false;  // what every kind of game can apply
};

VectorEnvironmentConfig Config(const Variant& variant) {
  VectorEnvironmentConfig config;
  config.autoreset = variant.autoreset;
  config.archive.every_m = 20;
  config.starts = variant.starts;
  if (variant.is_randomised) {
    config.environment.randomisation.input_delay_ticks = {0, 8};
    config.environment.randomisation.observation_noise = {0, 0.02f};
    config.environment.randomisation.start_offset_m = {-2, 3};
  }
  config.environment.actions.kind = ActionKind::kContinuous;
  // Episodes end in every way.
  config.environment.rules.no_progress_ticks = 150;
  config.environment.rules.off_road_ticks = 30;
  config.environment.rules.time_limit_ticks = 1500;
  for (const InfoColumn& column : MakeSpec(config.environment).info) {
    config.info_columns.push_back(column.name);
  }
  return config;
}

std::vector<RowConfig> RowConfigs() {
  std::vector<RowConfig> rows;
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto track = LoadTestTrack(kTracks[row]);
    rows.push_back({Centreline::FromTrack(*track), track->hash(), 5 + row});
  }
  return rows;
}

class Rows {
 public:
  Rows(const std::string& kind, const Variant& variant)
      : games_(kind, kTracks),
        environment_(Config(variant), Groups(games_.TakeGroup()), RowConfigs()),
        batch_(environment_) {}

  VectorEnvironment& environment() { return environment_; }
  BatchView view() { return batch_.view(); }
  int Step(std::span<const float> actions) {
    num_final_ = environment_.Step({.discrete = {}, .continuous = actions}, view()).num_final;
    return num_final_;
  }
  void Reset(const ResetOptions& options) {
    num_final_ = 0;
    environment_.Reset(options, view());
  }

  // All that the last call told, and only that.
  std::string Told() const {
    std::string told;
    const auto add = [&told](const auto& array, std::size_t count) {
      const auto bytes = std::as_bytes(std::span(array).first(count));
      told.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      told += '|';
    };
    const std::size_t width = batch_.observations.size() / kRows;
    const auto finals = static_cast<std::size_t>(num_final_);
    add(batch_.observations, batch_.observations.size());
    add(batch_.rewards, kRows);
    add(batch_.terminated, kRows);
    add(batch_.truncated, kRows);
    add(batch_.status, kRows);
    add(batch_.info, batch_.info.size());
    add(batch_.final_rows, finals);
    add(batch_.final_observations, finals * width);
    for (std::size_t at = 0; at < batch_.final_info.size(); at += kRows * 4) {
      add(std::span(batch_.final_info).subspan(at), finals * 4);
    }
    return told;
  }
  // The episode has just begun, and not at s(0).
  bool began_at_a_state(std::size_t row) const {
    const bool is_served = batch_.status[row] == static_cast<std::uint8_t>(RowStatus::kOk);
    return is_served && Info("ticks", row) == 0 && Info("race_time", row) > 0;
  }
  bool terminated(std::size_t row) const { return batch_.terminated[row] != 0; }
  bool has_ended(std::size_t row) const { return terminated(row) || batch_.truncated[row] != 0; }

 private:
  static std::vector<std::unique_ptr<GameGroup>> Groups(std::unique_ptr<GameGroup> group) {
    std::vector<std::unique_ptr<GameGroup>> groups;
    groups.push_back(std::move(group));
    return groups;
  }

  std::int32_t Info(std::string_view column, std::size_t row) const {
    const auto columns = environment_.info_columns();
    const auto found = std::ranges::find(columns, column, &InfoColumn::name);
    std::int32_t value = 0;
    std::memcpy(&value,
                &batch_.info[(static_cast<std::size_t>(found - columns.begin()) * kRows + row) * 4],
                sizeof value);
    return value;
  }

  GamesUnderTest games_;
  VectorEnvironment environment_;
  BatchBuffer batch_;
  int num_final_ = 0;
};

class RowsAgreementTest : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    for (const std::string& track : kTracks) tracks_.push_back(LoadTestTrack(track));
  }

  // Mostly along the road to the finish; some rows stand, some leave it.
  void Drive() {
    std::vector<float> actions(kRows * 2);
    for (std::size_t row = 0; row < kRows; ++row) {
      if (dice_.OneIn(150)) mood_[row] = dice_.Below(4);
      const Inputs inputs =
          FollowRoad(*tracks_[row], simulated_.environment().game_state(static_cast<int>(row)));
      actions[2 * row] = static_cast<float>(inputs.steer) / kMaxAnalog;
      actions[2 * row + 1] = inputs.accelerate ? 1.0f : 0.0f;
      if (mood_[row] == 0) actions[2 * row + 1] = 0;
      if (mood_[row] == 1) actions[2 * row] = 0.3f;
    }
    num_final_ += simulated_.Step(actions);
    behind_buffers_.Step(actions);
    if (mode_ == Autoreset::kNextStep) ended_.assign(kRows, 0);
    for (std::size_t row = 0; row < kRows; ++row) {
      if (simulated_.began_at_a_state(row)) ++num_drawn_;
      if (!simulated_.has_ended(row)) continue;
      ++(simulated_.terminated(row) ? num_terminated_ : num_truncated_);
      ended_[row] = 1;
    }
  }

  // Of some rows, each from the start or from a state of its own.
  void ResetSome() {
    std::vector<std::uint8_t> mask(kRows, 1);
    if (mode_ == Autoreset::kDisabled) mask = ended_;
    if (dice_.OneIn(3)) mask[static_cast<std::size_t>(dice_.Below(kRows))] ^= 1;
    std::vector<std::uint64_t> seeds;
    if (dice_.OneIn(2)) seeds = {dice_.Next(), dice_.Next(), dice_.Next()};
    std::vector<std::span<const std::byte>> here, there;
    if (dice_.OneIn(2)) {
      for (std::size_t row = 0; row < kRows; ++row) {
        const bool has_state = !saved_[row].empty() && dice_.OneIn(2);
        here.push_back(has_state ? saved_[row].back().first : std::span<const std::byte>());
        there.push_back(has_state ? saved_[row].back().second : std::span<const std::byte>());
      }
    }
    simulated_.Reset({.mask = mask, .seeds = seeds, .snapshots = here});
    behind_buffers_.Reset({.mask = mask, .seeds = seeds, .snapshots = there});
    for (std::size_t row = 0; row < kRows; ++row) {
      if (mask[row] == 0) continue;
      ended_[row] = 0;
      if (here.empty() && simulated_.began_at_a_state(row)) ++num_drawn_;
    }
  }

  void Save() {
    const int row = dice_.Below(kRows);
    auto& states = saved_[static_cast<std::size_t>(row)];
    states.emplace_back(simulated_.environment().Save(row),
                        behind_buffers_.environment().Save(row));
    ASSERT_EQ(states.back().first.empty(), states.back().second.empty());
    if (states.back().first.empty()) states.pop_back();
  }

  void Restore() {
    const int row = dice_.Below(kRows);
    const auto& states = saved_[static_cast<std::size_t>(row)];
    if (states.empty()) return;
    const auto last = static_cast<int>(states.size()) - 1;
    const auto& [here, there] =
        states[static_cast<std::size_t>(last - dice_.Below(std::min(last + 1, 5)))];
    const auto one = simulated_.environment().Restore(row, here, simulated_.view());
    const auto other = behind_buffers_.environment().Restore(row, there, behind_buffers_.view());
    ASSERT_TRUE(one) << one.error();
    ASSERT_TRUE(other) << other.error();
    // A saved end is an end again.
    ended_[static_cast<std::size_t>(row)] = 1;
    ++num_restored_;
  }

  const Autoreset mode_ = GetParam().autoreset;
  Rows simulated_{"simulated", GetParam()};
  Rows behind_buffers_{"tminterface", GetParam()};
  Dice dice_{static_cast<std::uint64_t>(mode_) + 1};
  std::vector<std::shared_ptr<const sim::Track>> tracks_;
  std::vector<int> mood_ = std::vector<int>(kRows, 3);
  std::vector<std::uint8_t> ended_ = std::vector<std::uint8_t>(kRows, 0);
  std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>> saved_[kRows];
  int num_terminated_ = 0, num_truncated_ = 0, num_final_ = 0, num_restored_ = 0, num_drawn_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    EveryMode, RowsAgreementTest,
    ::testing::Values(
        Variant{"next_step", Autoreset::kNextStep}, Variant{"same_step", Autoreset::kSameStep},
        Variant{"disabled", Autoreset::kDisabled},
        Variant{"next_step_at_marks", Autoreset::kNextStep, {StartPlace::kLine, 0.2f}},
        Variant{"same_step_at_checkpoints", Autoreset::kSameStep, {StartPlace::kCheckpoints, 0.2f}},
        Variant{"disabled_at_failures", Autoreset::kDisabled, {StartPlace::kFailures, 0.2f}},
        Variant{"next_step_randomised", Autoreset::kNextStep, {}, true},
        Variant{"same_step_randomised", Autoreset::kSameStep, {StartPlace::kLine, 0.2f}, true},
        Variant{"disabled_randomised", Autoreset::kDisabled, {}, true}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST_P(RowsAgreementTest, BothKindsTellTheSameBits) {
  simulated_.Reset({});
  behind_buffers_.Reset({});
  const int num_calls = TestCount(600, 4000, 40000);
  for (int call = 0; call < num_calls; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    const bool some_wait =
        mode_ == Autoreset::kDisabled && std::ranges::count(ended_, 1) > 0 && dice_.OneIn(10);
    if (some_wait || dice_.OneIn(200)) {
      ASSERT_NO_FATAL_FAILURE(ResetSome());
    } else if (dice_.OneIn(40)) {
      ASSERT_NO_FATAL_FAILURE(Save());
    } else if (dice_.OneIn(100)) {
      ASSERT_NO_FATAL_FAILURE(Restore());
    } else {
      Drive();
    }
    ASSERT_EQ(behind_buffers_.Told(), simulated_.Told());
  }
  EXPECT_GT(num_terminated_, 0);
  EXPECT_GT(num_truncated_ + num_terminated_, num_calls / 500);
  EXPECT_GT(num_restored_, 0);
  EXPECT_EQ(num_drawn_ > 0, GetParam().starts.at != StartPlace::kStart);
  if (mode_ == Autoreset::kSameStep) {
    EXPECT_EQ(num_final_, num_terminated_ + num_truncated_);
  } else {
    EXPECT_EQ(num_final_, 0);
  }
}

}  // namespace
}  // namespace hotlap::rows_agreement_test
