// A few threads that share the jobs of one call at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace hotlap {

class WorkerPool {
 public:
  // The caller's included; at least 1. Throws std::system_error when one cannot be started.
  explicit WorkerPool(int num_threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Calls job(i) once for every i in [0, count), on the caller and the pool's threads, and returns
  // when all are done. Allocates nothing. One call at a time.
  template <class Job>
  void Run(int count, const Job& job) {
    RunErased(
        count, [](const void* erased, int i) { (*static_cast<const Job*>(erased))(i); }, &job);
  }

 private:
  using Call = void (*)(const void* job, int i);
  void RunErased(int count, Call call, const void* job);
  void Work();  // takes jobs until none is left
  void WaitForWork();
  void Stop();

  // Of the run under way. Written before `run_` moves on, read after.
  Call call_ = nullptr;
  const void* job_ = nullptr;
  int count_ = 0;
  std::atomic<int> next_{0};     // job to take
  std::atomic<int> working_{0};  // threads of the pool that are not through with the run
  std::atomic<std::uint32_t> run_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace hotlap
