// Program hotlap-track: checks, makes, describes and draws track files.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "agents/track_description.h"
#include "agents/track_picture.h"
#include "env/centreline.h"
#include "env/sim/lap_bound.h"
#include "env/sim/track_generator.h"
#include "env/track_config.h"
#include "env/track_writer.h"
#include "env/vehicle_config.h"

namespace hotlap::agents {
namespace {

struct Flags {
  std::vector<std::filesystem::path> files;
  std::filesystem::path file, out, vehicle;
  std::uint64_t seed = 1;
  float difficulty = 0.5f;
  bool json = false;

  sim::VehicleParams Vehicle() const {
    return vehicle.empty() ? sim::VehicleParams{} : LoadVehicleParams(vehicle);
  }
};

std::shared_ptr<const sim::Track> LoadTrack(const std::filesystem::path& file) {
  return sim::Track::Build(LoadTrackSpec(file));
}

std::string Seconds(double seconds) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << seconds << " s";
  return text.str();
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw std::runtime_error(path.string() + ": cannot be written");
}

// All files are looked at, whatever is wrong with the first.
int Validate(const Flags& flags) {
  int code = 0;
  for (const std::filesystem::path& file : flags.files) {
    try {
      const auto track = LoadTrack(file);
      std::cout << file.string() << ": ok, " << static_cast<int>(track->length_m()) << " m\n";
    } catch (const std::exception& error) {
      std::cerr << "hotlap-track: " << error.what() << '\n';
      code = 2;
    }
  }
  return code;
}

int Generate(const Flags& flags) {
  const sim::TrackPlan plan = sim::GenerateTrackPlan(flags.seed, flags.difficulty);
  std::ostringstream text, remark;
  remark << "Made by hotlap-track generate --seed " << flags.seed << " --difficulty "
         << flags.difficulty;
  WriteTrack(text, plan, remark.str());
  if (flags.out.empty()) {
    std::cout << text.str();
    return 0;
  }
  WriteFile(flags.out, text.str());
  std::cout << "wrote " << flags.out.string() << '\n';
  return 0;
}

int DescribeFile(const Flags& flags) {
  const auto track = LoadTrack(flags.file);
  const TrackDescription description = Describe(*track, sim::BoundLap(*track, flags.Vehicle()));
  (flags.json ? PrintJson : PrintDescription)(std::cout, description);
  return 0;
}

int Draw(const Flags& flags) {
  const auto track = LoadTrack(flags.file);
  const sim::LapBound bound = sim::BoundLap(*track, flags.Vehicle());
  PicturePanel panel;
  panel.title = track->name();
  panel.remarks = {std::to_string(static_cast<int>(track->length_m())) + " m",
                   std::to_string(track->num_gates()) + " gates",
                   "lower bound " + Seconds(bound.time_s)};
  panel.outline = OutlineOf(*Centreline::FromTrack(*track));
  DrivenLine line;
  line.finished = true;
  for (const sim::LapBoundPoint& p : bound.widest) {
    line.points.push_back({p.position_m, p.speed_mps});
  }
  panel.lines.push_back(std::move(line));
  std::ostringstream picture;
  WritePicture(picture, "The widest line, coloured by the highest speed",
               std::span<const PicturePanel>(&panel, 1));
  WriteFile(flags.out, picture.str());
  std::cout << "wrote " << flags.out.string() << '\n';
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Checks, makes, describes and draws track files.");
  app.name("hotlap-track");
  app.require_subcommand(1);

  CLI::App* const validate = app.add_subcommand("validate", "says what is wrong with track files");
  validate->add_option("files", flags.files, "track files (YAML)")->required();

  CLI::App* const generate = app.add_subcommand("generate", "makes a track file from a seed");
  generate->add_option("--seed", flags.seed, "which track (default: 1)");
  generate->add_option("--difficulty", flags.difficulty, "from 0 to 1 (default: 0.5)")
      ->check(CLI::Range(0.0, 1.0));
  generate->add_option("-o,--out", flags.out, "write here (default: standard output)");

  CLI::App* const describe =
      app.add_subcommand("describe", "tells of a track's bends, surfaces and lower bound");
  describe->add_option("file", flags.file, "a track file (YAML)")->required();
  describe->add_flag("--json", flags.json, "as JSON");

  CLI::App* const draw = app.add_subcommand("draw", "draws a track from above");
  draw->add_option("file", flags.file, "a track file (YAML)")->required();
  draw->add_option("-o,--out", flags.out, "SVG file to write")->required();

  for (CLI::App* const command : {describe, draw}) {
    command->add_option("--vehicle", flags.vehicle,
                        "YAML file of the car of the lower bound (default: the Stadium car)");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    if (validate->parsed()) return Validate(flags);
    if (generate->parsed()) return Generate(flags);
    return describe->parsed() ? DescribeFile(flags) : Draw(flags);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hotlap-track: %s\n", error.what());
    return 2;
  }
}

}  // namespace
}  // namespace hotlap::agents

int main(int argc, char** argv) { return hotlap::agents::Main(argc, argv); }
