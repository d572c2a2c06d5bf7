// What learners do with the workers that share their rows, each in a thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "agents/actor_critic.h"
#include "agents/learner.h"
#include "env/worker_pool.h"
#include "transport/learner_environment.h"

namespace hotlap::agents {

template <typename Worker>
int NumRows(const std::vector<std::unique_ptr<Worker>>& workers) {
  int rows = 0;
  for (const auto& worker : workers) rows += worker->num_rows();
  return rows;
}

// Calls work(worker, its number) for each; the first refusal of all.
template <typename Worker, typename Work>
tl::expected<void, transport::Refusal> OnWorkers(
    WorkerPool& threads, const std::vector<std::unique_ptr<Worker>>& workers, const Work& work) {
  std::vector<tl::expected<void, transport::Refusal>> done(workers.size());
  threads.Run(static_cast<int>(workers.size()), [&](int i) {
    const auto index = static_cast<std::size_t>(i);
    done[index] = work(*workers[index], index);
  });
  for (auto& outcome : done) {
    if (!outcome) return outcome;
  }
  return {};
}

// Of these rows, which are 0, 1, .. of the training in order. Throws what Worker's constructor
// does.
template <typename Worker>
std::vector<std::unique_ptr<Worker>> MakeWorkers(
    std::vector<std::unique_ptr<transport::LearnerEnvironment>> rows, const ActorCritic& network,
    std::chrono::milliseconds timeout) {
  std::vector<std::unique_ptr<Worker>> workers;
  int first_row = 0;
  for (auto& environment : rows) {
    workers.push_back(
        std::make_unique<Worker>(std::move(environment), first_row, network, timeout));
    first_row += workers.back()->num_rows();
  }
  return workers;
}

// Gives up these workers with their rows, then puts workers of those that `open` gives in their
// place. Throws std::invalid_argument unless workers and rows are as many as before.
template <typename Worker>
tl::expected<void, transport::Refusal> ReplaceWorkers(
    const RowOpener& open, const ActorCritic& network,
    std::vector<std::unique_ptr<Worker>>& workers) {
  const std::chrono::milliseconds timeout = workers.front()->timeout();
  const int num_rows = NumRows(workers);
  const std::size_t num_workers = workers.size();
  workers.clear();
  auto rows = open();
  if (!rows) return tl::unexpected(rows.error());
  auto others = MakeWorkers<Worker>(std::move(*rows), network, timeout);
  if (NumRows(others) != num_rows || others.size() != num_workers) {
    throw std::invalid_argument("a training keeps its number of rows and workers");
  }
  workers = std::move(others);
  return {};
}

}  // namespace hotlap::agents
