// Steps of the C++ client against a server that is named, with random actions: what
// `python -m hotlap.bench` sets beside the Python client, in turns with it.
// Usage: client_bench --server ENDPOINT --rows N [--halves]. Each line of input is a number of
// seconds; each is answered by a line, the steps of rows per second over that time.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/unwrap.h"
#include "transport/client.h"

namespace hotlap::transport {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kNumBatches = 16;  // of actions, drawn before the clock runs

class Learner {
 public:
  Learner(const std::string& endpoint, int rows)
      : remote_(Unwrap(RemoteVectorEnvironment::Connect({.endpoint = endpoint}, DeadlineIn(10s)))) {
    Unwrap(remote_->Attach({.environment = "default", .rows = rows, .tracks = {"hairpins"}},
                           DeadlineIn(60s)));
    Unwrap(remote_->Reset({}, DeadlineIn(60s)));
    std::mt19937 generator(1);
    std::uniform_int_distribution<std::int32_t> any(
        0, static_cast<std::int32_t>(remote_->spec().action.size()) - 1);
    for (auto& batch : actions_) {
      batch.resize(static_cast<std::size_t>(rows));
      for (std::int32_t& action : batch) action = any(generator);
    }
    // Neighbours, for sixteen of them are computed together.
    for (std::int32_t row = 0; row < rows; ++row) halves_[row < rows / 2 ? 0 : 1].push_back(row);
  }

  void StepAll() {
    Unwrap(remote_->Step({.discrete = NextBatch(), .continuous = {}}, DeadlineIn(60s)));
  }

  void SendHalves() {
    const std::span<const std::int32_t> batch = NextBatch();
    for (int half = 0; half < 2; ++half) Send(half, batch);
  }
  void ReceiveHalves() {
    for (int half = 0; half < 2; ++half) Receive();
  }
  // Both halves once, each while the other is in flight.
  void StepHalves() {
    const std::span<const std::int32_t> batch = NextBatch();
    for (int half = 0; half < 2; ++half) {
      Receive();
      Send(half, batch);
    }
  }

 private:
  std::span<const std::int32_t> NextBatch() { return actions_[next_++ % kNumBatches]; }
  void Receive() { Unwrap(remote_->ReceiveStep(DeadlineIn(60s))); }
  void Send(int half, std::span<const std::int32_t> batch) {
    const std::vector<std::int32_t>& rows = halves_[half];
    Unwrap(remote_->SendStep(
        rows,
        {.discrete = batch.subspan(static_cast<std::size_t>(rows.front()), rows.size()),
         .continuous = {}},
        DeadlineIn(60s)));
  }

  std::unique_ptr<RemoteVectorEnvironment> remote_;
  std::vector<std::int32_t> actions_[kNumBatches];
  std::vector<std::int32_t> halves_[2];
  std::size_t next_ = 0;
};

double Rate(const std::function<void()>& once, int rows, double seconds) {
  const Deadline begin = Clock::now();
  std::chrono::duration<double> passed{};
  std::int64_t num_steps = 0;
  while ((passed = Clock::now() - begin).count() < seconds) {
    once();
    num_steps += rows;
  }
  return static_cast<double>(num_steps) / passed.count();
}

void Run(const std::string& endpoint, int rows, bool halves) {
  Learner learner(endpoint, rows);
  double seconds = 0;
  while (std::cin >> seconds) {
    if (halves) learner.SendHalves();
    const double rate =
        Rate([&] { halves ? learner.StepHalves() : learner.StepAll(); }, rows, seconds);
    if (halves) learner.ReceiveHalves();
    std::printf("%.0f\n", rate);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace hotlap::transport

int main(int argc, char** argv) {
  std::string endpoint;
  int rows = 1;
  bool halves = false;
  CLI::App app("client_bench");
  app.add_option("--server", endpoint, "endpoint")->required();
  app.add_option("--rows", rows, "at least 2 in halves")->capture_default_str();
  app.add_flag("--halves", halves, "the step of one half in flight while the other is received");
  CLI11_PARSE(app, argc, argv);
  try {
    hotlap::transport::Run(endpoint, rows, halves);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "client_bench: %s\n", error.what());
    return 2;
  }
  return 0;
}
