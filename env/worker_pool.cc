#include "env/worker_pool.h"

#include <string>
#include <system_error>

namespace hotlap {

WorkerPool::WorkerPool(int num_threads) {
  try {
    for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this] { WaitForWork(); });
  } catch (const std::system_error& error) {
    Stop();
    throw std::system_error(error.code(), "one of " + std::to_string(num_threads) +
                                              " threads of a worker pool cannot be started");
  }
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Stop() {
  stopping_ = true;
  ++run_;
  run_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::RunErased(int count, Call call, const void* job) {
  call_ = call;
  job_ = job;
  count_ = count;
  next_ = 0;
  const bool shared = count > 1 && !threads_.empty();
  if (shared) {
    working_ = static_cast<int>(threads_.size());
    ++run_;
    run_.notify_all();
  }
  Work();
  if (!shared) return;
  for (int left = working_; left != 0; left = working_) working_.wait(left);
}

void WorkerPool::Work() {
  for (int i = next_++; i < count_; i = next_++) call_(job_, i);
}

void WorkerPool::WaitForWork() {
  std::uint32_t seen = 0;
  while (true) {
    run_.wait(seen);
    ++seen;  // every run waits for every thread, so none is missed
    if (stopping_) return;
    Work();
    if (--working_ == 0) working_.notify_one();
  }
}

}  // namespace hotlap
