// A few threads that share the jobs of whoever calls.
#pragma once

#include <atomic>
#include <condition_variable>
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
  // A call under way, which lies on its caller's stack.
  struct Shared {
    Call call;
    const void* job;
    int count;
    std::atomic<int> next{0};  // job to take
    std::atomic<bool> has_failed{false};
    std::exception_ptr error{};  // of the first job that threw; to be read when all are done
    int helpers = 0;             // threads of the pool at work on it
    Shared* following = nullptr;

    void Work() noexcept;  // takes jobs until none is left
  };
  void RunErased(int count, Call call, const void* job);
  void WorkTogether(Shared& shared);
  void Help();
  Shared* FirstWithJobs() const;
  void Remove(const Shared& shared);
  void Stop();

  std::mutex mutex_;  // of the list and of `helpers`
  std::condition_variable given_, left_;
  Shared* first_ = nullptr;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hotlap
