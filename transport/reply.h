// Replies as they go to the socket: messages over reference-counted buffers. A buffer is written
// before its reply is handed on, and never again while anything refers to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "transport/replies.h"

namespace hotlap::transport {

// Memory of one reply's arrays, aligned to 64. Its references are the ring's and those of the
// messages made over it; whoever drops the last frees it, on any thread.
class ReplyBuffer {
 public:
  static ReplyBuffer* New(std::size_t bytes);  // with one reference
  void Release();
  bool held_elsewhere() const { return references_.load(std::memory_order_acquire) > 1; }
  std::byte* data() { return data_; }

  // A message over part of the buffer. Tiny parts are copied: ZeroMQ keeps them inside the message.
  zmq::message_t Message(std::byte* begin, std::size_t bytes);

 private:
  ReplyBuffer(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  ~ReplyBuffer() = default;

  std::atomic<int> references_{1};
  std::byte* data_;
  std::size_t size_;
};

// The buffers of a session, all of one size, made when they are first needed. The first that nobody
// holds is written next. Of `window` replies that are kept and as many that are finished or being
// written, each may hold one, and a peer in this process reads another: a session whose client
// reads what it asks for never holds more, however late the socket's thread comes. When all are
// held, the network's queue is full of replies that nobody reads: one is left to its holders and
// replaced. One caller at a time.
class ReplyRing {
 public:
  ReplyRing(int window, std::size_t bytes);
  ~ReplyRing();
  ReplyRing(const ReplyRing&) = delete;
  ReplyRing& operator=(const ReplyRing&) = delete;

  // Valid until the next call or until the ring goes; messages made over it keep it alive.
  ReplyBuffer& Next();

 private:
  const std::size_t bytes_;
  std::vector<ReplyBuffer*> buffers_;  // those not made yet are nullptr, at the end
  std::size_t replaced_ = 0;           // the next to be, when all are held
};

// Frames of one reply, without the identity that routes it.
struct Reply {
  std::vector<zmq::message_t> frames;
  Status status = Status::kOk;  // that its header tells

  static Reply HeaderOnly(const std::string& header);
  static Reply Of(std::uint64_t id, const Refusal& status);  // kOk is one too
  std::size_t bytes() const;
  Reply Share();  // a second reference to the same frames; REQUIRES: the caller owns this one
};

}  // namespace hotlap::transport
