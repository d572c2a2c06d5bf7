#include "env/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/test_size.h"

namespace hotlap {
namespace {

TEST(WorkerPoolTest, RunsEveryJobOnceAndWaitsForAll) {
  for (const int threads : {1, 2, 4}) {
    WorkerPool pool(threads);
    for (int run = 0; run < TestCount(100, 2000, 50000); ++run) {
      const int count = run % 7;
      std::vector<int> done(static_cast<std::size_t>(count));  // no atomics: a job is one thread's
      pool.Run(count, [&](int i) { ++done[static_cast<std::size_t>(i)]; });
      for (const int times : done) ASSERT_EQ(times, 1) << run;
    }
  }
}

TEST(WorkerPoolTest, OneThreadRunsEverythingOnTheCaller) {
  WorkerPool pool(1);
  pool.Run(5, [&, caller = std::this_thread::get_id()](int) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

TEST(WorkerPoolTest, JobsRunSideBySide) {
  WorkerPool pool(2);
  std::atomic<int> arrived{0};
  pool.Run(2, [&](int) {
    ++arrived;
    arrived.notify_all();
    for (int seen = arrived; seen < 2; seen = arrived) arrived.wait(seen);
  });
  EXPECT_EQ(arrived, 2) << "one thread alone would wait for ever";
}

}  // namespace
}  // namespace hotlap
