#include "env/worker_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>
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

TEST(WorkerPoolTest, EachThreadBeginsWithAPartOfItsOwnAndThenHelps) {
  WorkerPool pool(2);
  for (int run = 0; run < 20; ++run) {
    std::atomic<bool> second_part_began{false};
    std::atomic<std::thread::id> of_second_part;
    pool.Run(4, [&](int i) {
      if (i == 2) {
        of_second_part = std::this_thread::get_id();
        second_part_began = true;
        second_part_began.notify_all();
      } else if (i < 2) {
        second_part_began.wait(false);  // for ever, if helpers took what comes next
      }
    });
    EXPECT_NE(of_second_part.load(), std::this_thread::get_id());
  }
}

TEST(WorkerPoolTest, SeveralCallersShareItsThreads) {
  WorkerPool pool(3);
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&pool, caller] {
      for (int run = 0; run < TestCount(100, 2000, 50000); ++run) {
        std::vector<int> done(static_cast<std::size_t>((run + caller) % 7));
        pool.Run(static_cast<int>(done.size()),
                 [&](int i) { ++done[static_cast<std::size_t>(i)]; });
        for (const int times : done) ASSERT_EQ(times, 1) << run;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(WorkerPoolTest, ACallerIsNotHeldByAnothersLongJobs) {
  WorkerPool pool(2);
  std::atomic<bool> may_end{false};
  std::thread slow([&] { pool.Run(2, [&](int) { may_end.wait(false); }); });
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) pool.Run(5, [&](int) { ++done; });
  EXPECT_EQ(done, 500);
  may_end = true;
  may_end.notify_all();
  slow.join();
}

TEST(WorkerPoolTest, WhatAJobThrowsReachesTheCallerWhenAllAreDone) {
  const auto caller = std::this_thread::get_id();
  for (const bool on_caller : {true, false}) {
    WorkerPool pool(2);
    for (int run = 0; run < TestCount(20, 200, 2000); ++run) {
      std::atomic<int> arrived{0}, done{0};
      EXPECT_THROW(pool.Run(6,
                            [&](int i) {
                              ++done;
                              if (i >= 2) return;
                              ++arrived;  // both threads take one of the first two
                              arrived.notify_all();
                              for (int seen = arrived; seen < 2; seen = arrived) arrived.wait(seen);
                              if ((std::this_thread::get_id() == caller) == on_caller) {
                                throw std::runtime_error("a job");
                              }
                            }),
                   std::runtime_error);
      ASSERT_EQ(done, 6);
      pool.Run(3, [&](int) { ++done; });
      ASSERT_EQ(done, 9) << "the pool goes on";
    }
  }
}

TEST(WorkerPoolTest, OneOfSeveralExceptionsReachesTheCaller) {
  WorkerPool pool(3);
  std::atomic<int> done{0};
  const auto fail = [&](int i) {
    ++done;
    throw i;
  };
  EXPECT_THROW(pool.Run(50, fail), int);
  EXPECT_EQ(done, 50);
  EXPECT_THROW(pool.Run(1, fail), int);
}

// Sanitizers need more memory than such a limit leaves them.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(WorkerPoolTest, AThreadThatCannotBeStartedIsReported) {
  const auto start_with_little_memory = [] {
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto used = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE));
    const rlimit limit{used + (64 << 20), RLIM_INFINITY};  // a few stacks
    setrlimit(RLIMIT_AS, &limit);
    try {
      const WorkerPool pool(1000);
    } catch (const std::system_error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      std::_Exit(0);
    }
    std::_Exit(1);
  };
  EXPECT_EXIT(start_with_little_memory(), ::testing::ExitedWithCode(0), "one of 1000 threads");
}
#endif

}  // namespace
}  // namespace hotlap
