#include "transport/workers.h"

#include <string>
#include <system_error>
#include <utility>

namespace hotlap::transport {

Workers::Workers(int num_threads) {
  threads_.reserve(static_cast<std::size_t>(num_threads));
  try {
    for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Run(); });
  } catch (const std::system_error& error) {
    Stop();
    throw std::system_error(error.code(), "one of " + std::to_string(num_threads) +
                                              " threads of the server cannot be started");
  }
}

Workers::~Workers() { Stop(); }

void Workers::Give(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  given_.notify_one();
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
    lock.unlock();
    work();
    work = nullptr;  // what it held may take long to go
    lock.lock();
  }
}

}  // namespace hotlap::transport
