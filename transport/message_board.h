// What clients say to each other: the latest messages, for all to read. Safe to use from any
// thread; time is passed in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "env/deadline.h"
#include "transport/status.h"

namespace hotlap::transport {

inline constexpr int kMaxBoardSize = 1000;

struct PostedMessage {
  std::uint64_t number = 0;       // from 1, growing by one, whatever is dropped
  std::int64_t time_ms = 0;       // since 1970
  std::string session{}, nick{};  // of who posted it: public id, and nick then
  std::string text{};             // printable
};

// How much one session may still post: some at once, later one a second.
class PostAllowance {
 public:
  static constexpr int kAtOnce = 5;
  static constexpr std::chrono::seconds kEach{1};

  bool Take(Deadline now);  // false: nothing is left

 private:
  Deadline full_at_{};  // then all of it is there again
};

class MessageBoard {
 public:
  explicit MessageBoard(std::size_t size) : size_(size) {}  // the latest so many are kept

  // Gives it its number.
  void Post(PostedMessage message);
  std::vector<PostedMessage> Since(std::uint64_t number) const;  // greater ones, oldest first
  void Clear();

 private:
  const std::size_t size_;
  mutable std::mutex mutex_;
  std::uint64_t last_number_ = 0;
  std::deque<PostedMessage> messages_;
};

}  // namespace hotlap::transport
