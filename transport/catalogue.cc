#include "transport/catalogue.h"

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "env/track_config.h"
#include "env/vehicle_config.h"

namespace hotlap::transport {
namespace {

// The YAML files of a directory, sorted. Throws when there are none, or a name is too long to ask
// for.
std::vector<std::filesystem::path> ConfigFiles(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(directory)) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    }
  }
  if (files.empty()) throw std::runtime_error(directory.string() + ": no .yaml files here");
  for (const auto& file : files) {
    if (file.stem().string().size() > kMaxNameBytes) {
      throw std::runtime_error(file.string() + ": the name is longer than 64 bytes");
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

template <typename Map>
std::string Listed(const Map& map) {
  std::string text;
  for (const auto& [name, entry] : map) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

struct Catalogue::TrackEntry {
  sim::TrackSpec spec;
  std::once_flag built;
  std::shared_ptr<OfferedTrack> offered = std::make_shared<OfferedTrack>();
  std::string error;  // when it could not be built
};

Catalogue::Catalogue(const CataloguePaths& paths) : vehicle_(LoadVehicleParams(paths.vehicle)) {
  for (const auto& file : ConfigFiles(paths.environments)) {
    const EnvironmentConfig config = LoadEnvironmentConfig(file);
    environments_.emplace(file.stem().string(), OfferedEnvironment{config, MakeSpec(config)});
  }
  for (const auto& file : ConfigFiles(paths.tracks)) {
    auto entry = std::make_unique<TrackEntry>();
    entry->spec = LoadTrackSpec(file);
    entry->offered->name = file.stem().string();
    entry->offered->file = std::filesystem::canonical(file);
    tracks_.emplace(file.stem().string(), std::move(entry));
  }
}

Catalogue::~Catalogue() = default;

tl::expected<const OfferedEnvironment*, Refusal> Catalogue::FindEnvironment(
    const std::string& name) const {
  const auto found = environments_.find(name);
  if (found != environments_.end()) return &found->second;
  return Refuse(Status::kUnknownEnvironment,
                "field 'environment' is " + Quoted(name) + "; there are: " + Listed(environments_));
}

tl::expected<OfferedEnvironment, Refusal> Catalogue::Offer(const std::string& name,
                                                           const std::string& settings) const {
  const auto found = FindEnvironment(name);
  if (!found) return tl::make_unexpected(found.error());
  if (settings.empty()) return **found;
  try {
    OfferedEnvironment offered;
    offered.config = ParseEnvironmentConfig(settings, "settings", (*found)->config);
    offered.spec = MakeSpec(offered.config);
    if (offered.spec.observation_size() <= kMaxSettingsColumns) return offered;
    return Refuse(Status::kBadArgument,
                  "field 'settings' shows " + std::to_string(offered.spec.observation_size()) +
                      " columns, must be at most " + std::to_string(kMaxSettingsColumns));
  } catch (const std::exception& error) {
    return Refuse(Status::kBadArgument, "field 'settings': " + std::string(error.what()));
  }
}

tl::expected<std::shared_ptr<const OfferedTrack>, Refusal> Catalogue::FindTrack(
    const std::string& name, std::string_view field) {
  if (const auto wanted = ParseGeneratedTrackName(name)) return generated_.Find(name, *wanted);
  const auto found = tracks_.find(name);
  if (found == tracks_.end()) {
    return Refuse(Status::kUnknownTrack, "field '" + std::string(field) + "' has " + Quoted(name) +
                                             "; there are: " + Listed(tracks_) +
                                             ", and generated:<seed>:<difficulty>");
  }
  TrackEntry& entry = *found->second;
  std::call_once(entry.built, [&entry] {
    try {
      entry.offered->track = sim::Track::Build(entry.spec);
      entry.offered->centreline = Centreline::FromTrack(*entry.offered->track);
    } catch (const std::exception& error) {
      entry.error = error.what();
    }
  });
  if (!entry.error.empty()) {
    return Refuse(Status::kUnknownTrack, "field '" + std::string(field) + "' has " + Quoted(name) +
                                             ", which cannot be built: " + entry.error);
  }
  return entry.offered;
}

std::vector<std::string> Catalogue::track_names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : tracks_) names.push_back(name);
  return names;
}

std::vector<std::filesystem::path> Catalogue::track_files() const {
  std::vector<std::filesystem::path> files;
  for (const auto& [name, entry] : tracks_) files.push_back(entry->offered->file);
  return files;
}

tl::expected<std::string, Refusal> CompareHashes(const Request& request,
                                                 const EnvironmentSpec& spec) {
  const auto text = [](const char* field, std::uint64_t theirs, std::uint64_t ours) {
    return "field '" + std::string(field) + "' is " + std::to_string(theirs) +
           ", the environment's is " + std::to_string(ours);
  };
  if (request.policy_hash && *request.policy_hash != spec.policy_hash) {
    return Refuse(Status::kSpecMismatch,
                  text("policy_hash", *request.policy_hash, spec.policy_hash) +
                      ": observation, action or ticks per step are others");
  }
  if (request.task_hash && *request.task_hash != spec.task_hash) {
    return text("task_hash", *request.task_hash, spec.task_hash) +
           ": reward, rules or randomisation are others";
  }
  return std::string();
}

}  // namespace hotlap::transport
