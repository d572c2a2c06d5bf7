// What each row of a VectorEnvironment gives, step by step, however the steps are asked for: by a
// plain loop over all rows, or by a random schedule of parts of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "env/vector_environment.h"

namespace hotlap {

// What a row gave in one call, bit for bit; nothing but the status where that is not kOk.
struct Told {
  RowStatus status = RowStatus::kOk;
  float reward = 0;
  bool terminated = false, truncated = false;
  std::vector<float> observation;
  std::vector<std::byte> info;
  std::vector<float> final_observation;  // empty: no episode ended
  std::vector<std::byte> final_info;
  friend bool operator==(const Told&, const Told&) = default;
};
using Story = std::vector<Told>;  // of one row

// Drives an environment of discrete actions; what a row is asked depends on its own past alone.
class StoryTeller {
 public:
  explicit StoryTeller(VectorEnvironment& environment)
      : environment_(environment), stories_(Size(environment.num_rows())) {
    ResetRows(AllRows());
  }

  // `steps` of every row, all rows at once.
  std::vector<Story> InPlainLoop(int steps) {
    const std::vector<std::int32_t> rows = AllRows();
    for (int step = 0; step < steps; ++step) {
      ResetEnded(rows);
      const auto actions = ActionsOf(rows);
      BatchBuffer batch(environment_);
      const BatchResult result =
          environment_.Step({.discrete = actions, .continuous = {}}, batch.view());
      Note(rows, batch, result.num_final);
    }
    return stories_;
  }

  // Likewise, in parts: some rows sent, some received, some stepped, some saved, as the seed wants.
  std::vector<Story> InParts(int steps, std::uint32_t seed) {
    random_.seed(seed);
    for (;;) {
      std::vector<std::int32_t> idle;
      for (const std::int32_t row : AllRows()) {
        if (!environment_.is_under_way(row) && num_steps(row) < steps) idle.push_back(row);
      }
      if (idle.empty() && environment_.num_under_way() == 0) return stories_;
      std::ranges::shuffle(idle, random_);
      idle.resize(idle.empty() ? 0 : random_() % (idle.size() + 1));
      switch (random_() % 6) {
        case 0:
          if (!idle.empty()) environment_.Save(idle[0]);
          break;
        case 1:
          StepSome(idle);
          break;
        case 2:
        case 3:
          Send(idle);
          break;
        default:
          Receive();
      }
      if (::testing::Test::HasFatalFailure()) return stories_;
    }
  }

  // The order in which InParts received the rows.
  const std::vector<std::int32_t>& received() const { return received_; }

