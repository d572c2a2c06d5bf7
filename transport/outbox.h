// The events of one session on their way to its client: numbered, sent again as their mode wants,
// and acknowledged. Lives on the server's thread; time is passed in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/deadline.h"
#include "transport/event.h"
#include "transport/status.h"

namespace hotlap::transport {

inline constexpr std::size_t kMaxPendingEvents = 64;  // of one session
// An event is never sent when so many later ones have been: so far back a client looks for
// duplicates.
inline constexpr std::uint64_t kEventMemory = 1024;

class Outbox {
 public:
  // Whether the client has acknowledged it; not called for kNone.
  using Callback = std::function<void(bool is_acknowledged)>;

  explicit Outbox(std::chrono::milliseconds message_timeout = std::chrono::seconds(1))
      : timeout_(message_timeout) {}

  // Gives the event its number. kBusy: too many are not acknowledged yet.
  tl::expected<std::uint64_t, Refusal> Post(Event event, DeliveryMode mode, Callback callback,
                                            Deadline now);
  // What is to be sent now, oldest first; calls back for those that are given up. While nobody
  // listens nothing is sent, and those that are sent once are dropped.
  std::vector<NumberedEvent> TakeDue(bool is_listened_to, Deadline now);
  // When there will be something to take; kNoDeadline: never without another call.
  Deadline next_turn(bool is_listened_to) const;
  // The client has it: calls back. What is not pending any more is passed over.
  void Acknowledge(std::uint64_t number);
  void GiveUp();  // all of them: the session ends

  std::size_t num_pending() const { return pending_.size(); }
  std::uint64_t num_acknowledged() const { return num_acknowledged_; }
  std::uint64_t num_timed_out() const { return num_timed_out_; }  // and other ones given up

 private:
  struct Pending {
    NumberedEvent event{};
    Callback callback{};
    Deadline next_send{};
    Deadline given_up_at{};
  };

  std::chrono::milliseconds timeout_;
  std::uint64_t last_number_ = 0;
  std::deque<Pending> pending_;
  std::uint64_t num_acknowledged_ = 0, num_timed_out_ = 0;
};

}  // namespace hotlap::transport
