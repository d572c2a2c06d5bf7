// Program hotlap-eval: episodes of a policy on tracks, against a server or in this process.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "agents/evaluation_picture.h"
#include "agents/evaluation_report.h"
#include "agents/evaluator.h"
#include "agents/policy.h"
#include "agents/progress_line.h"
#include "agents/simulated_environment.h"
#include "agents/track_picture.h"
#include "transport/catalogue.h"
#include "transport/client.h"
#include "transport/installed_configs.h"

namespace hotlap::agents {
namespace {

using transport::Refusal;

struct Flags {
  std::string policy = "pursuit";
  std::vector<std::string> tracks;
  int episodes = 8;
  std::optional<int> rows;
  std::string server;
  std::string kind = "any";
  std::optional<std::string> environment;
  std::uint64_t seed = 1;
  std::filesystem::path csv, svg, configs, server_key, key;
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  double deadline_s = 30;

  std::chrono::milliseconds deadline() const {
    return std::chrono::milliseconds(static_cast<std::int64_t>(deadline_s * 1000));
  }
  // Pursuit drives every track when it sees banks, surfaces, loops and gaps before it reaches them.
  std::string environment_name() const {
    return environment.value_or(policy == "pursuit" ? "full_view" : "default");
  }
  int num_rows() const { return std::min(rows.value_or(16), episodes); }
};

// Something went wrong while it ran; the flags were fine.
class RunError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void Fail(const std::string& what, const Refusal& refusal) {
  const std::string text =
      what + ": " + transport::StatusName(refusal.status) + ": " + refusal.text;
  switch (refusal.status) {
    case transport::Status::kUnknownEnvironment:
    case transport::Status::kUnknownTrack:
    case transport::Status::kBadArgument:
    case transport::Status::kServerFull:
    case transport::Status::kPermissionDenied:
      throw std::invalid_argument(text);
    default:
      throw RunError(text);
  }
}

// Where the episodes run: rows on one track after another.
class Venue {
 public:
  virtual ~Venue() = default;
  virtual std::vector<std::string> TrackNames() = 0;
  // Valid until the next call; fills the kinds of the rows' games.
  virtual transport::LearnerEnvironment& Open(const std::string& track,
                                              std::vector<std::string>& kinds) = 0;
};

class LocalVenue : public Venue {
 public:
  LocalVenue(const Flags& flags, transport::Catalogue& catalogue)
      : flags_(flags), catalogue_(catalogue) {
    if (flags.kind == "tminterface") {
      throw std::invalid_argument(
          "--kind: tminterface needs --server; allowed without: simulated, any");
    }
  }
  std::vector<std::string> TrackNames() override { return catalogue_.track_names(); }
  transport::LearnerEnvironment& Open(const std::string& track,
                                      std::vector<std::string>& kinds) override {
    const auto environment = catalogue_.FindEnvironment(flags_.environment_name());
    if (!environment) Fail("--environment", environment.error());
    const auto offered = catalogue_.FindTrack(track);
    if (!offered) Fail("--track", offered.error());
    kinds.assign(static_cast<std::size_t>(flags_.num_rows()), "simulated");
    open_ = MakeSimulatedEnvironment({.environment = (*environment)->config,
                                      .autoreset = Autoreset::kDisabled,
                                      .rows = flags_.num_rows(),
                                      .threads = flags_.threads},
                                     std::span(&*offered, 1), catalogue_.vehicle());
    return *open_;
  }

