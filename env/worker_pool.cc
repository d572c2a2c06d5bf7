#include "env/worker_pool.h"

#include <string>
#include <system_error>

namespace hotlap {

WorkerPool::WorkerPool(int num_threads) {
  try {
    for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this] { Help(); });
  } catch (const std::system_error& error) {
    Stop();
    throw std::system_error(error.code(), "one of " + std::to_string(num_threads) +
                                              " threads of a worker pool cannot be started");
  }
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  given_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::RunErased(int count, Call call, const void* job) {
  Shared shared{.call = call, .job = job, .count = count};
  if (count <= 1 || threads_.empty()) {
    shared.Work();
  } else {
    WorkTogether(shared);
  }
  if (shared.error != nullptr) std::rethrow_exception(shared.error);
}

void WorkerPool::WorkTogether(Shared& shared) {
  {
    const std::lock_guard lock(mutex_);
    Shared** last = &first_;
    while (*last != nullptr) last = &(*last)->following;
    *last = &shared;
  }
  given_.notify_all();
  shared.Work();
  std::unique_lock lock(mutex_);
  Remove(shared);
  left_.wait(lock, [&] { return shared.helpers == 0; });
}

void WorkerPool::Shared::Work() noexcept {
  for (int i = next++; i < count; i = next++) {
    try {
      call(job, i);
    } catch (...) {
      if (!has_failed.exchange(true)) error = std::current_exception();
    }
  }
}

WorkerPool::Shared* WorkerPool::FirstWithJobs() const {
  Shared* shared = first_;
  while (shared != nullptr && shared->next >= shared->count) shared = shared->following;
  return shared;
}

void WorkerPool::Remove(const Shared& shared) {
  Shared** link = &first_;
  while (*link != &shared) link = &(*link)->following;
  *link = shared.following;
}

void WorkerPool::Help() {
  std::unique_lock lock(mutex_);
  while (true) {
    Shared* shared = nullptr;
    given_.wait(lock, [&] { return stopping_ || (shared = FirstWithJobs()) != nullptr; });
    if (shared == nullptr) return;
    ++shared->helpers;
    lock.unlock();
    shared->Work();
    lock.lock();
    if (--shared->helpers == 0) left_.notify_all();
  }
}

}  // namespace hotlap
