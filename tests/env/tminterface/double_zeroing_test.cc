// The official client zeroes the whole buffer after the response to C_REGISTER with a memcpy that
// may write the first bytes once at the beginning and once at the end; S_ON_REGISTERED can stand
// there in between.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "env/deadline.h"
#include "env/tminterface/server.h"

namespace hotlap::tminterface::double_zeroing_test {
namespace {

class Game final : public ServerHandler {
 public:
  explicit Game(const std::string& name)
      : server_(MappedBuffer::Create(name), *this, [this] { return is_over_.load(); }),
        thread_([this] {
          while (!is_over_) {
            server_.Poll();
            std::this_thread::yield();
          }
        }) {}
  ~Game() override {
    is_over_ = true;
    thread_.join();
  }

 private:
  Response Handle(const ClientCall&) override { return {}; }

  std::atomic<bool> is_over_{false};
  Server server_;
  std::thread thread_;
};

// The first word of a game's buffer, as a client maps it.
class Word {
 public:
  explicit Word(const std::string& name) {
    const int file = shm_open(("/" + name).c_str(), O_RDWR, 0);
    word_ =
        static_cast<std::uint32_t*>(mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    close(file);
  }
  ~Word() { munmap(word_, 4); }
  void Set(std::uint32_t value) { std::atomic_ref(*word_).store(value); }
  bool Becomes(MessageType type) {
    const Deadline deadline = DeadlineIn(std::chrono::seconds(20));
    const std::uint32_t ready = 0xFF00u + static_cast<std::uint32_t>(type);
    while (std::atomic_ref(*word_).load() != ready) {
      if (Clock::now() >= deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  std::uint32_t* word_;
};

TEST(DoubleZeroingTest, WipedRegistrationIsToldAgain) {
  const std::string name = "hotlap-test-" + std::to_string(getpid()) + "-zeroing";
  Game game(name);
  Word word(name);
  word.Set(0xFF00u + static_cast<std::uint32_t>(MessageType::kRegister));
  ASSERT_TRUE(word.Becomes(MessageType::kResponse));
  word.Set(0);
  ASSERT_TRUE(word.Becomes(MessageType::kOnRegistered));
  word.Set(0);
  EXPECT_TRUE(word.Becomes(MessageType::kOnRegistered));
}

}  // namespace
}  // namespace hotlap::tminterface::double_zeroing_test
