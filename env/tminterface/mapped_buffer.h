// The shared buffer of one game: a POSIX shared-memory object "/TMInterfaceN" or a Windows named
// file mapping "TMInterfaceN". One message at a time, in both directions; nothing but the ready
// byte orders it. mapped_buffer_posix.cc and mapped_buffer_win32.cc implement the platform half.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "env/deadline.h"
#include "env/tminterface/message.h"

namespace hotlap::tminterface {

inline constexpr int kMaxInstances = 16;
std::string BufferName(int index);  // "TMInterface0" .. "TMInterface15"

// A message as it was copied out: the reader works on its own copy, never on the shared bytes.
struct RawMessage {
  MessageType type = MessageType::kNone;
  ErrorCode error = ErrorCode::kNone;
  std::span<const std::byte>
      payload;  // everything after the header that may belong to it; valid until the next Poll
};

// Owns the mapping (and, for the game, the name and the lock that says that it is alive). One
// thread at a time.
class MappedBuffer {
 public:
  // The game's end: makes the object with mode 0600 and `size` bytes and locks it. A name whose
  // lock nobody holds was left behind and is taken over in place: the same object, cleared, so that
  // clients that still map it see the new game. Throws std::system_error (in use: EBUSY / names the
  // object).
  static MappedBuffer Create(const std::string& name, std::size_t size = kDefaultBufferSize);
  // The first of TMInterface0..15 that no living game holds.
  static MappedBuffer CreateFirstFree(std::size_t size = kDefaultBufferSize);

  // The client's end. nullopt and a reason when there is no such object, it is not a live game's,
  // it is smaller or larger than `size`, or belongs to another user.
  static std::optional<MappedBuffer> Open(const std::string& name, std::size_t size,
                                          std::string& why_not);

  MappedBuffer(MappedBuffer&&) noexcept;
  MappedBuffer& operator=(MappedBuffer&&) noexcept;
  ~MappedBuffer();  // unmaps; the game's end also removes the name, if it is still its own

  const std::string& name() const { return name_; }
  std::size_t size() const { return size_; }

  // Publishes one message: error code and payload first, then one aligned 32-bit release store of
  // type and ready marker. `fill` gets the payload area and returns its Encoded size.
  template <class Message>
  void Publish(MessageType type, const Message& message) {
    BeginWrite();
    const Encoded encoded = Encode(message, payload_area());
    Commit(type, encoded);
  }
  void PublishResponse(const Response& response) { Publish(MessageType::kResponse, response); }

  // Acquire load; the type if a message is ready, kNone otherwise. Costs one load.
  MessageType ready_type() const {
    const std::uint32_t word =
        std::atomic_ref<std::uint32_t>(*word_).load(std::memory_order_acquire);
    return (word & 0xFF00u) == 0xFF00u ? static_cast<MessageType>(word & 0xFFu)
                                       : MessageType::kNone;
  }
  // Copies the ready message out once (as many bytes as its type and its counts imply, at most the
  // buffer). REQUIRES: ready_type() was not kNone. A response is as long as the request it answers
  // allows, hence `request`.
  RawMessage Read(MessageType request = MessageType::kNone);

  // Zeroes what the last messages used, type word first; not all 65535 bytes.
  void Clear();

  // The client's question: does a living game hold this buffer? One system call; ask it in the slow
  // part of a wait.
  bool game_alive() const;

 private:
  MappedBuffer() = default;
  void BeginWrite();
  void Commit(MessageType type, Encoded encoded);
  std::span<std::byte> payload_area();

  std::string name_;
  std::size_t size_ = 0;
  std::byte* base_ = nullptr;
  std::uint32_t* word_ = nullptr;  // base_, as the type word
  std::size_t used_ = 0;           // high-water mark of bytes that may be non-zero
  std::intptr_t handle_ = -1;      // file descriptor or HANDLE
  bool is_game_ = false;
  std::vector<std::byte> copy_;
};

// How to wait for the other end: yield while news is likely, then sleep in growing steps once it
// has been silent for long, so that sixteen games on two cores stay efficient and an idle server
// costs next to nothing. One object per wait loop; not thread-safe.
class Backoff {
 public:
  struct Settings {
    std::chrono::microseconds yield_for{
        500};  // measured: below this, sleeping costs more than it saves
    std::chrono::microseconds first_sleep{50};
    std::chrono::milliseconds longest_sleep{10};
    int pause_spins =
        0;  // pauses before the first yield; more than 0 only when everybody owns a core
  };
  explicit Backoff(const Settings& settings) : settings_(settings) {}
  Backoff() : Backoff(Settings{}) {}

  // Gives the processor away once; never sleeps past the deadline. Returns false when the deadline
  // has passed.
  bool Pause(Deadline deadline);
  // News has come: the next Pause is a yield again.
  void Reset();
  // True from the first sleep on: the time for system calls such as game_alive().
  bool is_slow() const { return sleep_.count() > 0; }

 private:
  Settings settings_;
  Clock::time_point silent_since_{};
  bool waiting_ = false;
  int spins_ = 0;
  unsigned polls_ = 0;
  std::chrono::microseconds sleep_{0};
};

}  // namespace hotlap::tminterface
