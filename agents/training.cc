#include "agents/training.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "agents/candidate_worker.h"
#include "agents/cma_es_learner.h"
#include "agents/learner_workers.h"
#include "agents/ppo_learner.h"
#include "agents/recent_episodes.h"
#include "agents/record.h"
#include "agents/training_log.h"
#include "agents/training_picture.h"
#include "agents/weights_file.h"
#include "agents/whole_file.h"

namespace hotlap::agents {
namespace {

using transport::Refusal;

constexpr const char* kCheckpointKind = "checkpoint";
constexpr int kCheckpointVersion = 2;
constexpr int kMaxLogRows = 500;
// Games of the stage before, or of the run before a --resume, may be on their way back.
constexpr std::chrono::seconds kGiveBackTime{10};
constexpr std::size_t kMaxTrialTracks = 64;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// What has come together since the last row of the log.
struct Gathered {
  void Add(const IterationReport& report) {
    for (const EpisodeEnd& end : report.ends) {
      ++episodes;
      returns += end.episode_return;
      finishes += end.reason == EndReason::kFinish ? 1 : 0;
      if (end.reason == EndReason::kFinish && end.is_full_lap) {
        times_ms.push_back(end.finish_time_ms);
      }
    }
    if (iterations == 0) {
      measures = report.measures;
    } else {
      for (std::size_t i = 0; i < measures.size(); ++i) {
        measures[i].second += report.measures[i].second;
      }
    }
    ++iterations;
    environment_s += Seconds(report.rollout.environment);
    policy_s += Seconds(report.rollout.policy);
    update_s += Seconds(report.update);
    wall_s += Seconds(report.wall);
  }

  double episodes = 0, returns = 0, finishes = 0, iterations = 0;
  double environment_s = 0, policy_s = 0, update_s = 0, wall_s = 0;
  std::vector<int> times_ms;
  std::vector<std::pair<std::string, double>> measures;  // sums
};

class Training {
 public:
  Training(const TrainingSettings& settings, RowSource& source, EnvironmentSpec spec,
           const std::atomic<bool>& stops)
      : settings_(settings),
        config_(settings.config),
        source_(source),
        stops_(stops),
        spec_(std::move(spec)),
        network_(spec_, config_.network),
        recent_(config_.rows) {}

  tl::expected<TrainingResult, Refusal> Run(
      const std::function<void(const TrainingProgress&)>& on_progress) {
    if (auto begun = Begin(); !begun) return tl::unexpected(begun.error());
    auto latest = Clock::now();
    if (settings_.time_limit) {
      until_ = latest + std::chrono::duration_cast<Clock::duration>(*settings_.time_limit);
    }
    const auto count_wall = [&] {
      const auto now = Clock::now();
      wall_s_ += Seconds(now - latest);
      latest = now;
    };
    auto saved_at = latest;
    bool has_checkpoint = settings_.resumes;
    if (on_progress) on_progress(Progress({}, 0));
    while (learner_->steps() < config_.steps && !IsOver()) {
      // Not after the iteration that decides it: a checkpoint is of before or after the move.
      if (auto moved = MoveOn(); !moved) return tl::unexpected(moved.error());
      const std::int64_t before = learner_->steps();
      const auto report = learner_->Iterate();
      if (!report) return tl::unexpected(report.error());
      if (report->is_given_up) {
        count_wall();
        break;
      }
      Take(*report);
      const bool is_done = learner_->steps() >= config_.steps;
      const auto passed = [&](std::int64_t interval) {
        return learner_->steps() / interval != before / interval;
      };
      if (passed(config_.trial_steps) && !is_done) {
        if (auto tried = Try(); !tried) return tl::unexpected(tried.error());
      }
      count_wall();
      if (passed(std::max<std::int64_t>(1, config_.steps / kMaxLogRows)) && !is_done) Log();
      // At the end it is saved anyway.
      if ((!has_checkpoint || latest - saved_at > settings_.checkpoint_interval) && !is_done) {
        if (auto saved = Save(); !saved) return tl::unexpected(saved.error());
        saved_at = latest;
        has_checkpoint = true;
      }
      if (on_progress) on_progress(Progress(report->wall, learner_->steps() - before));
    }
    bool is_done = learner_->steps() >= config_.steps;
    if (!is_done) Log();
    if (auto saved = Save(); !saved) return tl::unexpected(saved.error());
    if (is_done) {
      // The last trial, which one that was stopped has not had.
      const auto tried = Try();
      if (!tried) return tl::unexpected(tried.error());
      is_done = *tried;
      if (is_done) {
        AddToLog();  // also where nothing but the trial was left to do
      } else {
        Log();
      }
      if (auto saved = Save(); !saved) return tl::unexpected(saved.error());
    }
    return TrainingResult{learner_->steps(), wall_s_, best_trial_, is_done};
  }

