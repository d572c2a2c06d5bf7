// SIGINT and SIGTERM stop a server, for programs that want that: the library installs no handler
// unless one of these is made.
#pragma once

#include "transport/server.h"

namespace hotlap::transport {

// As long as it lives, and of one server at a time. SIGPIPE is ignored from then on.
class StopOnSignals {
 public:
  explicit StopOnSignals(Server& server);
  ~StopOnSignals();
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;
};

}  // namespace hotlap::transport
