#include "transport/message_board.h"

#include <algorithm>
#include <utility>

namespace hotlap::transport {

bool PostAllowance::Take(Deadline now) {
  const Deadline full_at = std::max(full_at_, now) + kEach;
  if (full_at > now + kAtOnce * kEach) return false;
  full_at_ = full_at;
  return true;
}

void MessageBoard::Post(PostedMessage message) {
  const std::lock_guard lock(mutex_);
  message.number = ++last_number_;
  messages_.push_back(std::move(message));
  if (messages_.size() > size_) messages_.pop_front();
}

std::vector<PostedMessage> MessageBoard::Since(std::uint64_t number) const {
  std::vector<PostedMessage> found;
  const std::lock_guard lock(mutex_);
  for (const PostedMessage& message : messages_) {
    if (message.number > number) found.push_back(message);
  }
  return found;
}

void MessageBoard::Clear() {
  const std::lock_guard lock(mutex_);
  messages_.clear();
}

}  // namespace hotlap::transport
