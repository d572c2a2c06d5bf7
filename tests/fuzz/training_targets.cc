// Targets of a training's files, which --resume reads: its config, its log and its checkpoint.
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <stdexcept>

#include "agents/row_source.h"
#include "agents/training.h"
#include "agents/training_log.h"
#include "agents/training_picture.h"
#include "agents/whole_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace hotlap::fuzz {
namespace {

// In a folder in memory.
class SmallTraining {
 public:
  // Trains so many steps at least.
  SmallTraining(const std::string& learner, std::int64_t steps) {
    settings_.config = agents::ParseTrainingConfig(
        "{tracks: [straight], rows: 2, network: {hidden: [1]}, learner: " + learner + "}",
        "config");
    settings_.directory = "/dev/shm/hotlap-fuzz-" + learner + "-" + std::to_string(getpid());
    Run(steps);
    settings_.resumes = true;
    first_checkpoint_ = BytesOf(agents::ReadWholeFile(checkpoint(), 1 << 20));
  }
  ~SmallTraining() { std::filesystem::remove_all(settings_.directory); }
  SmallTraining(const SmallTraining&) = delete;
  SmallTraining& operator=(const SmallTraining&) = delete;

  std::string checkpoint() const { return settings_.directory / "checkpoint"; }
  const Bytes& first_checkpoint() const { return first_checkpoint_; }
  // Reads the checkpoint, and writes it.
  auto GoOn() { return Run(0); }

 private:
  tl::expected<agents::TrainingResult, transport::Refusal> Run(std::int64_t steps) {
    static agents::LocalRowSource rows({HOTLAP_SOURCE_DIR "/configs/environments",
                                        HOTLAP_SOURCE_DIR "/tests/data/tracks",
                                        HOTLAP_SOURCE_DIR "/configs/vehicles/stadium.yaml"});
    std::atomic<bool> stops = false;
    return agents::Train(settings_, rows, stops, [&](const agents::TrainingProgress& progress) {
      if (progress.steps >= steps) stops = true;
    });
  }

  agents::TrainingSettings settings_;
  Bytes first_checkpoint_;
};

SmallTraining& SmallPpo() {
  static SmallTraining training("ppo", 1);
  return training;
}
SmallTraining& SmallCmaEs() {
  static SmallTraining training("cma_es", 0);  // a generation takes long, and adds nothing
  return training;
}

void GoOnFrom(SmallTraining& training, std::span<const std::byte> checkpoint) {
  agents::WriteWholeFile(training.checkpoint(), TextOf(checkpoint));
  bool is_good = false;
  try {
    const auto result = training.GoOn();
    is_good = result.has_value();
    Require(is_good || !result.error().text.empty(), "a refusal says why");
  } catch (const std::runtime_error& error) {
    Require(std::string_view(error.what()).starts_with(training.checkpoint()),
            "an error names the file");
  }
  if (is_good) Require(training.GoOn().has_value(), "what was read is written and read");
}

}  // namespace

void RunTrainingConfig(std::span<const std::byte> input) {
  try {
    const auto config = agents::ParseTrainingConfig(TextOf(input), "input");
    Require(!agents::TracksOf(config, agents::NumStages(config) - 1).empty(), "tracks are driven");
    const std::string yaml = agents::ToYaml(config);
    Require(agents::ToYaml(agents::ParseTrainingConfig(yaml, "written")) == yaml,
            "a config can be written and read");
  } catch (const ConfigError& error) {
    Require(std::string_view(error.what()).starts_with("input"), "an error names the file");
  }
}

std::vector<Bytes> TrainingConfigSeeds() { return FolderBytes("configs/agents", ".yaml"); }

void RunTrainingLog(std::span<const std::byte> input) {
  constexpr std::int64_t kAll = std::int64_t{1} << 40;
  const std::string path = WriteInput(input);
  try {
    const agents::TrainingLog log(path, kAll);
    const auto num_rows = log.Column("steps").size();
    Require(agents::TrainingLog(path, kAll).Column("steps").size() == num_rows,
            "a log can be written and read");
    agents::WriteTrainingPicture(path, log);
  } catch (const std::runtime_error& error) {
    Require(std::string_view(error.what()).starts_with(path), "an error names the file");
  }
}

std::vector<Bytes> TrainingLogSeeds() {
  return {BytesOf("steps,mean_return,finish_rate,best_time_s\n10,-1.5,0,\n20,3,0.25,12.34\n"),
          BytesOf("steps\n1\n2\n3")};
}

void RunCheckpoint(std::span<const std::byte> input) {
  GoOnFrom(SmallPpo(), input);
  GoOnFrom(SmallCmaEs(), input);
}

std::vector<Bytes> CheckpointSeeds() {
  return {SmallPpo().first_checkpoint(), SmallCmaEs().first_checkpoint()};
}

}  // namespace hotlap::fuzz
