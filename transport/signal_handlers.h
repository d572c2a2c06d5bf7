// SIGINT and SIGTERM stop a server and SIGHUP makes it read its lists again, for programs that want
// that: the library installs no handler unless one of these is made.
#pragma once

#include "transport/server.h"

namespace hotlap::transport {

// As long as it lives, and of one server at a time. SIGPIPE is ignored from then on.
class SignalHandlers {
 public:
  explicit SignalHandlers(Server& server);
  ~SignalHandlers();
  SignalHandlers(const SignalHandlers&) = delete;
  SignalHandlers& operator=(const SignalHandlers&) = delete;
};

}  // namespace hotlap::transport