 private:
  const Flags& flags_;
  transport::Catalogue& catalogue_;
  std::unique_ptr<transport::LearnerEnvironment> open_;
};

class RemoteVenue : public Venue {
 public:
  explicit RemoteVenue(const Flags& flags) : flags_(flags) {
    if (!flags.server.starts_with("tcp://") && !flags.server.starts_with("ipc://")) {
      throw std::invalid_argument("--server: '" + flags.server +
                                  "' is no endpoint; allowed: tcp://address:port, ipc://path");
    }
    transport::ConnectOptions options;
    options.endpoint = flags.server;
    if (!flags.key.empty()) options.keys = transport::ReadClientKeys(flags.server_key, flags.key);
    auto remote =
        transport::RemoteVectorEnvironment::Connect(options, DeadlineIn(flags.deadline()));
    if (!remote) Fail("--server " + flags.server, remote.error());
    remote_ = std::move(*remote);
  }
  std::vector<std::string> TrackNames() override { return remote_->hello().tracks; }
  transport::LearnerEnvironment& Open(const std::string& track,
                                      std::vector<std::string>& kinds) override {
    const Deadline deadline = DeadlineIn(flags_.deadline());
    if (remote_->num_rows() > 0) {
      if (const auto left = remote_->Detach(deadline); !left) Fail("detach", left.error());
    }
    transport::AttachOptions options;
    options.environment = flags_.environment_name();
    options.rows = flags_.num_rows();
    options.tracks = {track};
    options.kind = flags_.kind == "simulated"     ? transport::GameKind::kSimulated
                   : flags_.kind == "tminterface" ? transport::GameKind::kTMInterface
                                                  : transport::GameKind::kAny;
    options.autoreset = Autoreset::kDisabled;
    const auto attached = remote_->Attach(options, deadline);
    if (!attached) Fail("attach on track " + track, attached.error());
    kinds.clear();
    for (std::size_t run = 0; run < attached->kinds.size(); ++run) {
      kinds.insert(kinds.end(), attached->kind_rows[run], attached->kinds[run]);
    }
    return *remote_;
  }

 private:
  const Flags& flags_;
  std::unique_ptr<transport::RemoteVectorEnvironment> remote_;
};

std::string Describe(const std::string& track, const EvaluationProgress& progress) {
  const double share = static_cast<double>(progress.episodes_done) / std::max(progress.episodes, 1);
  std::string text =
      track + ' ' + ProgressBar(share, 20) + ' ' + std::to_string(progress.episodes_done) + '/' +
      std::to_string(progress.episodes) + " episodes, " + std::to_string(progress.steps) + " steps";
  if (progress.episodes_done < progress.episodes) {
    text += ", at " + std::to_string(static_cast<int>(progress.furthest_m)) + " m";
  }
  return text;
}

std::ofstream OpenForWriting(const char* flag, const std::filesystem::path& path) {
  std::ofstream file;
  if (path.empty()) return file;
  file.open(path);
  if (!file) throw std::runtime_error(std::string(flag) + ": cannot write " + path.string());
  return file;
}

void Close(std::ofstream& file, const std::filesystem::path& path) {
  file.close();
  if (!file) throw RunError("writing " + path.string() + " failed");
}

int EvaluateTracks(const Flags& flags) {
  // Before the work, what could spoil it after.
  std::ofstream csv = OpenForWriting("--csv", flags.csv);
  std::ofstream svg = OpenForWriting("--svg", flags.svg);
  std::optional<transport::Catalogue> catalogue;
  if (flags.server.empty() || !flags.svg.empty()) {
    const std::filesystem::path configs =
        flags.configs.empty() ? transport::InstalledConfigs("--configs") : flags.configs;
    catalogue.emplace(transport::CataloguePaths{configs / "environments", configs / "tracks",
                                                configs / "vehicles" / "stadium.yaml"});
  }
  std::unique_ptr<Venue> venue;
  if (flags.server.empty()) {
    venue = std::make_unique<LocalVenue>(flags, *catalogue);
  } else {
    venue = std::make_unique<RemoteVenue>(flags);
  }
  const std::vector<std::string> tracks = flags.tracks.empty() ? venue->TrackNames() : flags.tracks;
  std::vector<std::shared_ptr<const transport::OfferedTrack>> drawn;
  for (const std::string& track : tracks) {
    if (flags.svg.empty()) continue;
    const auto offered = catalogue->FindTrack(track);
    if (!offered) Fail("--svg", offered.error());
    drawn.push_back(*offered);
  }

  ProgressLine line(std::cerr, isatty(STDERR_FILENO) != 0, Clock::now());
  std::vector<TrackReport> reports;
  std::vector<PicturePanel> panels;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    EvaluationSettings settings;
    settings.track = tracks[i];
    settings.episodes = flags.episodes;
    settings.seed = flags.seed;
    settings.deadline = flags.deadline();
    transport::LearnerEnvironment& environment = venue->Open(tracks[i], settings.kinds);
    const auto policy = MakePolicy(flags.policy, environment.spec(), flags.seed);
    const auto found =
        agents::Evaluate(environment, *policy, settings, [&](const EvaluationProgress& progress) {
          const auto now = Clock::now();
          if (line.IsDue(now)) line.Show(now, Describe(tracks[i], progress));
        });
    line.Clear();
    if (!found) Fail("track " + tracks[i], found.error());
    if (!drawn.empty()) panels.push_back(MakePanel(*found, *drawn[i]->centreline));
    reports.insert(reports.end(), found->begin(), found->end());
  }

