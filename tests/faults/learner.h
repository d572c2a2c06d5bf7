// One learner of the fault test: drives one row behind a mapped buffer and, beside it, the same row
// in this process, and holds them equal bit for bit.
#pragma once

#include <cstdint>
#include <string>

namespace hotlap::faults {

struct LearnerOptions {
  std::string endpoint;
  std::uint64_t seed = 0;
};

// Until SIGTERM. Tells on standard output, a line each: `violation <what>`, and every so often
// `report <json>` with its counts so far.
int RunLearner(const LearnerOptions& options);

// The rows that learners drive, and the track that they drive on.
inline constexpr const char* kTrack = "short_sprint";
inline constexpr const char* kInfoColumns[] = {"ticks",          "race_time",     "progress",
                                               "checkpoint",     "valid",         "end_reason",
                                               "episode_length", "episode_return"};

}  // namespace hotlap::faults
