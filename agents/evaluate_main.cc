// Program hotlap-eval: episodes of a policy on tracks, against a server or in this process.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "agents/evaluation.h"
#include "agents/evaluation_page.h"
#include "agents/evaluation_picture.h"
#include "agents/evaluation_report.h"
#include "agents/evaluation_text.h"
#include "agents/evaluation_venue.h"
#include "agents/ghost.h"
#include "agents/html_page.h"
#include "agents/kept_runs.h"
#include "agents/policy_source.h"
#include "agents/progress_line.h"
#include "agents/reference_line.h"
#include "agents/server_flags.h"
#include "agents/track_picture.h"
#include "agents/whole_file.h"
#include "transport/catalogue.h"
#include "transport/client.h"

namespace hotlap::agents {
namespace {

using transport::Refusal;

struct Flags {
  std::string policy = "pursuit";
  bool draws = false;
  std::vector<std::string> tracks, kinds;
  EvaluationRequest defaults;
  int episodes = defaults.episodes;
  std::optional<int> rows, max_ticks;
  ServerFlags venue;
  std::optional<std::string> environment;
  std::uint64_t seed = defaults.seed;
  std::string perturbation = defaults.perturbation;
  std::optional<double> deviation, offset_m;
  std::filesystem::path out, svg, ghost;
  std::string keep = "best";
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));

  bool has_pictures() const { return !out.empty() || !svg.empty(); }
  // A server may have few games.
  int num_rows() const { return rows.value_or(venue.is_local() ? defaults.rows : 16); }
};

// Something went wrong while it ran; the flags were fine.
class RunError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void Fail(const std::string& what, const Refusal& refusal) {
  const std::string text =
      what + ": " + transport::StatusName(refusal.status) + ": " + refusal.text;
  if (IsOfTheCaller(refusal.status)) throw std::invalid_argument(text);
  throw RunError(text);
}

std::unique_ptr<transport::RemoteVectorEnvironment> Connect(const ServerFlags& venue) {
  auto remote = transport::RemoteVectorEnvironment::Connect(venue.connect_options(),
                                                            DeadlineIn(venue.deadline()));
  if (!remote) Fail("--server " + venue.server, remote.error());
  return std::move(*remote);
}

EvaluationRequest RequestOf(const Flags& flags, const PolicySource& policy,
                            const std::vector<std::string>& tracks, const std::string& kind) {
  EvaluationRequest request;
  request.policy = policy.short_name();
  request.make_policy = [&](const EnvironmentSpec& spec) {
    return policy.Make(spec, flags.seed, flags.draws);
  };
  request.policy_seed = flags.seed;
  request.environment = flags.environment.value_or(policy.environment());
  request.kind = flags.venue.game_kind(kind);
  request.tracks = tracks;
  request.episodes = flags.episodes;
  request.rows = flags.num_rows();
  request.seed = flags.seed;
  request.perturbation = flags.perturbation;
  if (flags.deviation) request.sizes.deviation = *flags.deviation;
  if (flags.offset_m) request.sizes.offset_m = *flags.offset_m;
  if (KeepNamed(flags.keep) == Keep::kAll) request.first_runs.reset();
  request.max_ticks = flags.max_ticks;
  request.deadline = flags.venue.deadline();
  return request;
}

std::string Describe(const EvaluationProgress& progress) {
  const double share = static_cast<double>(progress.episodes_done) / std::max(progress.episodes, 1);
  std::string text = ProgressBar(share, 20) + ' ' + std::to_string(progress.episodes_done) + '/' +
                     std::to_string(progress.episodes) + " episodes, " +
                     std::to_string(progress.steps) + " steps";
  if (progress.episodes_done < progress.episodes) {
    text += ", at " + std::to_string(static_cast<int>(progress.furthest_m)) + " m";
  }
  return text;
}

void PrintReport(std::ostream& out, const EvaluationReport& report) {
  out << report.policy << " in " << report.environment << ", " << report.kind << " games, "
      << PerturbationName(report.perturbation.kind) << ", seed " << report.seed << "\n\n"
      << ReportTable(report) << '\n';
}

// Of each report; a report of its own for each kind of games wants a folder of its own.
std::vector<std::filesystem::path> ReportFolders(const Flags& flags,
                                                 const std::vector<std::string>& kinds) {
  std::vector<std::filesystem::path> folders;
  for (const std::string& kind : kinds) {
    if (flags.out.empty()) continue;
    folders.push_back(kinds.size() > 1 ? flags.out / kind : flags.out);
    std::error_code error;
    std::filesystem::create_directories(folders.back(), error);
    if (error) {
      throw std::invalid_argument("--out: cannot make the folder " + folders.back().string() +
                                  ": " + error.message());
    }
  }
  return folders;
}

// Those of the venue, for the pictures.
TrackLines LinesOf(EvaluationVenue& venue, const std::vector<std::string>& tracks) {
  TrackLines lines;
  for (const std::string& track : tracks) {
    auto line = venue.LineOf(track);
    if (!line) Fail("--track", line.error());
    lines.emplace(track, std::move(*line));
  }
  return lines;
}

