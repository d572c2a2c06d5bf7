// Tracks that the generator makes for clients, by name: `generated:<seed>` or
// `generated:<seed>:<difficulty>`. They live as long as somebody drives them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "transport/offered_track.h"
#include "transport/status.h"

namespace hotlap::transport {

inline constexpr int kMaxGeneratedTracks = 512;  // at a time: each takes memory

struct GeneratedTrackName {
  std::uint64_t seed = 0;
  float difficulty = 0.5f;  // [0, 1]
};

// nullopt: it is none of these names.
std::optional<GeneratedTrackName> ParseGeneratedTrackName(std::string_view name);

// Safe to use from any thread.
class GeneratedTracks {
 public:
  // Makes the track unless somebody has it; may take long. kServerFull when there are too many.
  tl::expected<std::shared_ptr<const OfferedTrack>, Refusal> Find(const std::string& name,
                                                                  const GeneratedTrackName& wanted);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const OfferedTrack>> tracks_;
};

}  // namespace hotlap::transport
