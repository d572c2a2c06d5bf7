// What learning costs: env steps per second of rollout and update together, and where the time
// goes, in process and over a server on the same machine. Usage: train_bench [--out FILE]
// [--seconds S]; S is the length of one measurement.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "agents/learner_workers.h"
#include "agents/ppo_learner.h"
#include "agents/row_source.h"
#include "agents/training_config.h"
#include "tests/bench/unwrap.h"
#include "tests/process.h"

namespace hotlap::agents {
namespace {

using transport::Unwrap;

constexpr int kRepetitions = 5;

// Seconds of one thread's time for a million env steps, and steps per second.
struct Costs {
  double steps_per_s = 0, environment_s = 0, policy_s = 0, update_s = 0, wall_s = 0;
};

class Setup {
 public:
  Setup(const TrainingConfig& config, RowSource& source, int workers)
      : workers_(workers), network_(Unwrap(source.Spec(config.environment)), config.network) {
    RowRequest request;
    request.environment = config.environment;
    request.tracks = config.tracks;
    request.rows = config.rows;
    request.info = RolloutWorker::InfoColumns();
    learner_ = std::make_unique<PpoLearner>(
        network_,
        PpoLearnerSettings{std::get<PpoTraining>(config.learner).ppo, config.seed, config.steps,
                           true},
        MakeWorkers<RolloutWorker>(Unwrap(OpenAll(source, Shares(request, workers))), network_,
                                   std::chrono::seconds(30)));
    for (int i = 0; i < 3; ++i) Unwrap(learner_->Iterate());
  }

  Costs Measure(double seconds) {
    IterationReport sum;
    const std::int64_t before = learner_->steps();
    while (std::chrono::duration<double>(sum.wall).count() < seconds) {
      const IterationReport report = Unwrap(learner_->Iterate());
      sum.rollout.environment += report.rollout.environment;
      sum.rollout.policy += report.rollout.policy;
      sum.update += report.update;
      sum.wall += report.wall;
    }
    const auto steps = static_cast<double>(learner_->steps() - before);
    const auto per_million = [&](std::chrono::nanoseconds time) {
      return std::chrono::duration<double>(time).count() / steps * 1e6;
    };
    const double wall_s = per_million(sum.wall);
    return {1e6 / wall_s, per_million(sum.rollout.environment) / workers_,
            per_million(sum.rollout.policy) / workers_, per_million(sum.update), wall_s};
  }

 private:
  int workers_;
  ActorCritic network_;
  std::unique_ptr<PpoLearner> learner_;
};

Costs Median(const std::vector<Costs>& all) {
  const auto median = [&](double Costs::*field) {
    std::vector<double> values;
    values.reserve(all.size());
    for (const Costs& costs : all) values.push_back(costs.*field);
    std::ranges::nth_element(values,
                             values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2];
  };
  return {median(&Costs::steps_per_s), median(&Costs::environment_s), median(&Costs::policy_s),
          median(&Costs::update_s), median(&Costs::wall_s)};
}

int RunBench(double seconds, const std::filesystem::path& out) {
  const std::filesystem::path configs = HOTLAP_SOURCE_DIR "/configs";
  const TrainingConfig config = LoadTrainingConfig(configs / "agents" / "ppo_sprint.yaml");
  const std::string endpoint = "ipc://" + (std::filesystem::temp_directory_path() /
                                           ("hotlap-train-bench-" + std::to_string(getpid())))
                                              .string();
  const std::string serve = HOTLAP_PROGRAM_DIR "/hotlap-serve";
  Process server({serve, "--simulated", std::to_string(2 * config.rows), "--endpoint", endpoint,
                  "--log-level", "warning"});
  if (!server.ReadLine()) throw std::runtime_error("hotlap-serve did not start");

  LocalRowSource local(
      {configs / "environments", configs / "tracks", configs / "vehicles" / "stadium.yaml"});
  transport::ConnectOptions options;
  options.endpoint = endpoint;
  RemoteRowSource remote(options, transport::GameKind::kSimulated, std::chrono::seconds(30));
  struct Case {
    const char* name;
    RowSource& source;
    int workers;
  };
  const std::array<Case, 4> cases = {{{"in process, 1 worker", local, 1},
                                      {"in process, 2 workers", local, 2},
                                      {"served, 1 worker", remote, 1},
                                      {"served, 2 workers", remote, 2}}};
  // In turns, so that what slows the machine for a while slows all.
  std::vector<std::vector<Costs>> samples(cases.size());
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      samples[i].push_back(Setup(config, cases[i].source, cases[i].workers).Measure(seconds));
    }
  }

  const PpoSettings& ppo = std::get<PpoTraining>(config.learner).ppo;
  std::printf("%d rows, %d steps a rollout, %d epochs, minibatches of %d\n", config.rows,
              ppo.rollout_steps, ppo.epochs, ppo.minibatch);
  std::printf("%-24s %12s %14s %12s %10s %10s\n", "", "env steps/s", "environment %", "transport %",
              "policy %", "update %");
  nlohmann::json figures = nlohmann::json::array();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Costs costs = Median(samples[i]);
    // What waiting for a step takes longer than the same step in process is transport's.
    const bool is_served = &cases[i].source == &remote;
    const double environment_s =
        is_served ? std::min(Median(samples[i - 2]).environment_s, costs.environment_s)
                  : costs.environment_s;
    const auto share = [&](double part_s) { return 100 * part_s / costs.wall_s; };
    const double transport = share(costs.environment_s - environment_s);
    std::printf("%-24s %12.0f %14.1f %12.1f %10.1f %10.1f\n", cases[i].name, costs.steps_per_s,
                share(environment_s), transport, share(costs.policy_s), share(costs.update_s));
    figures.push_back({{"case", cases[i].name},
                       {"steps_per_s", costs.steps_per_s},
                       {"environment_share", share(environment_s) / 100},
                       {"transport_share", transport / 100},
                       {"policy_share", share(costs.policy_s) / 100},
                       {"update_share", share(costs.update_s) / 100}});
  }
  if (!out.empty()) std::ofstream(out) << figures.dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace hotlap::agents

int main(int argc, char** argv) {
  std::filesystem::path out;
  double seconds = 1;
  CLI::App app("Measures rollouts and updates of proximal policy optimisation.");
  app.add_option("--out", out, "JSON file to write");
  app.add_option("--seconds", seconds, "of one measurement (default: 1)")
      ->check(CLI::Range(0.01, 60.0));
  CLI11_PARSE(app, argc, argv);
  try {
    return hotlap::agents::RunBench(seconds, out);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_bench: %s\n", error.what());
    return 1;
  }
}
