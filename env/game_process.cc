#include "env/game_process.h"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace hotlap {
namespace {

using namespace std::chrono_literals;

constexpr auto kEndsWithin = 1s;

}  // namespace

GameProcess::GameProcess(const SpawnSettings& settings) : pid_(Spawn(settings)) {
  is_running_ = true;
}

GameProcess::~GameProcess() {
  AskToEnd();
  EndBy(DeadlineIn(kEndsWithin));
}

bool GameProcess::IsRunning() {
  if (is_running_) Reap(false);
  return is_running_;
}

void GameProcess::AskToEnd() {
  if (is_running_) ::kill(-pid_, SIGTERM);
}

void GameProcess::EndBy(Deadline deadline) {
  while (IsRunning() && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
  Kill();
}

void GameProcess::Kill() {
  if (!is_running_) return;
  ::kill(-pid_, SIGKILL);
  while (is_running_) Reap(true);
}

void GameProcess::Reap(bool waits) {
  // Only until it is reaped, its id is that of its group for sure.
  siginfo_t seen{};
  const int options = WEXITED | WNOWAIT | (waits ? 0 : WNOHANG);
  const bool is_ours = ::waitid(P_PID, static_cast<id_t>(pid_), &seen, options) == 0;
  if (is_ours && seen.si_pid == 0) return;
  if (!is_ours && errno == EINTR) return;
  is_running_ = false;
  int status = 0;
  if (is_ours) ::kill(-pid_, SIGKILL);  // what it has left behind
  if (!is_ours || ::waitpid(pid_, &status, 0) != pid_) {
    end_ = "was reaped by another part of this program";
  } else if (WIFSIGNALED(status)) {
    end_ = "was ended by signal " + std::to_string(WTERMSIG(status));
  } else {
    end_ = "exited with status " + std::to_string(WEXITSTATUS(status));
  }
}

}  // namespace hotlap
