// A request on its way through the server.
#pragma once

#include <vector>
#include <zmq.hpp>

#include "transport/protocol.h"

namespace hotlap::transport {

// A decoded header and the arrays that came with it, as many as its operation takes.
struct Work {
  Request request;
  std::vector<zmq::message_t> arrays;
};

}  // namespace hotlap::transport
