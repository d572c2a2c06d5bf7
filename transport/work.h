// Requests on their way through the server.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "transport/protocol.h"

namespace hotlap::transport {

// A decoded header and the arrays that came with it, as many as its operation takes.
struct Work {
  Request request;
  std::vector<zmq::message_t> arrays;
};

// What a session still has to do, in order. From any thread.
class WorkQueue {
 public:
  void Push(Work work) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  std::optional<Work> Pop() {  // empty: there is none
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return std::nullopt;
    Work work = std::move(queue_.front());
    queue_.pop_front();
    return work;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Work> queue_;
};

}  // namespace hotlap::transport
