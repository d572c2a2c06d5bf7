// A few threads that share the jobs of whoever calls. One that finds nothing to do looks again for
// a thousand pauses before it sleeps, as does a caller whose helpers are still at work: to be woken
// takes longer, and a small step hardly. Each thread begins with a part of the jobs of its own,
// the same in every call of as many, so that what a job works on stays in its core's cache.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace hotlap {

class WorkerPool {
 public:
  // A caller's included; at least 1. Throws std::system_error when one cannot be started.
  explicit WorkerPool(int num_threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Calls job(i) once for every i in [0, count), on the caller and the pool's threads, and returns
  // when all are done; then it throws what one of the jobs threw. Allocates nothing. From any
  // thread; calls that come together are helped in the order they came, and each caller works on
  // its own.
  template <class Job>
  void Run(int count, const Job& job) {
    RunErased(
        count, [](const void* erased, int i) { (*static_cast<const Job*>(erased))(i); }, &job);
  }

 private:
  using Call = void (*)(const void* job, int i);
  // Jobs that are not taken yet: [next, end).
  struct alignas(64) Part {
    std::atomic<int> next{0};
    int end = 0;
  };
  static constexpr int kMaxParts = 16;
  // A call under way, which lies on its caller's stack.
  struct Shared {
    Shared(Call call, const void* job, int count, int num_parts);

    std::array<Part, kMaxParts> parts;
    Call call;
    const void* job;
    std::exception_ptr error{};  // of the first job that threw; to be read when all are done
    Shared* following = nullptr;
    int num_parts;
    std::atomic<int> helpers{0};  // threads of the pool at work on it; joined under the lock
    std::atomic<bool> has_failed{false};

    bool HasJobs() const;
    void Work(int own_part) noexcept;  // takes jobs until none is left
  };
  void RunErased(int count, Call call, const void* job);
  void WorkTogether(Shared& shared);
  void Help(int own_part);
  Shared* FirstWithJobs() const;
  void Remove(const Shared& shared);
  void Stop();

  std::mutex mutex_;  // of the list
  std::condition_variable given_, left_;
  std::atomic<std::uint32_t> num_given_{0};  // calls so far, and Stop
  Shared* first_ = nullptr;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hotlap
