// What tests need to look at a mapped buffer from outside, and to be its other end by hand.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "env/tminterface/client.h"
#include "env/tminterface/mapped_buffer.h"
#include "tests/env/tminterface/golden_vectors.h"

namespace hotlap::tminterface {

// A name that no other test and no other run uses.
inline std::string UniqueName() {
  static std::atomic<int> count = 0;
  return "hotlap-tmi-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
}

inline bool NameExists(const std::string& name) {
  const int fd = ::shm_open(("/" + name).c_str(), O_RDONLY, 0);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

// How long a test waits for what must come; a failure, not a measurement.
inline Deadline Soon() { return DeadlineIn(std::chrono::seconds(20)); }

template <class Condition>
bool Await(Condition condition) {
  const Deadline deadline = Soon();
  Backoff backoff;
  while (!condition()) {
    if (!backoff.Pause(deadline)) return false;
  }
  return true;
}

// The client's end of an existing buffer.
inline MappedBuffer OpenBuffer(const std::string& name, std::size_t size = kDefaultBufferSize) {
  std::string why_not;
  std::optional<MappedBuffer> buffer = MappedBuffer::Open(name, size, why_not);
  if (!buffer) throw std::runtime_error(why_not);
  return *std::move(buffer);
}

// The bytes of a buffer, as a peer of any kind sees and writes them.
class RawBuffer {
 public:
  explicit RawBuffer(const std::string& name) {
    const int fd = ::shm_open(("/" + name).c_str(), O_RDWR, 0);
    if (fd < 0) throw std::runtime_error("no shared memory " + name);
    struct stat status {};
    ::fstat(fd, &status);
    size_ = static_cast<std::size_t>(status.st_size);
    mode_ = status.st_mode & 0777;
    base_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (base_ == MAP_FAILED) throw std::runtime_error("cannot map " + name);
  }
  RawBuffer(const RawBuffer&) = delete;
  RawBuffer& operator=(const RawBuffer&) = delete;
  ~RawBuffer() { ::munmap(base_, size_); }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(base_), size_}; }
  mode_t mode() const { return mode_; }
  std::string Hex(std::size_t size) const { return ToHex(bytes().first(size)); }
  std::uint32_t word() const {
    return std::atomic_ref<std::uint32_t>(*static_cast<std::uint32_t*>(base_))
        .load(std::memory_order_acquire);
  }
  bool AwaitWord(std::uint32_t expected) const {
    return Await([&] { return word() == expected; });
  }
  bool AwaitReady(MessageType type) const {
    return AwaitWord(0xFF00u | static_cast<std::uint32_t>(type));
  }
  bool is_zero() const {
    return std::all_of(bytes().begin(), bytes().end(),
                       [](std::byte b) { return b == std::byte{}; });
  }

  // All but the first word, then that word.
  void Write(std::span<const std::byte> message) const {
    std::copy(message.begin() + 4, message.end(), bytes().begin() + 4);
    std::uint32_t first = 0;
    std::memcpy(&first, message.data(), sizeof first);
    Store(first);
  }
  void Write(const std::string& hex) const { Write(FromHex(hex)); }
  // As the official client does it.
  void ZeroAll() const {
    std::memset(bytes().data() + 4, 0, size_ - 4);
    Store(0);
  }

 private:
  void Store(std::uint32_t word) const {
    std::atomic_ref<std::uint32_t>(*static_cast<std::uint32_t*>(base_))
        .store(word, std::memory_order_release);
  }

  void* base_ = nullptr;
  std::size_t size_ = 0;
  mode_t mode_ = 0;
};

// Another process that runs `body` and is killed when this goes. The body says with `ready` when it
// has come where the test wants it.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<void(const std::function<void()>& ready)>& body) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      try {
        body([&] { (void)!::write(ends[1], "x", 1); });
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    ready_end_ = ends[0];
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    Kill();
    ::close(ready_end_);
  }

  // False: it ended before it was ready.
  bool AwaitReady() const {
    char c = 0;
    return ::read(ready_end_, &c, 1) == 1;
  }
  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  // Its exit status, 0 when all was well.
  int Join() {
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

 private:
  pid_t pid_ = 0;
  int ready_end_ = -1;
};

// A child's body ends here until it is killed.
inline void SleepForever() {
  for (;;) ::pause();
}

}  // namespace hotlap::tminterface
