#include "transport/stop_on_signals.h"

#include <signal.h>

#include <atomic>

namespace hotlap::transport {
namespace {

std::atomic<Server*> server_to_stop{nullptr};
static_assert(std::atomic<Server*>::is_always_lock_free);

}  // namespace

StopOnSignals::StopOnSignals(Server& server) {
  server_to_stop = &server;
  struct sigaction action {};
  action.sa_handler = [](int) {
    if (Server* stopped = server_to_stop.load()) stopped->Stop();
  };
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

StopOnSignals::~StopOnSignals() { server_to_stop = nullptr; }

}  // namespace hotlap::transport