// What the runs are compared with, on one of the tracks.
std::optional<Ghost> GhostOf(const Flags& flags, const TrackLines& lines) {
  if (flags.ghost.empty()) return std::nullopt;
  if (!flags.has_pictures()) {
    throw std::invalid_argument("--ghost: there is nothing to see it in without --out or --svg");
  }
  Ghost ghost = ReadGhost(flags.ghost);
  if (ghost.run) {
    const auto line = lines.find(ghost.run->track);
    if (line == lines.end()) {
      throw std::invalid_argument("--ghost: " + flags.ghost.string() + " is a run on " +
                                  ghost.run->track + ", which is none of the tracks here");
    }
    CheckOnTrack(ghost.name, *ghost.run, *line->second);
  } else {
    if (lines.size() != 1) {
      throw std::invalid_argument(
          "--ghost: a line does not say on which track it is; it wants one "
          "--track, here are " +
          std::to_string(lines.size()));
    }
    PlaceOnTrack(ghost.name, ghost.points_m, *lines.begin()->second);  // or it is on another
  }
  return ghost;
}

// The messages of episodes with an error, the first one, and how many there are.
void ThrowIfErrors(const std::vector<EvaluationReport>& reports) {
  int errors = 0;
  std::string first;
  for (const EvaluationReport& report : reports) {
    errors += report.errors();
    for (const EpisodeReport& episode : report.episodes) {
      if (episode.error == EpisodeError::kNone || !first.empty()) continue;
      first = std::string(EpisodeErrorName(episode.error)) +
              (episode.message.empty() ? "" : ", " + episode.message);
    }
  }
  if (errors == 0) return;
  throw RunError(std::to_string(errors) + " episodes were not brought to their end: " + first);
}

// What fails once something was driven is no fault of the flags.
template <typename Work>
void OnTheWay(const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {
    throw RunError(error.what());
  }
}

// Whether the weights have learnt what is driven, but for what the evaluation lays over it.
bool IsTrainedFor(const PolicySource& policy, const EvaluationReport& report) {
  const auto learnt = policy.task_hash();
  return !learnt || *learnt == report.task_hash || *learnt == report.own_task_hash;
}

// The report and what goes with it.
void WriteAll(const std::filesystem::path& folder, const EvaluationReport& report, Keep keep,
              const TrackLines& lines, const Ghost* ghost) {
  WriteReport(folder, report);
  for (const std::string& reason : WriteRuns(folder, report, keep)) std::cout << reason << '\n';
  std::ostringstream page;
  WriteHtml(page, MakePage(report, lines, ghost));
  WriteWholeFile(folder / "report.html", page.str());
  std::cout << "report: " << folder.string() << '\n';
}

void CheckFlags(const Flags& flags, const std::vector<std::string>& kinds) {
  if (kinds.size() > 1 &&
      (kinds.size() > 2 || kinds[0] == kinds[1] || std::ranges::count(kinds, "any") > 0)) {
    throw std::invalid_argument("--kind: of several each must be another, and none 'any'");
  }
  for (const std::string& kind : kinds) flags.venue.game_kind(kind);
  if (flags.deviation && flags.perturbation != "observation_noise") {
    throw std::invalid_argument("--deviation: is of --perturbation observation_noise alone");
  }
  if (flags.offset_m && flags.perturbation != "start_offset") {
    throw std::invalid_argument("--offset: is of --perturbation start_offset alone");
  }
  if (!flags.svg.empty()) {
    const auto folder = std::filesystem::absolute(flags.svg).parent_path();
    if (!std::filesystem::is_directory(folder) || std::filesystem::is_directory(flags.svg)) {
      throw std::invalid_argument("--svg: cannot write " + flags.svg.string());
    }
  }
}