  PrintTable(std::cout, reports);
  if (csv.is_open()) {
    WriteCsv(csv, reports);
    Close(csv, flags.csv);
    std::cout << "episodes: " << flags.csv.string() << '\n';
  }
  if (svg.is_open()) {
    WritePicture(svg, flags.policy + ": driven lines, coloured by speed", panels);
    Close(svg, flags.svg);
    std::cout << "picture: " << flags.svg.string() << '\n';
  }
  std::ptrdiff_t lost = 0;
  for (const TrackReport& report : reports) {
    lost += std::ranges::count_if(report.episodes, &EpisodeReport::lost);
  }
  if (lost > 0) throw RunError(std::to_string(lost) + " episodes lost their game");
  return 0;
}

}  // namespace
}  // namespace hotlap::agents

int main(int argc, char** argv) {
  hotlap::agents::Flags flags;
  CLI::App app("Runs a policy for some episodes on each track and reports how it did.");
  app.name("hotlap-eval");
  app.footer(
      "Exit status: 0 when every episode ended by the environment's rules, 1 when something went\n"
      "wrong on the way (no answer from the server, an episode that lost its game), 2 when a flag\n"
      "or a file is wrong. Lost episodes do not keep the table and the files from being written.");
  const auto names = hotlap::agents::PolicyNames();
  app.add_option("--policy", flags.policy, "what drives (default: pursuit)")
      ->check(CLI::IsMember(std::vector<std::string>(names.begin(), names.end())));
  app.add_option("--track", flags.tracks, "name of a track; repeatable (default: every track)");
  app.add_option("--episodes", flags.episodes, "on each track (default: 8)")
      ->check(CLI::Range(1, 100000));
  app.add_option("--rows", flags.rows, "that drive at a time (default: the episodes, at most 16)")
      ->check(CLI::Range(1, 65536));
  app.add_option("--server", flags.server,
                 "tcp://address:port or ipc://path of a hotlap-serve (default: in this process)");
  auto* server_key = app.add_option("--server-key", flags.server_key,
                                    "file with the public key of the server (server.pub)");
  auto* key = app.add_option("--key", flags.key, "file with the secret key of this client");
  server_key->needs(key);
  key->needs(server_key);
  app.add_option("--kind", flags.kind, "which games to drive (default: any)")
      ->check(CLI::IsMember({"simulated", "tminterface", "any"}));
  app.add_option("--environment", flags.environment,
                 "name of an environment (default: full_view for pursuit, else default)");
  app.add_option("--seed", flags.seed, "of the first episode, the next have the next (default: 1)");
  app.add_option("--csv", flags.csv, "write a row per episode here");
  app.add_option("--svg", flags.svg, "draw the driven lines over the tracks here");
  app.add_option(
      "--configs", flags.configs,
      "directory with environments/, tracks/ and vehicles/ (default: beside the program)");
  app.add_option("--threads", flags.threads, "without --server: that compute (default: the cores)")
      ->check(CLI::Range(1, 256));
  app.add_option(
         "--deadline", flags.deadline_s,
         "s, for each answer of the server; episodes are limited in game ticks (default: 30)")
      ->check(CLI::Range(0.1, 3600.0));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return hotlap::agents::EvaluateTracks(flags);
  } catch (const hotlap::agents::RunError& error) {
    std::fprintf(stderr, "hotlap-eval: %s\n", error.what());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-eval: %s\n", error.what());
    return 2;
  }
}
