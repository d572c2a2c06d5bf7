#include "env/worker_pool.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <system_error>

#include "env/tminterface/mapped_buffer.h"

namespace hotlap {
namespace {

std::size_t Index(int i) { return static_cast<std::size_t>(i); }

// Until it is done, or for a thousand pauses: some 15 us where one takes 13 ns.
template <class IsDone>
void SpinUntil(const IsDone& is_done) {
  constexpr int kSpins = 1000;
  for (int i = 0; i < kSpins && !is_done(); ++i) {
    tminterface::Backoff::Relax();
  }
}

}  // namespace

WorkerPool::WorkerPool(int num_threads) {
  threads_.reserve(static_cast<std::size_t>(std::max(num_threads - 1, 0)));
  try {
    for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this, i] { Help(i); });
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
    ++num_given_;
  }
  given_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::RunErased(int count, Call call, const void* job) {
  const int num_threads = static_cast<int>(threads_.size()) + 1;
  Shared shared(call, job, count, std::min({num_threads, count, kMaxParts}));
  if (shared.num_parts <= 1) {
    shared.Work(0);
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
    ++num_given_;
  }
  given_.notify_all();
  shared.Work(0);
  std::unique_lock lock(mutex_);
  Remove(shared);
  if (shared.helpers == 0) return;
  lock.unlock();
  SpinUntil([&] { return shared.helpers == 0; });
  lock.lock();
  left_.wait(lock, [&] { return shared.helpers == 0; });
}

WorkerPool::Shared::Shared(Call call_in, const void* job_in, int count, int num_parts_in)
    : call(call_in), job(job_in), num_parts(num_parts_in) {
  for (int p = 0; p < num_parts; ++p) {
    parts[Index(p)].next = count * p / num_parts;
    parts[Index(p)].end = count * (p + 1) / num_parts;
  }
}

bool WorkerPool::Shared::HasJobs() const {
  return std::any_of(parts.begin(), parts.begin() + num_parts,
                     [](const Part& part) { return part.next < part.end; });
}

void WorkerPool::Shared::Work(int own_part) noexcept {
  for (int p = 0; p < num_parts; ++p) {
    Part& part = parts[Index((own_part + p) % num_parts)];
    for (int i = part.next++; i < part.end; i = part.next++) {
      try {
        call(job, i);
      } catch (...) {
        if (!has_failed.exchange(true)) error = std::current_exception();
      }
    }
  }
}

WorkerPool::Shared* WorkerPool::FirstWithJobs() const {
  Shared* shared = first_;
  while (shared != nullptr && !shared->HasJobs()) shared = shared->following;
  return shared;
}

void WorkerPool::Remove(const Shared& shared) {
  Shared** link = &first_;
  while (*link != &shared) link = &(*link)->following;
  *link = shared.following;
}

void WorkerPool::Help(int own_part) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Shared* shared = FirstWithJobs();
    if (shared == nullptr) {
      const std::uint32_t given = num_given_;
      lock.unlock();
      SpinUntil([&] { return num_given_ != given; });
      lock.lock();
      given_.wait(lock, [&] { return stopping_ || (shared = FirstWithJobs()) != nullptr; });
      if (shared == nullptr) return;
    }
    ++shared->helpers;
    lock.unlock();
    shared->Work(own_part);
    lock.lock();
    if (--shared->helpers == 0) left_.notify_all();
  }
}

}  // namespace hotlap
