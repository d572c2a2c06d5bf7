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
  std::span<const std::byte> payload;  // what belongs to it, as far as its counts tell; valid
                                       // until the next Read
};

// Owns the mapping (and, for the game, the name and the lock that says that it is alive). One
// thread at a time.
class MappedBuffer {
 public:
  // The game's end: makes the object with mode 0600 and `size` bytes and locks it. A name whose
  // lock nobody holds was left behind and is taken over in place: the same object, cleared, so that
  // clients that still map it see the new game (one of another size is replaced). Throws
  // std::system_error that names the object; a living game's or another user's: EBUSY. Throws
  // std::invalid_argument for a name that is empty or holds a slash, and for less than 64 bytes.
  static MappedBuffer Create(const std::string& name, std::size_t size = kDefaultBufferSize);
  // The first of these names that no living game holds. EBUSY: all are held.
  static MappedBuffer CreateFirstFree(std::span<const std::string> names,
                                      std::size_t size = kDefaultBufferSize);
  // Of TMInterface0..15.
  static MappedBuffer CreateFirstFree(std::size_t size = kDefaultBufferSize);

  // The client's end. nullopt and a reason when there is no such object, it is not a live game's,
  // it is smaller or larger than `size`, or belongs to another user. On Windows the size is known
  // only of a view, and there in whole pages.
  static std::optional<MappedBuffer> Open(const std::string& name, std::size_t size,
                                          std::string& why_not);

  MappedBuffer(MappedBuffer&&) noexcept;
  MappedBuffer& operator=(MappedBuffer&&) noexcept;
  ~MappedBuffer();  // unmaps; the game's end also removes the name, if it is still its own

  const std::string& name() const { return name_; }
  std::size_t size() const { return size_; }

  // Publishes one message: error code and payload first, then one aligned 32-bit release store of
  // type and ready marker. Returns kResponseTooLong when the content had to be cut.
  template <class Message>
  ErrorCode Publish(MessageType type, const Message& message) {
    const Encoded encoded = Encode(message, payload_area());
    WritePayload(encoded);
    Store(ReadyWord(type));
    return encoded.error;
  }
  ErrorCode PublishResponse(const Response& response) {
    return Publish(MessageType::kResponse, response);
  }
  // A call of the client. False, and nothing published, when it does not fit: the game must not
  // execute half of it.
  bool PublishWhole(const ClientCall& call) {
    const Encoded encoded = Encode(call, payload_area());
    WritePayload(encoded);
    if (encoded.error != ErrorCode::kNone) return false;
    Store(ReadyWord(TypeOf(call)));
    return true;
  }
  // The game's way to begin a call: a client may deregister or register at any moment, and its
  // message must not be lost. False, and nothing published, when one of the client is ready.
  template <class Message>
  bool TryPublish(MessageType type, const Message& message) {
    const std::uint32_t seen = Load();
    if (IsClientCall(TypeIn(seen))) return false;
    WritePayload(Encode(message, payload_area()));
    return Exchange(seen, ReadyWord(type));
  }

  // Acquire load; the type if a message is ready, kNone otherwise. Costs one load.
  MessageType ready_type() const { return TypeIn(Load()); }
  // Nothing is there, not even a message that is being written.
  bool is_blank() const { return Load() == 0; }
  // Copies the ready message out once (as many bytes as its type and its counts imply, at most the
  // buffer). REQUIRES: ready_type() was not kNone. A response is as long as the request it answers
  // allows, hence `request`.
  RawMessage Read(MessageType request = MessageType::kNone);

  // Zeroes what the last messages used, not all 65535 bytes: the payload, then the type word, which
  // stays if the other end has published since.
  void Clear();

  // The client's question: does the game that held this buffer when it was opened, or at the last
  // MeetGame, still hold it? One that died is gone even if another has taken its name over. One
  // system call; ask it in the slow part of a wait. On Windows only games that mark themselves as
  // this one does can be seen to die; others, and a successor, count as the game that was there.
  bool game_alive() const;
  // From now on the game that holds the buffer now is the one that counts.
  void MeetGame();

