#include "transport/workers.h"

#include <cassert>
#include <utility>

namespace hotlap::transport {

Workers::Workers(int num_threads) {
  threads_.reserve(static_cast<std::size_t>(num_threads));
  for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Run(); });
}

Workers::~Workers() { Stop(); }

void Workers::Give(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    assert(!stopping_);
    queue_.push_back(std::move(work));
  }
  given_.notify_one();
}

bool Workers::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && running_ == 0;
}

void Workers::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  given_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Workers::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    given_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    lock.unlock();
    work();
    work = nullptr;  // what it held may take long to go
    lock.lock();
    --running_;
  }
}

}  // namespace hotlap::transport
