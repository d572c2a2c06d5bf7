// The half of the mapped buffer that is the same on every platform, and the waiting strategy.
#include "env/tminterface/mapped_buffer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace hotlap::tminterface {
namespace {

constexpr std::size_t kSmallestBuffer = 64;  // holds every message that has no vector

[[noreturn]] void ThrowBusy(const std::string& what) {
  throw std::system_error(EBUSY, std::generic_category(), what);
}

}  // namespace

std::string BufferName(int index) { return "TMInterface" + std::to_string(index); }

MappedBuffer MappedBuffer::Create(const std::string& name, std::size_t size) {
  if (name.empty() || name.find_first_of("/\\") != std::string::npos) {
    throw std::invalid_argument("buffer name \"" + name + "\": must not be empty nor hold a slash");
  }
  if (size < kSmallestBuffer) {
    throw std::invalid_argument("buffer size " + std::to_string(size) + ": must be at least " +
                                std::to_string(kSmallestBuffer));
  }
  std::optional<MappedBuffer> buffer = TryCreate(name, size);
  if (!buffer) ThrowBusy("shared memory " + name + " is in use by another game or user");
  return *std::move(buffer);
}

MappedBuffer MappedBuffer::CreateFirstFree(std::span<const std::string> names, std::size_t size) {
  for (const std::string& name : names) {
    try {
      return Create(name, size);
    } catch (const std::system_error& error) {
      if (error.code().value() != EBUSY) throw;
    }
  }
  ThrowBusy("all of " + names.front() + " to " + names.back() + " are in use");
}

MappedBuffer MappedBuffer::CreateFirstFree(std::size_t size) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(kMaxInstances));
  for (int i = 0; i < kMaxInstances; ++i) names.push_back(BufferName(i));
  return CreateFirstFree(names, size);
}

MappedBuffer::MappedBuffer(MappedBuffer&& other) noexcept { *this = std::move(other); }

MappedBuffer& MappedBuffer::operator=(MappedBuffer&& other) noexcept {
  if (this == &other) return *this;
  Release();
  name_ = std::exchange(other.name_, {});
  size_ = std::exchange(other.size_, 0);
  base_ = std::exchange(other.base_, nullptr);
  word_ = std::exchange(other.word_, nullptr);
  last_word_ = other.last_word_;
  used_ = other.used_;
  handle_ = std::exchange(other.handle_, -1);
  life_ = std::exchange(other.life_, -1);
  is_game_ = other.is_game_;
  copy_ = std::exchange(other.copy_, {});
  return *this;
}

MappedBuffer::~MappedBuffer() { Release(); }

void MappedBuffer::Map(void* base) {
  base_ = static_cast<std::byte*>(base);
  word_ = static_cast<std::uint32_t*>(base);
  used_ = kHeaderSize;
  copy_.resize(size_ - kHeaderSize);
  if (!is_game_) return;
  // Of a game that is gone; the type word is taken back before and after the rest.
  Store(0);
  std::memset(base_ + sizeof(*word_), 0, size_ - sizeof(*word_));
  Store(0);
}

bool MappedBuffer::Exchange(std::uint32_t seen, std::uint32_t word) {
  if (!std::atomic_ref<std::uint32_t>(*word_).compare_exchange_strong(
          seen, word, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    return false;
  }
  last_word_ = word;
  return true;
}

void MappedBuffer::WritePayload(Encoded encoded) {
  std::memcpy(base_ + sizeof(*word_), &encoded.error, sizeof encoded.error);
  const std::size_t end = kHeaderSize + encoded.payload_size;
  if (is_game_ && used_ > end) {  // the game zeroes the request that it answers
    std::memset(base_ + end, 0, used_ - end);
    used_ = end;
  }
  used_ = std::max(used_, end);
}

RawMessage MappedBuffer::Read(MessageType request) {
  // The other end zeroes everything after it has read a response (client) and before it begins a
  // call (game): what was used before is clean then.
  const std::uint32_t previous = std::exchange(last_word_, Load());
  const MessageType type = TypeIn(last_word_);
  if (is_game_ ? TypeIn(previous) == MessageType::kResponse : IsServerCall(type)) {
    used_ = kHeaderSize;
  }

  RawMessage message{.type = type, .error = ErrorCode::kNone, .payload = {}};
  std::memcpy(&message.error, base_ + sizeof(*word_), sizeof message.error);
  std::size_t copied = 0;
  for (;;) {
    const std::size_t needed =
        std::min(PayloadNeeded(type, request, {copy_.data(), copied}), copy_.size());
    if (needed <= copied) break;
    std::memcpy(copy_.data() + copied, base_ + kHeaderSize + copied, needed - copied);
    // The other end may write at any time; only the copy counts, and the compiler must not go back
    // to the shared bytes.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    copied = needed;
  }
  used_ = std::max(used_, kHeaderSize + copied);
  message.payload = {copy_.data(), copied};
  return message;
}

void MappedBuffer::Clear() {
  std::memset(base_ + sizeof(*word_), 0, used_ - sizeof(*word_));
  used_ = kHeaderSize;
  Exchange(last_word_, 0);
}

// ---- Backoff

bool Backoff::Pause(Deadline deadline) {
  constexpr unsigned kPollsPerClock = 8;  // reading the clock costs a tenth of a yield
  if (MaySpin()) {
    ++spins_;
    Relax();
    return true;
  }
  if (sleep_.count() == 0 && polls_++ % kPollsPerClock != 0) {
    YieldOnce();
    return true;
  }
  const Clock::time_point now = Clock::now();
  if (now >= deadline) return false;
  if (!waiting_) {
    waiting_ = true;
    silent_since_ = now;
  }
  if (now - silent_since_ < settings_.yield_for) {
    YieldOnce();
    return true;
  }
  sleep_ = sleep_.count() == 0
               ? settings_.first_sleep
               : std::min<std::chrono::microseconds>(2 * sleep_, settings_.longest_sleep);
  SleepFor(std::min<std::chrono::nanoseconds>(sleep_, deadline - now));
  return true;
}

void Backoff::Reset() {
  if (spins_ > 0 && polls_ == 0) {
    credit_ = std::min(credit_ + 1, kMostCredit);
  } else if (spins_ > 0) {
    if (--credit_ == 0) credit_ = -kWaitsWithoutSpin;
  } else if (polls_ > 0 && credit_ < 1) {
    ++credit_;
  }
  waiting_ = false;
  spins_ = 0;
  polls_ = 0;
  sleep_ = std::chrono::microseconds(0);
}

void Backoff::Relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace hotlap::tminterface
