#include "env/game_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace hotlap {
namespace {

using namespace std::chrono_literals;

constexpr auto kEndsWithin = 1s;
constexpr auto kLookEvery = 20ms;
constexpr auto kGoodRun = 2s;  // shorter ones are followed by a pause
constexpr auto kFirstPause = 100ms;
constexpr std::chrono::milliseconds kLongestPause = 5s;

// The C structs of posix_spawn, and their ends.
struct SpawnSettings {
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

pid_t Spawn(const std::string& program, std::vector<std::string> arguments) {
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&settings.files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  // A game must not keep our sockets and locks open.
  posix_spawn_file_actions_addclosefrom_np(&settings.files, STDERR_FILENO + 1);
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&usual, signal);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &usual);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::vector<char*> argv;
  std::string name = program;
  argv.push_back(name.data());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.c_str(), &settings.files, &settings.attributes,
                                argv.data(), environ);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), program + " cannot be started");
  }
  return pid;
}

}  // namespace

GameProcess::GameProcess(const GameProcessSettings& settings) {
  std::vector<std::string> arguments = settings.arguments;
  if (!settings.outlives_us) {
    arguments.push_back("--exit-with-parent");
    arguments.push_back(std::to_string(getpid()));
  }
  pid_ = Spawn(settings.program.string(), std::move(arguments));
  is_running_ = true;
}

GameProcess::~GameProcess() {
  AskToEnd();
  EndBy(DeadlineIn(kEndsWithin));
}

bool GameProcess::IsRunning() {
  if (is_running_) Reap(WNOHANG);
  return is_running_;
}

void GameProcess::AskToEnd() {
  if (is_running_) ::kill(pid_, SIGTERM);
}

void GameProcess::EndBy(Deadline deadline) {
  while (IsRunning() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
  Kill();
}

void GameProcess::Kill() {
  if (!is_running_) return;
  ::kill(pid_, SIGKILL);
  while (is_running_) Reap(0);
}

void GameProcess::Reap(int options) {
  int status = 0;
  const pid_t reaped = ::waitpid(pid_, &status, options);
  if (reaped == 0 || (reaped < 0 && errno == EINTR)) return;
  is_running_ = false;
  if (reaped < 0) {
    end_ = "was reaped by another part of this program";
  } else if (WIFSIGNALED(status)) {
    end_ = "was ended by signal " + std::to_string(WTERMSIG(status));
  } else {
    end_ = "exited with status " + std::to_string(WEXITSTATUS(status));
  }
}

GameProcesses::GameProcesses(std::vector<GameProcessSettings> games) {
  for (GameProcessSettings& settings : games) {
    games_.push_back(std::make_unique<Game>());
    games_.back()->settings = std::move(settings);
    Start(*games_.back());
  }
  watcher_ = std::thread([this] { Watch(); });
}

GameProcesses::~GameProcesses() {
  StopWatching();
  for (const auto& game : games_) {
    if (game->process) game->process->AskToEnd();
  }
  const Deadline deadline = DeadlineIn(kEndsWithin);
  for (const auto& game : games_) {
    if (game->process) game->process->EndBy(deadline);
  }
}

void GameProcesses::KillAll() {
  StopWatching();
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

void GameProcesses::Replace(int game, Clock::time_point since) {
  At(game).unwanted_since = since;
  has_replacement_ = true;
  wake_.notify_all();
}

void GameProcesses::Start(Game& game) {
  game.started = Clock::now();
  game.process = std::make_unique<GameProcess>(game.settings);
  game.pid = game.process->pid();
  ++game.starts;
}

void GameProcesses::Look(Game& game) {
  if (game.process) {
    const bool is_running = game.process->IsRunning();
    if (is_running && game.started > game.unwanted_since.load()) return;
    if (is_running) game.process->Kill();
    spdlog::warn("game process {} {}", game.process->pid(), game.process->end());
    game.process.reset();
    const bool was_good = Clock::now() - game.started >= kGoodRun;
    game.pause = was_good ? 0ms
                          : std::clamp<std::chrono::milliseconds>(2 * game.pause, kFirstPause,
                                                                  kLongestPause);
  }
  if (Clock::now() < game.started + game.pause) return;
  try {
    Start(game);
  } catch (const std::system_error& error) {
    spdlog::error("{}", error.what());
    game.pause = kLongestPause;
  }
}

void GameProcesses::Watch() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    wake_.wait_for(lock, kLookEvery, [this] { return is_ending_ || has_replacement_.load(); });
    has_replacement_ = false;
    lock.unlock();
    for (const auto& game : games_) Look(*game);
    lock.lock();
  }
}

}  // namespace hotlap
