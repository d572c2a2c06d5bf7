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

PlaceInLine::PlaceInLine(PlaceInLine&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), number_(other.number_) {}

PlaceInLine::~PlaceInLine() {
  if (pool_ != nullptr) pool_->Leave(number_);
}

GameLoan::GameLoan(GameLoan&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      num_simulated_(other.num_simulated_),
      games_(std::move(other.games_)) {}

GameLoan::~GameLoan() {
  if (pool_ != nullptr) pool_->Return(num_simulated_, games_);
}

std::vector<std::unique_ptr<GameGroup>> GameLoan::MakeGroups(
    std::span<const std::shared_ptr<const OfferedTrack>> tracks, const sim::VehicleParams& vehicle,
    const std::function<void(int row)>& on_replaced) const {
  assert(static_cast<int>(tracks.size()) == num_simulated() + num_behind_buffers());
  std::vector<std::unique_ptr<GameGroup>> groups;
  const auto simulated = tracks.first(static_cast<std::size_t>(num_simulated_));
  for (std::size_t begin = 0; begin < simulated.size(); begin += sim::kBlockLanes) {
    std::vector<SimulatedGame> block;
    for (const auto& track : simulated.subspan(
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
  settings.on_lost = [pool = pool_, games = games_, on_replaced, first_row = num_simulated_](
                         int slot, const GameLoss& loss) {
    pool->ReplaceGame(games[static_cast<std::size_t>(slot)], loss);
    if (on_replaced) on_replaced(first_row + slot);
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

FreeGames GamePool::free() const {
  FreeGames games{free_simulated_, 0};
  for (int game = 0; game < settings_.games; ++game) games.behind_buffers += IsFree(game) ? 1 : 0;
  return games;
}

bool GamePool::IsFree(int game) const {
  return !lent_[static_cast<std::size_t>(game)] && !IsQuarantined(game);
}

Refusal GamePool::Full(GameKind kind, int rows, const char* what, const FreeGames& games) const {
  int quarantined = 0;
  for (int game = 0; game < settings_.games; ++game) quarantined += IsQuarantined(game) ? 1 : 0;
  return {Status::kServerFull,
          "field 'rows' is " + std::to_string(rows) + " of kind '" + GameKindName(kind) + "'; " +
              what + " " + std::to_string(std::max(0, games.simulated)) + " simulated and " +
              std::to_string(std::max(0, games.behind_buffers)) + " behind mapped buffers" +
              (quarantined > 0 ? ", " + std::to_string(quarantined) + " quarantined" : "")};
}

tl::expected<GameLoan, Refusal> GamePool::Lend(GameKind kind, int rows, const PlaceInLine* place) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = place == nullptr ? GameLine::kLast : place->number_;
  const FreeGames left = line_.LeftFor(number, free());
  if (!left.Suffice(kind, rows)) {
    Refusal full = Full(kind, rows, "free are", left);
    if (const int before = line_.NumBefore(number); before > 0) {
      full.text += ", beside what " + std::to_string(before) + " others wait for";
    }
    return tl::make_unexpected(std::move(full));
  }
  const int simulated = left.SimulatedOf(kind, rows);
  free_simulated_ -= simulated;
  std::vector<int> games;
  for (int game = 0; static_cast<int>(games.size()) < rows - simulated; ++game) {
    if (!IsFree(game)) continue;
    lent_[static_cast<std::size_t>(game)] = true;
    games.push_back(game);
  }
  return GameLoan(this, simulated, std::move(games));
}

tl::expected<PlaceInLine, Refusal> GamePool::Queue(GameKind kind, int rows) {
  const std::lock_guard lock(mutex_);
  const FreeGames all{settings_.simulated, num_games()};
  if (!all.Suffice(kind, rows)) {
    return tl::make_unexpected(Full(kind, rows, "the server has no more than", all));
  }
  return PlaceInLine(this, line_.Join(kind, rows));
}

bool GamePool::CanLend(const PlaceInLine& place) const {
  const std::lock_guard lock(mutex_);
  return line_.CanServe(place.number_, free());
}

void GamePool::Leave(std::uint64_t place) {
  const std::lock_guard lock(mutex_);
  line_.Leave(place);
  num_returns_.fetch_add(1);
}

void GamePool::Return(int num_simulated, std::span<const int> games) {
  const std::lock_guard lock(mutex_);
  free_simulated_ += num_simulated;
  for (const int game : games) lent_[static_cast<std::size_t>(game)] = false;
  num_returns_.fetch_add(1);
}

int GamePool::free_simulated() const {
  const std::lock_guard lock(mutex_);
  return free_simulated_;
}

}  // namespace hotlap::transport