int EvaluateTracks(const Flags& flags) {
  const std::vector<std::string> kinds =
      flags.kinds.empty() ? std::vector<std::string>{"any"} : flags.kinds;
  CheckFlags(flags, kinds);
  const PolicySource policy(flags.policy);
  std::optional<transport::Catalogue> catalogue;
  if (flags.venue.is_local()) catalogue.emplace(flags.venue.catalogue_paths());
  const std::unique_ptr<EvaluationVenue> venue =
      flags.venue.is_local() ? MakeLocalVenue(*catalogue, flags.threads)
                             : MakeRemoteVenue(Connect(flags.venue), flags.venue.deadline());
  const std::vector<std::string> tracks = flags.tracks.empty() ? venue->TrackNames() : flags.tracks;
  const TrackLines lines = flags.has_pictures() ? LinesOf(*venue, tracks) : TrackLines();
  const std::optional<Ghost> ghost = GhostOf(flags, lines);
  const Ghost* const seen = ghost ? &*ghost : nullptr;
  const std::vector<std::filesystem::path> folders = ReportFolders(flags, kinds);

  ProgressLine line(std::cerr, isatty(STDERR_FILENO) != 0, Clock::now());
  std::vector<EvaluationReport> reports;
  std::optional<Refusal> refusal;  // of another kind than the first
  for (const std::string& kind : kinds) {
    auto report = agents::Evaluate(*venue, RequestOf(flags, policy, tracks, kind),
                                   [&](const EvaluationProgress& progress) {
                                     const auto now = Clock::now();
                                     if (line.IsDue(now)) line.Show(now, Describe(progress));
                                   });
    line.Clear();
    if (!report) {
      if (reports.empty()) Fail("evaluation", report.error());
      refusal = report.error();
      break;
    }
    if (!IsTrainedFor(policy, *report)) {
      std::cerr << "hotlap-eval: " << flags.policy
                << " was trained for other rewards, rules or randomisation than those of "
                << report->environment << '\n';
    }
    PrintReport(std::cout, *report);
    if (!folders.empty()) {
      OnTheWay(
          [&] { WriteAll(folders[reports.size()], *report, KeepNamed(flags.keep), lines, seen); });
    }
    reports.push_back(std::move(*report));
  }
  if (!flags.svg.empty()) {
    std::vector<PicturePanel> panels;
    for (const std::string& track : tracks) {
      const bool is_there = seen != nullptr && seen->IsOn(track);
      panels.push_back(MakePanel(track, reports, *lines.at(track), is_there ? seen : nullptr));
    }
    std::ostringstream picture;
    WritePicture(picture, policy.short_name() + ": driven lines, coloured by speed", panels);
    OnTheWay([&] { WriteWholeFile(flags.svg, picture.str()); });
    std::cout << "picture: " << flags.svg.string() << '\n';
  }
  if (refusal) {
    throw RunError("--kind " + kinds[reports.size()] + ": " +
                   transport::StatusName(refusal->status) + ": " + refusal->text);
  }
  ThrowIfErrors(reports);
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
      "or a file is wrong. What goes wrong on the way does not keep the table and the files from\n"
      "being written, once the first episodes have begun. docs/evaluation.md defines the report.");
  const auto perturbations = hotlap::agents::PerturbationNames();
  const auto keeps = hotlap::agents::KeepNames();
  app.add_option(
      "--policy", flags.policy,
      "what drives: random, pursuit, or a file: *.weights were learnt, *.txt is an input "
      "script, *.csv a recorded run (default: pursuit)");
  app.add_flag("--draw-actions", flags.draws,
               "of weights: draws each action, instead of the most likely one");
  app.add_option("--track", flags.tracks,
                 "name of a track, or generated:<seed>:<difficulty>; repeatable (default: every "
                 "track that has a file)");
  app.add_option("--episodes", flags.episodes,
                 "on each track, those that would be the same run again left out (default: 20)")
      ->check(CLI::Range(1, 100000));
  app.add_option("--perturbation", flags.perturbation,
                 "what makes episodes differ (default: idle_start)")
      ->check(CLI::IsMember(std::vector<std::string>(perturbations.begin(), perturbations.end())));
  app.add_option("--deviation", flags.deviation,
                 "of observation_noise, in units of the scaled column (default: 0.005)")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--offset", flags.offset_m,
                 "of start_offset, in m to either side of the start, at most (default: 1)")
      ->check(CLI::Range(0.001, 4.0));
  app.add_option("--max-ticks", flags.max_ticks,
                 "of 10 ms, after which an episode is cut, in whole steps (default: the "
                 "environment's limit)")
      ->check(CLI::Range(1, 8640000));
  app.add_option("--rows", flags.rows,
                 "that drive at a time; the report does not depend on it (default: 64, of a server "
                 "16, at most the episodes)")
      ->check(CLI::Range(1, 65536));
  AddServerFlags(app, flags.venue);
  app.add_option("--kind", flags.kinds,
                 "which games to drive; repeatable, then there is a report of each kind (default: "
                 "any, if all are of one kind)")
      ->check(CLI::IsMember({"simulated", "tminterface", "any"}));
  app.add_option("--environment", flags.environment,
                 "name of an environment (default: full_view for pursuit, tick_continuous for "
                 "files, else default)");
  app.add_option("--seed", flags.seed,
                 "of the evaluation, and of a policy that draws its actions (default: 1)")
      ->check([](const std::string& text) {
        return text.starts_with('-') ? "must be in [0, 2^64)" : std::string();
      });
  app.add_option(
      "--out", flags.out,
      "folder to write report.json, episodes.csv, table.txt, report.html and runs/ into; "
      "of several kinds of games, into a folder of each in it");
  app.add_option("--keep", flags.keep,
                 "which runs go to runs/, as table and as input script: of each track the best and "
                 "the median one, all, or none (default: best)")
      ->check(CLI::IsMember(std::vector<std::string>(keeps.begin(), keeps.end())));
  app.add_option("--ghost", flags.ghost,
                 "*.csv, a recorded run, or *.npy, a line on the one --track: what runs are "
                 "compared with in the pictures");
  app.add_option("--svg", flags.svg, "draw the driven lines over the tracks here");
  app.add_option("--threads", flags.threads, "without --server: that compute (default: the cores)")
      ->check(CLI::Range(1, 256));
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
