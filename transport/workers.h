// Threads that run pieces of work in the order they were given. The server gives one piece per
// session at a time, so first come, first served is round robin between sessions.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hotlap::transport {

class Workers {
 public:
  explicit Workers(int num_threads);  // throws std::system_error when a thread cannot be started
  ~Workers();                         // as Stop
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void Give(std::function<void()> work);
  // Runs what was given to its end and ends the threads. What is given later is never run.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable given_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hotlap::transport