 private:
  bool IsOver() const { return stops_ || Clock::now() >= until_; }

  std::filesystem::path File(const char* name) const { return settings_.directory / name; }

  // What reads from it: errors name the file.
  template <typename Work>
  auto OfCheckpoint(const Work& work) const {
    try {
      return work();
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(File("checkpoint").string() + ": " + error.what());
    }
  }

  tl::expected<void, Refusal> Begin() {
    nlohmann::json checkpoint;
    std::int64_t resume_after = -1;
    if (settings_.resumes) {
      checkpoint = ReadRecord(File("checkpoint"), kCheckpointKind, kCheckpointVersion);
      OfCheckpoint([&] {
        stage_ = static_cast<int>(UnpackInt(checkpoint, "stage", 0, NumStages(config_) - 1));
      });
    }
    auto rows = OpenRows();
    if (!rows) return tl::unexpected(rows.error());
    learner_ = MakeLearner(std::move(*rows));
    if (settings_.resumes) {
      if (auto loaded = OfCheckpoint([&] { return Load(checkpoint); }); !loaded) return loaded;
      resume_after = learner_->steps();
    } else {
      std::filesystem::create_directories(settings_.directory);
      WriteWholeFile(File("config.yaml"), ToYaml(config_));
    }
    log_.emplace(File("progress.csv"), resume_after);
    return OpenTrial();
  }

  RowRequest RequestFor(const std::vector<std::string>& tracks, int rows) const {
    RowRequest request;
    request.environment = config_.environment;
    request.tracks = tracks;
    request.rows = rows;
    request.wait = kGiveBackTime;
    return request;
  }

  // Those of each worker.
  tl::expected<LearnerRows, Refusal> OpenRows() {
    RowRequest request = RequestFor(TracksOf(config_, stage_), config_.rows);
    if (const auto* const ppo = std::get_if<PpoTraining>(&config_.learner)) {
      request.autoreset = Autoreset::kSameStep;
      request.info = RolloutWorker::InfoColumns();
      request.keep_every_m = ppo->keep_every_m;
      request.starts = ppo->starts;
    } else {
      request.autoreset = Autoreset::kDisabled;
      request.info = CandidateWorker::InfoColumns();
    }
    return OpenAll(source_, Shares(request, settings_.workers));
  }

  std::unique_ptr<Learner> MakeLearner(LearnerRows rows) const {
    if (const auto* const search = std::get_if<CmaEsTraining>(&config_.learner)) {
      const CmaEsLearnerSettings settings{search->search, search->episodes,
                                          static_cast<int>(TracksOf(config_, stage_).size()),
                                          config_.seed, config_.scale_observations};
      return std::make_unique<CmaEsLearner>(
          network_, settings,
          MakeWorkers<CandidateWorker>(std::move(rows), network_, settings_.timeout),
          [this] { return IsOver(); });
    }
    const PpoLearnerSettings settings{std::get<PpoTraining>(config_.learner).ppo, config_.seed,
                                      config_.steps, config_.scale_observations};
    return std::make_unique<PpoLearner>(
        network_, settings,
        MakeWorkers<RolloutWorker>(std::move(rows), network_, settings_.timeout));
  }

  std::vector<std::string> TrialTracks() const {
    std::vector<std::string> tracks = TracksOf(config_, stage_);
    if (tracks.size() <= kMaxTrialTracks) return tracks;
    // Of many tracks, some that are spread evenly.
    std::vector<std::string> some;
    for (std::size_t i = 0; i < kMaxTrialTracks; ++i) {
      some.push_back(tracks[i * tracks.size() / kMaxTrialTracks]);
    }
    return some;
  }

