// Program hotlap-game: the embedded game behind a TMInterface buffer, for any TMInterface client.
#include <poll.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "env/sim/game.h"
#include "env/track_config.h"
#include "env/vehicle_config.h"

namespace hotlap::sim {
namespace {

std::atomic<bool> was_signalled = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void StopOnSignals() {
  struct sigaction action {};
  action.sa_handler = [](int) { was_signalled = true; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  // Reading the terminal from the background, or writing to a reader that has left, is an error
  // that the caller sees, not an end.
  for (const int signal : {SIGTTIN, SIGPIPE}) ::signal(signal, SIG_IGN);
}

// A longer console line is dropped.
constexpr std::size_t kLongestLine = 65536;
constexpr std::uintmax_t kLargestScript = 4 << 20;

// Lines from a file descriptor, never waiting for one, and never holding more than two longest
// lines.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}

  void ReadWhatIsThere() {
    text_.erase(0, std::exchange(next_, 0));
    pollfd source{fd_, POLLIN, 0};
    while (!is_at_end_ && text_.size() <= kLongestLine && ::poll(&source, 1, 0) == 1) {
      std::array<char, 4096> bytes;
      const ssize_t size = ::read(fd_, bytes.data(), bytes.size());
      if (size <= 0) {
        is_at_end_ = true;
      } else {
        text_.append(bytes.data(), static_cast<std::size_t>(size));
      }
    }
  }

  std::optional<std::string> Next() {
    std::size_t end = text_.find('\n', next_);
    if (end != std::string::npos && std::exchange(is_dropping_, false)) {
      next_ = end + 1;
      end = text_.find('\n', next_);
    }
    if (end == std::string::npos) {
      if (!is_dropping_ && text_.size() - next_ <= kLongestLine) return std::nullopt;
      if (!std::exchange(is_dropping_, true)) {
        spdlog::error("a line of more than {} bytes was dropped", kLongestLine);
      }
      next_ = text_.size();
      return std::nullopt;
    }
    std::string line = text_.substr(next_, end - next_);
    next_ = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }

 private:
  const int fd_;
  bool is_at_end_ = false;
  bool is_dropping_ = false;  // up to the next end of a line
  std::string text_;
  std::size_t next_ = 0;  // of text_: what was not taken yet
};

class Host final : public GameHost {
 public:
  Host(std::filesystem::path track_path, std::optional<pid_t> parent)
      : track_path_(std::move(track_path)), parent_(parent) {}

  bool stop_requested() override { return was_signalled || is_orphan_; }
  void Attend() override {
    console_.ReadWhatIsThere();
    if (parent_ && ::getppid() != *parent_) is_orphan_ = true;
  }
  std::optional<std::string> NextConsoleLine() override { return console_.Next(); }

  void Log(tminterface::LogSeverity severity, std::string_view text) override {
    switch (severity) {
      case tminterface::LogSeverity::kLog:
      case tminterface::LogSeverity::kSuccess:
        return spdlog::info("{}", text);
      case tminterface::LogSeverity::kWarning:
        return spdlog::warn("{}", text);
      case tminterface::LogSeverity::kError:
        return spdlog::error("{}", text);
    }
  }

  std::shared_ptr<const Track> LoadTrack(const std::string& path) override {
    std::filesystem::path found = track_path_.parent_path() / path;
    if (!std::filesystem::exists(found)) found = path;
    std::shared_ptr<const Track> track = Track::Build(LoadTrackSpec(found));
    track_path_ = found;
    return track;
  }

  std::string ReadText(const std::string& path) override {
    std::error_code error;  // also for what is no file and may never end
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    std::ifstream file(path, std::ios::binary);
    if (error || !file) throw std::runtime_error(path + " cannot be read");
    if (size > kLargestScript) {
      throw std::runtime_error(path + " has " + std::to_string(size) + " bytes, allowed are " +
                               std::to_string(kLargestScript));
    }
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::filesystem::path track_path_;
  const std::optional<pid_t> parent_;
  bool is_orphan_ = false;
  LineReader console_{STDIN_FILENO};
};

struct Flags {
  std::string name;
  std::filesystem::path track, vehicle;
  std::string speed = "1";
  std::size_t buffer_size = tminterface::kDefaultBufferSize;
  std::optional<pid_t> parent;
  std::string simulate;
  std::string log_level = "info";
};

GameSettings SettingsOf(const Flags& flags) {
  GameSettings settings;
  if (!flags.vehicle.empty()) settings.vehicle = LoadVehicleParams(flags.vehicle);
  if (flags.speed == "max") {
    settings.free_running = true;
  } else {
    settings.speed = CLI::detail::lexical_cast(flags.speed, settings.speed) ? settings.speed : -1;
    if (!(settings.speed >= 0 && settings.speed <= std::numeric_limits<double>::max())) {
      throw std::invalid_argument("--speed: '" + flags.speed +
                                  "' is neither max nor a number of at least 0");
    }
  }
  return settings;
}

int Run(const Flags& flags) {
  const GameSettings settings = SettingsOf(flags);
  std::shared_ptr<const Track> track = Track::Build(LoadTrackSpec(flags.track));
  tminterface::MappedBuffer buffer =
      flags.name.empty() ? tminterface::MappedBuffer::CreateFirstFree(flags.buffer_size)
                         : tminterface::MappedBuffer::Create(flags.name, flags.buffer_size);
  const std::string name = buffer.name();
  spdlog::set_default_logger(spdlog::stderr_color_mt(name));
  spdlog::set_level(spdlog::level::from_str(flags.log_level));
  Host host(flags.track, flags.parent);
  Game game(std::move(buffer), std::move(track), settings, host);
  if (!flags.simulate.empty()) game.SimulateForFirstClient(flags.simulate);
  // For whoever started us: the buffer is there and can be opened.
  std::printf("ready %s\n", name.c_str());
  std::fflush(stdout);
  game.Run();
  return 0;
}

}  // namespace
}  // namespace hotlap::sim

int main(int argc, char** argv) {
  hotlap::sim::Flags flags;
  CLI::App app(
      "A TrackMania-like game that any TMInterface 1.4 client can drive: a call per tick over "
      "shared "
      "memory.\nLines on standard input are console commands (map, set, press, rel, steer, gas, "
      "load, unload, simulate, deregister).");
  app.name("hotlap-game");
  app.add_option("--name", flags.name,
                 "name of the shared memory (default: the first free of TMInterface0 to "
                 "TMInterface15)");
  app.add_option("--track", flags.track, "YAML file of the track")->required();
  app.add_option("--vehicle", flags.vehicle, "YAML file of the car (default: the built-in car)");
  app.add_option(
         "--speed", flags.speed,
         "times real time; 0 pauses; max: as fast as the client answers, whatever speed the "
         "client sets")
      ->capture_default_str();
  app.add_option("--buffer-size", flags.buffer_size, "bytes of the shared memory")
      ->check(CLI::Range(16384, 1 << 26))
      ->capture_default_str();
  app.add_option("--exit-with-parent", flags.parent,
                 "end when the process that started this one is no longer PID")
      ->type_name("PID");
  app.add_option("--simulate", flags.simulate,
                 "simulate this input script (simulation mode) for the first client, then race");
  app.add_option("--log-level", flags.log_level, "least severity that is logged")
      ->check(CLI::IsMember({"info", "warning", "error", "off"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  hotlap::sim::StopOnSignals();
  try {
    return hotlap::sim::Run(flags);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-game: %s\n", error.what());
    return 2;
  }
}
