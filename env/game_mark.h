// What the processes of a game carry in their environment, so that they are found whoever is their
// parent by now: whatever a game's command starts inherits it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace hotlap {

// "HOTLAP_GAME=<buffer name>/<server>/"; without a server, the beginning of all marks of the name.
std::string GameMark(const std::string& buffer_name, const std::string& server = "");
// A name for this process's next GameProcesses that no other on this machine has, nor will have.
std::string NewServerName();

// The living processes whose mark is, or begins with, one of these. A process shows its mark from
// when it has become the program that it was started as.
std::vector<pid_t> ProcessesMarked(const std::vector<std::string>& marks);

}  // namespace hotlap
