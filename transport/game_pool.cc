#include "transport/game_pool.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "env/sim/vehicle_model.h"
#include "env/tminterface/mapped_buffer.h"

namespace hotlap::transport {
namespace {

// In which the games of a killed server see that it is gone, and leave.
constexpr std::chrono::milliseconds kNamesWithin{2000};

std::vector<NameReservation> ReserveNames(const GamePoolSettings& settings) {
  if (settings.names.empty()) {
    // From the top: the low ones stay for games that are started by hand.
    std::vector<std::string> candidates;
    for (int i = tminterface::kMaxInstances - 1; i >= 0; --i) {
      candidates.push_back(tminterface::BufferName(i));
    }
    return NameReservation::Free(settings.games, candidates, kNamesWithin);
  }
  std::vector<NameReservation> names;
  for (const std::string& name : settings.names) names.push_back(NameReservation::Of(name));
  return names;
}

// `word` with the name for every {name}.
std::string Filled(std::string word, const std::string& name) {
  constexpr std::string_view kName = "{name}";
  for (std::size_t at = 0; (at = word.find(kName, at)) != std::string::npos; at += name.size()) {
    word.replace(at, kName.size(), name);
  }
  return word;
}

std::vector<GameCommand> Commands(const GamePoolSettings& settings,
                                  const std::vector<NameReservation>& names) {
  assert(names.empty() || !settings.command.empty());
  std::vector<GameCommand> commands;
  for (const NameReservation& reserved : names) {
    const std::string& name = reserved.name();
    GameCommand command{name, Filled(settings.command[0], name), {}};
    for (std::size_t i = 1; i < settings.command.size(); ++i) {
      command.arguments.push_back(Filled(settings.command[i], name));
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

// As a word of TMInterface's console.
std::string MapCommand(const std::filesystem::path& file) {
  return "map \"" + file.string() + "\"";
}

}  // namespace

GameLoan::GameLoan(GameLoan&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      num_simulated_(other.num_simulated_),
      games_(std::move(other.games_)) {}

GameLoan::~GameLoan() {
  if (pool_ != nullptr) pool_->Return(num_simulated_, games_);
}

std::vector<std::unique_ptr<GameGroup>> GameLoan::MakeGroups(
    std::span<const OfferedTrack* const> tracks, const sim::VehicleParams& vehicle) const {
  assert(static_cast<int>(tracks.size()) == num_simulated() + num_behind_buffers());
  std::vector<std::unique_ptr<GameGroup>> groups;
  const auto simulated = tracks.first(static_cast<std::size_t>(num_simulated_));
  for (std::size_t begin = 0; begin < simulated.size(); begin += sim::kBlockLanes) {
    std::vector<SimulatedGame> block;
    for (const OfferedTrack* track : simulated.subspan(
             begin, std::min<std::size_t>(sim::kBlockLanes, simulated.size() - begin))) {
      block.push_back({track->track, vehicle});
    }
    groups.push_back(pool_->settings_.make_simulated(block));
  }
  if (games_.empty()) return groups;

  std::vector<TMInterfaceGame> behind_buffers;
  for (std::size_t i = 0; i < games_.size(); ++i) {
    const OfferedTrack& track = *tracks[simulated.size() + i];
    behind_buffers.push_back(
        {.buffer_name = pool_->name(games_[i]),
         .map_command = MapCommand(track.file),
         .checkpoints_target = track.track->num_gates() * track.track->laps()});
  }
  TMInterfaceSettings settings = pool_->settings_.tminterface;
  settings.on_lost = [pool = pool_, games = games_](int slot, const GameLoss& loss) {
    pool->ReplaceGame(games[static_cast<std::size_t>(slot)], loss);
  };
  groups.push_back(MakeTMInterfaceGames(std::move(behind_buffers), std::move(settings)));
  return groups;
}

GamePool::GamePool(GamePoolSettings settings)
    : settings_(std::move(settings)),
      names_(ReserveNames(settings_)),
      processes_(std::make_unique<GameProcesses>(Commands(settings_, names_), settings_.processes)),
      free_simulated_(settings_.simulated),
      lent_(names_.size()) {}

GamePool::~GamePool() { EndGames(false); }

void GamePool::KillGames() { EndGames(true); }

void GamePool::ReplaceGame(int game, const GameLoss& loss) {
  const std::lock_guard lock(mutex_);
  if (processes_ != nullptr) processes_->Replace(game, loss.since, loss.why);
}

GameHealth GamePool::health(int game) const {
  const std::lock_guard lock(mutex_);
  return processes_ == nullptr ? GameHealth{} : processes_->health(game);
}

bool GamePool::IsQuarantined(int game) const {
  return processes_ != nullptr && processes_->health(game).condition == GameCondition::kQuarantined;
}

void GamePool::EndGames(bool at_once) {
  std::unique_ptr<GameProcesses> ended;
  {
    const std::lock_guard lock(mutex_);
    ended = std::move(processes_);
  }
  if (ended == nullptr) return;
  if (at_once) ended->KillAll();
  ended.reset();
  if (settings_.processes.outlive_us) return;
  for (const NameReservation& reserved : names_) {
    try {  // whoever holds a name frees it when leaving; what a killed game held is nobody's
      tminterface::MappedBuffer::Create(reserved.name());
    } catch (const std::system_error&) {
      spdlog::warn("{} is held by a game of somebody else", reserved.name());
    }
  }
}

tl::expected<GameLoan, Refusal> GamePool::Lend(GameKind kind, int rows) {
  const std::lock_guard lock(mutex_);
  std::vector<int> free;
  int quarantined = 0;
  for (int game = 0; game < settings_.games; ++game) {
    if (IsQuarantined(game)) {
      ++quarantined;
    } else if (!lent_[static_cast<std::size_t>(game)]) {
      free.push_back(game);
    }
  }
  const int simulated = kind == GameKind::kTMInterface ? 0 : std::min(rows, free_simulated_);
  const int behind_buffers = rows - simulated;
  if (behind_buffers > (kind == GameKind::kSimulated ? 0 : static_cast<int>(free.size()))) {
    return Refuse(Status::kServerFull,
                  "field 'rows' is " + std::to_string(rows) + " of kind '" + GameKindName(kind) +
                      "'; free are " + std::to_string(free_simulated_) + " simulated and " +
                      std::to_string(free.size()) + " behind mapped buffers" +
                      (quarantined > 0 ? ", " + std::to_string(quarantined) + " quarantined" : ""));
  }
  free_simulated_ -= simulated;
  free.resize(static_cast<std::size_t>(behind_buffers));
  for (const int game : free) lent_[static_cast<std::size_t>(game)] = true;
  return GameLoan(this, simulated, std::move(free));
}

void GamePool::Return(int num_simulated, std::span<const int> games) {
  const std::lock_guard lock(mutex_);
  free_simulated_ += num_simulated;
  for (const int game : games) lent_[static_cast<std::size_t>(game)] = false;
}

int GamePool::free_simulated() const {
  const std::lock_guard lock(mutex_);
  return free_simulated_;
}

}  // namespace hotlap::transport
