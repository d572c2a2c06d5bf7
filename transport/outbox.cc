#include "transport/outbox.h"

#include <algorithm>
#include <utility>

namespace hotlap::transport {
namespace {

constexpr int kSendsPerTimeout = 4;

}  // namespace

tl::expected<std::uint64_t, Refusal> Outbox::Post(Event event, DeliveryMode mode, Callback callback,
                                                  Deadline now) {
  const bool is_far_behind =
      !pending_.empty() && pending_.front().event.number + kEventMemory <= last_number_ + 1;
  if (pending_.size() >= kMaxPendingEvents || is_far_behind) {
    return Refuse(Status::kBusy, "the session has " + std::to_string(pending_.size()) +
                                     " events that are not acknowledged yet");
  }
  const NumberedEvent numbered{++last_number_, mode, std::move(event)};
  pending_.push_back({.event = numbered,
                      .callback = std::move(callback),
                      .next_send = now,
                      .given_up_at = mode == DeliveryMode::kRetry ? kNoDeadline : now + timeout_});
  return numbered.number;
}

std::vector<NumberedEvent> Outbox::TakeDue(bool is_listened_to, Deadline now) {
  std::vector<NumberedEvent> due;
  std::vector<Callback> given_up;
  std::erase_if(pending_, [&](Pending& pending) {
    const bool is_sent_once = pending.event.mode == DeliveryMode::kNone;
    if (now >= pending.given_up_at && !is_sent_once) {
      ++num_timed_out_;
      given_up.push_back(std::move(pending.callback));
      return true;
    }
    if (is_listened_to && now >= pending.next_send) {
      due.push_back(pending.event);
      pending.next_send = now + timeout_ / kSendsPerTimeout;
    }
    return is_sent_once;
  });
  for (const Callback& callback : given_up) {  // which may post the next event
    if (callback) callback(false);
  }
  return due;
}

Deadline Outbox::next_turn(bool is_listened_to) const {
  Deadline next = kNoDeadline;
  for (const Pending& pending : pending_) {
    next = std::min(next, pending.given_up_at);
    if (is_listened_to) next = std::min(next, pending.next_send);
  }
  return next;
}

void Outbox::Acknowledge(std::uint64_t number) {
  const auto found = std::ranges::find_if(
      pending_, [&](const Pending& pending) { return pending.event.number == number; });
  if (found == pending_.end()) return;
  const Callback callback = std::move(found->callback);
  pending_.erase(found);
  ++num_acknowledged_;
  if (callback) callback(true);
}

void Outbox::GiveUp() {
  for (const Pending& pending : std::exchange(pending_, {})) {
    if (pending.event.mode == DeliveryMode::kNone) continue;
    ++num_timed_out_;
    if (pending.callback) pending.callback(false);
  }
}

}  // namespace hotlap::transport
