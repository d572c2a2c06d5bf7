// The server under test: a process of hotlap-serve with games of its own, under names that nobody
// else has.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/process.h"

namespace hotlap::faults {

class Served {
 public:
  explicit Served(int games);  // throws when it does not come up
  ~Served();
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  void Start();  // again, after its end
  Process& process() { return *process_; }
  const std::string& endpoint() const { return endpoint_; }
  // Of the game's process; 0: there is none at the moment.
  pid_t game(int game) const;
  std::string GameName(int game) const { return tag_ + "-" + std::to_string(game); }
  // What is left of it: names in /dev/shm, and processes of games.
  std::vector<std::string> Remains() const;

  static constexpr std::chrono::milliseconds kGameTimeout{600};
  static constexpr std::chrono::milliseconds kSessionTimeout{1500};

 private:
  const int games_;
  const std::string tag_;
  const std::filesystem::path directory_;
  const std::string endpoint_;
  std::unique_ptr<Process> process_;
};

}  // namespace hotlap::faults
