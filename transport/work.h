// Requests on their way through the server.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "env/deadline.h"
#include "transport/game_pool.h"
#include "transport/protocol.h"

namespace hotlap::transport {

// A decoded header and the arrays that came with it, as many as its operation takes: those that
// were left out are empty.
struct Work {
  Request request;
  std::vector<zmq::message_t> arrays;
  // Of an attach that waits for games, and until when.
  std::optional<PlaceInLine> place{};
  Deadline wait_until{};
};

// What a session still has to do, in order. From any thread.
class WorkQueue {
 public:
  void Push(Work work) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::make_shared<Work>(std::move(work)));
  }
  std::shared_ptr<Work> Pop() {  // nullptr: there is none
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return nullptr;
    std::shared_ptr<Work> work = std::move(queue_.front());
    queue_.pop_front();
    return work;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Work>> queue_;
};

}  // namespace hotlap::transport
