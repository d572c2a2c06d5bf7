// Program hotlap-keeper: ends the games of a server that has gone. Its standard input is a pipe
// whose other end the server holds; see game_keeper.h. Usage: hotlap-keeper SERVER BUFFER_NAME...
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "env/deadline.h"
#include "env/game_mark.h"
#include "env/tminterface/mapped_buffer.h"

namespace hotlap {
namespace {

using namespace std::chrono_literals;

constexpr auto kEndsWithin = 500ms;  // after SIGTERM
constexpr auto kLookEvery = 10ms;
// A game that was just being started carries its mark a moment later.
constexpr int kLooksWithoutAny = 5;

void AwaitEndOfServer() {
  char byte;
  ssize_t size;
  do {
    size = ::read(STDIN_FILENO, &byte, 1);
  } while (size > 0 || (size < 0 && errno == EINTR));
}

void EndGames(const std::vector<std::string>& marks) {
  const Deadline deadline = DeadlineIn(kEndsWithin);
  for (int looks = 0; looks < kLooksWithoutAny; ++looks) {
    for (const pid_t pid : ProcessesMarked(marks)) {
      looks = 0;
      ::kill(pid, Clock::now() < deadline ? SIGTERM : SIGKILL);
      ::kill(pid, SIGCONT);
    }
    std::this_thread::sleep_for(kLookEvery);
  }
}

// Of names that a game was killed with.
void Free(const std::string& buffer_name) {
  try {
    tminterface::MappedBuffer::Create(buffer_name);
  } catch (const std::system_error&) {  // it is a game's of somebody else by now
  }
}

int Keep(const std::string& server, const std::vector<std::string>& buffer_names) {
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGQUIT}) ::signal(signal, SIG_IGN);
  std::vector<std::string> marks;
  marks.reserve(buffer_names.size());
  for (const std::string& name : buffer_names) marks.push_back(GameMark(name, server));
  AwaitEndOfServer();
  EndGames(marks);
  for (const std::string& name : buffer_names) Free(name);
  return 0;
}

}  // namespace
}  // namespace hotlap

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: hotlap-keeper SERVER BUFFER_NAME...\n");
    return 2;
  }
  try {
    return hotlap::Keep(argv[1], {argv + 2, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-keeper: %s\n", error.what());
    return 2;
  }
}
