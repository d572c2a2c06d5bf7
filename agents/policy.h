// What drives: a map from observations to actions, for a batch of rows at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/spec.h"
#include "env/vector_environment.h"

namespace hotlap::agents {

// One observation column as a policy reads it: in physical units. A value beyond the column's
// bounds was clipped by the environment.
struct ColumnReader {
  int index = 0;
  float unit_per_value = 1;  // 1 / scale
  float operator()(std::span<const float> row) const {
    return row[static_cast<std::size_t>(index)] * unit_per_value;
  }
};

// Throws std::invalid_argument that names the missing column and who wants it.
ColumnReader FindColumn(const EnvironmentSpec& spec, std::string_view column,
                        std::string_view wanted_by);
bool HasColumn(const EnvironmentSpec& spec, std::string_view column);

// Memory for the actions of n rows: one of the two arrays, as the action set wants.
class ActionBuffer {
 public:
  ActionBuffer(const ActionSpec& spec, int rows);
  ActionView view() const { return {discrete, continuous}; }

  std::vector<std::int32_t> discrete;  // [n]
  std::vector<float> continuous;       // [n, k]
};

// Made for one spec; a constructor throws std::invalid_argument when the spec lacks a column or an
// action that the policy needs. Not thread-safe.
class Policy {
 public:
  virtual ~Policy() = default;

  // Whether it draws its actions: episodes that begin alike may differ.
  virtual bool is_sampled() const { return false; }

  // An episode of this base seed begins in the row: what the next Act is shown is its first
  // observation. For policies that count steps or draw; it may be left out for others.
  virtual void BeginEpisode(int /*row*/, std::uint64_t /*seed*/) {}

  // Chooses the action of every row. `observations` is [n, d], `actions` was made for n rows of the
  // same spec. Row i is the same environment in every call. Allocates nothing.
  virtual void Act(std::span<const float> observations, ActionBuffer& actions) = 0;
};

// The policies that need nothing but a name, in the order in which they are offered
// (policy_source.h).
std::span<const std::string_view> PolicyNames();

}  // namespace hotlap::agents
