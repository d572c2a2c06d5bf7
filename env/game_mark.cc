#include "env/game_mark.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "env/deadline.h"

namespace hotlap {
namespace {

std::string ReadAll(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);  // that of another user is not ours to read
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Dead processes have no environment any more, so what has one lives.
bool HasVariable(const std::string& environment, const std::string& beginning) {
  return environment.starts_with(beginning) ||
         environment.find('\0' + beginning) != std::string::npos;
}

}  // namespace

std::string GameMark(const std::string& buffer_name, const std::string& server) {
  const std::string all = "HOTLAP_GAME=" + buffer_name + "/";
  return server.empty() ? all : all + server + "/";
}

std::string NewServerName() {
  static std::atomic<int> number{0};
  return std::to_string(getpid()) + "." + std::to_string(Clock::now().time_since_epoch().count()) +
         "." + std::to_string(++number);
}

std::vector<pid_t> ProcessesMarked(const std::vector<std::string>& marks) {
  std::vector<pid_t> marked;
  std::error_code ignored;  // of a process that ends while we look
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    const std::string environment = ReadAll(entry.path() / "environ");
    const auto carries = [&](const std::string& mark) { return HasVariable(environment, mark); };
    if (std::ranges::any_of(marks, carries)) marked.push_back(pid);
  }
  return marked;
}

}  // namespace hotlap