 private:
  static std::size_t Size(std::int32_t n) { return static_cast<std::size_t>(n); }
  std::vector<std::int32_t> AllRows() const {
    std::vector<std::int32_t> rows(Size(environment_.num_rows()));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  int num_steps(std::int32_t row) const { return num_steps_[Size(row)]; }

  // Mostly ahead, so that some episodes finish and others fall; now and then one that there is not.
  std::vector<std::int32_t> ActionsOf(std::span<const std::int32_t> rows) {
    std::vector<std::int32_t> actions;
    for (const std::int32_t row : rows) {
      const auto mixed = static_cast<std::uint32_t>(num_steps(row) / 6 * 31 + row * 17 + 5) *
                         std::uint32_t{2654435761};
      const bool is_bad = num_steps(row) % 37 == 36;
      const bool is_wild = (mixed >> 16) % 8 == 0;
      actions.push_back(is_bad ? 99 : is_wild ? static_cast<std::int32_t>((mixed >> 20) % 12) : 0);
      ++num_steps_[Size(row)];
    }
    return actions;
  }

  void ResetRows(std::span<const std::int32_t> rows) {
    std::vector<std::uint8_t> mask(Size(environment_.num_rows()));
    for (const std::int32_t row : rows) mask[Size(row)] = 1;
    BatchBuffer batch(environment_);
    environment_.Reset({.mask = mask, .seeds = {}, .snapshots = {}}, batch.view());
    for (const std::int32_t row : rows) NoteRow(row, Size(row), batch);
  }
  // kDisabled: those of the rows that have ended.
  void ResetEnded(std::span<const std::int32_t> rows) {
    if (environment_.autoreset() != Autoreset::kDisabled) return;
    std::vector<std::int32_t> ended;
    for (const std::int32_t row : rows) {
      const Told& last = stories_[Size(row)].back();
      if (last.terminated || last.truncated) ended.push_back(row);
    }
    if (!ended.empty()) ResetRows(ended);
  }

  void StepSome(std::span<const std::int32_t> rows) {
    ResetEnded(rows);
    const auto actions = ActionsOf(rows);
    BatchBuffer batch(environment_, static_cast<int>(rows.size()));
    const BatchResult result =
        environment_.Step(rows, {.discrete = actions, .continuous = {}}, batch.view());
    Note(rows, batch, result.num_final);
  }
  void Send(std::span<const std::int32_t> rows) {
    ResetEnded(rows);
    const auto actions = ActionsOf(rows);
    environment_.Send(rows, {.discrete = actions, .continuous = {}});
  }
  // One at least, more than are under way now and then; or what is there at once.
  void Receive() {
    const int num_under_way = environment_.num_under_way();
    const bool waits = random_() % 4 != 0;
    const int wanted = 1 + static_cast<int>(random_() % (Size(num_under_way) + 2));
    std::vector<std::int32_t> rows(Size(wanted));
    BatchBuffer batch(environment_, wanted);
    const RecvResult result = environment_.Recv(rows, waits ? kNoDeadline : kAtOnce, batch.view());
    ASSERT_LE(result.num_rows, std::min(wanted, num_under_way));
    ASSERT_TRUE(!waits || result.num_rows == std::min(wanted, num_under_way));
    EXPECT_EQ(environment_.num_under_way(), num_under_way - result.num_rows);
    rows.resize(Size(result.num_rows));
    for (const std::int32_t row : rows) ASSERT_FALSE(environment_.is_under_way(row));
    Note(rows, batch, result.num_final);
    received_.insert(received_.end(), rows.begin(), rows.end());
  }

  // What a batch of these rows says.
  void Note(std::span<const std::int32_t> rows, const BatchBuffer& batch, int num_final) {
    std::size_t final = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Told& told = NoteRow(rows[i], i, batch);
      if (final == Size(num_final) || batch.final_rows[final] != rows[i]) continue;
      told.final_observation = Floats(batch.final_observations, final);
      told.final_info = Column(batch.final_info, final, batch.status.size());
      ++final;
    }
    ASSERT_EQ(final, Size(num_final)) << "in the order of the rows";
  }
  Told& NoteRow(std::int32_t row, std::size_t index, const BatchBuffer& batch) {
    Told& told = stories_[Size(row)].emplace_back();
    told.status = static_cast<RowStatus>(batch.status[index]);
    if (told.status != RowStatus::kOk) return told;
    told.reward = batch.rewards[index];
    told.terminated = batch.terminated[index] != 0;
    told.truncated = batch.truncated[index] != 0;
    told.observation = Floats(batch.observations, index);
    told.info = Column(batch.info, index, batch.status.size());
    return told;
  }
  std::vector<float> Floats(const std::vector<float>& from, std::size_t index) const {
    const std::size_t d = environment_.spec().observation.size();
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(index * d);
    return {first, first + static_cast<std::ptrdiff_t>(d)};
  }
  std::vector<std::byte> Column(const std::vector<std::byte>& from, std::size_t index,
                                std::size_t num_rows) const {
    std::vector<std::byte> words;
    for (std::size_t j = 0; j < environment_.info_columns().size(); ++j) {
      const auto word = from.begin() + static_cast<std::ptrdiff_t>((j * num_rows + index) * 4);
      words.insert(words.end(), word, word + 4);
    }
    return words;
  }

  VectorEnvironment& environment_;
  std::vector<Story> stories_;  // by row
  std::vector<int> num_steps_ = std::vector<int>(stories_.size());
  std::mt19937 random_;
  std::vector<std::int32_t> received_;
};

inline void ExpectEqual(const std::vector<Story>& stories, const std::vector<Story>& expected) {
  ASSERT_EQ(stories.size(), expected.size());
  for (std::size_t row = 0; row < stories.size(); ++row) {
    ASSERT_EQ(stories[row].size(), expected[row].size()) << "row " << row;
    for (std::size_t i = 0; i < stories[row].size(); ++i) {
      ASSERT_TRUE(stories[row][i] == expected[row][i]) << "row " << row << ", call " << i;
    }
  }
}

}  // namespace hotlap
