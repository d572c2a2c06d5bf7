#include "env/environment_snapshot.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "env/race_bounds.h"

namespace hotlap {
namespace {

static_assert(std::endian::native == std::endian::little);

// docs/protocol.md has the same table.
constexpr std::uint32_t kSnapshotVersion = 3;
constexpr std::array<char, 8> kMagic = {'h', 'o', 't', 'l', 'a', 'p', 'E', 'S'};
constexpr std::size_t kMaxKind = 24;

struct StoredHeader {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kSnapshotVersion;
  std::uint32_t record_size = sizeof(RowRecord);
  std::array<char, kMaxKind> kind{};  // padded with zeros
  std::uint64_t track_hash = 0;
  std::uint64_t policy_hash = 0;
  std::uint64_t task_hash = 0;
  std::int32_t tick = 0;
  std::uint32_t game_size = 0;
};
static_assert(std::is_trivially_copyable_v<StoredHeader>);
static_assert(sizeof(StoredHeader) == 8 + 4 + 4 + kMaxKind + std::size_t{3} * 8 + 4 + 4,
              "StoredHeader changed: bump kSnapshotVersion and docs/protocol.md");
constexpr std::size_t kGameOffset = sizeof(StoredHeader) + sizeof(RowRecord);

// So far beyond any episode that it stands for a broken number, and sums of two fit.
constexpr std::int32_t kMaxCount = 1'000'000'000;
constexpr float kFarM = 1e6f;

const char* WrongField(const RowRecord& record, const Centreline& line) {
  const auto count = [](std::int32_t value) { return value >= 0 && value <= kMaxCount; };
  const auto near = [](float value) { return value >= -kFarM && value <= kFarM; };
  if (record.phase != RowPhase::kRunning && record.phase != RowPhase::kEnded) return "phase";
  if (record.full_lap != 0 && record.full_lap != 1) return "full_lap";
  if (!count(record.steps)) return "steps";
  if (!count(record.ticks)) return "ticks";
  if (!count(record.ticks_without_progress)) return "ticks_without_progress";
  if (!count(record.ticks_off_road)) return "ticks_off_road";
  if (!count(record.ticks_on_roof)) return "ticks_on_roof";
  if (!count(record.checkpoints_passed)) return "checkpoints_passed";
  if (!near(record.place.s_m) || record.place.s_m > line.finish_s_m()) return "place.s";
  if (!near(record.place.lateral_m)) return "place.lateral";
  if (!near(record.place.height_m)) return "place.height";
  const Vec3& place_of_m = record.place_of_m;
  if (!near(place_of_m.x) || !near(place_of_m.y) || !near(place_of_m.z)) return "place_of";
  if (!near(record.episode_start_m)) return "episode_start";
  if (!near(record.best_m)) return "best";
  for (const double sum : record.reward_sums) {
    if (!std::isfinite(sum)) return "reward_sums";
  }
  for (const Inputs& inputs : record.past_inputs) {
    if (!IsAnalogInput(inputs.steer) || !IsAnalogInput(inputs.gas)) return "past_inputs";
    if (inputs.left && inputs.right) return "past_inputs";  // no action asks for both
  }
  return nullptr;
}

// Whether the keys of past_inputs are what a bool may be, in the bytes of a record.
bool HasGoodKeys(std::span<const std::byte> record) {
  for (std::size_t i = 0; i < kNumPastInputs; ++i) {
    const std::size_t inputs = offsetof(RowRecord, past_inputs) + i * sizeof(Inputs);
    for (const std::size_t key : {offsetof(Inputs, left), offsetof(Inputs, right),
                                  offsetof(Inputs, accelerate), offsetof(Inputs, brake)}) {
      if (record[inputs + key] > std::byte{1}) return false;
    }
  }
  return true;
}

}  // namespace

void PackSnapshot(const SnapshotHeader& header, const RowRecord& record,
                  std::span<const std::byte> game, std::vector<std::byte>& out) {
  const SnapshotOrigin& origin = header.origin;
  assert(origin.game_kind.size() <= kMaxKind);
  StoredHeader stored;
  std::ranges::copy(origin.game_kind, stored.kind.begin());
  stored.track_hash = origin.track_hash;
  stored.policy_hash = origin.policy_hash;
  stored.task_hash = origin.task_hash;
  stored.tick = header.tick;
  stored.game_size = static_cast<std::uint32_t>(game.size());
  out.resize(kGameOffset + game.size());
  std::memcpy(out.data(), &stored, sizeof stored);
  std::memcpy(out.data() + sizeof stored, &record, sizeof record);
  std::ranges::copy(game, out.data() + kGameOffset);
}

tl::expected<SnapshotHeader, std::string> ReadSnapshotHeader(std::span<const std::byte> bytes) {
  const auto refuse = [](std::string why) { return tl::unexpected(std::move(why)); };
  StoredHeader stored;
  if (bytes.size() < kGameOffset) return refuse("the snapshot is cut short");
  std::memcpy(&stored, bytes.data(), sizeof stored);
  if (stored.magic != kMagic) return refuse("this is no snapshot of a row");
  if (stored.version != kSnapshotVersion || stored.record_size != sizeof(RowRecord)) {
    return refuse("the snapshot has format version " + std::to_string(stored.version) +
                  ", this is version " + std::to_string(kSnapshotVersion));
  }
  if (stored.game_size != bytes.size() - kGameOffset) {
    return refuse("the snapshot has " + std::to_string(bytes.size()) + " bytes, must have " +
                  std::to_string(kGameOffset + stored.game_size));
  }
  if (stored.tick < 0 || stored.tick > kMaxCount) return refuse("the snapshot has a wrong tick");
  const auto* const kind =
      reinterpret_cast<const char*>(bytes.data() + offsetof(StoredHeader, kind));
  const std::size_t length =
      static_cast<std::size_t>(std::find(kind, kind + kMaxKind, '\0') - kind);
  return SnapshotHeader{{{kind, length}, stored.track_hash, stored.policy_hash, stored.task_hash},
                        stored.tick};
}

tl::expected<OpenedSnapshot, std::string> OpenSnapshot(std::span<const std::byte> bytes,
                                                       const SnapshotOrigin& here,
                                                       const Centreline& line, SnapshotUse use) {
  const auto header = ReadSnapshotHeader(bytes);
  if (!header) return tl::unexpected(header.error());
  const SnapshotOrigin& origin = header->origin;
  const auto foreign = [](const char* what) {
    return tl::unexpected(std::string("the snapshot is of another ") + what);
  };
  if (origin.game_kind != here.game_kind) return foreign("kind of game");
  if (origin.track_hash != here.track_hash) return foreign("track");
  if (origin.policy_hash != here.policy_hash) {
    return foreign("configuration: observation, actions or ticks per step differ");
  }
  if (use == SnapshotUse::kRestore && origin.task_hash != here.task_hash) {
    return foreign("configuration: reward, episode rules or randomisation differ");
  }
  const auto wrong = [](const char* field) {
    return tl::unexpected(std::string("the snapshot's row has a wrong ") + field);
  };
  OpenedSnapshot opened;
  const auto record = bytes.subspan(sizeof(StoredHeader), sizeof opened.record);
  if (!HasGoodKeys(record)) return wrong("past_inputs");
  std::memcpy(&opened.record, record.data(), record.size());
  if (const char* field = WrongField(opened.record, line)) return wrong(field);
  opened.bytes = bytes;
  opened.game = bytes.subspan(kGameOffset);
  return opened;
}

}  // namespace hotlap
