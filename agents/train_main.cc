// Program hotlap-train: learns a policy, in this process or on a server.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "agents/evaluation_text.h"
#include "agents/progress_line.h"
#include "agents/row_source.h"
#include "agents/server_flags.h"
#include "agents/training.h"

namespace hotlap::agents {
namespace {

using transport::Refusal;

struct Flags {
  std::filesystem::path config, out;
  bool resume = false;
  std::vector<std::string> tracks;
  std::optional<std::uint64_t> seed;
  std::optional<double> minutes;
  int workers = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  ServerFlags venue;
  std::string kind = "any";
};

std::atomic<bool> stops = false;

// The first time it asks the training to save and end, the second time it ends at once.
void OnSignal(int) {
  if (stops.exchange(true)) std::_Exit(130);
}

std::unique_ptr<RowSource> Source(const Flags& flags) {
  const transport::GameKind kind = flags.venue.game_kind(flags.kind);
  if (flags.venue.is_local()) {
    return std::make_unique<LocalRowSource>(flags.venue.catalogue_paths());
  }
  return std::make_unique<RemoteRowSource>(flags.venue.connect_options(), kind,
                                           flags.venue.deadline());
}

std::string Fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "-";
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(decimals);
  text << value;
  return text.str();
}

std::string DescribeTrial(const std::vector<TrialLap>& trial) {
  int finishes = 0;
  double time_ms = 0;
  for (const TrialLap& lap : trial) {
    finishes += lap.reason == EndReason::kFinish ? 1 : 0;
    time_ms += lap.finish_time_ms;
  }
  if (trial.size() == 1) return finishes == 0 ? "no finish" : FormatTime(time_ms);
  std::string text = std::to_string(finishes) + '/' + std::to_string(trial.size());
  if (finishes > 0) text += ", mean " + FormatTime(time_ms / finishes);
  return text;
}

std::string Describe(const TrainingProgress& progress) {
  const double share =
      static_cast<double>(progress.steps) / static_cast<double>(progress.total_steps);
  std::string text =
      ProgressBar(share, 20) + ' ' + Fixed(static_cast<double>(progress.steps) / 1e6, 2) +
      " M steps, " + Fixed(progress.steps_per_s / 1000, 0) + " k/s, return " +
      Fixed(progress.mean_return, 2) + ", finished " + Fixed(progress.finish_rate * 100, 0) +
      " %, best " + (progress.best_time_ms == 0 ? "-" : FormatTime(progress.best_time_ms));
  if (!progress.trial.empty()) text += ", trial " + DescribeTrial(progress.trial);
  if (progress.num_stages > 1) {
    text +=
        ", stage " + std::to_string(progress.stage + 1) + '/' + std::to_string(progress.num_stages);
  }
  return text;
}

int RunTraining(const Flags& flags) {
  TrainingSettings settings;
  settings.directory = flags.out;
  settings.resumes = flags.resume;
  const std::filesystem::path file = flags.resume ? flags.out / "config.yaml" : flags.config;
  settings.config = LoadTrainingConfig(file);
  if (!flags.resume && std::filesystem::exists(flags.out / "checkpoint")) {
    throw std::invalid_argument("--out: " + flags.out.string() +
                                " has a training already; --resume goes on with it");
  }
  if (flags.seed) settings.config.seed = *flags.seed;
  if (!flags.tracks.empty()) {
    settings.config.tracks = flags.tracks;
    settings.config.generated.reset();
  }
  settings.workers = std::min(flags.workers, settings.config.rows);
  if (flags.minutes) settings.time_limit = std::chrono::duration<double>(*flags.minutes * 60);
  settings.timeout = flags.venue.deadline();
  const std::unique_ptr<RowSource> source = Source(flags);

  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  ProgressLine line(std::cerr, isatty(STDERR_FILENO) != 0, Clock::now());
  bool has_begun = false;
  const auto train = [&]() -> tl::expected<TrainingResult, Refusal> {
    try {
      return Train(settings, *source, stops, [&](const TrainingProgress& progress) {
        has_begun = true;
        const auto now = Clock::now();
        if (line.IsDue(now)) line.Show(now, Describe(progress));
      });
    } catch (const std::exception& error) {
      if (!has_begun) throw;
      return transport::Refuse(transport::Status::kUnknownError, error.what());  // a full disk, say
    }
  };
  const auto trained = train();
  line.Clear();
  if (!trained) {
    std::fprintf(stderr, "hotlap-train: %s: %s\n", transport::StatusName(trained.error().status),
                 trained.error().text.c_str());
    // What was fine when it began is no fault of flags or files later: a server that is full, say.
    return !has_begun && IsOfTheCaller(trained.error().status) ? 2 : 1;
  }
  const bool has_trial = !trained->best_trial.empty();
  std::cout << "steps: " << trained->steps << "\ntrained: " << Fixed(trained->wall_s, 1)
            << " s\nbest trial: " << (has_trial ? DescribeTrial(trained->best_trial) : "none yet")
            << "\npolicy: "
            << (flags.out / (has_trial ? "best.weights" : "latest.weights")).string()
            << "\ncurves: " << (flags.out / "curves.svg").string() << '\n';
  if (!trained->is_done) {
    std::cout << "go on: hotlap-train --resume --out " << flags.out.string() << '\n';
  }
  return 0;
}

}  // namespace
}  // namespace hotlap::agents

int main(int argc, char** argv) {
  hotlap::agents::Flags flags;
  CLI::App app("Learns a policy and keeps its weights, curves and a checkpoint to go on from.");
  app.name("hotlap-train");
  app.footer(
      "Ctrl-C saves and ends; --resume goes on. Exit status: 0 when all is saved, 1 when "
      "something\n"
      "went wrong on the way (no answer from the server: the last checkpoint is there), 2 when a\n"
      "flag or a file is wrong.");
  auto* config = app.add_option("config", flags.config, "YAML as in configs/agents");
  app.add_option("--out", flags.out, "directory for what remains of it")->required();
  auto* resume = app.add_flag("--resume", flags.resume, "goes on with the training in --out");
  config->excludes(resume);
  auto* tracks = app.add_option("--track", flags.tracks,
                                "name of a track, in place of the config's; repeatable");
  tracks->excludes(resume);
  auto* seed = app.add_option("--seed", flags.seed, "in place of the config's")
                   ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{2'000'000'000}));
  seed->excludes(resume);
  app.add_option("--minutes", flags.minutes, "of wall time, then it saves and ends")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option(
         "--workers", flags.workers,
         "threads that drive and learn (default: the cores); what is learnt does not depend "
         "on their number, but where episodes begin at kept states")
      ->check(CLI::Range(1, 256));
  AddServerFlags(app, flags.venue);
  app.add_option("--kind", flags.kind, "which games to drive (default: any)")
      ->check(CLI::IsMember({"simulated", "tminterface", "any"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (!flags.resume && flags.config.empty()) {
      throw std::invalid_argument("config: a file is needed, or --resume");
    }
    return hotlap::agents::RunTraining(flags);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-train: %s\n", error.what());
    return 2;
  }
}
