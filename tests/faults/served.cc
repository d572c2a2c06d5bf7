#include "tests/faults/served.h"

#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "env/game_mark.h"
#include "tests/faults/local_rows.h"

namespace hotlap::faults {
namespace {

namespace fs = std::filesystem;

std::string Seconds(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration<double>(time).count());
}

}  // namespace

Served::Served(int games)
    : games_(games),
      tag_("hotlap-faults-" + std::to_string(getpid())),
      directory_(fs::temp_directory_path() / tag_),
      endpoint_("ipc://" + (directory_ / "socket").string()) {
  fs::create_directories(directory_);
  std::ofstream config(directory_ / "server.yaml");
  config << "endpoints: [\"" << endpoint_ << "\"]\nthreads: 2\n"
         << "environments: " << (Configs() / "environments").string() << "\n"
         << "tracks: " << (Configs() / "tracks").string() << "\n"
         << "vehicle: " << (Configs() / "vehicles/stadium.yaml").string() << "\n"
         << "simulated: 0\nlog_level: \"off\"\n"
         << "sessions: {timeout_s: " << Seconds(kSessionTimeout) << ", lease_grace_s: 1}\n"
         << "games:\n  count: " << games << "\n  game_timeout_s: " << Seconds(kGameTimeout)
         << "\n  client_timeout_s: 0.3\n  restarts_per_hour: 100000\n  names: [";
  for (int game = 0; game < games; ++game) config << (game > 0 ? ", " : "") << GameName(game);
  config << "]\n";
  config.close();
  Start();
}

Served::~Served() {
  process_.reset();
  fs::remove_all(directory_);
}

void Served::Start() {
  process_ = std::make_unique<Process>(std::vector<std::string>{
      HOTLAP_PROGRAM_DIR "/hotlap-serve", "--config", (directory_ / "server.yaml").string()});
  if (process_->ReadLine(std::chrono::seconds(60)) != "ready " + endpoint_) {
    throw std::runtime_error("hotlap-serve does not come up");
  }
}

pid_t Served::game(int game) const {
  const std::vector<pid_t> marked = ProcessesMarked({GameMark(GameName(game))});
  return marked.empty() ? 0 : marked.back();  // that of the living server
}

std::vector<std::string> Served::Remains() const {
  std::vector<std::string> remains;
  for (const auto& entry : fs::directory_iterator("/dev/shm")) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(tag_ + "-")) remains.push_back(entry.path().string());
  }
  for (int game = 0; game < games_; ++game) {
    for (const pid_t pid : ProcessesMarked({GameMark(GameName(game))})) {
      remains.push_back("process " + std::to_string(pid) + " of " + GameName(game));
    }
  }
  return remains;
}

}  // namespace hotlap::faults