  tl::expected<void, Refusal> OpenTrial() {
    const std::vector<std::string> tracks = TrialTracks();
    RowRequest request = RequestFor(tracks, static_cast<int>(tracks.size()));
    request.autoreset = Autoreset::kDisabled;
    request.info = {"end_reason", "finish_time", "progress"};
    auto rows = source_.Open(request);
    if (!rows) return tl::unexpected(rows.error());
    trial_rows_ = std::move(*rows);
    return {};
  }

  void Take(const IterationReport& report) {
    gathered_.Add(report);
    for (const EpisodeEnd& end : report.ends) {
      recent_.Add(end);
      if (end.reason != EndReason::kFinish || !end.is_full_lap) continue;
      if (best_time_ms_ == 0 || end.finish_time_ms < best_time_ms_) {
        best_time_ms_ = end.finish_time_ms;
      }
    }
  }

  WeightsFile Learnt() const {
    return {config_.environment, spec_.policy_hash, spec_.task_hash,
            learner_->steps(),   config_.network,   learner_->weights()};
  }

  // Whether it was driven, and not given up.
  tl::expected<bool, Refusal> Try() {
    auto trial = DriveTrial(*trial_rows_, network_, learner_->weights(), settings_.timeout,
                            [this] { return IsOver(); });
    if (!trial) return tl::unexpected(trial.error());
    if (trial->empty()) return false;
    trial_ = std::move(*trial);
    if (best_trial_.empty() || IsBetter(trial_, best_trial_)) {
      best_trial_ = trial_;
      WriteWeights(File("best.weights"), Learnt(), network_);
    }
    return true;
  }

  // Harder tracks, when these are finished.
  tl::expected<void, Refusal> MoveOn() {
    if (!config_.generated || stage_ + 1 >= config_.generated->stages || !recent_.is_full() ||
        recent_.finish_rate() < static_cast<double>(config_.generated->finish_rate)) {
      return {};
    }
    Log();
    recent_.Clear();
    // Other tracks, other times.
    trial_.clear();
    best_trial_.clear();
    best_time_ms_ = 0;
    ++stage_;
    // There may be no games for the old and the new ones at once.
    trial_rows_.reset();
    return learner_->ChangeRows([this] { return OpenRows(); }).and_then([this] {
      return OpenTrial();
    });
  }

  void Log() {
    if (gathered_.iterations > 0) AddToLog();
  }

  void AddToLog() {
    int trial_finishes = 0;
    double trial_time_s = 0;
    for (const TrialLap& lap : trial_) {
      trial_finishes += lap.reason == EndReason::kFinish ? 1 : 0;
      trial_time_s += lap.finish_time_ms / 1000.0;
    }
    const auto share = [](double part, double of) { return of > 0 ? part / of : kUnknown; };
    std::vector<int>& times = gathered_.times_ms;
    std::ranges::sort(times);
    // Workers run beside each other: their times are shared by their number.
    const double workers_wall_s = gathered_.wall_s * settings_.workers;
    TrainingRow row = {
        {"steps", static_cast<double>(learner_->steps())},
        {"wall_s", wall_s_},
        {"stage", stage_},
        {"episodes", gathered_.episodes},
        {"mean_return", share(gathered_.returns, gathered_.episodes)},
        {"finish_rate", share(gathered_.finishes, gathered_.episodes)},
        {"median_time_s", times.empty() ? kUnknown : times[times.size() / 2] / 1000.0},
        {"best_time_s", best_time_ms_ == 0 ? kUnknown : best_time_ms_ / 1000.0},
        {"trial_finish_rate", share(trial_finishes, static_cast<double>(trial_.size()))},
        {"trial_time_s", share(trial_time_s, trial_finishes)},
        {"steps_per_s",
         share(static_cast<double>(learner_->steps() - logged_steps_), gathered_.wall_s)},
        {"environment_share", share(gathered_.environment_s, workers_wall_s)},
        {"policy_share", share(gathered_.policy_s, workers_wall_s)},
        {"update_share", share(gathered_.update_s, gathered_.wall_s)}};
    for (const auto& [name, sum] : gathered_.measures) {
      row.emplace_back(name, sum / gathered_.iterations);
    }
    log_->Add(row);
    logged_steps_ = learner_->steps();
    gathered_ = {};
  }

