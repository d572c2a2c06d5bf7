#include "transport/signal_handlers.h"

#include <signal.h>

#include <atomic>

namespace hotlap::transport {
namespace {

std::atomic<Server*> signalled_server{nullptr};
static_assert(std::atomic<Server*>::is_always_lock_free);

}  // namespace

SignalHandlers::SignalHandlers(Server& server) {
  signalled_server = &server;
  struct sigaction action {};
  action.sa_handler = [](int) {
    if (Server* stopped = signalled_server.load()) stopped->Stop();
  };
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  action.sa_flags = SA_RESTART;
  action.sa_handler = [](int) {
    if (Server* reloaded = signalled_server.load()) reloaded->Reload();
  };
  sigaction(SIGHUP, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

SignalHandlers::~SignalHandlers() { signalled_server = nullptr; }

}  // namespace hotlap::transport