 private:
  MappedBuffer() = default;
  // nullopt: a living game holds the name, or it belongs to another user. Throws for all else.
  static std::optional<MappedBuffer> TryCreate(const std::string& name, std::size_t size);
  void Map(void* base);  // takes the mapping over; the game's end clears it
  void Release();        // everything; the game's end also removes the name, if it is still its own

  static constexpr std::uint32_t ReadyWord(MessageType type) {
    return static_cast<std::uint32_t>(type) | 0xFF00u;
  }
  static constexpr MessageType TypeIn(std::uint32_t word) {
    return (word & 0xFF00u) == 0xFF00u ? static_cast<MessageType>(word & 0xFFu)
                                       : MessageType::kNone;
  }
  std::uint32_t Load() const {
    return std::atomic_ref<std::uint32_t>(*word_).load(std::memory_order_acquire);
  }
  void Store(std::uint32_t word) {
    std::atomic_ref<std::uint32_t>(*word_).store(word, std::memory_order_release);
    last_word_ = word;
  }
  bool Exchange(std::uint32_t seen, std::uint32_t word);
  std::span<std::byte> payload_area() { return {base_ + kHeaderSize, size_ - kHeaderSize}; }
  void WritePayload(Encoded encoded);  // the error code, and the account of what is used

  std::string name_;
  std::size_t size_ = 0;
  std::byte* base_ = nullptr;
  std::uint32_t* word_ = nullptr;  // base_, as the type word
  std::uint32_t last_word_ = 0;    // the newest type word that this end wrote or read
  std::size_t used_ = 0;           // high-water mark of bytes that may be non-zero
  std::intptr_t handle_ = -1;      // file descriptor or HANDLE of the mapping
  std::intptr_t life_ = -1;        // what tells that the game is alive: a HANDLE on Windows, else
                                   // the number of its tenure
  bool is_game_ = false;
  std::vector<std::byte> copy_;
};

// How to wait for the other end: spin a moment where that has paid, yield while news is likely,
// then sleep in growing steps once the other end has been silent for long, so that sixteen games on
// two cores stay efficient and an idle server costs next to nothing. It learns whether spinning
// pays from one wait to the next, so one object serves all waits for the same news; not
// thread-safe.
class Backoff {
 public:
  struct Settings {
    std::chrono::microseconds yield_for{
        500};  // measured: below this, sleeping costs more than it saves
    std::chrono::microseconds first_sleep{50};
    std::chrono::milliseconds longest_sleep{10};
    // Pauses before the first yield, about a microsecond. News comes so soon only from an end that
    // has a core of its own; while it does not, all but a few waits yield at once.
    int pause_spins = 64;
  };
  explicit Backoff(const Settings& settings) : settings_(settings) {}
  Backoff() : Backoff(Settings{}) {}

  // Gives the processor away once; never sleeps past the deadline. Returns false when the deadline
  // has passed; a wait that spins or yields looks at the clock only now and then.
  bool Pause(Deadline deadline);
  // News has come: the next Pause begins a new wait.
  void Reset();
  // True from the first sleep on: the time for system calls such as game_alive().
  bool is_slow() const { return sleep_.count() > 0; }
  // Tells the processor that this thread spins: ten nanoseconds or more.
  static void Relax();

 private:
  static constexpr int kMostCredit = 8;
  static constexpr int kWaitsWithoutSpin = 64;  // between two trials once the credit is spent

  bool MaySpin() const { return spins_ < settings_.pause_spins && credit_ > 0; }
  static void YieldOnce();
  static void SleepFor(std::chrono::nanoseconds duration);

  Settings settings_;
  Clock::time_point silent_since_{};
  bool waiting_ = false;
  int spins_ = 0;
  unsigned polls_ = 0;
  std::chrono::microseconds sleep_{0};
  // Spins that brought news less those that did not; below 1 none, up to the next trial.
  int credit_ = kMostCredit / 2;
};

}  // namespace hotlap::tminterface
