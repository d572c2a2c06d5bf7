#include "env/game_processes.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <system_error>
#include <utility>

#include "env/game_mark.h"
#include "env/tminterface/mapped_buffer.h"

namespace hotlap {
namespace {

using namespace std::chrono_literals;

constexpr auto kEndsWithin = 1s;
constexpr auto kLookEvery = 20ms;

// Whether a living game has the name.
bool IsHeld(const std::string& buffer_name) {
  try {
    tminterface::MappedBuffer::Create(buffer_name);
    return false;
  } catch (const std::system_error&) {
    return true;
  }
}

}  // namespace

GameProcesses::GameProcesses(const std::vector<GameCommand>& games,
                             const GameProcessesSettings& settings)
    : settings_(settings) {
  const std::string server = NewServerName();
  if (!settings_.keeper.empty() && !settings_.outlive_us && !games.empty()) {
    std::vector<std::string> names;
    names.reserve(games.size());
    for (const GameCommand& game : games) names.push_back(game.buffer_name);
    keeper_ = std::make_unique<GameKeeper>(settings_.keeper, server, names);
  }
  for (const GameCommand& command : games) {
    games_.push_back(std::make_unique<Game>(settings_.restarts));
    Game& game = *games_.back();
    game.buffer_name = command.buffer_name;
    game.settings = {.program = command.program,
                     .arguments = command.arguments,
                     .environment = {GameMark(command.buffer_name, server)}};
    Start(game);
  }
  watcher_ = std::thread([this] { Watch(); });
}

GameProcesses::~GameProcesses() {
  StopWatching();
  for (const auto& game : games_) {
    if (!game->process) continue;
    if (settings_.outlive_us) {
      game->process->LetGo();
    } else {
      game->process->AskToEnd();
    }
  }
  const Deadline deadline = DeadlineIn(kEndsWithin);
  for (const auto& game : games_) {
    if (game->process) game->process->EndBy(deadline);
  }
}

void GameProcesses::KillAll() {
  StopWatching();
  if (settings_.outlive_us) return;
  for (const auto& game : games_) {
    if (game->process) game->process->Kill();
  }
}

void GameProcesses::StopWatching() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

GameHealth GameProcesses::health(int game) const {
  const std::lock_guard lock(mutex_);
  const Game& asked = At(game);
  const Clock::time_point now = settings_.now();
  GameHealth health{.losses = asked.losses,
                    .restarts_in_last_hour = asked.schedule.InLastHour(now),
                    .last_loss = asked.last_loss};
  if (asked.has_gone) {
    health.condition = asked.schedule.IsQuarantined(now) ? GameCondition::kQuarantined
                                                         : GameCondition::kRestarting;
  }
  return health;
}

void GameProcesses::Replace(int game, Clock::time_point since, std::string why) {
  {
    const std::lock_guard lock(mutex_);
    At(game).unwanted_since = since;
    At(game).why_unwanted = std::move(why);
    has_replacement_ = true;
  }
  wake_.notify_all();
}

void GameProcesses::Start(Game& game) {
  game.started = Clock::now();
  game.was_taken_over = settings_.outlive_us && IsHeld(game.buffer_name);
  if (game.was_taken_over) {
    game.pid = -1;
  } else {
    game.process = std::make_unique<GameProcess>(game.settings);
    game.pid = game.process->pid();
  }
  ++game.starts;
  const std::lock_guard lock(mutex_);
  game.has_gone = false;
  game.schedule.NoteStart(settings_.now());
}

std::string GameProcesses::WhyGone(Game& game) {
  if (game.was_taken_over ? !IsHeld(game.buffer_name) : !game.process->IsRunning()) {
    return game.buffer_name +
           (game.process ? ": its process " + game.process->end() : ": has ended");
  }
  {
    const std::lock_guard lock(mutex_);
    if (game.started > game.unwanted_since) return {};
  }
  if (game.process) game.process->Kill();
  // One that was taken over is a stranger's child, found by the mark that it got from its server.
  for (const pid_t pid : ProcessesMarked({GameMark(game.buffer_name)})) {
    if (game.was_taken_over) ::kill(pid, SIGKILL);
  }
  const std::lock_guard lock(mutex_);
  return game.why_unwanted;
}

void GameProcesses::Look(Game& game) {
  if (game.process || game.was_taken_over) {
    const std::string why = WhyGone(game);
    if (why.empty()) return;
    game.process.reset();
    game.was_taken_over = false;
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = settings_.now();
    game.schedule.NoteEnd(now);
    game.has_gone = true;
    ++game.losses;
    game.last_loss = why;
    spdlog::warn("{}", why);
    if (game.schedule.IsQuarantined(now)) {
      spdlog::error("{}: was started again {} times within an hour and is quarantined",
                    game.buffer_name, game.schedule.InLastHour(now));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    if (!game.schedule.MayStart(settings_.now())) return;
  }
  try {
    Start(game);
  } catch (const std::system_error& error) {
    spdlog::error("{}", error.what());
    const std::lock_guard lock(mutex_);
    game.schedule.NoteFailedStart(settings_.now());
    game.last_loss = error.what();
  }
}

void GameProcesses::Watch() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    wake_.wait_for(lock, kLookEvery, [this] { return is_ending_ || has_replacement_; });
    has_replacement_ = false;
    lock.unlock();
    for (const auto& game : games_) Look(*game);
    lock.lock();
  }
}

}  // namespace hotlap
