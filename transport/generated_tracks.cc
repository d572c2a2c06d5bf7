#include "transport/generated_tracks.h"

#include <charconv>

#include "env/sim/track_generator.h"

namespace hotlap::transport {
namespace {

constexpr std::string_view kPrefix = "generated:";

// The whole text as a number.
template <typename T>
bool ReadNumber(std::string_view text, T& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end;
}

}  // namespace

std::optional<GeneratedTrackName> ParseGeneratedTrackName(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  GeneratedTrackName parsed;
  const std::size_t colon = name.find(':');
  if (!ReadNumber(name.substr(0, colon), parsed.seed)) return std::nullopt;
  if (colon == std::string_view::npos) return parsed;
  if (!ReadNumber(name.substr(colon + 1), parsed.difficulty)) return std::nullopt;
  if (!(parsed.difficulty >= 0 && parsed.difficulty <= 1)) return std::nullopt;
  return parsed;
}

tl::expected<std::shared_ptr<const OfferedTrack>, Refusal> GeneratedTracks::Find(
    const std::string& name, const GeneratedTrackName& wanted) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(tracks_, [](const auto& entry) { return entry.second.expired(); });
    if (const auto found = tracks_.find(name); found != tracks_.end()) {
      if (auto track = found->second.lock()) return track;
    }
  }
  auto made = std::make_shared<OfferedTrack>();
  made->name = name;
  made->track = sim::Track::Build(sim::GenerateTrack(wanted.seed, wanted.difficulty));
  made->centreline = Centreline::FromTrack(*made->track);
  const std::lock_guard lock(mutex_);
  if (tracks_.size() >= kMaxGeneratedTracks) {
    return Refuse(Status::kServerFull, "as many generated tracks as the server holds at a time, " +
                                           std::to_string(kMaxGeneratedTracks) +
                                           ", are driven already");
  }
  // Somebody may have made it meanwhile: then that one is everybody's.
  auto& kept = tracks_[name];
  if (auto earlier = kept.lock()) return earlier;
  kept = made;
  return made;
}

}  // namespace hotlap::transport