  TrainingProgress Progress(std::chrono::nanoseconds wall, std::int64_t steps) const {
    return {.steps = learner_->steps(),
            .total_steps = config_.steps,
            .steps_per_s = static_cast<double>(steps) / Seconds(wall),
            .mean_return = recent_.mean_return(),
            .finish_rate = recent_.finish_rate(),
            .best_time_ms = best_time_ms_,
            .trial = trial_,
            .stage = stage_,
            .num_stages = NumStages(config_)};
  }

  tl::expected<void, Refusal> Save() {
    auto saved = learner_->Save();
    if (!saved) return tl::unexpected(saved.error());
    nlohmann::json best = nlohmann::json::array();
    for (const TrialLap& lap : best_trial_) {
      best.push_back({{"end_reason", static_cast<int>(lap.reason)},
                      {"finish_time_ms", lap.finish_time_ms},
                      {"progress_m", lap.progress_m}});
    }
    WriteWeights(File("latest.weights"), Learnt(), network_);
    WriteRecord(File("checkpoint"), kCheckpointKind, kCheckpointVersion,
                {{"policy_hash", Hex(spec_.policy_hash)},
                 {"task_hash", Hex(spec_.task_hash)},
                 {"stage", stage_},
                 {"wall_s", wall_s_},
                 {"best_time_ms", best_time_ms_},
                 {"best_trial", std::move(best)},
                 {"recent", recent_.Save()},
                 {"learner", std::move(*saved)}});
    WriteTrainingPicture(File("curves.svg"), *log_);
    return {};
  }

  // `parts`: of the environment, which another hash tells apart.
  void CheckHash(const nlohmann::json& checkpoint, const char* field, std::uint64_t hash,
                 const char* parts) const {
    if (UnpackHex(checkpoint, field) == hash) return;
    throw std::runtime_error("the environment '" + config_.environment +
                             "' is not the one that it was trained on: the field '" + field +
                             "' differs, for other " + parts);
  }

  tl::expected<void, Refusal> Load(const nlohmann::json& checkpoint) {
    CheckHash(checkpoint, "policy_hash", spec_.policy_hash, "observations, actions or steps");
    CheckHash(checkpoint, "task_hash", spec_.task_hash, "rewards, rules or randomisation");
    best_time_ms_ = static_cast<int>(UnpackInt(checkpoint, "best_time_ms", 0, 1 << 30));
    wall_s_ = UnpackNumber(checkpoint, "wall_s");
    const nlohmann::json& best = Field(checkpoint, "best_trial");
    if (!best.is_array() || (!best.empty() && best.size() != TrialTracks().size())) {
      throw std::runtime_error("the field 'best_trial' is no list of a lap for each track");
    }
    for (const nlohmann::json& lap : best) {
      best_trial_.push_back({UnpackEndReason(lap),
                             static_cast<int>(UnpackInt(lap, "finish_time_ms", 0, 1 << 30)),
                             UnpackNumber(lap, "progress_m")});
    }
    recent_.Load(Field(checkpoint, "recent"));
    auto loaded = learner_->Load(Field(checkpoint, "learner"));
    logged_steps_ = learner_->steps();
    return loaded;
  }

  const TrainingSettings& settings_;
  const TrainingConfig& config_;
  RowSource& source_;
  const std::atomic<bool>& stops_;
  Deadline until_ = kNoDeadline;
  EnvironmentSpec spec_;
  ActorCritic network_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<transport::LearnerEnvironment> trial_rows_;
  std::optional<TrainingLog> log_;
  Gathered gathered_;
  RecentEpisodes recent_;
  std::vector<TrialLap> trial_, best_trial_;
  std::int64_t logged_steps_ = 0;
  double wall_s_ = 0;
  int best_time_ms_ = 0, stage_ = 0;
};

}  // namespace

tl::expected<TrainingResult, Refusal> Train(
    const TrainingSettings& settings, RowSource& rows, const std::atomic<bool>& stops,
    const std::function<void(const TrainingProgress&)>& on_progress) {
  CheckRows(settings.config);  // which may not be as a file had them
  auto spec = rows.Spec(settings.config.environment);
  if (!spec) return tl::unexpected(spec.error());
  return Training(settings, rows, std::move(*spec), stops).Run(on_progress);
}

}  // namespace hotlap::agents
